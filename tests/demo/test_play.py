"""A play that is killed at any moment, and played again, ends like one that nobody disturbed."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.template import migrated

HOME = Path(__file__).resolve().parents[2]


class Stage:
    """Databases and data folders to play in, and the process that lives and dies in them."""

    def __init__(self, folder: Path, url: str, template: str | None) -> None:
        self._folder, self._url, self._made = folder, url, 0
        self._template = f"plays_{uuid4().hex}"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.demo.lives"],
            cwd=HOME,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if template:
            self._run("create database {} template {}", self._template, template)
        else:
            self._run("create database {}", self._template)
            self._ask({"database": self._template, "data": str(folder / "template"), "migrate": True})

    def place(self, like: dict[str, str] | None = None) -> dict[str, str]:
        """A fresh place, or a copy of another one as it is now."""
        self._made += 1
        name = f"{self._template}_{self._made}"
        place = {"database": name, "data": str(self._folder / name)}
        self._run("create database {} template {}", name, like["database"] if like else self._template)
        if like:
            shutil.copytree(like["data"], place["data"])
        return place

    def live(self, place: dict[str, str], *, until: str = "end", die_at: int | None = None) -> dict[str, Any]:
        """Play in a process of its own; tells whether it was killed at point `die_at`, else how many there were."""
        return self._ask({**place, "until": until, "die_at": die_at})

    def state(self, place: dict[str, str]) -> dict[str, Any]:
        """What there is, in the words of `tests.demo.state`."""
        return self._ask({**place, "tell": True})["state"]

    def drop(self, place: dict[str, str]) -> None:
        self._run("drop database {} with (force)", place["database"])
        shutil.rmtree(place["data"])

    def close(self) -> None:
        self._process.communicate()
        for number in range(1, self._made + 1):
            self._run("drop database if exists {} with (force)", f"{self._template}_{number}")
        self._run("drop database {}", self._template)

    def _ask(self, command: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert answer.get("code", -9) == -9, f"the play ended with {answer['code']}; its traceback stands above"
        return answer

    def _run(self, statement: str, *names: str) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: pytest.FixtureRequest) -> Iterator[Stage]:
    known = settings.DATABASES["default"]
    named = {name.lower(): known[name] for name in ("HOST", "PORT", "USER", "PASSWORD")}
    with django_db_blocker.unblock():
        template = migrated()
    made = Stage(tmp_path_factory.mktemp("plays"), make_conninfo(**named, dbname="postgres"), template)
    yield made
    made.close()


@pytest.fixture(scope="module")
def published(stage: Stage) -> tuple[dict[str, str], int]:
    """A place where the packs are published and nothing is sold, and how many points it took to get there."""
    place = stage.place()
    return place, stage.live(place, until="publish")["points"]


@pytest.fixture(scope="module")
def undisturbed(stage: Stage) -> tuple[dict[str, Any], int]:
    """What a play leaves behind that nobody disturbed, and how many points it had."""
    place = stage.place()
    points = stage.live(place)["points"]
    return stage.state(place), points


def test_an_undisturbed_play_comes_out_as_it_must(undisturbed: tuple[dict[str, Any], int]) -> None:
    state, points = undisturbed
    assert points > 60
    assert state["listed"] == ["alice/yunhai", "bob/ink"]
    assert state["grants"] == [
        "alice/yunhai enterprise Quill & Daughters active",
        "alice/yunhai studio Lantern Films 灯笼影业 active",
        "bob/ink studio Lantern Films 灯笼影业 active",
        "bob/ink studio Quill & Daughters revoked",
    ]
    # Two sales of 100.01, the platform keeps 10.00 of each; of Bob's, Alice has a fifth: 90.01 + 18.00, and 72.01.
    assert [row[2:] for row in state["payouts"] if row[0] == "alice"] == [[10801, "paid"], [10801, "sent"]]
    assert [row[2:] for row in state["payouts"] if row[0] == "bob"] == [[7201, "paid"], [7201, "sent"]]
    assert state["anchors"] == [1, 1, 1]
    assert state["sealed"][1:] == [0, state["sealed"][0]]
    assert state["blobs"]["unlike"] == []
    assert state["books"] == []


def test_a_second_play_adds_nothing(stage: Stage, undisturbed: tuple[dict[str, Any], int]) -> None:
    place = stage.place()
    stage.live(place)
    stage.live(place)
    assert stage.state(place) == undisturbed[0]


@pytest.mark.deep
def test_a_play_that_dies_a_little_later_in_each_life_comes_to_the_same_end(
    stage: Stage, undisturbed: tuple[dict[str, Any], int]
) -> None:
    place, lives = stage.place(), 1
    while stage.live(place, die_at=lives)["died"]:
        lives += 1
    assert lives > 10
    assert stage.state(place) == undisturbed[0]


def _killed_once(stage: Stage, expected: dict[str, Any], points: range, of: Callable[[], dict[str, str]]) -> list[int]:
    """Gives the points after whose death the play came to another end."""
    others = []
    for point in points:
        place = of()
        assert stage.live(place, die_at=point)["died"]
        stage.live(place)
        if stage.state(place) != expected:
            others.append(point)
        stage.drop(place)
    return others


STRIDES = [pytest.param(48, id="some"), pytest.param(1, id="all", marks=pytest.mark.deep)]


@pytest.mark.parametrize("stride", STRIDES)
def test_a_play_killed_while_it_publishes_comes_to_the_same_end(
    stage: Stage, published: tuple[dict[str, str], int], undisturbed: tuple[dict[str, Any], int], stride: int
) -> None:
    points = range(1, published[1] + 1, stride * 4 if stride > 1 else 1)
    assert _killed_once(stage, undisturbed[0], points, stage.place) == []


@pytest.mark.parametrize("stride", STRIDES)
def test_a_play_killed_while_it_sells_comes_to_the_same_end(
    stage: Stage, published: tuple[dict[str, str], int], undisturbed: tuple[dict[str, Any], int], stride: int
) -> None:
    place, done = published
    points = range(1, undisturbed[1] - done + 1, stride)
    assert _killed_once(stage, undisturbed[0], points, lambda: stage.place(like=place)) == []
