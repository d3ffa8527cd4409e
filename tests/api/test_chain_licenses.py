"""Programs read what was signed for a chain, and how a license is shown to a contract."""

from datetime import datetime
from typing import Any

import pytest

import ledger.operations
from ledger.chain.abi import call_data
from ledger.models import Checkpoint, Entry
from marketplace.licensing import chain_offers
from marketplace.licensing import operations as licensing
from tests.api.studios import ANYBODY, Market, Studio
from tests.cast import later
from tests.checkout.chain import anchored, on_chain, record_suite


@pytest.fixture(autouse=True)
def _contracts(tmp_path: Any, settings: Any) -> None:
    record_suite(tmp_path / "chain", settings)


def test_an_offer_is_told_with_both_signatures_while_it_is_sold(market: Market) -> None:
    offer, address = market.offer(), f"/offers/{market.offer().pk}/chain"
    assert ANYBODY.get(address).json() == {"offer": str(offer.pk), "signed": None}
    now = datetime.now(later().tzinfo)
    row = on_chain(offer, market.cast.alice, supply=2, now=now)
    said = ANYBODY.get(address).json()["signed"]
    assert (said["price"], said["price_minor"], said["fee_bps"], said["supply"]) == ("100010000", 100_01, 1_000, 2)
    assert (said["digest"], said["contract"]) == ("0x" + row.digest, row.market)
    assert (said["licensor_signature"], said["market_signature"]) == (row.licensor_signature, row.market_signature)
    assert said["allow"] == "0x" + call_data("ERC20", "approve", row.market, 100_010_000).hex()
    values = (
        offer.pk.bytes,
        said["licensor"],
        *(bytes.fromhex(said[name][2:]) for name in ("release", "terms", "split")),
        said["token"],
        int(said["price"]),
        said["fee_bps"],
        said["supply"],
        *(int(datetime.fromisoformat(said[name]).timestamp()) for name in ("not_before", "deadline")),
        int(said["nonce"]),
    )
    assert values == chain_offers.struct_of(row)
    licensing.withdraw_offer(offer=offer, now=now)
    assert ANYBODY.get(address).status_code == 404


def test_a_license_is_proven_once_it_is_anchored(sealed: Market, carol: Studio) -> None:
    grant = carol.order(sealed.offer()).json()["grants"][0]["id"]
    assert carol.get(f"/grants/{grant}/chain").json() == {"grant": grant, "proof": None}
    ledger.operations.seal(now=later(hours=3))
    assert carol.get(f"/grants/{grant}/chain").json()["proof"] is None
    newest = Checkpoint.objects.latest("size")
    anchored(newest)
    proof = carol.get(f"/grants/{grant}/chain").json()["proof"]
    entry = Entry.objects.get(type="grant", subject=f"grant:{grant}")
    assert bytes.fromhex(proof["entry"][2:]) == bytes(entry.body)
    assert proof["root"] == "0x" + bytes(newest.root).hex()
    hashes = [bytes.fromhex(one[2:]) for one in proof["proof"]]
    args = (bytes(entry.body), bytes(newest.root), proof["index"], hashes)
    assert proof["data"] == "0x" + call_data("LicenseMarket", "verifyGrant", *args).hex()
