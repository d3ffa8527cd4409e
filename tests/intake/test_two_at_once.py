"""Two who do something about one submission or one claim at the same moment: one of them is first, and nobody hangs."""

import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from ledger.models import Entry
from marketplace.catalog.models import Release
from marketplace.intake import claiming, entering, examining, operations
from marketplace.intake.models import Claim, Submission
from marketplace.people.models import Creator
from tests import packs
from tests.cast import Cast, on_stage
from tests.intake.stage import hand_in

pytestmark = pytest.mark.usefixtures("committed")
State = Submission.State
AtOnce = Callable[..., list[Any]]


@pytest.fixture
def cast(committed: None) -> Cast:
    return on_stage()


def elsewhere(verb: Callable[[], Any]) -> None:
    """Does it on a connection of its own, to its end."""

    def run() -> None:
        try:
            verb()
        finally:
            connection.close()

    thread = Thread(target=run)
    thread.start()
    thread.join()


def handed_in(creator: Creator, folder: Path, handle: str, seed: int) -> Submission:
    """A pack of one's own, but for a LoRA that is the first one under other metadata."""
    packs.write(folder, handle=handle, seed=seed)
    (folder / "style.safetensors").write_bytes(packs.lora(1, metadata={"by": handle}))
    return hand_in(creator, folder, timezone.now())


@pytest.fixture
def original(cast: Cast, tmp_path: Path) -> Release:
    folder = packs.write(tmp_path / "original", handle="clouds")
    return operations.publish_folder(folder=folder, creator=cast.alice, now=timezone.now())


@pytest.fixture
def held(cast: Cast, original: Release, tmp_path: Path) -> Submission:
    submission = handed_in(cast.bob, tmp_path / "copy", "mist", 2)
    operations.examine(submission_id=submission.pk, now=timezone.now())
    return submission


def examine(submission: Submission) -> Submission | None:
    return operations.examine(submission_id=submission.pk, now=timezone.now())


@pytest.mark.parametrize("until", [(entering, "compare"), (examining, "_publish")])
def test_what_is_taken_back_while_it_is_compared_is_not_published(
    cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, until: tuple[Any, str]
) -> None:
    submission = hand_in(cast.alice, packs.write(tmp_path / "p", handle="clouds"), timezone.now())
    go_on = getattr(*until)

    def meanwhile(*args: Any) -> Any:
        elsewhere(lambda: operations.withdraw(submission=submission, now=timezone.now()))
        return go_on(*args)

    monkeypatch.setattr(*until, meanwhile)
    assert examine(submission) is None
    submission.refresh_from_db()
    assert submission.state == State.WITHDRAWN
    assert (Release.objects.count(), Entry.objects.filter(type="release").count()) == (0, 0)
    assert submission.files.filter(upload__isnull=False).count() == 0


def test_nobody_claims_what_is_taken_back_while_it_is_compared(
    cast: Cast, original: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = handed_in(cast.bob, tmp_path / "copy", "mist", 2)
    compare = entering.compare

    def meanwhile(*args: Any) -> Any:
        elsewhere(lambda: operations.withdraw(submission=submission, now=timezone.now()))
        return compare(*args)

    monkeypatch.setattr(entering, "compare", meanwhile)
    examine(submission)
    submission.refresh_from_db()
    assert submission.state == State.WITHDRAWN
    assert Claim.objects.count() == 0


def test_a_decision_and_a_withdrawal_do_not_wait_for_each_other(
    cast: Cast, held: Submission, at_once: AtOnce, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, now = Claim.objects.get(), timezone.now()
    add = claiming._add

    def slowly(*args: Any, **fields: Any) -> Any:
        time.sleep(0.3)
        return add(*args, **fields)

    monkeypatch.setattr(claiming, "_add", slowly)
    said = at_once(
        lambda: operations.decide(claim=claim, upheld=True, statement="It is hers.", now=now),
        lambda: operations.withdraw(submission=held, now=now),
    )
    assert not [one for one in said if isinstance(one, Exception) and not isinstance(one, operations.UnableToAnswer)]
    held.refresh_from_db()
    assert held.state == State.WITHDRAWN
    assert claim.events.filter(kind__in=["accepted", "upheld"]).count() == 1
    assert Entry.objects.filter(subject=f"claim:{claim.pk}").count() == 2


def test_a_claim_is_decided_once(held: Submission, at_once: AtOnce) -> None:
    claim, now = Claim.objects.get(), timezone.now()
    said = at_once(
        lambda: operations.decide(claim=claim, upheld=True, statement="Hers.", now=now),
        lambda: operations.decide(claim=claim, upheld=False, statement="His.", now=now),
    )
    assert sorted(type(one).__name__ for one in said) == ["ClaimEvent", "UnableToAnswer"]
    assert claim.events.count() == 2


def test_two_who_hand_in_one_stolen_thing_are_both_held(
    cast: Cast, original: Release, tmp_path: Path, at_once: AtOnce
) -> None:
    one = handed_in(cast.bob, tmp_path / "bob", "mist", 2)
    other = handed_in(cast.mo, tmp_path / "mo", "dew", 3)
    at_once(lambda: examine(one), lambda: examine(other))
    assert set(Submission.objects.filter(pk__in=[one.pk, other.pk]).values_list("state", flat=True)) == {State.HELD}
    assert set(Claim.objects.values_list("claimant__handle", "respondent__handle")) == {
        ("alice", "bob"),
        ("alice", "mo"),
    }


def test_of_two_who_hand_in_one_new_thing_the_second_is_held(cast: Cast, tmp_path: Path, at_once: AtOnce) -> None:
    one = handed_in(cast.bob, tmp_path / "bob", "mist", 2)
    other = handed_in(cast.mo, tmp_path / "mo", "dew", 3)
    at_once(lambda: examine(one), lambda: examine(other))
    states = Submission.objects.filter(pk__in=[one.pk, other.pk]).values_list("state", flat=True)
    assert sorted(states) == [State.HELD, State.PUBLISHED]
