"""When entries say that they were stated, against their order in the log."""

from datetime import datetime

from ledger.law.findings import Finding
from ledger.law.store import Store

DAY_SECONDS = 86_400


class Clock:
    """Remembers the latest time that was stated, and the one before it: who of two is wrong, a third one tells."""

    def __init__(self, store: Store, now: datetime) -> None:
        self._store = store
        self._now = int(now.timestamp())
        # The latest time and its leaf, then the second latest.
        known: tuple[int, int, int] = store.get("clock") or (0, -1, 0)
        self._latest, self._leaf, self._second = known

    def save(self) -> None:
        """Write it into the store."""
        self._store.set("clock", [self._latest, self._leaf, self._second])

    def check(self, index: int, stated_at: str) -> list[Finding]:
        """Return what is wrong with the time of the entry, or with an earlier one that it shows to be wrong."""
        stated = int(datetime.fromisoformat(stated_at).timestamp())
        if stated > self._now + DAY_SECONDS:
            return [Finding("stated-in-the-future", index, f"it says {stated_at}, which is yet to come")]
        found = []
        if stated < self._latest - DAY_SECONDS:
            if stated < self._second - DAY_SECONDS:
                return [Finding("stated-in-the-past", index, f"it says {stated_at}, a day before what precedes it")]
            found = [Finding("stated-in-the-future", self._leaf, f"leaf {index} says {stated_at} after it")]
            self._latest = self._second
        if stated >= self._latest:
            self._latest, self._leaf, self._second = stated, index, self._latest
        elif stated > self._second:
            self._second = stated
        return found
