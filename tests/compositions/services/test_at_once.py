"""Runs that begin, and workers that come, at the same moment: quotas hold, and nobody is asked twice."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from marketplace.compositions.runs import Run, RunOutcome, ServiceCall
from marketplace.compositions.services import operations
from marketplace.compositions.services.operations import ServiceOverQuota, TooManyRuns
from marketplace.compositions.uses import UsageEvent
from tests.cast import on_stage
from tests.compositions.services.gallery import ONE, THREE, Gallery, gallery
from tests.compositions.services.painter import Painter

AtOnce = Callable[..., list[Any]]


@pytest.mark.usefixtures("committed")
def test_what_begins_at_once_keeps_to_the_quotas(
    tmp_path: Path, painter: Painter, settings: Any, at_once: AtOnce
) -> None:
    settings.SERVICE_PRIVATE, settings.SERVICE_RUNS_AT_ONCE = ["127.0.0.0/8"], 9
    scene = gallery(on_stage(), tmp_path, painter, quota={"per_day": 100, "at_once": 3})
    scene.license()
    lock, whole = scene.lock(ONE), scene.lock(THREE)

    def starting(key: str, **more: Any) -> Callable[[], Run]:
        return lambda: scene.start(lock, idempotency_key=key, **more)

    began = at_once(*[starting(f"key-{number}") for number in range(6)])
    kinds = [type(one) for one in began]
    assert (kinds.count(Run), kinds.count(ServiceOverQuota)) == (3, 3), began
    assert Run.objects.count() == ServiceCall.objects.count() == 3
    for run in Run.objects.all():
        scene.finish(run)

    same = at_once(*[starting("the same") for _time in range(6)])
    assert {type(one) for one in same} == {Run}, same
    assert len({one.pk for one in same}) == 1
    scene.finish(same[0])

    settings.SERVICE_RUNS_AT_ONCE = 2
    few = at_once(*[starting(f"few-{number}") for number in range(4)])
    kinds = [type(one) for one in few]
    assert (kinds.count(Run), kinds.count(TooManyRuns)) == (2, 2), few
    for run in Run.objects.filter(outcome=None):
        scene.finish(run)
    _workers(scene, scene.start(whole), at_once)


def _workers(scene: Gallery, run: Run, at_once: AtOnce) -> None:
    """Four workers come at the same moment, again and again."""
    before = len(scene.painter.asked)
    for _time in range(40):
        if RunOutcome.objects.filter(run=run).exists():
            break
        said = at_once(*[lambda: operations.advance(run=run, now=scene.now, client=scene.client)] * 4)
        assert not [one for one in said if isinstance(one, Exception)], said
        scene.now += timedelta(seconds=2)
    assert RunOutcome.objects.get(run=run).outcome == "made"
    assert sorted(scene.painter.asked[before:]) == ["people", "sky", "style"]
    assert UsageEvent.objects.filter(nonce=run.pk).count() == 1
