"""Texts that are made to be slow or to be read as something else: one clear error, or a prompt, and work that grows
with their length and nothing else.
"""

import sys
from collections.abc import Callable

import pytest

from benchmarks.recipes_parse import _HOSTILE as PIECES
from benchmarks.recipes_parse import hostile_of, text_of
from marketplace.compositions.notation import choices
from marketplace.compositions.notation.completion import context
from marketplace.compositions.notation.document import from_document, to_document
from marketplace.compositions.notation.reading import MOST_BYTES, MOST_FINDINGS, UnreadableRecipe, read
from marketplace.compositions.notation.writing import write

LINE = 3_900


def said(text: str) -> list[str]:
    try:
        read(text)
    except UnreadableRecipe as error:
        return [one.code for one in error.findings]
    return []


def work(verb: Callable[[], object]) -> int:
    """Counts the calls that it takes, which no neighbour on the machine makes more."""
    counted = 0

    def count(_frame: object, event: str, _what: object) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        verb()
    finally:
        sys.setprofile(None)
    return counted


@pytest.mark.parametrize("piece", PIECES, ids=ascii)
def test_a_line_of_the_same_again_takes_four_times_the_work_when_it_is_four_times_as_long(piece: str) -> None:
    def of(length: int) -> int:
        line = f"|a:{piece * (length // len(piece))}."
        return work(lambda: said(f"%var.a=x\n%words.a=x\n{line}"))

    of(LINE)
    short, long = of(LINE // 4), of(LINE)

    # What is the same for every text counts for nothing in a long one.
    assert long <= 4.5 * short


@pytest.mark.parametrize("lines", [100, pytest.param(1_000, marks=pytest.mark.deep)])
def test_ten_times_as_many_lines_take_ten_times_the_work(lines: int) -> None:
    short, long = text_of(lines), text_of(10 * lines)
    read(short, most_layers=10_000)

    few = work(lambda: read(short, most_layers=10_000))
    many = work(lambda: read(long, most_layers=10_000))

    assert 8 * few <= many <= 12 * few


@pytest.mark.parametrize(
    "piece",
    ["{a|b}", "${a} ", "__a_", *(pytest.param(one, marks=pytest.mark.deep) for one in PIECES)],
    ids=ascii,
)
def test_a_whole_text_of_it_takes_no_more_work_than_its_length_allows(piece: str) -> None:
    text = hostile_of(piece)

    assert MOST_BYTES * 9 // 10 < len(text.encode()) <= MOST_BYTES
    assert work(lambda: said(text)) < 8 * MOST_BYTES


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("|a: x\n" * 10_000, ["label-twice"] * MOST_FINDINGS),
        ("x\n" * 10_000, ["line-unknown"] * MOST_FINDINGS),
        ("\n" * 10_000, ["no-layer"]),
        ("".join(f"|l{place}: x\n" for place in range(10_000)), ["too-many-layers"]),
        ("|a: x\n" + "!" * 3_000 + "\n" + "! y\n" * 2_000, ["line-too-long"] * MOST_FINDINGS),
        ("{" * 1_000_000, ["line-too-long"]),
        ("|a: " + "@" * 1_000_000, ["line-too-long"]),
        ("@" * 2_000_000, ["text-too-long"]),
        ("墨" * 400_000, ["text-too-long"]),
        ("\ud800" * 400_000, ["text-too-long"]),
        ("|a: x\ud800", ["forbidden-sign"]),
        ("\x00\n" * 10_000, ["forbidden-sign"] * MOST_FINDINGS),
        ("|a: \u202egnp.tac\u202c @a/b", ["forbidden-sign"]),
        ("|a\u200b: x\n|a: y", ["hidden-sign"]),
        ("|a: x @a\u00ad/b", ["hidden-sign"]),
        ("|a: x @a/b\u200d", ["hidden-sign"]),
        ("|a: x [bo\u200bx 0,0,1,1]", ["hidden-sign"]),
        ("|a: x {stre\u200bngth=1}", ["hidden-sign"]),
        ("%se\u200bed=1\n|a: x", ["hidden-sign"]),
        ("|a: " + "\\" * 3_000 + "@", ["at-no-ref"]),
        ("|a: " + "\\" * 3_001 + "@", []),
        ("|" + "e\u0301" * 64 + ": x", []),
        ("|a: " + "\u0301" * 3_000, []),
        ("|a: مرحبا @a/b", []),
        ("|a: 👩\u200d🚀 @a/b", []),
        ("|a: x @a/b:" + ">=1&" * 900, ["version-unreadable"]),
        ("|a: x @a/b:" + "9" * 3_000, ["version-unreadable"]),
        ("|a: x @a/b*" + "9" * 3_000, ["weight"]),
        ("%seed=" + "9" * 3_000 + "\n|a: x", ["setting-value"]),
        ("%size=" + "9" * 1_500 + "x" + "9" * 1_500 + "\n|a: x", ["setting-value"]),
        ("%var.x=" + "${x}" * 900 + "\n|a: ${x}", ["cycle"]),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_hostile_texts_have_one_clear_error_each(text: str, codes: list[str]) -> None:
    found = said(text)

    assert found == codes


def test_what_looks_the_same_is_the_same() -> None:
    assert said("|caf\u00e9: x\n|cafe\u0301: y") == ["label-twice"]
    assert said("|a　 b: x\n|a b: y") == ["label-twice"]
    assert said("%var.É=x\n%var.e\u0301=y\n|a: x") == ["setting-twice"]
    assert said("%seed=1\n％ＳＥＥＤ＝２\n｜a：x") == ["setting-twice"]


def test_two_hundred_variables_that_double_each_other_are_not_written_out() -> None:
    lines = [f"%var.v{place}=${{v{place + 1}}}${{v{place + 1}}}" for place in range(15)]

    codes = said("\n".join([*lines, "%var.v15=" + "x" * 100, "|a: ${v0}"]))

    assert codes == ["wildcards-too-long"]


def test_names_that_nobody_knows_are_looked_for_no_longer_than_it_is_told() -> None:
    known = "".join(f"%var.colour{place}=x\n" for place in range(200))
    unknown = "|a: " + "".join(f"${{colur{place}}}" for place in range(300))

    assert said(known + unknown) == ["variable-unknown"] * MOST_FINDINGS
    assert work(lambda: said(known + unknown)) < 2_000_000


@pytest.mark.parametrize(
    "piece", ["@", "@ ", "\\", "\\@", "[", "{", "%", "％", " ", "　", "a/", "\u0301", "\ud800"], ids=ascii
)
def test_completing_looks_at_a_long_line_once(piece: str) -> None:
    text = "|a: " + piece * (3_900 // len(piece))

    assert work(lambda: context(text, 1, len(text) + 1)) < 8_000
    beyond = context("|a: " + piece * 500_000, 1, 10**9)
    assert (beyond.line, beyond.length) == (1, 0)


def test_a_recipe_with_all_that_there_may_be_is_read_and_written_again() -> None:
    lines = [f"%var.v{place}=x" for place in range(200)] + [f"%@n{place}=a/b" for place in range(200)]
    lines += [f"|l{place}: ${{v{place}}} " + "@n1 " * 8 + "[box 0,0,1,1] {strength=1}" for place in range(64)]
    recipe = read("\n".join([*lines, "- style: ${v199} @n0"]))

    assert (len(recipe.layers), len(recipe.variables), len(recipe.aliases)) == (64, 200, 200)
    assert read(write(recipe)) == recipe == from_document(to_document(recipe))


def test_a_prompt_with_nothing_to_choose_is_not_looked_through() -> None:
    prompt = "a night market in the rain, 夜市，雨 " * 100

    assert choices.parse(prompt) == (prompt,)
    assert work(lambda: choices.parse(prompt)) < 10
