"""The same journey on the embedded chain and on anvil: asked, sealed, anchored, signed, made, handed over."""

from pathlib import Path
from typing import Any

import pytest

import ledger.operations
import ledger.queries
from ledger.chain.reading import Reverted
from ledger.chain.suite import checked
from ledger.chain.transaction import address_of
from ledger.chain.typed import sign_digest
from ledger.chain_models import ChainDue
from ledger.chain_queries import call_of, standing_of
from ledger.following import follow
from ledger.log.proof import Proof
from ledger.monitoring import monitor
from ledger.operations import Hands
from ledger.sending import deliver
from marketplace.catalog import handing_over, token_queries, tokens, transferring
from marketplace.catalog.models import Pack, Release
from marketplace.catalog.token_models import TokenAsk, TokenEvent, TokenSupersession
from marketplace.intake.operations import publish_folder
from tests import packs
from tests.cast import NOON, Cast, later, on_stage
from tests.catalog.tokens import task
from tests.ledger.chain.conftest import anvil as anvil
from tests.ledger.chain.conftest import contracts as contracts
from tests.ledger.chain.conftest import embedded as embedded
from tests.ledger.chain.conftest import place as place
from tests.ledger.chain.makers import Contracts, until


@pytest.fixture
def cast(db: None, contracts: Contracts, settings: Any) -> Cast:
    settings.CHAIN_SUITE = str(contracts.config.record())
    settings.CHAIN_RPC_URL = contracts.place.url
    settings.CHAIN_KEY_FILE = str(contracts.place.key_file)
    settings.CHAIN_KEY_FILES = {}
    settings.CHAIN_CONFIRMATIONS = 1
    return on_stage()


@pytest.fixture
def release(cast: Cast, tmp_path: Path) -> Release:
    return publish_folder(folder=packs.write(tmp_path / "pack", handle="yunhai"), creator=cast.alice, now=NOON)


def anchored(now: Any) -> None:
    ledger.operations.seal(now=now)
    assert until(lambda: ledger.operations.anchor(now=now)) is not None


def heard(now: Any) -> None:
    """What the worker does: sends what waits, reads what is final, and acts on it."""
    _deliver_all(now)
    follow(now=now)
    task(now)
    _deliver_all(now)


def _deliver_all(now: Any) -> None:
    def is_done() -> bool:
        assert deliver(now=now).troubles == []
        return not ChainDue.objects.exists()

    assert until(is_done)


def asks(release: Release, by: Any, key: bytes, *, now: Any = NOON) -> TokenAsk:
    return tokens.ask_for_token(release=release, by=by, wallet=address_of(key), bps=500, now=now)


def signs(ask: TokenAsk, by: Any, key: bytes, *, now: Any) -> str:
    signature = sign_digest(token_queries.digest_of(ask), key)
    return tokens.materialize_token(ask=ask, by=by, signature=signature, now=now).call


def holder(contracts: Contracts, release: Release) -> Any:
    return contracts.reader.view("AssetToken", "ownerOf", int(release.digest, 16))


def test_from_the_wish_to_the_new_owner(cast: Cast, release: Release, contracts: Contracts) -> None:
    alices, bobs = contracts.wallet(), contracts.wallet()
    ask = asks(release, cast.alice, alices)
    anchored(later(minutes=1))

    # What the log wrote is what the contract writes, and what is signed is what it asks to have signed.
    leaf = contracts.reader.view("AssetToken", "leafOf", token_queries.struct_of(ask))
    assert leaf == token_queries.leaf_of(ask)
    assert contracts.reader.view("AssetToken", "digestToSign", leaf) == token_queries.digest_of(ask)
    anchor = token_queries.anchor_of(ask)
    assert anchor is not None
    proof = token_queries.proof_of(ask, anchor)
    assert isinstance(proof, Proof)
    root = bytes(anchor.intent.checkpoint.root)
    assert contracts.reader.view("ProvenanceAnchor", "verifyInclusion", root, leaf, proof.index, list(proof.hashes))

    key = signs(ask, cast.alice, alices, now=later(minutes=2))
    with pytest.raises(Reverted):
        holder(contracts, release)
    heard(later(minutes=3))
    call = call_of(key)
    assert call is not None
    standing = standing_of(call)
    assert (standing.state, standing.attempts) == ("confirmed", 1)
    assert standing.gas_used is not None
    assert standing.gas_used <= 140_000
    state = token_queries.state_of(release)
    assert (state.step, checked(state.holder)) == ("made", address_of(alices))
    assert holder(contracts, release) == address_of(alices)
    page = contracts.reader.view("AssetToken", "tokenURI", int(release.digest, 16))
    assert page == f"https://worldloom.example/releases/{release.digest}"
    receiver = contracts.reader.view("RoyaltyReceiverFactory", "receiverOf", bytes.fromhex(release.split_id))
    assert contracts.reader.view("AssetToken", "royaltyInfo", int(release.digest, 16), 10_000) == (receiver, 500)

    pack = Pack.objects.get()
    proposal = transferring.propose_transfer(
        pack=pack, new_owner=cast.bob, by=cast.alice, hands=Hands([]), now=later(hours=1)
    )
    handing_over.take_over(proposal=proposal, by=cast.bob, wallet=address_of(bobs), hands=Hands([]), now=later(hours=2))
    heard(later(hours=2))
    assert Pack.objects.get().owner == cast.alice
    contracts.send(
        "AssetToken",
        "safeTransferFrom(address,address,uint256)",
        address_of(alices),
        address_of(bobs),
        int(release.digest, 16),
        key=alices,
    )
    heard(later(hours=3))
    assert Pack.objects.get().owner == cast.bob
    assert holder(contracts, release) == address_of(bobs)
    assert token_queries.disagreements(now=later(hours=3)) == []
    assert list(TokenEvent.objects.order_by("event").values_list("kind", flat=True)) == ["moved", "made", "moved"]
    ledger.operations.seal(now=later(hours=4))
    report = monitor(now=later(hours=4))
    assert report is not None
    assert (report.broken, report.findings) == (None, [])


def test_what_the_log_overtook_makes_no_token(cast: Cast, release: Release, contracts: Contracts) -> None:
    """The pack goes to Bob while Alice's wish is anchored: her signature, brought by herself, comes too late."""
    alices, bobs = contracts.wallet(), contracts.wallet()
    ask = asks(release, cast.alice, alices)
    anchored(later(minutes=1))
    proposal = transferring.propose_transfer(
        pack=Pack.objects.get(), new_owner=cast.bob, by=cast.alice, hands=Hands([]), now=later(hours=1)
    )
    transferring.transfer_pack(proposal=proposal, by=cast.bob, hands=Hands([]), now=later(hours=2))
    ledger.operations.seal(now=later(hours=2))
    heard(later(hours=2))
    told = TokenSupersession.objects.get()
    assert contracts.reader.view("AssetToken", "supersededBefore", bytes.fromhex(release.digest)) == told.before
    anchor = token_queries.anchor_of(ask)
    assert anchor is not None
    proof = token_queries.proof_of(ask, anchor)
    assert proof is not None
    signature = sign_digest(token_queries.digest_of(ask), alices)
    refused = contracts.refused(
        "AssetToken",
        "materialize",
        token_queries.struct_of(ask),
        bytes(anchor.intent.checkpoint.root),
        proof.index,
        list(proof.hashes),
        signature,
        key=alices,
    )
    assert refused == ("Superseded", (bytes.fromhex(release.digest), told.before))

    fresh = Release.objects.get()
    second = asks(fresh, cast.bob, bobs, now=later(hours=3))
    anchored(later(hours=3))
    signs(second, cast.bob, bobs, now=later(hours=4))
    heard(later(hours=4))
    assert holder(contracts, release) == address_of(bobs)
    assert token_queries.disagreements(now=later(hours=5)) == []


def test_a_token_sold_elsewhere_is_named(cast: Cast, release: Release, contracts: Contracts) -> None:
    """Forced apart: the token goes to a stranger, and the log knows of no transfer."""
    alices = contracts.wallet()
    ask = asks(release, cast.alice, alices)
    anchored(later(minutes=1))
    signs(ask, cast.alice, alices, now=later(minutes=2))
    heard(later(minutes=3))
    assert token_queries.disagreements(now=later(minutes=3)) == []
    stranger = "0x" + "51" * 20
    contracts.send(
        "AssetToken",
        "transferFrom",
        address_of(alices),
        checked(stranger),
        int(release.digest, 16),
        key=alices,
    )
    heard(later(hours=1))
    (wrong,) = token_queries.disagreements(now=later(hours=1))
    assert (wrong.release, wrong.owner, wrong.holder) == (release, cast.alice, stranger)
    assert Pack.objects.get().owner == cast.alice
