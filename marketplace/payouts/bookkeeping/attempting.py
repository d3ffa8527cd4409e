"""Attempts to send payouts: written before the provider is asked, and what it answered, with the books, in one commit.

Set-based: a batch of hundreds is a few statements. What a crash leaves open is asked again under the same keys.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _

from marketplace.payouts.attempts import PayoutAttempt, PayoutAttemptEnd
from marketplace.payouts.bookkeeping.books import array_of, content_sha256, lock_currency
from marketplace.payouts.bookkeeping.coming_back import end_returned, record_reversal
from marketplace.payouts.bookkeeping.outcomes import MAX_REFERENCE, alarm
from marketplace.payouts.bookkeeping.unwinding import GIVEN_UP, WAITS, fail_given_up
from marketplace.payouts.connected.charges import divided
from marketplace.payouts.currencies import to_stripe
from marketplace.payouts.ids import time_ordered_ids
from marketplace.payouts.models import AccountKind, Payout, PayoutOutcome, PayoutState, TransactionKind
from marketplace.payouts.terms import HOLDS
from marketplace.provider.calls import Ask
from marketplace.provider.client import ProviderRefused
from marketplace.provider.looking import plain

Body = dict[str, Any]

# Open payouts that may be sent: who is held since a moment ago is left out.
_MAY_GO = f"""
       AND NOT EXISTS (SELECT FROM payouts_payout_outcome o WHERE o.payout_id = p.id)
       AND NOT EXISTS (SELECT FROM (SELECT p.creator_id AS owner_id, p.currency) who WHERE EXISTS (SELECT {HOLDS}))
"""
# The transfers of payouts for which none was ever tried: whole, or in the parts that are given, one a charge.
_FIRST = f"""
INSERT INTO payouts_attempt (payout_id, number, kind, key, account_id, part, amount_minor, charge, made_at)
SELECT p.id, w.part, 'transfer', 'payout:' || p.id || ':' || w.part, a.id, w.part, coalesce(w.minor, p.amount_minor),
       w.charge, %(now)s
  FROM unnest(%(payouts)s::uuid[], %(parts)s::int[], %(minors)s::bigint[], %(charges)s::text[])
           w (payout, part, minor, charge)
  JOIN payouts_payout p ON p.id = w.payout
  JOIN LATERAL (SELECT a.id FROM payouts_connected_account a WHERE a.creator_id = p.creator_id
                 ORDER BY a.number DESC LIMIT 1) a ON true
 WHERE NOT EXISTS (SELECT FROM payouts_attempt t WHERE t.payout_id = p.id) {_MAY_GO}
    ON CONFLICT DO NOTHING
"""
# The next transfer of each part whose last one was refused, to the creator's newest account. What a charge does not
# give, is sent from what is available. Nothing more of a payout of which a part was refused for good.
_AGAIN = f"""
INSERT INTO payouts_attempt (payout_id, number, kind, key, account_id, part, amount_minor, charge, made_at)
SELECT payout_id, number, 'transfer', 'payout:' || payout_id || ':' || number, account_id, part, amount_minor, charge,
       %(now)s
  FROM (SELECT t.payout_id, t.part, t.amount_minor, a.id AS account_id,
               CASE WHEN e.code = ANY (%(waits)s::text[]) THEN t.charge ELSE '' END AS charge,
               (SELECT max(x.number) FROM payouts_attempt x WHERE x.payout_id = t.payout_id)
                   + row_number() OVER (PARTITION BY t.payout_id ORDER BY t.part) AS number
          FROM payouts_attempt t JOIN payouts_attempt_end e ON e.attempt_id = t.id AND e.state = 'refused'
          JOIN payouts_payout p ON p.id = t.payout_id
          JOIN LATERAL (SELECT a.id FROM payouts_connected_account a WHERE a.creator_id = p.creator_id
                         ORDER BY a.number DESC LIMIT 1) a ON true
         WHERE t.kind = 'transfer' AND p.id = ANY (%(payouts)s::uuid[])
           AND NOT EXISTS (SELECT FROM payouts_attempt x WHERE x.payout_id = t.payout_id AND x.kind = 'transfer'
                              AND x.part = t.part AND x.number > t.number)
           AND NOT EXISTS (SELECT {GIVEN_UP}) {_MAY_GO}) n
    ON CONFLICT DO NOTHING
"""

# What goes on from a transfer: a bank payout, or the way back.
_NEXT = """
INSERT INTO payouts_attempt (payout_id, number, kind, key, account_id, of_id, part, amount_minor, charge, made_at)
SELECT payout_id, next_number, %(kind)s, 'payout:' || payout_id || ':' || next_number, account_id, id, part, minor, '',
       %(now)s
  FROM (SELECT t.*, w.minor, (SELECT max(x.number) FROM payouts_attempt x WHERE x.payout_id = t.payout_id)
                             + row_number() OVER (PARTITION BY t.payout_id ORDER BY t.part) AS next_number
          FROM unnest(%(transfers)s::bigint[], %(amounts)s::bigint[]) w (transfer, minor)
          JOIN payouts_attempt t ON t.id = w.transfer) n
    ON CONFLICT DO NOTHING RETURNING id
"""


@transaction.atomic(durable=True)
def begin_transfers(*, payouts: Sequence[Payout], step_minor: int, now: datetime) -> list[PayoutAttempt]:
    """Write the next transfers of payouts, of one currency, that have none under way; return what is to be asked for.

    One for each, or one for each charge that it draws on. What an earlier run began and heard nothing of is among it
    as it was.
    """
    if not payouts:
        return []
    lock_currency(payouts[0].currency)
    parts = divided(payouts=payouts, step_minor=step_minor, now=now)
    rows: list[tuple[UUID, int, int | None, str]] = []
    for payout in payouts:
        of = parts.get(payout.pk)
        rows += [(payout.pk, n, *one) for n, one in enumerate(of, 1)] if of else [(payout.pk, 1, None, "")]
    names = ("payouts", "parts", "minors", "charges")
    first = dict(zip(names, (list(column) for column in zip(*rows, strict=True)), strict=True))
    with connection.cursor() as cursor:
        cursor.execute(_FIRST, {**first, "now": now})
        cursor.execute(_AGAIN, {"payouts": [payout.pk for payout in payouts], "waits": sorted(WAITS), "now": now})
    return open_attempts(payouts=payouts, kinds=[PayoutAttempt.Kind.TRANSFER])


@transaction.atomic(durable=True)
def begin_next(*, kind: PayoutAttempt.Kind, of: Mapping[int, int], now: datetime) -> list[PayoutAttempt]:
    """Write what goes on from transfers, of (transfer's attempt → minor units), and return it, to be asked for."""
    if not of:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, {"kind": str(kind), "transfers": list(of), "amounts": list(of.values()), "now": now})
        made = [row[0] for row in cursor.fetchall()]
    return list(_whole().filter(pk__in=made).order_by("pk"))


def open_attempts(
    *, payouts: Sequence[Payout] | None = None, kinds: Sequence[PayoutAttempt.Kind], limit: int | None = None
) -> list[PayoutAttempt]:
    """Return attempts that have no end yet, the oldest first."""
    found = _whole().filter(end=None, kind__in=kinds).order_by("pk")
    if payouts is not None:
        found = found.filter(payout__in=[payout.pk for payout in payouts])
    return list(found[:limit])


def _whole() -> Any:
    return PayoutAttempt.objects.select_related("payout", "account", "of__end")


def ask_for(attempt: PayoutAttempt) -> Ask:
    """Return what the provider is asked for by an attempt, and how that is found where its answer was lost."""
    payout, key = attempt.payout, attempt.key
    money = {"amount": to_stripe(attempt.amount_minor, payout.currency), "currency": payout.currency.lower()}
    if attempt.kind == PayoutAttempt.Kind.TRANSFER:
        group = f"payout:{payout.pk}"
        to = {**money, "destination": attempt.account.reference}
        drawn = {"source_transaction": attempt.charge} if attempt.charge else {"transfer_group": group}
        given = {"destination": attempt.account.reference, **({} if attempt.charge else {"transfer_group": group})}
        return Ask(
            key,
            "transfers.create",
            to | drawn,
            subject=group,
            find=lambda client: _with_key(client.v1.transfers.list({**given, "limit": 100}), key),
        )
    subject = f"payout:{payout.pk}"
    if attempt.kind == PayoutAttempt.Kind.BANK:
        return Ask(key, "payouts.create", money, account=attempt.account.reference, subject=subject)
    transfer = attempt.of.end.reference if attempt.of else ""
    return Ask(
        key,
        f"transfers.reversals.create:{transfer}",
        {"amount": money["amount"]},
        subject=subject,
        find=lambda client: _with_key(client.v1.transfers.reversals.list(transfer, {"limit": 100}), key),
    )


def _with_key(listed: Any, key: str) -> Body | None:
    made = (plain(each) or {} for each in listed.auto_paging_iter())
    return next((body for body in made if (body.get("metadata") or {}).get("worldloom_key") == key), None)


def record_ends(
    *, ended: Sequence[tuple[PayoutAttempt, Body | Exception]], funds: AccountKind, now: datetime
) -> tuple[int, int]:
    """Keep what the provider answered and book it; return how many transfers it made, and how many payouts it refused.

    What was not answered is left as it is. Transfers are kept by the batch, in one transaction; what comes back and
    what is refused one by one, as it moves what a creator has.
    """
    sent = [
        (attempt, body)
        for attempt, body in ended
        if isinstance(body, dict) and attempt.kind == PayoutAttempt.Kind.TRANSFER
    ]
    if sent:
        _record_transfers(sent, funds, now)
    refused = 0
    for attempt, body in ended:
        if isinstance(body, ProviderRefused):
            refused += record_refusal(attempt=attempt, refusal=body, now=now)
        elif isinstance(body, dict) and attempt.kind != PayoutAttempt.Kind.TRANSFER:
            record_done(attempt=attempt, body=body, now=now)
    return len(sent), refused


_OTHERWISE = """
SELECT p.idem_key FROM payouts_payout p JOIN payouts_payout_outcome o ON o.payout_id = p.id AND o.state = 'failed'
 WHERE p.id = ANY (%s::uuid[]) LIMIT 1
"""
# Of these payouts those that were transferred whole by now, with the provider's name of their first part.
_WHOLE = """
SELECT p.id, min(e.reference) FILTER (WHERE a.part = first.part)
  FROM payouts_payout p JOIN payouts_attempt a ON a.payout_id = p.id AND a.kind = 'transfer'
  JOIN payouts_attempt_end e ON e.attempt_id = a.id AND e.state = 'done'
 CROSS JOIN LATERAL (SELECT min(x.part) AS part FROM payouts_attempt x WHERE x.payout_id = p.id) first
 WHERE p.id = ANY (%s::uuid[]) GROUP BY p.id HAVING sum(a.amount_minor) = p.amount_minor
"""
_ENDS = """
INSERT INTO payouts_attempt_end (attempt_id, state, reference, code, reason, at)
SELECT attempt, 'done', reference, '', '', %s FROM unnest(%s::bigint[], %s::text[]) e (attempt, reference)
    ON CONFLICT DO NOTHING
"""
_SENT = """
SELECT payouts_post(n.id, 'payout_sent', n.source, 'payout-sent:' || n.payout, n.content, %(now)s, n.currency,
                    ARRAY['payout_in_flight', %(funds)s]::text[], ARRAY[NULL, NULL]::uuid[], ARRAY['', '']::text[],
                    ARRAY[n.amount, -n.amount]::bigint[])
  FROM unnest(%(ids)s::uuid[], %(payouts)s::uuid[], %(sources)s::text[], %(contents)s::text[], %(currencies)s::text[],
              %(amounts)s::bigint[]) n (id, payout, source, content, currency, amount)
"""


@transaction.atomic(durable=True)
def _record_transfers(sent: Sequence[tuple[PayoutAttempt, Body]], funds: AccountKind, now: datetime) -> None:
    """Keep these transfers, and book the money of payouts that went whole by them as gone; the same changes nothing."""
    of_key = {attempt.payout_id: attempt.payout for attempt, _body in sent}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM payouts_payout WHERE id = ANY (%s::uuid[]) ORDER BY id FOR NO KEY UPDATE", [list(of_key)]
        )
        cursor.execute(_OTHERWISE, [list(of_key)])
        if failed := cursor.fetchone():
            raise alarm(_("the rail sent %(key)s, which was recorded as failed") % {"key": failed[0]})
        cursor.execute(_ENDS, [now, [attempt.pk for attempt, _body in sent], [body["id"] for _attempt, body in sent]])
        cursor.execute(_WHOLE, [list(of_key)])
        whole = dict(cursor.fetchall())
        if not whole:
            return
        payouts = [of_key[key] for key in whole]
        cursor.execute(
            _SENT,
            {
                "now": now,
                "funds": str(funds),
                "ids": array_of(time_ordered_ids(len(payouts))),
                "payouts": array_of(whole),
                "sources": array_of(payout.idem_key for payout in payouts),
                "contents": array_of(_content(payout, funds) for payout in payouts),
                "currencies": array_of(payout.currency for payout in payouts),
                "amounts": array_of(payout.amount_minor for payout in payouts),
            },
        )
    PayoutOutcome.objects.bulk_create(
        [
            PayoutOutcome(payout=payout, state=PayoutState.SENT, reference=whole[payout.pk], at=now)
            for payout in payouts
        ],
        ignore_conflicts=True,
    )


def _content(payout: Payout, funds: AccountKind) -> str:
    legs = ((AccountKind.PAYOUT_IN_FLIGHT, payout.amount_minor), (funds, -payout.amount_minor))
    return content_sha256(
        TransactionKind.PAYOUT_SENT,
        payout.idem_key,
        payout.currency,
        ((str(kind), None, "", amount_minor) for kind, amount_minor in legs),
    )


def record_refusal(*, attempt: PayoutAttempt, refusal: ProviderRefused, now: datetime) -> int:
    """Keep that the provider refused an attempt; return how many payouts failed by it: one or none.

    A transfer that is refused for what it is, and not because its charge does not give it, is the end of the payout:
    nothing more of it is sent, what went comes back (see `unwinding`), and then its creator has the money again. What
    is refused otherwise is tried again.
    """
    with transaction.atomic():
        PayoutAttemptEnd.objects.bulk_create(
            [
                PayoutAttemptEnd(
                    attempt=attempt,
                    state=PayoutAttemptEnd.State.REFUSED,
                    code=refusal.provider_code[:80],
                    reason=refusal.message[:MAX_REFERENCE],
                    at=now,
                )
            ],
            ignore_conflicts=True,
        )
        end_returned(payout=attempt.payout, now=now)
    return fail_given_up(payout=attempt.payout, now=now) if attempt.kind == PayoutAttempt.Kind.TRANSFER else 0


@transaction.atomic
def record_done(*, attempt: PayoutAttempt, body: Body, now: datetime) -> None:
    """Keep that a bank payout was made, or that a transfer or a part of one came back, which is booked; once."""
    if attempt.kind != PayoutAttempt.Kind.BANK:
        lock_currency(attempt.payout.currency)
    Payout.objects.select_for_update(no_key=True).get(pk=attempt.payout_id)
    if not PayoutAttemptEnd.objects.filter(attempt=attempt).exists():
        arrives = body.get("arrival_date")
        PayoutAttemptEnd.objects.create(
            attempt=attempt,
            state=PayoutAttemptEnd.State.DONE,
            reference=body["id"],
            arrives_on=datetime.fromtimestamp(arrives, UTC).date() if arrives else None,
            at=now,
        )
    if attempt.kind != PayoutAttempt.Kind.BANK and attempt.of is not None:
        record_reversal(
            transfer=attempt.of,
            reference=body["id"],
            amount_minor=attempt.amount_minor,
            returns=attempt.kind == PayoutAttempt.Kind.RETURN,
            is_ours=True,
            now=now,
        )
