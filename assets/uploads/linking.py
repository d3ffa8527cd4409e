"""Hash first: bytes that are stored and published already are linked, once the sender has shown to have them."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core import signing
from django.db import transaction

from assets import queries
from assets.models import Blob, Upload
from assets.uploads import beginning
from assets.uploads.finishing import finished
from assets.uploads.refusing import UnableToUpload, refused
from marketplace.people.models import Person
from marketplace.ui.words import gettext_noop

# Whoever answers has had minutes to fetch these ranges from somebody else: several, at places nobody can foresee.
RANGES = 4
RANGE_BYTES = 32 * 1024
ANSWERED_WITHIN = timedelta(minutes=5)
_NONCE_BYTES = 32
_SALT = "assets.uploads.linking"
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What to show: SHA-256 of the nonce and, in this order, the bytes of the ranges (start, length), in hex.

    `token` goes back with the answer: it holds all of this, signed, and is its one owner's.
    """

    token: str
    nonce: bytes
    ranges: tuple[tuple[int, int], ...]
    until: datetime


def offer_known(
    *,
    owner: Person,
    sha256: str,
    size_bytes: int,
    name: str,
    is_published: Callable[[str], bool],
    now: datetime,
    chance: Callable[[int], bytes] = secrets.token_bytes,
) -> Challenge:
    """Return what to answer, so that bytes of that digest need not be sent. Writes nothing.

    A file below 128 KiB is asked for whole, a longer one for four ranges of 32 KiB. Raise UnableToUpload:
    `name-unusable`; `bytes-unknown` when they are not here, have another size or are not published.
    """
    name = beginning.usable_name(name)
    _known(sha256, size_bytes, is_published)
    nonce = chance(_NONCE_BYTES)
    ranges = _ranges(size_bytes, chance)
    until = now + ANSWERED_WITHIN
    said = {
        "owner": str(owner.pk),
        "sha256": sha256,
        "size_bytes": size_bytes,
        "name": name,
        "nonce": nonce.hex(),
        "ranges": ranges,
        "until": int(until.timestamp()),
    }
    return Challenge(token=signing.dumps(said, salt=_SALT), nonce=nonce, ranges=tuple(ranges), until=until)


def link_known(*, owner: Person, token: str, proof: str, is_published: Callable[[str], bool], now: datetime) -> Upload:
    """Return a finished upload of bytes that are stored already, for the right answer to a challenge of the owner's.

    Raise UnableToUpload, and write nothing: `challenge-over` for a token that is another's, damaged or too old,
    `proof-wrong`, `bytes-unknown`, `too-many-uploads`; BlobMissing or BlobDamaged when storage lost the bytes.
    """
    said = _opened(token, owner, now)
    sha256, size_bytes = said["sha256"], said["size_bytes"]
    _known(sha256, size_bytes, is_published)
    if not hmac.compare_digest(
        proof.encode(errors="replace"), _proof(bytes.fromhex(said["nonce"]), sha256, said["ranges"]).encode()
    ):
        template = gettext_noop("%(file)s: the answer is not that of these bytes; send the file itself.")
        raise refused("proof-wrong", template, file=said["name"])
    return _link(owner, sha256, size_bytes, said["name"], now)


def link_own(*, owner: Person, sha256: str, name: str, now: datetime) -> Upload:
    """Return a finished upload of stored bytes that the caller knows to be the owner's own already.

    Raise UnableToUpload: `name-unusable`, `bytes-unknown`, `too-many-uploads`.
    """
    blob = Blob.objects.filter(sha256=sha256).first()
    _known(sha256, blob.size_bytes if blob else 0, lambda _sha256: True)
    return _link(owner, sha256, blob.size_bytes if blob else 0, beginning.usable_name(name), now)


def _link(owner: Person, sha256: str, size_bytes: int, name: str, now: datetime) -> Upload:
    with transaction.atomic():
        beginning.check_limits(owner, 0)
        upload = Upload.objects.create(
            owner=owner,
            name=name,
            size_bytes=size_bytes,
            offset_bytes=size_bytes,
            sha256=sha256,
            blob_id=sha256,
            created_at=now,
            touched_at=now,
            expires_at=beginning.expiry(now),
        )
        finished(upload, now)
    return upload


def _known(sha256: str, size_bytes: int, is_published: Callable[[str], bool]) -> None:
    is_known = (
        _DIGEST.fullmatch(sha256)
        and Blob.objects.filter(sha256=sha256, size_bytes=size_bytes).exists()
        and is_published(sha256)
    )
    if not is_known:
        raise refused("bytes-unknown", gettext_noop("These bytes are not published here: send the file itself."))


def _ranges(size_bytes: int, chance: Callable[[int], bytes]) -> list[tuple[int, int]]:
    if size_bytes <= RANGES * RANGE_BYTES:
        return [(0, size_bytes)]
    starts = size_bytes - RANGE_BYTES + 1
    # Sixteen bytes reduced by at most 2^42 leave no start likelier than another by more than 2^-86.
    return [(int.from_bytes(chance(16), "big") % starts, RANGE_BYTES) for _number in range(RANGES)]


def _proof(nonce: bytes, sha256: str, ranges: list[list[int]]) -> str:
    digest = hashlib.sha256(nonce)
    with queries.open_blob(sha256) as file:
        for start, length in ranges:
            file.seek(start)
            digest.update(file.read(length))
    return digest.hexdigest()


def _opened(token: str, owner: Person, now: datetime) -> dict:  # type: ignore[type-arg]
    """Return what the token says when we signed it for this owner and it still holds."""
    try:
        said: dict = signing.loads(token, salt=_SALT)  # type: ignore[type-arg]
    except signing.BadSignature:
        raise _over() from None
    if said["owner"] != str(owner.pk) or said["until"] < now.timestamp():
        raise _over()
    return said


def _over() -> UnableToUpload:
    return refused("challenge-over", gettext_noop("This challenge is not yours or is over: ask for a new one."))
