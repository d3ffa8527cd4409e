"""The outbox to the chain as a story needs it: a key with money, a coin that anybody may mint, and whose it becomes.

Minting has no guard of its own: a call that happened twice shows in the balance.
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from ledger.chain.abi import call_data, creation_data
from ledger.chain.jsonrpc import JsonRpc
from ledger.chain.sender import Sender
from ledger.chain.transaction import Transaction, address_of, created_by, sign
from ledger.chain_models import ChainCall
from ledger.chain_queries import Standing, call_of, standing_of
from ledger.operations import Delivery, ask_chain, deliver
from tests.ledger.chain.makers import BRISK, NOW, Place, ask, fund, until


@cache
def coin_at(place: Place) -> str:
    """Puts the coin on a chain, once for all tests, and returns its address."""
    sender = Sender(JsonRpc(place.url), key=place.key, chain_id=31337, patience=BRISK)
    signed, nonce = sender.prepare(to=None, data=creation_data("DevelopmentCoin", "Story", "STO", 6))
    sender.send(signed)
    assert sender.wait(signed)["status"] == "0x1"
    return created_by(sender.address, nonce)


@dataclass
class Outbox:
    """Alice's key on a chain, and an address that gets what she mints."""

    place: Place
    settings: Any
    key: bytes
    coin: str
    to: str = field(default_factory=lambda: "0x" + secrets.token_hex(20))

    @property
    def sender(self) -> str:
        return address_of(self.key)

    def look_through(self, url: str) -> None:
        """Has the adapter ask this endpoint from now on."""
        self.settings.CHAIN_RPC_URL = url

    def ask(self, key: str, amount: int, **changes: Any) -> ChainCall:
        """Asks for so many coins."""
        content = {
            "key": key,
            "role": "keeper",
            "contract": "DevelopmentCoin",
            "function": "mint",
            "args": (self.to, amount),
            "subject": "story",
            "now": NOW,
            "address": self.coin,
            "chain_id": 31337,
        }
        return ask_chain(**(content | changes))

    def deliver(self, now: datetime = NOW) -> Delivery:
        """Delivers; anvil mines a moment after it took a transaction, so there once more after that moment."""
        first = deliver(now=now)
        if "anvil" not in ask(self.place.url, "web3_clientVersion"):
            return first
        until(lambda: self.nonce() == int(ask(self.place.url, "eth_getTransactionCount", self.sender, "pending"), 16))
        again = deliver(now=now)
        return Delivery(first.sent + again.sent, again.troubles)

    def standing(self, key: str) -> Standing:
        call = call_of(key)
        assert call is not None
        return standing_of(call)

    def state(self, key: str) -> str:
        return self.standing(key).state

    def balance(self) -> int:
        """Returns how many coins came."""
        data = "0x" + call_data("ERC20", "balanceOf", self.to).hex()
        return int(ask(self.place.url, "eth_call", {"to": self.coin, "data": data}, "latest"), 16)

    def nonce(self) -> int:
        """Returns how many transactions of Alice's are in the chain."""
        return int(ask(self.place.url, "eth_getTransactionCount", self.sender, "latest"), 16)

    def mine(self, count: int) -> None:
        """Other people's blocks, empty."""
        for _ in range(count):
            ask(self.place.url, "evm_mine")

    def pay(self) -> None:
        """Alice's key used by another program: it takes her next nonce."""
        ask(self.place.url, "eth_sendRawTransaction", "0x" + self.other(self.nonce()).hex())

    def gift(self, to: str) -> bytes:
        """A tenth of an ether from Alice to another account, signed."""
        fields = Transaction(
            chain_id=31337,
            nonce=self.nonce(),
            max_fee_wei=10**10,
            max_tip_wei=1,
            gas=21_000,
            to=to,
            data=b"",
            value_wei=10**17,
        )
        return sign(fields, self.key).raw

    def other(self, nonce: int, *, fee_wei: int = 10**10) -> bytes:
        """Another program's transaction with Alice's key, signed."""
        fields = Transaction(
            chain_id=31337,
            nonce=nonce,
            max_fee_wei=fee_wei,
            max_tip_wei=fee_wei // 2,
            gas=21_000,
            to="0x" + "0b" * 20,
            data=b"",
        )
        return sign(fields, self.key).raw


def outbox_at(place: Place, settings: Any) -> Outbox:
    """Makes one, with a key of its own, and has the settings point at it."""
    key = secrets.token_bytes(32)
    fund(JsonRpc(place.url), place.key, address_of(key))
    key_file = place.key_file.parent / f"{address_of(key)}.key"
    key_file.write_text(key.hex())
    settings.CHAIN_RPC_URL = place.url
    settings.CHAIN_KEY_FILE = str(key_file)
    settings.CHAIN_KEY_FILES = {}
    settings.CHAIN_CONFIRMATIONS = 1
    return Outbox(place, settings, key, coin_at(place))
