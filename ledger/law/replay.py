"""Replay a log: one entry after the other, each judged by what came before it."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ledger.index.keys import keys_in
from ledger.index.trie import hash_key
from ledger.law import forms
from ledger.law.clock import Clock
from ledger.law.findings import Broken, Finding
from ledger.law.indexing import IndexReplay
from ledger.law.rules import RULE_OF, Case
from ledger.law.signatures import counting_signers
from ledger.law.store import Store
from ledger.schemas import FOREIGN_TYPE

RootAt = Callable[[int], bytes]
"""Given a size, return the root over the first leaves of the log that is replayed."""


class Law:
    """Judges the entries of one log in leaf order; goes on where its store ended.

    An entry that breaks a rule counts for nothing: what follows is judged as if it were not there. Only its leaf, its
    keys in the index and its id stay.
    """

    def __init__(self, store: Store, *, origin: str, root_at: RootAt, now: datetime) -> None:
        self.store = store
        self._origin = origin
        self._root_at = root_at
        self._clock = Clock(store, now)
        self._index = IndexReplay(store)
        self._is_second = store.knows("second-version")
        self.size: int = store.get("size") or 0

    def take(self, entry: bytes) -> list[Finding]:
        """Judge the next entry; return what is wrong with it, which the store remembers too."""
        index = self.size
        findings = []
        try:
            said = forms.parse_entry(entry)
            self._wait_for_index(said, index)
            if forms.is_foreign(said):
                self._judge_foreign(entry)
            else:
                typed = forms.check_form(said)
                findings += self._clock.check(index, said["stated_at"])
                self._judge(typed, said, entry, index)
        except Broken as broken:
            findings.append(Finding(broken.rule, index, broken.what))
        for finding in findings:
            self.store.report(finding)
        self.size = index + 1
        return findings

    def save(self) -> None:
        """Write what stands between entries into the store; its owner commits."""
        self.store.set("size", self.size)
        self._clock.save()

    def _wait_for_index(self, said: Mapping[str, Any], index: int) -> None:
        if keys := keys_in(said):
            self.store.wait((hash_key(key), index) for key in keys)

    def _judge(self, typed: forms.Typed, said: Mapping[str, Any], entry: bytes, index: int) -> None:
        store = self.store
        if typed.version == 1 and self._is_second:
            raise Broken("format-went-back", "it is of version 1, after entries of version 2")
        if typed.version == 2 and not self._is_second:
            self._is_second = store.add("second-version")
        if not store.add(f"id:{said['id']}"):
            raise Broken("repeated-id", f"the id {said['id']} is that of an earlier entry")
        signers = counting_signers(store, typed, said, self._origin)
        once = f"once:{typed.name}:{typed.subject}"
        stands_alone = typed.name not in RULE_OF and typed.name != "index-root"
        if typed.once and not (store.add(once) if stands_alone else not store.knows(once)):
            raise Broken("said-twice", f"{typed.subject} has its {typed.name} entry already")
        case = Case(
            store=store,
            index=index,
            version=typed.version,
            body=said["body"],
            digest=hashlib.sha256(entry).hexdigest(),
            stated_at=int(datetime.fromisoformat(said["stated_at"]).timestamp()),
            signers=signers,
        )
        if typed.name == "anchor-receipt":
            self._check_anchor(said["body"], index)
        elif typed.name == "index-root":
            self._index.check(said["body"], index)
        elif typed.name in RULE_OF:
            RULE_OF[typed.name](case)
        if typed.once and not stands_alone:
            store.add(once)

    def _judge_foreign(self, entry: bytes) -> None:
        # Its subject is not in it, so only the same bytes are the same entry.
        if not self.store.add(f"once:{FOREIGN_TYPE}:{hashlib.sha256(entry).hexdigest()}"):
            raise Broken("said-twice", "the same entry precedes it")

    def _check_anchor(self, body: Mapping[str, Any], index: int) -> None:
        size = body["size"]
        if size > index:
            raise Broken("anchor-of-another-tree", f"it anchors {size} leaves, but only {index} precede it")
        if (root := self._root_at(size).hex()) != body["root"]:
            raise Broken("anchor-of-another-tree", f"the root over {size} leaves is {root}, not {body['root']}")
