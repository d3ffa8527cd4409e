"""Bob hands in what Alice published: found, held, claimed, answered, decided."""

import re
from pathlib import Path

import pytest

from assets.models import Upload
from ledger.models import Entry
from ledger.queries import entries_about
from marketplace.catalog.models import Listing, Release
from marketplace.intake import operations, queries
from marketplace.intake.models import Claim, Submission
from marketplace.intake.stories import said
from marketplace.licensing import queries as licensing
from tests import packs
from tests.cast import NOON, Cast, later
from tests.intake.stage import examined, hand_in, traces

State = Submission.State


@pytest.fixture
def original(cast: Cast, tmp_path: Path) -> Release:
    return operations.publish_folder(
        folder=packs.write(tmp_path / "original", handle="clouds", offers=packs.SHARED), creator=cast.alice, now=NOON
    )


def stolen(folder: Path, **fields: object) -> Path:
    """A pack of Bob's whose LoRA is Alice's, without its metadata."""
    packs.write(folder, handle="mist", seed=2, **fields)  # type: ignore[arg-type]
    (folder / "style.safetensors").write_bytes(packs.lora(1, metadata={"modelspec.author": "Bob"}))
    return folder


@pytest.fixture
def held(cast: Cast, original: Release, tmp_path: Path) -> Submission:
    return examined(hand_in(cast.bob, stolen(tmp_path / "copy"), later(hours=1)), later(hours=1))


def test_a_copy_is_held_with_evidence(cast: Cast, original: Release, held: Submission) -> None:
    assert held.state == State.HELD
    (claim,) = queries.open_claims_about(held)
    assert (claim.claimant, claim.respondent) == (cast.alice, cast.bob)
    assert (claim.relation, claim.score_ppm) == ("same-weights", 1_000_000)
    assert (claim.claimed_release, claim.claimed_path) == (original, "style.safetensors")
    assert claim.disputed_path == "style.safetensors"
    assert claim.evidence["claimed"]["pack"] == "alice/clouds@1.0.0"
    assert claim.evidence["claimed"]["stated_at"] == "2026-11-22T12:00:00Z"
    assert [row["outcome"] for row in held.likenesses] == ["claimed"]
    assert [str(listing.pack) for listing in Listing.objects.all()] == ["alice/clouds"]


def test_the_claim_is_stated(held: Submission) -> None:
    (claim,) = queries.open_claims_about(held)
    (entry,) = entries_about(f"claim:{claim.pk}")
    said_ = bytes(entry.body).decode()
    assert '"event":"opened"' in said_
    assert f'"evidence":"{claim.evidence_sha256}"' in said_
    assert f'"disputed":"{claim.disputed_sha256}"' in said_
    assert not re.search(r"alice|bob|style", said_)


def test_a_copy_published_by_command_is_held_too(cast: Cast, original: Release, tmp_path: Path) -> None:
    with pytest.raises(operations.PublicationHeld, match=r"style.safetensors of alice/clouds@1.0.0"):
        operations.publish_folder(folder=stolen(tmp_path / "copy"), creator=cast.bob, now=later(hours=1))
    assert Release.objects.count() == 1
    assert Submission.objects.filter(creator=cast.bob, state=State.HELD).count() == 1


def test_naming_the_source_confirms_the_match(cast: Cast, original: Release, tmp_path: Path) -> None:
    folder = stolen(tmp_path / "derived", parents=[("alice/clouds@1.0.0", 200_000_000)])
    submission = examined(hand_in(cast.bob, folder))
    assert submission.state == State.PUBLISHED
    assert [(row["outcome"], row["release"]) for row in submission.likenesses] == [("confirmed", "alice/clouds@1.0.0")]
    assert Claim.objects.count() == 0


def test_alice_may_publish_her_own_again(cast: Cast, original: Release, tmp_path: Path) -> None:
    submission = examined(hand_in(cast.alice, packs.write(tmp_path / "next", handle="clouds", version="1.1.0")))
    assert submission.state == State.PUBLISHED
    assert {row["outcome"] for row in submission.likenesses} <= {"own"}


def test_bob_counters_and_alice_says_no_more(cast: Cast, held: Submission) -> None:
    (claim,) = queries.open_claims_about(held)
    operations.answer(
        claim=claim, kind="countered", person=cast.bob.person, statement="Alice trained it for me.", now=later(days=1)
    )
    assert operations.run_clocks(now=later(days=14)) == []
    assert [event.kind for event in operations.run_clocks(now=later(days=15))] == ["dismissed"]
    assert operations.examine_due(now=later(days=15)) == 1
    held.refresh_from_db()
    assert held.state == State.PUBLISHED
    assert [row["outcome"] for row in held.likenesses] == ["cleared"]
    assert Listing.objects.count() == 2


def test_bob_says_nothing_and_loses(held: Submission) -> None:
    assert [event.kind for event in operations.run_clocks(now=later(days=15))] == ["upheld"]
    assert operations.run_clocks(now=later(days=99)) == []
    operations.examine_due(now=later(days=15))
    held.refresh_from_db()
    assert held.state == State.REFUSED
    assert [said(finding) for finding in held.findings] == [
        "style.safetensors was found to be the work of alice: leave it out, or make it anew."
    ]
    assert traces()["releases"] == 1
    # What was not claimed need not be sent again.
    assert sorted(Upload.objects.values_list("name", flat=True)) == ["cover.png", "prompts.txt"]


def test_a_maintained_claim_is_the_operators_to_decide(cast: Cast, held: Submission) -> None:
    (claim,) = queries.open_claims_about(held)
    answer = {"claim": claim, "now": later(days=1)}
    operations.answer(kind="countered", person=cast.bob.person, statement="Mine.", **answer)  # type: ignore[arg-type]
    operations.answer(kind="maintained", person=cast.alice.person, statement="No.", **answer)  # type: ignore[arg-type]
    assert operations.run_clocks(now=later(days=99)) == []
    operations.decide(claim=claim, upheld=True, statement="The log shows it.", now=later(days=2))
    kinds = [row.kind for row in claim.events.all()]
    assert kinds == ["opened", "countered", "maintained", "upheld"]
    assert Entry.objects.filter(subject=f"claim:{claim.pk}").count() == 4


def test_only_the_parties_answer_and_only_when_asked(cast: Cast, held: Submission) -> None:
    (claim,) = queries.open_claims_about(held)
    for kind, person, why in [
        ("countered", cast.dave, "Only the two parties"),
        ("countered", cast.alice.person, "cannot be done"),
        ("maintained", cast.alice.person, "cannot be done"),
        ("dismissed", cast.bob.person, "cannot be done"),
    ]:
        with pytest.raises(operations.UnableToAnswer, match=why):
            operations.answer(claim=claim, kind=kind, person=person, statement="Me.", now=later(days=1))
    with pytest.raises(operations.UnableToAnswer, match="Say why"):
        operations.answer(claim=claim, kind="countered", person=cast.bob.person, statement=" ", now=later(days=1))
    assert [row.kind for row in claim.events.all()] == ["opened"]
    assert Entry.objects.filter(subject=f"claim:{claim.pk}").count() == 1
    assert queries.claim_of(cast.mo, claim.pk) is None


def test_taking_the_submission_back_accepts_the_claim(cast: Cast, held: Submission) -> None:
    operations.withdraw(submission=held, now=later(days=1))
    claim = Claim.objects.get()
    assert [row.kind for row in claim.events.all()] == ["opened", "accepted"]
    assert traces()["uploads"] == 3  # so that naming the source costs no second upload


def test_bytes_under_claim_are_not_linked(original: Release, held: Submission) -> None:
    (claim,) = queries.open_claims_about(held)
    assert queries.is_published(claim.asset.blob_id)
    assert queries.is_under_claim(claim.disputed_sha256)
    assert not queries.is_published(claim.disputed_sha256)


def test_a_report_by_hand_freezes_only_with_a_match(cast: Cast, original: Release, tmp_path: Path) -> None:
    other = operations.publish_folder(
        folder=packs.write(tmp_path / "own", handle="mist", seed=3), creator=cast.bob, now=later(hours=1)
    )
    own = original.assets.select_related("release__pack__creator", "asset__blob").get(path="style.safetensors")
    disputed = other.assets.select_related("release__pack__creator", "asset__blob").get(path="style.safetensors")
    claim = operations.report(
        claimant=cast.alice, own=own, disputed=disputed, statement="That is my ink.", now=later(hours=2)
    )
    assert (claim.relation, claim.score_ppm, claim.release) == ("reported", 0, other)
    again = operations.report(claimant=cast.alice, own=own, disputed=disputed, statement="Still.", now=later(hours=3))
    assert again == claim
    operations.decide(claim=claim, upheld=True, statement="It is.", now=later(days=1))
    assert licensing.live_offers(other) == []
    assert licensing.live_offers(original) != []


def test_nobody_reports_themselves_or_with_anothers_work(cast: Cast, original: Release) -> None:
    own = original.assets.select_related("release__pack__creator", "asset__blob").get(path="style.safetensors")
    with pytest.raises(operations.UnableToClaim, match="your own"):
        operations.report(claimant=cast.alice, own=own, disputed=own, statement="Mine.", now=NOON)
    with pytest.raises(operations.UnableToClaim, match="published yourself"):
        operations.report(claimant=cast.bob, own=own, disputed=own, statement="Mine.", now=NOON)
    assert Claim.objects.count() == 0
