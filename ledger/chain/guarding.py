"""What a guardian can stop on the chain, without the database: pauses, roots that wait, first wallets."""

from datetime import UTC, datetime
from typing import Any

from ledger.chain.abi import call_data, error_of
from ledger.chain.jsonrpc import RpcRefusal
from ledger.chain.reading import Question, Reader
from ledger.chain.sender import NonceTaken, Patience, Sender
from ledger.chain.suite import Suite, checked

PAUSABLE = ("SplitVault", "AssetToken", "PayoutDistributor", "LicenseMarket", "ClaimBook")


class UnableToGuard(Exception):
    """The chain refuses what the guardian wants, for example because no root waits."""

    code = "unable-to-guard"

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(what, reason)
        self.what = what
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.what} is refused: {self.reason}."


def guard(
    reader: Reader,
    contract: str,
    function: str,
    *args: Any,
    key: bytes | None,
    at: str = "",
    patience: Patience | None = None,
) -> str:
    """Send a call with the guardian's key and wait until it is mined; without a key only say what a wallet would send.

    `at` names a contract that another took the place of: money lies there for as long as nobody takes it out.
    Return a sentence. Raise UnableToGuard when the chain refuses, ChainUnavailable when it does not answer.
    """
    to, data = _place(reader.suite, contract, at), call_data(contract, function, *args)
    if key is None:
        return f"From the guardian's wallet, on chain {reader.suite.chain_id}: send 0x{data.hex()} to {to}."
    reader.check()
    what = f"{contract}.{function}"
    sender = Sender(reader.rpc, key=key, chain_id=reader.suite.chain_id, patience=patience or Patience())
    try:
        signed, _ = sender.prepare(to=to, data=data)
        sender.send(signed)
        receipt = sender.wait(signed)
    except NonceTaken as taken:
        raise UnableToGuard(what, "another transaction of the same key came first; send it again") from taken
    except RpcRefusal as refusal:
        told = error_of(contract, refusal.data)
        raise UnableToGuard(what, f"{told[0]}{told[1]}" if told else str(refusal)) from refusal
    if receipt.get("status") != "0x1":
        raise UnableToGuard(what, f"transaction 0x{signed.digest.hex()} failed")
    return f"{what} is done, in transaction 0x{signed.digest.hex()}."


def standings(reader: Reader) -> list[str]:
    """Return a sentence for each contract that can be paused, and for each token's newest root; former ones too."""
    places = [(name, "") for name in PAUSABLE] + [(name, at) for name, at in reader.suite.former if name in PAUSABLE]
    told = reader.views([Question(name, view, at=at) for name, at in places for view in ("paused", "pausedUntil")])
    lines = [
        f"{name}{_of(at)} is paused until {_at(until)}." if paused else f"{name}{_of(at)} is not paused."
        for (name, at), paused, until in zip(places, told[::2], told[1::2], strict=True)
    ]
    books = [
        (token, at) for name, at in places if name == "PayoutDistributor" for token in reader.suite.tokens.values()
    ]
    said = reader.views([Question("PayoutDistributor", "statusOf", (token.address,), at=at) for token, at in books])
    for (token, at), (_, pending, since, funded) in zip(books, said, strict=True):
        waits = f"root {pending.hex()} counts from {_at(since)}" if since else "no root waits"
        lines.append(f"{token.symbol}{_of(at)}: {funded} units were ever paid in, and {waits}.")
    return lines


def _place(suite: Suite, contract: str, at: str) -> str:
    """Return the address of a contract of ours; UnableToGuard where `at` is none that ever had this name."""
    if not at:
        return suite.address(contract)
    known = {suite.address(contract), *(address for name, address in suite.former if name == contract)}
    try:
        place = checked(at)
    except ValueError:
        place = ""
    if place not in known:
        raise UnableToGuard(contract, f"{at} is no {contract} of ours, now or formerly")
    return place


def _of(at: str) -> str:
    return f" at {at}" if at else ""


def _at(moment: int) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S} UTC"
