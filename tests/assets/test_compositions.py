"""What a composition.json may say, and what of it becomes facts; whatever it is called otherwise, it is one."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from assets.inspectors.base import Limits, Refused
from assets.inspectors.prompts import inspect_json

ALICE, MO = "1a" * 32, "3c" * 32
WHOLE = 1_000_000_000


def said() -> dict[str, Any]:
    def pack(layer: str, name: str, release: str, share: int) -> dict[str, Any]:
        row = {"layer": layer, "pack": name, "version": "1.0.0", "release": release, "element": "", "weight_ppm": 1}
        return row | {"share_ppb": share}

    return {
        "format": "worldloom/composition/1",
        "recipe": {"format": "worldloom/recipe/1", "layers": []},
        "policy": "equal",
        "packs": [pack("sky", "alice/sea", ALICE, 400_000_000), pack("style", "mo/ink", MO, 600_000_000)],
        "unit": "image",
        "currency": "USD",
        "fees": [{"release": MO, "amount_minor": 2}],
    }


def inspected(value: Any) -> Any:
    data = value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False).encode()
    return inspect_json(io.BytesIO(data), Limits())


def test_the_facts_are_all_but_the_recipe() -> None:
    found = inspected(said())

    assert found.media_type == "application/vnd.worldloom.composition+json"
    facts = said() | {"format": "worldloom/asset-facts/1", "kind": "composition"}
    del facts["recipe"]
    assert found.facts == facts
    plain = {key: value for key, value in said().items() if key not in ("unit", "currency", "fees")}
    assert {key: inspected(plain).facts[key] for key in ("unit", "currency", "fees")} == {
        "unit": "", "currency": "", "fees": [],
    }  # fmt: skip
    # A recipe may say anything in its prompts, even what other files call themselves.
    quoting = said()
    quoting["recipe"]["layers"] = [{"label": "a", "prompt": 'say "worldloom/service/1" and {"spec": "chara_card_v2"}'}]
    assert inspected(quoting).facts == found.facts


Change = Callable[[dict[str, Any]], object]
CASES: tuple[tuple[Change, str], ...] = (
    (lambda one: one.update(format="worldloom/composition/2"), 'format must be "worldloom/composition/1".'),
    (lambda one: one.update(extra=1), "extra is not known: remove it."),
    (lambda one: one.update(recipe=[]), 'recipe must be a recipe, "worldloom/recipe/1".'),
    (lambda one: one.update(recipe={"format": "x"}), 'recipe must be a recipe, "worldloom/recipe/1".'),
    (lambda one: one.update(policy="mine"), "policy must be one of equal, negotiated, weight-area."),
    (lambda one: one.update(policy=["equal"]), "policy must be one of equal, negotiated, weight-area."),
    (lambda one: one.update(packs=[]), "packs must be a list of 1 to 520 packs."),
    (lambda one: one.update(packs=one["packs"] * 300), "packs must be a list of 1 to 520 packs."),
    (
        lambda one: one["packs"].pop(),
        "packs have shares of 400000000 parts per billion together: they must be",
    ),
    (lambda one: one["packs"][0].update(release=MO), "packs[1].release stands for another release before."),
    (lambda one: one["packs"][0].pop("element"), "packs[0].element is missing."),
    (lambda one: one["packs"][0].update(mine=1), "packs[0].mine is not known: remove it."),
    (lambda one: one["packs"].__setitem__(0, 7), "packs[0] must be an object."),
    (lambda one: one["packs"][0].update(layer=""), "packs[0].layer must be the label of a layer."),
    (lambda one: one["packs"][0].update(pack="Alice/sea"), "packs[0].pack must be written creator/pack."),
    (lambda one: one["packs"][0].update(version="1.0"), "packs[0].version must be three numbers, as in 1.0.0."),
    (lambda one: one["packs"][0].update(version="１.0.0"), "packs[0].version must be three numbers, as in 1.0.0."),
    (lambda one: one["packs"][0].update(release="AB" * 32), "packs[0].release must be a release's digest, 64 small"),
    (lambda one: one["packs"][0].update(element=None), "packs[0].element must be the name of an element, or empty"),
    (
        lambda one: one["packs"][0].update(weight_ppm=4_000_001),
        "packs[0].weight_ppm must be a whole number from -4",
    ),
    (
        lambda one: one["packs"][0].update(share_ppb=True),
        "packs[0].share_ppb must be a whole number from 0 to 1000",
    ),
    (
        lambda one: one["packs"][0].update(share_ppb=0.5),
        "packs[0].share_ppb must be a whole number from 0 to 1000",
    ),
    (
        lambda one: one["fees"][0].update(amount_minor=0),
        "fees[0].amount_minor must be a whole number from 1 to",
    ),
    (lambda one: one["fees"][0].update(release="ee" * 32), "fees[0].release must be a release that paints, each once."),
    (lambda one: one["fees"].append(one["fees"][0]), "fees[1].release must be a release that paints, each once."),
    (lambda one: one["fees"][0].update(release=[MO]), "fees[0].release must be a release that paints, each once."),
    (lambda one: one.pop("unit"), "unit goes with fees: write both, or neither."),
    (lambda one: one.update(fees=[]), "unit goes with fees: write both, or neither."),
    (lambda one: one.update(currency="usd"), "currency must be three letters, as in USD."),
    (lambda one: one.update(unit=" image"), "unit must be the unit that is counted, of at most 40 characters."),
)


@pytest.mark.parametrize(("change", "sentence"), CASES)
def test_what_no_composition_says_is_refused_where_it_is_wrong(change: Change, sentence: str) -> None:
    value = said()
    change(value)

    with pytest.raises(Refused) as refusal:
        inspected(value)

    assert str(refusal.value).startswith(sentence)
    assert refusal.value.findings[0].code == "composition-malformed"


def test_hostile_files_are_refused_by_their_form() -> None:
    whole = json.dumps(said())
    for data, code in (
        (whole.replace('"unit":', '"unit": "image", "unit":'), "json-duplicate-key"),
        (whole.replace('"layers": []', '"layers": ' + "[" * 40 + "]" * 40), "json-too-deep"),
        (whole.replace('"weight_ppm": 1', '"weight_ppm": NaN', 1), "json-number"),
        (whole.replace('"weight_ppm": 1', '"weight_ppm": ' + "9" * 400, 1), "json-number"),
        (whole.replace("sky", "\\u202e"), "text-forbidden-character"),
        (whole[:-1], "json-malformed"),
        (whole.replace("sky", " " * 4_000_000), "file-too-large"),
    ):
        with pytest.raises(Refused) as refusal:
            inspected(data.encode())
        assert [one.code for one in refusal.value.findings] == [code]
    with pytest.raises(Refused, match="not UTF-8"):
        inspected(whole.encode() + b"\xff")
