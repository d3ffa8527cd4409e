"""How much a provider and a studio may have at once and in a day, counted so that two at once cannot pass it.

The counts are of calls, across all studios. Everything here runs in the transaction that writes the calls.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import Q

from marketplace.compositions.runs import Run, ServiceCall
from marketplace.compositions.services.planning import Plan
from marketplace.people.models import Studio
from marketplace.ui.formats import sentence
from marketplace.ui.words import Words
from marketplace.ui.words import gettext_noop as _

DAY = timedelta(hours=24)
_STUDIO_LOCK, _LANE_LOCK = 11, 12
"""Seeds of the hashes that name advisory locks; a studio's is always taken before those of services."""


class ServiceOverQuota(Exception):
    """A provider takes no more for now; nothing was asked and nothing is charged. `layer` is the first it would not."""

    code = "service-over-quota"

    def __init__(self, layer: str, words: Words) -> None:
        super().__init__(layer, words)
        self.layer, self.words = layer, words

    def __str__(self) -> str:
        return sentence(self.words)


class TooManyRuns(Exception):
    """The studio has as many runs on their way as one may have; nothing was asked."""

    code = "too-many-runs"

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.most = most

    def __str__(self) -> str:
        text = _("As many runs of your studio are on their way as may be (%(most)d): start another when one is over.")
        return sentence(Words(text, {"most": self.most}))


def hold_studio(studio: Studio) -> None:
    """This will let only one transaction start runs of a studio until it ends."""
    _hold(_STUDIO_LOCK, str(studio.pk))


def _hold(seed: int, name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, %s))", [name, seed])


def check_studio(studio: Studio) -> None:
    """This will raise TooManyRuns where a studio, which is held, may start no more."""
    most = settings.SERVICE_RUNS_AT_ONCE
    if Run.objects.filter(studio=studio, outcome=None).count() >= most:
        raise TooManyRuns(most)


def check_services(plans: Sequence[Plan], *, now: datetime) -> None:
    """This will raise ServiceOverQuota where a service takes fewer jobs than are planned, else hold its count.

    What was not asked in the end is not counted. At once are the runs that a service is at work for: each asks it for
    one layer at a time.
    """
    lanes: dict[tuple[str, str], list[Plan]] = {}
    for plan in plans:
        lanes.setdefault(plan.lane, []).append(plan)
    for lane in sorted(lanes):
        _hold(_LANE_LOCK, " ".join(lane))
    for (pack, endpoint), mine in lanes.items():
        quota = mine[0].service["quota"]
        calls = ServiceCall.objects.filter(release__pack=pack, endpoint=endpoint)
        asked = calls.filter(called_at__gt=now - DAY).exclude(outcome__code="not-asked").count()
        values = {"pack": str(mine[0].release.pack), "layer": mine[0].layer, "asked": asked}
        if asked + len(mine) > quota["per_day"]:
            text = _(
                "The service of %(pack)s, for the layer “%(layer)s”, takes %(most)d jobs in 24 hours and has had"
                " %(asked)d: run it tomorrow, or choose another pack."
            )
            layer = mine[max(0, quota["per_day"] - asked)].layer
            raise ServiceOverQuota(layer, Words(text, values | {"most": quota["per_day"], "layer": layer}))
        busy = calls.filter(Q(outcome=None), deadline_at__gt=now, run__outcome=None).values("run").distinct().count()
        if busy >= quota["at_once"]:
            text = _(
                "The service of %(pack)s, for the layer “%(layer)s”, is at work for as many runs as it takes at once"
                " (%(most)d): run it in a few minutes."
            )
            raise ServiceOverQuota(mine[0].layer, Words(text, values | {"most": quota["at_once"]}))
