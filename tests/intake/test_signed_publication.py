"""Alice's own key signs what she publishes: in her browser, after the inspection, when she is back."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from ledger.custody import own_key
from ledger.models import Entry
from ledger.operations import Hands, UnableToCount, UnableToSignFor, keep_key, prepare_key, rehearse
from marketplace.catalog.models import Release
from marketplace.intake import operations
from marketplace.intake.models import Submission
from marketplace.licensing import queries as licensing
from marketplace.licensing.models import Offer, OfferWithdrawal
from tests import packs
from tests.cast import NOON, Cast, later
from tests.intake.stage import examined, hand_in, traces
from tests.ledger.keyholders import Browser, findings, makes_own_key, said

State = Submission.State
SEED = b"drawn once"
OFFERS = (("personal", "12.00", "USD"), ("studio", "100.01", "USD"))


@pytest.fixture
def browser(cast: Cast) -> Browser:
    made = Browser()
    makes_own_key(cast.alice, made)
    return made


@pytest.fixture
def waiting(cast: Cast, browser: Browser, tmp_path: Path) -> Submission:
    folder = packs.write(tmp_path / "yunhai", handle="yunhai", offers=OFFERS)
    return examined(hand_in(cast.alice, folder), later(minutes=1))


def publish(submission: Submission, hands: Hands, now: datetime = later(minutes=30), seed: bytes = SEED) -> Release:
    return operations.publish_signed(submission=submission, hands=hands, seed=seed, now=now)


def asked(submission: Submission, **given: Any) -> Hands:
    hands = Hands()
    rehearse(lambda: publish(submission, hands, **given))
    return hands


def test_what_has_passed_waits_for_her_signature_and_leaves_nothing_yet(
    cast: Cast, browser: Browser, tmp_path: Path
) -> None:
    submission = hand_in(cast.alice, packs.write(tmp_path / "yunhai", handle="yunhai"))
    before = traces()
    assert examined(submission).state == State.TO_SIGN
    assert traces() == before
    assert operations.examine(submission_id=submission.pk, now=later(hours=1)) is None
    assert operations.examine_due(now=later(hours=1)) == 0
    assert examined(submission, later(hours=2)).state == State.TO_SIGN


def test_signed_in_her_browser_it_is_published_under_her_key(cast: Cast, browser: Browser, waiting: Submission) -> None:
    before = traces()
    hands = asked(waiting)
    assert traces() == before
    assert [one.type for one in hands.messages] == [
        "application/vnd.worldloom.release+json",
        "application/vnd.worldloom.offer+json",
        "application/vnd.worldloom.offer+json",
    ]
    release = publish(waiting, Hands(browser.signed(hands.messages)))
    waiting.refresh_from_db()
    assert (waiting.state, waiting.release) == (State.PUBLISHED, release)
    assert release.published_at == later(minutes=30)
    key = own_key(cast.alice)
    assert key is not None
    signed = Entry.objects.filter(type__in=["release", "offer"])
    assert [f'"kid":"{key.kid}"' in bytes(entry.body).decode() for entry in signed] == [True] * 3
    assert {row["offer"] for row in said("offer")} == {str(offer.pk) for offer in Offer.objects.all()}
    assert findings() == []

    count = Entry.objects.count()
    assert publish(waiting, Hands([])) == release  # sent twice
    assert Entry.objects.count() == count


def test_a_changed_message_or_no_signature_publishes_nothing(cast: Cast, browser: Browser, waiting: Submission) -> None:
    signed = browser.signed(asked(waiting).messages)
    before = traces()
    for hands, given in (
        (Hands([]), {}),
        (Hands(signed[:2]), {}),
        (Hands([(one, bytes(64)) for one, _sig in signed]), {}),
        (Hands(signed), {"seed": b"another draw"}),
        (Hands(signed), {"now": later(minutes=31)}),
    ):
        with pytest.raises(UnableToCount):
            publish(waiting, hands, **given)
        assert traces() == before
    waiting.refresh_from_db()
    assert waiting.state == State.TO_SIGN
    assert publish(waiting, Hands(signed)).version == "1.0.0"


def test_another_key_since_signs_it_and_a_kept_one_needs_nobody(
    cast: Cast, browser: Browser, waiting: Submission
) -> None:
    signed = browser.signed(asked(waiting).messages)
    (kid,) = browser.keys
    second = makes_own_key(cast.alice, browser, after=kid, now=later(minutes=5)).kid
    with pytest.raises(UnableToCount):
        publish(waiting, Hands(signed))
    prepared = prepare_key()
    browser.does(
        lambda hands: keep_key(creator=cast.alice, prepared=prepared, after=second, hands=hands, now=later(minutes=10))
    )
    with pytest.raises(UnableToSignFor, match="not in the creator's browser"):
        publish(waiting, Hands(signed))
    assert not Release.objects.exists()
    assert operations.examine_again(creator=cast.alice, now=later(minutes=11)) == 1
    assert operations.examine_due(now=later(minutes=11)) == 1
    assert Release.objects.get().published_at == later(minutes=11)
    assert findings() == []


def test_the_command_says_where_to_sign(cast: Cast, browser: Browser, tmp_path: Path, settings: Any) -> None:
    settings.SITE_URL = "https://worldloom.example"
    folder = packs.write(tmp_path / "yunhai", handle="yunhai")
    with pytest.raises(CommandError) as refusal:
        call_command("publish", str(folder), "--as", "alice")
    submission = Submission.objects.get()
    assert submission.state == State.TO_SIGN
    assert str(refusal.value) == (
        "It has passed and is published once you sign it, in the browser that has your key:"
        f" https://worldloom.example/portal/submissions/{submission.pk}"
    )
    assert not Release.objects.exists()


def test_she_may_take_it_back(cast: Cast, waiting: Submission) -> None:
    assert operations.withdraw(submission=waiting, now=later(hours=1)).state == State.WITHDRAWN
    with pytest.raises(operations.UnableToWithdraw, match="does not wait for a signature"):
        publish(waiting, Hands())
    assert not Release.objects.exists()


def test_a_lost_claim_stops_the_sale_without_her_signature(
    cast: Cast, browser: Browser, waiting: Submission, tmp_path: Path
) -> None:
    release = publish(waiting, Hands(browser.signed(asked(waiting).messages)))
    folder = packs.write(tmp_path / "mo", handle="mist", seed=2)
    operations.publish_folder(folder=folder, creator=cast.mo, now=NOON)
    theirs = Release.objects.get(pack__creator=cast.mo)
    claim = operations.report(
        claimant=cast.mo,
        own=theirs.assets.get(path="style.safetensors"),
        disputed=release.assets.get(path="style.safetensors"),
        statement="She took it.",
        now=later(hours=1),
    )
    operations.answer(claim=claim, kind="accepted", person=cast.alice.person, now=later(hours=2))
    assert not licensing.live_offers(release)
    assert OfferWithdrawal.objects.count() == 2
    assert said("offer-withdrawal") == []
    assert said("takedown") == [
        {"release": release.digest, "status": "taken-down", "reason": "claim", "claim": str(claim.pk)}
    ]
    assert findings() == []
