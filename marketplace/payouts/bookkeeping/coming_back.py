"""What comes back of a payout's transfers, whole or in parts, and when that is the end of the payout."""

from datetime import datetime
from uuid import UUID

from django.db import connection

from marketplace.payouts.attempts import PayoutAttempt, TransferReversal
from marketplace.payouts.bookkeeping.books import credit_creators, debit, debts_met, lock_currency, post
from marketplace.payouts.bookkeeping.outcomes import hold_of_part, record_end, record_returned
from marketplace.payouts.bookkeeping.unwinding import is_given_up
from marketplace.payouts.models import AccountKind, Payout, PayoutState, Transaction, TransactionKind

# A payout that was sent and of which nothing is left: all of it came back, and no bank has anything of it or may yet
# have. With it the provider's name of what came back last.
_NOTHING_LEFT = """
SELECT (SELECT r.reference FROM payouts_attempt t JOIN payouts_transfer_reversal r ON r.transfer_id = t.id
         WHERE t.payout_id = p.id ORDER BY r.id DESC LIMIT 1)
  FROM payouts_payout p
 WHERE p.id = %s AND p.amount_minor = payouts_came_back(p.id)
   AND EXISTS (SELECT FROM payouts_payout_outcome o WHERE o.payout_id = p.id AND o.state = 'sent')
   AND NOT EXISTS (SELECT FROM payouts_payout_outcome o WHERE o.payout_id = p.id AND o.state = 'returned')
   AND NOT EXISTS (SELECT FROM payouts_attempt b LEFT JOIN payouts_attempt_end e ON e.attempt_id = b.id
                    WHERE b.payout_id = p.id AND b.kind = 'bank' AND e.state IS DISTINCT FROM 'refused'
                      AND NOT EXISTS (SELECT FROM payouts_bank_word w
                                       WHERE w.attempt_id = b.id AND w.state IN ('failed', 'canceled')))
"""


def end_returned(*, payout: Payout, now: datetime) -> bool:
    """Say of a payout that it came back, once the last of its parts has and no bank has any; return whether it did.

    Each part was booked when it came: this moves nothing. Within the transaction of what came back, or of a bank's
    word that nothing stays there.
    """
    Payout.objects.select_for_update(no_key=True).get(pk=payout.pk)
    with connection.cursor() as cursor:
        cursor.execute(_NOTHING_LEFT, [payout.pk])
        row = cursor.fetchone()
    if row:
        record_end(payout=payout, state=PayoutState.RETURNED, reference=row[0], now=now)
    return row is not None


def record_reversal(
    *, transfer: PayoutAttempt, reference: str, amount_minor: int, returns: bool, is_ours: bool, now: datetime
) -> TransferReversal:
    """Book what came back of a transfer, once for its reference.

    With `returns` it is the end of the payout, where nothing of it came back before; else it goes against what the
    creator owes, and is theirs beyond that; what may be of frozen subjects is held. The last of many parts ends the
    payout as well. Of a payout that was given up it moves nothing. Within a transaction.
    """
    lock_currency(transfer.payout.currency)
    payout = Payout.objects.select_for_update(no_key=True).get(pk=transfer.payout_id)
    if before := TransferReversal.objects.filter(reference=reference).first():
        return before
    transaction_id: UUID | None = None
    if is_given_up(payout):
        pass  # all of it is in flight in the books until it fails
    elif returns and amount_minor == payout.amount_minor:
        record_returned(key=payout.idem_key, reference=reference, now=now)
        transaction_id = Transaction.objects.values_list("pk", flat=True).get(idem_key=f"payout-returned:{payout.pk}")
    else:
        amounts = {payout.creator_id: amount_minor}
        free_minor = amount_minor - debts_met(currency=payout.currency, amounts=amounts)[payout.creator_id]
        transaction_id = post(
            kind=TransactionKind.TRANSFER_REVERSED,
            source=f"transfer-reversed:{reference}",
            idem_key=f"transfer-reversed:{reference}",
            currency=payout.currency,
            legs=[
                debit(AccountKind.PSP_BALANCE, amount_minor),
                *credit_creators(currency=payout.currency, amounts=amounts),
            ],
            now=now,
        )
        hold_of_part(payout=payout, amount_minor=free_minor, reference=reference, now=now)
    made = TransferReversal.objects.create(
        transfer=transfer,
        reference=reference,
        amount_minor=amount_minor,
        is_ours=is_ours,
        at=now,
        transaction_id=transaction_id,
    )
    end_returned(payout=payout, now=now)
    return made
