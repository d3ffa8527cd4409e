"""Exclusive licenses: nobody else is licensed the pack in these fields and territories during that time.

What it covers is kept as sets of numbers, which the database compares: `NUMBERS` says which word has which. It goes by
pack, field, territory and time, whatever the medium.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Count, Exists, Max, OuterRef, Q
from django.utils.translation import gettext as _
from psycopg.types.multirange import Int4Multirange
from psycopg.types.range import Int4Range, TimestamptzRange

from marketplace.licensing import chain_closing, rules
from marketplace.licensing.chain_offer_models import ChainOffer, ChainOfferClosing
from marketplace.licensing.holdings import Exclusivity
from marketplace.licensing.models import Grant, GrantStatus, Offer
from marketplace.licensing.terms import vocabulary
from marketplace.licensing.terms.document import read_terms
from marketplace.licensing.terms.model import Scope, Terms
from marketplace.licensing.terms.words import words_for
from marketplace.people.models import Studio
from marketplace.ui.formats import date_text, sentence
from marketplace.ui.words import Words, gettext_noop

_FIELD_WORDS = (
    "advertising",
    "animation",
    "architecture",
    "comics",
    "education",
    "film",
    "game",
    "live-events",
    "merchandise",
    "music",
    "news",
    "personal",
    "publishing",
    "research",
    "social-media",
    "software",
    "television",
)


def _country_number(code: str) -> int:
    """Two letters as a number of base 26: AA is 0, ZZ is 675, whatever countries there come to be."""
    first, second = (ord(letter) - ord("A") for letter in code)
    return first * 26 + second


NUMBERS: Mapping[str, Mapping[str, int]] = {
    "fields": {word: number for number, word in enumerate(_FIELD_WORDS)},
    "territory": {code: _country_number(code) for code in sorted(vocabulary.TERRITORIES)},
}
"""The number of each word, for ever: the database holds sets of them. A new word gets the next number, none another."""

_COVERED = {"fields": gettext_noop("all fields"), "territory": gettext_noop("all territories")}


class UnableToGrantExclusively(Exception):
    """Somebody has the pack exclusively in part of what is asked for; nothing was granted and nothing charged.

    `studio` is who cannot have it; `taken` what stands against it. Who holds that is nobody else's business.
    """

    code = "exclusivity-taken"

    def __init__(self, offer: Offer, studio: Studio, taken: Exclusivity, terms: Terms) -> None:
        self.offer, self.studio, self.taken = offer, studio, taken
        self.until = taken.during.upper
        values = {
            "studio": studio.name,
            "pack": str(offer.release.pack),
            "fields": _overlap("fields", terms.fields, taken.fields),
            "territory": _overlap("territory", terms.territory, taken.territory),
            "until": date_text(self.until) if self.until else "",
        }
        super().__init__(self._template(taken.studio_id == studio.pk) % values)

    def _template(self, is_own: bool) -> str:
        if is_own and self.until:
            return _("%(studio)s already has %(pack)s exclusively for %(fields)s in %(territory)s until %(until)s.")
        if is_own:
            return _("%(studio)s already has %(pack)s exclusively for %(fields)s in %(territory)s, without end.")
        if self.until:
            return _(
                "%(studio)s cannot license %(pack)s for %(fields)s in %(territory)s: it is taken exclusively until"
                " %(until)s; choose another pack, or other fields, territories or days."
            )
        return _(
            "%(studio)s cannot license %(pack)s for %(fields)s in %(territory)s: it is taken exclusively without"
            " end; choose another pack, or other fields or territories."
        )


def numbers_of(dimension: str, scope: Scope) -> Int4Multirange:
    """This will write a scope as the set of numbers of its words; what has all but some reaches to infinity."""
    named = sorted(NUMBERS[dimension][code] for code in scope.codes)
    if not scope.all_but:
        return Int4Multirange(_joined(named))
    bounds = [None, *named]
    gaps = [Int4Range(None if low is None else low + 1, high) for low, high in zip(bounds, [*named, None], strict=True)]
    return Int4Multirange([one for one in gaps if one.lower is None or one.upper is None or one.lower < one.upper])


def _joined(numbers: list[int]) -> Iterator[Int4Range]:
    """Gives ranges without gaps, as PostgreSQL itself writes a set of numbers."""
    start = None
    for place, number in enumerate(numbers):
        start = number if start is None else start
        if place + 1 == len(numbers) or numbers[place + 1] != number + 1:
            yield Int4Range(start, number + 1)
            start = None


def _overlap(dimension: str, scope: Scope, taken: Int4Multirange) -> str:
    """Says which words are in both."""
    both = frozenset(
        code for code in scope.within(vocabulary.SCOPES[dimension]) if is_in(NUMBERS[dimension][code], taken)
    )
    if both == vocabulary.SCOPES[dimension]:
        return _(_COVERED[dimension])
    return sentence(Words("%(codes)s", {"codes": words_for(dimension, both)}))


def is_in(number: int, numbers: Int4Multirange) -> bool:
    """This will tell whether a number is in a set of them."""
    return any(
        (one.lower is None or one.lower <= number) and (one.upper is None or number < one.upper) for one in numbers
    )


@lru_cache(maxsize=1024)
def _read(document: bytes) -> Terms:
    return read_terms(document)


def terms_of(offer: Offer) -> Terms:
    """This will read the terms of an offer."""
    return _read(bytes(offer.terms.document))


def standing(
    *,
    terms: Terms,
    pack: object,
    starts_at: datetime,
    ends_at: datetime | None,
    but: Studio | None = None,
    but_chain: str = "",
) -> Exclusivity | None:
    """This will find what is taken exclusively of a pack and overlaps terms in a time; the last to end, if several.

    What a studio has, or what is of one chain, is left out.
    """
    rows = Exclusivity.objects.filter(
        pack=pack, ended_at=None, during__overlap=TimestamptzRange(starts_at, ends_at)
    ).extra(
        where=[
            "licensing_exclusivity.fields && %s::int4multirange",
            "licensing_exclusivity.territory && %s::int4multirange",
        ],
        params=[numbers_of("fields", terms.fields), numbers_of("territory", terms.territory)],
    )
    rows = rows.exclude(chain=but_chain)
    found = [row for row in rows.select_related("studio") if but is None or row.studio_id != but.pk]
    return max(found, key=lambda row: (row.during.upper is None, row.during.upper or 0), default=None)


def lock_packs(*, offers: Iterable[Offer]) -> None:
    """This will let nobody else take the packs of these offers exclusively until the transaction ends.

    Where one of them is exclusive, others wait with every license of that pack. Packs are locked in one order, so that
    nobody waits in a circle: who licenses several calls this first.
    """
    packs: dict[str, bool] = {}
    for offer in offers:
        pack = str(offer.release.pack_id)
        packs[pack] = packs.get(pack, False) or terms_of(offer).exclusive
    with connection.cursor() as cursor:
        for pack, is_exclusive in sorted(packs.items()):
            name = "pg_advisory_xact_lock" if is_exclusive else "pg_advisory_xact_lock_shared"
            cursor.execute(f"SELECT {name}(licensing_lock_of(%s::uuid))", [pack])


def check_exclusivity(
    *, offer: Offer, studio: Studio, starts_at: datetime, ends_at: datetime | None, upgrades: Grant | None = None
) -> None:
    """This will raise UnableToGrantExclusively where somebody has exclusively what a license would cover.

    An exclusive license is in its own studio's way too, unless it is the one that is upgraded. In a transaction,
    nobody takes it until that ends.
    """
    terms = terms_of(offer)
    if not terms.exclusive:
        lock_packs(offers=[offer])
    but = None if terms.exclusive else studio
    taken = standing(
        terms=terms,
        pack=offer.release.pack_id,
        starts_at=starts_at,
        ends_at=ends_at,
        but=but,
        but_chain=_chain_of(upgrades, studio),
    )
    if taken is not None:
        raise UnableToGrantExclusively(offer, studio, taken, terms)


def _chain_of(upgrades: Grant | None, studio: Studio) -> str:
    """Names the chain of what a license that is upgraded has exclusively; nothing where it has nothing."""
    row = Exclusivity.objects.filter(grant=upgrades, studio=studio, ended_at=None).first() if upgrades else None
    return row.chain if row else ""


def _as_late_as_others(offer: Offer, now: datetime) -> datetime:
    """Tells when exclusivity is taken: not before what was granted of the pack already, by a clock that runs ahead."""
    ahead = Grant.objects.filter(release__pack=offer.release.pack_id, granted_at__gt=now)
    return max(now, ahead.aggregate(newest=Max("granted_at"))["newest"] or now)


@transaction.atomic
def take_exclusivity(
    *,
    offer: Offer,
    studio: Studio,
    source: str,
    starts_at: datetime,
    ends_at: datetime | None,
    now: datetime,
    upgrades: Grant | None = None,
) -> Exclusivity:
    """This will take what exclusive terms cover for a studio, so that nobody else pays for it; once for each `source`.

    What a license has that it `upgrades` stands beside it, until that is paid or given up. Raises
    UnableToGrantExclusively. Licenses given before stand beside it too: `earlier_grants` counts them.
    """
    there = Exclusivity.objects.filter(source=source).first()
    if there is not None:
        return there
    lock_packs(offers=[offer])
    period: Any = {"starts_at": starts_at, "ends_at": ends_at}
    check_exclusivity(offer=offer, studio=studio, upgrades=upgrades, **period)
    terms = terms_of(offer)
    try:
        with transaction.atomic():
            taken = Exclusivity.objects.create(
                pack_id=offer.release.pack_id,
                fields=numbers_of("fields", terms.fields),
                territory=numbers_of("territory", terms.territory),
                during=TimestamptzRange(starts_at, ends_at),
                studio=studio,
                source=source,
                chain=_chain_of(upgrades, studio) or source,
                taken_at=_as_late_as_others(offer, now),
            )
            _stop_on_chain(offer, terms, now)
            return taken
    except IntegrityError:  # licensing_exclusive_is_exclusive, where somebody took it without the lock
        check_exclusivity(offer=offer, studio=studio, upgrades=upgrades, **period)
        raise


def _stop_on_chain(offer: Offer, terms: Terms, now: datetime) -> None:
    """Closes what is sold on the chain of the pack and overlaps what is taken: nobody there sees what is taken here."""
    rows = ChainOffer.objects.filter(offer__release__pack=offer.release.pack_id).select_related("offer__terms")
    open_rows = chain_closing.open_now(rows, now)
    overlapping = {row.offer_id for row in open_rows if _overlaps(terms, terms_of(row.offer))}
    chain_closing.close_on_chain(offers=overlapping, reason=ChainOfferClosing.EXCLUSIVE, now=now)


def give_to_grant(*, source: str, grant: Grant) -> None:
    """This will give what was taken when it was ordered to the license that was paid for it."""
    Exclusivity.objects.filter(source=source, grant=None).update(grant=grant)


def taken_for(source: str) -> rules.Period | None:
    """This will tell for which time exclusivity stands that a source took."""
    row = Exclusivity.objects.filter(source=source, ended_at=None).first()
    return rules.Period(row.during.lower, row.during.upper) if row else None


def end_exclusivity(*, now: datetime, source: str = "", grant: Grant | None = None) -> int:
    """This will let others license what a source took, or a license has; doing it twice changes nothing."""
    mine = Q(grant=grant) if grant is not None else Q(source=source)
    return Exclusivity.objects.filter(mine, ended_at=None).update(ended_at=now)


def earlier_grants(*, offer: Offer, studio: Studio, starts_at: datetime, ends_at: datetime | None) -> int:
    """This will count other studios' licenses of the pack that stand and overlap what an exclusive offer covers.

    They were given before, and stay: who buys exclusively is told how many there are.
    """
    terms = terms_of(offer)
    ended = GrantStatus.objects.filter(grant=OuterRef("pk"), status__in=[GrantStatus.REVOKED, GrantStatus.SUPERSEDED])
    rows = Grant.objects.filter(~Exists(ended), release__pack=offer.release.pack_id).exclude(studio=studio)
    rows = rows.filter(Q(ends_at=None) | Q(ends_at__gt=starts_at))
    if ends_at is not None:
        rows = rows.filter(starts_at__lt=ends_at)
    counted = rows.values("terms__document").annotate(licenses=Count("pk"))
    return sum(row["licenses"] for row in counted if _overlaps(terms, _read(bytes(row["terms__document"]))))


def _overlaps(one: Terms, other: Terms) -> bool:
    return all(
        (getattr(one, dimension) & getattr(other, dimension)).within(vocabulary.SCOPES[dimension])
        for dimension in NUMBERS
    )
