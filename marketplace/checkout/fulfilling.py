"""What an order that was paid brings about, and what one that was given up lets go."""

from collections.abc import Sequence
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from marketplace.checkout import prepaid, subscriptions, worth
from marketplace.checkout.models import Order, OrderLine, SubscriptionEnd
from marketplace.licensing import exclusivity
from marketplace.licensing import operations as licensing
from marketplace.licensing import queries as licensing_queries
from marketplace.licensing.models import Grant, GrantStatus
from marketplace.payouts.operations import Sold, record_sales
from marketplace.payouts.rules import Money

REFUSALS = (licensing.UnableToGrant, exclusivity.UnableToGrantExclusively)
"""What says that the licenses of a paid order cannot be granted any more."""


def lines_of(order: Order) -> list[OrderLine]:
    """This will load what an order's payment and its licenses are about, in one query."""
    sold = ("offer__terms", "offer__release__split", "offer__release__pack__creator", "charge_line__release__split")
    used = ("charge_line__release__pack__creator", "charge_line__charge", "report")
    return list(order.lines.select_related(*sold, *used, "replaces", "project", "subscription__end"))


def fulfill(order: Order, lines: Sequence[OrderLine], now: datetime, *, method: str = "") -> None:
    """This will grant every line and book its sale, or that it is paid ahead, in the transaction of the payment.

    Reported use is billed under the license that there is. `method` is what the gateway says to charge next time.
    """
    sales = []
    worth.lock_credit(lines)
    for line in lines:
        _check_goes_on(line)
        if line.kind != OrderLine.USAGE:
            _grant(order, line, method, now)
        if line.price_minor and prepaid.is_ahead(line):
            prepaid.book_ahead(order=order, line=line, now=now)
        elif line.price_minor:
            release = line.offer.release if line.charge_line is None else line.charge_line.release
            sales.append(
                Sold(
                    source=line.source,
                    split=release.split,
                    gross=Money(line.gross_minor, order.currency),
                    tax_minor=line.tax_minor,
                    fee_minor=line.fee_minor,
                    tax_of=line.tax_of,
                    subject=f"release:{release.digest}",
                )
            )
    record_sales(sales=sales, now=now)


def _check_goes_on(line: OrderLine) -> None:
    """Raises UnableToGrant for a renewal that is paid after its subscription has ended: that money goes back."""
    if line.kind == OrderLine.RENEWAL and line.subscription is not None and hasattr(line.subscription, "end"):
        raise licensing.UnableToGrant(line.offer, _("The subscription has ended: nothing more is charged for it."))


def _grant(order: Order, line: OrderLine, method: str, now: datetime) -> None:
    former = _former(line)
    made = licensing.grant(
        offer=line.offer,
        studio=order.studio,
        source=line.source,
        now=now,
        ordered_at=order.placed_at,
        seats=line.seats,
        project=line.project,
        starts_at=line.starts_at,
        ends_at=line.ends_at,
        kind=Grant.NEW if line.kind == OrderLine.BUY else line.kind,
        replaces=subscriptions.grace_of(line) or line.replaces,
        price_minor=line.price_minor,
        currency=order.currency,
    )
    subscriptions.begin(line, made, now, method=method)
    if former in _REASONS:
        # What was taken off for the former license is disputed, or taken back, since this was ordered.
        licensing.set_status(grant=made, status=former, reason=_REASONS[former], now=now)
    if former == GrantStatus.REVOKED:
        for subscription in subscriptions.of_grants([made]):
            subscriptions.end(subscription, SubscriptionEnd.REVOKED, now=now)


def _former(line: OrderLine) -> str:
    """Tells how the license stands whose worth a line took off, "" where it took nothing; raises UnableToGrant where
    a part of that has gone back since."""
    if line.replaces is None or not line.credit_minor:
        return ""
    status = licensing_queries.status_of(line.replaces)
    if status not in _REASONS and worth.credit_left(line) < line.credit_minor:
        why = _("What was paid for the license %s went back in part since this was ordered: order it again.")
        raise licensing.UnableToGrant(line.offer, why % line.replaces.pk)
    return status


_REASONS = {
    GrantStatus.SUSPENDED: gettext_noop("The payment is disputed."),
    GrantStatus.REVOKED: gettext_noop("The payment was taken back."),
}


def let_go(order: Order, now: datetime) -> None:
    """This will free what an order took that is given up, and end a subscription whose renewal it was."""
    for line in order.lines.select_related("subscription"):
        exclusivity.end_exclusivity(source=line.source, now=now)
        if line.subscription is not None and line.kind == OrderLine.RENEWAL:
            subscriptions.end(line.subscription, SubscriptionEnd.DECLINED, now=now)
