"""The outbox to the chain: what business asks for is sent, watched and decided here, outside of any transaction."""

from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.utils.module_loading import import_string

from ledger.chain.base import Account, Chain, ChainUnavailable
from ledger.chain_asking import UnableToAskChain, ask_chain, withdraw_call
from ledger.chain_models import ChainDue, ChainSlot
from ledger.chain_rounds import Rounds
from marketplace.database.locks import alone

__all__ = ["Delivery", "UnableToAskChain", "ask_chain", "deliver", "withdraw_call"]

SENDING_LOCK = 0x574C_0008


@dataclass
class Delivery:
    """How many transactions were handed over, and what kept the others: nothing is lost by it."""

    sent: int = 0
    troubles: list[str] = field(default_factory=list)


def deliver(*, now: datetime, role: str | None = None) -> Delivery:
    """Send what waits, look after what was sent, and decide what is final; of one role's key only, where told.

    One process at a time is at it for each key. A chain that does not answer, or does not make sense, is a trouble that
    is told and no exception: what waits is looked at again next time.
    """
    delivery = Delivery()
    wanted = set(ChainDue.objects.values_list("call__role", "call__chain_id"))
    if not wanted or (role is not None and role not in {one for one, _ in wanted}):
        return delivery
    chain: Chain = import_string(settings.ADAPTERS["chain"])()
    for account, roles in _accounts(chain, sorted({one for one, _ in wanted}), delivery):
        if role is not None and roles and role not in roles:
            continue
        chains = sorted({chain_id for one, chain_id in wanted if one in roles})
        if roles and account.chain_id not in chains:
            delivery.troubles.append(
                f"calls wait for chain {chains[0]}, but the endpoint serves chain {account.chain_id}"
            )
            continue
        _run(account, roles, now, delivery)
    return delivery


def _accounts(chain: Chain, roles: list[str], delivery: Delivery) -> list[tuple[Account, list[str]]]:
    """Return the keys that send, each with its roles: several may have the same one."""
    found: dict[str, tuple[Account, list[str]]] = {}
    for role in roles:
        try:
            account = chain.account(role)
        except ChainUnavailable as error:
            delivery.troubles.append(error.reason)
            continue
        found.setdefault(account.address, (account, []))[1].append(role)
    # A key that was changed has left transactions behind, which count as if it had not been.
    left = ChainSlot.objects.filter(loss=None, call__due__isnull=False, call__role__in=roles)
    for address in sorted(set(left.values_list("sender", flat=True)) - set(found)):
        try:
            found[address] = (chain.watched(address), [])
        except ChainUnavailable as error:
            delivery.troubles.append(error.reason)
    return list(found.values())


def _run(account: Account, roles: list[str], now: datetime, delivery: Delivery) -> None:
    rounds = Rounds(account, roles=roles, now=now)
    with alone(SENDING_LOCK, f"{account.chain_id}:{account.address}") as is_mine:
        if not is_mine:
            return
        try:
            rounds.run()
        except ChainUnavailable as error:
            delivery.troubles.append(error.reason)
        delivery.sent += rounds.sent
