"""How much of a picture each pack paints: exact numbers, and nothing lost."""

import json
import re
from dataclasses import fields
from pathlib import Path

import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from marketplace.compositions.checking import painted_layers
from marketplace.compositions.lockfile import Lock, LockedFile, LockedLayer, LockedRef, read_lock
from marketplace.compositions.notation.document import to_document
from marketplace.compositions.notation.model import Layer, Region
from marketplace.compositions.notation.reading import read
from marketplace.compositions.notation.wildcards import resolved
from marketplace.compositions.sharing import Part, areas, shares

WHOLE = 1_000_000_000


def test_weight_and_area_say_who_gets_what() -> None:
    half, full = 500_000, 1_000_000
    # 1 × 0.5, |-0.8| × 0.5, 1 × 1: of 1.9 together.
    parts = [Part("sky", 1_000_000, half), Part("people", -800_000, half), Part("style", 1_000_000, full)]
    assert shares(parts) == (263_157_895, 210_526_316, 526_315_789)
    assert shares(parts, "equal") == (333_333_334, 333_333_333, 333_333_333)
    agreed = {"sky": 700_000_000, "people": 200_000_000, "style": 100_000_000}
    assert shares(parts, "negotiated", agreed) == (700_000_000, 200_000_000, 100_000_000)


def test_what_a_layer_was_promised_its_packs_share_by_weight() -> None:
    parts = [Part("sky", 1_000_000), Part("sky", 3_000_000), Part("sea", 7)]
    assert shares(parts, "negotiated", {"sky": 1, "sea": 3}) == (62_500_000, 187_500_000, 750_000_000)


def test_nobody_is_left_out_where_nothing_counts() -> None:
    assert shares([]) == ()
    assert shares([Part("a", 1, 0), Part("b", 1, 0)]) == (500_000_000, 500_000_000)
    assert shares([Part("a"), Part("b")], "negotiated", {}) == (500_000_000, 500_000_000)


@given(st.lists(st.tuples(st.integers(-4_000_000, 4_000_000).filter(bool), st.integers(0, 1_000_000)), min_size=1))
def test_parts_are_always_the_whole(numbers: list[tuple[int, int]]) -> None:
    parts = [Part(str(place % 3), weight, area) for place, (weight, area) in enumerate(numbers)]
    for policy in ("weight-area", "equal", "negotiated"):
        found = shares(parts, policy, {"0": 500_000_000, "1": 300_000_000, "2": 200_000_000})
        assert sum(found) == WHOLE
        assert min(found) >= 0


def _layer(label: str, region: Region | None = None, options: tuple[tuple[str, int], ...] = ()) -> Layer:
    return Layer(label, "x", region=region, options=options)


def test_areas_of_boxes_the_rest_and_masks() -> None:
    left = Region("box", (0, 0, 600_000, 1_000_000))
    lower = Region("box", (400_000, 500_000, 1_000_000, 1_000_000))
    layers = [
        _layer("left", left),
        _layer("lower", lower),
        _layer("rest", Region("rest")),
        _layer("whole"),
        _layer("given", Region("mask", mask="a.png")),
        _layer("said", Region("mask", mask="b.png"), (("area", 250_000),)),
        _layer("unknown", Region("mask", mask="c.png")),
    ]
    # 0.6 and 0.6 × 0.5, which overlap in 0.2 × 0.5: together 0.8.
    assert areas(layers, {"a.png": 123_456}) == [600_000, 300_000, 200_000, 1_000_000, 123_456, 250_000, 1_000_000]
    covered = [_layer("all", Region("box", (0, 0, 1_000_000, 1_000_000))), _layer("rest", Region("rest"))]
    assert areas(covered, {}) == [1_000_000, 0]


def test_the_page_about_locks_has_a_lock_and_adds_it_up() -> None:
    page = (Path(__file__).parents[2] / "docs/formats/recipe-lock.md").read_text(encoding="utf-8")
    (document,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    (text,) = re.findall(r"```recipe\n(.*?)```", page, re.DOTALL)
    found = read_lock(rfc8785.dumps(json.loads(document)))
    assert f"`{found.digest}`" in page
    assert found.recipe == to_document(read(text))
    parts = [Part(layer.label, ref.weight_ppm, layer.area_ppm) for layer in found.painted for ref in layer.refs]
    assert [ref.share_ppb for ref in found.refs] == list(shares(parts, found.policy)) == [444_444_444, 555_555_556]
    assert areas(painted_layers(read(text)), {}) == [layer.area_ppm for layer in found.painted]
    assert [layer.prompt for layer in found.painted] == [one.prompt for one in painted_layers(resolved(read(text)))]
    told = set(re.findall(r"^\| ((?:`[a-z_0-9]+`(?:, )?)+) \|", page, re.MULTILINE))
    named = {name for cell in told for name in re.findall(r"`([a-z_0-9]+)`", cell)}
    members = {one.name for kind in (Lock, LockedLayer, LockedRef, LockedFile) for one in fields(kind)}
    assert members <= named
