"""Decisions about files that need no bytes: which names may enter a release."""

import re
import unicodedata
from collections.abc import Iterable

from assets.inspectors.base import Finding, shown_name

PATH_LIMIT_BYTES = 200

# Characters that a path may not hold on one of the systems where studios unpack a bundle.
_RESERVED_CHARACTERS = re.compile(r'[<>:"|?*]')
_RESERVED_NAMES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])", re.IGNORECASE)
# Bidirectional controls, invisible characters, surrogates, private use, line and paragraph separators.
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def path_findings(path: str) -> list[Finding]:
    """Return why `path` may not name a file of a release; an empty list when it may.

    A path is relative, POSIX, NFC, at most 200 bytes of UTF-8, visible from end to end, and means the same
    file wherever a bundle is unpacked.
    """
    code, reason = _path_problem(path)
    if not reason:
        return []
    return [Finding(code, f"{shown_name(path) or 'A file'}: {reason}; rename the file.", shown_name(path))]


def paths_findings(paths: Iterable[str]) -> list[Finding]:
    """Return what is wrong with the paths of one release: each by itself, and any two that would collide.

    Two paths collide when they are equal after Unicode case folding, or when one is a folder of the other.
    """
    findings: list[Finding] = []
    seen: dict[str, str] = {}
    folders: dict[str, str] = {}
    for path in paths:
        if problems := path_findings(path):
            findings += problems
            continue
        key = folded(path)
        shown = shown_name(path)
        parents = ["/".join(key.split("/")[:n]) for n in range(1, key.count("/") + 1)]
        if key in seen:
            twin = shown_name(seen[key])
            message = f"{shown}: a second file would have the name of {twin}; rename one."
            findings.append(Finding("path-twice", message, shown))
        elif key in folders or any(parent in seen for parent in parents):
            message = f"{shown}: a file and a folder would share a name; rename one."
            findings.append(Finding("path-is-folder", message, shown))
        else:
            seen[key] = path
            folders.update(dict.fromkeys(parents, path))
    return findings


def folded(path: str) -> str:
    """Return the key under which two paths are the same name on a file system that ignores case."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", path).casefold())


def _path_problem(path: str) -> tuple[str, str]:
    """Return the code and the reason of the first problem of `path`, or two empty strings."""
    if not path:
        return "path-empty", "a file needs a name"
    if hidden := next((c for c in path if unicodedata.category(c) in _HIDDEN_CATEGORIES), None):
        return "path-hidden-character", f"the name holds the hidden character U+{ord(hidden):04X}"
    if len(path.encode()) > PATH_LIMIT_BYTES:
        return "path-too-long", f"the name is longer than {PATH_LIMIT_BYTES} bytes"
    if unicodedata.normalize("NFC", path) != path:
        return "path-not-nfc", "the name is not in Unicode normal form NFC"
    if "\\" in path:
        return "path-backslash", "the name holds a backslash where a path uses '/'"
    if path.startswith("/"):
        return "path-absolute", "the path is absolute and must be relative"
    if match := _RESERVED_CHARACTERS.search(path):
        return "path-reserved", f"the name holds {match.group()!r}, which not every system can store"
    for part in path.split("/"):
        if code_and_reason := _part_problem(part):
            return code_and_reason
    return "", ""


def _part_problem(part: str) -> tuple[str, str] | None:
    """Return the code and the reason why `part` may not stand between two slashes."""
    if part in {"", ".", ".."}:
        return "path-climbs", f"the path holds {part!r} between slashes"
    if part != part.strip(" ") or part.endswith("."):
        return "path-reserved", "a part of the path begins or ends with a space, or ends with a dot"
    if _RESERVED_NAMES.fullmatch(part.split(".")[0].rstrip(" ")):
        return "path-reserved", f"{part!r} is a device name on Windows"
    return None
