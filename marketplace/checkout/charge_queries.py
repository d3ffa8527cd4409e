"""Questions about what uses cost and what they earn; none writes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.db.models import BigIntegerField, Count, F, Prefetch, Q, QuerySet, Sum
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from marketplace.checkout.charges import UsageCharge, UsageChargeLine, UsageRoyalty
from marketplace.checkout.models import OrderLine
from marketplace.compositions.models import LockedPack
from marketplace.compositions.uses import UsageEvent
from marketplace.licensing.models import Grant
from marketplace.payouts.models import SplitShare
from marketplace.people.models import Creator, Studio

PAGE_SIZE = 24
MONTHS_SHOWN = 36
RECIPES_SHOWN = 100

FREE, TO_BILL, OPEN, PAID, DECLINED = "free", "to-bill", "open", "paid", "declined"
"""Where the money of a line is."""


@dataclass(frozen=True, slots=True)
class Month:
    """What the uses of one month cost a studio in one currency, in minor units."""

    month: date
    studio: Studio
    currency: str
    charges: int
    events: int
    amount_minor: int


def months_of(studios: Iterable[Studio]) -> list[Month]:
    """This will add up what uses cost studios, month by month, the newest first."""
    by_id = {studio.pk: studio for studio in studios}
    rows = UsageCharge.objects.filter(grant__studio__in=by_id).values_list("month", "grant__studio", "currency")
    rows = rows.annotate(n=Count("pk"), uses=Sum("events"), all=Sum("amount_minor"))
    found = rows.order_by("-month", "grant__studio__name", "grant__studio", "currency")[:MONTHS_SHOWN]
    return [Month(month, by_id[studio], *rest) for month, studio, *rest in found]


def running(studios: Iterable[Studio], month: date) -> int:
    """This will count the uses of a month that is not over."""
    return UsageEvent.objects.filter(studio__in=list(studios), month=month).count()


_RELATED = ("price", "grant__studio", "grant__release__pack__creator", "grant__terms", "grant__project")


def charges_of(
    studios: Iterable[Studio], month: date, *, after: str = "", size: int = PAGE_SIZE
) -> tuple[Sequence[UsageCharge], str | None]:
    """This will list the charges of a month, by studio and pack, each with its lines at hand, and where to go on."""
    lines = UsageChargeLine.objects.select_related("release__pack__creator").order_by("position")
    rows = UsageCharge.objects.filter(grant__studio__in=list(studios), month=month).select_related(*_RELATED)
    rows = rows.prefetch_related(Prefetch("lines", lines)).defer("grant__release__manifest")
    if _is_uuid(after):
        rows = rows.filter(pk__gt=after)
    found = list(rows.order_by("pk")[: size + 1])
    return found[:size], str(found[size - 1].pk) if len(found) > size else None


def charge_of(studios: Iterable[Studio], charge_id: UUID | str) -> UsageCharge | None:
    """This will find a charge of studios, with its lines and who earns of each; others are not there."""
    earned = UsageRoyalty.objects.select_related("payee").order_by("-amount_minor", "payee__handle")
    lines = UsageChargeLine.objects.select_related("release__pack__creator").prefetch_related(
        Prefetch("royalties", earned)
    )
    rows = UsageCharge.objects.filter(grant__studio__in=list(studios), pk=charge_id).select_related(*_RELATED)
    return rows.prefetch_related(Prefetch("lines", lines.order_by("position"))).first()


def states_of(lines: Iterable[UsageChargeLine]) -> dict[UUID, str]:
    """This will tell, for each line, whether it is free, to be billed, billed and open, paid or declined; one query."""
    found = list(lines)
    states = {line.pk: TO_BILL if line.amount_minor else FREE for line in found}
    rows = OrderLine.objects.filter(charge_line__in=found).order_by("order__placed_at", "order_id")
    for line, outcome in rows.values_list("charge_line", "order__outcome__outcome"):
        states[line] = {None: OPEN, "declined": DECLINED}.get(outcome, PAID)
    return states


def charges_with_limits(grant: Grant) -> dict[date, UsageCharge]:
    """This will give the charges of a license that count what is reported as well: those with a least or a most."""
    limits = Q(price__month_minimum_minor__gt=0) | Q(price__month_cap_minor__gt=0)
    return {charge.month: charge for charge in UsageCharge.objects.filter(limits, grant=grant)}


def _painted(charge: UsageCharge) -> QuerySet[UsageEvent]:
    locks = LockedPack.objects.filter(grant=charge.grant_id).values("lock")
    return UsageEvent.objects.filter(month=charge.month, lock__in=locks, counts__has_key=charge.unit)


def recipes_in(charge: UsageCharge) -> list[tuple[str, str, int, int]]:
    """This will add up the uses of a charge by recipe, the most first: (digest, title, uses, units)."""
    units = Cast(KeyTextTransform(charge.unit, "counts"), BigIntegerField())
    rows = _painted(charge).values_list("lock", "lock__title").annotate(n=Count("pk"), units=Sum(units))
    return list(rows.order_by("-units", "lock")[:RECIPES_SHOWN])


def uses_in(charge: UsageCharge, *, after: str = "", size: int = PAGE_SIZE) -> tuple[Sequence[UsageEvent], str | None]:
    """This will list each use of a charge, the newest first, and where to go on."""
    return _page(_painted(charge).select_related("lock", "batch"), after, size)


def _page(rows: QuerySet[UsageEvent], after: str, size: int) -> tuple[Sequence[UsageEvent], str | None]:
    if after.isdecimal() and len(after) < 19:
        rows = rows.filter(pk__lt=int(after))
    found = list(rows.order_by("-pk")[: size + 1])
    return found[:size], str(found[size - 1].pk) if len(found) > size else None


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


# --- creators -------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Earned:
    """What the uses of one work in a month earn a creator, under prices in one currency and by one kind of line."""

    release_id: UUID
    kind: str
    unit: str
    currency: str
    charges: int
    quantity: int
    amount_minor: int
    fee_minor: int
    earned_minor: int


@dataclass(frozen=True, slots=True)
class Seen:
    """One use of a recipe with works that a creator shares in; `about` is currency → what it earns, rounded down."""

    event: UsageEvent
    packs: Sequence[LockedPack]
    about: Mapping[str, int]


def earned_in(creator: Creator, month: date) -> list[Earned]:
    """This will add up what the uses of a month earn a creator, the most first; a share in what others sell too."""
    rows = UsageRoyalty.objects.filter(payee=creator, line__charge__month=month)
    rows = rows.values_list("line__release", "line__kind", "line__charge__unit", "line__charge__currency").annotate(
        charges=Count("line"),
        quantity=Sum("line__charge__quantity"),
        amount=Sum("line__amount_minor"),
        fee=Sum("line__fee_minor"),
        earned=Sum("amount_minor"),
    )
    return [Earned(*row) for row in rows.order_by("-earned", "line__release", "line__kind", "line__charge__currency")]


def months_earned(creator: Creator) -> list[date]:
    """This will list the months whose uses earn a creator something, the newest first."""
    rows = UsageRoyalty.objects.filter(payee=creator).values_list("line__charge__month", flat=True)
    return list(rows.distinct().order_by("-line__charge__month")[:MONTHS_SHOWN])


def uses_seen(
    creator: Creator, month: date, *, after: str = "", size: int = PAGE_SIZE
) -> tuple[Sequence[Seen], str | None]:
    """This will list each use in a month of recipes with works that a creator shares in, the newest first.

    What a use earns is its part, by units, of what the month earns: the parts are rounded down, the month is exact.
    """
    royalties = UsageRoyalty.objects.filter(payee=creator, line__charge__month=month)
    shares = Q(release__split__in=SplitShare.objects.filter(payee=creator).values("split"))
    mine = shares | Q(grant__in=royalties.values("line__charge__grant"))
    locks = LockedPack.objects.filter(mine).values("lock")
    events, more = _page(UsageEvent.objects.filter(month=month, lock__in=locks).select_related("studio"), after, size)
    packs: dict[str, list[LockedPack]] = {event.lock_id: [] for event in events}
    rows = LockedPack.objects.filter(mine, lock__in=packs).select_related("release__pack__creator")
    for pack in rows.defer("release__manifest").order_by("lock", "position"):
        packs[pack.lock_id].append(pack)
    grants = {pack.grant_id for found in packs.values() for pack in found if pack.grant_id}
    rates = {
        grant: (unit, currency, quantity, earned)
        for grant, unit, currency, quantity, earned in royalties.filter(line__charge__grant__in=grants)
        .values_list("line__charge__grant", "line__charge__unit", "line__charge__currency", "line__charge__quantity")
        .annotate(earned=Sum("amount_minor"))
        .order_by(F("line__charge__grant"))
    }
    return [Seen(event, packs[event.lock_id], _about(event, packs[event.lock_id], rates)) for event in events], more


def _about(
    event: UsageEvent, packs: Sequence[LockedPack], rates: Mapping[UUID, tuple[str, str, int, int]]
) -> dict[str, int]:
    about: dict[str, int] = {}
    for grant in {pack.grant_id for pack in packs if pack.grant_id in rates}:
        unit, currency, quantity, earned = rates[grant]
        part = earned * int(event.counts.get(unit, 0)) // quantity if quantity else 0
        about[currency] = about.get(currency, 0) + part
    return about
