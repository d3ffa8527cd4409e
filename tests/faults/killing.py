"""Kills whoever does something at a numbered point: before or after each commit and each call."""

import signal
from collections.abc import Callable

from django.db.backends.base.base import BaseDatabaseWrapper

from marketplace.provider.connections import Connections
from tests.payouts.faults.lives import Child, wait_until_alone
from tests.points import Points, around


def killed(act: Callable[[], object], number: int) -> bool:
    """Lives through something in a process that is killed at a point; tells whether it was."""

    def live(say: object) -> None:
        point = Points(number)
        around(BaseDatabaseWrapper, "_commit", point)
        around(Connections, "request", point)
        act()

    code, _said = Child(live).end()
    assert code in (0, -signal.SIGKILL)
    wait_until_alone()
    return code != 0


def at_each_point(act: Callable[[], object], after: Callable[[], None], step: int, first: int = 1) -> int:
    """Kills at every step-th point until a life comes through, each followed by `after`; gives how many died."""
    number = first
    while killed(act, number):
        after()
        number += step
    after()
    return (number - first) // step
