"""docs/formats/recipe.md says what is read: every example of it is read here, and every code is on it."""

import json
import re
from pathlib import Path

import pytest
from django.conf import settings as django_settings

from marketplace.compositions.notation import document, settings, wildcards
from marketplace.compositions.notation.reading import UnreadableRecipe, read
from marketplace.compositions.notation.versions import matches
from marketplace.compositions.notation.writing import write

HOME = Path(django_settings.HOME)
PAGE = (HOME / "docs/formats/recipe.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def rows(heading: str) -> list[list[str]]:
    part = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    found = [re.split(r"(?<!\\)\|", line)[1:-1] for line in part.splitlines() if line.startswith("| ")]
    return [[cell.strip().replace("\\|", "|") for cell in row] for row in found]


def codes(text: str) -> list[str]:
    try:
        read(text)
    except UnreadableRecipe as error:
        return [one.code for one in error.findings]
    return []


def test_every_recipe_of_the_page_is_read_and_written() -> None:
    found = [read(text) for text in blocks("recipe")]

    assert len(found) >= 8
    assert [read(write(recipe)) for recipe in found] == found
    assert [write(read(text)) for text in blocks("recipe-canonical")] == blocks("recipe-canonical")
    english, chinese = found[0], found[1]
    assert [ref.path for layer in english.layers for ref in layer.refs] == [
        ref.path for layer in chinese.layers for ref in layer.refs
    ]


def test_every_error_of_the_page_is_given_and_none_is_missing() -> None:
    table = {row[0].strip("`"): row[1].strip("`") for row in rows("Errors")[1:] if row[0].startswith("`")}
    for code, example in table.items():
        text = example.replace("⏎", "\n").replace("␀", "\x00").replace("␣", "\u200b")
        assert not example or codes(text) == [code], (code, example)

    source = "".join(
        path.read_text(encoding="utf-8") for path in sorted((HOME / "marketplace/compositions/notation").glob("*.py"))
    )
    given = set(re.findall(r'"([a-z]+(?:-[a-z]+)*)", (?:_[A-Z]|choices\.[A-Z]|TOO_MANY|UNCLOSED|template)', source))
    given |= {settings.UnreadableSetting.code} | set(re.findall(r'"([a-z]+-unknown)"\)', source))
    assert set(table) == given


def test_the_worked_choices_are_those_that_are_made() -> None:
    recipe = read(next(text for text in blocks("recipe") if "%words" in text))
    seed = settings.settings_of(recipe).seed
    draws = [row for row in rows("Choices") if row[0].startswith(("`var:", "`layer:"))]

    assert len(draws) == 6
    for place, number, whole, drawn, _takes in draws:
        assert wildcards.draw(seed, place.strip("`"), int(number), int(whole)) == int(drawn)
    made = [layer.prompt for layer in wildcards.resolved(recipe).layers]
    assert "so the prompts are " + " and ".join(f"`{prompt}`" for prompt in made) in PAGE


def test_the_json_of_the_page_is_a_recipe() -> None:
    (text,) = blocks("json")
    data = json.loads(text)

    assert document.to_document(document.from_document(data)) == data


def test_settings_have_the_values_and_limits_of_the_page() -> None:
    said = {row[0].strip("`"): row for row in rows("Settings")}

    assert set(settings.READERS) <= set(said)
    for names in (settings.SAMPLERS, settings.SCHEDULERS):
        assert ", ".join(f"`{name}`" for name in names) in re.sub(r"\s+", " ", PAGE)
    held = settings.settings_of(read("|a: x"))
    assert said["size"][2] == f"{held.width}x{held.height}"
    assert (said["steps"][2], said["sampler"][2], said["scheduler"][2]) == (
        str(held.steps),
        held.sampler,
        held.scheduler,
    )
    assert (held.cfg_ppm, held.policy, held.seed) == (6_500_000, said["policy"][2], int(said["seed"][2]))


@pytest.mark.parametrize(
    ("wanted", "inside", "outside"),
    [
        ("", ["0.0.1", "9.9.9"], ["1.2"]),
        ("1.2.0", ["1.2.0"], ["1.2.1"]),
        ("1.2", ["1.2.0", "1.2.9"], ["1.3.0", "1.1.9"]),
        ("1.x", ["1.0.0", "1.99.0"], ["2.0.0", "0.9.9"]),
        ("^1.2", ["1.2.0", "1.9.9"], ["2.0.0", "1.1.9"]),
        ("^0.2", ["0.2.0", "0.2.9"], ["0.3.0"]),
        ("^0.0.3", ["0.0.3"], ["0.0.4"]),
        ("^0", ["0.0.0", "0.9.0"], ["1.0.0"]),
        ("~1.2.3", ["1.2.3", "1.2.9"], ["1.3.0", "1.2.2"]),
        ("~1", ["1.0.0", "1.9.0"], ["2.0.0"]),
        (">1.2", ["1.3.0"], ["1.2.9"]),
        ("<=1.2", ["1.2.9", "0.1.0"], ["1.3.0"]),
        (">=1.2.0&<2.0.0", ["1.2.0", "1.10.0"], ["2.0.0", "1.1.9"]),
        ("sha256-" + "0f" * 32, [], ["1.0.0"]),
    ],
)
def test_ranges_hold_the_versions_that_the_page_says(wanted: str, inside: list[str], outside: list[str]) -> None:
    assert [matches(wanted, version) for version in inside + outside] == [True] * len(inside) + [False] * len(outside)
