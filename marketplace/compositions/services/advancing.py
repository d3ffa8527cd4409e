"""Bringing a run to its end, step by step; killed anywhere, the next step goes on where the last one was committed.

Intent, call, outcome: what is asked was written when the run began, each request repeats the same key, and what came is
written when it is here.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from assets.inspectors.base import Refused
from assets.storage.base import BlobDamaged, BlobMissing
from marketplace.compositions.lockfile import Lock
from marketplace.compositions.queries import lock_in, unlicensed
from marketplace.compositions.runs import Run, RunOutcome, ServiceCall, ServiceOutcome
from marketplace.compositions.services import calling, compositing, pictures
from marketplace.compositions.services.base import Client
from marketplace.compositions.services.faults import ServiceFault, plain
from marketplace.compositions.usage import accepting
from marketplace.compositions.usage.coverage import coverages
from marketplace.compositions.usage.refusals import UnableToCount
from marketplace.compositions.uses import UsageBatch
from marketplace.database.locks import alone

log = logging.getLogger(__name__)

_LOCK = 0x72756E73


def the_client() -> Client:
    """This will give the adapter that the settings name."""
    found: Client = import_string(settings.ADAPTERS["services"])()
    return found


def advance(*, run: Run, now: datetime, client: Client | None = None) -> datetime | None:
    """This will do one step for each service at work for a run, and say when to come again; None when it is over.

    Safe to be killed anywhere and to be run twice at once: the second leaves it alone and is told None. Asks strangers,
    so it is not for a transaction; each thing that came is one of its own. A layer that fails ends the run: nothing is
    charged. When all are made they are laid over each other, and with the outcome the use is counted.
    """
    with alone(_LOCK, str(run.pk)) as mine:
        if not mine or RunOutcome.objects.filter(run=run).exists():
            return None
        rows = ServiceCall.objects.filter(run=run).select_related("job", "outcome", "release__pack__creator")
        calls = list(rows.order_by("position"))
        lock = lock_in(run.lock)
        try:
            return _advanced(run, lock, calls, client or the_client(), now)
        except Refused as refusal:
            if pictures.is_unfinished(refusal):
                return now + timedelta(seconds=calling.MOST_WAIT_SECONDS)
            _give_up(run, calls, "picture-lost", str(refusal), now)
        except (BlobMissing, BlobDamaged) as loss:
            _give_up(run, calls, "picture-lost", str(loss), now)
        return None


def _advanced(run: Run, lock: Lock, calls: Sequence[ServiceCall], client: Client, now: datetime) -> datetime | None:
    again = [step for call in _next(calls) if (step := _step(run, lock, calls, call, client, now))]
    if any(hasattr(call, "outcome") and not _is_made(call) for call in calls):
        return None
    if again:
        return min(again)
    if not all(map(_is_made, calls)):
        return now
    _finish(run, lock, calls, now)
    return None


def _is_made(call: ServiceCall) -> bool:
    return hasattr(call, "outcome") and call.outcome.outcome == ServiceOutcome.MADE


def turn_of(calls: Sequence[ServiceCall]) -> list[ServiceCall]:
    """This will give whose turn it is: the first unfinished layer of each service; the style when it alone is left."""
    found: dict[tuple[UUID, str], ServiceCall] = {}
    waiting = [call for call in calls if not hasattr(call, "outcome")]
    for call in waiting:
        if not call.inputs["is_style"] or len(waiting) == 1:
            found.setdefault((call.release.pack_id, call.endpoint), call)
    return list(found.values())


def _next(calls: Sequence[ServiceCall]) -> Iterator[ServiceCall]:
    """Gives whose turn it is, as long as none has failed."""
    for call in turn_of(calls):
        if any(hasattr(one, "outcome") and not _is_made(one) for one in calls):
            return
        yield call


def _step(
    run: Run, lock: Lock, calls: Sequence[ServiceCall], call: ServiceCall, client: Client, now: datetime
) -> datetime | None:
    """Asks or hears once; a fault that may pass is tried again until the time is over."""
    try:
        if hasattr(call, "job"):
            return calling.hear(call, client, now)
        _check_license(lock, call, now)
        return calling.ask(call, partial(_ground, lock, calls), client, now)
    except ServiceFault as fault:
        log.info("Layer %s of run %s: %s", call.layer, run.pk, fault)
        again = calling.again_at(call, now, fault.wait_seconds)
        if not fault.lasts and again < calling.deadline(call):
            return again
        _fail(run, calls, call, fault, now)
        return None


def _check_license(lock: Lock, call: ServiceCall, now: datetime) -> None:
    if any(layer == call.layer for layer, _pack in unlicensed(lock, now=now)):
        raise ServiceFault("license-ended")


def _ground(lock: Lock, calls: Sequence[ServiceCall]) -> bytes:
    """Gives the layers below the style as PNG, in the size that it is asked for."""
    style = next(call for call in calls if call.inputs["is_style"])
    job = style.inputs["job"]
    return compositing.png(
        compositing.fitted(pictures.composed(lock, _layers(calls)), job["width"], job["height"]).convert("RGB")
    )


def _layers(calls: Sequence[ServiceCall]) -> list[ServiceCall]:
    return [call for call in calls if not call.inputs["is_style"]]


@transaction.atomic
def _fail(run: Run, calls: Sequence[ServiceCall], failed: ServiceCall, fault: ServiceFault, now: datetime) -> None:
    """Writes that a layer failed, and the run with it; the others are asked for no more."""
    turns = turn_of(calls)
    codes: Mapping[int, tuple[str, str]] = {
        call.position: (fault.code, fault.reason)
        if call is failed
        else ("abandoned" if call in turns or hasattr(call, "job") else "not-asked", "")
        for call in calls
        if not hasattr(call, "outcome")
    }
    ServiceOutcome.objects.bulk_create(
        ServiceOutcome(call=call, outcome=ServiceOutcome.FAILED, code=code, reason=reason, at=now)
        for call in calls
        if call.position in codes
        for code, reason in [codes[call.position]]
    )
    RunOutcome.objects.create(
        run=run, outcome=RunOutcome.FAILED, layer=failed.layer, code=fault.code, reason=fault.reason, at=now
    )


def _finish(run: Run, lock: Lock, calls: Sequence[ServiceCall], now: datetime) -> None:
    """Lays all layers over each other, and writes the outcome and the use in one transaction: both or neither."""
    style = next((call for call in calls if call.inputs["is_style"]), None)
    whole = pictures.finished(lock, pictures.composed(lock, _layers(calls)), style)
    try:
        with transaction.atomic():
            blob = pictures.kept(whole, now=now)
            RunOutcome.objects.create(run=run, outcome=RunOutcome.MADE, blob=blob, at=now)
            _count(run, blob.pk, now)
    except UnableToCount as refusal:
        _give_up(run, calls, "not-counted", str(refusal), now)


@transaction.atomic
def _give_up(run: Run, calls: Sequence[ServiceCall], code: str, reason: str, now: datetime) -> None:
    """Writes that a run failed by no layer's fault; what was not asked for yet is not asked for any more."""
    ServiceOutcome.objects.bulk_create(
        ServiceOutcome(call=call, outcome=ServiceOutcome.FAILED, code="not-asked", at=now)
        for call in calls
        if not hasattr(call, "outcome")
    )
    RunOutcome.objects.create(run=run, outcome=RunOutcome.FAILED, code=code, reason=plain(reason), at=now)


def _count(run: Run, sha256: str, now: datetime) -> None:
    """Counts the use at the time when the run began, when its licenses were seen to hold; the nonce is the run's id."""
    units = coverages(run.studio, [run.lock_id])[run.lock_id].units
    event = {
        "nonce": str(run.pk),
        "recipe": run.lock_id,
        "at": int(run.started_at.timestamp()),
        "counts": dict.fromkeys(sorted(units), 1),
        "outputs": [sha256],
    }
    accepting.accept_own(studio=run.studio, events=[event], source=UsageBatch.RUNNER, person=run.person, now=now)


def overdue(*, now: datetime, most: int = 100) -> list[Run]:
    """This will find runs that are not over, the oldest first, in case a worker that was killed left them."""
    before = now - timedelta(seconds=calling.MOST_WAIT_SECONDS)
    return list(Run.objects.filter(outcome=None, started_at__lt=before).order_by("started_at", "id")[:most])
