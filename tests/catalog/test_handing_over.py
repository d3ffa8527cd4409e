"""Alice hands 云海 over with its tokens: they move first, then the log says it; log and chain never part for longer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

import ledger.queries
from ledger.chain_models import ChainCall
from ledger.custody import current_key
from ledger.event_models import ChainEvent, ChainEventLost
from ledger.models import Entry
from ledger.operations import Hands
from marketplace.catalog import handing_over, token_queries, tokens, transferring
from marketplace.catalog.models import Pack, Release, TransferProposal
from marketplace.catalog.token_models import Handover, TokenSupersession
from marketplace.catalog.tokens import UnableToAskForToken, UnableToMaterialize
from marketplace.catalog.transferring import UnableToTransfer
from marketplace.intake.operations import publish_folder
from marketplace.people.models import Creator
from tests import packs
from tests.cast import NOON, Cast, later, on_stage
from tests.catalog.staged import cast as cast
from tests.catalog.staged import release as release
from tests.catalog.staged import staged as staged
from tests.catalog.tokens import (
    anchored,
    asks,
    has_token,
    is_paid_to,
    makes,
    moves,
    record_suite,
    signs,
    task,
    wallet_of,
)
from tests.ledger.keyholders import Browser, findings, makes_own_key, said
from tests.portal.sending import signed_in

State = TransferProposal.State


def published(creator: Creator, folder: Path, **given: Any) -> Release:
    return publish_folder(folder=packs.write(folder, handle="yunhai", **given), creator=creator, now=NOON)


def propose(release: Release, to: Creator, hands: Hands | None = None, now: Any = later(hours=1)) -> TransferProposal:
    pack = Pack.objects.get(pk=release.pack_id)
    return transferring.propose_transfer(pack=pack, new_owner=to, by=pack.owner, hands=hands or Hands([]), now=now)


def take(proposal: TransferProposal, by: Creator, wallet: str = "", hands: Hands | None = None, now: Any = None) -> Any:
    return handing_over.take_over(
        proposal=proposal,
        by=by,
        wallet=wallet or wallet_of(by.handle),
        hands=hands or Hands([]),
        now=now or later(hours=2),
    )


def owner(release: Release) -> str:
    return Pack.objects.get(pk=release.pack_id).owner.handle


def test_the_token_moves_first_and_the_log_follows_the_chain(cast: Cast, release: Release, tmp_path: Path) -> None:
    published(cast.alice, tmp_path / "two", version="1.1.0", seed=2)
    has_token(release, cast.alice)
    proposal = propose(release, cast.bob)
    with pytest.raises(UnableToTransfer, match="tokens, which come first"):
        transferring.transfer_pack(proposal=proposal, by=cast.bob, hands=Hands([]), now=later(hours=2))
    handover = take(proposal, cast.bob)
    assert take(proposal, cast.bob, now=later(hours=3)) == handover
    task(later(hours=3))
    assert (owner(release), said("transfer")) == ("alice", [])
    assert token_queries.disagreements(now=later(hours=3)) == []

    moves(release, wallet_of("bob"), before=wallet_of("alice"), at=later(hours=4))
    # Between the chain and the log it is on its way to whom she agreed with, and no disagreement.
    assert token_queries.disagreements(now=later(hours=4)) == []
    task(later(hours=4))
    assert owner(release) == "bob"
    assert [row["new_owner"] for row in said("transfer")] == [str(cast.bob.pk)] * 2
    assert token_queries.disagreements(now=later(hours=5)) == []
    task(later(hours=5))
    assert len(said("transfer")) == 2
    assert TransferProposal.objects.get().state == State.ACCEPTED
    assert findings() == []


def test_a_token_that_is_there_already_makes_it_whole_at_once(cast: Cast, release: Release) -> None:
    """She sold the token elsewhere; the log follows once both say so, and nothing has to move any more."""
    has_token(release, cast.alice)
    moves(release, wallet_of("bob"), before=wallet_of("alice"), at=later(hours=1))
    (wrong,) = token_queries.disagreements(now=later(hours=1))
    assert wrong.owner == cast.alice
    take(propose(release, cast.bob), cast.bob)
    assert owner(release) == "bob"
    assert token_queries.disagreements(now=later(hours=3)) == []


def test_every_token_of_the_pack_has_to_be_there(cast: Cast, release: Release, tmp_path: Path) -> None:
    second = published(cast.alice, tmp_path / "two", version="1.1.0", seed=2)
    has_token(release, cast.alice)
    has_token(second, cast.alice, now=later(minutes=20))
    proposal = propose(release, cast.bob)
    take(proposal, cast.bob)
    moves(release, wallet_of("bob"), at=later(hours=3))
    moves(second, wallet_of("stranger"), at=later(hours=3))
    task(later(hours=3))
    assert (owner(release), said("transfer")) == ("alice", [])
    (wrong,) = token_queries.disagreements(now=later(hours=3))
    assert (wrong.release, wrong.holder) == (second, wallet_of("stranger").lower())
    # One has arrived: Bob may not keep it and decline, and time does not end what is under way.
    with pytest.raises(UnableToTransfer, match="in your wallet: give it back first"):
        transferring.end_proposal(proposal=proposal, by=cast.bob, now=later(hours=4))
    assert transferring.expire_proposals(now=later(days=30)) == 0
    moves(second, wallet_of("bob"), at=later(days=31))
    task(later(days=31))
    assert owner(release) == "bob"


def test_who_accepted_and_got_nothing_may_still_decline(cast: Cast, release: Release) -> None:
    has_token(release, cast.alice)
    first = propose(release, cast.bob)
    take(first, cast.bob)
    transferring.end_proposal(proposal=first, by=cast.bob, now=later(hours=3))
    second = propose(release, cast.bob, now=later(hours=4))
    take(second, cast.bob, now=later(hours=5))
    assert transferring.expire_proposals(now=later(days=15)) == 1
    moves(release, wallet_of("bob"), at=later(days=16))
    task(later(days=16))
    assert (owner(release), said("transfer")) == ("alice", [])
    (wrong,) = token_queries.disagreements(now=later(days=16))
    assert (wrong.why, wrong.holder) == ("held-by-another", wallet_of("bob").lower())


def test_the_wallet_is_named_once_and_by_the_one_it_is_proposed_to(cast: Cast, release: Release) -> None:
    has_token(release, cast.alice)
    proposal = propose(release, cast.bob)
    with pytest.raises(UnableToTransfer, match="Only the creator to whom it is proposed"):
        take(proposal, cast.mo)
    with pytest.raises(UnableToTransfer, match="no address of a wallet"):
        take(proposal, cast.bob, "0x" + "0" * 40)
    with pytest.raises(UnableToTransfer, match="is over"):
        take(proposal, cast.bob, now=later(days=15))
    assert not Handover.objects.exists()
    take(proposal, cast.bob)
    with pytest.raises(UnableToTransfer, match="another wallet before"):
        take(proposal, cast.bob, wallet_of("bobs other"))
    with pytest.raises(Exception, match="only ever added"), transaction.atomic(), connection.cursor() as one:
        one.execute("UPDATE catalog_handover SET wallet = wallet")


def test_a_pack_without_tokens_is_handed_over_as_before(cast: Cast, release: Release) -> None:
    ask = asks(release, cast.alice)
    anchored()
    proposal = propose(release, cast.bob)
    with pytest.raises(UnableToTransfer, match="no token: it needs no wallet"):
        take(proposal, cast.bob)
    for refused in (lambda: asks(release, cast.alice, bps=1), lambda: signs(ask, cast.alice)):
        with pytest.raises((UnableToAskForToken, UnableToMaterialize), match="Its transfer is proposed"):
            refused()
    transferring.transfer_pack(proposal=proposal, by=cast.bob, hands=Hands([]), now=later(hours=2))
    assert owner(release) == "bob"

    # What Alice asked for makes no token any more: here at once, on chain as soon as the transfer has its place.
    assert token_queries.current_ask(release) is None
    with pytest.raises(UnableToMaterialize, match="Only its owner"):
        signs(ask, cast.alice)
    task(later(hours=2))
    assert not ChainCall.objects.exists()
    anchored(now=later(hours=3))
    task(later(hours=3))
    leaf = ledger.queries.leaf_of(Entry.objects.get(type="transfer"))
    assert leaf is not None
    assert TokenSupersession.objects.get().before == leaf.index
    assert ChainCall.objects.get().key == f"supersede:{release.digest}:{leaf.index}"
    assert tokens.supersede_overtaken(now=later(hours=4)) == 0
    asks(Release.objects.get(pk=release.pk), cast.bob, now=later(hours=4))
    assert findings() == []


def test_a_release_that_nobody_asked_a_token_of_costs_no_gas(cast: Cast, release: Release) -> None:
    proposal = propose(release, cast.bob)
    transferring.transfer_pack(proposal=proposal, by=cast.bob, hands=Hands([]), now=later(hours=2))
    anchored(now=later(hours=3))
    task(later(hours=3))
    assert not ChainCall.objects.exists()


def test_nothing_is_proposed_while_the_chain_makes_the_token(cast: Cast, release: Release) -> None:
    ask = asks(release, cast.alice)
    anchored()
    signs(ask, cast.alice)
    with pytest.raises(UnableToTransfer, match="is being made"):
        propose(release, cast.bob)
    assert not TransferProposal.objects.exists()
    makes(ask)
    propose(release, cast.bob)


def test_a_token_made_behind_our_back_while_the_pack_went_is_named(cast: Cast, release: Release) -> None:
    """Alice brings proof and signature to the chain herself, in the very minute in which Bob accepts."""
    ask = asks(release, cast.alice)
    anchored()
    proposal = propose(release, cast.bob)
    transferring.transfer_pack(proposal=proposal, by=cast.bob, hands=Hands([]), now=later(hours=2))
    makes(ask, at=later(hours=2))
    (wrong,) = token_queries.disagreements(now=later(hours=3))
    assert (wrong.owner, wrong.holder, wrong.why) == (cast.bob, ask.wallet, "held-by-another")


def test_own_keys_sign_when_they_agree_and_count_when_the_token_is_there(cast: Cast, release: Release) -> None:
    has_token(release, cast.alice)
    browsers = {cast.alice: Browser(), cast.bob: Browser()}
    key = current_key(cast.alice)
    assert key is not None
    makes_own_key(cast.alice, browsers[cast.alice], after=key.kid, now=later(minutes=20))
    makes_own_key(cast.bob, browsers[cast.bob], now=later(minutes=20))
    proposal = browsers[cast.alice].does(lambda hands: propose(release, cast.bob, hands))
    browsers[cast.bob].does(lambda hands: take(proposal, cast.bob, hands=hands))
    assert Handover.objects.get().signatures.keys() == {release.digest}
    moves(release, wallet_of("bob"), at=later(hours=3))
    task(later(hours=3))
    assert (owner(release), len(said("transfer"))) == ("bob", 1)
    assert findings() == []


def test_a_key_that_ended_meanwhile_is_named_and_the_two_may_agree_again(
    cast: Cast, release: Release, caplog: pytest.LogCaptureFixture
) -> None:
    has_token(release, cast.alice)
    browser = Browser()
    first = makes_own_key(cast.bob, browser, now=later(minutes=20))
    proposal = propose(release, cast.bob)
    browser.does(lambda hands: take(proposal, cast.bob, hands=hands))
    makes_own_key(cast.bob, browser, after=first.kid, now=later(hours=2))
    moves(release, wallet_of("bob"), at=later(hours=3))
    task(later(hours=3))
    assert "The new owner has another signing key since" in caplog.text
    assert (owner(release), said("transfer")) == ("alice", [])
    transferring.end_proposal(proposal=proposal, by=cast.alice, now=later(hours=4))
    assert len(token_queries.disagreements(now=later(hours=4))) == 1
    again = propose(release, cast.bob, now=later(hours=5))
    browser.does(lambda hands: take(again, cast.bob, hands=hands, now=later(hours=6)))
    assert owner(release) == "bob"


def test_a_token_of_a_former_contract_goes_along_as_well(cast: Cast, release: Release, settings: Any) -> None:
    has_token(release, cast.alice)
    place = token_queries.token_place()
    assert place is not None
    old = place[0].address("AssetToken")
    record_suite(
        settings.DATA_FOLDER, former=[{"contract": "AssetToken", "address": old, "block_number": 1}], salt="successor"
    )
    state = token_queries.state_of(release)
    assert (state.step, state.made and state.made.event.address) == ("made", old)
    with pytest.raises(UnableToAskForToken, match="has its token"):
        asks(release, cast.alice)
    proposal = propose(release, cast.bob)
    take(proposal, cast.bob)
    task(later(hours=3))
    assert owner(release) == "alice"
    moves(release, wallet_of("bob"), at=later(hours=4), address=old)
    task(later(hours=4))
    assert owner(release) == "bob"
    assert token_queries.disagreements(now=later(hours=5)) == []
    moves(release, wallet_of("stranger"), at=later(hours=6), address=old)
    assert len(token_queries.disagreements(now=later(hours=6))) == 1


def test_a_token_that_is_lost_keeps_no_pack_from_changing_hands(cast: Cast, release: Release) -> None:
    """Her key is lost, or the token is with somebody who is no creator here: Bob takes the pack without it."""
    has_token(release, cast.alice)
    proposal = propose(release, cast.bob)
    for refused in (cast.mo, cast.alice):
        with pytest.raises(UnableToTransfer, match="Only the creator to whom it is proposed"):
            handing_over.take_without_tokens(proposal=proposal, by=refused, hands=Hands([]), now=later(hours=2))
    with pytest.raises(UnableToTransfer, match="is over"):
        handing_over.take_without_tokens(proposal=proposal, by=cast.bob, hands=Hands([]), now=later(days=15))
    made = handing_over.take_without_tokens(proposal=proposal, by=cast.bob, hands=Hands([]), now=later(hours=2))
    assert (owner(release), Handover.objects.get().wallet) == ("bob", "")
    assert handing_over.take_without_tokens(proposal=proposal, by=cast.bob, hands=Hands([]), now=later(hours=3)) == made
    (wrong,) = token_queries.disagreements(now=later(hours=3))
    assert (wrong.owner, wrong.holder) == (cast.bob, wallet_of("alice").lower())
    task(later(hours=3))
    assert len(said("transfer")) == 1
    # She finds her key after all, and gives the token to the wallet that he is paid to.
    is_paid_to(cast.bob, "bob", now=later(hours=4))
    moves(release, wallet_of("bob"), at=later(hours=5))
    assert token_queries.disagreements(now=later(hours=5)) == []
    assert findings() == []


def test_a_pack_is_not_taken_without_tokens_that_it_does_not_have_or_that_were_agreed_on(
    cast: Cast, release: Release
) -> None:
    proposal = propose(release, cast.bob)
    with pytest.raises(UnableToTransfer, match="no token"):
        handing_over.take_without_tokens(proposal=proposal, by=cast.bob, hands=Hands([]), now=later(hours=2))
    transferring.end_proposal(proposal=proposal, by=cast.alice, now=later(hours=2))
    has_token(release, cast.alice, now=later(hours=3))
    proposal = propose(release, cast.bob, now=later(hours=4))
    take(proposal, cast.bob, now=later(hours=5))
    with pytest.raises(UnableToTransfer, match="named a wallet before"):
        handing_over.take_without_tokens(proposal=proposal, by=cast.bob, hands=Hands([]), now=later(hours=6))
    assert (owner(release), said("transfer")) == ("alice", [])


def test_while_nobody_can_tell_where_the_tokens_are_the_pack_stays(cast: Cast, release: Release, settings: Any) -> None:
    has_token(release, cast.alice)
    proposal = propose(release, cast.bob)
    record = settings.DATA_FOLDER / "chain" / "deployment.json"
    kept = record.read_text()
    record.write_text("{")
    with pytest.raises(UnableToTransfer, match="not a worldloom/deployment/2 document"):
        transferring.transfer_pack(proposal=proposal, by=cast.bob, hands=Hands([]), now=later(hours=2))
    with pytest.raises(UnableToTransfer, match="not a worldloom/deployment/2 document"):
        take(proposal, cast.bob)
    assert signed_in(cast.bob.person).get(f"/portal/transfers/{proposal.pk}").status_code == 200
    for address in (
        f"/releases/{release.digest}.json",
        f"/api/v1/releases/{release.digest}/token",
        "/packs/alice/yunhai",
    ):
        assert Client().get(address).status_code == 200
    assert (owner(release), said("transfer")) == ("alice", [])
    record.write_text(kept)
    take(proposal, cast.bob)


def test_what_the_chain_took_back_counts_no_more_and_is_named(cast: Cast, release: Release) -> None:
    """The move was final for us, and a reorganization deeper than that undid it after the log had followed."""
    has_token(release, cast.alice)
    take(propose(release, cast.bob), cast.bob)
    moves(release, wallet_of("bob"), before=wallet_of("alice"), at=later(hours=3))
    task(later(hours=3))
    assert owner(release) == "bob"
    ChainEventLost.objects.create(event=ChainEvent.objects.latest("id"), lost_at=later(hours=4))
    (wrong,) = token_queries.disagreements(now=later(hours=4))
    assert (wrong.owner, wrong.holder) == (cast.bob, wallet_of("alice").lower())
    moves(release, wallet_of("bob"), before=wallet_of("alice"), at=later(hours=5))
    assert token_queries.disagreements(now=later(hours=5)) == []


def test_two_workers_state_it_once(
    committed: None, at_once: Callable[..., list[Any]], tmp_path: Path, settings: Any
) -> None:
    record_suite(settings.DATA_FOLDER)
    cast = on_stage()
    release = published(cast.alice, tmp_path / "one")
    has_token(release, cast.alice)
    take(propose(release, cast.bob), cast.bob)
    moves(release, wallet_of("bob"), at=later(hours=3))
    done = at_once(*[lambda: handing_over.finish_handovers(now=later(hours=3))] * 2)
    assert sorted(done) == [0, 1]
    assert len(said("transfer")) == 1
    assert [tokens.take_token_events()] == [0]
