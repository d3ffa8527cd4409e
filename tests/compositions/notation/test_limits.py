"""Each limit of docs/formats/recipe.md at its edge: what is just within is read, one more is refused."""

from collections.abc import Callable

import pytest

from marketplace.compositions.notation.findings import MOST_CHOICES, Finding
from marketplace.compositions.notation.reading import UnreadableRecipe, read


def said(text: str) -> list[tuple[str, int, int]]:
    """Reads a text; gives what is wrong: code, line and column."""
    try:
        read(text)
    except UnreadableRecipe as error:
        return [(one.code, one.line, one.column) for one in error.findings]
    return []


def layers(number: int) -> str:
    return "".join(f"|l{place}: x\n" for place in range(number))


def of_bytes(number: int) -> str:
    text = "|a: x\n" + ("# " + "墨" * 1_000 + "\n") * (number // 3_003)
    return text + "#" * (number - len(text.encode()))


def deep(number: int) -> str:
    return "|a: " + "{" * number + "x" + "}" * number


def names(kind: str, number: int) -> str:
    value = {"var.": "x", "words.": "x|y", "@": "a/b"}[kind]
    return "|a: x\n" + "".join(f"%{kind}n{place}={value}\n" for place in range(number))


def chain(number: int) -> str:
    """Variables that lead to each other."""
    links = "".join(f"%var.v{place}=${{v{place + 1}}}\n" for place in range(number - 1))
    return f"{links}%var.v{number - 1}=x\n|a: ${{v0}}"


LIMITS: list[tuple[str, Callable[[int], str], int, str, int, int]] = [
    ("layers", layers, 64, "too-many-layers", 65, 1),
    ("line", lambda number: "|a: " + "x" * (number - 4), 4_000, "line-too-long", 1, 4_001),
    ("style", lambda number: "|a: x\n- style: " + "x" * (number - 9), 4_000, "line-too-long", 2, 4_001),
    ("negative", lambda number: "|a: x\n! " + "x" * (number - 2), 4_000, "line-too-long", 2, 4_001),
    ("comment", lambda number: "|a: x\n#" + "x" * (number - 1), 4_000, "line-too-long", 2, 4_001),
    ("bytes", of_bytes, 1024 * 1024, "text-too-long", 1, 1),
    ("packs", lambda number: "|a:" + "".join(f" @a/p{place}" for place in range(number)), 8, "too-many-refs", 1, 53),
    ("depth", deep, 16, "choice-too-deep", 1, 21),
    ("branches", lambda number: "|a: {" + "|".join("x" * number) + "}", 100, "choice-too-many", 1, 5),
    ("words", lambda number: "|a: x\n%words.w=" + "|".join("x" * number), 100, "choice-too-many", 2, 10),
    ("label", lambda number: "|" + "x" * number + ": x", 64, "label", 1, 2),
    ("slug", lambda number: "|a: x @alice/" + "x" * number, 40, "ref-name", 1, 14),
    ("name", lambda number: "|a: x\n%var." + "墨" * number + "=x", 40, "name", 2, 2),
    ("variables", lambda number: names("var.", number), 200, "too-many-names", 202, 2),
    ("lists of words", lambda number: names("words.", number), 200, "too-many-names", 202, 2),
    ("aliases", lambda number: names("@", number), 200, "too-many-names", 202, 2),
    ("parts of a range", lambda number: "|a: x @a/b:" + "&".join([">=1"] * number), 4, "version-unreadable", 1, 12),
    ("name of a mask", lambda number: "|a: x [mask " + "x" * (number - 4) + ".png]", 120, "mask-name", 1, 7),
    ("name of a file", lambda number: "|a: x\n%checkpoint=" + "x" * number, 200, "setting-value", 2, 13),
    ("choices in all", lambda number: layers(1) + choices(number), MOST_CHOICES, "choices-in-all", 6, 6),
    ("names that lead on", chain, 16, "wildcards-too-deep", 18, 2),
    ("characters said", lambda number: expanded(number), 10_000, "wildcards-too-long", 2, 2),
    ("choices made", lambda number: repeated(number), 1_000, "wildcards-too-many", 2, 2),
]


def choices(number: int) -> str:
    """As many choices in a few layers."""
    full, rest = divmod(number, 500)
    return "\n".join(f"|c{place}: " + "{x}" * (500 if place < full else rest) for place in range(full + bool(rest)))


def expanded(number: int) -> str:
    """A prompt that is so long once its variable is written out."""
    return "%var.v=" + "x" * 1_000 + "\n|a: " + "${v}" * (number // 1_000) + "y" * (number % 1_000)


def repeated(number: int) -> str:
    """A prompt in which so many choices are made: each time a word is drawn, it has some to be made itself."""
    each, rest = divmod(number, 100)
    return "%words.w=" + "{x}" * (each - 1) + "\n|a: " + "__w__" * 100 + "{x}" * rest


@pytest.mark.parametrize(("name", "text", "most", "code", "line", "column"), LIMITS, ids=lambda value: str(value)[:20])
def test_what_is_just_within_a_limit_is_read_and_one_more_is_refused(
    name: str, text: Callable[[int], str], most: int, code: str, line: int, column: int
) -> None:
    assert said(text(most)) == [], name
    assert said(text(most + 1)) == [(code, line, column)], name


@pytest.mark.parametrize(
    ("text", "less", "least", "most", "more"),
    [
        ("|a: x @a/b*{}", "-4.000001", "-4", "4", "4.000001"),
        ("|a: x {{strength={}}}", "-1", "0", "10", "10.000001"),
        ("|a: x {{feather={}}}", "-0.1", "0", "0.5", "0.500001"),
        ("|a: x [mask a.png] {{area={}}}", "-0.1", "0", "1", "1.000001"),
        ("|a: x {{from={}}}", "-0.1", "0", "0.999999", "1"),
        ("|a: x {{until={}}}", "0", "0.000001", "1", "1.000001"),
        ("|a: x [box 0,{},1,1]", "-0.1", "0", "0.999999", "1"),
        ("|a: {{{}::x|y}}", "0", "0.000001", "1000", "1000.000001"),
        ("%steps={}\n|a: x", "0", "1", "1000", "1001"),
        ("%cfg={}\n|a: x", "-0.1", "0", "100", "100.000001"),
        ("%seed={}\n|a: x", "-1", "0", "9007199254740991", "9007199254740992"),
        ("%size={}\n|a: x", "56x64", "64x64", "4096x4096", "4096x4104"),
        ("%policy=negotiated\n%share.a={}\n|a: x @b/c", "99.9999999", "100", "100.0", "100.0000001"),
    ],
)
def test_numbers_reach_to_their_limits_and_not_beyond(text: str, less: str, least: str, most: str, more: str) -> None:
    assert [len(said(text.format(number))) for number in (less, least, most, more)] == [1, 0, 0, 1]


def test_a_weight_is_not_nothing_and_has_six_places() -> None:
    assert said("|a: x @a/b*0.000001") == []
    assert [said(f"|a: x @a/b*{value}") for value in ("0", "0.0000001", ".", "-")] == [
        [("weight", 1, 12)],
        [("weight", 1, 12)],
        [("weight", 1, 12)],
        [("weight", 1, 11)],
    ]


def test_a_recipe_that_could_not_be_read_as_it_is_written_is_too_long() -> None:
    # In ASCII signs the box has more characters than it was typed with.
    fits = "|a:" + "x" * 3_960 + "@a/b[框0,0,1,1]"
    text = "|a:" + "x" * 3_980 + "@a/b[框0,0,1,1]"

    assert (len(fits) < 4_000, len(text) <= 4_000) == (True, True)
    assert (said(fits), said(text)) == ([], [("line-too-long", 1, 1)])


def test_a_finding_is_shown_with_its_place() -> None:
    with pytest.raises(UnreadableRecipe) as refused:
        read("|a: x\n|a: y")

    found: Finding = refused.value.findings[0]
    assert (found.where, found.message) == (
        "line 2, column 2",
        "The label “a” stands in line 1 already; give each layer its own.",
    )
    assert str(refused.value) == f"{found.where}: {found.message}"
