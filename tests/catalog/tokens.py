"""A chain that is only told of: contracts recorded, checkpoints anchored, and events as the chain would say them."""

import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import ledger.operations
from ledger.chain.suite import CONTRACTS, FORMAT, checked, suite
from ledger.chain.transaction import address_of
from ledger.chain.typed import BIND, sign_digest, typed_digest
from ledger.event_models import ChainEvent
from ledger.log.merkle import leaf_hash
from ledger.models import AnchorIntent, AnchorReceipt, Checkpoint
from marketplace.catalog import handing_over, token_queries, tokens
from marketplace.catalog.models import Release
from marketplace.catalog.token_models import TokenAsk, TokenSigning
from marketplace.payouts import wallets
from marketplace.people.models import Creator
from tests.cast import NOON, later

CHAIN_ID = 31337
ZERO = "0x" + "00" * 20


def wallet_key(name: str) -> bytes:
    """The key of somebody's wallet, the same in every test."""
    return sha256(f"wallet of {name}".encode()).digest()


def wallet_of(name: str) -> str:
    """The address of somebody's wallet, as wallets show it."""
    return address_of(wallet_key(name))


def record_suite(folder: Path, *, former: Sequence[Mapping[str, Any]] = (), salt: str = "") -> None:
    """Records contracts as a deployment does, at addresses of their own; with `salt` at others."""
    contracts = {
        name: {"address": checked("0x" + sha256(f"{name}{salt}".encode()).hexdigest()[:40]), "block_number": 1}
        for name in CONTRACTS
    }
    path = folder / "chain" / "deployment.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        json.dumps(
            {
                "format": FORMAT,
                "chain_id": CHAIN_ID,
                "contracts": contracts,
                "wrapped": "",
                "tokens": [],
                "former": [*former],
            }
        )
    )


def anchored(*, now: datetime = NOON) -> AnchorReceipt:
    """Seals what waits, and says that its checkpoint is on chain."""
    ledger.operations.seal(now=now)
    found = suite()
    assert found is not None
    intent = AnchorIntent.objects.create(
        checkpoint=Checkpoint.objects.latest("size"),
        chain_id=found.chain_id,
        contract=found.address("ProvenanceAnchor"),
        intended_at=now,
    )
    return AnchorReceipt.objects.create(
        intent=intent,
        transaction="0x" + secrets.token_hex(32),
        block_number=1,
        block_time=now,
        gas_used=51_767,
        received_at=now,
    )


def says(
    event: str, args: dict[str, Any], *, at: datetime = NOON, contract: str = "AssetToken", address: str = ""
) -> ChainEvent:
    """What a contract said in a confirmed block."""
    found = suite()
    assert found is not None
    number = ChainEvent.objects.count() + 1
    return ChainEvent.objects.create(
        chain_id=found.chain_id,
        contract=contract,
        address=address or found.address(contract),
        event=event,
        args=args,
        transaction="0x" + f"{number:064x}",
        log_index=0,
        block_number=number,
        block_hash="0x" + f"{number:064x}",
        block_time=at,
        seen_at=at,
    )


def moves(release: Release, to: str, *, before: str = ZERO, at: datetime = NOON, address: str = "") -> None:
    """The token goes to an address, and is heard of; `address` is that of a former contract."""
    args = {"from": before, "to": checked(to), "tokenId": int(release.digest, 16)}
    says("Transfer", args, at=at, address=address)
    tokens.take_token_events()


def makes(ask: TokenAsk, *, at: datetime = NOON) -> None:
    """The chain makes the token that was asked for, and is heard of."""
    release = ask.release
    moves(release, ask.wallet, at=at)
    leaf = leaf_hash(bytes(ask.entry.body)).hex()
    digest, split = "0x" + release.digest, "0x" + release.split_id
    says("Materialized", {"release": digest, "leaf": "0x" + leaf, "split": split, "root": "0x" + "ab" * 32}, at=at)
    tokens.take_token_events()


def asks(release: Release, by: Creator, name: str = "", *, bps: int = 500, now: datetime = NOON) -> TokenAsk:
    """The owner asks for a token of the wallet of that name."""
    return tokens.ask_for_token(release=release, by=by, wallet=wallet_of(name or by.handle), bps=bps, now=now)


def signs(ask: TokenAsk, by: Creator, name: str = "", *, now: datetime = NOON) -> TokenSigning:
    """The wallet of that name signs for what was asked."""
    signature = sign_digest(token_queries.digest_of(ask), wallet_key(name or by.handle))
    return tokens.materialize_token(ask=ask, by=by, signature=signature, now=now)


def has_token(release: Release, owner: Creator, *, now: datetime = later(minutes=10)) -> TokenAsk:
    """A release whose token is made: asked, anchored, signed, on chain."""
    ask = asks(release, owner, now=now)
    anchored(now=now)
    signs(ask, owner, now=now)
    makes(ask, at=now)
    return ask


def task(now: datetime) -> None:
    """What the worker does every few seconds."""
    tokens.take_token_events()
    handing_over.finish_handovers(now=now)
    tokens.supersede_overtaken(now=now)


def is_paid_to(creator: Creator, name: str, *, now: datetime) -> None:
    """The creator has proved the wallet of that name as the one to be paid to, and it counts from here on."""
    deadline = int(now.timestamp()) + 3600
    found = suite()
    assert found is not None
    values = {"payee": creator.pk.bytes, "wallet": wallet_of(name), "nonce": 0, "deadline": deadline}
    digest = typed_digest(BIND, values, chain_id=found.chain_id, contract=found.address("Payees"))
    signature = sign_digest(digest, wallet_key(name))
    wallets.bind_wallet(creator=creator, address=wallet_of(name), signature=signature, deadline=deadline, now=now)
    args = {
        "payee": "0x" + creator.pk.hex,
        "previous": ZERO,
        "next": wallet_of(name),
        "from": int(now.timestamp()),
    }
    says("WalletProposed", args, at=now, contract="Payees")
    wallets.take_changes(now=now)
