"""Carol has a lock painted by providers, watches each layer, and sees the picture; nobody else does."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from marketplace.compositions.runs import Run, RunOutcome, ServiceCall
from marketplace.compositions.uses import UsageEvent
from marketplace.licensing.models import Grant
from tests.cast import on_stage
from tests.compositions.services.gallery import ONE, TWO, Gallery, gallery
from tests.compositions.services.painter import Painter, Reply, at_work
from tests.compositions.stage import publish
from tests.storefront.market import browser_of

KEY = re.compile(r'name="key" value="([^"]+)"')


@pytest.fixture
def painter() -> Iterator[Painter]:
    with at_work() as found:
        yield found


@pytest.fixture
def shown(db: None, tmp_path: Path, painter: Painter, settings: Any) -> Gallery:
    settings.SERVICE_PRIVATE = ["127.0.0.0/8"]
    made = gallery(on_stage(), tmp_path, painter)
    made.stage.buy(*(made.stage.offer(one, "studio") for one in (made.sea, made.night)), now=timezone.now())
    made.now = timezone.now()
    return made


def page(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def started(client: Client, address: str) -> str:
    """Sends the form of a lock's page; gives the address of the run."""
    key = KEY.findall(page(client, address))[0]
    first, second = (client.post(f"{address}/runs", {"key": key}) for _again in range(2))
    assert first.status_code == 302, first.content.decode()
    assert first["Location"] == second["Location"]
    return str(first["Location"])


def test_a_run_is_started_once_watched_and_seen(shown: Gallery) -> None:
    carol = browser_of(shown.cast.carol)
    row = shown.lock(TWO, now=timezone.now(), title="Pier")
    address = f"/recipes/locks/{row.digest}"

    run_address = started(carol, address)

    run = Run.objects.get()
    assert ServiceCall.objects.count() == 2
    going = page(carol, run_address)
    assert "Under way" in going
    assert "0 of 2 layers are made" in going
    assert f'hx-get="{run_address}"' in going
    assert going.count("Asked</span>") == 2
    assert carol.get(f"{run_address}/picture").status_code == 404

    shown.now = timezone.now()
    assert shown.finish(run).outcome == RunOutcome.MADE
    over = page(carol, run_address)
    assert "hx-get" not in over.partition('id="run"')[2].partition("</main>")[0]
    assert f"{run_address}/picture" in over
    picture = carol.get(f"{run_address}/picture")
    assert (picture["Content-Type"], picture["Cache-Control"]) == ("image/png", "private, no-store")
    assert b"".join(picture.streaming_content)[:8] == b"\x89PNG\r\n\x1a\n"  # type: ignore[attr-defined]
    assert "attachment" in carol.get(f"{run_address}/picture?download")["Content-Disposition"]
    assert UsageEvent.objects.count() == 1
    assert run_address in page(carol, address)

    dave = browser_of(shown.cast.dave)
    for path in (run_address, f"{run_address}/picture"):
        assert dave.get(path).status_code == 404
        assert Client().get(path).status_code == 302
    assert dave.post(f"{address}/runs", {"key": "k"}).status_code == 404


def test_a_layer_that_fails_says_why_and_nothing_is_counted(shown: Gallery) -> None:
    carol = browser_of(shown.cast.carol)
    row = shown.lock(ONE, now=timezone.now())
    run_address = started(carol, f"/recipes/locks/{row.digest}")
    shown.painter.on_ask = lambda painter, job: Reply(
        body=painter.told(f"job-{job['key']}", "failed", reason="out of ink")
    )
    shown.now = timezone.now()
    shown.finish(Run.objects.get())

    found = page(carol, run_address)

    assert "No picture was made" in found
    assert "Nothing is counted and nothing is charged." in found
    assert "out of ink" in found
    assert "Run it again" in found
    assert not UsageEvent.objects.exists()


def test_what_cannot_be_run_says_why_and_asks_nobody(shown: Gallery, tmp_path: Path) -> None:
    carol, now = browser_of(shown.cast.carol), timezone.now()
    plain = publish(tmp_path, shown.cast.alice, "plain", seed=41)
    shown.stage.buy(shown.stage.offer(plain, "studio"), now=now)
    mixed = shown.lock(f"{ONE}|people: a crowd @alice/plain\n", now=now)
    unlicensed = shown.lock(f"{ONE}- style: ink wash @mo/ink/paint\n", now=now)

    found = page(carol, f"/recipes/locks/{mixed.digest}")
    assert "The layer “people” has alice/plain@1.0.0, which is no service" in found
    assert not KEY.search(found)
    assert "It can be run once each layer has a license that holds." in page(
        carol, f"/recipes/locks/{unlicensed.digest}"
    )
    for row, key in ((mixed, "k1"), (unlicensed, "k2"), (unlicensed, ""), (mixed, "x" * 201)):
        refused = carol.post(f"/recipes/locks/{row.digest}/runs", {"key": key})
        assert refused.status_code == 422
        assert 'role="alert"' in refused.content.decode()
    assert not Run.objects.exists()
    assert Grant.objects.count() == 3
