"""Bills for what licensees report: units that they used, and shares of what they earned."""

import hashlib
import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from marketplace.checkout import operations
from marketplace.checkout.gateways.base import GatewayUnavailable
from marketplace.checkout.lines import DECLINED
from marketplace.checkout.models import Order, OrderLine, PaymentOutcome
from marketplace.checkout.placing import bill_row, write_order
from marketplace.licensing import pricing, pricing_queries
from marketplace.licensing.holdings import UsageReport
from marketplace.licensing.models import Grant, OfferPrice
from marketplace.licensing.rules import PRICE_LIMIT_MINOR
from marketplace.ui.words import Values, Words, Written, gettext_noop

log = logging.getLogger(__name__)


def bill_usage(*, now: datetime) -> int:
    """This will bill what was reported before this month (UTC) and not paid yet; tells how many bills were paid.

    A studio gets one bill for a currency and a way to pay: that of the order that the license came of. A bill that is
    declined is sent again next month. Units cost what they cost when they were reported.
    """
    month = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    groups: dict[tuple[UUID, str, str], list[UsageReport]] = {}
    for report in _unpaid(month):
        first = _order_behind(report.grant)
        if first is None:
            log.warning("report %s waits: nobody left a way to pay for license %s", report.pk, report.grant_id)
            continue
        groups.setdefault((report.grant.studio_id, report.grant.offer.currency, first.method), []).append(report)
    paid = 0
    for reports in groups.values():
        try:
            order = _bill([report.pk for report in reports], month, now)
            if order is not None:
                paid += operations.pay(order=order, now=now).outcome != PaymentOutcome.DECLINED
        except GatewayUnavailable as error:
            log.warning("a bill waits for the gateway: %s", error)
        except Exception:
            # One bill that cannot be written must not hold up those behind it.
            log.exception("reports %s are not billed", [str(report.pk) for report in reports])
    return paid


def _unpaid(month: datetime) -> QuerySet[UsageReport]:
    """Finds what was reported before the month, is in no order that is open or paid, and was not declined since."""
    billed = OrderLine.objects.filter(report__isnull=False)
    rows = UsageReport.objects.filter(reported_at__lt=month, grant__offer__model__in=pricing.BILLED_LATER)
    rows = rows.exclude(pk__in=billed.exclude(DECLINED).values("report"))
    rows = rows.exclude(pk__in=billed.filter(order__placed_at__gte=month).values("report"))
    related = ("grant__offer__release__pack", "grant__studio", "grant__project")
    return rows.select_related(*related).order_by("reported_at", "id")


def _order_behind(grant: Grant) -> Order | None:
    """Finds the order that a license came of, or else the studio's newest, where a way to pay was kept."""
    source = grant.source.removeprefix("order-line:")
    if source != grant.source:
        line = OrderLine.objects.filter(pk=source).select_related("order").first()
        if line is not None and line.order.method:
            return line.order
    return Order.objects.filter(studio=grant.studio).exclude(method="").order_by("-placed_at", "-id").first()


@transaction.atomic
def _bill(keys: Sequence[UUID], month: datetime, now: datetime) -> Order | None:
    """Writes the order for reports of one studio, and says line by line what for; None where nothing is left."""
    # Of two who bill at once, the second waits here and finds nothing left.
    list(UsageReport.objects.filter(pk__in=keys).order_by("pk").select_for_update(no_key=True).values_list("pk"))
    reports = list(_unpaid(month).filter(pk__in=keys))
    priced = [(report, *_priced(report)) for report in reports]
    priced = [one for one in priced if one[1] <= PRICE_LIMIT_MINOR]
    if not priced:
        return None
    first = _order_behind(reports[0].grant)
    assert first is not None
    named = hashlib.sha256("\n".join(sorted(str(report.pk) for report, *_rest in priced)).encode()).hexdigest()
    order = write_order(
        studio=reports[0].grant.studio,
        buyer=first.buyer,
        currency=reports[0].grant.offer.currency,
        total_minor=sum(price_minor for _report, price_minor, _lines, _row in priced),
        token=first.method,
        idempotency_key=f"usage:{month:%Y-%m}:{named[:32]}",
        request=named,
        now=now,
    )
    OrderLine.objects.bulk_create(
        bill_row(order=order, place=place, report=report, price_minor=price_minor, lines=lines, price=row)
        for place, (report, price_minor, lines, row) in enumerate(priced)
    )
    return order


def _priced(report: UsageReport) -> tuple[int, Sequence[Words], OfferPrice]:
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
        return pricing.share_of(report.quantity, offer.share_ppb), [words], row
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
    return pricing.used(report.quantity, unit), [words], row


def bills_for(grants: Iterable[Grant]) -> QuerySet[OrderLine]:
    """This will list the lines that bill what was reported under licenses, newest first."""
    rows = OrderLine.objects.filter(kind=OrderLine.USAGE, replaces__in=list(grants))
    return rows.select_related("order__outcome", "report").order_by("-order__placed_at", "position")
