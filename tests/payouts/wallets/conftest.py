"""Creators with wallets, and the whole suite on the embedded chain, then on anvil."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ledger.chain import typed
from ledger.chain.transaction import address_of
from ledger.chain_models import ChainDue
from ledger.following import follow
from ledger.sending import deliver
from marketplace.payouts import wallets
from marketplace.people.models import Creator
from tests.ledger.chain.conftest import anvil as anvil
from tests.ledger.chain.conftest import contracts as contracts
from tests.ledger.chain.conftest import embedded as embedded
from tests.ledger.chain.conftest import place as place
from tests.ledger.chain.makers import Contracts, ask

DAY_SECONDS = 24 * 60 * 60


class Chain:
    """The suite's chain behind the settings, with what the worker does in between."""

    def __init__(self, contracts: Contracts) -> None:
        self.contracts = contracts
        self.suite = contracts.suite
        self.reader = contracts.reader

    @property
    def now(self) -> datetime:
        """The newest block's time."""
        return datetime.fromtimestamp(self.reader.head().time, UTC)

    def turn(self) -> int:
        """Sends what waits, reads what was said, takes in what it means for wallets."""
        for _ in range(8):
            troubles = deliver(now=self.now).troubles
            if not ChainDue.objects.exists():
                break
        assert troubles == []
        follow(now=self.now, confirmations=1)
        return wallets.take_changes(now=self.now)

    def pass_seconds(self, seconds: int) -> None:
        """Lets time pass on the chain."""
        ask(self.contracts.place.url, "evm_increaseTime", seconds)
        ask(self.contracts.place.url, "evm_mine")

    def bind_signature(self, creator: Creator, key: bytes, deadline: int, nonce: int = 0, **other: Any) -> bytes:
        """What a wallet signs to be a creator's first."""
        values = {"payee": creator.pk.bytes, "wallet": address_of(key), "nonce": nonce, "deadline": deadline} | other
        return typed.sign_digest(self.digest(typed.BIND, values), key)

    def digest(self, message: typed.Typed, values: dict[str, Any]) -> bytes:
        return typed.typed_digest(message, values, chain_id=self.suite.chain_id, contract=self.suite.address("Payees"))

    def bind(self, creator: Creator, key: bytes) -> None:
        """Brings a creator's first wallet to count, in a day of the chain's."""
        deadline = int(self.now.timestamp()) + 3600
        signature = self.bind_signature(creator, key, deadline)
        wallets.bind_wallet(
            creator=creator, address=address_of(key), signature=signature, deadline=deadline, now=self.now
        )
        self.turn()
        self.pass_seconds(DAY_SECONDS)


@pytest.fixture
def chain(contracts: Contracts, settings: Any, committed: None) -> Chain:
    settings.CHAIN_SUITE = str(contracts.config.record())
    settings.CHAIN_RPC_URL = contracts.place.url
    settings.CHAIN_KEY_FILE = str(contracts.place.key_file)
    settings.CHAIN_KEY_FILES = {}
    settings.CHAIN_CONFIRMATIONS = 1
    return Chain(contracts)
