"""What an earlier work explains is nobody else's claim: one's own again, and two who made theirs with one source."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load as loads
from safetensors.numpy import save

from marketplace.catalog.models import Release
from marketplace.intake import operations
from marketplace.intake.models import Claim, Submission
from marketplace.payouts.freezes import SubjectFreeze
from marketplace.people.models import Creator
from tests import packs
from tests.assets import loras
from tests.assets.bringing import factors
from tests.cast import NOON, Cast, later
from tests.intake.stage import examined, hand_in

State = Submission.State
WEIGHTS = "style.safetensors"
WHO = ("old wanderer", "young ferryman", "tired courier", "masked dancer", "silent monk", "blind weaver", "proud smith")
HOURS = ("dawn", "noon", "dusk")


@pytest.fixture
def original(cast: Cast, tmp_path: Path) -> Release:
    return operations.publish_folder(
        folder=packs.write(tmp_path / "original", handle="clouds", offers=packs.SHARED), creator=cast.alice, now=NOON
    )


SOURCE = [("alice/clouds@1.0.0", 200_000_000)]


def merged(first: int, second: int, share: float, metadata: dict[str, str] | None = None) -> bytes:
    """One LoRA and a share of another, as tools that put their ranks side by side merge them."""
    parts = [loads(packs.lora(seed)) for seed in (first, second)]
    tensors = {}
    for name, values in parts[0].items():
        other = parts[1][name]
        if name.endswith(".alpha"):
            tensors[name] = np.asarray(values + other)
        elif name.endswith("lora_up.weight"):
            tensors[name] = np.concatenate([values, other * np.float16(share)], axis=1)
        else:
            tensors[name] = np.concatenate([values, other])
    return bytes(save(tensors, metadata=metadata))


def made_with_hers(folder: Path, *, handle: str, own: int, share: float = 0.6, **fields: Any) -> Path:
    """A pack whose LoRA adds `share` of one of one's own to Alice's; with 0 it is hers under other metadata."""
    packs.write(folder, handle=handle, seed=own, **fields)
    (folder / WEIGHTS).write_bytes(merged(1, own, share) if share else packs.lora(1, metadata={"by": handle}))
    return folder


@pytest.fixture
def derived(cast: Cast, original: Release, tmp_path: Path) -> Release:
    """Bob's pack, whose LoRA is Alice's and more than half as much of his own, and which names hers as its source."""
    folder = made_with_hers(tmp_path / "derived", handle="mist", own=2, parents=SOURCE)
    return operations.publish_folder(folder=folder, creator=cast.bob, now=later(hours=1))


def outcomes(submission: Submission) -> set[tuple[str, str]]:
    return {(row["release"], row["outcome"]) for row in submission.likenesses if row["path"] == WEIGHTS}


def test_alice_is_not_held_by_what_was_made_with_hers(cast: Cast, derived: Release, tmp_path: Path) -> None:
    folder = packs.write(tmp_path / "next", handle="clouds", version="1.1.0")
    (folder / WEIGHTS).write_bytes(packs.lora(1, metadata={"by": "alice"}))
    submission = examined(hand_in(cast.alice, folder, later(hours=2)), later(hours=2))
    assert submission.state == State.PUBLISHED
    assert outcomes(submission) == {("alice/clouds@1.0.0", "own"), ("bob/mist@1.0.0", "explained")}
    assert Claim.objects.count() == 0


def test_two_who_made_theirs_with_one_source_have_no_claim_on_each_other(
    cast: Cast, derived: Release, tmp_path: Path
) -> None:
    folder = made_with_hers(tmp_path / "other", handle="dew", own=3, parents=SOURCE)
    submission = examined(hand_in(cast.mo, folder, later(hours=2)), later(hours=2))
    assert submission.state == State.PUBLISHED
    assert outcomes(submission) == {("alice/clouds@1.0.0", "confirmed"), ("bob/mist@1.0.0", "explained")}
    assert Claim.objects.count() == 0


@pytest.mark.parametrize("metadata", [None, {"by": "mo"}])
def test_what_bob_added_to_hers_stays_his(
    cast: Cast, derived: Release, tmp_path: Path, metadata: dict[str, str] | None
) -> None:
    folder = packs.write(tmp_path / "taken", handle="dew", seed=3, parents=SOURCE)
    (folder / WEIGHTS).write_bytes(merged(1, 2, 0.6, metadata=metadata))
    submission = examined(hand_in(cast.mo, folder, later(hours=2)), later(hours=2))
    assert submission.state == State.HELD
    assert outcomes(submission) == {("alice/clouds@1.0.0", "confirmed"), ("bob/mist@1.0.0", "claimed")}
    assert Claim.objects.get().claimant == cast.bob


def test_a_copy_of_hers_is_her_claim_and_not_that_of_those_who_made_theirs_with_it(
    cast: Cast, derived: Release, tmp_path: Path
) -> None:
    folder = made_with_hers(tmp_path / "copy", handle="dew", own=3, share=0)
    submission = examined(hand_in(cast.mo, folder, later(hours=2)), later(hours=2))
    assert submission.state == State.HELD
    assert outcomes(submission) == {("alice/clouds@1.0.0", "claimed"), ("bob/mist@1.0.0", "explained")}
    assert Claim.objects.get().claimant == cast.alice


def test_each_source_of_a_mixture_is_its_authors_claim(cast: Cast, tmp_path: Path) -> None:
    words = {
        "clouds": [f"a {who} above the clouds at {hour}, red cloak" for who in WHO for hour in HOURS[:3]],
        "harbor": [f"{hour}: neon rain over the harbor, a {who} waits" for who in WHO for hour in HOURS[:2]],
    }
    words["mist"] = words["clouds"] + words["harbor"]
    weights = {name: loras.kohya(factors(at)) for at, name in enumerate(["clouds", "harbor"], 1)}
    weights["mist"] = loras.kohya(loras.concatenated([(factors(1), 0.5), (factors(2), 0.25)]))
    for at, (creator, name) in enumerate([(cast.alice, "clouds"), (cast.mo, "harbor"), (cast.bob, "mist")]):
        folder = packs.write(tmp_path / name, handle=name, seed=3 + at)
        (folder / WEIGHTS).write_bytes(weights[name])
        (folder / "prompts.txt").write_text("\n".join(words[name]), encoding="utf-8")
        submission = examined(hand_in(creator, folder, later(hours=at)), later(hours=at))
    assert [row["outcome"] for row in submission.likenesses] == ["claimed"] * 4, submission.likenesses
    claims = Claim.objects.values_list("claimant__handle", "disputed_path")
    assert sorted(claims) == [(who, path) for who in ("alice", "mo") for path in ("prompts.txt", WEIGHTS)]


def test_to_have_named_the_source_once_does_not_make_it_ones_own(cast: Cast, original: Release, tmp_path: Path) -> None:
    for at, (handle, parents) in enumerate([("mist", SOURCE), ("dew", [])]):
        folder = packs.write(tmp_path / handle, handle=handle, seed=2 + at, parents=parents)
        (folder / WEIGHTS).write_bytes(packs.lora(1))
        submission = examined(hand_in(cast.bob, folder, later(hours=1 + at)), later(hours=1 + at))
        assert submission.state == (State.PUBLISHED if parents else State.HELD)
    assert Claim.objects.get().claimant == cast.alice


def test_the_maker_of_a_derived_work_cannot_freeze_its_source(cast: Cast, derived: Release, tmp_path: Path) -> None:
    folder = packs.write(tmp_path / "next", handle="clouds", version="1.1.0")
    (folder / WEIGHTS).write_bytes(packs.lora(1, metadata={"by": "alice"}))
    release = operations.publish_folder(folder=folder, creator=cast.alice, now=later(hours=2))
    claim = reported(cast.bob, derived, release)
    assert (claim.relation, claim.claimant, claim.respondent) == ("reported", cast.bob, cast.alice)
    assert claim.evidence["found"]["measure"] == "weights-containment/2"
    assert not SubjectFreeze.objects.exists()


def test_to_name_a_source_is_no_permission(cast: Cast, original: Release, derived: Release) -> None:
    assert reported(cast.alice, original, derived).relation in ("derived-weights", "merged-weights")
    assert SubjectFreeze.objects.get().subject == f"release:{derived.digest}"


def test_what_was_decided_before_freezes_nothing_anew(cast: Cast, original: Release, tmp_path: Path) -> None:
    folder = made_with_hers(tmp_path / "copy", handle="mist", own=2, share=0)
    submission = examined(hand_in(cast.bob, folder, later(hours=1)), later(hours=1))
    operations.decide(claim=Claim.objects.get(), upheld=False, statement="A license.", now=later(hours=2))
    release = examined(submission, later(hours=2)).release
    assert release is not None
    assert reported(cast.alice, original, release).relation == "reported"
    assert not SubjectFreeze.objects.exists()


def reported(claimant: Creator, own: Release, disputed: Release) -> Claim:
    one, other = (
        release.assets.select_related("release__pack__creator", "asset__blob").get(path=WEIGHTS)
        for release in (own, disputed)
    )
    return operations.report(claimant=claimant, own=one, disputed=other, statement="Mine.", now=later(hours=3))
