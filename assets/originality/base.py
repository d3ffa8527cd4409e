"""What fingerprints and matches are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

TENSOR_ROOT, TENSOR_BAG, WEIGHTS_SKETCH = "tensor-root", "tensor-bag", "weights-sketch"
PICTURE_PDQ, PICTURE_PHASH = "picture-pdq", "picture-phash"
PROMPTS_MINHASH = "prompts-minhash"
KINDS = (TENSOR_ROOT, TENSOR_BAG, WEIGHTS_SKETCH, PICTURE_PDQ, PICTURE_PHASH, PROMPTS_MINHASH)


@dataclass(frozen=True, slots=True)
class Print:
    """One fingerprint of a file: `value` as its kind lays it out, `member` the path inside an archive, else empty."""

    kind: str
    value: bytes
    member: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A published asset that a file is, or is made from.

    `relation` is same-bytes, same-weights, derived-weights, merged-weights, same-picture or same-prompts.
    `score_ppm` is how alike, in parts per million, by the measure named in `evidence["measure"]`; `evidence` is
    RFC 8785 JSON with integers only, for the claim and its page.
    """

    relation: str
    asset_id: UUID
    score_ppm: int
    member: str = ""
    other_member: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
