"""Zip files that are written while they are sent: the same members give the same bytes, in flat memory."""

import io
import stat
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import assets.queries


@dataclass(frozen=True, slots=True)
class Stored:
    """A member whose bytes are kept by their SHA-256; `size_bytes` may be 0 where nobody knows it."""

    sha256: str
    size_bytes: int = 0


class _Sink(io.RawIOBase):
    """Takes what the zip writer writes and hands it on."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        taken = bytes(data)  # type: ignore[call-overload]
        self.chunks.append(taken)
        return len(taken)

    def take(self) -> bytes:
        taken, self.chunks = b"".join(self.chunks), []
        return taken


def streamed(members: Iterable[tuple[str, bytes | Stored]], moment: datetime) -> Iterator[bytes]:
    """This will give the bytes of a zip file with these members, uncompressed, all dated `moment`.

    Raises BlobMissing or BlobDamaged in the middle for bytes that are not what their name says.
    """
    sink = _Sink()
    moment = moment.astimezone(UTC)
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, content in members:
            if isinstance(content, bytes):
                archive.writestr(_member(name, moment, len(content)), content)
                yield sink.take()
                continue
            with archive.open(_member(name, moment, content.size_bytes), "w") as target:
                # The last chunk comes only when the digest of all is right, so damaged bytes never make a whole file.
                for chunk in assets.queries.read_chunks(content.sha256):
                    target.write(chunk)
                    yield sink.take()
    yield sink.take()


def _member(name: str, moment: datetime, size_bytes: int) -> zipfile.ZipInfo:
    """Describes a member so that it gives the same bytes every time."""
    member = zipfile.ZipInfo(name, moment.timetuple()[:6])
    member.file_size = size_bytes
    member.create_system = 3
    member.external_attr = (stat.S_IFREG | 0o644) << 16
    return member
