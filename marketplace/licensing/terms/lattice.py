"""The meet: what several licenses allow together, and where they cannot stand together at all.

docs/formats/composition.md says each rule with examples.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple, TypeVar

from marketplace.licensing.terms import vocabulary
from marketplace.licensing.terms.model import WHOLE_PPB, Scope, Terms
from marketplace.ui.words import Listed, Values, Words, Written
from marketplace.ui.words import gettext_noop as _

RANKS: Mapping[str, Mapping[str, int]] = {
    **{dimension: {word: rank for rank, word in enumerate(scale)} for dimension, scale in vocabulary.SCALES.items()},
    "output_owner": {"provider": 0, "shared": 1, "licensee": 2},
}
"""How much each word allows, by dimension."""
_COMMERCIAL, _DERIVATIVES, _TRAINING, _REDISTRIBUTION = (RANKS[dimension] for dimension in vocabulary.SCALES)
_OWNER = RANKS["output_owner"]
_Limit = TypeVar("_Limit", int, str)


@dataclass(frozen=True, slots=True)
class Layer:
    """Something that is used under a license: what it is called in answers, who gives the license, and what it says."""

    name: str
    party: str
    terms: Terms


class Credit(NamedTuple):
    """A layer that must be credited; without a line of its own, by its name."""

    layer: str
    line: str


class Royalty(NamedTuple):
    """A share in parts per billion that a layer takes of what works derived from it earn."""

    layer: str
    basis: str
    ppb: int


class Label(NamedTuple):
    """A license under which a layer wants changed works to be shared."""

    layer: str
    label: str


class Claim(NamedTuple):
    """A party that owns what is made with its layer, or shares in it."""

    layer: str
    party: str
    owner: str


@dataclass(frozen=True, slots=True)
class Composed:
    """What some layers allow together; values mean what they mean in `Terms`.

    Where `Terms` has one value that belongs to a layer, this has a set that says whose it is.
    """

    layers: tuple[Layer, ...]
    commercial: str
    revenue_cap_usd: int
    derivatives: str
    ai_training: str
    redistribution: str
    seats: int
    sublicense_depth: int
    transferable: bool
    exclusive: bool
    territory: Scope
    fields: Scope
    media: Scope
    starts: str
    ends: str
    duration_days: int
    banned: frozenset[str]
    output_owner: str
    credits: frozenset[Credit]
    approvals: frozenset[str]
    royalties: frozenset[Royalty]
    labels: frozenset[Label]
    claims: frozenset[Claim]

    @property
    def credit_required(self) -> bool:
        """Whether any layer must be credited."""
        return bool(self.credits)

    @property
    def approval_required(self) -> bool:
        """Whether anybody must approve."""
        return bool(self.approvals)

    @property
    def share_alike(self) -> str:
        """The license under which changed works must be shared; where several are wanted, all, each on its line."""
        return "\n".join(sorted({label.label for label in self.labels}))


@dataclass(frozen=True, slots=True)
class Clash:
    """Why nothing at all may be made with these layers together: in which dimension, between which layers."""

    dimension: str
    code: str
    layers: tuple[str, ...]
    words: Words

    @property
    def template(self) -> str:
        return self.words.template

    @property
    def values(self) -> Values:
        return self.words.values

    def __str__(self) -> str:
        return str(self.words)


class UnableToCompose(ValueError):
    """There is no layer, or two different ones have the same name."""

    code = "layers-refused"

    def __init__(self, template: str, values: Values | None = None) -> None:
        self.template, self.values = template, values or {}
        super().__init__(str(Words(template, self.values)))


def compose(layers: Iterable[Layer]) -> Composed:
    """Return what the layers allow together, whatever their order; raise UnableToCompose for none.

    A layer that is there twice counts once; two that differ in anything but their name are refused.
    """
    ordered = _each_once(layers)
    terms = [layer.terms for layer in ordered]
    commercial = min(terms, key=_commercial)
    return Composed(
        layers=ordered,
        commercial=commercial.commercial,
        revenue_cap_usd=commercial.revenue_cap_usd,
        derivatives=min([one.derivatives for one in terms], key=_DERIVATIVES.__getitem__),
        ai_training=min([one.ai_training for one in terms], key=_TRAINING.__getitem__),
        redistribution=min([one.redistribution for one in terms], key=_REDISTRIBUTION.__getitem__),
        seats=least([one.seats for one in terms]),
        sublicense_depth=min([one.sublicense_depth for one in terms]),
        transferable=all(one.transferable for one in terms),
        exclusive=all(one.exclusive for one in terms),
        territory=_common([one.territory for one in terms]),
        fields=_common([one.fields for one in terms]),
        media=_common([one.media for one in terms]),
        starts=max([one.starts for one in terms]),
        ends=least([one.ends for one in terms]),
        duration_days=least([one.duration_days for one in terms]),
        banned=frozenset(chain.from_iterable([one.banned for one in terms])),
        output_owner=min([one.output_owner for one in terms], key=_OWNER.__getitem__),
        credits=frozenset([Credit(one.name, one.terms.credit_line) for one in ordered if one.terms.credit_required]),
        approvals=frozenset([one.name for one in ordered if one.terms.approval_required]),
        royalties=frozenset(
            [
                Royalty(one.name, one.terms.royalty_basis, one.terms.royalty_ppb)
                for one in ordered
                if one.terms.royalty_ppb
            ]
        ),
        labels=frozenset([Label(one.name, one.terms.share_alike) for one in ordered if one.terms.share_alike]),
        claims=frozenset(
            [
                Claim(one.name, one.party, one.terms.output_owner)
                for one in ordered
                if one.terms.output_owner != "licensee"
            ]
        ),
    )


def _each_once(layers: Iterable[Layer]) -> tuple[Layer, ...]:
    """Returns the layers by name, each once."""
    named: dict[str, Layer] = {}
    for layer in layers:
        if named.setdefault(layer.name, layer) != layer:
            raise UnableToCompose(_("Two layers are called “%(name)s”; give each its own name."), {"name": layer.name})
    if not named:
        raise UnableToCompose(_("There is no layer whose license could be asked; name at least one."))
    return tuple([named[name] for name in sorted(named)])


def _commercial(terms: Terms | Composed) -> tuple[int, int]:
    """Returns the place in the chain none < personal < limited by cap < full."""
    return _COMMERCIAL[terms.commercial], terms.revenue_cap_usd


def _common(scopes: list[Scope]) -> Scope:
    """Returns the intersection, each different scope looked at once."""
    first, *others = set(scopes)
    for other in others:
        first = first & other
    return first


def least(limits: list[_Limit]) -> _Limit:
    """Return the lowest limit; 0 and an empty day are none."""
    return min(filter(None, limits), default=limits[0])


def meet(a: Composed, b: Composed) -> Composed:
    """Return what both allow: the greatest that is below both; raise UnableToCompose where a name means two layers."""
    lower = min(a, b, key=_commercial)
    return Composed(
        layers=_each_once(a.layers + b.layers),
        commercial=lower.commercial,
        revenue_cap_usd=lower.revenue_cap_usd,
        derivatives=min(a.derivatives, b.derivatives, key=_DERIVATIVES.__getitem__),
        ai_training=min(a.ai_training, b.ai_training, key=_TRAINING.__getitem__),
        redistribution=min(a.redistribution, b.redistribution, key=_REDISTRIBUTION.__getitem__),
        seats=least([a.seats, b.seats]),
        sublicense_depth=min(a.sublicense_depth, b.sublicense_depth),
        transferable=a.transferable and b.transferable,
        exclusive=a.exclusive and b.exclusive,
        territory=a.territory & b.territory,
        fields=a.fields & b.fields,
        media=a.media & b.media,
        starts=max(a.starts, b.starts),
        ends=least([a.ends, b.ends]),
        duration_days=least([a.duration_days, b.duration_days]),
        banned=a.banned | b.banned,
        output_owner=min(a.output_owner, b.output_owner, key=_OWNER.__getitem__),
        credits=a.credits | b.credits,
        approvals=a.approvals | b.approvals,
        royalties=a.royalties | b.royalties,
        labels=a.labels | b.labels,
        claims=a.claims | b.claims,
    )


def clashes(composed: Composed) -> tuple[Clash, ...]:
    """Return why nothing at all may be made with the layers together; empty where something may."""
    return (*_empty_scopes(composed), *_no_day(composed), *_owners(composed), *_labels(composed), *_royalties(composed))


def _empty_scopes(composed: Composed) -> Iterator[Clash]:
    for dimension, known in vocabulary.SCOPES.items():
        scope: Scope = getattr(composed, dimension)
        # A scope that leaves out fewer codes than there are is not empty; most are of this kind.
        if (scope.all_but and len(scope.codes) < len(known)) or scope.within(known):
            continue
        limiting = tuple(layer.name for layer in composed.layers if getattr(layer.terms, dimension) != _EVERYTHING)
        yield Clash(dimension, f"clash-{dimension}", limiting, Words(_NOTHING_LEFT[dimension], _names(limiting)))


_EVERYTHING = Scope(all_but=True)
_NOTHING_LEFT: Mapping[str, str] = {
    "territory": _("There is no country where %(layers)s may be used together; swap one of them."),
    "fields": _("There is no field of use that %(layers)s have in common; swap one of them."),
    "media": _("There is no medium that %(layers)s have in common; swap one of them."),
}


def _no_day(composed: Composed) -> Iterator[Clash]:
    starts, ends = composed.starts, composed.ends
    if not ends or starts <= ends:
        return
    late = [layer.name for layer in composed.layers if layer.terms.starts == starts]
    early = [layer.name for layer in composed.layers if layer.terms.ends == ends]
    template = _("There is no common day: %(early)s ends on %(ends)s, %(late)s starts on %(starts)s; swap one of them.")
    values: Values = {
        "early": Listed(tuple(early)),
        "ends": Written("day", ends),
        "late": Listed(tuple(late)),
        "starts": Written("day", starts),
    }
    yield Clash("starts", "clash-days", tuple(sorted({*late, *early})), Words(template, values))


def _owners(composed: Composed) -> Iterator[Clash]:
    whole = {claim.party for claim in composed.claims if claim.owner == "provider"}
    if not whole or len({claim.party for claim in composed.claims}) == 1:
        return
    layers = tuple(sorted(claim.layer for claim in composed.claims))
    template = _("What is made with %(layers)s cannot belong to one of their creators alone; swap one of them.")
    yield Clash("output_owner", "clash-output-owner", layers, Words(template, _names(layers)))


def _labels(composed: Composed) -> Iterator[Clash]:
    if len({label.label for label in composed.labels}) < 2:
        return
    labelled = sorted(composed.labels)
    layers = tuple(label.layer for label in labelled)
    template = _("Changed works of %(layers)s must be shared under different licenses: %(labels)s; swap one of them.")
    said = {**_names(layers), "labels": Listed(tuple(sorted({label.label for label in labelled})))}
    yield Clash("share_alike", "clash-share-alike", layers, Words(template, said))


def _royalties(composed: Composed) -> Iterator[Clash]:
    if sum([royalty.ppb for royalty in composed.royalties]) <= WHOLE_PPB:
        return
    for basis in vocabulary.ROYALTY_BASES:
        taken = sorted(royalty for royalty in composed.royalties if royalty.basis == basis)
        share_ppb = sum(royalty.ppb for royalty in taken)
        if share_ppb > WHOLE_PPB:
            layers = tuple(royalty.layer for royalty in taken)
            values = {**_names(layers), "share": Written("share", share_ppb)}
            yield Clash("royalty_ppb", f"clash-royalties-of-{basis}", layers, Words(_MORE_THAN_ALL[basis], values))


_MORE_THAN_ALL: Mapping[str, str] = {
    "revenue": _("%(layers)s together take %(share)s of the revenue, which is more than all of it; swap one of them."),
    "profit": _("%(layers)s together take %(share)s of the profit, which is more than all of it; swap one of them."),
}


def _names(layers: Iterable[str]) -> Values:
    return {"layers": Listed(tuple(layers))}
