"""Alice's 云海 becomes a token: asked for, said by the log, signed by her wallet; and Dave may not."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

import ledger.operations
from ledger.chain.suite import checked, suite
from ledger.chain.typed import sign_digest
from ledger.chain_models import ChainCall
from ledger.custody import signer_of
from ledger.event_models import ChainEvent
from ledger.log.merkle import leaf_hash
from ledger.models import Entry
from ledger.sending import withdraw_call
from marketplace.catalog import token_queries, tokens
from marketplace.catalog.models import Release
from marketplace.catalog.token_models import TokenAsk, TokenEvent, TokenSigning, TokenSupersession
from marketplace.catalog.tokens import UnableToAskForToken, UnableToMaterialize, checked_wallet
from marketplace.intake.operations import publish_folder
from tests import packs
from tests.cast import NOON, Cast, later
from tests.catalog.staged import cast as cast
from tests.catalog.staged import release as release
from tests.catalog.staged import staged as staged
from tests.catalog.tokens import (
    ZERO,
    anchored,
    asks,
    has_token,
    is_paid_to,
    makes,
    moves,
    says,
    signs,
    wallet_key,
    wallet_of,
)
from tests.ledger.keyholders import findings, said


def test_the_log_says_what_she_asks_for_once(cast: Cast, release: Release) -> None:
    assert token_queries.state_of(release).step == "none"
    ask = asks(release, cast.alice, now=later(minutes=1))
    assert asks(release, cast.alice, now=later(minutes=2)) == ask
    place = token_queries.token_place()
    assert place is not None
    assert said("asset-token") == [
        {
            "bps": 500,
            "chain_id": 31337,
            "contract": place[1],
            "owner": wallet_of("alice").lower(),
            "release": release.digest,
            "split": release.split_id,
        }
    ]
    entry = Entry.objects.get(type="asset-token")
    assert json.loads(bytes(entry.body))["signatures"] == []
    assert token_queries.leaf_of(ask) == leaf_hash(bytes(entry.body))
    assert token_queries.state_of(release).step == "asked"
    anchored(now=later(minutes=3))
    assert token_queries.state_of(release).step == "ready"
    assert findings() == []


def test_the_wallet_signs_and_the_chain_is_asked_once(cast: Cast, release: Release) -> None:
    ask = asks(release, cast.alice)
    with pytest.raises(UnableToMaterialize, match="not anchored on chain yet"):
        signs(ask, cast.alice)
    receipt = anchored()
    signing = signs(ask, cast.alice, now=later(minutes=1))
    assert signs(ask, cast.alice, now=later(minutes=2)) == signing
    assert (signing.number, signing.anchor) == (1, receipt)
    call = ChainCall.objects.get()
    assert (call.key, call.role, call.artifact, call.function) == (signing.call, "keeper", "AssetToken", "materialize")
    assert call.subject == f"release:{release.digest}"
    assert (call.done, call.later) == (["AlreadyMaterialized"], ["NotAnchored", "PausedUntil"])
    state = token_queries.state_of(release)
    assert (state.step, state.standing and state.standing.state) == ("signed", "waiting")
    makes(ask)
    state = token_queries.state_of(release)
    assert (state.step, state.holder) == ("made", wallet_of("alice").lower())
    assert token_queries.disagreements(now=later(hours=1)) == []


def test_what_a_wallet_signs_is_the_leaf_for_this_contract(cast: Cast, release: Release) -> None:
    ask = asks(release, cast.alice)
    told = token_queries.typed_of(ask)
    assert told["message"] == {"leaf": "0x" + token_queries.leaf_of(ask).hex()}
    assert told["domain"] == {
        "name": "Worldloom AssetToken",
        "version": "1",
        "chainId": 31337,
        "verifyingContract": checked(ask.contract),
    }


def test_only_the_owner_asks_and_only_for_what_can_be(cast: Cast, release: Release) -> None:
    refused = [
        (cast.bob, wallet_of("bob"), 500, "Only its owner"),
        (cast.alice, "alice", 500, "no address of a wallet"),
        (cast.alice, "0x" + "00" * 20, 500, "no address of a wallet"),
        (cast.alice, wallet_of("alice"), 1001, "10 percent at most"),
        (cast.alice, wallet_of("alice"), -1, "10 percent at most"),
    ]
    for by, wallet, bps, words in refused:
        with pytest.raises(UnableToAskForToken, match=words):
            tokens.ask_for_token(release=release, by=by, wallet=wallet, bps=bps, now=NOON)
    place = token_queries.token_place()
    assert place is not None
    with pytest.raises(UnableToAskForToken, match="a contract of ours"):
        tokens.ask_for_token(release=release, by=cast.alice, wallet=place[0].address("SplitVault"), bps=0, now=NOON)
    assert said("asset-token") == []
    assert not TokenAsk.objects.exists()


def test_without_a_chain_nothing_is_asked_for(cast: Cast, release: Release, settings: Any) -> None:
    (settings.DATA_FOLDER / "chain" / "deployment.json").unlink()
    with pytest.raises(UnableToAskForToken, match="No chain is set up"):
        asks(release, cast.alice)
    assert token_queries.state_of(release).step == "none"
    assert token_queries.disagreements(now=NOON) == []
    assert said("asset-token") == []


def test_a_mistyped_address_is_none() -> None:
    wallet = wallet_of("alice")
    assert checked_wallet(f" {wallet} ") == checked_wallet(wallet.lower()) == wallet.lower()
    letter = next(place for place, one in enumerate(wallet) if one.isalpha() and place > 1)
    wrong = wallet[:letter] + wallet[letter].swapcase() + wallet[letter + 1 :]
    assert checked_wallet(wrong) is None
    for none in ("", "0x", wallet[:-1], wallet + "0", wallet[2:], "0x" + "g" * 40):
        assert checked_wallet(none) is None


def test_a_signature_of_another_wallet_or_none_asks_the_chain_for_nothing(cast: Cast, release: Release) -> None:
    ask = asks(release, cast.alice)
    anchored()
    good = sign_digest(token_queries.digest_of(ask), wallet_key("alice"))
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    high = good[:32] + (order - int.from_bytes(good[32:64], "big")).to_bytes(32, "big") + bytes([55 - good[64]])
    for bad in (sign_digest(token_queries.digest_of(ask), wallet_key("dave")), high, b"", good[:-1]):
        with pytest.raises(UnableToMaterialize, match="not of the wallet"):
            tokens.materialize_token(ask=ask, by=cast.alice, signature=bad, now=NOON)
    for by in (cast.bob, cast.mo):
        with pytest.raises(UnableToMaterialize, match="Only its owner"):
            tokens.materialize_token(ask=ask, by=by, signature=good, now=NOON)
    assert not ChainCall.objects.exists()
    assert not TokenSigning.objects.exists()


def test_a_contract_answers_for_its_own_signature_on_chain(cast: Cast, release: Release) -> None:
    ask = asks(release, cast.alice)
    anchored()
    signing = tokens.materialize_token(
        ask=ask, by=cast.alice, signature=b"two of three said so", now=NOON, is_contract=True
    )
    assert bytes(signing.signature) == b"two of three said so"
    with pytest.raises(UnableToAskForToken, match="is being made"):
        asks(release, cast.alice, bps=100)


def test_another_wish_takes_the_place_of_the_first_on_chain_too(cast: Cast, release: Release) -> None:
    first = asks(release, cast.alice)
    anchored()
    second = asks(release, cast.alice, "alices safe", bps=250, now=later(minutes=5))
    assert token_queries.current_ask(release) == second
    with pytest.raises(UnableToMaterialize, match="overtaken"):
        signs(first, cast.alice)
    assert tokens.supersede_overtaken(now=later(minutes=5)) == 0  # not sealed yet: the chain could not be told where
    anchored(now=later(minutes=6))
    assert tokens.supersede_overtaken(now=later(minutes=6)) == 1
    assert tokens.supersede_overtaken(now=later(minutes=7)) == 0
    told = TokenSupersession.objects.get()
    leaf = ledger.queries.leaf_of(second.entry)
    assert leaf is not None
    assert (told.release, told.before) == (release, leaf.index)
    call = ChainCall.objects.get()
    assert (call.key, call.function) == (f"supersede:{release.digest}:{leaf.index}", "supersede")
    assert (call.done, call.later) == (["NotLater"], ["AccessControlUnauthorizedAccount"])
    signs(second, cast.alice, "alices safe")
    assert findings() == []


def test_what_the_chain_would_not_be_told_is_named(
    cast: Cast, release: Release, caplog: pytest.LogCaptureFixture
) -> None:
    asks(release, cast.alice)
    asks(release, cast.alice, bps=250, now=later(minutes=5))
    anchored(now=later(minutes=6))
    tokens.supersede_overtaken(now=later(minutes=6))
    assert tokens.watch_tokens(now=later(minutes=7)) == 0
    told = TokenSupersession.objects.get()
    assert withdraw_call(key=told.call, reason="by hand", now=later(minutes=8))
    assert tokens.watch_tokens(now=later(minutes=9)) == 1
    assert f"The chain was not told that the log has overtaken {release} before leaf {told.before}." in caplog.text


def test_a_refused_call_may_be_asked_for_again(cast: Cast, release: Release) -> None:
    ask = asks(release, cast.alice)
    anchored()
    first = signs(ask, cast.alice)
    assert withdraw_call(key=first.call, reason="tried in vain", now=later(minutes=1))
    assert token_queries.state_of(release).step == "refused"
    second = signs(ask, cast.alice, now=later(minutes=2))
    assert (second.number, second.call) == (2, first.call[:-1] + "2")
    assert token_queries.state_of(release).step == "signed"
    assert withdraw_call(key=second.call, reason="tried in vain", now=later(minutes=3))
    third = signs(ask, cast.alice, now=later(minutes=4))
    assert withdraw_call(key=third.call, reason="tried in vain", now=later(minutes=5))
    again = asks(release, cast.alice, bps=1, now=later(minutes=6))
    anchored(now=later(minutes=7))
    with pytest.raises(UnableToMaterialize, match="refused it 3 times within a day"):
        signs(again, cast.alice, now=later(hours=23))
    assert signs(again, cast.alice, now=later(hours=25)).number == 1


def test_nothing_follows_once_it_is_made_or_taken_down(cast: Cast, release: Release, tmp_path: Path) -> None:
    ask = has_token(release, cast.alice)
    with pytest.raises(UnableToAskForToken, match="has its token"):
        asks(release, cast.alice, bps=100)
    with pytest.raises(UnableToMaterialize, match="has its token"):
        signs(ask, cast.alice)
    other = publish_folder(
        folder=packs.write(tmp_path / "two", handle="yunhai", version="1.1.0", seed=2), creator=cast.alice, now=NOON
    )
    waiting = asks(other, cast.alice)
    anchored(now=later(minutes=30))
    body = {"release": other.digest, "status": "taken-down", "reason": "law"}
    ledger.operations.state(type="takedown", subject=f"release:{other.digest}", body=body, now=later(hours=1))
    with pytest.raises(UnableToMaterialize, match="taken down"):
        signs(waiting, cast.alice)
    with pytest.raises(UnableToAskForToken, match="taken down"):
        asks(other, cast.alice, bps=100)
    assert ChainCall.objects.count() == 1


def test_each_event_is_taken_once(cast: Cast, release: Release) -> None:
    ask = has_token(release, cast.alice)
    says("EntriesSuperseded", {"release": "0x" + "cd" * 32, "before": 9})
    assert [tokens.take_token_events() for _ in range(3)] == [1, 0, 0]
    rows = TokenEvent.objects.order_by("event").values_list("kind", "release", "holder", "leaf", "before")
    assert list(rows) == [
        ("moved", release.digest, ask.wallet, "", None),
        ("made", release.digest, "", token_queries.leaf_of(ask).hex(), None),
        ("superseded", "cd" * 32, "", "", 9),
    ]


def test_a_token_that_went_elsewhere_is_named_and_the_log_counts(
    cast: Cast, release: Release, caplog: pytest.LogCaptureFixture
) -> None:
    has_token(release, cast.alice)
    moves(release, wallet_of("stranger"), before=wallet_of("alice"), at=later(hours=2))
    (wrong,) = token_queries.disagreements(now=later(hours=3))
    assert (wrong.release, wrong.owner, wrong.why) == (release, cast.alice, "held-by-another")
    assert (wrong.holder, wrong.since) == (wallet_of("stranger").lower(), later(hours=2))
    assert token_queries.disagreement_about(release, now=later(hours=3)) == wrong
    assert tokens.watch_tokens(now=later(hours=3)) == 1
    assert f"{release} is alice's, but {wallet_of('stranger').lower()} holds its token" in caplog.text
    release.pack.refresh_from_db()
    assert release.pack.owner == cast.alice
    moves(release, wallet_of("alice"), before=wallet_of("stranger"), at=later(hours=4))
    assert token_queries.disagreements(now=later(hours=5)) == []


def test_all_tokens_are_gone_through_a_few_at_once(
    cast: Cast, release: Release, django_assert_max_num_queries: Any
) -> None:
    digests = [f"{number:064x}" for number in range(1, 8)]
    found = suite()
    assert found is not None
    events = ChainEvent.objects.bulk_create(
        ChainEvent(
            chain_id=31337,
            contract="AssetToken",
            address=found.address("AssetToken"),
            event="Transfer",
            args={"from": ZERO, "to": wallet_of("alice"), "tokenId": number},
            transaction="0x" + digest,
            log_index=turn,
            block_number=number,
            block_hash="0x" + digest,
            block_time=NOON,
            seen_at=NOON,
        )
        for turn in range(2)
        for number, digest in enumerate(digests, 1)
    )
    assert tokens.take_token_events() == 14
    pages = list(token_queries.all_moves(at_once=3))
    assert [[move.release for move in page] for page in pages] == [digests[:3], digests[3:6], digests[6:]]
    assert [move.event_id for page in pages for move in page] == [event.pk for event in events[7:]]
    has_token(release, cast.alice)
    with django_assert_max_num_queries(10):
        assert token_queries.disagreements(now=later(hours=1)) == []


def test_a_token_may_be_where_its_owner_is_paid(cast: Cast, release: Release) -> None:
    has_token(release, cast.alice)
    moves(release, wallet_of("alices vault"), before=wallet_of("alice"), at=later(hours=2))
    assert len(token_queries.disagreements(now=later(hours=2))) == 1
    is_paid_to(cast.alice, "alices vault", now=later(hours=3))
    assert token_queries.disagreements(now=later(hours=4)) == []
    is_paid_to(cast.bob, "bob", now=later(hours=5))
    moves(release, wallet_of("bob"), before=wallet_of("alices vault"), at=later(hours=6))
    (wrong,) = token_queries.disagreements(now=later(hours=7))
    assert wrong.holder == wallet_of("bob").lower()


def test_a_token_from_an_entry_that_is_not_ours_is_named(cast: Cast, release: Release) -> None:
    moves(release, wallet_of("alice"))
    args = dict.fromkeys(("leaf", "split", "root"), "0x" + "ab" * 32)
    says("Materialized", {"release": "0x" + release.digest, **args})
    tokens.take_token_events()
    (wrong,) = token_queries.disagreements(now=later(hours=1))
    assert (wrong.why, str(wrong)) == (
        "unknown-entry",
        f"The token of {release} was made from an entry that this log does not have.",
    )


def test_the_database_keeps_what_was_asked_and_signed(cast: Cast, release: Release) -> None:
    ask = has_token(release, cast.alice)
    TokenSupersession.objects.create(release=release, before=1, call="c", asked_at=NOON)
    tables = ("token_ask", "token_signing", "token_event", "token_supersession")
    for table in tables:
        with pytest.raises(Exception, match="only ever added"), transaction.atomic(), connection.cursor() as one:
            one.execute(f"DELETE FROM catalog_{table}")
    with pytest.raises(Exception, match="only ever added"), transaction.atomic():
        TokenAsk.objects.update(bps=0)
    body = {
        "bps": 1,
        "chain_id": 1,
        "contract": ask.contract,
        "owner": ask.wallet,
        "release": release.digest,
        "split": release.split_id,
    }
    entry = ledger.operations.state(type="asset-token", subject=f"release:{release.digest}", body=body, now=NOON)
    with pytest.raises(Exception, match="as its entry"), transaction.atomic():
        TokenAsk.objects.create(
            entry=entry,
            release=release,
            asked_by=cast.alice,
            wallet=ask.wallet,
            bps=2,
            chain_id=1,
            contract=ask.contract,
            asked_at=NOON,
        )
    assert signer_of(
        creator=cast.alice, now=NOON
    )  # her key is the log's, her wallet the chain's: neither needs the other
