"""Anybody reads a split, and what the contract on a chain says of it."""

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from marketplace.payouts.models import Split
from marketplace.payouts.operations import ensure_split
from marketplace.payouts.rules import WHOLE_PPB
from tests.cast import NOON, Cast, on_stage
from tests.payouts.wallets.conftest import Chain
from tests.payouts.wallets.conftest import chain as chain
from tests.payouts.wallets.conftest import contracts as contracts
from tests.payouts.wallets.conftest import embedded as embedded
from tests.payouts.wallets.test_vault import paid


@pytest.fixture
def place(embedded: Any) -> Any:
    """One chain is enough: both answer alike."""
    return embedded


def shares(cast: Cast) -> Split:
    return ensure_split(own={cast.alice: 700_000_000, cast.bob: WHOLE_PPB - 700_000_000}, parents=[], now=NOON)


def test_a_split_is_read_with_its_pot_and_parts(chain: Chain, settings: Any) -> None:
    cast = on_stage()
    split = shares(cast)
    paid(chain, split, 10_000_001)

    told = Client().get(f"/api/v1/splits/{split.digest}").json()

    own = {str(cast.alice.pk): (700_000_000, "7000001"), str(cast.bob.pk): (300_000_000, "3000000")}
    payees = sorted(own)
    assert told["split"] == split.digest
    assert told["shares"] == [{"payee": payee, "share_ppb": own[payee][0]} for payee in payees]
    assert told["chain"] == {
        "chain_id": 31337,
        "vault": chain.suite.address("SplitVault"),
        "name": split.digest,
        "agrees": True,
        "receiver": chain.reader.view("RoyaltyReceiverFactory", "receiverOf", bytes.fromhex(split.digest)),
        "pots": [
            {
                "token": chain.suite.tokens["USD"].address,
                "symbol": "tUSD",
                "decimals": 6,
                "units": "10000001",
                "parts": [{"payee": payee, "units": own[payee][1]} for payee in payees],
            }
        ],
    }
    cache.clear()
    settings.CHAIN_RPC_URL = "http://127.0.0.1:9"
    away = Client().get(f"/api/v1/splits/{split.digest}")
    assert (away.status_code, away.json()["chain"]) == (200, None)


def test_without_contracts_a_split_is_its_shares(db: None) -> None:
    split = shares(on_stage())

    told = Client().get(f"/api/v1/splits/{split.digest}").json()
    assert [share["share_ppb"] for share in told["shares"]] in ([700_000_000, 300_000_000], [300_000_000, 700_000_000])
    assert told["chain"] is None
    assert Client().get(f"/api/v1/splits/{'0' * 64}").status_code == 404
