"""Pictures that look like one whose file is elsewhere: by its hashes alone, so a lead and never a match."""

from collections.abc import Sequence
from uuid import UUID

from assets import queries
from assets.models import Fingerprint
from assets.originality import index, pictures
from assets.originality.base import PICTURE_PDQ
from assets.originality.sketch import key_id_of

MOST_LOOKS = 8


def looking_like(looks: Sequence[bytes]) -> list[tuple[UUID, int]]:
    """Return the assets with a picture at most 31 bits of PDQ from one of the looks, and the bits; the nearest first.

    `looks` are the 32 bytes of PDQ of one picture in up to eight turns. Raise ValueError when they are not.
    """
    if not 0 < len(looks) <= MOST_LOOKS or any(len(look) != pictures.HASH_BYTES[PICTURE_PDQ] for look in looks):
        raise ValueError("not the PDQ hashes of a picture in up to eight turns")
    # As its only crops they are what it would be found by; a search reads the looks alone.
    print_ = bytes([len(looks)]) + b"".join([*looks, *looks])
    found: dict[UUID, int] = {}
    ids = index.candidates(PICTURE_PDQ, print_, key_id_of(queries.fingerprint_key()))
    for row in Fingerprint.objects.filter(id__in=ids):
        bits = pictures.pdq_bits(print_, bytes(row.value))
        if bits <= pictures.PDQ_BITS:
            found[row.asset_id] = min(bits, found.get(row.asset_id, bits))
    return sorted(found.items(), key=lambda pair: (pair[1], pair[0]))
