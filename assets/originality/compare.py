"""Whose published work a file is, or is made from: candidates out of the index, decided on the whole fingerprints.

Every comparison comes to its end or raises: a search that could not be finished has not found nothing.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from uuid import UUID

from assets import queries
from assets.inspectors import sandbox
from assets.inspectors.base import Facts, Refused
from assets.models import Asset, Fingerprint
from assets.originality import index, pictures, prompts, weights_proof
from assets.originality.base import (
    PICTURE_PDQ,
    PICTURE_PHASH,
    PROMPTS_MINHASH,
    TENSOR_BAG,
    TENSOR_ROOT,
    WEIGHTS_SKETCH,
    Match,
    Print,
)
from assets.originality.originals import original
from assets.originality.sketch import key_id_of
from assets.originality.weights_proof import UnableToCompare
from assets.storage.base import BlobDamaged, BlobMissing

__all__ = ["Compared", "UnableToCompare", "find_matches"]

RELATIONS = ("same-bytes", "same-weights", "merged-weights", "derived-weights", "same-picture", "same-prompts")
TURNS = (
    "upright", "transposed", "mirrored", "rotated-90", "flipped", "rotated-270", "rotated-180", "anti-transposed",
)  # fmt: skip
"""How ours is turned to be like theirs, by the number of the look; rotations are counterclockwise."""

_SIDES = ("top", "bottom", "left", "right")
# The ending under which the text of an asset is read, whose own name the bytes do not have.
_ENDINGS = {
    "text/plain": ".txt",
    "application/json": ".json",
    "application/yaml": ".yaml",
    "image/png": ".png",
    "application/zip": ".zip",
    "application/vnd.character-card+zip": ".charx",
}


class Compared(NamedTuple):
    """A file to compare: where its bytes are, its path in the release, and what inspection found."""

    path: Path
    name: str
    facts: Facts
    sha256: str
    prints: Sequence[Print]


def find_matches(
    files: Iterable[tuple[Path, str, Facts, str, Sequence[Print]]], exclude_assets: Collection[UUID] = frozenset()
) -> list[list[Match]]:
    """Return, in order, the published assets that each file is or is made from, the strongest relation first.

    An asset is named once for each pair of members that match. Assets of `exclude_assets` are no match, but may
    explain a part of a merge. Raise UnableToCompare when any comparison did not finish.
    """
    return [_matches(Compared(*file), frozenset(exclude_assets)) for file in files]


def _matches(file: Compared, exclude: frozenset[UUID]) -> list[Match]:
    found: dict[tuple[UUID, str, str], Match] = {}
    whole: set[UUID] = set()
    try:
        for match in _found(file, exclude):
            if match.asset_id in exclude or match.asset_id in whole:
                continue
            found.setdefault((match.asset_id, match.member, match.other_member), match)
            if match.relation == "same-bytes" and not match.member:
                whole.add(match.asset_id)
    except (BlobMissing, BlobDamaged, OSError, ValueError) as error:
        raise UnableToCompare(file.name, str(error)) from error
    return sorted(
        found.values(),
        key=lambda m: (RELATIONS.index(m.relation), -m.score_ppm, m.asset_id, m.member, m.other_member),
    )


def _found(file: Compared, exclude: frozenset[UUID]) -> Iterator[Match]:
    """Yield every match, the strongest relation first, so that a weaker one between the same two can be left out."""
    key_id = key_id_of(queries.fingerprint_key())
    yield from _same_bytes(file)
    by_kind: dict[str, dict[str, bytes]] = defaultdict(dict)
    for one in file.prints:
        by_kind[one.kind][one.member] = one.value
    for kind in (TENSOR_ROOT, TENSOR_BAG):
        for member, value in by_kind[kind].items():
            yield from same_digest(kind, member, value, key_id)
    for member, value in by_kind[WEIGHTS_SKETCH].items():
        yield from weights_proof.proven(file.path, file.name, file.sha256, member, value, exclude)
    for member, value in by_kind[PICTURE_PDQ].items():
        yield from same_picture(member, value, by_kind[PICTURE_PHASH][member], key_id)
    for member, value in by_kind[PROMPTS_MINHASH].items():
        yield from _same_prompts(file, member, value, key_id, exclude)


def _same_bytes(file: Compared) -> Iterator[Match]:
    digests = {"": file.sha256} | {member["path"]: member["sha256"] for member in file.facts.get("members", ())}
    assets: dict[str, list[UUID]] = defaultdict(list)
    for sha256, pk in (
        Asset.objects.filter(blob_id__in=set(digests.values())).order_by("id").values_list("blob_id", "id")
    ):
        assets[sha256].append(pk)
    for member, sha256 in digests.items():
        for pk in assets[sha256]:
            evidence = {"measure": "sha256", "sha256": sha256}
            yield Match(relation="same-bytes", asset_id=pk, score_ppm=1_000_000, member=member, evidence=evidence)


def same_digest(kind: str, member: str, value: bytes, key_id: bytes) -> Iterator[Match]:
    """Yield the weights with the same tensor root or bag root."""
    for row in _rows(index.candidates(kind, value, key_id)):
        if bytes(row.value) == value:
            evidence = {"measure": kind, kind.replace("-", "_"): value.hex()}
            yield Match(
                relation="same-weights",
                asset_id=row.asset_id,
                score_ppm=1_000_000,
                member=member,
                other_member=row.member,
                evidence=evidence,
            )


def same_picture(member: str, pdq: bytes, phash: bytes, key_id: bytes) -> Iterator[Match]:
    """Yield the pictures that are this one, as far as PDQ alone, or PDQ and pHash together, can tell."""
    rows = _rows(index.candidates(PICTURE_PDQ, pdq, key_id))
    confirming = Fingerprint.objects.filter(kind=PICTURE_PHASH, asset_id__in={row.asset_id for row in rows})
    phashes = {(row.asset_id, row.member): bytes(row.value) for row in confirming}
    for row in rows:
        near = pictures.alike(pdq, phash, bytes(row.value), phashes[row.asset_id, row.member])
        if near.is_match:
            yield Match(
                relation="same-picture",
                asset_id=row.asset_id,
                score_ppm=(256 - near.pdq_bits) * 1_000_000 // 256,
                member=member,
                other_member=row.member,
                evidence=_picture_evidence(near),
            )


def _picture_evidence(near: pictures.Alike) -> dict[str, object]:
    sure = near.pdq_bits <= pictures.PDQ_BITS
    cropped = {side: pictures.CROP_PERCENT if near.crop >> (3 - bit) & 1 else 0 for bit, side in enumerate(_SIDES)}
    return {
        "measure": "pdq-phash",
        "pdq_bits": near.pdq_bits,
        "pdq_limit_bits": pictures.PDQ_BITS if sure else pictures.PDQ_BITS_IF_CONFIRMED,
        "pdq_of_bits": 256,
        "phash_bits": near.phash_bits,
        "phash_limit_bits": pictures.PHASH_BITS,
        "phash_of_bits": 64,
        "turn": TURNS[near.look % len(TURNS)],
        "cropped_percent": cropped,
    }


def _same_prompts(
    file: Compared, member: str, value: bytes, key_id: bytes, exclude: frozenset[UUID]
) -> Iterator[Match]:
    for row, equal in like_prompts(value, key_id):
        if row.asset_id in exclude:
            continue
        with original(row.asset.blob_id) as other:
            pair = (file.path, _readable(file), member, other, "x" + _ENDINGS.get(row.asset.media_type, ""), row.member)
            (shared,) = sandbox.compare_prompts([pair], queries.box())
        if isinstance(shared, Refused):
            raise UnableToCompare(file.name, str(shared)) from shared
        contained = max(shared["of_ours_ppm"], shared["of_theirs_ppm"])
        if shared["jaccard_ppm"] >= prompts.JACCARD_PPM or contained >= prompts.CONTAINED_PPM:
            yield Match(
                relation="same-prompts",
                asset_id=row.asset_id,
                score_ppm=max(shared["jaccard_ppm"], contained),
                member=member,
                other_member=row.member,
                evidence={
                    "measure": "shared-runs",
                    "jaccard_limit_ppm": prompts.JACCARD_PPM,
                    "contained_limit_ppm": prompts.CONTAINED_PPM,
                    "equal_minima": equal,
                    "of_minima": prompts.MINIMA,
                    **shared,
                },
            )


def like_prompts(value: bytes, key_id: bytes) -> list[tuple[Fingerprint, int]]:
    """Return the prompt sets that share at least 32 of the 128 minima, and how many they share."""
    minima = prompts.read_minima(value)
    rows = _rows(index.candidates(PROMPTS_MINHASH, value, key_id))
    shared = [(row, int((prompts.read_minima(bytes(row.value)) == minima).sum())) for row in rows]
    return [(row, equal) for row, equal in shared if equal >= prompts.LEAST_EQUAL]


def _readable(file: Compared) -> str:
    """Return a name that says by its ending how the file is read: its own, or that of the same bytes published."""
    if PurePosixPath(file.name).suffix.lower() in {".yml", *_ENDINGS.values()}:
        return file.name
    known = Asset.objects.filter(blob_id=file.sha256, facts=file.facts).order_by("id").first()
    return file.name + _ENDINGS.get(known.media_type if known else "", "")


def _rows(ids: Sequence[int]) -> list[Fingerprint]:
    """Return the fingerprints that are in the table, in the order of their ids given, each with its asset."""
    found = Fingerprint.objects.select_related("asset").in_bulk(ids)
    return [found[id_] for id_ in ids if id_ in found]
