"""A worker is killed at each point of a run: who comes next goes on, and nobody is asked for the same layer twice."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from PIL import Image
from procrastinate.contrib.django.models import ProcrastinateJob

import assets.queries
from assets.inspectors.base import Finding, Refused
from marketplace.compositions import tasks
from marketplace.compositions.runs import Run, RunOutcome, ServiceOutcome
from marketplace.compositions.services import advancing, pictures
from marketplace.compositions.services.base import Answer, Request
from marketplace.compositions.services.http import HttpClient
from marketplace.compositions.uses import UsageEvent
from marketplace.ui.words import Words
from tests.compositions.services.gallery import THREE, Gallery
from tests.compositions.services.painter import Painter


class Killed(BaseException):
    """What nothing catches."""


@dataclass
class Mortal:
    """A client that is killed before or after its nth request, once."""

    place: int
    after: bool
    sent: int = 0
    client: HttpClient = field(default_factory=HttpClient)

    def send(self, request: Request) -> Answer:
        self.sent += 1
        if self.sent == self.place and not self.after:
            raise Killed
        answer = self.client.send(request)
        if self.sent == self.place:
            raise Killed
        return answer


def finish(scene: Gallery, run: Run) -> RunOutcome:
    """Comes again however often somebody was killed."""
    for _life in range(5):
        try:
            return scene.finish(run)
        except Killed:
            continue
    raise AssertionError("killed for ever")


def made(scene: Gallery, run: Run, told: object) -> str:
    outcome = RunOutcome.objects.get(run=run)
    assert outcome.outcome == "made", (told, outcome.code, outcome.reason)
    assert UsageEvent.objects.filter(nonce=run.pk).count() == 1, told
    assert ServiceOutcome.objects.filter(call__run=run, outcome="made").count() == 3
    return str(outcome.blob_id)


@pytest.mark.parametrize("step", [pytest.param(4, id="some"), pytest.param(1, id="all", marks=pytest.mark.deep)])
def test_killed_before_and_after_each_request(scene: Gallery, painter: Painter, step: int) -> None:
    scene.license()
    lock = scene.lock(THREE)
    painter.looks = 1
    quiet = Mortal(0, after=False)
    scene.client = quiet
    whole = scene.start(lock)
    finish(scene, whole)
    picture = made(scene, whole, "whole")
    # Three layers, each asked for, heard of, and fetched.
    assert quiet.sent == 9

    for place in range(1, quiet.sent + 1, step):
        for after in (False, True):
            scene.client = Mortal(place, after)
            run = scene.start(lock)
            finish(scene, run)
            assert made(scene, run, (place, after)) == picture
            mine = [job for name, job in painter.jobs.items() if str(run.pk) in name]
            assert sorted(job["layer"] for job in mine) == ["people", "sky", "style"]


POINTS: dict[str, tuple[Any, str]] = {
    "a picture is looked at": (pictures, "check_picture"),
    "bytes are stored": (pictures, "kept"),
    "layers are laid over each other": (pictures, "composed"),
    "the use is counted": (advancing, "_count"),
}


@pytest.mark.parametrize("moment", [pytest.param("before", marks=pytest.mark.deep), "after"])
def test_killed_between_the_writes(
    scene: Gallery, painter: Painter, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    scene.license()
    lock = scene.lock(THREE)
    for told, (module, name) in POINTS.items():
        original: Callable[..., Any] = getattr(module, name)
        lives = iter([True])

        def mortal(*said: Any, original: Any = original, lives: Any = lives, **more: Any) -> Any:
            if moment == "before" and next(lives, None):
                raise Killed
            found = original(*said, **more)
            if moment == "after" and next(lives, None):
                raise Killed
            return found

        monkeypatch.setattr(module, name, mortal)
        run = scene.start(lock)
        finish(scene, run)
        monkeypatch.setattr(module, name, original)
        made(scene, run, told)
        assert len([job for job in painter.jobs if str(run.pk) in job]) == 3, told


def test_a_worker_takes_up_what_was_left(scene: Gallery, painter: Painter, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.license()
    painter.looks = 1
    run = scene.start(scene.lock(THREE))
    waiting = ProcrastinateJob.objects.filter(task_name="compositions.run")
    assert [(one.queue_name, one.args, one.status) for one in waiting] == [
        ("services", {"run_id": str(run.pk)}, "todo")
    ]
    monkeypatch.setattr(tasks.timezone, "now", lambda: scene.now)

    # While it waits in the queue, nobody puts it there again.
    tasks.run_due(0)
    assert waiting.count() == 1
    for _step in range(20):
        tasks.run(str(run.pk))
        scene.now += timedelta(seconds=31)
        if RunOutcome.objects.filter(run=run).exists():
            break

    made(scene, run, "by the worker")
    tasks.run(str(run.pk))
    assert advancing.overdue(now=scene.now) == []


def test_a_run_whose_picture_is_lost_is_over(scene: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.license()
    run = scene.start(scene.lock(THREE))
    original = advancing._finish

    def lost(*said: Any) -> None:
        outcome = ServiceOutcome.objects.filter(call__run=run)[0]
        assets.queries.storage().delete(outcome.blob_id)
        original(*said)

    monkeypatch.setattr(advancing, "_finish", lost)
    outcome = scene.finish(run)

    assert (outcome.outcome, outcome.code, outcome.layer) == ("failed", "picture-lost", "")
    assert UsageEvent.objects.count() == 0


def test_a_picture_that_was_not_looked_at_to_its_end_is_looked_at_again(
    scene: Gallery, painter: Painter, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.license()
    run = scene.start(scene.lock(THREE))
    decoded, times = pictures.decode_picture, count()

    def busy(*said: Any) -> Any:
        # Each picture is decoded when it comes and when it is laid over others: every second time the child is killed.
        if next(times) % 2 == 0:
            reason = {"reason": Words("it stopped")}
            raise Refused([Finding("inspection-did-not-finish", "it did not finish (%(reason)s)", "", reason)])
        return decoded(*said)

    monkeypatch.setattr(pictures, "decode_picture", busy)
    # Two layers are laid over each other at once, so that would never end.
    monkeypatch.setattr(pictures, "composed", lambda lock, calls: Image.new("RGB", (lock.width, lock.height)))
    scene.finish(run)

    made(scene, run, "in the end")
    assert next(times) == 8
    assert len([job for job in painter.jobs if str(run.pk) in job]) == 3
