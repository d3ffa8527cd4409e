"""Bills for use and revenue: what licensees report, and what the uses of their recipes cost."""

import hashlib
import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from marketplace.checkout import invoicing, methods, operations, rating
from marketplace.checkout.asking import UnableToBuySoLittle
from marketplace.checkout.charges import UsageChargeLine
from marketplace.checkout.gateways.base import GatewayUnavailable
from marketplace.checkout.invoicing import Due
from marketplace.checkout.models import Order, OrderLine, PaymentOutcome
from marketplace.checkout.placing import bill_row, check_least, write_order
from marketplace.checkout.taxes import ordering as taxes
from marketplace.checkout.taxes.base import TaxedLine
from marketplace.checkout.taxes.faults import TaxUnavailable
from marketplace.licensing.holdings import UsageReport
from marketplace.licensing.models import Grant

log = logging.getLogger(__name__)


def bill_usage(*, now: datetime) -> int:
    """This will rate the months that are over, and bill what was used and reported before this month (UTC) and is not
    paid yet; tells how many bills were paid.

    A studio gets one bill for a currency and a way to pay: the card that was kept with the order that the license came
    of, or where there is none any more, what the studio uses where it says nothing. A bill that is declined is tried
    again for some days (past_due.py); what is still not paid then is on the next month's, and so is what comes to less
    than the gateway takes. Units that are reported cost what they cost then; what recipes use, docs/usage.md says.
    """
    try:
        rating.rate_months(now=now)
    except Exception:
        # What was rated before, and what is reported, is owed all the same.
        log.exception("the uses of the last months are not rated")
    month = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    dues = invoicing.unpaid(month)
    behind = invoicing.orders_behind({due.grant.pk: due.grant for due in dues}.values())
    groups: dict[tuple[UUID, str, str], list[Due]] = {}
    tokens: dict[tuple[UUID, str], str] = {}
    for due in dues:
        first = behind.get(due.grant.pk)
        if first is None:
            log.warning("%s waits: nobody left a way to pay for license %s", due.key, due.grant.pk)
            continue
        kept = invoicing.kept_with(first)
        token = tokens.get((first.studio_id, kept))
        if token is None:
            token = tokens[first.studio_id, kept] = methods.to_charge(first.studio, kept)
        groups.setdefault((due.grant.studio_id, due.grant.offer.currency, token), []).append(due)
    return sum(
        _paid(portion, behind[portion[0].grant.pk], token, month, now)
        for (_studio, _coin, token), group in groups.items()
        for portion in invoicing.portions(group)
    )


def _paid(dues: Sequence[Due], first: Order, token: str, month: datetime, now: datetime) -> bool:
    """Bills and charges; what cannot be billed must not hold up what is behind it."""
    try:
        ahead = taxes.asked_ahead_for(_lines(dues), _currency(dues), studio=dues[0].grant.studio, now=now)
        order = _bill([due.key for due in dues], first, token, month, now, ahead)
        outcome = operations.pay(order=order, now=now) if order is not None else None
        return outcome is not None and outcome.outcome != PaymentOutcome.DECLINED
    except GatewayUnavailable as error:
        log.log(error.level(f"bill {dues[0].key}"), "a bill waits for the gateway: %s", error)
    except UnableToBuySoLittle as error:
        log.info("a bill waits for more to come: %s", error)
    except TaxUnavailable as error:
        log.warning("a bill waits for its taxes: %s", error.why)
    except Exception:
        log.exception("%s are not billed", [str(due.key) for due in dues])
    return False


def _lines(dues: Sequence[Due]) -> list[TaxedLine]:
    return [TaxedLine(due.price_minor, OrderLine.USAGE) for due in dues]


def _currency(dues: Sequence[Due]) -> str:
    return dues[0].grant.offer.currency


@transaction.atomic
def _bill(
    keys: Sequence[UUID], first: Order, token: str, month: datetime, now: datetime, ahead: taxes.Taxed | None
) -> Order | None:
    """Writes the order for what one studio owes, and says line by line what for; None where nothing is left."""
    # Of two who bill at once, the second waits here and finds nothing left.
    for table in (UsageReport, UsageChargeLine):
        rows = table.objects.filter(pk__in=keys)  # type: ignore[attr-defined]
        list(rows.order_by("pk").select_for_update(no_key=True).values_list("pk"))
    dues = invoicing.unpaid(month, keys)
    if not dues:
        return None
    taxed = taxes.taxed_lines(_lines(dues), _currency(dues), studio=dues[0].grant.studio, now=now, ahead=ahead)
    named = hashlib.sha256("\n".join(sorted(str(due.key) for due in dues)).encode()).hexdigest()
    total_minor = sum(due.price_minor for due in dues) + (taxed.added_minor if taxed else 0)
    check_least(total_minor, _currency(dues))
    order = write_order(
        studio=dues[0].grant.studio,
        buyer=first.buyer,
        currency=_currency(dues),
        total_minor=total_minor,
        token=token,
        idempotency_key=f"usage:{month:%Y-%m}:{named[:32]}",
        request=named,
        now=now,
    )
    rows = [
        bill_row(
            order=order,
            place=place,
            grant=due.grant,
            price_minor=due.price_minor,
            fee_minor=due.fee_minor,
            lines=due.words,
            price=due.price,
            report=due.report,
            charge_line=due.charge_line,
        )
        for place, due in enumerate(dues)
    ]
    for row, parts in zip(rows, taxed.answer.lines if taxed else (), strict=False):
        taxes.put_in(row, parts, is_included=taxed is not None and taxed.is_included)
    OrderLine.objects.bulk_create(rows, batch_size=1_000)
    taxes.write(order, rows, taxed)
    return order


def bills_for(grants: Iterable[Grant]) -> QuerySet[OrderLine]:
    """This will list the lines that bill what was reported or used under licenses, newest first."""
    rows = OrderLine.objects.filter(kind=OrderLine.USAGE, replaces__in=list(grants))
    return rows.select_related("order__outcome", "report").order_by("-order__placed_at", "position")
