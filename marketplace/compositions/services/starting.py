"""Starting a run: everything that can be refused is refused here, before anybody is asked or anything is charged."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app

from marketplace.compositions import keeping
from marketplace.compositions.keeping import NotYourRecipe
from marketplace.compositions.kit import NotRunnable
from marketplace.compositions.models import RecipeLock
from marketplace.compositions.queries import lock_in, unlicensed
from marketplace.compositions.runs import Run, ServiceCall
from marketplace.compositions.services import quotas
from marketplace.compositions.services.planning import Plan, plans_of
from marketplace.people.models import Person, Studio

QUEUE, TASK = "services", "compositions.run"
KEY_CHARACTERS = 200


class RunKeyTaken(Exception):
    """The idempotency key stands for a run of another lock, or is none."""

    code = "idempotency-key-reused"


@transaction.atomic
def start_run(*, lock: RecipeLock, studio: Studio, person: Person, idempotency_key: str, now: datetime) -> Run:
    """This will begin to have a lock painted by the services in it: who is asked for what is written, and nobody asked.

    The same key again is the run that there is. `advance` does the rest, by a task. Raises NotYourRecipe, RunKeyTaken,
    NotRunnable, UnableToRun, TooManyRuns and ServiceOverQuota; then nothing is written.
    """
    keeping.check_seat(person, studio)
    if lock.studio_id != studio.pk:
        raise NotYourRecipe(_("The recipe %s is of another studio.") % lock.pk[:12])
    if not 0 < len(idempotency_key) <= KEY_CHARACTERS or not idempotency_key.isprintable():
        raise RunKeyTaken(_("A run needs a key of 1 to %d characters: send the form again.") % KEY_CHARACTERS)
    quotas.hold_studio(studio)
    if there := Run.objects.filter(studio=studio, idempotency_key=idempotency_key).first():
        if there.lock_id != lock.pk:
            raise RunKeyTaken(_("This key already stands for a run of another recipe: send a fresh one."))
        return there
    found = lock_in(lock)
    if missing := unlicensed(found, now=now):
        raise NotRunnable(lock, missing)
    plans = plans_of(found)
    quotas.check_studio(studio)
    quotas.check_services(plans, now=now)
    run = Run.objects.create(lock=lock, studio=studio, person=person, idempotency_key=idempotency_key, started_at=now)
    ServiceCall.objects.bulk_create(_calls(run, plans, now))
    app.configure_task(TASK, queue=QUEUE, queueing_lock=queueing_lock(run)).defer(run_id=str(run.pk))
    return run


def queueing_lock(run: Run) -> str:
    """This will name what lets a run wait in the queue once."""
    return f"{TASK}:{run.pk}"


def _calls(run: Run, plans: Sequence[Plan], now: datetime) -> list[ServiceCall]:
    """Writes whom we are about to ask, each with a key of its own and a time after which we wait no more.

    Those of one service are asked one after the other, and the style when all others are made.
    """
    ends: dict[tuple[str, str], datetime] = {}
    calls = []
    for plan in plans:
        begins = max(ends.values(), default=now) if plan.is_style else ends.get(plan.lane, now)
        ends[plan.lane] = begins + timedelta(seconds=plan.service["timeout"]["job_seconds"])
        calls.append(
            ServiceCall(
                run=run,
                position=plan.position,
                layer=plan.layer,
                release=plan.release,
                endpoint=plan.service["endpoint"],
                key=f"{run.pk}.{plan.position}",
                inputs={"job": plan.job, "service": plan.service, "is_style": plan.is_style},
                called_at=now,
                deadline_at=ends[plan.lane],
            )
        )
    return calls
