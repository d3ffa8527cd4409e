"""Ask a witness for its cosignature: the client's side of c2sp.org/tlog-witness, over HTTP."""

import base64
import http.client
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from ledger.log.checkpoint import UnableToReadNote, UnableToVerifyNote, decode_decimal, split_note
from ledger.log.cosignature import CosignatureLine, CosignerKey, find_cosignature

TIMEOUT_SECONDS = 5
ANSWER_SECONDS = 8
ANSWER_LIMIT_BYTES = 64 * 1024
PROOF_LIMIT = 63
SIZE_TYPE = "text/x.tlog.size"


class UnableToReachWitness(Exception):
    """A witness that did not answer, or with what is no answer."""

    code = "witness-unreachable"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"The witness cannot be reached: {self.reason}."


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over HTTP."""

    status: int
    content_type: str
    body: bytes


Post = Callable[[str, bytes], Answer]
"""Given an address and a body, send it there and return the answer, or raise UnableToReachWitness."""


@dataclass(frozen=True, slots=True)
class Cosigned:
    """The witness cosigned."""

    cosignature: CosignatureLine


@dataclass(frozen=True, slots=True)
class Remembers:
    """The witness last cosigned a tree of another size than we thought (409)."""

    size: int


@dataclass(frozen=True, slots=True)
class Contradicts:
    """The witness cosigned a tree that the one offered does not continue (409 or 422)."""

    reason: str


@dataclass(frozen=True, slots=True)
class Silent:
    """No cosignature, for a reason that says nothing about the tree."""

    reason: str


Said = Cosigned | Remembers | Contradicts | Silent
"""What a witness said to a checkpoint."""


def post(url: str, body: bytes) -> Answer:
    """Send the body by HTTP POST. Redirects are not followed; an answer has a limit in bytes and in time."""
    deadline, parts = time.monotonic() + ANSWER_SECONDS, urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)
    headers = {
        "Accept-Encoding": "identity",
        "Connection": "close",
        "Content-Type": "text/plain; charset=utf-8",
        "User-Agent": "worldloom-log",
    }
    try:
        connection.request("POST", parts.path, body, headers)
        response = connection.getresponse()
        content = bytearray()
        while chunk := response.read1(16_384):
            content += chunk
            if len(content) > ANSWER_LIMIT_BYTES:
                raise UnableToReachWitness(f"its answer has more than {ANSWER_LIMIT_BYTES} bytes")
            if time.monotonic() > deadline:
                raise UnableToReachWitness(f"its answer takes more than {ANSWER_SECONDS} seconds")
        if response.length:
            raise UnableToReachWitness("its answer was cut short")
        return Answer(response.status, response.headers.get("Content-Type", ""), bytes(content))
    except TimeoutError:
        raise UnableToReachWitness(f"it does not answer within {TIMEOUT_SECONDS} seconds") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise UnableToReachWitness(str(error) or type(error).__name__) from None
    finally:
        connection.close()


def request_body(old_size: int, proof: Sequence[bytes], note: str) -> bytes:
    """Return the body of an add-checkpoint request."""
    if len(proof) > PROOF_LIMIT:
        raise ValueError(f"a consistency proof has {PROOF_LIMIT} hashes at most, not {len(proof)}")
    lines = [f"old {old_size}\n", *(f"{base64.b64encode(one).decode()}\n" for one in proof), "\n", note]
    return "".join(lines).encode()


def add_checkpoint(
    url: str, key: CosignerKey, *, old_size: int, size: int, proof: Sequence[bytes], note: str, post: Post = post
) -> Said:
    """Offer the checkpoint of `size` leaves to the witness of that key, whose submission prefix is `url`.

    Never raises for what a witness does; that a cosignature's time is credible is left to the caller.
    """
    try:
        answer = post(f"{url.rstrip('/')}/add-checkpoint", request_body(old_size, proof, note))
    except UnableToReachWitness as error:
        return Silent(error.reason)
    if answer.status == 200:
        return _read_cosignature(answer, key, note)
    if answer.status == 409:
        return _read_conflict(answer, old_size, size)
    if answer.status == 422:
        return Contradicts(f"it refuses the proof from its {old_size} leaves to these {size} (422)")
    meanings = {
        400: "it cannot read the request (400)",
        403: "it does not know the log's key (403): send its operator the log's vkey",
        404: "it does not know the log (404): ask its operator to add it, or correct its address",
        429: "it is asked too often (429)",
    }
    return Silent(meanings.get(answer.status, f"it answers {answer.status}"))


def _read_cosignature(answer: Answer, key: CosignerKey, note: str) -> Said:
    text, _signatures = split_note(note)
    try:
        # As the standard proposes: the answer's lines, set under the text, are a note like any other.
        cosigned = f"{text}\n{answer.body.decode()}"
        if split_note(cosigned)[0] != text:
            raise UnableToReadNote("answer", "it has empty lines")
        found = find_cosignature(cosigned, key)
    except UnicodeDecodeError:
        return Silent("its cosignature is not text")
    except (UnableToReadNote, UnableToVerifyNote) as error:
        return Silent(f"it answers with no cosignature of this checkpoint: {error.reason}")
    return Cosigned(found) if found else Silent("it answers with cosignatures by other keys than the policy's")


def _read_conflict(answer: Answer, old_size: int, size: int) -> Said:
    if answer.content_type.partition(";")[0].strip().lower() == SIZE_TYPE:
        try:
            remembered = decode_decimal(answer.body.decode("ascii").removesuffix("\n"), "size")
        except (UnableToReadNote, UnicodeDecodeError):
            return Silent("it answers 409 with no size")
        if remembered != old_size:
            return Remembers(remembered)
    if old_size == size:
        return Contradicts(f"it cosigned another tree of {size} leaves (409)")
    return Silent("it answers 409 and contradicts itself")
