"""Claiming what an account was given: the call itself, and sending it with any key that has some gas."""

from dataclasses import dataclass
from pathlib import Path

from django.utils.translation import gettext as _

from ledger.chain.abi import call_data, error_of
from ledger.chain.base import ChainUnavailable
from ledger.chain.deployment import ChainConfig
from ledger.chain.jsonrpc import RpcRefusal
from ledger.chain.sender import NonceTaken, Patience, Sender
from ledger.chain.transaction import address_of
from marketplace.payouts.claims.lists import Claim
from marketplace.payouts.rails.onchain import DISTRIBUTOR


class UnableToClaim(Exception):
    """The chain refuses a claim, or did not answer; nothing was paid by this, and the same may be tried again."""

    code = "unable-to-claim"

    def __init__(self, account: str, why: str) -> None:
        self.account, self.why = account, why
        super().__init__(
            _("Nothing was claimed for %(account)s: %(why)s.") % {"account": account, "why": why.rstrip(".")}
        )


@dataclass(frozen=True, slots=True)
class Paid:
    """A claim that is in a block; `units` are the token's. `transaction` is 0x hex."""

    transaction: str
    block_number: int
    gas_used: int
    units: int


def call_of_claim(claim: Claim) -> bytes:
    """Return the call data of `PayoutDistributor.claim`: anybody may send it, and only the account is paid."""
    return call_data(DISTRIBUTOR, "claim", claim.account.address, claim.units, list(claim.proof), claim.root.book.token)


def key_in(path: Path) -> bytes:
    """Return the private key that a file holds as 64 hexadecimal digits; UnableToClaim where it holds none."""
    try:
        key = bytes.fromhex(path.read_text().strip().removeprefix("0x"))
        address_of(key)
    except OSError as fault:
        raise UnableToClaim(str(path), _("the key file cannot be read: %s") % fault.strerror) from fault
    except ValueError as fault:
        raise UnableToClaim(str(path), _("the file does not hold a private key in hexadecimal")) from fault
    return key


def send_claim(claim: Claim, *, key: bytes, patience: Patience | None = None) -> Paid:
    """Send a claim with a key and wait until it is in a block; raise UnableToClaim where that does not come about.

    Asked of the endpoint of the marketplace. Nobody is paid twice: the contract pays what was given and not yet paid.
    """
    account, book = claim.account.address, claim.root.book
    try:
        rpc = ChainConfig.from_settings().rpc()
        chain_id = rpc.number("eth_chainId")
        if chain_id != book.chain_id:
            raise UnableToClaim(account, _("the endpoint serves chain %d, and the claim is of another") % chain_id)
        sender = Sender(rpc, key=key, chain_id=chain_id, patience=patience or Patience())
        for _attempt in range(sender.attempts):
            signed, _nonce = sender.prepare(to=book.distributor, data=call_of_claim(claim))
            try:
                sender.send(signed)
            except NonceTaken:
                sender.pause()
                continue
            receipt = sender.wait(signed)
            break
        else:
            raise UnableToClaim(account, _("other transactions of the same key keep coming first"))
        if receipt.get("status") != "0x1":
            raise UnableToClaim(account, _("the contract refused it"))
        return Paid(
            transaction="0x" + signed.digest.hex(),
            block_number=rpc.as_number(receipt.get("blockNumber"), "blockNumber"),
            gas_used=rpc.as_number(receipt.get("gasUsed"), "gasUsed"),
            units=claim.units,
        )
    except RpcRefusal as refusal:
        told = error_of(DISTRIBUTOR, refusal.data)
        raise UnableToClaim(account, told[0] if told else refusal.message) from refusal
    except ChainUnavailable as silence:
        raise UnableToClaim(account, silence.reason) from silence
