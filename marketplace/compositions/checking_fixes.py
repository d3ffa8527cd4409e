"""The smallest changes that make a refused recipe legal: another offer, version or pack, or less asked for.

The search itself is the terms' (licensing/terms/fixing.py); this finds what could be taken instead. Questions only.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from marketplace.catalog.models import Release
from marketplace.compositions.checking_choice import NOTHING, License, Question, under_grant, under_offer
from marketplace.compositions.checking_instead import offers_instead
from marketplace.compositions.checking_rows import Holdings, Offered
from marketplace.compositions.resolving import Resolved
from marketplace.licensing.models import Grant, Offer
from marketplace.licensing.pricing import BILLED_LATER
from marketplace.licensing.terms.choosing import OFFER, PACK, Alternative
from marketplace.licensing.terms.fixing import REQUEST, Fix, fixes
from marketplace.licensing.terms.lattice import Layer
from marketplace.licensing.terms.model import Use
from marketplace.licensing.terms.narrowing import Narrowed
from marketplace.ui.words import Words
from marketplace.ui.words import gettext_noop as _

VERSION = "version"


@dataclass(frozen=True, slots=True)
class Swap:
    """Under what a layer's pack is used instead: an offer of it, another pack's, or a version that is held already.

    `pack` is `creator/pack@version` as a ref may have it; `offer` is None for what is held. `price_minor` is that of
    the license, which is bought once however many layers need it.
    """

    layer: str
    position: int
    pack: str
    offer: Offer | None
    price_minor: int
    currency: str
    words: Words


@dataclass(frozen=True, slots=True)
class Remedy:
    """A smallest change that makes a refused recipe, or one pack of it, legal.

    `kind` is `offer`, `pack`, `version` (another one of the same pack) or `request` (less asked: `narrowed` says in
    what, `use` is what is then allowed). `prices` are (currency, minor units), without those that are 0.
    """

    kind: str
    swaps: tuple[Swap, ...]
    prices: tuple[tuple[str, int], ...]
    use: Use
    narrowed: Narrowed | None = None
    is_smallest: bool = True


@dataclass(frozen=True, slots=True)
class Instead:
    """What could be taken instead, by the name of the layer it is for, and what each key of it stands for."""

    question: Question
    by_name: dict[str, list[Alternative]]
    keyed: dict[str, License]


def instead_of(
    named: Mapping[UUID, str],
    releases: Mapping[UUID, Release],
    offers: Mapping[UUID, Sequence[License]],
    holdings: Holdings,
    question: Question,
) -> Instead:
    """This will find what could be taken instead of releases: other offers, versions that are held, other packs."""
    found = Instead(question, {}, {})
    elsewhere = offers_instead([releases[key] for key in named], question.now)
    for key, name in named.items():
        release = releases[key]
        judged = [
            *((OFFER, one) for one in offers.get(key, ())),
            *((PACK, one) for one in _held_versions(release, name, holdings, question)),
            *((PACK, _offer_of(one, name, question)) for one in elsewhere.get(release.pack_id, ())),
        ]
        # What is paid by use, or agreed in talks, has no price that could be compared beforehand.
        comparable = [
            (kind, one)
            for kind, one in judged
            if one.allows and (one.offered is None or (not one.needs_quote and one.offered.model not in BILLED_LATER))
        ]
        found.by_name[name] = [_alternative(kind, one, found.keyed) for kind, one in comparable]
    return found


def _offer_of(offer: Offered, name: str, question: Question) -> License:
    assert offer.release is not None
    return under_offer(offer, offer.release, name, question)


def _held_versions(release: Release, name: str, holdings: Holdings, question: Question) -> Iterator[License]:
    for grant in holdings.of_pack.get(release.pack_id, ()):
        if grant.release_id != release.pk:
            one = under_grant(grant, grant.release, name, question)
            if one.allows:
                yield one


def _alternative(kind: str, one: License, keyed: dict[str, License]) -> Alternative:
    of: Grant | Offer | None = one.offer or one.grant
    assert of is not None
    key = f"{'offer' if one.offer else 'grant'}:{of.pk}"
    keyed[key] = one
    return Alternative(
        kind=kind,
        name=of.terms.name if kind == OFFER else f"{one.release}: {of.terms.name}",
        party=one.layer.party,
        terms=one.layer.terms,
        price_minor=one.priced.price_minor if one.priced else 0,
        currency=one.offer.currency if one.offer else "",
        key=key,
    )


def for_one(
    nearest: License | None, release: Release, name: str, refs: Sequence[Resolved], instead: Instead
) -> tuple[Remedy, ...]:
    """This will find what would help one pack that is refused whatever the others are.

    First another version of it, then another pack, then less asked for; of each kind the smallest change.
    """
    layer = nearest.layer if nearest and nearest.is_of_terms else Layer(name, release.pack.owner.handle, NOTHING)
    versions: list[Alternative] = []
    others: list[Alternative] = []
    for one in instead.by_name.get(name, ()):
        (versions if instead.keyed[one.key].release.pack_id == release.pack_id else others).append(one)
    use = instead.question.use
    found = [
        *fixes(use, [layer], {name: versions}),
        *(fix for fix in fixes(use, [layer], {name: others}) if fix.changes),
    ]
    remedies = [_remedy(fix, {name: refs}, instead, nearest) for fix in found]
    return tuple(sorted(remedies, key=lambda one: _ORDER.index(one.kind)))


_ORDER = (OFFER, VERSION, PACK, REQUEST)


def for_all(layers: Iterable[Layer], refs: Mapping[str, Sequence[Resolved]], instead: Instead) -> tuple[Remedy, ...]:
    """This will find what would help packs that clash, each of which could be used alone; `refs` are by name."""
    found = fixes(instead.question.use, layers, instead.by_name)
    return tuple(_remedy(fix, refs, instead, None) for fix in found)


def _remedy(fix: Fix, refs: Mapping[str, Sequence[Resolved]], instead: Instead, nearest: License | None) -> Remedy:
    swaps: list[Swap] = []
    prices, kind = fix.prices, fix.kind
    for change in fix.changes:
        one = instead.keyed[change.to.key]
        swaps += _swaps(one, refs[change.layer], change.words)
        if kind == PACK and all(
            ref.release and ref.release.pack_id == one.release.pack_id for ref in refs[change.layer]
        ):
            kind = VERSION
    if kind == REQUEST and nearest is not None and nearest.offer is not None:
        # Less asked for, it is still to be bought.
        words = Words(
            _("Take the offer “%(name)s” for %(layer)s."),
            {"name": nearest.offer.terms.name, "layer": nearest.layer.name},
        )
        swaps += _swaps(nearest, refs[nearest.layer.name], words)
        due = nearest.priced.price_minor if nearest.priced else 0
        prices = ((nearest.offer.currency, due),) if due else ()
    return Remedy(kind, tuple(swaps), prices, fix.use, fix.narrowed, fix.is_smallest)


def _swaps(one: License, refs: Iterable[Resolved], words: Words) -> list[Swap]:
    due = one.priced.price_minor if one.priced else 0
    currency = one.offer.currency if one.offer else ""
    return [Swap(ref.layer, ref.position, str(one.release), one.offer, due, currency, words) for ref in refs]


def held_instead(
    release: Release, name: str, refs: Sequence[Resolved], holdings: Holdings, question: Question
) -> tuple[Remedy, ...]:
    """This will say which version of a pack that is to be bought the studio holds already, the newest license first."""
    for one in _held_versions(release, name, holdings, question):
        words = Words(_("Use %(release)s, which you hold already."), {"release": str(one.release)})
        return (Remedy(VERSION, tuple(_swaps(one, refs, words)), (), question.use),)
    return ()
