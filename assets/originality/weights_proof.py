"""Weights found by their sketches, un-mixed, and proven on the files themselves."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import numpy as np

from assets import queries
from assets.inspectors import sandbox
from assets.inspectors.base import Refused
from assets.models import Fingerprint
from assets.originality import index, sketch, unmix, weights
from assets.originality.base import WEIGHTS_SKETCH, Match
from assets.originality.originals import original
from assets.originality.sketch import Sketch
from assets.originality.weights_layers import Matrix

MOST_PROOFS = 16
"""How many of the likest are proven, beside all sources that un-mixing named."""

_ROUNDS = 2
_FAINTEST = 0.5
"""Sketches less like than this share of the least cosine of a source are not even un-mixed."""
_LEAST_AMONG = 10_000
"""A small catalog is searched as strictly as one of this size, or chance would name sources in it."""


class UnableToCompare(Exception):
    """A comparison did not come to its end, so that nobody knows what it would have found; try again."""

    code = "comparison-did-not-finish"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.name, self.reason = name, reason

    def __str__(self) -> str:
        return f"{self.name} could not be compared with what is published ({self.reason}); try again."


@dataclass(frozen=True, slots=True)
class Suspects:
    """What the search found: fingerprints of weights with their cosines (n, 3), and the sources with weights in ppm.

    `order` are those worth a proof, sources first.
    """

    rows: Sequence[Fingerprint]
    cosines: Matrix
    sources: Mapping[int, int]
    order: Sequence[int]
    searched: int


def suspects(value: bytes, sha256: str) -> Suspects:
    """Return the published weights that those with this sketch may be or be made from; raise ValueError.

    What has the bytes `sha256` themselves explains everything and nothing, and is left out.
    """
    mine = sketch.read_sketch(value)
    searched = index.index_of(WEIGHTS_SKETCH, mine.key_id).count()
    among = max(searched, _LEAST_AMONG)
    found: dict[int, Sketch] = {}
    sources: dict[int, int] = {}
    units = mine.units
    for _round in range(_ROUNDS):
        new = _near(units, mine.key_id, unmix.stop_of(among) * _FAINTEST, found.keys(), sha256)
        found |= new
        sources = dict(unmix.unmix(mine, list(found.values()), among))
        if not new or not sources:
            break
        # A faint source is drowned by strong ones: look again for what is left without them.
        units = _left(mine, [list(found.values())[at] for at in sources])
    rows = Fingerprint.objects.select_related("asset").defer("value").in_bulk(list(found))
    cosines = sketch.likeness(mine.units, [one.units for one in found.values()])
    likest = np.abs(cosines).max(axis=1, initial=0)
    likest_first = np.argsort(-likest, kind="stable")[:MOST_PROOFS]
    enough = [int(at) for at in likest_first if likest[at] >= unmix.stop_of(among)]
    return Suspects([rows[id_] for id_ in found], cosines, sources, tuple(dict.fromkeys([*sources, *enough])), searched)


def proven(path: Path, name: str, sha256: str, member: str, value: bytes, exclude: frozenset[UUID]) -> Iterator[Match]:
    """Yield the published weights that those at `path`, or its `member`, are or are made from, each one proven.

    Raise UnableToCompare when a proof did not finish, ValueError when `value` is no sketch.
    """
    found = suspects(value, sha256)
    listed = [
        {"asset_id": str(found.rows[at].asset_id), "member": found.rows[at].member, "weight_ppm": weight}
        for at, weight in found.sources.items()
    ]
    proven_sources: list[Fingerprint] = []
    for at in found.order:
        row = found.rows[at]
        if row.asset_id in exclude:
            continue
        evidence = _proof(path, name, member, row)
        relation = weights.judge(evidence, len(found.sources) if at in found.sources else 1)
        if relation is not None and at in found.sources:
            proven_sources.append(row)
        elif relation is not None and proven_sources and not any(_holds(name, one, row) for one in proven_sources):
            continue
        if relation is not None:
            cosines = [round(float(cosine) * 1_000_000) for cosine in found.cosines[at]]
            yield Match(
                relation=relation,
                asset_id=row.asset_id,
                score_ppm=weights.score_ppm(evidence),
                member=member,
                other_member=row.member,
                evidence=evidence | {"sketch_cosines_ppm": cosines, "searched": found.searched, "sources": listed},
            )


def _holds(name: str, source: Fingerprint, row: Fingerprint) -> bool:
    """Say whether a source that was found in a file holds other published weights, or is held by them.

    What is like a source, by an equal seed or subject, is like all that is made from it: if it is not in the source,
    it is not in the file either, or un-mixing would have named it.
    """
    with original(source.asset.blob_id) as path, original(row.asset.blob_id) as other:
        pairs = [(path, source.member, other, row.member), (other, row.member, path, source.member)]
        found = sandbox.compare_weights(pairs, queries.box())
    for evidence in found:
        if isinstance(evidence, Refused):
            raise UnableToCompare(name, str(evidence)) from evidence
    return any(weights.judge(evidence) is not None for evidence in found)


def _near(units: Matrix, key_id: bytes, least: float, known: Collection[int], sha256: str) -> dict[int, Sketch]:
    """Return, by id, the sketches in the table with a cosine of at least `least` in any channel, the nearest first."""
    ids = [id_ for id_ in index.sketch_candidates(units, key_id) if id_ not in known]
    rows = Fingerprint.objects.filter(id__in=ids).exclude(asset__blob_id=sha256).values_list("id", "value")
    sketches = {id_: sketch.read_sketch(bytes(value)) for id_, value in rows}
    kept = [id_ for id_ in ids if id_ in sketches]
    if not kept:
        return {}
    likest = np.abs(sketch.likeness(units, [sketches[id_].units for id_ in kept])).max(axis=1)
    return {id_: sketches[id_] for id_, likeness in zip(kept, likest, strict=True) if likeness >= least}


def _left(mine: Sketch, sources: Sequence[Sketch]) -> Matrix:
    """Return what the sources leave of the sketch, each channel at unit length, or zero where they leave nothing."""
    left = unmix.residual(mine.units, np.stack([source.units for source in sources]))
    lengths = np.linalg.norm(left, axis=1, keepdims=True)
    return np.where(lengths > 0.05, left / np.maximum(lengths, 1e-6), 0).astype(np.float32)


def _proof(path: Path, name: str, member: str, row: Fingerprint) -> dict[str, object]:
    with original(row.asset.blob_id) as other:
        (evidence,) = sandbox.compare_weights([(path, member, other, row.member)], queries.box())
    if isinstance(evidence, Refused):
        raise UnableToCompare(name, str(evidence)) from evidence
    return evidence
