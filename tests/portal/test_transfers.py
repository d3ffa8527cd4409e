"""Alice hands 云海 over to Bob: both sign, the log says it of each version, and Dave may not."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

import ledger.operations
import ledger.queries
from ledger.custody import current_key, own_key
from ledger.models import Entry
from ledger.operations import Hands
from marketplace.catalog import transferring
from marketplace.catalog.models import Pack, Release, Transfer, TransferProposal
from marketplace.catalog.operations import UnableToPublish
from marketplace.catalog.transferring import UnableToTransfer
from marketplace.intake.operations import publish_folder
from marketplace.licensing.models import Offer
from marketplace.licensing.operations import withdraw_offer
from marketplace.people.models import Creator
from marketplace.portal import queries
from tests import packs
from tests.cast import NOON, Cast, later, on_stage
from tests.ledger.keyholders import Browser, findings, makes_own_key, said
from tests.portal.sending import signed_in
from tests.portal.test_signing_keys import page, signs

State = TransferProposal.State


@pytest.fixture
def cast(db: None) -> Cast:
    return on_stage()


def published(creator: Creator, folder: Path, handle: str = "yunhai", **given: Any) -> Release:
    now = given.pop("now", NOON)
    return publish_folder(folder=packs.write(folder, handle=handle, **given), creator=creator, now=now)


@pytest.fixture
def pack(cast: Cast, tmp_path: Path) -> Pack:
    return published(cast.alice, tmp_path / "one").pack


def propose(pack: Pack, to: Creator, hands: Hands | None = None, now: Any = later(hours=1)) -> TransferProposal:
    return transferring.propose_transfer(pack=pack, new_owner=to, by=pack.owner, hands=hands or Hands([]), now=now)


def accept(proposal: TransferProposal, by: Creator, hands: Hands | None = None, now: Any = later(hours=2)) -> Transfer:
    return transferring.transfer_pack(proposal=proposal, by=by, hands=hands or Hands([]), now=now)


def test_both_sign_and_the_log_says_it_of_each_version(cast: Cast, pack: Pack, tmp_path: Path) -> None:
    published(cast.alice, tmp_path / "two", version="1.1.0", seed=2, now=later(minutes=1))
    proposal = propose(pack, cast.bob)
    assert said("transfer") == []
    transfer = accept(proposal, cast.bob)
    assert accept(proposal, cast.bob) == transfer
    pack = Pack.objects.get()
    assert (pack.owner, pack.creator, str(pack)) == (cast.bob, cast.alice, "alice/yunhai")
    digests = sorted(Release.objects.values_list("digest", flat=True))
    assert said("transfer") == [
        {
            "release": digest,
            "owner": str(cast.alice.pk),
            "new_owner": str(cast.bob.pk),
            "previous": Entry.objects.get(type="release", subject=f"release:{digest}").digest,
        }
        for digest in digests
    ]

    with pytest.raises(UnableToPublish, match=r"alice/yunhai is not yours"):
        published(cast.alice, tmp_path / "hers", version="1.2.0", seed=3, now=later(hours=3))
    published(cast.bob, tmp_path / "his", "alice/yunhai", version="1.2.0", seed=4, now=later(hours=3))
    published(cast.bob, tmp_path / "own", "yunhai", seed=5, now=later(hours=4))
    assert sorted(map(str, Release.objects.all())) == [
        "alice/yunhai@1.0.0",
        "alice/yunhai@1.1.0",
        "alice/yunhai@1.2.0",
        "bob/yunhai@1.0.0",
    ]
    third = Release.objects.get(pack=pack, version="1.2.0")
    assert b'"pack":"alice/yunhai"' in bytes(third.manifest)
    assert [(share.payee, share.share_ppb) for share in third.split.shares.all()] == [(cast.bob, 10**9)]
    for offer in Offer.objects.filter(release__pack=pack):
        withdraw_offer(offer=offer, now=later(hours=5))
    assert findings() == []


def test_back_again_names_the_entry_that_made_him_the_owner(cast: Cast, pack: Pack) -> None:
    accept(propose(pack, cast.bob), cast.bob)
    pack.refresh_from_db()
    accept(propose(pack, cast.alice, now=later(hours=3)), cast.alice, now=later(hours=4))
    first, second = said("transfer")
    assert second["previous"] == Entry.objects.filter(type="transfer").order_by("id")[0].digest
    assert (first["release"], first["owner"]) == (second["release"], second["new_owner"])
    assert Pack.objects.get().owner == cast.alice
    assert findings() == []


def test_only_the_owner_proposes_and_only_the_one_named_accepts(cast: Cast, pack: Pack) -> None:
    with pytest.raises(UnableToTransfer, match="Only its owner"):
        transferring.propose_transfer(pack=pack, new_owner=cast.bob, by=cast.mo, hands=Hands([]), now=NOON)
    with pytest.raises(UnableToTransfer, match="yours already"):
        propose(pack, cast.alice)
    proposal = propose(pack, cast.bob)
    assert propose(pack, cast.bob) == proposal
    with pytest.raises(UnableToTransfer, match="proposed to another creator"):
        propose(pack, cast.mo)
    for stranger in (cast.mo, cast.alice):
        with pytest.raises(UnableToTransfer, match="Only the creator to whom it is proposed"):
            accept(proposal, stranger)
    with pytest.raises(UnableToTransfer, match="may end it"):
        transferring.end_proposal(proposal=proposal, by=cast.mo, now=later(hours=1))
    assert TransferProposal.objects.get().state == State.OPEN
    assert Pack.objects.get().owner == cast.alice
    assert said("transfer") == []


def test_a_proposal_ends_once_and_after_14_days(cast: Cast, pack: Pack, tmp_path: Path) -> None:
    with pytest.raises(UnableToTransfer, match="is over"):
        accept(propose(pack, cast.bob), cast.bob, now=later(days=14, hours=1))
    second = propose(pack, cast.mo, now=later(days=15))
    transferring.end_proposal(proposal=second, by=cast.mo, now=later(days=16))
    third = propose(pack, cast.mo, now=later(days=17))
    transferring.end_proposal(proposal=third, by=cast.alice, now=later(days=18))
    for over in (second, third):
        with pytest.raises(UnableToTransfer, match="is over"):
            accept(over, cast.mo, now=later(days=19))
    states = TransferProposal.objects.order_by("proposed_at").values_list("state", flat=True)
    assert list(states) == ["expired", "declined", "withdrawn"]
    propose(pack, cast.mo, now=later(days=20))
    assert transferring.expire_proposals(now=later(days=33)) == 0
    assert transferring.expire_proposals(now=later(days=34)) == 1
    published(cast.alice, tmp_path / "more", version="2.0.0", seed=3, now=later(days=34))
    accepted = propose(pack, cast.mo, now=later(days=35))
    accept(accepted, cast.mo, now=later(days=35))
    with pytest.raises(UnableToTransfer, match="for good"):
        transferring.end_proposal(proposal=accepted, by=cast.alice, now=later(days=36))


def test_own_keys_sign_in_both_browsers(cast: Cast, pack: Pack, tmp_path: Path) -> None:
    browsers = {cast.alice: Browser(), cast.bob: Browser()}
    key = current_key(cast.alice)
    assert key is not None
    makes_own_key(cast.alice, browsers[cast.alice], after=key.kid, now=later(minutes=5))
    makes_own_key(cast.bob, browsers[cast.bob], now=later(minutes=5))
    with pytest.raises(ledger.operations.UnableToCount):
        propose(pack, cast.bob)
    proposal = browsers[cast.alice].does(lambda hands: propose(pack, cast.bob, hands))
    with pytest.raises(UnableToPublish, match="The transfer of alice/yunhai is proposed"):
        published(cast.alice, tmp_path / "more", version="2.0.0", seed=3, now=later(hours=1))
    with pytest.raises(ledger.operations.UnableToCount):
        accept(proposal, cast.bob)
    assert said("transfer") == []
    browsers[cast.bob].does(lambda hands: accept(proposal, cast.bob, hands))
    kids = [own.kid for creator in (cast.alice, cast.bob) if (own := own_key(creator))]
    for entry in Entry.objects.filter(type="transfer"):
        assert re.findall(r'"kid":"([^"]+)"', bytes(entry.body).decode()) == kids
    assert findings() == []


def test_a_key_of_hers_that_has_ended_since_hands_nothing_over(cast: Cast, pack: Pack) -> None:
    browser, key = Browser(), current_key(cast.alice)
    assert key is not None
    first = makes_own_key(cast.alice, browser, after=key.kid, now=later(minutes=5))
    proposal = browser.does(lambda hands: propose(pack, cast.bob, hands))
    makes_own_key(cast.alice, browser, after=first.kid, now=later(hours=1))
    with pytest.raises(UnableToTransfer, match="another signing key since"):
        accept(proposal, cast.bob)
    assert said("transfer") == []
    assert Pack.objects.get().owner == cast.alice


def test_two_who_accept_at_once_make_one(committed: None, at_once: Callable[..., list[Any]], tmp_path: Path) -> None:
    cast = on_stage()
    pack = published(cast.alice, tmp_path / "one").pack
    proposal = propose(pack, cast.bob)
    made = at_once(lambda: accept(proposal, cast.bob), lambda: accept(proposal, cast.bob))
    assert [transfer.pk for transfer in made] == [proposal.pk] * 2
    assert len(said("transfer")) == 1


def test_the_database_refuses_what_no_transfer_says(cast: Cast, pack: Pack) -> None:
    proposal = propose(pack, cast.bob)
    with transaction.atomic(), pytest.raises(Exception, match="changes by a transfer alone"), transaction.atomic():
        Pack.objects.update(owner=cast.bob)
    with transaction.atomic(), pytest.raises(Exception, match="catalog_pack_has_one_proposal"), transaction.atomic():
        TransferProposal.objects.create(
            pack=pack, owner=cast.alice, new_owner=cast.mo, proposed_at=NOON, due_at=later(days=14)
        )
    accept(proposal, cast.bob)
    for statement in (
        "UPDATE catalog_transfer SET transferred_at = now()",
        "DELETE FROM catalog_transfer",
        "UPDATE catalog_transferproposal SET state = 'declined'",
        "DELETE FROM catalog_transferproposal",
        "UPDATE catalog_pack SET handle = 'mine'",
    ):
        with pytest.raises(Exception, match="refused|only the end"), transaction.atomic(), connection.cursor() as one:
            one.execute(statement)
    assert Transfer.objects.count() == 1


# --- the pages -------------------------------------------------------------------------------------------
def test_she_proposes_on_the_packs_page_and_he_accepts_with_a_click(cast: Cast, pack: Pack) -> None:
    alice, bob, mo = (signed_in(one.person) for one in (cast.alice, cast.bob, cast.mo))
    address = "/portal/packs/alice/yunhai"
    assert "Handle of the new owner" in page(alice.get(address))
    assert bob.get(address).status_code == bob.post(f"{address}/transfer", {"new_owner": "bob"}).status_code == 404
    answer = alice.post(f"{address}/transfer", {"new_owner": "nobody"}, follow=True)
    assert "No creator has the handle “nobody”." in page(answer)
    assert not TransferProposal.objects.exists()
    shown = page(alice.post(f"{address}/transfer", {"new_owner": " Bob "}, follow=True))
    assert "Proposed to Bob (bob), who may accept until" in shown
    proposal = TransferProposal.objects.get()
    where = f"/portal/transfers/{proposal.pk}"
    assert mo.get(where).status_code == mo.post(f"{where}/accept").status_code == mo.post(f"{where}/end").status_code
    assert mo.get(where).status_code == 404
    assert signed_in(cast.dave).post(f"{where}/accept").headers["Location"] == "/portal/"  # sells nothing
    assert "Only the creator to whom it is proposed" in page(alice.post(f"{where}/accept", follow=True))
    assert "Alice wants to hand alice/yunhai over to you." in page(bob.get("/portal/"))
    shown = page(bob.get(where))
    assert "What earlier versions earn goes to those who share in them now, not to you." in shown
    assert "The public log says it of 1 version, signed by both keys, for good." in shown
    assert said("transfer") == []

    shown = page(bob.post(f"{where}/accept", follow=True))
    assert "alice/yunhai is yours." in shown
    assert 'href="/portal/publish?from=alice/yunhai"' in shown
    assert alice.get(address).status_code == 404
    assert "yunhai" not in page(alice.get("/portal/")).split("Your packs")[-1].split("</ul>")[0]
    assert 'value="alice/yunhai"' in page(bob.get("/portal/publish?from=alice/yunhai"))
    assert 'Owner: <a href="/creators/bob">Bob</a>' in page(Client().get("/packs/alice/yunhai"))
    assert findings() == []


def test_he_declines_or_she_withdraws(cast: Cast, pack: Pack) -> None:
    alice, bob = (signed_in(one.person) for one in (cast.alice, cast.bob))
    for client, words in ((bob, "Declined: the pack stays with its owner."), (alice, "Withdrawn: the pack stays")):
        alice.post("/portal/packs/alice/yunhai/transfer", {"new_owner": "bob"})
        where = f"/portal/transfers/{TransferProposal.objects.get(state=State.OPEN).pk}"
        assert words in page(client.post(f"{where}/end", follow=True))
        assert "Nothing changed." in page(bob.get(where))
    assert said("transfer") == []


def test_own_keys_sign_on_the_pages(cast: Cast, tmp_path: Path) -> None:
    now = timezone.now() - timedelta(minutes=5)
    published(cast.alice, tmp_path / "one", now=now)
    browsers = {one: Browser() for one in (cast.alice, cast.bob)}
    for one, browser in browsers.items():
        key = current_key(one)
        makes_own_key(one, browser, after=key.kid if key else "", now=now)
    alice, bob = (signed_in(one.person) for one in (cast.alice, cast.bob))
    assert "Sign and propose" in page(alice.get("/portal/packs/yunhai"))
    assert alice.post("/portal/packs/alice/yunhai/transfer", {"new_owner": "bob"}).status_code == 302
    assert not TransferProposal.objects.exists()
    signs(alice, browsers[cast.alice], "/portal/packs/alice/yunhai/transfer", new_owner="bob")
    where = f"/portal/transfers/{TransferProposal.objects.get().pk}"
    assert "Sign and accept" in page(bob.get(where))
    assert signs(bob, browsers[cast.bob], f"{where}/accept").json() == {"next": "/portal/packs/alice/yunhai"}
    assert queries.pack_of(cast.bob, "yunhai", "alice") is not None
    assert len(said("transfer")) == 1
    assert findings() == []
