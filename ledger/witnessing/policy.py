"""Whose cosignatures make a checkpoint good: c2sp.org/tlog-policy files, and the one that settings name."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

from ledger.log.checkpoint import TreeHead, UnableToReadNote, UnableToVerifyNote, VerifierKey, split_note
from ledger.log.cosignature import MLDSA44_COSIGNATURE, CosignerKey, find_cosignature, open_log_checkpoint, parse_vkey

NONE = "none"
POLICY_LIMIT_BYTES = 256 * 1024
NAMES_LIMIT = 256
_BLANK = re.compile(r"[ \t]+")
_FORBIDDEN = re.compile(rb"[^\t\n\x20-\x7e\x80-\xff]")
_THRESHOLD = re.compile(r"[1-9][0-9]{0,8}")


class UnableToReadPolicy(Exception):
    """A policy that is not one, or that cannot be kept; `where` is its file or its line."""

    code = "policy-malformed"

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(where, reason)
        self.where = where
        self.reason = reason

    def __str__(self) -> str:
        return f"The witness policy cannot be used: {self.where} {self.reason}."


@dataclass(frozen=True, slots=True)
class PolicyLog:
    """A log that the policy knows."""

    key: VerifierKey | CosignerKey
    url: str = ""


@dataclass(frozen=True, slots=True)
class PolicyWitness:
    """A witness by its name in the policy; `url` is its submission prefix, if any."""

    name: str
    key: CosignerKey
    url: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """What has witnessed a checkpoint when at least `threshold` of its members have."""

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True)
class Policy:
    """A trust policy. `groups` are in the order of the file, so each names only what stands before it."""

    text: bytes
    logs: Sequence[PolicyLog]
    witnesses: Mapping[str, PolicyWitness]
    groups: Mapping[str, Group]
    quorum: str

    @property
    def digest(self) -> str:
        """SHA-256 of the file, in hex: what the log's `policy` entry names."""
        return hashlib.sha256(self.text).hexdigest()

    def is_met_by(self, witnesses: Iterable[str]) -> bool:
        """Whether cosignatures by the witnesses of these names are enough."""
        met = {name for name in witnesses if name in self.witnesses}
        for name, group in self.groups.items():
            if sum(member in met for member in group.members) >= group.threshold:
                met.add(name)
        return self.quorum == NONE or self.quorum in met

    def verify(self, note: str) -> TreeHead:
        """Return the tree head of a checkpoint that a log of the policy signed and its quorum cosigned.

        A policy without logs looks at cosignatures only. Times in cosignatures are not judged. Raise
        UnableToReadNote or UnableToVerifyNote, also when a known witness's line does not verify.
        """
        head = self._open(note)
        cosigned = [name for name, witness in self.witnesses.items() if find_cosignature(note, witness.key)]
        if not self.is_met_by(cosigned):
            raise UnableToVerifyNote(self.quorum, f"its quorum is not met by {', '.join(cosigned) or 'nobody'}")
        return head

    def _open(self, note: str) -> TreeHead:
        refusals: list[UnableToVerifyNote] = []
        for log in self.logs:
            try:
                return open_log_checkpoint(note, log.key)
            except UnableToVerifyNote as refusal:
                refusals.append(refusal)
        if refusals:
            raise refusals[0]
        return TreeHead.parse(split_note(note)[0])

    @classmethod
    def parse(cls, content: bytes) -> "Policy":
        """Return the policy that the file spells; UnableToReadPolicy names the line that is wrong."""
        if len(content) > POLICY_LIMIT_BYTES:
            raise UnableToReadPolicy("it", f"is longer than {POLICY_LIMIT_BYTES} bytes")
        reader = _Reader()
        for number, line in enumerate(content.split(b"\n"), start=1):
            if _FORBIDDEN.search(line):
                raise UnableToReadPolicy(f"line {number}", "holds a control character")
            # Octets above 0x7f stay what they are: two names are the same when their octets are.
            words = _BLANK.split(line.decode("utf-8", "surrogateescape").strip(" \t"))
            if words[0] and not words[0].startswith("#"):
                try:
                    reader.read(words)
                except (UnableToReadNote, ValueError) as error:
                    raise UnableToReadPolicy(f"line {number}", f"is wrong: {error}".rstrip(".")) from None
        if not reader.quorum:
            raise UnableToReadPolicy("it", "has no quorum line")
        return cls(content, tuple(reader.logs), reader.witnesses, reader.groups, reader.quorum)


@dataclass
class _Reader:
    """What was read of a policy so far; every fault is a ValueError or an UnableToReadNote."""

    logs: list[PolicyLog] = field(default_factory=list)
    witnesses: dict[str, PolicyWitness] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    quorum: str = ""
    _grouped: set[str] = field(default_factory=set)

    def read(self, words: Sequence[str]) -> None:
        kind, *rest = words
        reads = {"log": self._log, "witness": self._witness, "group": self._group, "quorum": self._quorum}
        if kind not in reads:
            raise ValueError(f"{_show(kind)} is none of log, witness, group, quorum")
        reads[kind](rest)

    def _log(self, rest: Sequence[str]) -> None:
        if len(rest) not in (1, 2):
            raise ValueError("a log line is: log <vkey> [<url>]")
        key = parse_vkey(rest[0])
        if isinstance(key, CosignerKey) and key.kind != MLDSA44_COSIGNATURE:
            raise ValueError("a log signs with a key of type 0x01 or 0x06")
        if any(log.key.public_key == key.public_key for log in self.logs):
            raise ValueError("the same log key stands in it twice")
        self.logs.append(PolicyLog(key, *rest[1:]))

    def _witness(self, rest: Sequence[str]) -> None:
        if len(rest) not in (2, 3):
            raise ValueError("a witness line is: witness <name> <vkey> [<url>]")
        name, key = self._new(rest[0]), parse_vkey(rest[1])
        if isinstance(key, VerifierKey):
            raise ValueError("a witness cosigns with a key of type 0x04 or 0x06")
        if any(witness.key.public_key == key.public_key for witness in self.witnesses.values()):
            raise ValueError("the same witness key stands in it twice")
        self.witnesses[name] = PolicyWitness(name, key, *rest[2:])

    def _group(self, rest: Sequence[str]) -> None:
        if len(rest) < 3:
            raise ValueError("a group line is: group <name> all|any|<k> <name>...")
        name, threshold, *members = rest
        self._new(name)
        for member in members:
            self._known(member)
            if member in self._grouped:
                raise ValueError(f"{_show(member)} is a member of a group already")
            self._grouped.add(member)
        least = {"all": len(members), "any": 1}.get(threshold, 0)
        if _THRESHOLD.fullmatch(threshold):
            least = int(threshold)
        if not 1 <= least <= len(members):
            raise ValueError(f"{_show(threshold)} is not all, any or a number from 1 to {len(members)}")
        self.groups[name] = Group(least, tuple(members))

    def _quorum(self, rest: Sequence[str]) -> None:
        if len(rest) != 1:
            raise ValueError("a quorum line is: quorum <name>")
        if self.quorum:
            raise ValueError("it is the second quorum line")
        if rest[0] != NONE:
            self._known(rest[0])
        self.quorum = rest[0]

    def _new(self, name: str) -> str:
        if name == NONE or name in self.witnesses or name in self.groups:
            raise ValueError(f"the name {_show(name)} is taken")
        if len(self.witnesses) + len(self.groups) >= NAMES_LIMIT:
            raise ValueError(f"more than {NAMES_LIMIT} witnesses and groups are too many")
        return name

    def _known(self, name: str) -> None:
        if name not in self.witnesses and name not in self.groups:
            raise ValueError(f"no line before it defines {_show(name)}")


def _show(name: str) -> str:
    return ascii(name) if not name.isprintable() else f"“{name}”"


def configured() -> Policy | None:
    """Return the policy that the setting WORLDLOOM_WITNESS_POLICY names, None when it names none.

    Raise UnableToReadPolicy when the file is unreadable, malformed, or one that we could never keep.
    """
    if not settings.WITNESS_POLICY:
        return None
    path = Path(settings.WITNESS_POLICY)
    try:
        stat = path.stat()
        return _load(path, stat.st_mtime_ns, stat.st_size, settings.LOG_ORIGIN)
    except OSError as error:
        raise UnableToReadPolicy(str(path), f"cannot be read ({error.strerror})") from None


@lru_cache(4)
def _load(path: Path, _changed_ns: int, _size_bytes: int, origin: str) -> Policy:
    try:
        policy = Policy.parse(path.read_bytes())
        _check_use(policy, origin)
    except UnableToReadPolicy as error:
        raise UnableToReadPolicy(f"{path}: {error.where}", error.reason) from None
    return policy


def _check_use(policy: Policy, origin: str) -> None:
    """Raise UnableToReadPolicy when the policy could never be kept by the log of that origin."""
    for witness in policy.witnesses.values():
        if witness.url:
            check_url(witness.url)
    if policy.logs and all(log.key.name != origin for log in policy.logs):
        raise UnableToReadPolicy("it", f"names other logs, and not ours, {origin}")
    if policy.witnesses and not policy.is_met_by(one.name for one in policy.witnesses.values() if one.url):
        silent = ", ".join(one.name for one in policy.witnesses.values() if not one.url)
        raise UnableToReadPolicy("it", f"can never be met, since nobody can ask witnesses without an address: {silent}")


def check_url(url: str) -> None:
    """Raise UnableToReadPolicy unless it is an http or https address without query, fragment and password."""
    try:
        parts = urlsplit(url)
        fit = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fit = False
    if not fit or not url.isascii() or parts.query or parts.fragment or "@" in parts.netloc:
        raise UnableToReadPolicy(_show(url), "is no http or https address of a witness")
