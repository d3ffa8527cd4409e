"""The prints of a weights file, the proof that one contains another, and what the proof says."""

import contextlib
import hashlib
import io
import math
import re
import shutil
import statistics
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO, overload

import numpy as np

from assets.inspectors.base import Limits, refused, shown_name
from assets.inspectors.safetensors import inspect_safetensors
from assets.inspectors.zip_bytes import read_entries
from assets.inspectors.zip_members import opened
from assets.originality.base import TENSOR_BAG, TENSOR_ROOT, WEIGHTS_SKETCH, Print
from assets.originality.sketch import sketch_of
from assets.originality.subspace import Likeness, compare, spectral
from assets.originality.weights_layers import Weights
from assets.originality.weights_pairs import Pairs, are_embeddings, pair_by_content, pair_by_names, vectors_of
from marketplace.ui.words import gettext_noop as _

MEASURE = "weights-containment/2"

SAME_COSINE = 0.997
"""Casts to eight bits keep .998 of the cosine; a tenth of noise leaves .995, a rank cut away less."""
CONTAINED = 0.25
"""Innocents whose two containments are alike reached .15; merges at equal weights have .47."""
COLUMNS_LEAD, COLUMNS_LEAD_CONTAINED = 2.0, 0.35
"""Where the columns hold twice what the rows hold, an equal subject is likely; such innocents reached .26."""
ROWS_LEAD, ROWS_LEAD_CONTAINED = 1.3, 0.52
"""Where the rows lead, an equal seed is likely: of one seed and subject, innocents reached .45."""
FEW_RANKS = 1.2
"""Added over the square of the rank: a subject's one or two strongest directions are anybody's (.38 at rank 2)."""
ALIGNED = 0.06
"""The lesser cosine of the written factors: innocents of unlike seeds reached .04, a merge at .1 has .09."""
LOPSIDED, LOPSIDED_ALIGNED = 2.0, 0.35
SEEDED, SEED_LEAD, FAINT_ALIGNED = 0.5, 1.05, 0.8
"""Of one seed, down is much alike, and more so than up. Then the faint directions of up decide, which no subject
dictates: innocents of one seed and subject reached .76, what was trained on for as long again has .83."""
ALIGNED_ERRORS = 6.0
"""And so many standard errors of such a cosine, for weights of few numbers."""
LAYER_CONTAINED, LAYERS_CONTAINED = 0.75, 0.15
"""A merge of some layers only: this share of the layers each contained so far. Innocents had no layer of theirs so."""
JOINT = 0.5
"""What shares spaces because training began with the base's own strongest directions (PiSSA) does other things between
them: innocents reached .38, what was stolen .68. Factors count as they are written up to `SEEDED`, or with this."""
FEWEST_LAYERS = 3
"""Where fewer layers can be compared, one that is alike by chance would be the median."""
DENSE_COSINE = 0.7
"""For changes that fill their spaces, where containment says nothing: another author's same subject reached .53."""
VECTOR_COSINE = 0.9
WHOLE_COSINE, WHOLE_BYTES = 0.999998, 0.95
"""For whole models. All fine-tunes of one base are alike to .99 and more; a cast to half precision keeps .9999999."""
_SMALL_BYTES = 128
_GROUPS = 40

Evidence = dict[str, Any]


def prints_of(file: BinaryIO, key: bytes, limits: Limits, facts: Mapping[str, Any] | None = None) -> list[Print]:
    """Return the tensor root, the bag root and the sketch of the seekable weights `file`.

    `facts` are those of its inspection, so that its bytes need not be digested again; raise Refused when the file is
    no weights file. A file that changes nothing has no sketch.
    """
    if facts is None or "tensor_root" not in facts or "tensor_bag_root" not in facts:
        facts = inspect_safetensors(file, limits).facts
    prints = [
        Print(TENSOR_ROOT, bytes.fromhex(facts["tensor_root"])),
        Print(TENSOR_BAG, bytes.fromhex(facts["tensor_bag_root"])),
    ]
    value = sketch_of(Weights(_at_hand(file), limits).layers(), key)
    return prints if value is None else [*prints, Print(WEIGHTS_SKETCH, value)]


def evidence_of(path: Path, member: str, other: Path, other_member: str, limits: Limits) -> Evidence:
    """Return how the weights at `path` contain those at `other`, in whole numbers and text alone.

    A `member` is a file's path inside the zip archive there. Shares and cosines are in ppm; what could not be told is
    null. Layers are paired by their names or, where the names of less than half agree, by their content. Raise
    Refused when one of the files is no weights file.
    """
    with _opened(path, member, limits) as mine, _opened(other, other_member, limits) as theirs:
        first, second = Weights(mine, limits), Weights(theirs, limits)
        pairs = pair_by_names(first, second)
        if pairs.paired * 2 < min(pairs.mine, pairs.theirs):
            pairs = pair_by_content(first, second)
        whole = {"identical_bytes_ppm": _identical(first, second), "vectors_ppm": _vectors(first, second)}
        form = {"form": "whole" if first.is_whole or second.is_whole else "change"}
        return _evidence(pairs) | form | whole


def judge(evidence: Evidence, sources: int = 1) -> str | None:
    """Return same-weights, derived-weights, merged-weights, or None for weights that owe each other nothing.

    `sources` is how many registered weights un-mixing found in the file.
    """
    if not _is_derived(evidence):
        return None
    cosine = abs(evidence["cosine_ppm"] or 0)
    whole = evidence["layers"] == evidence["other_layers"] == evidence["layers_paired"]
    if whole and cosine >= _ppm(SAME_COSINE):
        return "same-weights"
    holds_all = (evidence["containment_ppm"] or 0) >= 900_000 and evidence["rank"] > evidence["other_rank"]
    return "merged-weights" if sources > 1 or (holds_all and cosine < 950_000) else "derived-weights"


def _is_derived(evidence: Evidence) -> bool:
    if evidence["vectors_ppm"] is not None:
        return bool(evidence["vectors_ppm"] >= _ppm(VECTOR_COSINE))
    if evidence["form"] == "whole":
        same = evidence["layers_compared"] >= FEWEST_LAYERS and abs(evidence["cosine_ppm"] or 0) >= _ppm(WHOLE_COSINE)
        return bool(same or evidence["identical_bytes_ppm"] >= _ppm(WHOLE_BYTES))
    if evidence["layers_told"] < FEWEST_LAYERS:
        return abs(evidence["cosine_ppm"] or 0) >= _ppm(DENSE_COSINE)
    layers_needed = max(_ppm(LAYERS_CONTAINED), -(-FEWEST_LAYERS * 1_000_000 // evidence["layers_told"]))
    is_joint = evidence["joint_ppm"] >= _ppm(JOINT)
    faintly = min(evidence["down_ppm"] or 0, evidence["up_ppm"] or 0) < _ppm(SEEDED)
    return bool(
        (is_joint and evidence["containment_ppm"] >= evidence["containment_needed_ppm"])
        or ((is_joint or faintly) and (evidence["aligned_ppm"] or 0) >= evidence["aligned_needed_ppm"])
        or evidence["layers_contained_ppm"] >= layers_needed
    )


def score_ppm(evidence: Evidence) -> int:
    """Return the one number to show: the strongest measure that counts for these weights."""
    if evidence["vectors_ppm"] is not None:
        return int(evidence["vectors_ppm"])
    if evidence["form"] == "whole":
        return max(abs(evidence["cosine_ppm"] or 0), evidence["identical_bytes_ppm"])
    if evidence["layers_told"] < FEWEST_LAYERS:
        return abs(evidence["cosine_ppm"] or 0)
    return max(0, evidence["containment_ppm"], evidence["aligned_ppm"] or 0, evidence["layers_contained_ppm"])


def _evidence(pairs: Pairs) -> Evidence:
    likenesses, ranks = [], [(0, 0)]
    for mine, theirs in pairs.load():
        first, second = spectral(mine), spectral(theirs)
        if first and second:
            likenesses.append(compare(first, second))
            ranks.append((len(first.strengths), len(second.strengths)))
    return {
        "measure": MEASURE,
        "layers": pairs.mine,
        "other_layers": pairs.theirs,
        "layers_paired": pairs.paired,
        "paired_by": pairs.by,
        "layers_compared": len(likenesses),
        "rank": max(mine for mine, _theirs in ranks),
        "other_rank": max(theirs for _mine, theirs in ranks),
        "cosine_ppm": _cosine_ppm(likenesses),
        **_containment(likenesses),
        **_alignment(likenesses),
        "groups": _groups(likenesses),
    }


def _containment(likenesses: list[Likeness]) -> Evidence:
    """Return the medians of the containments, and what they must reach; see docs/originality.md."""
    told = [(x, value) for x in likenesses if (value := x.contained) is not None]
    rows = _median([x.rows for x, _value in told])
    columns = _median([x.columns for x, _value in told])
    extra = FEW_RANKS / max(_median([x.rank for x, _value in told]) or 1, 1) ** 2
    needed = CONTAINED
    if rows is not None and columns is not None:
        needed = COLUMNS_LEAD_CONTAINED if columns > COLUMNS_LEAD * rows else needed
        needed = ROWS_LEAD_CONTAINED if rows > ROWS_LEAD * columns else needed
    clear = [value >= min(LAYER_CONTAINED + FEW_RANKS / x.rank**2, 0.9) and x.joint >= JOINT for x, value in told]
    return {
        "layers_told": len(told),
        "containment_ppm": _ppm(_median([value for _x, value in told])),
        "containment_needed_ppm": _ppm(needed + extra),
        "rows_ppm": _ppm(rows),
        "columns_ppm": _ppm(columns),
        "joint_ppm": _ppm(_median([x.joint for x, _value in told])),
        "joint_needed_ppm": _ppm(JOINT),
        "layers_contained_ppm": sum(clear) * 1_000_000 // len(clear) if clear else None,
    }


def _alignment(likenesses: list[Likeness]) -> Evidence:
    """Return the cosine of the factors as they are written, and what it must reach.

    It is the lesser median of down and up; of one seed, that of the faint directions of up. The cosines keep their
    signs until the median is taken: those of strangers then cancel out.
    """
    aligned = [x for x in likenesses if x.down is not None and x.up is not None]
    down, up = abs(_median([x.down for x in aligned]) or 0), abs(_median([x.up for x in aligned]) or 0)
    seeded = down >= SEEDED and down > SEED_LEAD * up
    faint = abs(_median([x.faint for x in aligned if x.faint is not None]) or 0)
    needed = LOPSIDED_ALIGNED if max(down, up) > LOPSIDED * min(down, up) else ALIGNED
    noise = ALIGNED_ERRORS / math.sqrt(max(sum(x.numbers for x in aligned), 1))
    return {
        "aligned_by": "faint" if seeded else "all",
        "aligned_ppm": _ppm(faint if seeded else min(down, up)) if aligned else None,
        "aligned_needed_ppm": _ppm(max(FAINT_ALIGNED if seeded else needed, noise)),
        "down_ppm": _ppm(down) if aligned else None,
        "up_ppm": _ppm(up) if aligned else None,
    }


def _groups(likenesses: list[Likeness]) -> list[dict[str, Any]]:
    """Return the medians of each group of neighboring layers, named by the block they stand in."""
    ordered = sorted(likenesses, key=lambda likeness: _block(likeness.name))
    groups = []
    for block, members in groupby(ordered, key=lambda likeness: _block(likeness.name)):
        layers = list(members)
        groups.append(
            {
                "group": block,
                "layers": len(layers),
                "cosine_ppm": _cosine_ppm(layers),
                "containment_ppm": _ppm(_median([x.contained for x in layers if x.contained is not None])),
            }
        )
    return groups[:_GROUPS]


def _block(name: str) -> str:
    match = re.match(
        r"(te\d|unet)\.(?:((?:down|up)_blocks_\d+|mid_block|encoder|[a-z_]*transformer_blocks_\d+))?", name
    )
    return ".".join(part for part in match.groups() if part) if match else "other"


def _cosine_ppm(likenesses: list[Likeness]) -> int | None:
    first, second = sum(x.first for x in likenesses), sum(x.second for x in likenesses)
    if not (0 < first < math.inf and 0 < second < math.inf):
        return None
    return _ppm(sum(x.dot for x in likenesses) / (math.sqrt(first) * math.sqrt(second)))


def _median(values: Sequence[float | None]) -> float | None:
    return statistics.median(values) if values else None  # type: ignore[type-var]


@overload
def _ppm(value: float) -> int: ...
@overload
def _ppm(value: float | None) -> int | None: ...
def _ppm(value: float | None) -> int | None:
    return None if value is None else round(min(max(value, -1.0), 1.0) * 1_000_000)


def _vectors(first: Weights, second: Weights) -> int | None:
    """Return, for embeddings, the median over the other's vectors of the best cosine with one of ours, else None."""
    if not (are_embeddings(first) and are_embeddings(second)):
        return None
    mine = vectors_of(first)
    best: list[float] = []
    for width, theirs in vectors_of(second).items():
        best += np.abs(theirs @ mine[width].T).max(axis=1, initial=0).tolist() if width in mine else [0.0] * len(theirs)
    return _ppm(_median(best))


def _identical(first: Weights, second: Weights) -> int:
    """Return the share in ppm of the other's bytes that stand, tensor by tensor, unchanged in the first."""
    sizes = {tensor.end - tensor.begin for tensor in first.header.tensors}
    wanted = {tensor.end - tensor.begin for tensor in second.header.tensors} & sizes
    mine = {digest for digest, _size in _digests(first, wanted)}
    found = sum(size for digest, size in _digests(second, wanted) if digest in mine)
    total = sum(t.end - t.begin for t in second.header.tensors)
    return found * 1_000_000 // total if total else 0


def _digests(weights: Weights, sizes: set[int]) -> Iterator[tuple[bytes, int]]:
    """Yield digest and size of each tensor that is neither tiny nor the same byte all through."""
    for tensor in weights.header.tensors:
        size = tensor.end - tensor.begin
        if size in sizes and size >= _SMALL_BYTES:
            data = weights.bytes_of(tensor)
            if data[:64].count(data[:1]) < 64 or data.count(data[:1]) < size:
                yield hashlib.sha256(data).digest(), size


@contextlib.contextmanager
def _opened(path: Path, member: str, limits: Limits) -> Iterator[BinaryIO]:
    """Give the file, or the member of the zip archive there; raise Refused when there is no such member."""
    with path.open("rb") as file:
        if not member:
            yield file
            return
        for entry in read_entries(file, limits):
            if entry.path == member and not entry.is_folder:
                yield _at_hand(opened(file, entry).stream)
                return
        template = _("the archive has no member %(member)s.")
        raise refused("archive-member-missing", template, shown_name(member), member=shown_name(member))


def _at_hand(file: BinaryIO) -> BinaryIO:
    """Return a file that can be read in any order at no cost; a member that is inflated as it is read is held."""
    if isinstance(file, io.BytesIO) or isinstance(getattr(file, "raw", None), io.FileIO):
        return file
    held = io.BytesIO()
    file.seek(0)
    shutil.copyfileobj(file, held, 1024**2)
    return held
