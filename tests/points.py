"""Moments at which a process may be killed: numbered, so that a test can have it die at each of them in turn.

A point is a moment at which the world outside this process has just changed or is about to.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any


class Points:
    """Counts the moments, and makes one of them the last."""

    def __init__(self, die_at: int | None) -> None:
        self.passed, self._die_at = 0, die_at

    def __call__(self) -> None:
        self.passed += 1
        if self.passed == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)


def around(owner: Any, name: str, point: Points) -> None:
    """Makes the moments before and after a method, or a module's function, points."""
    method: Callable[..., Any] = getattr(owner, name)

    def watched(*args: Any, **named: Any) -> Any:
        point()
        result = method(*args, **named)
        point()
        return result

    setattr(owner, name, watched)


def answers(live: Callable[[dict[str, Any]], dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Reads one JSON command a line, lives each in a fork of its own, and tells what became of it."""
    for line in sys.stdin:
        ours, theirs = os.pipe()
        if (child := os.fork()) == 0:
            answer = live(json.loads(line))
            os.write(theirs, json.dumps(answer).encode())
            os._exit(0)
        os.close(theirs)
        with os.fdopen(ours, "rb") as pipe:
            said = pipe.read()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        yield json.loads(said) if code == 0 else {"died": code == -signal.SIGKILL, "code": code}


def answer(live: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Answers commands until there are no more."""
    for one in answers(live):
        sys.stdout.write(json.dumps(one) + "\n")
        sys.stdout.flush()
