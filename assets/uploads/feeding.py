"""Emptying a line in a thread of its own, so that it never waits for the digest or the disk."""

import queue
import threading
import time
from types import TracebackType
from typing import Protocol

# A read waits until it has all that it asked for, or the end: what is asked for follows how fast the line is, so that
# few bytes are in the air when it falls silent.
LEAST_BYTES = 4 * 1024
MOST_BYTES = 256 * 1024
_PIECES = 8
_SLOW_SECONDS = 0.05
_PATIENCE_SECONDS = 0.5


class Readable(Protocol):
    """What bytes are read from: at most `size` at a time, none at the end."""

    def read(self, size: int, /) -> bytes: ...


class Feed:
    """The bytes of a stream, in pieces of at most MOST_BYTES. Holds at most ten of them.

    The thread ends with the stream, or after the read during which the one who takes gave up. That read is waited for:
    a server whose request is answered while its body is being read may never answer anything again (granian 2.8).
    """

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._pieces: queue.Queue[bytes | BaseException] = queue.Queue(_PIECES)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read, name="upload-feed", daemon=True)

    def __enter__(self) -> "Feed":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def take(self, seconds: float) -> bytes | None:
        """Return the next piece, empty at the end, or None when none came in that time.

        A line that broke ends like one that was closed: OSError is the end. Any other error of the stream is raised.
        """
        try:
            piece = self._pieces.get(timeout=seconds)
        except queue.Empty:
            return None
        if isinstance(piece, OSError):
            return b""
        if isinstance(piece, BaseException):
            raise piece
        return piece

    def _read(self) -> None:
        size = LEAST_BYTES
        piece: bytes | BaseException = b"-"
        while piece and not isinstance(piece, BaseException) and not self._over.is_set():
            began = time.monotonic()
            try:
                piece = self._stream.read(size)
            except BaseException as error:
                piece = error
            slow = time.monotonic() - began > _SLOW_SECONDS
            size = max(size // 2, LEAST_BYTES) if slow else min(size * 2, MOST_BYTES)
            self._hand(piece)

    def _hand(self, piece: bytes | BaseException) -> None:
        while not self._over.is_set():
            try:
                self._pieces.put(piece, timeout=_PATIENCE_SECONDS)
            except queue.Full:
                continue
            return
