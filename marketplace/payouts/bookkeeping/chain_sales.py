"""Booking what a vault on a chain took in and gave out, from the events of the contracts."""

import logging
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from ledger.chain.suite import Suite, Token, suite
from ledger.event_models import ChainEvent
from marketplace.payouts.bookkeeping.books import Leg, credit, debit, post
from marketplace.payouts.bookkeeping.prepaying import record_claimed
from marketplace.payouts.models import AccountKind, TransactionKind, VaultMove
from marketplace.payouts.rules import Money
from marketplace.payouts.vault_moves import VaultRead
from marketplace.payouts.vault_rules import unit_of, whole_minor

log = logging.getLogger(__name__)

AT_ONCE = 500
"""How many events are booked in one call; what is more is for the next."""

_VAULT = "SplitVault"
_FLOWS = {"Absorbed": VaultMove.IN, "Withdrawn": VaultMove.OUT, "HouseWithdrawn": VaultMove.HOUSE}
_LOCK = 0x700CA


def account_detail(token: Token) -> str:
    """Return what the books call their accounts of a token in the vault; what is paid by roots is elsewhere."""
    return f"vault:{token.symbol}"[:40]


def treasury_detail(token: Token) -> str:
    """Return what the books call the house's part once it left the vault for the treasury's wallet."""
    return f"treasury:{token.symbol}"[:40]


def book_vault(*, now: datetime) -> int:
    """Book what happened in the vault since the last call, in the chain's order, and return how many events it was.

    Each event is booked once, in a transaction of its own: what came in for a sale or for a split, what a payee took,
    what the house took. Money in a token that the suite does not name, or that cannot say a minor unit, is not ours to
    count, and is logged. A vault whose place a successor took is booked on. Raises UnableToPost where the books refuse
    an event; those after it then wait for it.
    """
    known = suite()
    if known is None:
        return 0
    newest = VaultRead.objects.order_by("-id").first()
    rows = ChainEvent.objects.filter(
        chain_id=known.chain_id,
        contract=_VAULT,
        event__in=_FLOWS,
        id__gt=newest.through if newest else 0,
        lost=None,
    ).order_by("id")
    return sum(book_event(event=event, known=known, now=now) for event in rows[:AT_ONCE])


@transaction.atomic
def book_event(*, event: ChainEvent, known: Suite, now: datetime) -> bool:
    """Book one event of the vault; return False where it was booked before, or is of a token that is not counted.

    What the chain took back and mined again is the same move, though it is another event of the inbox.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    if VaultRead.objects.filter(through__gte=event.pk).exists():
        return False
    VaultRead.objects.create(through=event.pk, read_at=now)
    token = known.token_at(event.args["token"])
    unit = token and unit_of(token.decimals, token.currency)
    if token is None or unit is None:
        log.warning("the vault moved a token that is not counted: %s in %s", event.args["token"], event.transaction)
        return False
    move = _move(event, token, unit, now)
    if _was_booked(move):
        return False
    before = _newest(move)
    had, had_fee = (int(before.amount_total_units), int(before.fee_total_units)) if before else (0, 0)
    move.amount_total_units = had + move.amount_units
    move.fee_total_units = had_fee + move.fee_units
    move.amount_minor = whole_minor(had, int(move.amount_total_units), unit)
    move.fee_minor = whole_minor(had_fee, int(move.fee_total_units), unit)
    if move.amount_minor or move.fee_minor:
        move.transaction_id = _post(move, token, now)
    move.save(force_insert=True)
    return True


def _was_booked(move: VaultMove) -> bool:
    """Tell whether the same was booked before a reorganization; where it says something else now, a person looks."""
    before = VaultMove.objects.filter(
        chain_id=move.chain_id, chain_transaction=move.chain_transaction, number=move.number
    ).first()
    if before is None:
        return False
    same = ("flow", "token", "amount_units", "fee_units", "split_digest", "payee")
    if any(getattr(before, name) != getattr(move, name) for name in same):
        log.critical("%s was booked as %s and is mined again as something else", move.chain_transaction, before)
    return True


def number_of(event: ChainEvent) -> int:
    """Count the events of its kind that stand before an event in its transaction: it is the same when mined again."""
    names = _FLOWS if event.contract == _VAULT else [event.event]
    same = ChainEvent.objects.filter(
        chain_id=event.chain_id, transaction=event.transaction, contract=event.contract, event__in=names, lost=None
    )
    return same.filter(log_index__lt=event.log_index).count()


def _newest(move: VaultMove) -> VaultMove | None:
    same = VaultMove.objects.filter(chain_id=move.chain_id, vault=move.vault, token=move.token, flow=move.flow)
    return same.order_by("-amount_total_units").first()


def _move(event: ChainEvent, token: Token, unit: int, now: datetime) -> VaultMove:
    """Read the event into a move, without totals and without minor units yet."""
    move = VaultMove(
        event_id=event.pk,
        chain_id=event.chain_id,
        vault=event.address,
        token=token.address,
        flow=_FLOWS[event.event],
        number=number_of(event),
        source=f"vault:{event.chain_id}:{event.transaction}:{number_of(event)}",
        currency=token.currency,
        detail=account_detail(token),
        unit=unit,
        amount_units=int(event.args["amount"]),
        fee_units=int(event.args.get("fee", 0)),
        chain_transaction=event.transaction,
        log_index=event.log_index,
        moved_at=event.block_time,
        recorded_at=now,
    )
    if move.flow != VaultMove.IN:
        move.receiver = event.args["to"]
    if move.flow == VaultMove.OUT:
        move.payee = UUID(event.args["payee"].removeprefix("0x"))
    if move.flow == VaultMove.IN:
        move.split_digest = event.args["split"].removeprefix("0x")
        if sold := _sold(event):
            move.source = sale_source(sold)
            move.subject = f"release:{sold.args['release'].removeprefix('0x')}"
    return move


def sale_source(sold: ChainEvent) -> str:
    """Return the name of a sale on chain: its transaction and which in it it is, since its number may change."""
    return f"chain-sale:{sold.transaction.removeprefix('0x')}:{number_of(sold)}"


def _sold(absorbed: ChainEvent) -> ChainEvent | None:
    """Find the sale that the money came from: its event stands just before, in the same transaction."""
    before = ChainEvent.objects.filter(
        chain_id=absorbed.chain_id,
        transaction=absorbed.transaction,
        lost=None,
        contract="LicenseMarket",
        event="LicenseSold",
        log_index__lt=absorbed.log_index,
    )
    paid = (absorbed.args["token"].lower(), int(absorbed.args["amount"]), int(absorbed.args["fee"]))
    for sold in before.order_by("-log_index"):
        same = (sold.args["token"].lower(), int(sold.args["price"]), int(sold.args["fee"])) == paid
        if same and not VaultMove.objects.filter(source=sale_source(sold)).exists():
            return sold
    return None


def _post(move: VaultMove, token: Token, now: datetime) -> Any:
    """Post a move and return its transaction's id."""
    escrow, detail = AccountKind.CHAIN_ESCROW, move.detail
    if move.flow == VaultMove.OUT:
        amount = Money(move.amount_minor, move.currency)
        return record_claimed(source=move.source, amount=amount, token=detail, now=now)
    if move.flow == VaultMove.HOUSE:
        kind = TransactionKind.BANK_TRANSFER
        legs = [
            debit(escrow, move.amount_minor, detail=treasury_detail(token)),
            credit(escrow, move.amount_minor, detail=detail),
        ]
    else:
        kind = TransactionKind.CHAIN_SALE if move.subject else TransactionKind.CHAIN_PAID
        legs = _in(move)
    return post(kind=kind, source=move.source, idem_key=move.source, currency=move.currency, legs=legs, now=now)


def _in(move: VaultMove) -> list[Leg]:
    net_minor = move.amount_minor - move.fee_minor
    return [
        debit(AccountKind.CHAIN_ESCROW, move.amount_minor, detail=move.detail),
        credit(AccountKind.PLATFORM_FEE, move.fee_minor),
        credit(AccountKind.CHAIN_CLAIMS, net_minor, detail=move.detail),
    ]
