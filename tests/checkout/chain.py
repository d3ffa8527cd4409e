"""Contracts that are recorded and that nobody asks, the cast's wallets, and events as the follower writes them."""

import json
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from ledger.chain import typed
from ledger.chain.suite import CONTRACTS, suite
from ledger.chain.transaction import address_of
from ledger.event_models import ChainEvent
from ledger.models import AnchorIntent, AnchorReceipt, Checkpoint
from marketplace.licensing import chain_offers
from marketplace.licensing.chain_offers import Limits, offer_on_chain
from marketplace.licensing.models import ChainOffer, Offer
from marketplace.people.models import Creator
from tests.cast import later

ALICES, CAROLS, DAVES, OFFERS = (bytes([number]) * 32 for number in (0xA1, 0xCA, 0xDA, 0x0F))
COIN = "0x" + "c0" * 20
CENT = 10_000
_NUMBERS = count(1)


def record_suite(folder: Path, settings: Any) -> None:
    """Lets the settings name contracts on a development chain, with play money of six digits for dollars."""
    folder.mkdir(parents=True, exist_ok=True)
    contracts = {name: {"address": f"0x{number:040x}", "block_number": 1} for number, name in enumerate(CONTRACTS, 160)}
    token = {"address": COIN, "symbol": "tUSD", "decimals": 6, "currency": "USD"}
    document = {
        "format": "worldloom/deployment/2",
        "chain_id": 31337,
        "contracts": contracts,
        "tokens": [token],
        "wrapped": "",
    }
    (folder / "suite.json").write_text(json.dumps(document))
    (folder / "key").write_text("0x" + OFFERS.hex())
    settings.CHAIN_SUITE, settings.CHAIN_KEY_FILE = str(folder / "suite.json"), str(folder / "key")


def a_month(now: datetime, supply: int = 0) -> Limits:
    return chain_offers.limits(now=now, days=30, supply=supply)


def signed(offer: Offer, limits: Limits, *, key: bytes = ALICES, now: datetime) -> bytes:
    """The wallet's signature of what the page shows it."""
    known, _token, message = chain_offers.message_of(offer=offer, licensor=address_of(key), limits=limits, now=now)
    place: Any = {"chain_id": known.chain_id, "contract": known.address("LicenseMarket")}
    return typed.sign_digest(typed.typed_digest(typed.OFFER, message, **place), key)


def sign_shown(document: Any, key: bytes) -> bytes:
    """Signs the document that a page gives a wallet, as the wallet does."""
    said, domain = document["message"] | {"licensor": address_of(key)}, document["domain"]
    read = {"uint": int, "byte": lambda text: bytes.fromhex(text[2:]), "addr": str}
    values = {name: read[kind[:4]](said[name]) for name, kind in typed.OFFER.fields}
    place: Any = {"chain_id": int(domain["chainId"]), "contract": domain["verifyingContract"]}
    return typed.sign_digest(typed.typed_digest(typed.OFFER, values, **place), key)


def on_chain(offer: Offer, by: Creator, *, supply: int = 0, now: datetime | None = None) -> ChainOffer:
    """Alice sells an offer on the chain."""
    now = now or later(hours=1)
    limits = a_month(now, supply)
    return offer_on_chain(
        offer=offer,
        by=by,
        licensor=address_of(ALICES),
        limits=limits,
        signature=signed(offer, limits, now=now),
        now=now,
    )


def sold_event(
    row: ChainOffer,
    *,
    at: datetime,
    commitment: str = "",
    wallet: bytes = CAROLS,
    split: str = "",
    vault: dict[str, Any] | None = None,
    **more: Any,
) -> ChainEvent:
    """What the market says of one sale, and the vault right after it."""
    number = next(_NUMBERS)
    known = suite()
    assert known is not None
    price = int(row.price_units)
    said = {
        "seq": number,
        "offer": "0x" + row.offer_id.hex,
        "licensee": address_of(wallet),
        "buyer": address_of(wallet),
        "release": "0x" + row.offer.release.digest,
        "terms": "0x" + row.offer.terms_id,
        "licenseeCommitment": "0x" + (commitment or "00" * 32),
        "token": row.token,
        "price": price,
        "fee": price * row.fee_bps // 10_000,
    }
    place: Any = {
        "chain_id": 31337,
        "transaction": f"0x{number:064x}",
        "block_number": number,
        "block_hash": f"0x{number:064x}",
        "block_time": at,
        "seen_at": at,
    }
    sold = ChainEvent.objects.create(
        contract="LicenseMarket",
        address=known.address("LicenseMarket"),
        event="LicenseSold",
        args=said | more,
        log_index=0,
        **place,
    )
    paid = {"split": "0x" + (split or row.split_digest), "token": row.token}
    paid |= {"amount": sold.args["price"], "fee": sold.args["fee"]} | (vault or {})
    ChainEvent.objects.create(
        contract="SplitVault",
        address=known.address("SplitVault"),
        event="Absorbed",
        args=paid,
        log_index=1,
        **place,
    )
    return sold


def anchored(checkpoint: Checkpoint) -> None:
    """What the chain's side of anchoring leaves, in the book of the recorded suite."""
    known = suite()
    assert known is not None
    book = known.address("ProvenanceAnchor")
    intent = AnchorIntent.objects.create(
        checkpoint=checkpoint, chain_id=known.chain_id, contract=book, intended_at=later(hours=3)
    )
    AnchorReceipt.objects.create(
        intent=intent,
        transaction="0x" + "a" * 64,
        block_number=1,
        block_time=later(hours=3),
        gas_used=1,
        received_at=later(hours=3),
    )
