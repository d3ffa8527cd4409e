"""Whatever a provider does wrong ends a run with one clear sentence, and nothing is charged."""

import hashlib
import io
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from PIL import Image

from marketplace.compositions.runs import Run, RunOutcome
from marketplace.compositions.services import queries
from marketplace.compositions.services.base import Answer, Request
from marketplace.compositions.services.faults import SENTENCES, ServiceFault, words_of
from marketplace.compositions.uses import UsageBatch
from marketplace.ui.formats import sentence
from tests.compositions.services.gallery import ONE, Gallery
from tests.compositions.services.painter import Act, Painter, Reply, encoded

Job = Mapping[str, Any]


def name(job: Job) -> str:
    return f"job-{job['key']}"


def says(body: Any, status: int = 200, **headers: str) -> Act:
    """Answers so, whatever is asked."""
    return lambda painter, job: Reply(status, body, {key.replace("_", "-"): value for key, value in headers.items()})


def tells(state: str = "made", **more: Any) -> Act:
    """Says this of the job, and else what is true."""
    return lambda painter, job: Reply(202, painter.told(name(job), state, **more))


def shows(data: Callable[[Job], bytes], media_type: str = "image/png", **more: Any) -> dict[str, Act]:
    """Sends other bytes, and says so truly."""

    def result(job: Job) -> dict[str, Any]:
        sent = data(job)
        digest = hashlib.sha256(sent).hexdigest()
        return {"sha256": digest, "media_type": media_type, "size_bytes": len(sent)} | more

    return {
        "on_ask": lambda painter, job: Reply(202, painter.told(name(job), result=result(job))),
        "on_send": lambda painter, job: Reply(200, data(job)),
    }


def sized(width: int, height: int, form: str = "PNG") -> Callable[[Job], bytes]:
    return lambda job: encoded(Image.new("RGB", (width, height), "#204080"), form)


def animated(job: Job) -> bytes:
    file = io.BytesIO()
    frames = [Image.new("RGB", (job["width"], job["height"]), color) for color in ("#000", "#fff")]
    frames[0].save(file, "WEBP", save_all=True, append_images=frames[1:])
    return file.getvalue()


def bomb(job: Job) -> bytes:
    """A PNG of few bytes that says it has 30,000 × 30,000 pixels."""
    data = bytearray(encoded(Image.new("L", (8, 8))))
    data[16:24] = (30_000).to_bytes(4, "big") * 2
    return bytes(data)


FAULTS: dict[str, tuple[str, str, Mapping[str, Any]]] = {
    "an error of its own, for ever": ("service-failing", "503", {"on_ask": says(b"", 503)}),
    "an error while it paints": ("service-failing", "500", {"looks": 99, "on_hear": says(b"", 500)}),
    "too many requests, for ever": ("service-busy", "", {"on_ask": says(b"", 429, Retry_After="7")}),
    "a refusal with words": (
        "service-refused",
        "403: no clouds here",
        {"on_ask": says({"detail": "no clouds\n here"}, 403)},
    ),
    "a refusal with bytes": ("service-refused", "400", {"on_ask": says(b"\xff\xfe", 400)}),
    "a job that it forgot": ("service-refused", "404", {"looks": 1, "on_hear": says(b"", 404)}),
    "a redirect": ("service-redirects", "302", {"on_ask": says(b"", 302, Location="http://169.254.169.254/")}),
    "a redirect of the picture": (
        "service-redirects",
        "307",
        {"on_send": says(b"", 307, Location="http://127.0.0.1/")},
    ),
    "no JSON": ("service-unreadable", "not JSON", {"on_ask": says(b"{'job': 1}")}),
    "no text": ("service-unreadable", "no UTF-8", {"on_ask": says(b"\xff")}),
    "a tower of brackets": ("service-unreadable", "deep", {"on_ask": says(b"[" * 60_000)}),
    "a name twice": ("service-unreadable", "twice", {"on_ask": says(b'{"job": "a", "job": "b"}')}),
    "a number beyond all": ("service-unreadable", "number", {"on_ask": says(b'{"a": 1e999}')}),
    "huge JSON": ("too-large", "65536", {"on_ask": says(b" " * 70_000)}),
    "another format": ("service-unreadable", "format is not", {"on_ask": says({"job": "a", "state": "made"})}),
    "a path for a job": ("service-unreadable", "job is no", {"on_ask": tells("queued", job="../../admin")}),
    "dots for a job": ("service-unreadable", "job is no", {"on_ask": tells("queued", job="..")}),
    "a long job": ("service-unreadable", "job is no", {"on_ask": tells("queued", job="a" * 201)}),
    "another job": ("service-unreadable", "another one", {"looks": 1, "on_hear": tells("queued", job="other")}),
    "a state of its own": ("service-unreadable", "state is none", {"on_ask": tells("resting")}),
    "a wait that is none": ("service-unreadable", "retry_after", {"on_ask": tells("queued", retry_after=-1)}),
    "made, and no result": ("service-unreadable", "result", {"on_ask": tells("made", result=None)}),
    "no digest": (
        "service-unreadable",
        "sha256",
        {"on_ask": tells("made", result={"sha256": "0", "media_type": "image/png", "size_bytes": 1})},
    ),
    "it could not": ("service-failed", "out of ink", {"on_ask": tells("failed", reason="out of ink")}),
    "nothing for ever": ("service-late", "", {"looks": 10**6}),
    "a lie about the digest": ("wrong-digest", "", shows(sized(256, 192), sha256="0" * 64)),
    "more than it said": ("too-large", "100", shows(sized(256, 192), size_bytes=100)),
    "less than it said": ("wrong-digest", "", shows(sized(256, 192), size_bytes=10**6)),
    "more than it may": ("too-large", "16777216", shows(sized(256, 192), size_bytes=10**8)),
    "words for a picture": ("not-a-picture", "decoded", shows(lambda job: b"a picture of the sky")),
    "half a picture": ("not-a-picture", "", shows(lambda job: sized(256, 192)(job)[:200])),
    "a bomb": ("not-a-picture", "", shows(bomb)),
    "a film": ("not-a-picture", "more than one frame", shows(animated, "image/webp")),
    "a picture in disguise": ("wrong-type", "image/jpeg", shows(sized(256, 192, "JPEG"))),
    "a type that it has not": ("wrong-type", "image/gif", shows(sized(256, 192), "image/gif")),
    "a picture too small": ("wrong-size", "128 × 96", shows(sized(128, 96))),
    "a picture too large": ("wrong-size", "512 × 384", shows(sized(512, 384))),
}


@pytest.fixture
def lock(scene: Gallery) -> Any:
    scene.license()
    return scene.lock(ONE)


def test_every_fault_ends_a_run_with_one_sentence_and_no_charge(scene: Gallery, lock: Any, painter: Painter) -> None:
    honest = Painter()
    for told, (code, reason, behaviour) in FAULTS.items():
        for member in ("looks", "on_ask", "on_hear", "on_send"):
            setattr(painter, member, behaviour.get(member, getattr(honest, member)))
        run = scene.start(lock)
        begun = scene.now

        outcome = scene.finish(run, most=400)

        assert (outcome.outcome, outcome.code, outcome.layer, outcome.blob) == ("failed", code, "sky", None), told
        assert reason in outcome.reason, (told, outcome.reason)
        assert scene.now - begun <= timedelta(seconds=300), told
        said = str(queries.reason_of(Run.objects.get(pk=run.pk)))
        assert "alice/sea@1.0.0" in said, (told, said)
        assert "“sky”" in said, (told, said)
    assert UsageBatch.objects.count() == 0
    assert RunOutcome.objects.filter(outcome="made").count() == 0
    # Each job was taken on once, however often it was asked for.
    assert len(painter.jobs) == len(FAULTS)


def test_what_passes_is_tried_again_when_the_provider_says(scene: Gallery, lock: Any, painter: Painter) -> None:
    waits: list[str] = ["40", "Sun, 22 Nov 2026 14:01:30 GMT", ""]
    answers = iter([429, 503, 503])

    def busy(here: Painter, job: Job) -> Reply | None:
        status = next(answers, None)
        return Reply(status, b"", {"Retry-After": waits[len(here.asked) - 1]}) if status else None

    painter.on_ask = busy
    run, begun = scene.start(lock), scene.now

    assert scene.step(run) == begun + timedelta(seconds=40)
    scene.now = begun + timedelta(seconds=40)
    assert scene.step(run) == begun + timedelta(seconds=90)
    scene.now = begun + timedelta(seconds=90)
    assert scene.step(run) == begun + timedelta(seconds=120)
    scene.now = begun + timedelta(seconds=120)
    assert scene.finish(run).outcome == "made"
    assert (len(painter.asked), len(painter.jobs)) == (4, 1)
    bodies = {body for method, _path, _headers, body in painter.requests if method == "POST"}
    assert len(bodies) == 1

    long = iter([Reply(429, b"", {"Retry-After": "100000"})])
    painter.on_ask = lambda here, job: next(long, None)
    late = scene.start(lock)
    assert scene.step(late) is None
    assert RunOutcome.objects.get(run=late).code == "service-busy"


def test_a_picture_that_was_made_while_nobody_asked_is_taken(scene: Gallery, lock: Any, painter: Painter) -> None:
    painter.looks = 1
    made, late = scene.start(lock), scene.start(lock)
    scene.step(made)
    scene.now += timedelta(hours=3)

    assert scene.finish(made).outcome == "made"
    # Nobody was asked in time: nobody is asked now.
    asked = len(painter.asked)
    assert scene.finish(late).code == "service-late"
    assert len(painter.asked) == asked


def test_a_provider_that_is_gone_is_tried_until_the_time_is_over(scene: Gallery, lock: Any) -> None:
    tried: list[Request] = []

    class Gone:
        def send(self, request: Request) -> Answer:
            tried.append(request)
            raise ServiceFault("service-gone", "Connection refused", lasts=False)

    scene.client = Gone()
    run, begun = scene.start(lock), scene.now
    outcome = scene.finish(run)
    assert (outcome.code, outcome.reason) == ("service-gone", "Connection refused")
    assert timedelta(seconds=240) < scene.now - begun < timedelta(seconds=300)
    assert 10 < len(tried) < 30
    assert {(one.seconds, one.limit_bytes) for one in tried} == {(10, 65_536)}
    assert UsageBatch.objects.count() == 0


def test_other_pictures_that_may_be_sent(scene: Gallery, lock: Any, painter: Painter) -> None:
    for form in ("JPEG", "WEBP"):
        for member, act in shows(sized(256, 192, form), f"image/{form.lower()}").items():
            setattr(painter, member, act)
        assert scene.finish(scene.start(lock)).outcome == "made"


def test_every_fault_has_a_sentence() -> None:
    for code in SENTENCES:
        said = sentence(words_of(code, layer="sky", pack="alice/sea@1.0.0", reason="500"))
        assert said.endswith(".")
        assert "%" not in said
