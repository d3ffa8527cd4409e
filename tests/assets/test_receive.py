"""Alice sends a file; its bytes are held and digested for as long as somebody looks at them."""

import hashlib
import io
import os
from pathlib import Path

import pytest

from assets.operations import UnableToReceive, receive
from tests.assets.conftest import Traces
from tests.assets.makers import written


def test_a_stream_is_held_while_it_is_looked_at(traces: Traces) -> None:
    with receive(stream=io.BytesIO(b"a cat"), name="p.txt") as received:
        assert received.name == "p.txt"
        assert received.sha256 == hashlib.sha256(b"a cat").hexdigest()
        assert received.size_bytes == 5
        assert received.path.read_bytes() == b"a cat"
        assert received.path.stat().st_mode & 0o777 == 0o600

    assert traces.files() == []


def test_a_file_is_copied_and_stays_where_it_was(tmp_path: Path, traces: Traces) -> None:
    path = written(tmp_path, "p.txt", b"a cat")

    with receive(path=path, name="p.txt") as received:
        assert received.path.read_bytes() == b"a cat"

    assert path.read_bytes() == b"a cat"
    assert traces.files() == []


def test_two_files_of_one_name_do_not_meet() -> None:
    with receive(stream=io.BytesIO(b"1"), name="a") as one, receive(stream=io.BytesIO(b"2"), name="a") as two:
        assert one.path != two.path


def test_a_failure_while_it_is_looked_at_leaves_nothing(traces: Traces) -> None:
    with pytest.raises(ZeroDivisionError):
        with receive(stream=io.BytesIO(b"a cat"), name="p.txt"):
            raise ZeroDivisionError

    assert traces.files() == []


def test_a_file_at_the_limit_arrives_and_one_byte_more_does_not(traces: Traces) -> None:
    with receive(stream=io.BytesIO(b"12345"), name="a", limit_bytes=5) as received:
        assert received.size_bytes == 5

    with pytest.raises(UnableToReceive) as refusal:
        with receive(stream=io.BytesIO(b"123456"), name="big/a.txt", limit_bytes=5):
            pytest.fail("it must not arrive")

    assert refusal.value.finding.code == "file-too-large"
    assert str(refusal.value) == "big/a.txt: it is larger than the limit of 5 bytes."
    assert traces.files() == []


def test_the_limit_comes_from_the_settings(settings: pytest.FixtureRequest) -> None:
    settings.ASSET_FILE_LIMIT_BYTES = 3

    with pytest.raises(UnableToReceive, match="limit of 3 bytes"):
        with receive(stream=io.BytesIO(b"1234"), name="a"):
            pytest.fail("it must not arrive")


class Broken(io.RawIOBase):
    """Gives ten bytes and breaks."""

    def __init__(self) -> None:
        self.given = False

    def read(self, size: int = -1) -> bytes:
        if self.given:
            raise ConnectionResetError(104, "Connection reset by peer")
        self.given = True
        return bytes(10)


def test_a_broken_line_leaves_nothing(traces: Traces) -> None:
    with pytest.raises(UnableToReceive, match="Connection reset by peer"):
        with receive(stream=Broken(), name="a.png"):
            pytest.fail("it must not arrive")

    assert traces.files() == []


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "missing", "empty"])
def test_only_a_plain_file_with_bytes_arrives(kind: str, tmp_path: Path, traces: Traces) -> None:
    path = tmp_path / "it"
    match kind:
        case "link":
            path.symlink_to(written(tmp_path, "secret", b"secret"))
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "empty":
            path.touch()

    with pytest.raises(UnableToReceive) as refusal:
        with receive(path=path, name="it.txt"):
            pytest.fail("it must not arrive")

    assert refusal.value.finding.code == ("file-empty" if kind == "empty" else "file-unreadable")
    assert traces.files() == []
