"""What studios owe for use and revenue and have not paid yet, and how each is billed; nothing here writes."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from django.db.models import DateField, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import TruncMonth

from marketplace.checkout import charge_words
from marketplace.checkout.charges import UsageCharge, UsageChargeLine
from marketplace.checkout.lines import DECLINED
from marketplace.checkout.models import Order, OrderLine
from marketplace.licensing import pricing, pricing_queries
from marketplace.licensing.holdings import UsageReport
from marketplace.licensing.models import Grant, OfferPrice
from marketplace.licensing.rules import PRICE_LIMIT_MINOR
from marketplace.payouts.currencies import step_minor
from marketplace.ui.words import Values, Words, Written, gettext_noop

MOST_LINES = 10_000
"""How many lines an order has at most; a studio that owes more gets a second one."""


@dataclass(frozen=True, slots=True)
class Due:
    """One line of a bill to come: a report, or a line of what the uses of a month cost."""

    grant: Grant
    price_minor: int
    words: Sequence[Words]
    price: OfferPrice
    report: UsageReport | None = None
    charge_line: UsageChargeLine | None = None

    @property
    def key(self) -> UUID:
        return (self.report or self.charge_line).pk  # type: ignore[union-attr]

    @property
    def fee_minor(self) -> int | None:
        """Our fee where it is fixed already."""
        return min(self.charge_line.fee_minor, self.price_minor) if self.charge_line else None


def unpaid(month: datetime, keys: Iterable[UUID] | None = None) -> list[Due]:
    """This will list what was reported, or was used, before the month began, is in no order that is open or paid, and
    was not declined since; what costs nothing is not billed. With `keys` it looks at those only.

    Each license has its offer, studio and project.
    """
    reports, lines = unpaid_reports(month), unpaid_lines(month)
    if keys is not None:
        wanted = list(keys)
        reports, lines = reports.filter(pk__in=wanted), lines.filter(pk__in=wanted)
    found = [_of_report(report) for report in reports]
    rows = list(lines)
    fees = charge_words.contract_fees(
        {row.charge.grant.release_id for row in rows if row.kind == UsageChargeLine.CONTRACT}
    )
    found += [
        Due(
            row.charge.grant,
            row.amount_minor,
            charge_words.explained(row, fees),
            row.charge.price,
            charge_line=row,
        )
        for row in rows
    ]
    said = [_in_steps(due) for due in found if due.price_minor <= PRICE_LIMIT_MINOR]
    return [due for due in said if due.price_minor]


def _in_steps(due: Due) -> Due:
    """Rounds what is owed down to what can be charged: dinars go in steps of ten fils."""
    return replace(due, price_minor=due.price_minor - due.price_minor % step_minor(due.grant.offer.currency))


_GRANT = ("offer__release__pack", "studio", "project")


def unpaid_reports(month: datetime) -> QuerySet[UsageReport]:
    """This will find the reports among them: none that a month with a least or a most counts in its charge."""
    billed = OrderLine.objects.filter(report__isnull=False)
    counted = UsageCharge.objects.filter(
        Q(price__month_minimum_minor__gt=0) | Q(price__month_cap_minor__gt=0),
        grant=OuterRef("grant"),
        month=OuterRef("month"),
    )
    rows = UsageReport.objects.filter(reported_at__lt=month, grant__offer__model__in=pricing.BILLED_LATER)
    rows = rows.exclude(pk__in=billed.exclude(DECLINED).values("report"))
    rows = rows.exclude(pk__in=billed.filter(order__placed_at__gte=month).values("report"))
    rows = rows.annotate(month=TruncMonth("reported_at", output_field=DateField(), tzinfo=UTC))
    rows = rows.filter(~Exists(counted)).select_related(*(f"grant__{name}" for name in _GRANT))
    return rows.order_by("reported_at", "id")


def unpaid_lines(month: datetime) -> QuerySet[UsageChargeLine]:
    """This will find the lines of charges among them."""
    billed = OrderLine.objects.filter(charge_line=OuterRef("pk"))
    rows = UsageChargeLine.objects.filter(charge__month__lt=month.date(), amount_minor__gt=0)
    rows = rows.filter(~Exists(billed.exclude(DECLINED)), ~Exists(billed.filter(order__placed_at__gte=month)))
    related = ("release", "charge__price", *(f"charge__grant__{name}" for name in _GRANT))
    return rows.select_related(*related).order_by("charge__month", "charge__grant__granted_at", "charge_id", "position")


def orders_behind(grants: Iterable[Grant]) -> dict[UUID, Order]:
    """This will find, for each license, the order that it came of, or else its studio's newest, where a way to pay
    was kept; two queries for all, and licenses of studios that left none are missing. `kept_with` names that way."""
    found = list(grants)
    sources = {grant.pk: grant.source.removeprefix("order-line:") for grant in found if ":" in grant.source}
    named = [key for grant in found if (key := sources.get(grant.pk, "")) != grant.source and _is_id(key)]
    lines = OrderLine.objects.filter(pk__in=named).exclude(order__method="").select_related("order__buyer")
    of_line = {str(line.pk): line.order for line in lines}
    newest: dict[UUID, Order] = {}
    orders = Order.objects.filter(studio__in={grant.studio_id for grant in found}).exclude(method="")
    orders = orders.order_by("studio", "-placed_at", "-id").distinct("studio")
    for order in orders.select_related("buyer", "studio", "outcome"):
        newest[order.studio_id] = order
    behind = {grant.pk: of_line.get(sources.get(grant.pk, "")) or newest.get(grant.studio_id) for grant in found}
    return {key: order for key, order in behind.items() if order is not None}


def kept_with(order: Order) -> str:
    """This will name what an order left to be charged later: what the gateway said, or else what paid it."""
    outcome = getattr(order, "outcome", None)
    return outcome.method if outcome is not None and outcome.method else order.method


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def portions(dues: Sequence[Due]) -> Iterator[list[Due]]:
    """This will cut what is owed into bills that an order can hold."""
    portion: list[Due] = []
    total_minor = 0
    for due in dues:
        if portion and (len(portion) == MOST_LINES or total_minor + due.price_minor > PRICE_LIMIT_MINOR):
            yield portion
            portion, total_minor = [], 0
        portion.append(due)
        total_minor += due.price_minor
    if portion:
        yield portion


def _of_report(report: UsageReport) -> Due:
    """Prices a report by the price that counted when it was made, and says how."""
    offer = report.grant.offer
    row = pricing_queries.current(pricing_queries.price_history(offer), report.reported_at, {})
    days: Values = {
        "from": Written("day", report.from_day.isoformat()),
        "until": Written("day", report.until_day.isoformat()),
    }
    if offer.model == "revenue-share":
        said: Values = {
            **days,
            "share": Written("share", offer.share_ppb),
            "revenue": pricing.money(report.quantity, offer.currency),
        }
        words = Words(gettext_noop("%(share)s of %(revenue)s, earned from %(from)s to %(until)s"), said)
        return Due(report.grant, pricing.share_of(report.quantity, offer.share_ppb), [words], row, report=report)
    unit = pricing.price_of(
        model=offer.model,
        price_minor=row.price_minor,
        currency=offer.currency,
        tiers=pricing.read_tiers(row.tiers, model=offer.model),
        size=pricing_queries.size_of(report.grant.studio),
        unit=offer.unit,
    ).unit_minor
    said = {
        **days,
        "quantity": Written("number", report.quantity),
        "unit": offer.unit,
        "price": pricing.money(unit, offer.currency),
    }
    words = Words(gettext_noop("%(quantity)s × %(price)s for %(unit)s, from %(from)s to %(until)s"), said)
    return Due(report.grant, pricing.used(report.quantity, unit), [words], row, report=report)
