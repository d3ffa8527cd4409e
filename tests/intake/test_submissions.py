"""From the files that Alice hands in to what becomes of them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assets.inspectors import sandbox
from assets.inspectors.base import Finding, Refused
from assets.keeping.inspecting import UNFINISHED
from assets.models import Fingerprint, Upload
from assets.operations import take_stream
from marketplace.catalog import operations as catalog
from marketplace.catalog.models import Listing, Release
from marketplace.catalog.operations import UnableToPublish
from marketplace.intake import operations, queries
from marketplace.intake.models import Submission
from marketplace.intake.rules import read_pack, write_pack
from marketplace.intake.stories import said
from tests import packs
from tests.assets import makers_3d
from tests.cast import NOON, Cast, later
from tests.intake.stage import examined, hand_in, traces

State = Submission.State


def test_what_alice_hands_in_is_published_once_it_is_inspected(cast: Cast, tmp_path: Path) -> None:
    submission = hand_in(cast.alice, packs.write(tmp_path / "p", handle="clouds"))
    assert submission.state == State.WAITING
    assert Release.objects.count() == Listing.objects.count() == 0
    submission = examined(submission)
    assert submission.state == State.PUBLISHED
    assert submission.release is not None
    assert str(submission.release) == "alice/clouds@1.0.0"
    assert submission.findings == submission.likenesses == []
    assert Upload.objects.count() == 0
    assert set(Fingerprint.objects.values_list("kind", flat=True)) >= {"tensor-root", "tensor-bag", "weights-sketch"}


def test_a_draft_is_kept_word_for_word(tmp_path: Path) -> None:
    draft, offers = operations.read_folder(
        packs.write(tmp_path / "p", handle="clouds", split=[("alice", 400_000_000), ("mo", 600_000_000)])
    )
    assert read_pack(write_pack(draft, offers)) == (draft, offers)


def test_one_refused_file_refuses_all_and_the_others_need_not_be_sent_again(cast: Cast, tmp_path: Path) -> None:
    folder = packs.write(tmp_path / "p", handle="clouds")
    (folder / "prompts.txt").write_bytes(b"\x80\x04\x95 a pickle")
    before = traces()
    submission = examined(hand_in(cast.alice, folder))
    assert submission.state == State.REFUSED
    assert [said(finding).split(":")[0] for finding in submission.findings] == ["prompts.txt"]
    assert traces() == {**before, "uploads": 2, "files": before["files"] + 4}
    assert sorted(Upload.objects.values_list("name", flat=True)) == ["cover.png", "style.safetensors"]


def test_a_refused_version_can_be_handed_in_again(cast: Cast, tmp_path: Path) -> None:
    folder = packs.write(tmp_path / "p", handle="clouds")
    good = (folder / "prompts.txt").read_bytes()
    (folder / "prompts.txt").write_bytes(b"\x7fELF")
    assert examined(hand_in(cast.alice, folder)).state == State.REFUSED
    (folder / "prompts.txt").write_bytes(good)
    assert examined(hand_in(cast.alice, folder)).state == State.PUBLISHED


def _silent(*_args: Any) -> list[Refused]:
    return [Refused([Finding(UNFINISHED, "the inspection did not finish.")])] * len(_args[0])


def test_an_inspector_that_does_not_finish_refuses_for_now(
    cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = hand_in(cast.alice, packs.write(tmp_path / "p", handle="clouds"))
    with monkeypatch.context() as broken:
        broken.setattr(sandbox, "examine_files", _silent)
        for attempt in range(1, 4):
            submission = examined(submission, later(hours=attempt))
            assert (submission.state, submission.attempts) == (State.UNFINISHED, attempt)
        assert operations.examine_due(now=later(days=1)) == 0  # three times by itself, no more
    assert Release.objects.count() == 0
    operations.try_again(submission=submission, now=later(days=1))
    assert operations.examine_due(now=later(days=1)) == 1
    submission.refresh_from_db()
    assert submission.state == State.PUBLISHED


def killed(*_args: Any, **_fields: Any) -> None:
    raise KeyboardInterrupt


def test_a_worker_killed_while_publishing_leaves_it_to_the_next(
    cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = hand_in(cast.alice, packs.write(tmp_path / "p", handle="clouds"))
    before = traces()

    with monkeypatch.context() as broken:
        broken.setattr(catalog, "list_pack", killed)
        with pytest.raises(KeyboardInterrupt):
            operations.examine(submission_id=submission.pk, now=NOON)
    submission.refresh_from_db()
    assert submission.state == State.WAITING
    assert traces() == before
    assert operations.examine_due(now=NOON) == 1
    assert Release.objects.count() == 1


def test_a_worker_killed_after_publishing_tells_so_the_next_time(
    cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = hand_in(cast.alice, packs.write(tmp_path / "p", handle="clouds"))
    with monkeypatch.context() as broken:
        broken.setattr("marketplace.intake.examining._published", killed)
        with pytest.raises(KeyboardInterrupt):
            operations.examine(submission_id=submission.pk, now=NOON)
    assert Release.objects.count() == 1
    assert examined(submission, later(minutes=1)).state == State.PUBLISHED
    assert Release.objects.get().published_at == NOON
    assert Upload.objects.count() == 0


def test_an_upload_is_handed_in_once(cast: Cast, tmp_path: Path) -> None:
    submission = hand_in(cast.alice, packs.write(tmp_path / "p", handle="clouds"))
    draft, offers = read_pack(submission.pack)
    uploads = {row.path: row.upload for row in submission.files.all() if row.upload}
    with pytest.raises(UnableToPublish, match="handed in already"):
        operations.submit(
            creator=cast.alice, draft=replace(draft, version="2.0.0"), offers=offers, uploads=uploads, now=NOON
        )
    assert Submission.objects.count() == 1


def test_nobody_hands_in_what_another_uploaded(cast: Cast, tmp_path: Path) -> None:
    submission = hand_in(cast.alice, packs.write(tmp_path / "p", handle="clouds"))
    draft, offers = read_pack(submission.pack)
    uploads = {row.path: row.upload for row in submission.files.all() if row.upload}
    with pytest.raises(UnableToPublish, match="was not given"):
        operations.submit(creator=cast.bob, draft=draft, offers=offers, uploads=uploads, now=NOON)
    assert queries.submissions_of(cast.bob) == []
    assert queries.submission_of(cast.bob, submission.pk) is None


def test_a_release_has_a_limit_of_bytes(cast: Cast, tmp_path: Path, settings: Any) -> None:
    settings.RELEASE_LIMIT_BYTES = 1000
    with pytest.raises(UnableToPublish, match="more than the 1000 of a release"):
        hand_in(cast.alice, packs.write(tmp_path / "p", handle="clouds"))
    assert Submission.objects.count() == 0


def test_what_alice_takes_back_is_not_published_and_its_files_are_hers(cast: Cast, tmp_path: Path) -> None:
    before = traces()
    submission = hand_in(cast.alice, packs.write(tmp_path / "p", handle="clouds"))
    operations.withdraw(submission=submission, now=NOON)
    operations.withdraw(submission=submission, now=later(minutes=1))
    assert traces() == {**before, "uploads": 3, "files": before["files"] + 6}
    assert examined(submission).state == State.WITHDRAWN
    assert Release.objects.count() == 0


def test_what_is_published_is_not_taken_back(cast: Cast, tmp_path: Path) -> None:
    submission = examined(hand_in(cast.alice, packs.write(tmp_path / "p", handle="clouds")))
    with pytest.raises(operations.UnableToWithdraw, match="withdraw its offers"):
        operations.withdraw(submission=submission, now=NOON)
    assert Release.objects.count() == 1


def test_a_file_keeps_the_ending_under_which_it_was_inspected(cast: Cast, tmp_path: Path) -> None:
    submission = hand_in(cast.alice, packs.write(tmp_path / "p", handle="clouds"))
    operations.withdraw(submission=submission, now=NOON)
    draft, offers = read_pack(submission.pack)
    files = {"cover.png": "cover.png", "style.safetensors": "prompts.txt", "prompts.txt": "style.safetensors"}
    uploads = {}
    for path, source in files.items():
        with (tmp_path / "p" / source).open("rb") as stream:
            uploads[path] = take_stream(owner=cast.alice.person, stream=stream, name=source, now=NOON)
    with pytest.raises(UnableToPublish, match=r"style\.safetensors came under another ending"):
        operations.submit(creator=cast.alice, draft=draft, offers=offers, uploads=uploads, now=NOON)


def test_an_offer_does_not_allow_more_than_the_model_says_of_itself(cast: Cast, tmp_path: Path) -> None:
    folder = packs.write(tmp_path / "p", handle="clouds")
    (folder / "prompts.txt").unlink()
    (folder / "hero.vrm").write_bytes(makers_3d.vrm1(commercialUsage="personalNonProfit"))
    toml = (folder / "pack.toml").read_text().replace("prompts.txt", "hero.vrm")
    (folder / "pack.toml").write_text(toml)
    submission = examined(hand_in(cast.alice, folder))
    assert submission.state == State.REFUSED
    assert "The terms “studio” do not fit hero.vrm: " in said(submission.findings[0])
    assert Release.objects.count() == 0


def test_a_scanner_that_does_not_answer_is_no_pass(cast: Cast, tmp_path: Path, settings: Any) -> None:
    settings.CLAMD_ADDRESS = f"unix:{tmp_path}/nobody"
    submission = examined(hand_in(cast.alice, packs.write(tmp_path / "p", handle="clouds")))
    assert submission.state == State.UNFINISHED
    settings.CLAMD_ADDRESS = ""
    assert examined(submission, later(hours=1)).state == State.PUBLISHED


def test_sources_that_are_named_and_not_found_are_told(cast: Cast, tmp_path: Path) -> None:
    clouds = packs.write(tmp_path / "a", handle="clouds", offers=packs.SHARED)
    operations.publish_folder(folder=clouds, creator=cast.alice, now=NOON)
    folder = packs.write(tmp_path / "b", handle="mist", seed=2, parents=[("alice/clouds@1.0.0", 100_000_000)])
    (folder / "style.safetensors").write_bytes(packs.lora(2, metadata={"modelspec.merged_from": "clouds, rain"}))
    submission = examined(hand_in(cast.bob, folder), later(hours=1))
    assert submission.state == State.PUBLISHED
    assert [(row["outcome"], row["path"], row["release"]) for row in submission.likenesses] == [
        ("unseen", "", "alice/clouds@1.0.0"),
        ("unseen", "style.safetensors", "clouds, rain"),
    ]


def test_what_a_killed_command_left_is_taken_back_and_not_published(
    cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = traces()
    draft, offers = operations.read_folder(packs.write(tmp_path / "p", handle="clouds"))
    streams = {file.path: (tmp_path / "p" / file.path).open("rb") for file in draft.files}
    submission = operations.hand_in(
        creator=cast.alice, draft=draft, offers=offers, uploads={}, streams=streams, kept={}, now=NOON, by_hand=True
    )
    assert operations.examine_due(now=later(minutes=59)) == 0
    assert operations.examine_due(now=later(minutes=60)) == 1
    submission.refresh_from_db()
    assert submission.state == State.WITHDRAWN
    assert traces() == before
