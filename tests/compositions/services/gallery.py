"""Alice, Bob and Mo paint on request, each by a service; Carol's recipes are run, and a clock goes on by itself."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from marketplace.catalog.models import Release
from marketplace.compositions.models import RecipeLock
from marketplace.compositions.runs import Run, RunOutcome
from marketplace.compositions.services import operations
from marketplace.compositions.services.base import Client
from marketplace.compositions.services.http import HttpClient
from marketplace.intake.operations import publish_folder
from marketplace.licensing.models import Grant
from marketplace.people.models import Creator
from tests import packs
from tests.cast import NOON, Cast, later
from tests.compositions.services.painter import Painter
from tests.compositions.stage import OFFERS, Stage

TWO = """%size=256x192
|sky: clouds at dusk @alice/sea/paint
|people: a crowd with lanterns @bob/night/paint [box 0,0.5,1,1]
"""
THREE = TWO + "- style: ink wash @mo/ink/paint\n"
ONE = "%size=256x192\n|sky: clouds at dusk @alice/sea/paint\n"
_KEYS = count()


@dataclass
class Gallery:
    """A stage whose packs have services of one painter, and a moment that runs go on from."""

    stage: Stage
    painter: Painter
    sea: Release
    night: Release
    ink: Release
    now: datetime = field(default_factory=lambda: later(hours=2))
    client: Client = field(default_factory=HttpClient)

    @property
    def cast(self) -> Cast:
        return self.stage.cast

    def lock(self, text: str = TWO, **more: Any) -> RecipeLock:
        return self.stage.lock(text, **more)

    def license(self, terms: str = "studio") -> list[Grant]:
        """Carol's studio licenses all three."""
        return self.stage.buy(*(self.stage.offer(release, terms) for release in (self.sea, self.night, self.ink)))

    def start(self, lock: RecipeLock, **more: Any) -> Run:
        asked: dict[str, Any] = {
            "studio": self.cast.studio,
            "person": self.cast.carol,
            "idempotency_key": f"run-{next(_KEYS)}",
            "now": self.now,
        }
        return operations.start_run(lock=lock, **(asked | more))

    def step(self, run: Run) -> datetime | None:
        return operations.advance(run=run, now=self.now, client=self.client)

    def finish(self, run: Run, most: int = 60) -> RunOutcome:
        """Comes again whenever it is told to, as the clock goes on to that very moment."""
        for _step in range(most):
            again = self.step(run)
            if again is None:
                return RunOutcome.objects.get(run=run)
            assert again >= self.now
            self.now = max(again, self.now + timedelta(milliseconds=1))
        raise AssertionError("the run comes to no end")


def publish(folder: Path, creator: Creator, handle: str, painter: Painter, **more: Any) -> Release:
    """Publishes a pack with one LoRA and a service, the element `paint`; `service` says what its service.json does."""
    service = {"format": "worldloom/service/1", "endpoint": f"{painter.endpoint}/{handle}"} | more.pop("service", {})
    there = packs.write(
        folder / f"{handle}-{more.get('version', '1.0.0')}", handle=handle, **({"offers": OFFERS} | more)
    )
    (there / "service.json").write_text(json.dumps(service), encoding="utf-8")
    toml = there / "pack.toml"
    added = (
        '[[elements]]\nname = "paint"\nkind = "service"\ntitle = { en = "On request" }\nfiles = ["service.json"]\n'
        '[[files]]\npath = "service.json"\n'
    )
    head, sign, offers = toml.read_text(encoding="utf-8").partition("[[offers]]")
    toml.write_text(head + added + sign + offers, encoding="utf-8")
    return publish_folder(folder=there, creator=creator, now=NOON)


def gallery(cast: Cast, folder: Path, painter: Painter, *, apart: bool = True, **services: Any) -> Gallery:
    """Publishes the three; `services` says more of all their service.json. Not apart, they have the same endpoint."""
    kinds = {"sea": (cast.alice, "world"), "night": (cast.bob, "characters"), "ink": (cast.mo, "style")}
    released = {}
    for seed, (handle, (creator, kind)) in enumerate(kinds.items(), start=11):
        # What is the same byte for byte would be a copy of another creator's.
        same = {} if apart else {"endpoint": painter.endpoint, "result_bytes": 10**7 + seed}
        service = services | same
        released[handle] = publish(folder, creator, handle, painter, seed=seed, kind=kind, service=service)
    stage = Stage(cast, folder, sea_11=released["sea"], **released)
    return Gallery(stage, painter, **released)
