"""What a license is worth as credit for the one that takes its place: what is left of what was paid; never writes.

Each upgrade takes over what was left of the one before as credit, and each added seat is an upgrade: there may be
thousands of them. They are found in one query and weighed from the first to the last, in a loop.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import Sum

from marketplace.checkout import line_money
from marketplace.checkout.models import Order, OrderLine
from marketplace.checkout.refunds import RefundIntent
from marketplace.licensing import pricing
from marketplace.licensing.models import Grant

RESTORED = "restored:"
"""How the source of a license begins that is there again since the price of its upgrade went back; its line follows."""

_CHAIN = f"""
WITH RECURSIVE chain (number, grant_id, line_id, is_restored, counts, before_id) AS (
    SELECT 0, NULL::uuid, NULL::uuid, false, false, %(grant)s::uuid
     UNION ALL
    SELECT c.number + 1, g.id, l.id, here.is_restored, NOT here.is_passed,
           CASE WHEN here.is_passed THEN g.replaces_id WHEN l.credit_minor > 0 THEN l.replaces_id END
      FROM chain c JOIN licensing_grant g ON g.id = c.before_id
     CROSS JOIN LATERAL (
           SELECT starts_with(g.source, '{RESTORED}') AS is_restored,
                  c.is_restored OR starts_with(g.source, '{RESTORED}') OR g.kind = '{Grant.TRANSFER}' AS is_passed) here
      LEFT JOIN checkout_orderline l
        ON l.id = CASE WHEN starts_with(g.source, 'order-line:') THEN substr(g.source, 12)::uuid END)
SELECT grant_id, line_id, counts FROM chain WHERE number > 0 ORDER BY number
"""
# From a license (%(grant)s) to those whose credit it took, the newest first. One that was passed on stands for what was
# paid where it was bought, and does not count. Nor does one that is there again, and the upgrade in whose place that
# is: they stand for what was there before. The uuid is cut out of the source, as only so its line is found by its key.


@dataclass(frozen=True)
class _Link:
    """A license that was paid for: what is left of its price, and the line with the credit that it took, if any."""

    grant: Grant
    line: OrderLine | None
    left_minor: int


def worth_of(grant: Grant, *, at: datetime) -> int:
    """This will tell what a license is worth at a moment, in minor units of its currency: for the time that is left of
    it, rounded down, what its buyer paid and did not get back.

    Money that was refunded, is on its way back, or was taken by a bank is no credit, of the license itself or of those
    before it whose credit it took. One that was passed on is worth what it was where it was paid, for its whole time.
    """
    return _worth(_links(grant.pk), at)


def credit_left(line: OrderLine) -> int:
    """This will tell how much of the credit that a line was given still stands: what it would be given now, had it been
    placed after all that went back since."""
    if not line.credit_minor or line.replaces_id is None:
        return 0
    return min(line.credit_minor, _worth(_links(line.replaces_id), line.order.placed_at))


def lock_credit(lines: Iterable[OrderLine]) -> None:
    """This will let nothing of what the credit of an order's lines came of go back, until the transaction ends."""
    before = [line.replaces_id for line in lines if line.credit_minor and line.replaces_id is not None]
    paid = [line_id for grant_id in before for _grant, line_id, _counts in _chain(grant_id)]
    if not paid:
        return
    # All at once, in the order of their ids, so that two who lock some of the same wait for one another in one line.
    # Refunds and disputes lock one order and no second. A payment has locked its own order before, which nobody waits
    # for here: nothing is granted for it yet, so that it is in no chain.
    orders = OrderLine.objects.filter(pk__in=paid).values("order")
    list(Order.objects.filter(pk__in=orders).order_by("pk").select_for_update(no_key=True).values_list("pk"))


def _chain(grant_id: UUID) -> list[tuple[UUID, UUID | None, bool]]:
    """Finds a license and those whose credit it took, the newest first: license, order line, whether it counts."""
    with connection.cursor() as cursor:
        cursor.execute(_CHAIN, {"grant": grant_id})
        return list(cursor.fetchall())


def _links(grant_id: UUID) -> list[_Link]:
    """Finds those that count, the newest first, in five queries however many there are."""
    found = [(grant, line) for grant, line, counts in _chain(grant_id) if counts]
    grants = Grant.objects.only("price_minor", "starts_at", "ends_at").in_bulk([grant for grant, _line in found])
    lines = OrderLine.objects.select_related("order").in_bulk([line for _grant, line in found if line is not None])
    # What is on its way comes first: what is booked as gone meanwhile is then taken off twice, rather than not at all.
    going = RefundIntent.objects.filter(line__in=lines, outcome=None).values_list("line")
    under_way = dict(going.annotate(all=Sum("amount_minor")))
    left = line_money.left_of_lines(lines.values())
    links = []
    for grant_key, line_key in found:
        grant, line = grants[grant_key], None if line_key is None else lines[line_key]
        if line is None:
            links.append(_Link(grant, None, grant.price_minor))
        else:
            left_minor = max(0, left.get(line.pk, 0) - int(under_way.get(line.pk, 0)))
            links.append(_Link(grant, line, _price_left(line, left_minor)))
    return links


def _worth(links: Sequence[_Link], at: datetime) -> int:
    """Weighs them from the first on: each at the moment at which the next was ordered, the last one at `at`."""
    moments = [at, *(link.line.order.placed_at for link in links if link.line is not None)]
    worth_minor = 0
    for link, moment in reversed(list(zip(links, moments, strict=False))):
        credit_minor = min(link.line.credit_minor, worth_minor) if link.line is not None else 0
        grant = link.grant
        worth_minor = pricing.credit_of(
            link.left_minor + credit_minor, starts_at=grant.starts_at, ends_at=grant.ends_at, at=moment
        )
    return worth_minor


def _price_left(line: OrderLine, left_minor: int) -> int:
    """Tells what is left of a line's price without the tax on top of it, in proportion to all that was paid for it,
    rounded down."""
    gross_minor = line.gross_minor
    return line.price_minor if left_minor >= gross_minor else line.price_minor * left_minor // gross_minor
