"""Optional second opinion on a file: ClamAV's daemon, spoken to by its INSTREAM command (clamd(8)).

`zINSTREAM\\0`, then pieces of the file, each behind its length as u32 big-endian, then a length of zero; the answer
is one line that ends in OK, FOUND or ERROR. Whatever else happens is no answer, and a file without one has not passed.
"""

import re
import socket
import struct
import time
from pathlib import Path

from assets.inspectors.base import Finding, shown_name
from marketplace.ui.words import gettext_noop as _

_CHUNK_BYTES = 256 * 1024
_ANSWER_BYTES = 4096
_ANSWER = re.compile(r"stream: (?:(OK)|(.{1,500}) FOUND)", re.DOTALL)


class UnableToScan(Exception):
    """The scanner gave no answer about a file, which therefore has not passed."""

    code = "scan-did-not-finish"

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(address, reason)
        self.address, self.reason = address, reason

    def __str__(self) -> str:
        return f"The virus scanner at {self.address} gave no answer: {self.reason}."


def scan(path: Path, address: str, *, seconds: int = 120, limit_bytes: int = 4 * 1024**3) -> Finding | None:
    """Return what the scanner at `address` finds in the file, None when it finds nothing.

    `address` is "unix:/path" or "host:port". The whole scan takes at most `seconds`; a file of more than
    `limit_bytes` is not sent. Raise UnableToScan when there is no answer, or one that the protocol does not know,
    such as that of a daemon whose StreamMaxLength is smaller than the file.
    """
    deadline = time.monotonic() + seconds
    try:
        size_bytes = path.stat().st_size
        if size_bytes > limit_bytes:
            raise UnableToScan(address, f"the file has {size_bytes} bytes, the limit is {limit_bytes}")
        with _connected(address, deadline) as line, path.open("rb") as file:
            _within(line, deadline).sendall(b"zINSTREAM\0")
            try:
                while chunk := file.read(_CHUNK_BYTES):
                    _within(line, deadline).sendall(struct.pack(">I", len(chunk)) + chunk)
                _within(line, deadline).sendall(bytes(4))
            except (BrokenPipeError, ConnectionResetError):
                pass  # The daemon stops listening when it has had enough, and says so.
            answer = _answer(line, deadline)
    except (OSError, ValueError) as error:
        raise UnableToScan(address, str(error) or type(error).__name__) from error
    match = _ANSWER.fullmatch(answer)
    if match is None:
        raise UnableToScan(address, shown_name(answer or "it closed the line"))
    if match[1]:
        return None
    template = _("the virus scanner finds %(signature)s in the file; clean it, or save its content anew.")
    return Finding("malware-found", template, "", {"signature": shown_name(match[2])})


def _connected(address: str, deadline: float) -> socket.socket:
    """Return the open line to the scanner."""
    if address.startswith("unix:"):
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            _within(line, deadline).connect(address.removeprefix("unix:"))
        except BaseException:
            line.close()
            raise
        return line
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal():
        raise ValueError("the address must be unix:/path or host:port")
    return socket.create_connection((host.strip("[]"), int(port)), timeout=max(0.001, deadline - time.monotonic()))


def _within(line: socket.socket, deadline: float) -> socket.socket:
    """Return the line, its next step being allowed the time that is left."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("it took too long")
    line.settimeout(left)
    return line


def _answer(line: socket.socket, deadline: float) -> str:
    """Return what the daemon says, up to its NUL or the end of the line; raise ValueError when it says too much."""
    answer = b""
    while b"\0" not in answer:
        part = _within(line, deadline).recv(_ANSWER_BYTES)
        if not part:
            return ""
        answer += part
        if len(answer) > _ANSWER_BYTES:
            raise ValueError("it said too much")
    return answer.partition(b"\0")[0].decode("utf-8", "replace").strip()
