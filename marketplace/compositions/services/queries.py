"""Questions about runs; none writes."""

from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO
from uuid import UUID

from django.db.models import Q, QuerySet

import assets.queries
from marketplace.catalog.queries import place
from marketplace.compositions.models import RecipeLock
from marketplace.compositions.runs import Run, RunOutcome, ServiceCall, ServiceOutcome
from marketplace.compositions.services.advancing import turn_of
from marketplace.compositions.services.faults import words_of
from marketplace.compositions.services.planning import unpaintable as unpaintable
from marketplace.people.models import Studio
from marketplace.ui.words import Words

PAGE_SIZE = 24
RUNNING, MADE, FAILED = "running", "made", "failed"
RUN_STATES = (RUNNING, MADE, FAILED)
WAITING, ASKED, TAKEN = "waiting", "asked", "taken"
LAYER_STATES = (WAITING, ASKED, TAKEN, MADE, FAILED)
"""It is not this layer's turn; the provider is asked; it took the job on; the picture is here; there is none."""


@dataclass(frozen=True, slots=True)
class LayerState:
    """How far a layer of a run is. `code` and `words` say why it failed; `since` is when it came to its state.

    `pack` is `creator/pack@version`, `deadline_at` when we wait no more.
    """

    position: int
    layer: str
    pack: str
    is_style: bool
    state: str
    since: datetime
    deadline_at: datetime
    width: int
    height: int
    code: str = ""
    words: Words | None = None


def run_of(run_id: UUID | str, *, studio: Studio) -> Run | None:
    """This will find a run of a studio, its `lock`, `person` and `outcome` at hand; to others it does not exist."""
    return _runs(studio).filter(pk=run_id).first()


def runs_of(
    studio: Studio, *, lock: RecipeLock | None = None, after: str = "", size: int = PAGE_SIZE
) -> tuple[list[Run], str | None]:
    """This will list a studio's runs, or those of one lock, newest first, by keyset over (started_at, id)."""
    rows = _runs(studio).order_by("-started_at", "-id")
    if lock is not None:
        rows = rows.filter(lock=lock)
    if at := place(after):
        rows = rows.filter(Q(started_at__lt=at[0]) | Q(started_at=at[0], pk__lt=at[1]))
    found = list(rows[: size + 1])
    last = found[size - 1] if len(found) > size else None
    return found[:size], f"{last.started_at.isoformat()}~{last.pk}" if last else None


def _runs(studio: Studio) -> QuerySet[Run]:
    return (
        Run.objects.filter(studio=studio).select_related("lock", "person", "studio", "outcome").defer("lock__document")
    )


def state_of(run: Run) -> str:
    """This will say how far a run is: one of RUN_STATES."""
    return run.outcome.outcome if hasattr(run, "outcome") else RUNNING


def reason_of(run: Run) -> Words | None:
    """This will say why a run failed, None while it has not."""
    if state_of(run) != FAILED:
        return None
    outcome: RunOutcome = run.outcome
    failed = ServiceCall.objects.filter(run=run, layer=outcome.layer).select_related("release__pack__creator").first()
    pack = str(failed.release) if failed else ""
    return words_of(outcome.code, layer=outcome.layer, pack=pack, reason=outcome.reason)


def layers_of(run: Run) -> list[LayerState]:
    """This will say how far each layer of a run is, in paint order, the style last; one query."""
    rows = ServiceCall.objects.filter(run=run).select_related("job", "outcome", "release__pack__creator")
    calls = list(rows.defer("release__manifest").order_by("position"))
    turns = turn_of(calls)
    return [_state(call, is_asked=call in turns) for call in calls]


def _state(call: ServiceCall, *, is_asked: bool) -> LayerState:
    pack, job = str(call.release), call.inputs["job"]
    state, since, code, words = (ASKED if is_asked else WAITING), call.called_at, "", None
    if hasattr(call, "outcome"):
        outcome: ServiceOutcome = call.outcome
        state, since, code = outcome.outcome, outcome.at, outcome.code
        if code:
            words = words_of(code, layer=call.layer, pack=pack, reason=outcome.reason)
    elif hasattr(call, "job"):
        state, since = TAKEN, call.job.accepted_at
    return LayerState(
        position=call.position,
        layer=call.layer,
        pack=pack,
        is_style=call.inputs["is_style"],
        state=state,
        since=since,
        deadline_at=call.deadline_at,
        width=job["width"],
        height=job["height"],
        code=code,
        words=words,
    )


def picture_of(run: Run) -> BinaryIO | None:
    """This will open the picture of a run that is made, a PNG of ours; None while there is none.

    Raises BlobMissing or BlobDamaged when storage lost it.
    """
    return assets.queries.open_blob(run.outcome.blob_id) if state_of(run) == MADE else None
