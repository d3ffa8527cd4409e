"""Kills whoever does something at a numbered point: before or after each commit and each call."""

import signal
from collections.abc import Callable

from django.db.backends.base.base import BaseDatabaseWrapper

from marketplace.provider.connections import Connections
from tests.payouts.faults.lives import Child, Say, wait_until_alone
from tests.points import Points, around

MOST = 200
"""No life here has so many points. One that has more each time than the time before would never be lived through."""


def points_of(act: Callable[[], object]) -> int:
    """Lives through something in a process of its own, and tells how many points it has."""
    passed = _lived(act, None)
    assert passed is not None
    return passed


def killed(act: Callable[[], object], number: int) -> bool:
    """Lives through something in a process that is killed at a point; tells whether it was."""
    return _lived(act, number) is None


def _lived(act: Callable[[], object], die_at: int | None) -> int | None:
    def live(say: Say) -> None:
        point = Points(die_at)
        around(BaseDatabaseWrapper, "_commit", point)
        around(Connections, "request", point)
        act()
        say(point.passed)

    code, said = Child(live).end()
    assert code in (0, -signal.SIGKILL)
    wait_until_alone()
    return int(said) if code == 0 else None


def at_each_point(act: Callable[[], object], after: Callable[[], None], step: int, first: int = 1) -> int:
    """Kills at every step-th point until a life comes through, each followed by `after`; gives how many died."""
    number = first
    while killed(act, number):
        assert number < MOST, f"a life was killed at point {number}: does it grow with each that was lived before it?"
        after()
        number += step
    after()
    return (number - first) // step
