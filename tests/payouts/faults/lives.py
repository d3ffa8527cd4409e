"""Lives of processes that write the books: forked, killed at a numbered point, or let run side by side.

A point is the moment before or after a statement to the database, a commit, or a call of the rail. The product knows
nothing of them: they are put around Django's and the rail's own methods, in the child alone.
"""

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from marketplace.payouts.rails.recorded import RecordedRail
from tests.points import Points, around

Say = Callable[[object], None]
NAME = "one of several lives"
"""What the database server knows the connection of a child by: a test before may have left connections of its own."""


class Child:
    """A process that does one thing, on a database connection of its own; what it says can be read line by line."""

    def __init__(self, act: Callable[[Say], Any]) -> None:
        ours, theirs = os.pipe()
        led = dict(connection.settings_dict)
        led["OPTIONS"] = {**led["OPTIONS"], "application_name": NAME}
        if (number := os.fork()) == 0:
            os.close(ours)
            _live(act, theirs, led)
        os.close(theirs)
        self.number, self.pipe = number, os.fdopen(ours, "rb", buffering=0)

    def kill(self) -> None:
        """Ends it as `kill -9` does."""
        os.kill(self.number, signal.SIGKILL)

    def end(self) -> tuple[int, str]:
        """Waits for its end and returns its exit code, negative for a signal, and what it said."""
        with self.pipe:
            said = self.pipe.read().decode()
        return os.waitstatus_to_exitcode(os.waitpid(self.number, 0)[1]), said


def _live(act: Callable[[Say], Any], answer: int, led: dict[str, Any]) -> None:
    code = 1
    try:
        _inherited, connection.connection = connection.connection, None  # the parent's, which must not be closed
        connection.settings_dict = led  # where the parent is led, whatever this process was told before
        act(lambda words: os.write(answer, f"{words}\n".encode()) and None)
        code = 0
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def points_of(act: Callable[[], Any], die_at: int | None = None) -> int | None:
    """Lives through `act` in a process of its own and returns how many points it has, or None where it died at one."""
    code, said = Child(lambda say: say(_watched(act, Points(die_at)))).end()
    assert code in (0, -signal.SIGKILL), f"it ended with {code}"
    wait_until_alone()
    return int(said) if code == 0 else None


def _watched(act: Callable[[], Any], point: Points) -> int:
    around(BaseDatabaseWrapper, "_commit", point)
    around(RecordedRail, "send", point)

    def statement(execute: Any, *arguments: Any) -> Any:
        point()
        result = execute(*arguments)
        point()
        return result

    with connection.execute_wrapper(statement):
        act()
    return point.passed


def wait_until_alone() -> None:
    """Waits until the database server has noticed that killed processes are gone, and let go of their locks."""
    deadline = time.monotonic() + 30
    with connection.cursor() as cursor:
        while True:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s",
                [NAME],
            )
            if not cursor.fetchone()[0]:
                return
            assert time.monotonic() < deadline


def all_at_once(*acts: Callable[[], Any]) -> list[str]:
    """Lets processes start together, and returns what each of them said; one that fails fails the test."""
    closed, gate = os.pipe()

    def behind(act: Callable[[], Any]) -> Callable[[Say], Any]:
        def start(say: Say) -> None:
            os.close(gate)
            connection.ensure_connection()
            os.read(closed, 1)  # until nobody holds the gate any more
            say(act())

        return start

    children = [Child(behind(act)) for act in acts]
    os.close(gate)
    ended = [child.end() for child in children]
    os.close(closed)
    assert [code for code, _ in ended] == [0] * len(acts)
    return [said.strip() for _, said in ended]
