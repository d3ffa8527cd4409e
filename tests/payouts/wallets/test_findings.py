"""What does not fit between us and the chain is said aloud every hour; when all fits, nothing is said."""

import secrets
from typing import Any

import pytest

from ledger.chain.transaction import address_of
from marketplace.payouts import tasks
from marketplace.payouts.models import Split
from marketplace.people.models import Creator
from tests.payouts.wallets.conftest import Chain
from tests.payouts.wallets.test_vault import changed

DAVES = secrets.token_bytes(32)


def test_all_that_does_not_fit_is_said(
    chain: Chain, shared: Split, alice: Creator, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    tasks.check_chain(0)
    assert caplog.text == ""

    # Dave has the registrar's key, and somebody with the machine's keys changes a share.
    soon = int(chain.now.timestamp()) + 3600
    signature = chain.bind_signature(alice, DAVES, soon)
    chain.contracts.send("Payees", "bind", alice.pk.bytes, address_of(DAVES), soon, signature)
    chain.turn()
    changed("payouts_split_share", f"share_ppb = CASE payee_id WHEN '{alice.pk}' THEN 300000000 ELSE 700000000 END")
    caplog.clear()
    tasks.check_chain(3600)

    said = [record.getMessage() for record in caplog.records if record.name == "marketplace.payouts.chain_findings"]
    assert said[0] == f"{address_of(DAVES)} is proposed for alice on the chain, and nobody proved it here: stop it."
    assert [line.partition(": ")[0] for line in said[1:]] == [f"Split {shared.digest}"] * 3
    settings.CHAIN_RPC_URL = "http://127.0.0.1:9"
    caplog.clear()
    tasks.check_chain(7200)
    assert len([record for record in caplog.records if record.name == "marketplace.payouts.chain_findings"]) == 3
