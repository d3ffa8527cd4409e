"""What credentials say of a picture, as plain data that those above fill in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from marketplace.people.models import Creator

Permission = Literal["allowed", "notAllowed", "constrained"]

MINING, INFERENCE = "cawg.data_mining", "cawg.ai_inference"
TRAINING, GENERATIVE = "cawg.ai_training", "cawg.ai_generative_training"
USES = (MINING, INFERENCE, TRAINING, GENERATIVE)
"""The uses that the CAWG training-and-data-mining assertion 1.1 knows."""


@dataclass(frozen=True, slots=True)
class Use:
    """What is permitted; `info` says in words under what conditions, and goes with `constrained` alone."""

    permission: Permission
    info: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """A work that went into another: what people call it, and the digest that the log knows it by."""

    title: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What is said of one picture of a release.

    `release` is the release's digest, `title` its name with version, `name` the file's path in it; `made_by` is human,
    ai-assisted or ai. `training` has a permission for each of USES. `terms` is the digest of the terms that a licensed
    copy is under, empty for what everybody sees.
    """

    release: str
    title: str
    name: str
    creator: Creator
    made_by: str
    training: Mapping[str, Use]
    parents: Sequence[Source] = field(default_factory=tuple)
    terms: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The registered bytes that a picture is, or is made from, and how: `drawn` of them, a `copy`, or they themselves.

    `steps` are the C2PA actions between them and the picture, as in ("c2pa.resized", "c2pa.converted").
    """

    sha256: str
    media_type: str
    how: Literal["drawn", "copy", "itself"]
    steps: Sequence[str] = ()


class UnableToSignPicture(Exception):
    """The picture got no credentials; nothing was written."""

    code = "picture-not-signed"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"The picture cannot be signed: {self.reason}."
