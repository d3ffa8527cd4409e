"""What a composition owes, against fractions: nothing is lost, and each has their part but for the stated rounding."""

import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from assets.inspectors.compositions import read_composition
from marketplace.compositions.composing import ComposedPack, Contracts, packs_of, parent_shares, rest_of, to_bytes
from marketplace.compositions.drafting_words import CODES as DRAFTING
from marketplace.compositions.notation.document import from_document
from marketplace.compositions.notation.model import Layer, Recipe, Ref
from marketplace.compositions.notation.reading import read
from marketplace.compositions.notation.writing import write
from marketplace.compositions.resolving import Resolution, Resolved
from marketplace.payouts.rules import WHOLE_PPB, allocate, fold_split

PAGE = (Path(__file__).resolve().parents[2] / "docs/formats/composition-pack.md").read_text(encoding="utf-8")
PAYEES = [f"payee-{number}" for number in range(6)]


def divided(amount: int, weights: Sequence[Fraction]) -> list[int]:
    """Divides as the documents say: down, and what is left one each to the largest rest, the first of equal ones."""
    exact = [amount * weight / sum(weights) for weight in weights]
    parts = [int(one) for one in exact]
    order = sorted(range(len(parts)), key=lambda place: (parts[place] - exact[place], place))
    for place in order[: amount - sum(parts)]:
        parts[place] += 1
    return parts


@st.composite
def splits(draw: st.DrawFn) -> list[tuple[str, int]]:
    """A split of one to four payees."""
    names = draw(st.lists(st.sampled_from(PAYEES), min_size=1, max_size=4, unique=True))
    weights = [Fraction(draw(st.integers(1, 1_000))) for _name in names]
    return [(name, part) for name, part in zip(sorted(names), divided(WHOLE_PPB, weights), strict=True) if part]


@st.composite
def compositions(draw: st.DrawFn) -> tuple[Resolution, list[int], list[Fraction]]:
    """A recipe of some layers with some packs each, their areas, and what each pack weighs by the policy."""
    policy = draw(st.sampled_from(["weight-area", "equal", "negotiated"]))
    layers, refs, areas = [], [], []
    for number in range(draw(st.integers(1, 5))):
        label = f"layer {number}"
        chosen = draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
        mine = [Ref(("alice", f"pack-{pack}")) for pack in chosen]
        layers.append(Layer(label, "x", tuple(mine)))
        areas.append(draw(st.integers(0, 1_000_000)))
        for ref, pack in zip(mine, chosen, strict=True):
            weight = draw(st.integers(-4_000_000, 4_000_000).filter(bool))
            release = SimpleNamespace(pack=f"alice/pack-{pack}", version="1.0.0", digest=f"{pack:064x}")
            refs.append(Resolved(label, len(refs), ref, weight, release))  # type: ignore[arg-type]
    said: tuple[tuple[str, str], ...] = (("policy", policy),)
    agreed = dict.fromkeys((layer.label for layer in layers), Fraction(0))
    if policy == "negotiated":
        parts = divided(100, [Fraction(draw(st.integers(1, 50))) for _layer in layers])
        agreed = {layer.label: Fraction(part) for layer, part in zip(layers, parts, strict=True)}
        said += tuple((f"share.{label}", str(part)) for label, part in agreed.items())
    weights = [_weight(one, refs, policy, agreed, areas, layers) for one in refs]
    if not any(weights):
        weights = [Fraction(1)] * len(refs)
    return Resolution(Recipe(tuple(layers), settings=said), tuple(refs), ()), areas, weights


def _weight(one: Resolved, refs: Any, policy: str, agreed: Any, areas: Any, layers: Any) -> Fraction:
    if policy == "equal":
        return Fraction(1)
    if policy == "negotiated":
        together = sum(abs(ref.weight_ppm) for ref in refs if ref.layer == one.layer)
        return Fraction(agreed[one.layer] * abs(one.weight_ppm), together)
    area = dict(zip((layer.label for layer in layers), areas, strict=True))[one.layer]
    return Fraction(abs(one.weight_ppm) * area)


@settings(max_examples=300, deadline=None)
@given(compositions(), st.integers(1, WHOLE_PPB - 1), splits(), st.lists(splits(), min_size=4, max_size=4))
def test_a_folded_split_is_the_whole_and_each_share_what_fractions_say(
    composed: tuple[Resolution, list[int], list[Fraction]], own_ppb: int, makers: Any, of_packs: Any
) -> None:
    resolution, areas, weights = composed
    packs = packs_of(resolution, areas)
    shares = parent_shares(packs, rest_of(own_ppb))

    # The picture, then the sale, then the splits of the packs: each divided once.
    picture = divided(WHOLE_PPB, weights)
    assert [one.share_ppb for one in packs] == picture
    owed: dict[str, int] = {}
    for one, part in zip(packs, divided(WHOLE_PPB - own_ppb, [Fraction(part) for part in picture]), strict=True):
        owed[one.reference] = owed.get(one.reference, 0) + part
    assert shares == owed
    assert list(shares) == list(dict.fromkeys(one.reference for one in packs))
    assert sum(shares.values()) + own_ppb == WHOLE_PPB

    split_of = {f"alice/pack-{number}@1.0.0": split for number, split in enumerate(of_packs)}
    parents = [(share, split_of[name]) for name, share in shares.items() if share]
    folded = fold_split(dict(makers), parents)
    exact: dict[str, Fraction] = {}
    for share, split in ((own_ppb, makers), *parents):
        for payee, part in split:
            exact[payee] = exact.get(payee, Fraction(0)) + Fraction(share * part, WHOLE_PPB)
    names = sorted(exact)
    expected = dict(zip(names, divided(WHOLE_PPB, [exact[name] for name in names]), strict=True))
    assert dict(folded) == {name: part for name, part in expected.items() if part}
    assert sum(part for _name, part in folded) == WHOLE_PPB
    # All three roundings together move nobody by more than two units for each pack, and one.
    ideal: dict[str, Fraction] = {payee: Fraction(own_ppb * part, WHOLE_PPB) for payee, part in makers}
    for one, weight in zip(packs, weights, strict=True):
        for payee, part in split_of[one.reference]:
            theirs = (WHOLE_PPB - own_ppb) * weight / sum(weights) * Fraction(part, WHOLE_PPB)
            ideal[payee] = ideal.get(payee, Fraction(0)) + theirs
    for payee, part in expected.items():
        assert abs(part - ideal[payee]) <= 2 * len(packs) + 1


@settings(max_examples=200, deadline=None)
@given(splits(), splits(), splits(), st.data(), st.integers(0, 10**12))
def test_a_sale_of_what_is_made_of_what_is_made_of_others_loses_nothing(
    world: Any, derivers: Any, composers: Any, data: st.DataObject, amount_minor: int
) -> None:
    """World → derived pack → composition of both → pack made from that: one split, and each minor unit somebody's."""
    first = fold_split(dict(derivers), [(data.draw(st.integers(1, WHOLE_PPB - 1)), world)])
    own_ppb = data.draw(st.integers(1, WHOLE_PPB - 2))
    half = (WHOLE_PPB - own_ppb) // 2
    packs = [_pack("alice/world", WHOLE_PPB // 2), _pack("bob/derived", WHOLE_PPB // 2)]
    shares = parent_shares(packs, WHOLE_PPB - own_ppb)
    assert shares == {"alice/world@1.0.0": WHOLE_PPB - own_ppb - half, "bob/derived@1.0.0": half}
    owed = zip(shares.values(), (world, first), strict=True)
    second = fold_split(dict(composers), [(part, split) for part, split in owed if part])
    third = fold_split({PAYEES[0]: WHOLE_PPB}, [(data.draw(st.integers(1, WHOLE_PPB)), second)])

    for split in (second, third):
        parts = allocate(amount_minor, split)
        assert sum(part for _payee, part in parts) == amount_minor
        wanted = divided(amount_minor, [Fraction(part) for _payee, part in split])
        assert [part for _payee, part in parts] == wanted


def _pack(pack: str, share_ppb: int) -> ComposedPack:
    return ComposedPack("x", pack, "1.0.0", "", "", 1_000_000, share_ppb)


@settings(max_examples=100, deadline=None)
@given(compositions(), st.dictionaries(st.integers(0, 3), st.integers(1, 10**12), max_size=4))
def test_what_is_written_is_read_as_it_was(
    composed: tuple[Resolution, list[int], list[Fraction]], fees: dict[int, int]
) -> None:
    resolution, areas, _weights = composed
    packs = packs_of(resolution, areas)
    known = {one.release for one in packs}
    mine = {f"{pack:064x}": minor for pack, minor in fees.items() if f"{pack:064x}" in known}
    contracts = Contracts("image", "USD", mine) if mine else Contracts()

    data = to_bytes(resolution.recipe, packs, contracts)
    said = read_composition(data)

    assert tuple(ComposedPack(**row) for row in said["packs"]) == packs
    assert (
        Contracts(said["unit"], said["currency"], {row["release"]: row["amount_minor"] for row in said["fees"]})
        == contracts
    )
    assert from_document(said["recipe"]) == read(write(resolution.recipe))
    assert said["policy"] == dict(resolution.recipe.settings)["policy"]


def test_the_example_of_the_page_is_what_is_written() -> None:
    """docs/formats/composition-pack.md: its file, and what each release of it is owed."""
    example = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    said = read_composition(example[1].encode())
    recipe = from_document(said["recipe"])
    refs = [(layer.label, ref) for layer in (*recipe.layers, recipe.style) if layer for ref in layer.refs]
    found = []
    for (label, ref), row in zip(refs, said["packs"], strict=True):
        release = SimpleNamespace(pack="/".join(ref.path[:2]), version=ref.version, digest=row["release"])
        element = SimpleNamespace(name=ref.path[2]) if ref.path[2:] else None
        weight = ref.weight_ppm or 1_000_000
        found.append(Resolved(label, len(found), ref, weight, release, element))  # type: ignore[arg-type]
    packs = packs_of(Resolution(recipe, tuple(found), ()))

    assert [one.plain() for one in packs] == said["packs"]
    owed = {name: f"{share:,}".replace(",", " ") for name, share in parent_shares(packs, 600_000_000).items()}
    assert dict(re.findall(r"\| `(\S+@\S+)` \| ([\d ]+) \|", PAGE)) == owed
    refusals = PAGE.partition("## What is refused")[2].partition("and those")[0]
    assert set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", refusals)) == {*DRAFTING, "is-composition"}
