"""Under which license, or else under which offer, each pack of a recipe is used. Questions only."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from uuid import UUID

from marketplace.catalog.models import Release
from marketplace.compositions.checking_rows import Holdings, Offered, seated
from marketplace.licensing import exclusivity, rules
from marketplace.licensing.holdings import Project
from marketplace.licensing.models import Grant, Offer
from marketplace.licensing.permits import Obstacle, obstacles_to
from marketplace.licensing.pricing import (
    BILLED_LATER,
    BY_SEAT,
    PERIODS,
    Priced,
    Size,
    UnableToPrice,
    price_of,
    read_tiers,
)
from marketplace.licensing.pricing_queries import size_of
from marketplace.licensing.queries import terms_of
from marketplace.licensing.terms.asking import Broken, Refusal, ask
from marketplace.licensing.terms.lattice import Layer
from marketplace.licensing.terms.model import Terms, Use
from marketplace.licensing.terms.using import check_use
from marketplace.people.models import Studio
from marketplace.ui.words import Words, Written
from marketplace.ui.words import gettext_noop as _

Reason = Refusal | Obstacle
_TIME = frozenset({"starts", "ends", "duration_days"})
NOTHING = Terms(name="nothing")
MOST_LABELS = 3
"""How many of the layers that a pack paints are in its name."""


@dataclass(frozen=True)
class Question:
    """What is asked of each license: a use with its days, by whom, for what, and what terms said to it already."""

    use: Use
    is_now: bool
    studio: Studio | None
    project: Project | None
    now: datetime
    prefer: frozenset[UUID] = frozenset()
    answers: dict[tuple[str, int], tuple[Refusal, ...]] = field(default_factory=dict)

    @cached_property
    def size(self) -> Size | None:
        """What the studio says of its size."""
        return size_of(self.studio) if self.studio else None


@dataclass(frozen=True, slots=True)
class License:
    """A license that is held, or an offer of one, and what stands against the use under it."""

    layer: Layer
    release: Release
    grant: Grant | None = None
    offered: Offered | None = None
    priced: Priced | None = None
    seats: int = 0
    needs_quote: bool = False
    reasons: tuple[Reason, ...] = ()

    @property
    def offer(self) -> Offer | None:
        """The row of the offer, where it is one."""
        return self.offered.offer if self.offered else None

    @property
    def allows(self) -> bool:
        return not self.reasons

    @property
    def is_of_terms(self) -> bool:
        """Whether nothing but its terms stands against the use."""
        return not any(isinstance(reason, Obstacle) for reason in self.reasons)


def question_of(use: Use, *, studio: Studio | None, project: Project | None, now: datetime) -> Question:
    """This will ask about a use; one without a first day begins today, one without any day is about this moment.

    Raises UnreadableUse.
    """
    today = now.date().isoformat()
    is_now = not use.starts and not use.ends
    if not use.starts:
        use = replace(use, starts=today, ends=today if is_now else use.ends)
    check_use(use)
    return Question(use, is_now, studio, project, now)


def names_of(refs: Iterable[tuple[str, Release]]) -> dict[UUID, str]:
    """This will name each release by the layers that it paints, and by itself too where a layer has several."""
    labels: dict[UUID, list[str]] = {}
    releases: dict[UUID, Release] = {}
    for label, release in refs:
        releases[release.pk] = release
        mine = labels.setdefault(release.pk, [])
        if label not in mine:
            mine.append(label)
    joined = {
        key: " + ".join(mine[:MOST_LABELS]) + (" + …" if mine[MOST_LABELS:] else "") for key, mine in labels.items()
    }
    names = dict(joined)
    for form in (lambda one: str(one.pack), str):
        counted: dict[str, int] = {}
        for name in names.values():
            counted[name] = counted.get(name, 0) + 1
        names = {
            key: f"{joined[key]} ({form(releases[key])})" if counted[name] > 1 else name for key, name in names.items()
        }
    return names


def under_grant(grant: Grant, release: Release, name: str, question: Question) -> License:
    """This will judge a license that is held. A subscription is asked whether it holds now: it renews itself."""
    terms = seated(terms_of(grant.terms), grant.seats)
    # A license of a composition is given by who composed it, whoever made what is in it.
    licensed = release if grant.release_id == release.pk else grant.release
    layer = Layer(name, licensed.pack.owner.handle, terms)
    refusals = _asked(question, layer, grant.terms_id)
    obstacles = obstacles_to(
        grant,
        name=name,
        use=question.use,
        is_now=question.is_now or grant.offer.model in PERIODS,
        project=question.project,
        now=question.now,
        timed=any(refusal.dimension in _TIME for refusal in refusals),
    )
    return License(layer, release, grant=grant, seats=grant.seats, reasons=(*obstacles, *refusals))


def under_offer(offer: Offered, release: Release, name: str, question: Question) -> License:
    """This will judge an offer for as many people as the use needs; one that allows it has its price."""
    terms, wanted = offer.terms, question.use.seats
    seats = 0
    if offer.model in BY_SEAT:
        seats = wanted or 1
        if not terms.seats or seats <= terms.seats:
            terms = seated(terms, seats)
    layer = Layer(name, release.pack.owner.handle, terms)
    reasons = (*_against(offer, release, name, terms, question), *_asked(question, layer, offer.terms_id))
    one = License(layer, release, None, offer, None, seats, offer.model == "on-request", reasons)
    return one if reasons else with_price(one, question)


def with_price(one: License, question: Question) -> License:
    """This will price what is offered, which is needed only of what may be taken; without a price it is refused."""
    if one.offered is None or one.needs_quote:
        return one
    try:
        return replace(one, priced=_priced(one.offered, one.seats, question))
    except UnableToPrice as error:
        name = one.layer.name
        why = Obstacle("seats", error.code, (name,), Words(error.template, error.values))
        return replace(one, reasons=(*one.reasons, why))


def _priced(offer: Offered, seats: int, question: Question) -> Priced:
    """Prices an offer as it is sold now, without codes; the studio's size is asked for where it counts."""
    return price_of(
        model=offer.model,
        price_minor=offer.price_minor,
        currency=offer.currency,
        tiers=read_tiers(offer.tiers, model=offer.model),
        seats=max(seats, 1),
        size=question.size if offer.tiers else None,
        unit=offer.unit,
        share_ppb=offer.share_ppb,
    )


def _asked(question: Question, layer: Layer, terms: str) -> tuple[Refusal, ...]:
    """Asks terms by their digest, the same ones once, and has the layer refuse what they do."""
    key = (terms, layer.terms.seats)
    refusals = question.answers.get(key)
    if refusals is None:
        refusals = question.answers[key] = ask(question.use, [layer]).refusals
    if all(isinstance(one.reason, Broken) for one in refusals):
        return tuple(
            one._replace(layers=(layer.name,), reason=one.reason._replace(layer=layer))  # type: ignore[union-attr]
            for one in refusals
        )
    return ask(question.use, [layer]).refusals


def _against(offer: Offered, release: Release, name: str, terms: Terms, question: Question) -> Iterable[Obstacle]:
    """Gives what stands against buying it now: days that are over, and what others have exclusively."""
    use, today = question.use, question.now.date().isoformat()
    if use.starts < today:
        words = Words(_("What is licensed now begins today, not on %(day)s."), {"day": Written("day", use.starts)})
        yield Obstacle("starts", "not-started", (name,), words)
    if not release.is_taken:  # type: ignore[attr-defined]
        return
    try:
        period = rules.period_of(
            terms, starts_at=None, ends_at=None, now=question.now, at=question.now, earliest=question.now
        )
    except rules.NoTime:
        return
    but = None if terms.exclusive else question.studio
    standing = exclusivity.standing(terms=terms, pack=release.pack_id, but=but, **period._asdict())
    if standing is not None:
        template = _("Somebody has %(pack)s exclusively for part of what “%(offer)s” covers.")
        words = Words(template, {"pack": str(release.pack), "offer": terms.name})
        yield Obstacle("exclusive", "exclusivity-taken", (name,), words)


def held(release: Release, name: str, grants: Sequence[Grant], question: Question) -> list[License]:
    """This will judge the licenses that a studio has of a release, those for its project first, then the newest."""
    judged = [under_grant(grant, release, name, question) for grant in grants]
    project = question.project.pk if question.project else None
    # What is paid for by use comes last: the others cost nothing more. Sorting keeps the newest first.
    return sorted(
        judged,
        key=lambda one: (
            one.grant is not None and one.grant.offer.model in BILLED_LATER,
            project is None or one.grant is None or one.grant.project_id != project,
        ),
    )


def chosen(licenses: Sequence[License], offers: Sequence[License], currency: str, question: Question) -> License | None:
    """This will choose: a license that allows the use, else the cheapest such offer, else what comes nearest."""
    for one in licenses:
        if one.allows:
            return one
    allowed = sorted((one for one in offers if one.allows), key=lambda one: _cost(one, currency, question.prefer))
    if allowed:
        return allowed[0]
    return min((*licenses, *offers), key=lambda one: len(one.reasons), default=None)


def _cost(one: License, currency: str, prefer: Collection[UUID]) -> tuple[object, ...]:
    """Orders offers: what the buyer prefers, what is free, the currency, prices that are known, the price."""
    assert one.offered is not None
    due = one.priced.price_minor if one.priced else 0
    return (
        one.offered.pk not in prefer,
        bool(currency) and one.offered.currency != currency and not is_free(one),
        one.needs_quote,
        one.offered.model in BILLED_LATER,
        due,
        one.offered.currency,
        str(one.offered.pk),
    )


def is_free(one: License) -> bool:
    """This will tell whether an offer costs nothing in any currency, now or later."""
    assert one.offered is not None
    return one.priced is not None and not one.priced.price_minor and one.offered.model not in BILLED_LATER


def common_currency(offers: Mapping[UUID, Sequence[License]]) -> str:
    """This will choose the currency in which the most packs can be had, the first by its code of several; or none.

    What can be had for nothing is had so, and has no say unless all is.
    """
    counted: dict[str, int] = {}
    allowed = [[one for one in mine if one.offered is not None and one.allows] for mine in offers.values()]
    paid = [mine for mine in allowed if not any(is_free(one) for one in mine)]
    for mine in paid or allowed:
        for currency in {one.offered.currency for one in mine if one.offered is not None}:
            counted[currency] = counted.get(currency, 0) + 1
    return min(counted, key=lambda currency: (-counted[currency], currency), default="")


def grants_for(release: Release, holdings: Holdings, covering: Mapping[UUID, Sequence[Grant]]) -> list[Grant]:
    """This will list the licenses that may cover a release: its own, then those of compositions that include it."""
    return [*holdings.of_release.get(release.pk, ()), *covering.get(release.pk, ())]
