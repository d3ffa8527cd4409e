"""A recipe's JSON says what a text could say, in one form, and nothing else is read."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from marketplace.compositions.notation.document import (
    FORMAT,
    UnreadableDocument,
    from_bytes,
    from_document,
    to_bytes,
    to_document,
)
from marketplace.compositions.notation.model import Layer, Recipe, Ref
from marketplace.compositions.notation.reading import read

TEXT = """%seed=42
%var.color={red|blue}
%words.animal=cat|dog
%@A=zhao/ink:^1
|person: a ${color} cloak @mika/lin:1.2.0*0.8 [box 0,0,0.5,1] {strength=1.2}
|sky: clouds and a __animal__ [mask sky.png] {area=0.3}
- style: ink wash @A
! lowres
"""


def refused(data: Any) -> tuple[str, str]:
    with pytest.raises(UnreadableDocument) as found:
        from_document(data)
    assert str(found.value).endswith(".")
    return found.value.where, str(found.value)


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    data: dict[str, Any] = to_document(read(TEXT))
    change(data)
    return data


def test_only_what_is_needed_has_to_be_there() -> None:
    data = {"format": FORMAT, "layers": [{"label": "a", "refs": [{"path": ["mo", "ink"]}]}]}

    assert from_document(data) == Recipe((Layer("a", "", (Ref(("mo", "ink")),)),)) == read("|a: @mo/ink")


def test_the_bytes_are_those_of_rfc_8785_and_no_others() -> None:
    recipe = read(TEXT)
    data = to_bytes(recipe)

    assert from_bytes(data) == recipe
    spaced = json.dumps(json.loads(data)).encode()
    for other in (
        spaced,
        data + b"\n",
        data[:-1],
        b"",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        data.replace(b"800000", b"8e5"),
    ):
        with pytest.raises(UnreadableDocument) as found:
            from_bytes(other)
        assert found.value.where == ""
    with pytest.raises(UnreadableDocument):
        from_bytes(b'{"format":"worldloom/recipe/1","layers":[],"negative":"' + b"x" * 2 * 1024 * 1024 + b'"}')
    with pytest.raises(UnreadableDocument):
        from_bytes(data.replace(b'"negative":"lowres"', b'"negative":"lowres","negative":"lowres"'))


def test_names_beyond_the_basic_plane_stand_in_the_order_of_utf_16() -> None:
    recipe = read("%var.\U00020000=x\n%var.\ufb00=y\n|a: x")

    assert list(json.loads(to_bytes(recipe))["variables"]) == ["\U00020000", "\ufb00"]
    assert from_bytes(to_bytes(recipe)) == recipe


WRONG: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "format": (lambda data: data.update(format="worldloom/recipe/2"), "/format"),
    "no format": (lambda data: data.pop("format"), ""),
    "no layers": (lambda data: data.pop("layers"), ""),
    "more": (lambda data: data.update(title="x"), ""),
    "layers are a list": (lambda data: data.update(layers={}), "/layers"),
    "a layer is an object": (lambda data: data["layers"].append("x"), "/layers/2"),
    "a layer has a label": (lambda data: data["layers"][0].pop("label"), "/layers/0"),
    "a layer has no more": (lambda data: data["layers"][0].update(at=1), "/layers/0"),
    "a label is text": (lambda data: data["layers"][0].update(label=1), "/layers/0/label"),
    "a label as it is read": (lambda data: data["layers"][0].update(label=" person"), "/layers/0"),
    "a label once": (lambda data: data["layers"][1].update(label="person"), "/layers/1"),
    "no layer is the style": (lambda data: data["layers"][0].update(label="style"), "/layers/0"),
    "the style is the style": (lambda data: data["style"].update(label="look"), "/style/label"),
    "a prompt in one line": (lambda data: data["layers"][0].update(prompt="a\nb"), "/layers/0/prompt"),
    "a prompt without controls": (lambda data: data["layers"][0].update(prompt="a\x00"), "/layers/0/prompt"),
    "a prompt without halves": (lambda data: data["layers"][0].update(prompt="a\ud800"), "/layers/0/prompt"),
    "a prompt without packs": (lambda data: data["layers"][0].update(prompt="a @b/c"), "/layers/0"),
    "a prompt without regions": (lambda data: data["layers"][1].update(prompt="a [rest]"), "/layers/1"),
    "a prompt without blanks around": (lambda data: data["layers"][0].update(prompt=" a"), "/layers/0"),
    "a prompt without a comma at its end": (lambda data: data["layers"][0].update(prompt="a，"), "/layers/0"),
    "a prompt that ends its choices": (lambda data: data["layers"][0].update(prompt="{a|b"), "/layers/0"),
    "a prompt with names that there are": (lambda data: data["layers"][0].update(prompt="${x}"), "/layers/0"),
    "a path is a list": (lambda data: data["layers"][0]["refs"][0].update(path="a/b"), "/layers/0/refs/0/path"),
    "a path of names": (lambda data: data["layers"][0]["refs"][0].update(path=["a", 1]), "/layers/0/refs/0/path/1"),
    "a path in lower case": (lambda data: data["layers"][0]["refs"][0].update(path=["Mika", "lin"]), "/layers/0"),
    "a path of three": (lambda data: data["layers"][0]["refs"][0].update(path=["a", "b", "c", "d"]), "/layers/0"),
    "a path of one": (lambda data: data["layers"][0]["refs"][0].update(path=[]), "/layers/0"),
    "a path without signs": (lambda data: data["layers"][0]["refs"][0].update(path=["a", "b*2"]), "/layers/0"),
    "a version is text": (lambda data: data["layers"][0]["refs"][0].update(version=1), "/layers/0/refs/0/version"),
    "a version as it is kept": (lambda data: data["layers"][0]["refs"][0].update(version="1.x.x"), "/layers/0"),
    "a version that there can be": (lambda data: data["layers"][0]["refs"][0].update(version="latest"), "/layers/0"),
    "a weight is whole": (
        lambda data: data["layers"][0]["refs"][0].update(weight_ppm=0.5),
        "/layers/0/refs/0/weight_ppm",
    ),
    "a weight is no truth": (
        lambda data: data["layers"][0]["refs"][0].update(weight_ppm=True),
        "/layers/0/refs/0/weight_ppm",
    ),
    "a weight is something": (lambda data: data["layers"][0]["refs"][0].update(weight_ppm=0), "/layers/0"),
    "a weight within its limits": (lambda data: data["layers"][0]["refs"][0].update(weight_ppm=4_000_001), "/layers/0"),
    "a kind of region": (lambda data: data["layers"][0]["region"].update(kind="circle"), "/layers/0"),
    "a box has four": (lambda data: data["layers"][0]["region"].update(box_ppm=[0, 0, 1]), "/layers/0/region/box_ppm"),
    "a box has an inside": (lambda data: data["layers"][0]["region"].update(box_ppm=[1, 0, 1, 2]), "/layers/0"),
    "a box is in the picture": (
        lambda data: data["layers"][0]["region"].update(box_ppm=[0, 0, 1, 1_000_001]),
        "/layers/0",
    ),
    "a box has no mask": (lambda data: data["layers"][0]["region"].update(mask="a.png"), "/layers/0"),
    "a mask has no box": (lambda data: data["layers"][1]["region"].update(box_ppm=[0, 0, 1, 1]), "/layers/1"),
    "a mask is a file": (lambda data: data["layers"][1]["region"].update(mask="../sky.png"), "/layers/1"),
    "an option that there is": (lambda data: data["layers"][0]["options"].update(opacity=1), "/layers/0"),
    "an option within its limits": (lambda data: data["layers"][0]["options"].update(strength=-1), "/layers/0"),
    "an option is whole": (
        lambda data: data["layers"][0]["options"].update(strength="1"),
        "/layers/0/options/strength",
    ),
    "the style has no region": (lambda data: data["style"].update(region={"kind": "rest"}), "/style"),
    "the negative is text": (lambda data: data.update(negative=None), "/negative"),
    "the negative names no pack": (lambda data: data.update(negative="x @a/b"), "/negative"),
    "a setting is text": (lambda data: data["settings"].update(seed=42), "/settings/seed"),
    "a setting as it is kept": (lambda data: data["settings"].update(seed="042"), "/settings/seed"),
    "a setting that there is": (lambda data: data["settings"].update(sed="1"), "/settings/sed"),
    "a variable that can be read": (lambda data: data["variables"].update(color="{a"), "/variables/color"),
    "a name of a variable": (lambda data: data["variables"].update({"a b": "x"}), "/variables/a b"),
    "words are a list": (lambda data: data["words"].update(animal="cat|dog"), "/words/animal"),
    "words of one each": (lambda data: data["words"].update(animal=["cat|dog"]), "/words/animal"),
    "an alias is a pack": (lambda data: data["aliases"].update(A={"path": ["zhao"]}), "/aliases/A"),
    "too much": (lambda data: data["settings"].update(seed=str(10**30)), "/settings/seed"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_a_text_could_not_say_is_refused_where_it_stands(name: str) -> None:
    change, where = WRONG[name]

    found, _sentence = refused(changed(change))

    assert found == where


def test_what_it_is_refused_for_is_one_sentence() -> None:
    assert refused([]) == ("", "The value at / is not an object; write one there.")
    assert refused(changed(lambda data: data.update(format="x"))) == (
        "/format",
        "The format is not worldloom/recipe/1; only that one can be read.",
    )
    assert refused(changed(lambda data: data.update({"a~/b": 1}))) == (
        "",
        "“a~/b” at / is nothing that a recipe has; take it out.",
    )
    assert refused(changed(lambda data: data["words"].update({"a/b~": 1}))) == (
        "/words/a~1b~0",
        "The value at /words/a/b~ is not a list; write one there.",
    )
    many = {"format": FORMAT, "layers": [{"label": f"l{place}", "prompt": "x"} for place in range(65)]}
    assert refused(many) == ("/layers", "The recipe has more than 64 layers; take some out.")
    assert len(from_document(many, most_layers=65).layers) == 65
    assert refused({"format": FORMAT, "layers": []}) == (
        "/layers",
        "The recipe has no layer; write one, as |layer1: a person @creator/pack.",
    )
