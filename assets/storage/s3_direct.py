"""Uploads whose parts the client puts into the bucket itself, each under an address signed for those bytes alone."""

import base64
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice, product

from assets.storage.base import (
    DirectPlace,
    PartRefused,
    PartsChanged,
    PartsMissing,
    SentPart,
    SignedRequest,
    UnableToStore,
)
from assets.storage.s3_bucket import PART_BYTES, PARTS_LIMIT, Bucket, Gone, Part, Refused
from assets.storage.s3_incoming import DIRECT, Piece, Place, State, begin_place, discard_place, refusals

_MIB = 1024**2
# Several sendings of one part are rare, and of several parts rarer.
_ATTEMPTS = 16


class S3Direct:
    """See DirectUpload. The upload is one S3 multipart upload of direct/<upload>/whole.

    Not every server lists the SHA-256 of the parts it has, and all want them to complete the upload: so each
    signature leaves an empty object whose name says what was signed, the newest of a number counting.
    """

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self._known: dict[str, State] = {}

    def begin(self, upload: str, size_bytes: int) -> DirectPlace:
        """See DirectUpload.begin. Parts have 16 MiB, or more where that would need over 10 000 of them."""
        place = f"{DIRECT}/{upload}"
        part_bytes = max(PART_BYTES, -(-size_bytes // (PARTS_LIMIT * _MIB)) * _MIB)
        key = f"{place}/whole"
        with refusals(place):
            id = self.bucket.begin_parts(key)
        state = State(size_bytes=size_bytes, writer="", multipart=id, part_bytes=part_bytes)
        try:
            begin_place(self.bucket, place, state)
        except UnableToStore:
            self.bucket.abort_parts(key, id)
            raise
        return DirectPlace(place=place, part_bytes=part_bytes)

    def sign_part(
        self, place: str, number: int, *, size_bytes: int, sha256: str, expires_seconds: int
    ) -> SignedRequest:
        """See DirectUpload.sign_part. Length and SHA-256 are signed with it."""
        state = self._state(place)
        if not (expected := _part_bytes(state, number)):
            raise PartRefused(place, number, f"the file ends with part {_count(state)}")
        if size_bytes != expected:
            raise PartRefused(place, number, f"it has {expected} bytes, not {size_bytes}")
        if not re.fullmatch(r"[0-9a-f]{64}", sha256):
            raise PartRefused(place, number, "its SHA-256 is not 64 digits of lower-case hex")
        sums = base64.b64encode(bytes.fromhex(sha256)).decode()
        with refusals(place):
            self.bucket.put(f"{place}/signed/{number:05d}-{time.time_ns():020d}-{sha256}", b"")
            url = self.bucket.sign_part(f"{place}/whole", state.multipart, number, size_bytes, sums, expires_seconds)
        return SignedRequest(url=url, method="PUT", headers={"x-amz-checksum-sha256": sums})

    def part_bytes(self, place: str) -> int:
        """See DirectUpload.part_bytes."""
        return self._state(place).part_bytes

    def parts(self, place: str) -> list[SentPart]:
        """See DirectUpload.parts: what the bucket lists, whoever sent it, on any machine."""
        state = self._state(place)
        with refusals(place):
            try:
                sent = self._sent(place, state)
            except Gone:
                return []
        newest = {one.number: one for one in reversed(sent)}
        return [
            SentPart(number=number, size_bytes=newest[number].size_bytes, sha256=newest[number].sha256)
            for number in sorted(newest)
        ]

    def complete(self, place: str) -> None:
        """See DirectUpload.complete."""
        here = Place(self.bucket, place)
        with refusals(place):
            state = here.must_read()[0]
            if not state.multipart:
                raise UnableToStore(place, "its bytes are not sent in parts")
            if not state.pieces:
                self._complete(place, state)
                here.change(lambda state: replace(state, pieces=(Piece("whole", 0, state.size_bytes),)))

    def abort(self, place: str) -> None:
        """See DirectUpload.abort."""
        self._known.pop(place, None)
        discard_place(self.bucket, place)

    def _complete(self, place: str, state: State) -> None:
        key = f"{place}/whole"
        try:
            fitting: dict[int, list[Part]] = {number: [] for number in range(1, _count(state) + 1)}
            for one in self._sent(place, state):
                if one.number in fitting and one.size_bytes == _part_bytes(state, one.number):
                    fitting[one.number].append(one)
            if missing := [number for number, ones in fitting.items() if not ones]:
                raise PartsMissing(place, missing)
            self._join(key, state.multipart, list(fitting.values()))
        except Refused as error:
            raise PartsChanged(place) from error
        except Gone as error:
            # It was completed by one who then fell silent; or aborted.
            found = self.bucket.head(key)
            if found is None or found[0] != state.size_bytes:
                raise UnableToStore(place, "its multipart upload is gone; begin it again") from error

    def _join(self, key: str, id: str, sendings: Sequence[Sequence[Part]]) -> None:
        """Complete with one sending of each part; the server knows which of several has the SHA-256 that was signed."""
        attempts = islice(product(*sendings), _ATTEMPTS)
        refused: Refused | None = None
        for parts in attempts:
            try:
                return self.bucket.complete_parts(key, id, parts)
            except Refused as error:
                refused = error
        raise refused or Refused("there are no parts")

    def _sent(self, place: str, state: State) -> list[Part]:
        signed = {}
        for one in self.bucket.list(f"{place}/signed/"):
            number, _at, sha256 = one.key.rpartition("/")[2].split("-")
            signed[int(number)] = sha256
        return [
            Part(number=one.number, size_bytes=one.size_bytes, etag=one.etag, sha256=one.sha256 or signed[one.number])
            for one in self.bucket.list_parts(f"{place}/whole", state.multipart)
            if one.sha256 or one.number in signed
        ]

    def _state(self, place: str) -> State:
        """Return the state of a place, whose multipart upload and part size never change."""
        if place not in self._known:
            with refusals(place):
                self._known[place] = Place(self.bucket, place).must_read()[0]
        state = self._known[place]
        if not state.multipart:
            raise UnableToStore(place, "its bytes are not sent in parts")
        return state


def _part_bytes(state: State, number: int) -> int:
    """Return how many bytes a part has, 0 when the upload has no part of that number."""
    start = (number - 1) * state.part_bytes
    return max(0, min(state.part_bytes, state.size_bytes - start)) if number > 0 else 0


def _count(state: State) -> int:
    return -(-state.size_bytes // state.part_bytes)
