"""Paying creators what is available: reserve, send, record, each committed before the next."""

import logging
from collections import Counter
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.utils.translation import gettext as _

from marketplace.database.locks import alone
from marketplace.payouts.bookkeeping.books import credit, debit, lock_currency, post
from marketplace.payouts.bookkeeping.due import whom_due
from marketplace.payouts.bookkeeping.outcomes import BooksDisagree, alarm, record_refused, record_sent
from marketplace.payouts.checks.asking import require_checks
from marketplace.payouts.claims.publishing import publish_due
from marketplace.payouts.connected.stops import NOTHING_STOPS
from marketplace.payouts.models import AccountKind, Payout, PayoutOutcome, TransactionKind
from marketplace.payouts.proving import what_stops_payouts
from marketplace.payouts.rails import configured
from marketplace.payouts.rails.base import PagedRail, Rail, RailUnavailable, UnableToSend
from marketplace.payouts.rules import Money
from marketplace.payouts.terms import FREE, HOLDS
from marketplace.people.models import Creator

log = logging.getLogger(__name__)

Rails = dict[str, Rail | PagedRail]

SETTLING_LOCK = 0x5E771E  # the first half of an advisory lock's name; the currency is the second

RESERVED_AT_ONCE = 5_000
"""Creators whose payouts are reserved in one transaction; a settlement of more makes more of them."""

SENT_AT_ONCE = 1_000
"""Open payouts that are read at a time: what a settlement holds in memory."""


class UnableToSettle(Exception):
    """The rail gave no answer; the next run sends what is still open again, under the same keys."""

    code = "unable-to-settle"

    def __init__(self, payout: Payout, why: str) -> None:
        self.payout, self.why = payout, why
        super().__init__(
            _("The settlement stopped at %(key)s: %(why)s. Run it again.") % {"key": payout.idem_key, "why": why}
        )


class Settled(NamedTuple):
    """What a settlement did: payouts that the rail answered, and how many of them it refused.

    `held` open payouts wait because their creators' payouts are held. `busy` are currencies that another settlement
    was paying meanwhile, so that this one left them alone.
    """

    answered: int
    refused: int
    held: int
    busy: tuple[str, ...]


def settle(*, now: datetime, currency: str | None = None, creator: Creator | None = None) -> Settled:
    """Pay every creator to whom a payout is due, in one currency or in all of them.

    It is due when nothing holds their payouts, none of theirs is open, what is available has reached the threshold,
    and none was reserved since the newest moment of their schedule (see terms.py). A creator who is given is paid
    now, and nobody else, whatever schedule and threshold say; a hold still counts.

    Each creator is paid by the rail that they chose, else by the house's first; what was reserved for a rail is sent by
    that one. Payouts that an earlier settlement left open are sent first, under the keys they were reserved with. A
    payout is committed before the rail is called and its outcome after, so a settlement may be killed at any point and
    run again, and nobody is paid twice. A currency is settled by one at a time: who finds it taken leaves it alone. A
    refused payout gives the money back to its creator. Who is paid on chain gets no payout: what is due to all of
    them in a currency becomes one root (claims/publishing.py). Raises UnableToSettle at the first payout that the
    rail does not answer, and BooksDisagree, before the rail is called, when what is in flight in the books is not what
    open payouts are, and while the newest proof of the books has problems. Not to be called inside a transaction.
    """
    if why := what_stops_payouts():
        raise BooksDisagree(why)
    rails = configured.rails()
    counts: Counter[str] = Counter()
    busy = []
    _check_in_flight(currency)
    for code in [currency] if currency else _currencies():
        with alone(SETTLING_LOCK, code) as is_mine:
            if not is_mine:
                log.info("Another settlement is paying %s; this one leaves it alone.", code)
                busy.append(code)
                continue
            _pay(rails=rails, currency=code, creator=creator, counts=counts, now=now)
            counts["held"] += _held(code, rails)
            publish_due(currency=code, creator=creator, now=now)
    return Settled(counts["answered"], counts["refused"], counts["held"], tuple(busy))


def _pay(*, rails: Rails, currency: str, creator: Creator | None, counts: Counter[str], now: datetime) -> None:
    """Pay by each rail what is due; where one gives no answer the others pay, and that is raised after them."""
    refused_before = PayoutOutcome.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    silent: UnableToSettle | None = None
    for name, rail in rails.items():
        sent = {"rails": rails, "name": name, "currency": currency, "creator": creator, "counts": counts, "now": now}
        try:
            _send_open(**sent)
            _reserve_all(
                name=name, rail=rail, currency=currency, creator=creator, refused_before=refused_before, now=now
            )
            _check_in_flight(currency)
            _send_open(**sent)
        except UnableToSettle as silence:
            silent = silent or silence
    if silent is not None:
        raise silent


def send_open(*, now: datetime) -> Settled:
    """Ask again for what settlements asked a paged rail for and heard nothing of, and reserve nothing; as `settle`."""
    if why := what_stops_payouts():
        raise BooksDisagree(why)
    rails, counts, busy = configured.rails(), Counter[str](), []
    _check_in_flight(None)
    for code in _currencies():
        with alone(SETTLING_LOCK, code) as is_mine:
            if not is_mine:
                busy.append(code)
                continue
            for name in rails:
                _send_open(rails=rails, name=name, currency=code, creator=None, counts=counts, now=now, only=_BEGUN)
            counts["held"] += _held(code, rails)
    return Settled(counts["answered"], counts["refused"], counts["held"], tuple(busy))


def _stops(rail: Rail | PagedRail) -> str:
    return rail.stops if isinstance(rail, PagedRail) else NOTHING_STOPS


def _currencies() -> list[str]:
    """Return the currencies in which anybody has money available, a payout is open, or a root was published."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT currency FROM payouts_account WHERE kind = 'creator_available' AND balance_minor > 0
             UNION SELECT p.currency FROM payouts_payout p
                    WHERE NOT EXISTS (SELECT FROM payouts_payout_outcome o WHERE o.payout_id = p.id)
             UNION SELECT currency FROM payouts_chain_book
             ORDER BY currency
            """
        )
        return [code for (code,) in cursor.fetchall()]


# One statement, so one snapshot: what is reserved or answered meanwhile is seen on both sides or on neither.
_IN_FLIGHT = """
SELECT currency, sum(posted)::bigint, sum(open)::bigint
  FROM (SELECT a.currency, -payouts_sum_of(a.id) AS posted, 0 AS open
          FROM payouts_account a WHERE a.kind = 'payout_in_flight'
         UNION ALL
        SELECT p.currency, 0, p.amount_minor FROM payouts_payout p
         WHERE NOT EXISTS (SELECT FROM payouts_payout_outcome o WHERE o.payout_id = p.id)) moved
 WHERE %(currency)s::text IS NULL OR currency = %(currency)s
 GROUP BY currency HAVING sum(posted) <> sum(open) ORDER BY currency LIMIT 1
"""


def _check_in_flight(currency: str | None) -> None:
    """Raise BooksDisagree where the books have not set aside what open payouts are."""
    with connection.cursor() as cursor:
        cursor.execute(_IN_FLIGHT, {"currency": currency})
        if off := cursor.fetchone():
            why = _("in %(currency)s the books have %(posted)s minor units in flight and open payouts are %(open)s")
            raise alarm(why % dict(zip(("currency", "posted", "open"), off, strict=True)))


# The payouts of a reservation are what it takes from each creator, under keys of their own.
_INTENTS = """
WITH taken AS MATERIALIZED (
    SELECT gen_random_uuid() AS id, a.owner_id, a.currency, p.amount_minor
      FROM payouts_posting p JOIN payouts_account a ON a.id = p.account_id
     WHERE p.transaction_id = %(transaction)s AND a.kind = 'creator_available'
)
INSERT INTO payouts_payout (id, creator_id, currency, amount_minor, released_through_id, reserved_at, idem_key, rail,
                            transaction_id)
SELECT id, owner_id, currency, amount_minor,
       (SELECT max(h.id) FROM payouts_hold_release h JOIN payouts_royalty_run r ON r.id = h.run_id
         WHERE r.currency = %(currency)s),
       %(now)s, 'payout:' || id, %(rail)s, %(transaction)s
  FROM taken
"""


def _reserve_all(*, refused_before: int, **given: Any) -> None:
    """Reserve for all to whom a payout by a rail is due, some at a time."""
    after: UUID | None = None
    while True:
        after = _reserve(after=after, refused_before=refused_before, **given)
        if after is None:
            break


@transaction.atomic(durable=True)
def _reserve(
    *,
    name: str,
    rail: Rail | PagedRail,
    currency: str,
    creator: Creator | None,
    after: UUID | None,
    refused_before: int,
    now: datetime,
) -> UUID | None:
    """Write the intents of the next creators, and move what they take to the payout account, in one transaction.

    Return the last of them where there may be more. What is less than a step of the rail stays available. A creator
    has one payout on its way at a time, so that it is known whose money each of them is.
    """
    lock_currency(currency)
    require_checks(now=now, currency=currency)
    asked = whom_due(
        currency=currency,
        creator=creator,
        after=after,
        refused_before=refused_before,
        on_chain=False,
        limit=RESERVED_AT_ONCE,
        now=now,
        rail=name,
        stops=_stops(rail),
    )
    step = rail.step(currency) if isinstance(rail, PagedRail) else 1
    due = [(owner_id, minor - minor % step) for owner_id, minor in asked if minor >= step]
    more = asked[-1][0] if len(asked) == RESERVED_AT_ONCE else None
    if not due:
        return more
    batch = uuid4()
    transaction_id = post(
        kind=TransactionKind.PAYOUT_RESERVE,
        source=f"settlement:{batch}",
        idem_key=f"payout-reserve:{batch}",
        currency=currency,
        legs=[
            *(debit(AccountKind.CREATOR_AVAILABLE, amount_minor, owner_id) for owner_id, amount_minor in due),
            credit(AccountKind.PAYOUT_IN_FLIGHT, sum(amount_minor for _, amount_minor in due)),
        ],
        now=now,
    )
    with connection.cursor() as cursor:
        cursor.execute(_INTENTS, {"transaction": transaction_id, "currency": currency, "rail": name, "now": now})
    return more


# Open payouts of a rail whose creators are not held, the next of them in the order in which they were reserved.
_OPEN = f"""
SELECT p.* FROM payouts_payout p
 CROSS JOIN LATERAL (SELECT p.creator_id AS owner_id, p.currency) who
 WHERE p.currency = %(currency)s AND NOT EXISTS (SELECT FROM payouts_payout_outcome o WHERE o.payout_id = p.id)
   AND p.rail = ANY (%(names)s::text[])
   AND (%(creator)s::uuid IS NULL OR p.creator_id = %(creator)s)
   AND (%(at)s::timestamptz IS NULL OR (p.reserved_at, p.creator_id, p.id) > (%(at)s, %(by)s::uuid, %(id)s::uuid))
   AND {FREE} AND NOT EXISTS (SELECT {{stops}}) {{only}}
 ORDER BY p.reserved_at, p.creator_id, p.id LIMIT %(limit)s
"""

_BEGUN = """
   AND EXISTS (SELECT FROM payouts_attempt t WHERE t.payout_id = p.id AND t.kind = 'transfer'
                  AND NOT EXISTS (SELECT FROM payouts_attempt_end e WHERE e.attempt_id = t.id))
"""

_MAY_BE_SENT = f"""
SELECT EXISTS (SELECT FROM payouts_payout p CROSS JOIN LATERAL (SELECT p.creator_id AS owner_id, p.currency) who
                WHERE p.id = %s AND NOT EXISTS (SELECT FROM payouts_payout_outcome o WHERE o.payout_id = p.id)
                  AND NOT EXISTS (SELECT {HOLDS}))
"""


def _send_open(
    *,
    rails: Rails,
    name: str,
    currency: str,
    creator: Creator | None,
    counts: Counter[str],
    now: datetime,
    only: str = "",
) -> None:
    """Send what is open of a rail, a page at a time, and count the answers; `only` is SQL for which."""
    rail, names = rails[name], _names(rails, name)
    place: tuple[object, object, object] = (None, None, None)
    sql = _OPEN.format(stops=_stops(rail), only=only)
    while True:
        params = {"currency": currency, "creator": creator and creator.pk, "names": names, "limit": SENT_AT_ONCE}
        payouts = list(Payout.objects.raw(sql, {**params, **dict(zip(("at", "by", "id"), place, strict=True))}))
        if isinstance(rail, PagedRail):
            _send_page(rail=rail, payouts=payouts, counts=counts, now=now)
        else:
            _send_each(rail=rail, payouts=payouts, counts=counts, now=now)
        if len(payouts) < SENT_AT_ONCE:
            return
        place = (payouts[-1].reserved_at, payouts[-1].creator_id, payouts[-1].pk)


def _send_page(*, rail: PagedRail, payouts: list[Payout], counts: Counter[str], now: datetime) -> None:
    """Send a page at once; where something of it was not answered, the rest of it was sent nevertheless."""
    page = rail.send_page(payouts=payouts, now=now)
    counts["answered"] += page.answered
    counts["refused"] += page.refused
    if page.silent is not None:
        raise UnableToSettle(page.silent, page.why)


def _send_each(*, rail: Rail, payouts: list[Payout], counts: Counter[str], now: datetime) -> None:
    for payout in payouts:
        with connection.cursor() as cursor:  # asked again: somebody may have held it a moment ago
            cursor.execute(_MAY_BE_SENT, [payout.pk])
            if not cursor.fetchone()[0]:
                continue
        counts["refused"] += not _send(rail=rail, payout=payout, now=now)
        counts["answered"] += 1


def _send(*, rail: Rail, payout: Payout, now: datetime) -> bool:
    """Send one payout and record the answer; return whether the rail took it on."""
    amount = Money(payout.amount_minor, payout.currency)
    try:
        sent = rail.send(key=payout.idem_key, creator_id=payout.creator_id, amount=amount)
    except RailUnavailable as silence:
        raise UnableToSettle(payout, silence.why) from silence
    except UnableToSend as refusal:
        record_refused(payout=payout, why=refusal.why, now=now)
        return False
    record_sent(payout=payout, sent=sent, funds=rail.funds, now=now)
    return True


_HELD = f"""
SELECT count(*) FILTER (WHERE p.rail = ANY (%(names)s::text[])
                          AND (EXISTS (SELECT {HOLDS}) OR EXISTS (SELECT {{stops}}))),
       count(*) FILTER (WHERE p.rail <> ALL (%(known)s::text[]))
  FROM payouts_payout p CROSS JOIN LATERAL (SELECT p.creator_id AS owner_id, p.currency) who
 WHERE p.currency = %(currency)s AND NOT EXISTS (SELECT FROM payouts_payout_outcome o WHERE o.payout_id = p.id)
"""


def _held(currency: str, rails: Rails) -> int:
    """Return how many open payouts wait because their creators' are held, or their rail is not set up any more."""
    held, strange = 0, 0
    with connection.cursor() as cursor:
        for name, rail in rails.items():
            params = {"currency": currency, "names": _names(rails, name), "known": ["", *rails]}
            cursor.execute(_HELD.format(stops=_stops(rail)), params)
            of_rail, strange = cursor.fetchone()
            held += of_rail
    if strange:
        log.error("%d payouts in %s were reserved for a rail that WORLDLOOM_PAYOUTS does not name.", strange, currency)
    return held + strange


def _names(rails: Rails, name: str) -> list[str]:
    """Return what a rail's payouts say of theirs: those from before there were many are the first's."""
    return [name, ""] if name == next(iter(rails)) else [name]
