"""Port to the inspectors: what they promise, what they find, and how they refuse."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, Protocol

FACTS_FORMAT = "worldloom/asset-facts/1"

Facts = dict[str, Any]
"""Plain RFC 8785 JSON with integers only, as docs/formats/asset-facts.md describes it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason to refuse a file.

    `code` is a kebab-case slug for machines, `message` one plain sentence that says what is wrong and where,
    `where` the place alone: "FILE" or "FILE: offset 8" or "FILE: prompts[3].text".
    """

    code: str
    message: str
    where: str = ""

    def in_file(self, name: str) -> "Finding":
        """Return this finding with the file's name in front of its message and its place."""
        shown = shown_name(name)
        place = f"{shown}: {self.where}" if self.where else shown
        return replace(self, message=f"{shown}: {self.message}", where=place)


@dataclass(frozen=True, slots=True)
class Inspection:
    """What an accepted file is."""

    media_type: str
    facts: Facts = field(default_factory=dict)


class Refused(Exception):
    """The file may not enter: each finding says why."""

    code = "file-refused"

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(tuple(findings))
        self.findings = tuple(findings)

    def __str__(self) -> str:
        return " ".join(finding.message for finding in self.findings)


def refused(code: str, message: str, where: str = "") -> Refused:
    """Return the refusal with this one finding, ready to be raised."""
    return Refused([Finding(code, message, where)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much an inspector reads before it refuses. Sizes in bytes, times in seconds."""

    file_bytes: int = 2 * 1024**3
    header_bytes: int = 8 * 1024**2
    tensors: int = 20_000
    metadata_bytes: int = 4 * 1024**2
    name_characters: int = 512
    picture_bytes: int = 64 * 1024**2
    pixels: int = 50_000_000
    side_pixels: int = 16_383
    prompts_bytes: int = 4 * 1024**2
    prompts: int = 10_000
    prompt_characters: int = 8_000
    json_depth: int = 16


class Inspector(Protocol):
    """One kind of file. A pure function of the bytes: no network, no database, no clock."""

    def __call__(self, file: BinaryIO, limits: Limits) -> Inspection:
        """Return what the seekable `file` is, or raise Refused; nothing else is ever raised on bad bytes."""
        ...


def shown_name(text: str, limit: int = 120) -> str:
    """Return `text` safe to show in a sentence: unprintable characters escaped, shortened in the middle."""
    if len(text) <= limit and text.isprintable():
        return text
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return safe if len(safe) <= limit else f"{safe[: limit // 2]}…{safe[-(limit // 2 - 1) :]}"
