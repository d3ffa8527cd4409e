"""What the provider tells by itself of creators' accounts, transfers and bank payouts: refetched, then taken in.

What is fetched is newer than whatever was heard before, so events may come twice, late and in any order.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from marketplace.payouts.attempts import BankWord, PayoutAttempt, PayoutAttemptEnd
from marketplace.payouts.bookkeeping.attempting import record_done
from marketplace.payouts.bookkeeping.coming_back import end_returned, record_reversal
from marketplace.payouts.bookkeeping.outcomes import MAX_REFERENCE, record_paid
from marketplace.payouts.connected.accounts import fetch, is_gone, record_state, state_of
from marketplace.payouts.connected.tables import ConnectedAccount
from marketplace.payouts.currencies import from_stripe
from marketplace.payouts.models import Payout, PayoutOutcome, PayoutState
from marketplace.provider.client import ProviderUnavailable, client
from marketplace.provider.inbox import About, on
from marketplace.provider.looking import plain

Body = dict[str, Any]
_UNHEARD = "we have not heard yet what came of our own call"


def listen() -> None:
    """Hear of accounts, of transfers that come back, and of bank payouts from creators' accounts."""
    for prefix in ("account.updated", "account.application.", "account.external_account.", "capability."):
        on(prefix, fetch=fetch_account, apply=apply_account)
    on("transfer.", fetch=fetch_transfer, apply=apply_transfer)
    on("payout.", fetch=fetch_payout, apply=apply_payout)


# -- accounts ---------------------------------------------------------------------------------------------------------


def fetch_account(about: About) -> tuple[ConnectedAccount, Body | None] | None:
    """Return one of our accounts and how it stands, or None for one that is none of ours."""
    reference = about.account or about.object_id
    account = ConnectedAccount.objects.filter(reference=reference).first()
    return None if account is None else (account, fetch(reference))


def apply_account(found: tuple[ConnectedAccount, Body | None], about: About, *, now: datetime) -> None:
    """Keep how the account stands."""
    account, body = found
    record_state(account=account, body=body, now=now)


# -- transfers --------------------------------------------------------------------------------------------------------


def fetch_transfer(about: About) -> tuple[PayoutAttempt, list[Body]] | None:
    """Return one of our transfers with all that was taken back of it; None for one that is none of ours."""
    end = PayoutAttemptEnd.objects.select_related("attempt__payout").filter(reference=about.object_id).first()
    if end is None:
        body = plain(client().v1.transfers.retrieve(about.object_id)) or {}
        if PayoutAttempt.objects.filter(key=_key_in(body)).exists():
            raise ProviderUnavailable("unsettled", _UNHEARD)
        return None
    listed = client().v1.transfers.reversals.list(about.object_id, {"limit": 100})
    return end.attempt, [plain(each) or {} for each in listed.auto_paging_iter()]


def apply_transfer(found: tuple[PayoutAttempt, list[Body]], about: About, *, now: datetime) -> None:
    """Book what was taken back of a transfer, by us or at the provider itself.

    Taken back whole before anything went to the bank, the payout has come back; else it goes against what the creator
    owes, and is theirs beyond that, and the payout has come back with the last of it.
    """
    transfer, reversals = found
    for body in sorted(reversals, key=lambda one: (one["created"], one["id"])):
        key = _key_in(body)
        ours = PayoutAttempt.objects.select_related("payout", "account", "of").filter(key=key).first() if key else None
        if ours is not None:
            record_done(attempt=ours, body=body, now=now)
            continue
        record_reversal(
            transfer=transfer,
            reference=body["id"],
            amount_minor=from_stripe(body["amount"], transfer.payout.currency),
            returns=not _goes_to_bank(transfer),
            is_ours=False,
            now=now,
        )


def _goes_to_bank(transfer: PayoutAttempt) -> bool:
    went = PayoutAttempt.objects.filter(of=transfer, kind=PayoutAttempt.Kind.BANK)
    return went.exclude(end__state=PayoutAttemptEnd.State.REFUSED).exists()


# -- bank payouts -----------------------------------------------------------------------------------------------------


def fetch_payout(about: About) -> tuple[PayoutAttempt, Body] | None:
    """Return our attempt and how the bank payout stands; None for the house's own, or one made by somebody else.

    None as well where its account left us: nobody can ask for it any more.
    """
    if not about.account:
        return None
    try:
        body = plain(client().v1.payouts.retrieve(about.object_id, None, {"stripe_account": about.account})) or {}
    except Exception as error:
        if is_gone(error) and fetch(about.account) is None:
            return None
        raise
    key = _key_in(body)
    attempt = PayoutAttempt.objects.select_related("payout", "account", "of").filter(key=key).first() if key else None
    return None if attempt is None else (attempt, body)


def apply_payout(found: tuple[PayoutAttempt, Body], about: About, *, now: datetime) -> None:
    """Take in how a bank payout stands."""
    attempt, body = found
    hear_bank(attempt=attempt, body=body, now=now)


@transaction.atomic
def hear_bank(*, attempt: PayoutAttempt, body: Mapping[str, Any], now: datetime) -> None:
    """Keep how a bank payout stands, once each: paid, which is provisional, or sent back, which is its end.

    What was sent back is taken back from the creator's account afterwards, by `going_on.go_on`.
    """
    record_done(attempt=attempt, body=dict(body), now=now)
    status = body.get("status")
    if status not in BankWord.State.values or _has(attempt, BankWord.State.FAILED, BankWord.State.CANCELED):
        return
    state = BankWord.State(status)
    if _has(attempt, state):
        return
    stands = state_of(attempt.account)
    BankWord.objects.create(
        attempt=attempt,
        state=state,
        code=str(body.get("failure_code") or "")[:80],
        reason=str(body.get("failure_message") or "")[:MAX_REFERENCE],
        bank=stands.bank if stands else "",
        at=now,
    )
    if state == BankWord.State.PAID and not _came_back(attempt.payout) and _is_paid_whole(attempt.payout):
        record_paid(key=attempt.payout.idem_key, reference=str(body["id"]), now=now)
    elif state != BankWord.State.PAID:
        end_returned(payout=attempt.payout, now=now)


# What of a payout's transfers neither a bank has nor came back.
_LEFT = """
SELECT EXISTS (
    SELECT FROM payouts_attempt t JOIN payouts_attempt_end e ON e.attempt_id = t.id AND e.state = 'done'
     WHERE t.payout_id = %s AND t.kind = 'transfer'
       AND t.amount_minor > coalesce((SELECT sum(r.amount_minor) FROM payouts_transfer_reversal r
                                       WHERE r.transfer_id = t.id), 0)
       AND NOT EXISTS (SELECT FROM payouts_attempt b
                         JOIN payouts_bank_word w ON w.attempt_id = b.id AND w.state = 'paid'
                        WHERE b.of_id = t.id AND NOT EXISTS (SELECT FROM payouts_bank_word f
                                                              WHERE f.attempt_id = b.id AND f.state <> 'paid')))
"""


def _is_paid_whole(payout: Payout) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_LEFT, [payout.pk])
        return not cursor.fetchone()[0]


def _has(attempt: PayoutAttempt, *states: BankWord.State) -> bool:
    return BankWord.objects.filter(attempt=attempt, state__in=states).exists()


def _came_back(payout: Payout) -> bool:
    return PayoutOutcome.objects.filter(payout=payout, state=PayoutState.RETURNED).exists()


def _key_in(body: Mapping[str, Any]) -> str:
    return str((body.get("metadata") or {}).get("worldloom_key") or "")
