"""A scanner beside the inspectors: what it finds is refused, and its silence is never a pass."""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from assets.inspectors.clamav import UnableToScan, scan
from tests.assets.makers import written

# The test string that every scanner knows, in two parts so that this file is not found by one.
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD" + b"-ANTIVIRUS-TEST-FILE!$H+H*"


class Daemon:
    """A small clamd of our own: it reads INSTREAM as the manual says it, and knows one virus."""

    def __init__(self, answer: bytes | None = None, limit_bytes: int = 1 << 20) -> None:
        self.answer, self.limit_bytes = answer, limit_bytes
        self.seen = b""
        self.chunks: list[int] = []

    def serve(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError), listener.accept()[0] as line:
            command = self._read(line, 10)
            assert command == b"zINSTREAM\0"
            while length := struct.unpack(">I", self._read(line, 4))[0]:
                self.chunks.append(length)
                self.seen += self._read(line, length)
                if len(self.seen) > self.limit_bytes:
                    line.sendall(b"INSTREAM size limit exceeded. ERROR\0")
                    return
            found = b"stream: Eicar-Test-Signature FOUND\0" if EICAR in self.seen else b"stream: OK\0"
            line.sendall(found if self.answer is None else self.answer)

    @staticmethod
    def _read(line: socket.socket, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = line.recv(count - len(data))
            if not part:
                raise OSError
            data += part
        return data


@contextlib.contextmanager
def listening(daemon: Daemon, path: Path | None = None) -> Iterator[str]:
    """Gives the address of the daemon, which answers one caller."""
    family = socket.AF_INET if path is None else socket.AF_UNIX
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.bind(("127.0.0.1", 0) if path is None else str(path))
        listener.listen()
        thread = threading.Thread(target=daemon.serve, args=(listener,), daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}" if path is None else f"unix:{path}"
        thread.join(10)


def test_a_clean_file_is_sent_whole_in_pieces_and_nothing_is_found(tmp_path: Path) -> None:
    daemon, data = Daemon(), bytes(range(256)) * 2500

    with listening(daemon) as address:
        assert scan(written(tmp_path, "clean", data), address) is None

    assert daemon.seen == data
    assert daemon.chunks == [262_144, 262_144, 115_712]


def test_the_test_virus_is_found_over_a_unix_socket(tmp_path: Path) -> None:
    with listening(Daemon(), tmp_path / "clamd") as address:
        finding = scan(written(tmp_path, "virus", b"a cat" + EICAR), address)

    assert finding is not None
    assert (finding.code, finding.where) == ("malware-found", "")
    assert finding.in_file("a.txt").message == (
        "a.txt: the virus scanner finds Eicar-Test-Signature in the file; clean it, or save its content anew."
    )


def test_a_file_larger_than_the_daemon_takes_has_not_passed(tmp_path: Path) -> None:
    with listening(Daemon(limit_bytes=1000)) as address:
        with pytest.raises(UnableToScan, match="size limit exceeded"):
            scan(written(tmp_path, "large", bytes(5000)), address)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "closed the line"),
        (b"stream: OK", "closed the line"),
        (b"UNKNOWN COMMAND\0", "UNKNOWN COMMAND"),
        (b"stream: OK\nstream: OK\0", "OK"),
        (b"Can't allocate memory ERROR\0", "ERROR"),
        (b"x" * 5000, "said too much"),
        (b"\xff\xfe\0", "."),
    ],
)
def test_an_answer_that_is_none_is_no_pass(answer: bytes, reason: str, tmp_path: Path) -> None:
    with listening(Daemon(answer)) as address:
        with pytest.raises(UnableToScan, match=reason) as error:
            scan(written(tmp_path, "f", b"a cat"), address)

    assert error.value.code == "scan-did-not-finish"


def test_a_daemon_that_says_nothing_is_not_waited_for(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with pytest.raises(UnableToScan):
            scan(written(tmp_path, "f", b"a cat"), f"127.0.0.1:{listener.getsockname()[1]}", seconds=1)


@pytest.mark.parametrize("address", ["unix:/nowhere/clamd", "127.0.0.1:1", "clamd", "127.0.0.1:x", ""])
def test_a_daemon_that_is_not_there_is_no_pass(address: str, tmp_path: Path) -> None:
    with pytest.raises(UnableToScan):
        scan(written(tmp_path, "f", b"a cat"), address)


def test_a_file_past_our_own_limit_is_not_sent(tmp_path: Path) -> None:
    with pytest.raises(UnableToScan, match="the limit is 10"):
        scan(written(tmp_path, "f", bytes(11)), "unix:/nowhere", limit_bytes=10)


def test_a_file_that_is_gone_is_no_pass(tmp_path: Path) -> None:
    with pytest.raises(UnableToScan):
        scan(tmp_path / "gone", "unix:/nowhere")
