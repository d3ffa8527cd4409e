"""A recipe of services becomes one picture, and its use is counted with it; what cannot be run is refused before."""

import hashlib
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import ledger.keyring
from ledger.models import Entry
from ledger.signing.jws import verify_compact
from marketplace.compositions.kit import NotRunnable
from marketplace.compositions.operations import NotYourRecipe
from marketplace.compositions.runs import Run, RunOutcome, ServiceCall, ServiceOutcome
from marketplace.compositions.services import queries
from marketplace.compositions.services.operations import (
    RunKeyTaken,
    ServiceOverQuota,
    TooManyRuns,
    UnableToRun,
)
from marketplace.compositions.uses import UsageBatch, UsageEvent
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import GrantStatus
from tests.cast import later, on_stage
from tests.compositions.services.gallery import ONE, THREE, TWO, Gallery, gallery
from tests.compositions.services.painter import Painter, Reply


def nothing_written() -> None:
    assert Run.objects.count() == ServiceCall.objects.count() == UsageBatch.objects.count() == 0


def picture_of(run: Run) -> Image.Image:
    found = queries.run_of(run.pk, studio=run.studio)
    assert found is not None
    file = queries.picture_of(found)
    assert file is not None
    with file:
        return Image.open(io.BytesIO(file.read()))


def test_a_recipe_of_services_becomes_one_picture_and_one_use(scene: Gallery, painter: Painter) -> None:
    by_image = scene.stage.offering(scene.night, "enterprise", 7, model="metered", unit="image")
    sea, ink = scene.stage.offer(scene.sea, "studio"), scene.stage.offer(scene.ink, "studio")
    scene.stage.buy(sea, by_image, ink)
    lock = scene.lock(THREE)
    painter.looks = 2
    run = scene.start(lock)
    assert [one.state for one in queries.layers_of(run)] == ["asked", "asked", "waiting"]
    assert UsageEvent.objects.count() == 0

    scene.step(run)
    assert [one.state for one in queries.layers_of(run)] == ["taken", "taken", "waiting"]
    assert queries.state_of(run) == "running"
    outcome = scene.finish(run)

    assert (outcome.outcome, outcome.code, outcome.layer) == ("made", "", "")
    assert painter.asked == ["sky", "people", "style"]
    picture = picture_of(run)
    assert (picture.size, picture.mode, picture.format) == ((256, 192), "RGB", "PNG")
    # The style turns what lies below it into its negative: the sky above, the people in the lower half.
    assert (picture.getpixel((5, 95)), picture.getpixel((5, 96))) == ((0xDF, 0xBF, 0x7F), (0x3F, 0xBF, 0xDF))
    assert list(picture.text) == ["worldloom"]  # type: ignore[attr-defined]
    said = json.loads(picture.text["worldloom"])  # type: ignore[attr-defined]
    assert (said["recipe"], [one["pack"] for one in said["packs"]]) == (
        lock.digest,
        ["alice/sea@1.0.0", "bob/night@1.0.0", "mo/ink@1.0.0"],
    )
    event = UsageEvent.objects.select_related("batch").get()
    assert (event.nonce, event.lock_id, event.counts) == (run.pk, lock.pk, {"image": 1})
    assert (bytes(event.outputs).hex(), event.happened_at) == (outcome.blob_id, run.started_at)
    assert (event.batch.source, event.batch.said_by) == ("runner", scene.cast.carol)
    assert Entry.objects.filter(type="usage").count() == 1
    assert not Entry.objects.filter(type="asset", subject=f"asset:{outcome.blob_id}").exists()
    assert scene.step(run) is None
    assert UsageEvent.objects.count() == 1

    again = scene.start(lock)
    assert scene.finish(again).blob_id == outcome.blob_id  # the same inputs, the same bytes
    assert UsageEvent.objects.count() == 2


def test_a_provider_sees_that_a_request_is_ours_and_for_a_license(scene: Gallery, painter: Painter) -> None:
    (grant, *_others) = scene.license()
    lock = scene.lock(TWO.replace("@alice/sea/paint", "@alice/sea/paint*0.8") + "! blurry\n")
    painter.looks = 1
    run = scene.start(lock)
    scene.finish(run)

    method, path, headers, body = next(one for one in painter.requests if one[0] == "POST")
    job = json.loads(body)
    call = run.calls.get(position=0)
    assert (path, headers["Idempotency-Key"], headers["Content-Type"]) == (
        "/paint/sea/jobs",
        call.key,
        "application/json",
    )
    assert job == {
        "format": "worldloom/service-job/1",
        "key": call.key,
        "recipe": lock.digest,
        "layer": "sky",
        "pack": "alice/sea@1.0.0",
        "release": scene.sea.digest,
        "element": "paint",
        "prompt": "clouds at dusk",
        "negative": "blurry",
        "width": 256,
        "height": 192,
        "seed": 0,
        "weight_ppm": 800_000,
        "grant": str(grant.pk),
        "deadline": int(call.deadline_at.timestamp()),
        "input": None,
    }
    keys = {one["kid"]: one for one in ledger.keyring.public_keys("certificates")}
    for method, path, headers, body in painter.requests:
        token = headers["Authorization"].removeprefix("Bearer ")
        claims = verify_compact(token, key_of=keys.get, types={("worldloom-job+jwt", "")}).claims
        url = painter.endpoint.removesuffix("/paint") + path
        assert (claims["htm"], claims["htu"], claims["body_sha256"]) == (method, url, hashlib.sha256(body).hexdigest())
        assert claims["aud"] in (f"{painter.endpoint}/sea", f"{painter.endpoint}/night")
        assert (claims["iss"], claims["exp"] - claims["iat"]) == ("http://127.0.0.1:8000", 300)
        assert set(claims) == {"iss", "aud", "iat", "exp", "htm", "htu", "body_sha256", "key", "grant", "release"}
        assert str(scene.cast.studio.pk) not in json.dumps(claims) + body.decode()


def test_what_no_service_paints_is_refused_with_every_layer_named(scene: Gallery) -> None:
    scene.license()
    text = "|sky: a @alice/sea/ink\n|people: words\n|both: b @alice/sea/paint @bob/night/paint\n|good: @alice/sea/paint"
    lock = scene.lock(text)

    with pytest.raises(UnableToRun) as told:
        scene.start(lock)

    assert str(told.value) == (
        "The layers “sky”, “people”, and “both” cannot be painted here: each layer needs a pack whose service paints"
        " it."
    )
    assert [str(one) for one in told.value.findings] == [
        "The layer “sky” has alice/sea@1.0.0, which is no service: download the kit and render it yourself.",
        "The layer “people” names no pack: give it one whose service paints it.",
        "The layer “both” names several services, and one paints a layer: make a layer of each.",
    ]
    masked = scene.lock("|sky: a @alice/sea/paint [mask cats.png]")
    with pytest.raises(UnableToRun, match="The mask of the layer “sky” is not here: add the picture"):
        scene.start(masked)
    nothing_written()


def test_only_who_has_a_seat_and_a_license_runs(scene: Gallery) -> None:
    unlicensed = scene.lock(ONE)
    with pytest.raises(NotRunnable, match="The layer “sky” has no license for alice/sea@1.0.0 that holds now"):
        scene.start(unlicensed)
    (grant, *_others) = scene.license()
    lock = scene.lock(ONE)
    with pytest.raises(NotYourRecipe, match="Dave has no seat in Lantern Films"):
        scene.start(lock, person=scene.cast.dave)
    with pytest.raises(NotYourRecipe, match="is of another studio"):
        scene.start(lock, person=scene.cast.dave, studio=scene.cast.daves_studio)
    for key in ("", "a" * 201, "a\nb"):
        with pytest.raises(RunKeyTaken):
            scene.start(lock, idempotency_key=key)
    licensing.set_status(grant=grant, status=GrantStatus.SUSPENDED, reason="disputed", now=later(hours=2))
    with pytest.raises(NotRunnable):
        scene.start(lock)
    nothing_written()

    licensing.set_status(grant=grant, status=GrantStatus.ACTIVE, reason="won", now=later(hours=2))
    run = scene.start(lock, idempotency_key="form-1")
    assert scene.start(lock, idempotency_key="form-1") == run
    with pytest.raises(RunKeyTaken, match="already stands for a run of another recipe"):
        scene.start(scene.lock(TWO), idempotency_key="form-1")
    assert Run.objects.count() == ServiceCall.objects.count() == 1
    assert queries.run_of(run.pk, studio=scene.cast.daves_studio) is None

    licensing.set_status(grant=grant, status=GrantStatus.REVOKED, reason="lost", now=later(hours=2))
    outcome = scene.finish(run)
    assert (outcome.code, scene.painter.requests) == ("license-ended", [])
    assert str(queries.reason_of(Run.objects.get())) == (
        "The license for alice/sea@1.0.0 of the layer “sky” does not hold any more: buy one, then lock the recipe"
        " again."
    )


def test_a_license_that_ends_while_the_picture_is_made_was_used(scene: Gallery) -> None:
    (grant, *_others) = scene.license()
    scene.painter.looks = 1
    run = scene.start(scene.lock(ONE))
    scene.step(run)
    licensing.set_status(grant=grant, status=GrantStatus.REVOKED, reason="lost", now=scene.now + timedelta(seconds=1))
    scene.now += timedelta(seconds=5)

    assert scene.finish(run).outcome == "made"
    assert UsageEvent.objects.get().happened_at == run.started_at


def test_a_picture_whose_use_cannot_be_counted_is_not_given(scene: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    (grant, *_others) = scene.license()
    run = scene.start(scene.lock(ONE))
    # As it is when the beginning of the run turns out not to have been licensed.
    licensing.set_status(grant=grant, status=GrantStatus.REVOKED, reason="lost", now=later(hours=1, seconds=1))
    monkeypatch.setattr("marketplace.compositions.services.advancing.unlicensed", lambda lock, now: [])

    outcome = scene.finish(run)

    assert (outcome.outcome, outcome.blob, outcome.code) == ("failed", None, "not-counted")
    assert "was not licensed at 2026-11-22T14:00:00Z" in outcome.reason
    assert UsageEvent.objects.count() == 0


@pytest.mark.usefixtures("db")
def test_quotas_are_kept_before_anybody_is_asked(tmp_path: Path, painter: Painter, settings: Any) -> None:
    settings.SERVICE_PRIVATE = ["127.0.0.0/8"]
    scene = gallery(on_stage(), tmp_path, painter, quota={"per_day": 3, "at_once": 1})
    scene.license()
    one, two = scene.lock(ONE), scene.lock(TWO)
    first = scene.start(one)

    with pytest.raises(ServiceOverQuota) as busy:
        scene.start(two)

    assert (busy.value.layer, str(busy.value)) == (
        "sky",
        "The service of alice/sea, for the layer “sky”, is at work for as many runs as it takes at once (1): run it in"
        " a few minutes.",
    )
    assert (Run.objects.count(), painter.requests) == (1, [])
    scene.finish(first)
    scene.finish(scene.start(two))
    scene.finish(scene.start(one))
    with pytest.raises(ServiceOverQuota, match="takes 3 jobs in 24 hours and has had 3: run it tomorrow"):
        scene.start(one)
    assert Run.objects.count() == 3
    scene.now += timedelta(hours=24)
    settings.SERVICE_RUNS_AT_ONCE = 1
    scene.start(one)
    with pytest.raises(TooManyRuns, match=r"As many runs of your studio are on their way as may be \(1\)"):
        scene.start(one)
    assert Run.objects.count() == 4


def test_layers_of_one_service_are_painted_one_after_the_other(scene: Gallery) -> None:
    scene.license()
    text = "%size=256x192\n|sky: a @alice/sea/paint\n|sea: b @alice/sea/paint\n|people: c @bob/night/paint"
    scene.painter.looks = 1
    run = scene.start(scene.lock(text))
    ends = [call.deadline_at - run.started_at for call in run.calls.all()]
    assert [one.total_seconds() for one in ends] == [300, 600, 300]

    scene.step(run)
    assert scene.painter.asked == ["sky", "people"]
    assert [one.state for one in queries.layers_of(run)] == ["taken", "waiting", "taken"]
    assert scene.finish(run).outcome == "made"
    assert scene.painter.asked == ["sky", "people", "sea"]


def test_when_a_layer_fails_the_others_are_given_up(scene: Gallery) -> None:
    scene.license()
    painter = scene.painter
    painter.looks = 3

    def fail(here: Painter, job: Any) -> Any:
        if job["layer"] == "people":
            return Reply(202, here.told(f"job-{job['key']}", "failed", reason="no\nlanterns \u202e today"))
        return None

    painter.on_ask = fail
    run = scene.start(scene.lock(THREE))

    outcome = scene.finish(run)

    assert (outcome.layer, outcome.code, outcome.reason) == ("people", "service-failed", "no lanterns today")
    told = [(one.layer, one.state, one.code) for one in queries.layers_of(run)]
    assert told == [
        ("sky", "failed", "abandoned"),
        ("people", "failed", "service-failed"),
        ("style", "failed", "not-asked"),
    ]
    assert ServiceOutcome.objects.filter(blob=None).count() == 3
    assert RunOutcome.objects.get().blob is None
    assert UsageBatch.objects.count() == 0
    assert painter.asked == ["sky", "people"]
    # What was never asked does not count towards a quota.
    assert ServiceCall.objects.exclude(outcome__code="not-asked").count() == 2


def test_runs_are_listed_newest_first(scene: Gallery) -> None:
    scene.license()
    one, two = scene.lock(ONE), scene.lock(TWO)
    runs = [scene.start(one), scene.start(two), scene.start(one)]
    ids = sorted((run.pk for run in runs), reverse=True)

    page, more = queries.runs_of(scene.cast.studio, size=2)
    rest, end = queries.runs_of(scene.cast.studio, after=more or "", size=2)

    assert [run.pk for run in (*page, *rest)] == ids
    assert end is None
    assert {run.pk for run in queries.runs_of(scene.cast.studio, lock=two)[0]} == {runs[1].pk}
    assert queries.runs_of(scene.cast.daves_studio) == ([], None)
