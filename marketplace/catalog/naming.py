"""Flat file names, for tools that keep all models of all packs in one folder."""

import re
from pathlib import PurePosixPath

_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")
STEM_LIMIT = 60


def flat_name(*, creator: str, pack: str, version: str, path: str, sha256: str) -> str:
    """This will name a file so that no two files ever share a name, without folders and in plain ASCII.

    Handles hold no underscore, so the parts `creator__pack__version__stem-digest.ext` can be told apart; the twelve
    digits are of the file's SHA-256 (docs/formats/recipe-lock.md).
    """
    file = PurePosixPath(path)
    stem = _PLAIN.sub("-", file.stem).strip("-.")[:STEM_LIMIT] or "file"
    suffix = _PLAIN.sub("", file.suffix.lower())[:16]
    return f"{creator}__{pack}__{version}__{stem}-{sha256[:12]}{suffix}"


_FLAT = re.compile(
    r"(?P<creator>[a-z0-9-]{1,40})__(?P<pack>[a-z0-9-]{1,40})__(?P<version>\d+\.\d+\.\d+)__(?P<stem>.+)"
    r"-(?P<digest>[0-9a-f]{12})(?P<suffix>\.[A-Za-z0-9]{1,15})?"
)


def read_flat_name(name: str) -> tuple[str, str, str, str] | None:
    """This will read (creator, pack, version, first digits of the SHA-256) out of a flat name, or return None.

    A folder before it, with either slash, does not count.
    """
    match = _FLAT.fullmatch(re.split(r"[/\\]", name)[-1])
    return (match["creator"], match["pack"], match["version"], match["digest"]) if match else None
