"""What a recipe says survives being written, in both scripts and as JSON; nothing that is typed breaks reading."""

import json

import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.compositions.notation.completion import context
from marketplace.compositions.notation.document import from_bytes, from_document, to_bytes, to_document
from marketplace.compositions.notation.findings import Finding, UnreadableRecipe
from marketplace.compositions.notation.model import Recipe
from marketplace.compositions.notation.places import lines_of, mended
from marketplace.compositions.notation.reading import MOST_FINDINGS, read
from marketplace.compositions.notation.signs import escaped, plain
from marketplace.compositions.notation.wildcards import resolved
from marketplace.compositions.notation.writing import write
from tests.compositions.notation.making import recipes, write_wide


@given(recipes())
@settings(max_examples=40, deadline=None)
def test_a_recipe_is_the_same_after_it_was_written(recipe: Recipe) -> None:
    text = write(recipe)

    assert read(text) == recipe
    assert write(read(text)) == text
    assert read(write_wide(recipe)) == recipe
    assert from_document(json.loads(json.dumps(to_document(recipe)))) == recipe
    assert from_bytes(to_bytes(recipe)) == recipe
    assert to_bytes(recipe) == rfc8785.dumps(to_document(recipe))
    made = resolved(recipe)
    assert made == resolved(recipe)
    assert [layer.refs for layer in made.layers] == [layer.refs for layer in recipe.layers]


PIECES = [
    *(
        "|",
        "｜",
        "a",
        "图层",
        ":",
        "：",
        " ",
        "　",
        "\t",
        "@",
        "＠",
        "a/b",
        "mo/ink",
        "/",
        "1.2.0",
        "^1",
        ":",
        "*",
        "＊",
        "0.8",
    ),
    *(
        "[",
        "［",
        "]",
        "］",
        "box",
        "框",
        "mask",
        "cats.png",
        "rest",
        "全部",
        "0,0,1,1",
        "{",
        "｛",
        "}",
        "｝",
        "strength=1",
    ),
    *(
        "$",
        "${x}",
        "__x__",
        "_",
        "%",
        "％",
        "=",
        "＝",
        "seed",
        "var.x",
        "words.x",
        "@A",
        "share.a",
        "policy=negotiated",
    ),
    *(
        "- style",
        "－风格",
        "!",
        "！",
        "#",
        "...",
        "\\",
        "\\@",
        ",",
        "，",
        ".",
        "com",
        "2$$",
        "0.7::",
        "\n",
        "\r",
        "\r\n",
        "\ufeff",
    ),
    *("\u200b", "\u202e", "\x00", "\ud800", "e\u0301", "é", "👩\u200d🚀", "sha256-", "0" * 64, ">=2&<1", "-", "—"),
]


def tried(text: str) -> tuple[Recipe | None, tuple[Finding, ...]]:
    """Reads a text; gives the recipe, or what is wrong with it."""
    try:
        return read(text), ()
    except UnreadableRecipe as error:
        return None, tuple(error.findings)


@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=40).map("".join)), st.integers(1, 50))
@settings(max_examples=300, deadline=None)
def test_whatever_is_typed_is_a_recipe_or_is_refused_in_its_places(text: str, column: int) -> None:
    lines = lines_of(text)
    line = min(len(lines), column)
    said = context(text, line, column)
    assert 1 <= said.column <= said.column + said.length <= len(lines[line - 1]) + 1
    recipe, findings = tried(text)
    if recipe:
        assert read(write(recipe)) == recipe
        assert from_document(to_document(recipe)) == recipe
        resolved(recipe)
    assert bool(recipe) is not bool(findings)
    assert len(findings) <= MOST_FINDINGS
    for found in findings:
        line_text = lines[found.line - 1]
        assert 1 <= found.column <= found.column + found.length <= len(line_text) + 1
        assert str(found.words)
        mended(text, found.line, found.column, found.length, found.suggestion)


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=40))
@settings(max_examples=60, deadline=None)
def test_any_text_can_be_said_with_backslashes(text: str) -> None:
    assert plain(escaped(text)) == text
