"""Ask for a call of a contract, and take the wish back while nothing was signed for it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from ledger.chain import abi
from ledger.chain.suite import suite
from ledger.chain_models import ChainCall, ChainDue, ChainOutcome, ChainSlot

_OF_A_CALL = ("role", "chain_id", "artifact", "contract", "function", "data", "done", "later", "subject")


class UnableToAskChain(Exception):
    """A call cannot be put into the outbox: its key is taken by another one, or nobody knows where its contract is."""

    code = "unable-to-ask-chain"

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(key, reason)
        self.key = key
        self.reason = reason

    def __str__(self) -> str:
        return _("The chain cannot be asked for “%(key)s”: %(reason)s.") % {"key": self.key, "reason": self.reason}


@transaction.atomic
def ask_chain(
    *,
    key: str,
    role: str,
    contract: str,
    function: str,
    args: Sequence[Any],
    subject: str,
    now: datetime,
    address: str = "",
    chain_id: int | None = None,
    done: Sequence[str] = (),
    later: Sequence[str] = (),
) -> ChainCall:
    """Put a call of a contract into the outbox, to happen once, after this transaction commits; no network is asked.

    `contract` is the artifact's name, or "ERC20"; it is the suite's, unless `address` (and `chain_id`) say otherwise.
    `role` names the key that sends it, `args` are Python values (ledger.chain.abi), `subject` is what it is about.
    Calls of one key are sent in the order asked, and a later one is not refused while an earlier one is on its way.

    `done` are names of the contract's errors that mean that the effect is there already: the call then counts as
    confirmed. `later` are those that mean "not yet": it waits. Any other revert refuses it for good.

    The same key with the same content returns the first call; raise UnableToAskChain for another content, or where no
    suite is recorded. KeyError or ValueError for a function or arguments that the contract does not have.
    """
    if not address or chain_id is None:
        known = suite()
        if known is None:
            raise UnableToAskChain(key, _("no contracts are recorded"))
        address, chain_id = address or known.address(contract), known.chain_id
    return _ask(
        key,
        now,
        role=role,
        chain_id=chain_id,
        artifact=contract,
        contract=address,
        function=function,
        data=abi.call_data(contract, function, *args),
        done=sorted(done),
        later=sorted(later),
        subject=subject,
    )


@transaction.atomic
def fill(*, role: str, chain_id: int, sender: str, nonce: int, now: datetime) -> ChainCall:
    """Ask for a transaction to oneself that does nothing but use a nonce, for which later ones wait."""
    return _ask(
        f"fill:{chain_id}:{sender}:{nonce}",
        now,
        role=role,
        chain_id=chain_id,
        artifact="",
        contract=sender,
        function="",
        data=b"",
        done=[],
        later=[],
        subject=f"account:{sender}",
    )


@transaction.atomic
def withdraw_call(*, key: str, reason: str, now: datetime) -> bool:
    """Refuse a call ourselves, with the reason, unless a transaction was ever signed for it; say whether it is so."""
    due = ChainDue.objects.select_for_update().filter(call__key=key).first()
    if due is None or ChainSlot.objects.filter(call=due.call_id).exists():
        return False
    ChainOutcome.objects.create(call_id=due.call_id, state=ChainOutcome.REFUSED, reason=reason, decided_at=now)
    return True


def _ask(key: str, now: datetime, **content: Any) -> ChainCall:
    # Conflicts are left to the database, which has an opinion on two who ask at once.
    ChainCall.objects.bulk_create([ChainCall(key=key, asked_at=now, **content)], ignore_conflicts=True)
    call = ChainCall.objects.get(key=key)
    differs = [name for name in _OF_A_CALL if _plain(getattr(call, name)) != _plain(content[name])]
    if differs:
        raise UnableToAskChain(key, _("the same key was used for another call"))
    return call


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value
