"""PostgreSQL is stopped with `immediate` in the middle of settlements and sales: what was answered is there."""

import random
import select

import pytest
from django.db import Error, connection

from marketplace.payouts.models import Sale
from marketplace.payouts.queries import check_books
from tests.payouts.faults.lives import Child, Say
from tests.payouts.faults.own_server import own_server
from tests.payouts.faults.proofs import check_all_is_paid, repeat
from tests.payouts.faults.world import CURRENCIES, World, settlement

SELLERS = 4
MOST = 2_000
"""Settlements until one gives up waiting for the database to be gone."""


def selling(world: World, seller: int, stop: int):
    """Sells until the database is gone, and says of each sale that it was booked."""

    def sell(say: Say) -> None:
        world.number = (stop * SELLERS + seller + 1) * 1_000_000
        while True:
            try:
                sale = world.sell(seller % 3, CURRENCIES[seller % 2], 1_000 + world.number % 997)
            except Error:
                return
            say(f"{sale.source} {sale.gross_minor}")

    return sell


def settling(world: World):
    """Settles again and again, each time fourteen days later, until the database is gone."""

    def settle(say: Say) -> None:
        for _ in range(MOST):
            try:
                settlement(world.later(14))
            except Error:
                return
            say("settled")
        raise AssertionError("the database was never gone")

    return settle


def heard_until(children: list[Child], lines: int) -> dict[Child, str]:
    """Listens until so many lines were said by all of them together, and one by each; the rest they say later.

    One that had not begun when the database is stopped would find it started again, and go on for ever.
    """
    heard = dict.fromkeys(children, "")
    by_pipe = {child.pipe: child for child in children}
    while sum(said.count("\n") for said in heard.values()) < lines or not all(map(heard.get, by_pipe.values())):
        ready, _, _ = select.select(list(by_pipe), [], [], 60)
        assert ready, "nobody says anything any more"
        for pipe in ready:
            if said := pipe.read(65536):
                heard[by_pipe[pipe]] += said.decode()
            else:
                del by_pipe[pipe]  # one whose statement met another's in a circle ends early; its code is asked below
    return heard


def stop_and_check(own, world: World, stop: int, lines: int) -> int:
    """Stops the database after so many answers, starts it again, and returns how many sales had been answered."""
    world.sell_each()
    connection.close()
    children = [Child(selling(world, seller, stop)) for seller in range(SELLERS)]
    settler = Child(settling(world))
    heard = heard_until([*children, settler], lines)
    own.stop_at_once()
    booked = {}
    for child in children:
        code, rest = child.end()
        assert code == 0
        booked.update(line.split() for line in (heard[child] + rest).splitlines())
    assert settler.end()[0] == 0

    there = dict(Sale.objects.filter(source__in=booked).values_list("source", "gross_minor"))
    assert there == {source: int(gross) for source, gross in booked.items()}
    assert check_books() == []
    now = world.later(3650)  # beyond whatever the settler did
    repeat(lambda: settlement(now))
    settlement(world.later(14))
    check_all_is_paid()
    return len(booked)


@pytest.fixture
def own(committed, tmp_path):
    with own_server(tmp_path / "postgres") as own:
        yield own


def test_stopped_once(own):
    assert stop_and_check(own, World(), 0, 60) > 10


@pytest.mark.deep
def test_stopped_many_times(own):
    world, chance = World(), random.Random(7)
    for stop in range(6):
        stop_and_check(own, world, stop, chance.randrange(5, 200))
