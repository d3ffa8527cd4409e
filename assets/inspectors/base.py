"""Port to the inspectors: what they promise, what they find, and how they refuse."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol

from marketplace.ui.words import Values, Words, gettext_noop

FACTS_FORMAT = "worldloom/asset-facts/1"

Facts = dict[str, Any]
"""Plain RFC 8785 JSON with integers only, as docs/formats/asset-facts.md describes it."""


_ = gettext_noop


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason to refuse a file.

    `code` is a kebab-case slug for machines, `where` the place alone: "FILE" or "FILE: offset 8" or
    "FILE: prompts[3].text". `template` and `values` make one plain sentence that says what is wrong and where;
    `message` is that sentence in English.
    """

    code: str
    template: str
    where: str = ""
    values: Values = field(default_factory=dict)

    @property
    def message(self) -> str:
        """The sentence in English."""
        return str(Words(self.template, self.values))

    def in_file(self, name: str) -> "Finding":
        """Return this finding with the file's name in front of its sentence and its place."""
        shown = shown_name(name)
        place = f"{shown}: {self.where}" if self.where else shown
        values: Values = {"file": shown, "finding": Words(self.template, self.values)}
        return Finding(self.code, _("%(file)s: %(finding)s"), place, values)


def finding_of(plain: Mapping[str, Any]) -> Finding:
    """Return the finding that `dataclasses.asdict` wrote as plain JSON."""
    return Finding(plain["code"], plain["template"], plain["where"], _values(plain["values"]))


def _values(plain: Mapping[str, Any]) -> Values:
    return {
        name: Words(value["template"], _values(value["values"])) if isinstance(value, dict) else value
        for name, value in plain.items()
    }


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


def refused(code: str, template: str, where: str = "", /, **values: str | int | Words) -> Refused:
    """Return the refusal with this one finding, ready to be raised."""
    return Refused([Finding(code, template, where, values)])


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
    model_bytes: int = 512 * 1024**2
    model_json_bytes: int = 16 * 1024**2
    model_objects: int = 200_000
    motion_bytes: int = 128 * 1024**2
    motion_joints: int = 2_000
    motion_frames: int = 1_000_000
    motion_values: int = 50_000_000
    card_bytes: int = 32 * 1024**2
    archive_bytes: int = 2 * 1024**3
    archive_members: int = 2_000
    archive_member_bytes: int = 512 * 1024**2
    archive_ratio: int = 100


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
