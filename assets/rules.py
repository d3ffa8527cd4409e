"""Decisions about files that need no bytes: which names may enter a release."""

import re
import unicodedata
from collections.abc import Iterable

from assets.inspectors.base import Finding, shown_name
from marketplace.ui.words import Words
from marketplace.ui.words import gettext_noop as _

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
    problem = _path_problem(path)
    if problem is None:
        return []
    code, reason = problem
    values = {"file": shown_name(path) or Words(_("A file")), "reason": reason}
    return [Finding(code, _("%(file)s: %(reason)s; rename the file."), shown_name(path), values)]


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
            template = _("%(file)s: a second file would have the name of %(twin)s; rename one.")
            values = {"file": shown, "twin": shown_name(seen[key])}
            findings.append(Finding("path-twice", template, shown, values))
        elif key in folders or any(parent in seen for parent in parents):
            template = _("%(file)s: a file and a folder would share a name; rename one.")
            findings.append(Finding("path-is-folder", template, shown, {"file": shown}))
        else:
            seen[key] = path
            folders.update(dict.fromkeys(parents, path))
    return findings


def folded(path: str) -> str:
    """Return the key under which two paths are the same name on a file system that ignores case."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", path).casefold())


def _path_problem(path: str) -> tuple[str, Words] | None:
    """Return the code and the reason of the first problem of `path`, if it has any."""
    if not path:
        return "path-empty", Words(_("a file needs a name"))
    if hidden := next((c for c in path if unicodedata.category(c) in _HIDDEN_CATEGORIES), None):
        words = Words(_("the name holds the hidden character %(character)s"), {"character": f"U+{ord(hidden):04X}"})
        return "path-hidden-character", words
    if len(path.encode()) > PATH_LIMIT_BYTES:
        return "path-too-long", Words(_("the name is longer than %(limit)s bytes"), {"limit": PATH_LIMIT_BYTES})
    if unicodedata.normalize("NFC", path) != path:
        return "path-not-nfc", Words(_("the name is not in Unicode normal form NFC"))
    if "\\" in path:
        return "path-backslash", Words(_("the name holds a backslash where a path uses '/'"))
    if path.startswith("/"):
        return "path-absolute", Words(_("the path is absolute and must be relative"))
    if match := _RESERVED_CHARACTERS.search(path):
        words = Words(_("the name holds %(sign)s, which not every system can store"), {"sign": repr(match.group())})
        return "path-reserved", words
    for part in path.split("/"):
        if problem := _part_problem(part):
            return problem
    return None


def _part_problem(part: str) -> tuple[str, Words] | None:
    """Return the code and the reason why `part` may not stand between two slashes."""
    if part in {"", ".", ".."}:
        return "path-climbs", Words(_("the path holds %(part)s between slashes"), {"part": repr(part)})
    if part != part.strip(" ") or part.endswith("."):
        words = Words(_("a part of the path begins or ends with a space, or ends with a dot"))
        return "path-reserved", words
    if _RESERVED_NAMES.fullmatch(part.split(".")[0].rstrip(" ")):
        return "path-reserved", Words(_("%(part)s is a device name on Windows"), {"part": repr(part)})
    return None
