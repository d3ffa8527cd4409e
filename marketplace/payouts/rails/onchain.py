"""The on-chain rail: what the settler's key is to do for a root, laid into the outbox; nothing here asks a network.

It is no `Rail`: that sends one payout to one creator, and this publishes one root for all of them.
"""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ledger.chain_queries import calls_about, standing_of
from ledger.sending import ask_chain, withdraw_call
from marketplace.payouts.claims.tables import PayoutRoot

DELAY = timedelta(hours=24)
"""How long a root waits on the chain before it counts: `PayoutDistributor.DELAY`."""

SETTLER, GUARDIAN = "settler", "guardian"
DISTRIBUTOR, TOKEN = "PayoutDistributor", "ERC20"

REFUSED = "refused"
"""How a call stands that the chain will never take."""

NOT_YET = ("RootWaits", "PausedUntil")
"""Errors of the distributor that end by themselves: the call is sent again until they have."""


def ask_proposal(root: PayoutRoot, *, total_units: int, more_units: int, attempt: int, now: datetime) -> None:
    """Ask for a root to be proposed with a total, after the distributor was allowed to take `more_units` for it.

    Within the transaction that publishes the root, or later where an attempt was refused. Calls of one sender go out in
    this order.
    """
    key, book = root.name, root.book
    # An allowance may be left of an attempt that was refused, and some tokens change none that is not zero.
    allowed = [("clear", 0)] if attempt > 1 else []
    if more_units:
        allowed.append(("approve", more_units))
    for what, units in allowed:
        _ask(
            root,
            f"{key}:{what}:{attempt}",
            contract=TOKEN,
            function="approve",
            args=(book.distributor, units),
            address=book.token,
            now=now,
        )
    _ask(
        root,
        f"{key}:propose:{attempt}",
        contract=DISTRIBUTOR,
        function="proposePayouts",
        args=(book.token, total_units, bytes.fromhex(root.root[2:])),
        address=book.distributor,
        later=NOT_YET,
        now=now,
    )


def ask_veto(*, chain_id: int, token: str, distributor: str, root: str, because: str, now: datetime) -> None:
    """Ask the guardian to drop the root of a token that waits; `because` names the transaction that proposed it."""
    ask_chain(
        key=_veto_key(token, because),
        role=GUARDIAN,
        contract=DISTRIBUTOR,
        function="veto",
        args=(token,),
        subject=f"strange-root:{root}",
        address=distributor,
        chain_id=chain_id,
        done=("NoRootWaits",),
        now=now,
    )


def withdraw_veto(*, token: str, because: str, now: datetime) -> bool:
    """Take back a call for a veto that was not sent yet, and say whether it was: it drops whatever waits by then."""
    return withdraw_call(key=_veto_key(token, because), reason="the root was vetoed before", now=now)


def _veto_key(token: str, because: str) -> str:
    return f"payout-veto:{because}:{token.lower()}"


class Proposal(NamedTuple):
    """The newest call that proposes a root: how it stands, by the outbox's word, and the how many-th it is."""

    call: Any
    standing: Any
    attempt: int

    @property
    def state(self) -> str:
        return str(self.standing.state)


def proposal_of(root: PayoutRoot) -> Proposal | None:
    """Return the newest call that proposes a root; None where none was asked for."""
    calls = [call for call in calls_about(root.name) if call.function.startswith("proposePayouts")]
    return Proposal(calls[-1], standing_of(calls[-1]), len(calls)) if calls else None


def _ask(root: PayoutRoot, key: str, **call: Any) -> None:
    ask_chain(key=key, role=SETTLER, subject=root.name, chain_id=root.book.chain_id, **call)
