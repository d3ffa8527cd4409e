"""The demo and its terminal: progress on the screen, and Ctrl-C that makes everything end in order."""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import TextIO

_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_WATCH_SECONDS = 0.3


class Interrupted(Exception):
    """Somebody asked for the end while a step was not listening."""


class Progress:
    """Says each step as it begins; on a terminal, with a tick and its time once it is done."""

    def __init__(self, out: TextIO) -> None:
        self.step = ""
        self._out = out
        self._began = self._started = time.monotonic()
        self._live = out.isatty() and os.environ.get("TERM", "dumb") != "dumb"

    def __call__(self, step: str) -> None:
        if _stop_asked.is_set():
            raise Interrupted
        self.end()
        self.step, self._began = step, time.monotonic()
        if self._live:
            self._write(f"  · {step} …")
        else:
            self._write(f"{self._began - self._started:7.1f} s  {step}\n")

    def end(self, *, finished: bool = True) -> None:
        """This will close the line of the step at hand."""
        if self._live and self.step:
            mark = "\033[32m✓\033[0m" if finished else "–"
            self._write(f"\r\033[K  {mark} {self.step}  \033[2m{time.monotonic() - self._began:.1f} s\033[0m\n")
        elif self._live and not finished:
            self._write("\r\033[K")  # over the terminal's ^C
        if finished:
            self.step = ""

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


_stop_asked = threading.Event()


def _stop(number: int, frame: object) -> None:
    _stop_asked.set()
    raise KeyboardInterrupt


def stop_in_order() -> None:
    """This will make SIGTERM and SIGHUP unwind like Ctrl-C, so that every stop takes the same way down."""
    for number in _STOPS:
        signal.signal(number, _stop)


def stop_undisturbed() -> None:
    """This will let nothing but kill -9 disturb the way down."""
    for number in _STOPS:
        signal.signal(number, signal.SIG_IGN)


def stay_with_parent() -> None:
    """This will stop this process when the one that started it has gone: `make`, killed with -9, tells nobody."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_WATCH_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def own_terminal() -> Iterator[None]:
    """This will take the foreground of the terminal, so that its Ctrl-C reaches us and not the `make` above us.

    make answers Ctrl-C with an error of its own, however well we ended. A child stays in the group that we left, and
    passes on what others send to that group. Without a terminal, or in its background, nothing changes.
    """
    group = os.getpgrp()
    if group == os.getpid() or not sys.stdin.isatty():
        yield
        return
    terminal = sys.stdin.fileno()
    # Only the foreground may give the terminal away; asking from behind must not stop us. Ctrl-Z would stop us
    # alone, with make and the shell waiting for ever.
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGTTOU, signal.SIGTSTP)}
    try:
        if os.tcgetpgrp(terminal) != group:
            yield
            return
        end_of_child = _pass_on_signals(os.getpid())
        os.setpgid(0, 0)
        os.tcsetpgrp(terminal, os.getpid())
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                os.tcsetpgrp(terminal, group)
            os.close(end_of_child)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _pass_on_signals(to: int) -> int:
    """Forks the child that stays behind; returns the end of a pipe whose closing, by us or our death, ends it."""
    ours, theirs = os.pipe()
    if os.fork():
        os.close(ours)
        return theirs
    os.close(theirs)
    for number in _STOPS:
        signal.signal(number, lambda *_: os.kill(to, signal.SIGTERM))
    while os.read(ours, 1):
        pass
    os._exit(0)
