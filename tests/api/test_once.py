"""Writing requests at the same moment, under one key."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, connections

from marketplace.api.models import Followed
from marketplace.licensing.holdings import Project
from marketplace.people import operations as people
from tests.api.studios import Studio, key_of
from tests.cast import NOON, person


@pytest.fixture(scope="module")
def guards() -> Iterator[None]:
    """Ends the connection whose guards were switched off, after the facts are swept away."""
    yield
    connection.close()


@pytest.fixture
def carol(guards: None, transactional_db: None) -> Iterator[Studio]:
    """Carol, committed for real; the facts are swept away afterwards by one who may switch their guards off."""
    somebody = person("carol")
    yield key_of(people.open_studio(person=somebody, name="Lantern Films", now=NOON), somebody)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")


def at_once(carol: Studio, *asked: tuple[str, str]) -> list[Any]:
    def send(one: tuple[str, str]) -> Any:
        name, key = one
        try:
            return Studio(carol.secret, carol.key).send("POST", "/projects", {"name": name}, key=key)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(asked)) as pool:
        return list(pool.map(send, asked))


def test_eight_at_once_under_one_key_are_followed_once(carol: Studio) -> None:
    answers = at_once(carol, *[("Night Market", "k")] * 8)

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert Project.objects.count() == Followed.objects.count() == 1


def test_of_two_requests_at_once_under_one_key_one_is_refused(carol: Studio) -> None:
    answers = at_once(carol, ("A", "k"), ("B", "k"))

    assert sorted(answer.status_code for answer in answers) == [201, 422]
    assert Project.objects.count() == Followed.objects.count() == 1
