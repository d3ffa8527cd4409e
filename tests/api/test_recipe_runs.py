"""Carol runs recipes from a program: once for each key, and only her own."""

import pytest

from marketplace.compositions.runs import Run, RunOutcome, ServiceCall, ServiceOutcome
from marketplace.compositions.uses import UsageEvent
from tests.api.runs_told import PAINTED, made, painted_lock
from tests.api.studios import ANYBODY, Market, Studio
from tests.cast import later


@pytest.fixture
def digest(market: Market, carol: Studio) -> str:
    return painted_lock(carol)


def test_a_run_is_started_once_read_and_its_picture_fetched(
    market: Market, carol: Studio, dave: Studio, digest: str
) -> None:
    first = carol.send("POST", f"/recipes/locks/{digest}/runs", {}, key="a")
    again = carol.send("POST", f"/recipes/locks/{digest}/runs", {}, key="a")

    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    run = Run.objects.get()
    said = first.json()
    assert (said["id"], said["recipe"], said["state"], said["picture"]) == (str(run.pk), digest, "running", None)
    assert first.headers["Location"] == said["url"]
    (layer,) = said["layers"]
    assert (layer["layer"], layer["pack"], layer["state"]) == ("sky", "mo/paints@1.0.0", "asked")
    assert (layer["width"], layer["height"], layer["reason"]) == (256, 192, "")
    assert [one["id"] for one in carol.get("/recipes/runs").json()["data"]] == [str(run.pk)]
    assert carol.get(f"/recipes/runs/{run.pk}/picture").status_code == 404

    picture = carol.get(made(str(run.pk)))
    assert (picture.status_code, picture.headers["Content-Type"]) == (200, "image/png")
    assert picture.headers["Content-Disposition"].startswith(f'attachment; filename="worldloom-{digest[:12]}-')
    assert carol.get(f"/recipes/runs/{run.pk}/picture", If_None_Match=picture.headers["ETag"]).status_code == 304
    told = carol.get(f"/recipes/runs/{run.pk}").json()
    assert (told["state"], told["sha256"]) == ("made", RunOutcome.objects.get().blob_id)

    for path in (f"/recipes/runs/{run.pk}", f"/recipes/runs/{run.pk}/picture"):
        assert dave.get(path).status_code == 404
        assert ANYBODY.get(path).status_code == 401
    assert dave.get("/recipes/runs").json() == {"data": [], "next": None}
    assert dave.send("POST", f"/recipes/locks/{digest}/runs", {}, key="b").status_code == 404
    assert Run.objects.count() == 1


def test_pages_of_runs_follow_each_other(carol: Studio, digest: str) -> None:
    ids = [carol.send("POST", f"/recipes/locks/{digest}/runs", {}, key=f"p{n}").json()["id"] for n in range(3)]

    first = carol.get("/recipes/runs?limit=2")
    second = carol.get(f"/recipes/runs?limit=2&cursor={first.json()['next']}")

    assert [one["id"] for page in (first, second) for one in page.json()["data"]] == ids[::-1]
    assert second.json()["next"] is None
    assert carol.get("/recipes/runs?cursor=nonsense").status_code == 422


def test_what_cannot_be_run_is_refused_and_nothing_is_written(carol: Studio, digest: str, settings: object) -> None:
    settings.SERVICE_RUNS_AT_ONCE = 0  # type: ignore[attr-defined]
    busy = carol.send("POST", f"/recipes/locks/{digest}/runs", {}, key="a")
    mixed = PAINTED | {"text": PAINTED["text"] + "|pier: a pier @mo/paints/ink\n|title: words\n"}
    lock = carol.send("POST", "/recipes/locks", mixed, key="mixed").json()["digest"]
    refused = carol.send("POST", f"/recipes/locks/{lock}/runs", {}, key="b")
    keyless = carol.call("POST", f"/recipes/locks/{digest}/runs", b"{}")

    assert (busy.status_code, busy.json()["code"]) == (429, "too-many-runs")
    assert (refused.status_code, refused.json()["code"]) == (422, "run-refused")
    assert refused.json()["findings"] == [
        {
            "in": "path",
            "where": "pier",
            "message": "The layer “pier” has mo/paints@1.0.0, which is no service: download the kit and render it"
            " yourself.",
        },
        {
            "in": "path",
            "where": "title",
            "message": "The layer “title” names no pack: give it one whose service paints it.",
        },
    ]
    assert keyless.json()["code"] == "idempotency-key-missing"
    assert Run.objects.count() == ServiceCall.objects.count() == UsageEvent.objects.count() == 0


def test_why_a_run_failed_is_said_in_the_language_that_is_asked_for(carol: Studio, digest: str) -> None:
    run_id = carol.send("POST", f"/recipes/locks/{digest}/runs", {}, key="a").json()["id"]
    call = ServiceCall.objects.get()
    failed = {"code": "service-refused", "reason": "403: no", "at": later(hours=3)}
    ServiceOutcome.objects.create(call=call, outcome="failed", **failed)
    RunOutcome.objects.create(run_id=run_id, outcome="failed", layer="sky", **failed)

    said = carol.get(f"/recipes/runs/{run_id}").json()

    sentence = (
        "The service of mo/paints@1.0.0 refuses the layer “sky” (403: no): change the layer, or choose another pack."
    )
    assert (said["state"], said["code"], said["reason"]) == ("failed", "service-refused", sentence)
    assert (said["layers"][0]["state"], said["layers"][0]["reason"]) == ("failed", sentence)
