"""What the payment provider and the bank did with money that is already in the books."""

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from marketplace.payouts.bookkeeping.books import UnableToPost, constraint_of, credit, debit, lock_currency, post
from marketplace.payouts.checkpoints import Exchange
from marketplace.payouts.models import AccountKind, Sale, TransactionKind
from marketplace.payouts.rules import Money
from marketplace.payouts.statements import ProviderSettlement
from marketplace.people.models import Creator

_MONEY = (AccountKind.BANK, AccountKind.PSP_BALANCE, AccountKind.CHAIN_ESCROW)


class UnableToRecordSettlement(Exception):
    """What the provider settled is not what the books have of it; nothing was written."""

    code = "unable-to-record-settlement"

    def __init__(self, source: str, why: str) -> None:
        self.source, self.why = source, why
        super().__init__(
            _("The settlement of “%(source)s” cannot be recorded: %(why)s.") % {"source": source, "why": why}
        )


class UnableToExchange(Exception):
    """What was exchanged cannot be booked; nothing was written."""

    code = "unable-to-exchange"

    def __init__(self, reference: str, why: str) -> None:
        self.reference, self.why = reference, why
        super().__init__(
            _("The exchange “%(reference)s” cannot be booked: %(why)s.") % {"reference": reference, "why": why}
        )


# What of a sale is still collected and not settled: its own gross, less what its reversals took from there, which may
# be more than there was.
_IN_CLEARING = """
SELECT coalesce(sum(p.amount_minor), 0)::bigint
  FROM payouts_posting p JOIN payouts_account a ON a.id = p.account_id
 WHERE a.kind = 'psp_clearing' AND p.transaction_id IN (
       SELECT transaction_id FROM payouts_sale WHERE id = %(sale)s
        UNION ALL
       SELECT transaction_id FROM payouts_reversal WHERE sale_id = %(sale)s AND kind <> 'takedown'
        UNION ALL
       SELECT o.transaction_id FROM payouts_reversal r JOIN payouts_reversal_outcome o ON o.reversal_id = r.id
        WHERE r.sale_id = %(sale)s AND r.kind <> 'takedown')
"""


@transaction.atomic
def record_settled(*, source: str, fee_minor: int, reference: str, now: datetime) -> ProviderSettlement:
    """Book that the provider settled a sale: what it collected is in our balance with it, less its fee.

    `fee_minor` is in minor units of the sale's currency, `reference` the provider's own name for the settlement.
    What was refunded or disputed before is not there any more and stays out of it. The same again returns the first.
    Raises UnableToRecordSettlement for a sale that there is not, that was not collected by the provider, or that was
    settled otherwise, for a reference of another sale, and for a fee below zero.
    """
    sale = Sale.objects.filter(source=source).first()
    if sale is None:
        raise UnableToRecordSettlement(source, _("there is no such sale"))
    if sale.paid_from != AccountKind.PSP_CLEARING:
        raise UnableToRecordSettlement(source, _("it was not paid through the provider"))
    if fee_minor < 0:
        raise UnableToRecordSettlement(source, _("a fee is zero or more"))
    lock_currency(sale.currency)
    if before := ProviderSettlement.objects.filter(sale=sale).first():
        if (before.fee_minor, before.reference) != (fee_minor, reference):
            raise UnableToRecordSettlement(source, _("it was settled before with other content"))
        return before
    if not 0 < len(reference) <= 200 or ProviderSettlement.objects.filter(reference=reference).exists():
        raise UnableToRecordSettlement(source, _("its reference is empty, too long or of another sale"))
    moved_minor = _in_clearing(sale)
    if not moved_minor and not fee_minor:
        raise UnableToRecordSettlement(source, _("nothing of it is left"))
    transaction_id = post(
        kind=TransactionKind.PSP_SETTLED,
        source=source,
        idem_key=f"psp-settled:{sale.pk}",
        currency=sale.currency,
        legs=[
            debit(AccountKind.PSP_BALANCE, moved_minor - fee_minor),
            debit(AccountKind.PSP_FEE, fee_minor),
            credit(AccountKind.PSP_CLEARING, moved_minor),
        ],
        now=now,
    )
    return ProviderSettlement.objects.create(
        sale=sale, fee_minor=fee_minor, reference=reference, settled_at=now, transaction_id=transaction_id
    )


def _in_clearing(sale: Sale) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_IN_CLEARING, {"sale": sale.pk})
        return int(cursor.fetchone()[0])


def record_bank_transfer(
    *, amount: Money, paid_from: AccountKind, paid_to: AccountKind, reference: str, now: datetime, token: str = ""
) -> UUID:
    """Book that money of the house went from one of bank, provider's balance and chain to another; return its id.

    `token` names what is on the chain, where one side is. The same reference and content again return the first
    transaction; other content, an amount of zero or less, or other accounts raise UnableToPost.
    """
    key = f"bank-transfer:{reference}"
    if amount.amount_minor <= 0 or paid_from == paid_to or not {paid_from, paid_to} <= set(_MONEY):
        raise UnableToPost(key, _("it moves an amount above zero between two accounts of the house's money"))
    return post(
        kind=TransactionKind.BANK_TRANSFER,
        source=key,
        idem_key=key,
        currency=amount.currency,
        legs=[
            debit(paid_to, amount.amount_minor, None, token if paid_to == AccountKind.CHAIN_ESCROW else ""),
            credit(paid_from, amount.amount_minor, None, token if paid_from == AccountKind.CHAIN_ESCROW else ""),
        ],
        now=now,
    )


@transaction.atomic
def record_transfer_reversed(*, creator: Creator, amount: Money, reference: str, now: datetime) -> UUID:
    """Book that the provider took back, from a creator's account with it, what they owe; return the transaction's id.

    The same reference and content again return the first. More than the creator owes raises UnableToPost.
    """
    key = f"transfer-reversed:{reference}"
    if amount.amount_minor <= 0:
        raise UnableToPost(key, _("it moves an amount above zero"))
    lock_currency(amount.currency)
    return post(
        kind=TransactionKind.TRANSFER_REVERSED,
        source=key,
        idem_key=key,
        currency=amount.currency,
        legs=[
            debit(AccountKind.PSP_BALANCE, amount.amount_minor),
            credit(AccountKind.CREATOR_RECEIVABLE, amount.amount_minor, creator.pk),
        ],
        now=now,
    )


@transaction.atomic
def exchange(*, gave: Money, got: Money, rate: str, reference: str, now: datetime) -> Exchange:
    """Book that the provider exchanged an amount of our balance with it for one in another currency.

    Both amounts are the provider's own, exact; `rate` is its text for how they belong together ("0.9174"), kept and
    never multiplied. Two transactions are written together, one a currency, through what the house holds of each. The
    same reference and content again return the first Exchange; other content, an amount of zero or less, the same
    currency twice, or a rate that is no decimal number raise UnableToExchange.
    """
    before = Exchange.objects.filter(reference=reference).first()
    said = (gave.currency, gave.amount_minor, got.currency, got.amount_minor, rate)
    if before is not None:
        there = (before.gave_currency, before.gave_minor, before.got_currency, before.got_minor, before.rate)
        if there != said:
            raise UnableToExchange(reference, _("the same reference was booked before with other content"))
        return before
    if min(gave.amount_minor, got.amount_minor) <= 0 or gave.currency == got.currency:
        raise UnableToExchange(reference, _("it needs an amount above zero in each of two currencies"))
    if not rate.replace(".", "", 1).isascii() or not rate.replace(".", "", 1).isdigit() or len(rate) > 40:
        raise UnableToExchange(reference, _("its rate is not a decimal number"))
    if not 0 < len(reference) <= 180:
        raise UnableToExchange(reference[:180], _("its reference is empty or too long"))
    try:
        return _exchange(gave, got, rate, reference, now)
    except IntegrityError as error:
        if constraint_of(error) != "payouts_exchange_rate":
            raise
        raise UnableToExchange(reference, _("its rate is not a decimal number")) from error


@transaction.atomic
def _exchange(gave: Money, got: Money, rate: str, reference: str, now: datetime) -> Exchange:
    ids = [
        post(
            kind=TransactionKind.EXCHANGE,
            source=f"exchange:{reference}",
            idem_key=f"exchange:{side}:{reference}",
            currency=amount.currency,
            legs=[debit(to, amount.amount_minor), credit(taken_from, amount.amount_minor)],
            now=now,
        )
        for side, amount, to, taken_from in (
            ("gave", gave, AccountKind.FX_POSITION, AccountKind.PSP_BALANCE),
            ("got", got, AccountKind.PSP_BALANCE, AccountKind.FX_POSITION),
        )
    ]
    made, _new = Exchange.objects.get_or_create(
        reference=reference,
        defaults={
            "gave_currency": gave.currency,
            "gave_minor": gave.amount_minor,
            "got_currency": got.currency,
            "got_minor": got.amount_minor,
            "rate": rate,
            "exchanged_at": now,
            "gave_id": ids[0],
            "got_id": ids[1],
        },
    )
    return made
