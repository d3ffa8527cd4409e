"""Uploads on their way into a bucket: blocks of 16 MiB as objects, and one small object that says which count.

The parts of a multipart upload cannot be read before it is complete, so an upload that must be read back, cut at
what was acknowledged, and gone on with by any machine lies in objects of its own: below incoming/<upload>/, full
blocks, behind them the pieces of a block that is not full, and `state`, the only name ever written again.
What counts is what `state` lists. It is written on the condition that it is still as it was read (If-Match), so
of two writers one learns that it was overtaken; objects that it does not list are nothing. A blob is made from
them inside the object store, by UploadPartCopy.
"""

import contextlib
import json
import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from assets.storage.base import BlobMissing, Overtaken, UnableToStore
from assets.storage.s3_bucket import PART_BYTES, Bucket, Changed, Gone, StorageFailed
from assets.storage.s3_reading import open_pieces

BLOCK_BYTES = PART_BYTES
INCOMING, DIRECT = "incoming", "direct"

_PLACE = re.compile(rf"({INCOMING}|{DIRECT})/[0-9a-f]{{1,64}}")
_LOOK_AFTER_BYTES = 1024**2


@dataclass(frozen=True, slots=True)
class Piece:
    """The first `length` bytes of an object, which are the upload's from `start` on."""

    name: str
    start: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What an upload consists of. `writer` is who may go on; `multipart` the id when a client sends the parts."""

    size_bytes: int
    writer: str
    pieces: tuple[Piece, ...] = ()
    multipart: str = ""
    part_bytes: int = 0

    @property
    def end(self) -> int:
        return self.pieces[-1].start + self.pieces[-1].length if self.pieces else 0


class Place:
    """One upload's objects: its state, read and written on condition, and what lies beside."""

    def __init__(self, bucket: Bucket, place: str) -> None:
        self.bucket, self.place = bucket, place

    def key(self, name: str) -> str:
        return f"{self.place}/{name}"

    def read(self) -> tuple[State, str] | None:
        """Return the state and its ETag, or None when there is no such place."""
        if not _PLACE.fullmatch(self.place):
            return None
        try:
            data, etag = self.bucket.get_whole(self.key("state"))
        except Gone:
            return None
        named = json.loads(data)
        return State(**named | {"pieces": tuple(Piece(*piece) for piece in named["pieces"])}), etag

    def must_read(self) -> tuple[State, str]:
        if (found := self.read()) is None:
            raise UnableToStore(self.place, "there is no such upload; begin it again")
        return found

    def write(self, state: State, etag: str | None) -> str:
        """Write the state if it still has that ETag, or if there is none, and return the new one; raise Changed.

        A request that was repeated because its answer was lost finds its own state, and that is no change.
        """
        named = {name: getattr(state, name) for name in State.__slots__}
        named["pieces"] = [[piece.name, piece.start, piece.length] for piece in state.pieces]
        data = json.dumps(named, sort_keys=True, separators=(",", ":")).encode()
        condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        try:
            return self.bucket.put(self.key("state"), data, **condition)
        except (Changed, Gone) as error:
            found = self.read()
            if found is not None and found[0] == state:
                return found[1]
            raise Changed(str(error)) from error

    def change(self, how: Callable[[State], State]) -> tuple[State, State, str]:
        """Change the state, against others who do; return what it was, what it is and its ETag."""
        for _attempt in range(20):
            before, etag = self.must_read()
            after = how(before)
            try:
                return before, after, self.write(after, etag)
            except Changed:
                continue
        raise UnableToStore(self.place, "too many requests go on with the upload at once")

    def keys_of(self, state: State) -> list[tuple[str, int]]:
        return [(self.key(piece.name), piece.length) for piece in state.pieces]


class S3Sink:
    """See Sink. In memory are the bytes of the block that is not full yet, at most 16 MiB."""

    def __init__(self, place: Place, state: State, etag: str) -> None:
        self._place, self._state, self._etag = place, state, etag
        self._pieces = list(state.pieces)
        self._from, self._buffer, self._sent = state.end, bytearray(), 0
        self._unlooked = 0

    def write(self, data: bytes | memoryview) -> None:
        """See Sink.write. It looks once a MiB whether it was overtaken; `commit` always finds out."""
        rest = memoryview(data).cast("B")
        with refusals(self._place.place):
            self._unlooked += len(rest)
            if self._unlooked >= _LOOK_AFTER_BYTES:
                self._look()
            while rest:
                taken = min(len(rest), self._room())
                self._buffer += rest[:taken]
                rest = rest[taken:]
                if not self._room():
                    self._send_block()

    def commit(self) -> int:
        """See Sink.commit. Bytes behind the last full block become a piece of their own."""
        with refusals(self._place.place):
            if self._sent < len(self._buffer):
                piece = self._put(self._from + self._sent, bytes(memoryview(self._buffer)[self._sent :]))
                self._pieces.append(piece)
                self._sent = len(self._buffer)
            if (pieces := tuple(self._pieces)) == self._state.pieces:
                self._look()
                return self._state.end
            state = replace(self._state, pieces=pieces)
            self._etag = self._place.write(state, self._etag)
            dropped, self._state = _dropped(self._state, state), state
            with contextlib.suppress(StorageFailed):  # Committed all the same; `discard` will find them.
                self._place.bucket.delete([self._place.key(name) for name in dropped])
        return self._state.end

    def close(self) -> None:
        """See Sink.close."""
        self._buffer = bytearray()

    def _block(self) -> int:
        return self._from // BLOCK_BYTES * BLOCK_BYTES

    def _room(self) -> int:
        return self._block() + BLOCK_BYTES - self._from - len(self._buffer)

    def _look(self) -> None:
        found = self._place.bucket.head(self._place.key("state"))
        if found is None or found[1] != self._etag:
            raise Changed("state")
        self._unlooked = 0

    def _send_block(self) -> None:
        """Put a full block, with those of its bytes before it that an earlier sink left as pieces."""
        start = self._block()
        earlier = [piece for piece in self._pieces if start <= piece.start < self._from]
        before = [self._place.bucket.get(self._place.key(one.name), 0, one.length) for one in earlier]
        self._buffer[0:0] = b"".join(before)
        block = self._put(start, self._buffer)
        self._pieces = [piece for piece in self._pieces if piece.start < start] + [block]
        self._from, self._buffer, self._sent = start + BLOCK_BYTES, bytearray(), 0

    def _put(self, start: int, data: bytes | bytearray) -> Piece:
        name = f"{self._state.writer}/{start:016d}-{len(data)}"
        self._place.bucket.put(self._place.key(name), data)
        return Piece(name, start, len(data))


class S3Incoming:
    """See Incoming. No machine remembers anything: whoever has the place can go on."""

    def __init__(self, bucket: Bucket, keep: Callable[[Sequence[tuple[str, int]], str], None]) -> None:
        self.bucket, self._keep = bucket, keep

    def begin(self, upload: str, size_bytes: int) -> str:
        """See Incoming.begin."""
        place = f"{INCOMING}/{upload}"
        return begin_place(self.bucket, place, State(size_bytes=size_bytes, writer=_writer()))

    def sink(self, place: str, offset: int) -> S3Sink:
        """See Incoming.sink. An upload whose parts the client sends itself takes no bytes here."""
        here = Place(self.bucket, place)

        def go_on(state: State) -> State:
            if state.multipart:
                raise UnableToStore(place, "its parts go to the object store; send them there")
            if offset > state.end:
                raise UnableToStore(place, f"{state.end} bytes are there, not {offset}; send the rest again")
            return replace(state, writer=_writer(), pieces=_cut(state.pieces, offset))

        with refusals(place):
            before, after, etag = here.change(go_on)
            # Nobody else can list what the last writer left: it is overtaken, and its names are its own.
            left = [one.key for one in self.bucket.list(here.key(before.writer) + "/")]
            listed = {key for key, _length in here.keys_of(after)}
            dropped = [here.key(name) for name in _dropped(before, after)]
            self.bucket.delete(sorted({*left, *dropped} - listed))
        return S3Sink(here, after, etag)

    def overtake(self, place: str) -> None:
        """See Incoming.overtake."""
        here = Place(self.bucket, place)
        with refusals(place):
            if here.read() is not None:
                here.change(lambda state: replace(state, writer=_writer()))

    def open(self, place: str) -> BinaryIO:
        """See Incoming.open. Raise UnableToStore when the object store does not answer; reading StorageFailed."""
        here = Place(self.bucket, place)
        with refusals(place):
            found = here.read()
        if found is None:
            raise BlobMissing(place)
        return open_pieces(self.bucket, here.keys_of(found[0]))

    def path(self, place: str) -> Path | None:
        """See Incoming.path: never a plain file."""
        return None

    def keep(self, place: str, sha256: str) -> None:
        """See Incoming.keep. The object store copies; at most the last 16 MiB pass through this machine."""
        if not re.fullmatch(r"[0-9a-f]{64}", sha256):
            raise UnableToStore(sha256, "the name is no SHA-256 in lower-case hex")
        here = Place(self.bucket, place)
        with refusals(sha256):
            state, _etag = here.must_read()
            if not state.pieces:
                raise UnableToStore(sha256, "nothing of it has arrived")
            self._keep(here.keys_of(state), sha256)

    def discard(self, place: str) -> None:
        """See Incoming.discard."""
        with refusals(place):
            discard_place(self.bucket, place)

    def iter(self) -> Iterator[tuple[str, datetime]]:
        """See Incoming.iter, in the order of their names; remnants without a state are places too."""
        for prefix in (DIRECT, INCOMING):
            latest: dict[str, datetime] = {}
            for key, id, begun_at in self.bucket.list_unfinished(f"{prefix}/"):
                try:
                    _note(latest, key, self.bucket.last_sent_at(key, id, begun_at))
                except Gone:
                    continue
            for one in self.bucket.list(f"{prefix}/"):
                _note(latest, one.key, one.modified_at)
            yield from sorted(latest.items())


def begin_place(bucket: Bucket, place: str, state: State) -> str:
    """Write a place's first state and return the place; raise UnableToStore, also when there is one already."""
    if not _PLACE.fullmatch(place):
        raise UnableToStore(place, "the upload's id is not in lower-case hex")
    with refusals(place):
        try:
            Place(bucket, place).write(state, None)
        except Changed as error:
            raise UnableToStore(place, "there is an upload of that id already") from error
    return place


def discard_place(bucket: Bucket, place: str) -> None:
    """Remove a place: the state first, so that no sink can commit any more."""
    if not _PLACE.fullmatch(place):
        return
    bucket.delete([f"{place}/state"])
    for key, id, _begun_at in bucket.list_unfinished(f"{place}/"):
        bucket.abort_parts(key, id)
    bucket.delete([one.key for one in bucket.list(f"{place}/")])


@contextlib.contextmanager
def refusals(name: str) -> Iterator[None]:
    """Say what went wrong with that place or blob in the words of the port."""
    try:
        yield
    except Changed as error:
        raise Overtaken(name) from error
    except Gone as error:
        raise UnableToStore(name, "bytes that were there are gone; begin it again") from error
    except StorageFailed as error:
        raise UnableToStore(name, error.reason) from error


def _cut(pieces: Sequence[Piece], offset: int) -> tuple[Piece, ...]:
    """Return what lies before the offset."""
    return tuple(
        replace(piece, length=min(piece.length, offset - piece.start)) for piece in pieces if piece.start < offset
    )


def _dropped(before: State, after: State) -> set[str]:
    return {piece.name for piece in before.pieces} - {piece.name for piece in after.pieces}


def _note(latest: dict[str, datetime], key: str, at: datetime) -> None:
    place = "/".join(key.split("/")[:2])
    latest[place] = max(at, latest.get(place, at))


def _writer() -> str:
    return uuid.uuid4().hex
