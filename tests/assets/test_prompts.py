"""Alice's prompt sets: YAML, collections of wildcards, dynamic prompts, and what their names stand for."""

import io
import json
import random
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.inspectors.base import Limits, Refused
from assets.inspectors.prompts import inspect_json, inspect_text, inspect_yaml, read_prompts
from assets.inspectors.prompts_syntax import Choice, Text, Variable, Wildcard, read_syntax, walk
from assets.inspectors.strict_yaml import read_yaml
from assets.inspectors.wildcards import open_names

COLLECTION = """
# Colors of the sea of clouds
colors:
  warm: [amber, "{pale|deep} rust"]
  cold:
    - jade
    - 0.5::slate under __colors/warm__
people: ["a ferrywoman", 渡船人]
"""


def facts_of_text(text: str) -> dict[str, Any]:
    return inspect_text(io.BytesIO(text.encode()), Limits()).facts


def facts_of_yaml(text: str) -> dict[str, Any]:
    return inspect_yaml(io.BytesIO(text.encode()), Limits()).facts


def finding_of(text: str, inspect: Any = inspect_text) -> tuple[str, str, str]:
    with pytest.raises(Refused) as refusal:
        inspect(io.BytesIO(text.encode()), Limits())
    (finding,) = refusal.value.findings
    return finding.code, finding.where, finding.message


def test_a_collection_of_wildcards_shows_what_it_defines_and_what_is_open() -> None:
    inspection = inspect_yaml(io.BytesIO(COLLECTION.encode()), Limits())

    assert inspection.media_type == "application/yaml"
    assert inspection.facts == {
        "format": "worldloom/asset-facts/1",
        "kind": "prompts",
        "prompts": 6,
        "characters": 5 + 16 + 4 + 31 + 13 + 3,
        "languages": ["en", "zh-Hans"],
        "claimed_languages": [],
        "variables": [],
        "wildcards": ["colors/warm"],
        "dynamic_prompts": 0,
        "combinations": 0,
        "defines": ["colors/cold", "colors/warm", "people"],
        "unresolved": [],
    }


def test_the_same_collection_in_json_has_the_same_facts() -> None:
    value = read_yaml(COLLECTION, depth=16)

    inspection = inspect_json(io.BytesIO(json.dumps(value).encode()), Limits())

    assert inspection.media_type == "application/json"
    assert inspection.facts == facts_of_yaml(COLLECTION)


@pytest.mark.parametrize(
    ("text", "prompts", "claimed"),
    [
        ("- a cat\n- 云海\n", 2, []),
        ("prompts:\n  - a\n  - text: 云海\n    lang: zh-Hans\n    weight: 0.5\ntitle: x\n", 2, ["zh-Hans"]),
        ("prompts: |\n  a\n".replace("|", "[a,\n  b, 'no', \"1\"]").replace("\n  a\n", "\n"), 4, []),
    ],
)
def test_a_yaml_prompt_set_has_either_shape(text: str, prompts: int, claimed: list[str]) -> None:
    facts = facts_of_yaml(text)

    assert (facts["prompts"], facts["claimed_languages"]) == (prompts, claimed)


def test_names_beside_prompts_are_resolved_by_the_set_itself() -> None:
    facts = facts_of_yaml(
        "prompts: ['__hue__ sky, ${mood}', '{day|night} over __place__ for ${who}, ${when:dusk}']\n"
        "wildcards: {hue: [red, blue, {text: gray, weight: 2}]}\n"
        "variables: {mood: [calm, wild], other: x}\n"
    )

    assert (facts["dynamic_prompts"], facts["combinations"]) == (2, 3 * 2 + 2)
    assert (facts["defines"], facts["unresolved"]) == (["hue"], ["${who}", "__place__"])


def test_what_names_of_another_shape_hold_is_carried_along_unread() -> None:
    facts = facts_of_yaml("prompts: [a cat]\nwildcards: {a: 7}\nvariables: [x]\n")

    assert set(facts) == {
        "format", "kind", "prompts", "characters", "languages", "claimed_languages", "variables", "wildcards",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "combinations"),
    [
        ("a {red|blue|} cat", 3),
        ("{a|b} {c|{d|e}}", 6),
        ("{2$$a|b|c}", 9),
        ("{1-2$$ and $$a|b}", 2 + 4),
        ("{-2$$a|b|c}", 3 + 9),
        ("{0.7::x|0.3::y}", 2),
        ("${hue={red|blue}} ${hue} and ${hue}", 4),
        ("${hue=!{red|blue}} ${other:{a|b|c}}", 3),
        ("%{a photo of ... $$ {cats|dogs}}", 2),
        ("{~a|b} {@c|d} {!e|f}", 8),
        ("100% {a|b}, #1, $5, \\{x\\} }", 2),
        ("{a|b}" * 60, 2**53 - 1),
    ],
)
def test_dynamic_prompts_are_counted_and_resolved(text: str, combinations: int) -> None:
    facts = facts_of_text(text)

    assert (facts["dynamic_prompts"], facts["combinations"]) == (1, combinations)


@pytest.mark.parametrize(
    "text",
    [
        "(red cloak:1.2), [mist|snow], <lora:yunhai:0.8>, BREAK, a AND b",
        "{color} cloak, {{masterpiece}}, {{{best}}}, long_hair, 100%, $5, #1",
        ":{ and =} and ;), a | b, \\{literal\\}, \\(paren\\), a__b, ____",
        "__colors/warm__ and __*/cold__ and __~people__",
    ],
)
def test_plain_prompts_of_every_dialect_stay_plain(text: str) -> None:
    assert "dynamic_prompts" not in facts_of_text(text)


@pytest.mark.parametrize(
    ("text", "code", "where", "message"),
    [
        ("a cat\n  a {red|{blue} cat", "prompt-unclosed", "line 2, column 5",
         "line 2 opens a { at column 5 and never closes it; add a }."),
        ("{a|b}\n{many$$a|b}", "prompt-syntax", "line 2, column 6",
         "line 2 has a $$ at column 6 that belongs to no number of options."),
        ("{9-3$$a|b}", "prompt-bounds", "line 1, column 2",
         "line 1 asks at column 2 for a number of options that cannot be; the most is 100."),
        ("%{a cat}", "prompt-syntax", "line 1, column 1", "line 1 has a %{ without $$ at column 1."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_shown_by_line_and_column(text: str, code: str, where: str, message: str) -> None:
    assert finding_of(text) == (code, where, message)


def test_a_line_within_a_prompt_of_yaml_is_shown_too() -> None:
    found = finding_of("prompts:\n  - |\n    a cat\n    a {dog\n", inspect_yaml)

    assert found[:2] == ("prompt-unclosed", "prompts[0], line 2, column 3")


def test_the_names_of_a_release_are_resolved_by_its_other_files() -> None:
    files = {
        "prompts.txt": facts_of_text("a __weather__ day, __colors/warm__, __place__, __w*__"),
        "words/weather.txt": facts_of_text("rainy\nmisty"),
        "words.yaml": facts_of_yaml(COLLECTION),
        "more.yaml": facts_of_yaml("x: ['__people__ of ${name}', '__nobody__']"),
        "sheet.png": {"kind": "picture"},
    }

    assert open_names(files) == {"prompts.txt": ["__place__"], "more.yaml": ["${name}", "__nobody__"]}


def test_the_prompts_of_a_set_can_be_read_again() -> None:
    def texts(data: str, media_type: str) -> list[str]:
        return read_prompts(io.BytesIO(data.encode()), media_type, Limits())

    assert texts(" a cat\n\n云海\n", "text/plain") == ["a cat", "云海"]
    assert texts('{"prompts": ["a", {"text": "b"}]}', "application/json") == ["a", "b"]
    assert texts("x: [a]\nw: {z: [b, c]}", "application/yaml") == ["a", "b", "c"]


def test_the_syntax_is_read_as_it_is_meant() -> None:
    syntax = read_syntax("a {b|c__d__} ${e:f}", "line 1")

    assert syntax.nodes == (
        Text(2),
        Choice(((Text(1),), (Text(1), Wildcard("d")))),
        Text(1),
        Variable("e", default=(Text(1),)),
    )
    assert len(list(walk(syntax.nodes))) == 8


@given(st.text(alphabet=string.ascii_lowercase + "{}|$%_\\:=-~!@#(), 1", max_size=60))
def test_any_text_is_read_or_refused_and_keeps_its_length(text: str) -> None:
    try:
        syntax = read_syntax(text, "line 1")
    except Refused as refusal:
        codes = {finding.code for finding in refusal.findings}
    else:
        codes = set()
        assert len(syntax.plain) == len(text)
    assert codes <= {"prompt-unclosed", "prompt-syntax", "prompt-bounds", "prompt-too-deep"}


@settings(max_examples=100, deadline=None)
@given(st.randoms(use_true_random=False))
def test_what_the_library_resolves_is_never_longer_than_was_computed(rng: random.Random) -> None:
    """Any set of names in names is refused, or resolves to no more than the limit."""
    names = ["a", "b", "c", "d"]

    def entry(depth: int = 2) -> str:
        parts = ["xy", f"__{rng.choice(names)}__", f"${{{rng.choice(names)}}}"]
        if depth:
            parts.append("{" + entry(depth - 1) + "|" + entry(depth - 1) + "}")
            parts.append("{2$$" + entry(depth - 1) + "|z}")
            value = rng.choice(["p", "{p|q}", f"__{rng.choice(names)}__"])
            parts.append(f"${{{rng.choice(names)}={value}}}")
        return " ".join(rng.choices(parts, k=rng.randint(1, 3)))

    value = {"prompts": [entry()], "wildcards": {name: [entry(1)] for name in names[: rng.randint(0, 4)]}}
    try:
        facts = inspect_json(io.BytesIO(json.dumps(value).encode()), Limits()).facts
    except Refused as refusal:
        codes = {finding.code for finding in refusal.findings}
    else:
        codes = set()
        assert facts["prompts"] == 1
    assert codes <= {"prompt-cycle", "prompt-resolved-too-long", "prompt-syntax", "prompt-too-deep"}


SCALARS = st.text("ab云 \n:#-'\"", max_size=6) | st.integers(0, 99) | st.booleans() | st.none()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab c", min_size=1), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_json_is_yaml_and_reads_the_same(value: Any) -> None:
    assert read_yaml(json.dumps(value, ensure_ascii=False), depth=16) == value
