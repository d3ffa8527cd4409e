"""Archives: zip files and character cards in them, read member by member, never extracted."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from assets.inspectors import cards
from assets.inspectors.base import FACTS_FORMAT, Facts, Finding, Inspection, Limits, Refused, refused
from assets.inspectors.dispatch import inspect_member
from assets.inspectors.zip_bytes import Entry, read_entries
from assets.inspectors.zip_members import check_paths, check_sizes, opened
from marketplace.ui.words import gettext_noop as _

ZIP_MEDIA_TYPE = "application/zip"
CHARX_MEDIA_TYPE = "application/vnd.character-card+zip"

_CARD = "card.json"
_FINDINGS = 20
_MEMBERS_SHOWN = 200
# The facts of a member that say what it is, in the facts of its archive; the long ones are left to the member.
_SHORT_FACTS = (
    "kind", "license", "profile", "network", "base_family", "modules", "ranks", "tensor_root", "tensor_bag_root",
    "width", "height", "prompts", "languages", "spec", "triangles", "vertices", "frames", "joints",
)  # fmt: skip
_SHORT_CHARACTERS = 2_000


def inspect_zip(file: BinaryIO, limits: Limits) -> Inspection:
    """Return the facts of a zip archive whose every member would be accepted by itself; raise Refused."""
    entries = _entries(file, limits)
    findings: list[Finding] = []
    members = []
    for entry in entries:
        try:
            members.append(_inspected(file, entry, limits))
        except Refused as refusal:
            findings += refusal.findings
            if len(findings) >= _FINDINGS:
                break
    if findings:
        raise Refused(findings[:_FINDINGS])
    return Inspection(ZIP_MEDIA_TYPE, _facts(members))


def inspect_charx(file: BinaryIO, limits: Limits) -> Inspection:
    """Return the facts of a character card V3 in a zip archive (CCv3, "CHARX"); raise Refused.

    The archive holds card.json, and every asset the card lists; each of its members would be accepted by itself.
    """
    entries = _entries(file, limits)
    for entry in entries:
        if "code" in entry.path.casefold().split("/")[:-1]:
            template = _("%(member)s stands in a folder for program code, which no card may carry.")
            raise refused("card-script", template, entry.path, member=entry.path)
    card = next((entry for entry in entries if entry.path == _CARD), None)
    if card is None:
        raise refused("card-missing", _("the archive has no card.json at its root."), _CARD)
    facts: Facts = {}
    members = []
    for entry in entries:
        if entry is card:
            try:
                with opened(file, entry).stream as stream:
                    facts = cards.card_of_archive(stream, limits, paths={other.path for other in entries})
            except Refused as refusal:
                raise Refused([finding.in_file(_CARD) for finding in refusal.findings]) from None
        else:
            members.append(_inspected(file, entry, limits))
    return Inspection(CHARX_MEDIA_TYPE, {"format": FACTS_FORMAT} | facts | {"members": _facts(members)["members"]})


def members(source: Path | BinaryIO, limits: Limits | None = None) -> Iterator[tuple[str, BinaryIO, str, Facts]]:
    """Yield (path in the archive, seekable file, media type, facts) of each member of an archive that passed.

    The file is the member's and lasts until the next member is asked for. Facts are those the member would have
    by itself. A card.json of a CHARX is left out. Members are inspected anew as they come, in the order of their
    bytes; raise Refused when the archive would not pass.
    """
    limits = limits or Limits()
    if isinstance(source, Path):
        with source.open("rb") as file:
            yield from members(file, limits)
        return
    for entry in _entries(source, limits):
        if entry.path == _CARD and _is_card(source, entry):
            continue
        with opened(source, entry).stream as stream:
            inspection = inspect_member(stream, entry.path, limits)
            stream.seek(0)
            yield entry.path, stream, inspection.media_type, inspection.facts


def _entries(file: BinaryIO, limits: Limits) -> list[Entry]:
    """Return the members that hold something, their paths and sizes having been judged."""
    entries = read_entries(file, limits)
    check_paths(entries)
    check_sizes(entries, file.seek(0, os.SEEK_END), limits)
    for entry in entries:
        if entry.is_folder:
            opened(file, entry).stream.close()
    files = [entry for entry in entries if not entry.is_folder]
    if not files:
        raise refused("archive-empty", _("the archive holds folders and no file."), "directory")
    return files


def _inspected(file: BinaryIO, entry: Entry, limits: Limits) -> dict[str, Any]:
    stream, sha256 = opened(file, entry)
    with stream:
        inspection = inspect_member(stream, entry.path, limits)
    facts = {name: inspection.facts[name] for name in _SHORT_FACTS if name in inspection.facts}
    return {
        "path": entry.path,
        "media_type": inspection.media_type,
        "size_bytes": entry.size_bytes,
        "sha256": sha256,
        "facts": {name: value for name, value in facts.items() if len(str(value)) <= _SHORT_CHARACTERS},
    }


def _facts(members: list[dict[str, Any]]) -> Facts:
    """Return the facts of an archive; those of its first 200 members are told one by one, and of all with a license."""
    ordered = sorted(members, key=lambda member: member["path"].encode())
    return {
        "format": FACTS_FORMAT,
        "kind": "archive",
        "count": len(ordered),
        "size_bytes": sum(member["size_bytes"] for member in ordered),
        "media_types": {
            kind: sum(m["media_type"] == kind for m in ordered) for kind in sorted({m["media_type"] for m in ordered})
        },
        "members": [
            member if index < _MEMBERS_SHOWN or "license" in member["facts"] else _short(member)
            for index, member in enumerate(ordered)
        ],
    }


def _short(member: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in member.items() if name != "facts"}


def _is_card(file: BinaryIO, entry: Entry) -> bool:
    with opened(file, entry).stream as stream:
        return cards.is_card(stream.read())
