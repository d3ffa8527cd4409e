"""What Bob handed in and what is claimed of it: its two parties see it, and nobody else does."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from assets.models import Upload
from assets.operations import take_stream
from marketplace.catalog.models import Release
from marketplace.intake import operations
from marketplace.intake.models import Claim, Submission
from marketplace.licensing import queries as licensing
from tests import packs
from tests.cast import NOON, Cast, later, on_stage
from tests.intake.stage import examined, hand_in, traces
from tests.intake.test_claims import stolen
from tests.portal.sending import FOLDER, answers, signed_in, upload

State = Submission.State
JSON = {"Accept": "application/json"}
HTMX = {"HX-Request": "true"}


@pytest.fixture
def cast(db: None) -> Cast:
    return on_stage()


@pytest.fixture
def original(cast: Cast, tmp_path: Path) -> Release:
    folder = packs.write(tmp_path / "original", handle="clouds")
    return operations.publish_folder(folder=folder, creator=cast.alice, now=NOON)


@pytest.fixture
def held(cast: Cast, original: Release, tmp_path: Path) -> Submission:
    """Handed in now, so that its clock still runs while the pages are asked for."""
    return examined(hand_in(cast.bob, stolen(tmp_path / "copy"), timezone.now()), timezone.now())


@pytest.fixture
def alice(cast: Cast) -> Client:
    return signed_in(cast.alice.person)


@pytest.fixture
def bob(cast: Cast) -> Client:
    return signed_in(cast.bob.person)


def page(answer: Any) -> str:
    """The text of a page, in one line."""
    return re.sub(r"\s+", " ", answer.content.decode())


def test_a_submission_is_its_creators_alone(cast: Cast, held: Submission, bob: Client) -> None:
    address = f"/portal/submissions/{held.pk}"
    assert "Held: something in it was published here before" in page(bob.get(address))
    for person in (cast.alice.person, cast.mo.person):
        stranger = signed_in(person)
        assert stranger.get(address).status_code == 404
        assert stranger.get(address, headers=JSON).status_code == 404
        assert stranger.post(f"{address}/withdraw").status_code == 404
        assert stranger.post(f"{address}/retry").status_code == 404
    assert signed_in(cast.dave).get(address).headers["Location"] == "/portal/"  # sells nothing
    assert Client().get(address).headers["Location"].startswith("/sign-in")
    held.refresh_from_db()
    assert held.state == State.HELD
    assert "bob/mist@1.0.0" in page(bob.get("/portal/submissions"))
    assert "bob/mist" not in page(signed_in(cast.mo.person).get("/portal/submissions"))


def test_a_script_reads_it_as_json(held: Submission, bob: Client) -> None:
    said = bob.get(f"/portal/submissions/{held.pk}", headers=JSON).json()
    likeness = {
        "path": "style.safetensors",
        "relation": "same-weights",
        "score_ppm": 1_000_000,
        "release": "alice/clouds@1.0.0",
        "their_path": "style.safetensors",
        "outcome": "claimed",
    }
    assert said == {
        "id": str(held.pk),
        "state": "held",
        "pack": "bob/mist",
        "version": "1.0.0",
        "release": None,
        "findings": [],
        "likenesses": [likeness],
        "claims": [str(Claim.objects.get().pk)],
    }


def test_the_page_follows_and_is_silent_when_nothing_is_new(cast: Cast, bob: Client, tmp_path: Path) -> None:
    submission = hand_in(cast.bob, packs.write(tmp_path / "mist", handle="mist"))
    address = f"/portal/submissions/{submission.pk}"
    whole = page(bob.get(address))
    assert "0 of 3 files inspected" in whole
    (asks,) = re.findall(r'hx-get="([^"]+)" hx-trigger="every 2s"', whole)
    assert asks.startswith(f"{address}?seen=")

    unchanged = bob.get(asks, headers=HTMX)
    assert (unchanged.status_code, unchanged.content) == (204, b"")
    assert Client().get(asks, headers=HTMX).headers["HX-Refresh"] == "true"

    assert examined(submission).state == State.PUBLISHED
    part = page(bob.get(asks, headers=HTMX))
    assert "<html" not in part
    assert 'href="/packs/bob/mist"' in part
    assert "hx-get" not in part
    assert '<div id="submission-says" hx-swap-oob="innerHTML">Published</div>' in part


def test_what_did_not_finish_is_tried_again_when_asked(cast: Cast, bob: Client, tmp_path: Path) -> None:
    submission = hand_in(cast.bob, packs.write(tmp_path / "mist", handle="mist"))
    finding = {"where": "files", "template": "The check did not finish (%(code)s): it will be tried again."}
    Submission.objects.filter(pk=submission.pk).update(
        state=State.UNFINISHED,
        attempts=3,
        next_at=timezone.now() + timedelta(days=1),
        findings=[finding | {"values": {"code": "blob-missing"}}],
    )
    address = f"/portal/submissions/{submission.pk}"
    assert "The check did not finish (blob-missing)" in page(bob.get(address))
    assert operations.examine_due(now=timezone.now()) == 0

    assert bob.post(f"{address}/retry").headers["Location"] == address
    assert operations.examine_due(now=timezone.now()) == 1
    submission.refresh_from_db()
    assert submission.state == State.PUBLISHED
    assert "Only an inspection that did not finish" in page(bob.post(f"{address}/retry", follow=True))


def test_taking_back_keeps_the_words_and_the_files(cast: Cast, bob: Client, held: Submission) -> None:
    address = f"/portal/submissions/{held.pk}"
    before = page(bob.get(address))
    assert "You thereby accept the claim." in before
    after = page(bob.post(f"{address}/withdraw", follow=True))
    assert "Taken back. Nothing of it is published; its files are here for another try." in after
    assert f"/portal/publish?again={held.pk}" in after
    assert Upload.objects.count() == 3
    assert [event.kind for event in Claim.objects.get().events.all()] == ["opened", "accepted"]
    again = page(bob.get(f"/portal/publish?again={held.pk}"))
    assert 'value="mist"' in again
    assert 'data-file="style.safetensors"' in again


def test_what_is_published_is_not_taken_back(cast: Cast, bob: Client, tmp_path: Path) -> None:
    submission = examined(hand_in(cast.bob, packs.write(tmp_path / "mist", handle="mist")))
    answer = page(bob.post(f"/portal/submissions/{submission.pk}/withdraw", follow=True))
    assert "It is published: withdraw its offers instead." in answer
    submission.refresh_from_db()
    assert submission.state == State.PUBLISHED


def test_a_claim_is_its_two_parties_alone(cast: Cast, held: Submission, alice: Client, bob: Client) -> None:
    address = f"/portal/claims/{Claim.objects.get().pk}"
    his, hers = page(bob.get(address)), page(alice.get(address))
    for text in (his, hers):
        assert "The same weights: 100%" in text
        assert "alice/clouds@1.0.0" in text
    assert "Send a counter-notice" in his
    assert "Withdraw the claim" not in his
    assert "Withdraw the claim" in hers
    assert f"/portal/submissions/{held.pk}" not in hers  # what else he handed in is not hers to see
    mo = signed_in(cast.mo.person)
    assert mo.get(address).status_code == 404
    assert mo.get(f"{address}/picture").status_code == 404
    assert mo.post(f"{address}/answer", {"kind": "accepted"}).status_code == 404
    assert "No claims" in page(mo.get("/portal/claims"))
    assert signed_in(cast.dave).get(address).status_code == 302
    assert [event.kind for event in Claim.objects.get().events.all()] == ["opened"]


def test_a_dispute_goes_back_and_forth(held: Submission, alice: Client, bob: Client) -> None:
    address = f"/portal/claims/{Claim.objects.get().pk}"
    unsaid = bob.post(f"{address}/answer", {"kind": "countered", "statement": " "})
    assert unsaid.status_code == 422
    assert "Say it in your own words." in page(unsaid)
    early = alice.post(f"{address}/answer", {"kind": "maintained", "statement": "Mine."})
    assert early.status_code == 422
    assert "cannot be done with the claim now" in page(early)

    said = bob.post(f"{address}/answer", {"kind": "countered", "statement": "Alice <b>made</b> it for me."})
    assert said.headers["Location"] == f"{address}#top"
    text = page(alice.get(address))
    assert "Alice &lt;b&gt;made&lt;/b&gt; it for me." in text
    assert "Maintain the claim" in text
    alice.post(f"{address}/answer", {"kind": "maintained", "statement": "I did not."})
    assert "The operator reads what both sides said." in page(bob.get(address))
    assert [event.kind for event in Claim.objects.get().events.all()] == ["opened", "countered", "maintained"]


def test_withdrawing_lets_the_other_side_publish(held: Submission, alice: Client) -> None:
    address = f"/portal/claims/{Claim.objects.get().pk}"
    assert "The claim ended for Bob." in page(alice.post(f"{address}/answer", {"kind": "withdrawn"}, follow=True))
    assert operations.examine_due(now=timezone.now()) == 1
    held.refresh_from_db()
    assert held.state == State.PUBLISHED


def test_the_disputed_picture_is_for_the_parties(
    cast: Cast, original: Release, alice: Client, bob: Client, tmp_path: Path
) -> None:
    folder = packs.write(tmp_path / "copy", handle="mist", seed=2)
    (folder / "cover.png").write_bytes((tmp_path / "original" / "cover.png").read_bytes())
    submission = examined(hand_in(cast.bob, folder))
    claim = Claim.objects.get()
    assert (claim.relation, claim.disputed_path) == ("same-bytes", "cover.png")
    shown = alice.get(f"/portal/claims/{claim.pk}/picture")
    assert shown.headers["Content-Type"] == "image/webp"
    assert {"private", "no-store"} <= set(shown.headers["Cache-Control"].split(", "))
    assert shown.content[:4] + shown.content[8:12] == b"RIFFWEBP"
    assert f"/portal/claims/{claim.pk}/picture" in page(bob.get(f"/portal/claims/{claim.pk}"))

    operations.withdraw(submission=submission, now=later(hours=1))
    assert alice.get(f"/portal/claims/{claim.pk}/picture").status_code == 404
    assert f"/portal/claims/{claim.pk}/picture" not in page(alice.get(f"/portal/claims/{claim.pk}"))


def test_a_report_opens_a_claim_and_freezes_nothing_by_itself(
    cast: Cast, original: Release, alice: Client, tmp_path: Path
) -> None:
    folder = packs.write(tmp_path / "own", handle="mist", seed=3)
    other = operations.publish_folder(folder=folder, creator=cast.bob, now=later(hours=1))
    address = "/portal/report/bob/mist/1.0.0"
    disputed = other.assets.get(path="style.safetensors").pk
    own = original.assets.get(path="style.safetensors").pk
    given = {"disputed": disputed, "own": own, "statement": "The brush strokes are mine."}
    assert alice.post(address, {**given, "statement": ""}).status_code == 422
    assert alice.post(address, {**given, "own": disputed}).status_code == 422
    assert Claim.objects.count() == 0

    answer = alice.post(address, given)
    claim = Claim.objects.get()
    assert answer.headers["Location"] == f"/portal/claims/{claim.pk}"
    assert (claim.relation, claim.release, claim.origin) == ("reported", other, "report")
    assert len(licensing.live_offers(other)) == 1
    assert "The brush strokes are mine." in page(signed_in(cast.bob.person).get(f"/portal/claims/{claim.pk}"))


def test_who_cannot_report_is_told_why(cast: Cast, original: Release, alice: Client) -> None:
    address = "/portal/report/alice/clouds/1.0.0"
    assert f'href="{address}"' in page(Client().get("/packs/alice/clouds"))
    assert "That release is your own" in page(alice.get(address))
    assert "You have published nothing to compare it with" in page(signed_in(cast.mo.person).get(address))
    assert alice.get("/portal/report/alice/clouds/9.0.0").status_code == 404
    assert signed_in(cast.dave).get(address).status_code == 302


def uploaded(creator: Any, name: str, data: bytes) -> str:
    """An upload that arrived before the form, and its id."""
    return str(take_stream(owner=creator.person, stream=upload(name, data), name=name, now=timezone.now()).pk)


def test_a_folder_comes_by_uploads_too(cast: Cast, bob: Client, tmp_path: Path) -> None:
    folder = packs.write(tmp_path / "mist", handle="mist")
    names = ("cover.png", "style.safetensors", "prompts.txt")
    ids = [uploaded(cast.bob, name, (folder / name).read_bytes()) for name in names]
    sheet = upload("pack.toml", (folder / "pack.toml").read_bytes())

    few = bob.post(FOLDER, {"folder": [sheet], "uploaded_folder": ids[:2]})
    assert few.status_code == 422
    assert "prompts.txt is listed in pack.toml but did not come with the folder." in page(few)
    assert page(few).count('data-file="') == 2  # what arrived need not be sent again
    assert traces()["uploads"] == 3

    sheet.seek(0)
    assert bob.post(FOLDER, {"folder": [sheet], "uploaded_folder": ids}).status_code == 302
    assert sorted(Submission.objects.get().files.values_list("path", flat=True)) == sorted(names)


def test_another_persons_uploads_do_not_count(cast: Cast, bob: Client, tmp_path: Path) -> None:
    folder = packs.write(tmp_path / "mist", handle="mist")
    ids = [uploaded(cast.alice, name, (folder / name).read_bytes()) for name in ("cover.png", "style.safetensors")]
    sheet = upload("pack.toml", (folder / "pack.toml").read_bytes())
    answer = page(bob.post(FOLDER, {"folder": [sheet], "uploaded_folder": ids}))
    assert "cover.png is listed in pack.toml but did not come" in answer
    assert Submission.objects.count() == 0


def test_two_uploads_of_one_name_are_not_taken_for_one(cast: Cast, bob: Client) -> None:
    given = answers(content=[upload("style.safetensors", packs.lora())], cover="", previews=[])
    given["uploaded_cover"] = [uploaded(cast.bob, "pier.png", packs.picture())]
    given["uploaded_previews"] = [uploaded(cast.bob, "pier.png", packs.picture("#aa3311"))]
    refused = bob.post("/portal/publish", given)
    assert refused.status_code == 422
    assert "pier.png stands under “Cover” too: rename one of the two, or remove it." in page(refused)
    assert Submission.objects.count() == 0

    given["uploaded_previews"] = given["uploaded_cover"]  # the cover as a preview is one file
    given["content"] = [upload("style.safetensors", packs.lora())]
    given["element-0-files"] = "style.safetensors"
    assert bob.post("/portal/publish", given).status_code == 302
