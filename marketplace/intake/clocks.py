"""What may happen to a claim, by whom and until when: plain decisions, no database.

The order follows a notice and counter-notice: whoever is asked has a clock, and whoever lets it run out has decided.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

Party = Literal["claimant", "respondent", "operator", "clock"]

ENDINGS = ("accepted", "withdrawn", "upheld", "dismissed")
FOR_CLAIMANT = ("accepted", "upheld")

# The newest event that is not an ending → what may follow it → who may do that.
_NEXT: Mapping[str, Mapping[str, tuple[Party, ...]]] = {
    "opened": {
        "countered": ("respondent",),
        "accepted": ("respondent",),
        "withdrawn": ("claimant",),
        "upheld": ("clock", "operator"),
        "dismissed": ("operator",),
    },
    "countered": {
        "maintained": ("claimant",),
        "accepted": ("respondent",),
        "withdrawn": ("claimant",),
        "upheld": ("operator",),
        "dismissed": ("clock", "operator"),
    },
    "maintained": {
        "accepted": ("respondent",),
        "withdrawn": ("claimant",),
        "upheld": ("operator",),
        "dismissed": ("operator",),
    },
}


@dataclass(frozen=True, slots=True)
class Step:
    """An event as the decisions see it."""

    kind: str
    due_at: datetime | None = None


def next_steps(steps: Sequence[Step], party: Party, now: datetime) -> tuple[str, ...]:
    """Return what the party may do next; the clock only once what it waits for is due."""
    if not steps or steps[-1].kind in ENDINGS:
        return ()
    last = steps[-1]
    allowed = tuple(kind for kind, parties in _NEXT[last.kind].items() if party in parties)
    if party == "clock" and (last.due_at is None or now < last.due_at):
        return ()
    if party in ("claimant", "respondent") and last.due_at is not None and now >= last.due_at:
        # The time to answer is over; giving in is always possible.
        return tuple(kind for kind in allowed if kind in ENDINGS)
    return allowed


def due_after(kind: str, now: datetime, days: int) -> datetime | None:
    """Return until when the other side may answer an event; None when nobody is asked."""
    return now + timedelta(days=days) if kind in ("opened", "countered") else None


def waits_for(steps: Sequence[Step]) -> str:
    """Return who is to act: respondent, claimant or operator; empty when the claim has ended."""
    return {"opened": "respondent", "countered": "claimant", "maintained": "operator"}.get(steps[-1].kind, "")
