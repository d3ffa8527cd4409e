"""What the payment provider moved of itself: its fees, and what nobody understands until an operator says it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from marketplace.payouts.bookkeeping.books import UnableToPost, array_of, content_sha256, debit, post, refused
from marketplace.payouts.ids import time_ordered_ids
from marketplace.payouts.kinds import AccountKind, TransactionKind
from marketplace.payouts.models import Transaction

CLEARED_TO = (
    AccountKind.PSP_FEE,
    AccountKind.DISPUTE_FEE,
    AccountKind.DISPUTE_LOSS,
    AccountKind.BANK,
    AccountKind.PLATFORM_FEE,
    AccountKind.BAD_DEBT,
    AccountKind.FX_GAIN,
    AccountKind.FX_LOSS,
    AccountKind.ROUNDING,
)
"""Where what was not understood can turn out to belong."""


def record_provider_fee(*, amount_minor: int, currency: str, reference: str, now: datetime) -> UUID:
    """Book what the provider took for itself, or gave back of it below zero; return the transaction's id.

    In minor units; `reference` is the provider's own name for it. The same again returns the first; other content and
    an amount of zero raise UnableToPost.
    """
    return record_moves(moves=[Moved(TransactionKind.PROVIDER_FEE, -amount_minor, currency, reference)], now=now)[0]


def record_collected(*, amount_minor: int, currency: str, reference: str, now: datetime) -> UUID:
    """Book that money is in our balance with the provider which was collected, or was given back, outside of sales.

    In minor units, above zero where the balance grew; `reference` is the provider's own name for it. Of sales,
    `record_settled` says it. The same again returns the first; other content and an amount of zero raise UnableToPost.
    """
    return record_moves(moves=[Moved(TransactionKind.COLLECTED, amount_minor, currency, reference)], now=now)[0]


def suspend(*, amount_minor: int, currency: str, reference: str, now: datetime) -> UUID:
    """Book that the provider's balance moved by an amount that nobody understands yet; return the transaction's id.

    In minor units, above zero where the balance grew; `reference` is the provider's own name for it. The same again
    returns the first; other content and an amount of zero raise UnableToPost.
    """
    return record_moves(moves=[Moved(TransactionKind.SUSPENDED, amount_minor, currency, reference)], now=now)[0]


def clear_suspense(*, amount_minor: int, currency: str, to: AccountKind, reference: str, now: datetime) -> UUID:
    """Book that what was suspended under a reference is understood: it belongs to one of CLEARED_TO.

    `amount_minor` is as it was suspended, above zero where the balance grew. Returns the transaction's id; the same
    again returns the first. Raises UnableToPost for another account, an amount of zero, and other content.
    """
    key = f"suspense-cleared:{reference}"
    if to not in CLEARED_TO:
        raise UnableToPost(key, _("what was not understood does not belong to “%s”") % to)
    if not amount_minor:
        raise UnableToPost(key, _("it moves nothing"))
    return post(
        kind=TransactionKind.SUSPENSE_CLEARED,
        source=key,
        idem_key=key,
        currency=currency,
        legs=[debit(AccountKind.SUSPENSE, amount_minor), debit(to, -amount_minor)],
        now=now,
    )


@dataclass(frozen=True, slots=True)
class Moved:
    """One movement of our balance with the provider against one account of the house, as the verb of its kind books it.

    `amount_minor` is above zero where the balance grew; `reference` is the provider's own name for it.
    """

    kind: TransactionKind
    amount_minor: int
    currency: str
    reference: str

    @property
    def account(self) -> AccountKind:
        """The account that it is moved against."""
        return _AGAINST[self.kind]

    @property
    def key(self) -> str:
        return f"{self.kind.replace('_', '-')}:{self.reference}"


_AGAINST = {
    TransactionKind.COLLECTED: AccountKind.PSP_CLEARING,
    TransactionKind.PROVIDER_FEE: AccountKind.PSP_FEE,
    TransactionKind.SUSPENDED: AccountKind.SUSPENSE,
    TransactionKind.BANK_TRANSFER: AccountKind.BANK,
}

_OPEN = """
SELECT payouts_open_accounts(array_agg(l.currency), array_agg(l.kind), array_fill(NULL::uuid, ARRAY[count(*)::int]),
                             array_fill(''::text, ARRAY[count(*)::int]))
  FROM (SELECT m.currency, k.kind FROM unnest(%s::text[], %s::text[]) AS m (currency, account),
               LATERAL (VALUES (m.account), ('psp_balance')) AS k (kind) GROUP BY 1, 2) l
"""
_POST_ALL = """
WITH asked AS MATERIALIZED (
    SELECT * FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[])
           AS l (named, kind, key, content, currency, account, amount)
), made AS (
    INSERT INTO payouts_transaction (id, kind, source, idem_key, content_sha256, occurred_at)
    SELECT named, kind, key, key, content, %s FROM asked ORDER BY key
        ON CONFLICT (idem_key) DO NOTHING RETURNING id
), posted AS (
    INSERT INTO payouts_posting (transaction_id, account_id, amount_minor)
    SELECT m.id, c.id, v.amount
      FROM made m JOIN asked a ON a.named = m.id
     CROSS JOIN LATERAL (VALUES ('psp_balance', a.amount), (a.account, -a.amount)) AS v (kind, amount)
      JOIN payouts_account c ON c.kind = v.kind AND c.currency = a.currency AND c.owner_id IS NULL AND c.detail = ''
    RETURNING 1
)
SELECT count(*) FROM made
"""


@transaction.atomic
def record_moves(*, moves: Sequence[Moved], now: datetime) -> list[UUID]:
    """Book any number of movements in one statement, all or none, and return their transactions in their order.

    Each is booked as `record_collected`, `record_provider_fee`, `suspend` or `record_bank_transfer` does; the same
    again returns the first. Raises UnableToPost for one of zero, and for one that was booked with other content; then
    none of them is.
    """
    if not moves:
        return []
    ids = time_ordered_ids(len(moves))
    rows = [(named, str(one.kind), one.key, _content(one), one.currency, str(one.account), one.amount_minor)
            for named, one in zip(ids, moves, strict=True)]  # fmt: skip
    columns = [array_of(column) for column in zip(*rows, strict=True)]
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_OPEN, [columns[4], columns[5]])
            cursor.execute(_POST_ALL, [*columns, now])
            if cursor.fetchone()[0] == len(moves):
                return ids
    except IntegrityError as error:
        raise refused(moves[0].key, error) from error
    there = {one.idem_key: one for one in Transaction.objects.filter(idem_key__in=[one.key for one in moves])}
    for _id, _kind, key, content, *_more in rows:
        if there[key].content_sha256 != content:
            raise UnableToPost(key, _("the same key was posted before with other content"))
    return [there[one.key].pk for one in moves]


def _content(one: Moved) -> str:
    if not one.amount_minor:
        raise UnableToPost(one.key, _("it moves nothing"))
    sums = ((AccountKind.PSP_BALANCE, None, "", one.amount_minor), (one.account, None, "", -one.amount_minor))
    return content_sha256(one.kind, one.key, one.currency, sums)
