"""Uses of recipes that a creator shares in: what each month earns, and each use."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from marketplace.catalog.models import Release
from marketplace.checkout import charge_queries
from marketplace.checkout.charge_queries import Earned, Seen
from marketplace.checkout.rating import month_after, month_of
from marketplace.people.models import Creator
from marketplace.portal import uses_rows
from marketplace.portal.views.access import creators_only
from marketplace.ui import formats
from marketplace.ui.formats import Names
from marketplace.ui.sheets import sheet

KINDS: Names = {
    "license": gettext_lazy("Its own license"),
    "contract": gettext_lazy("Contract of a composition"),
    "pool": gettext_lazy("Pool of a composition"),
}
LATEST = 3


@never_cache
@require_safe
@creators_only
def uses(request: HttpRequest, creator: Creator) -> HttpResponse:
    """This will show what the uses of a month earn a creator, work by work, and each use, newest first."""
    this = month_of(timezone.now())
    earned = charge_queries.months_earned(creator)
    months = sorted({*earned, *(month_after(this, -back) for back in range(LATEST))}, reverse=True)
    month = _month_in(request.GET.get("month", "")) or this
    cursor = request.GET.get("cursor", "")[:20]
    seen, after = charge_queries.uses_seen(creator, month, after=cursor)
    rows, releases = uses_rows.releases_of(creator, month)
    context = {
        "here": "sell",
        "creator": creator,
        "months": months,
        "month": month,
        "is_open": month >= this,
        "is_first": not cursor,
        "rows": _works(rows, releases),
        "sums": _sums(rows),
        "uses": [_use(one) for one in seen],
        "after": after,
    }
    return render(request, "portal/uses.html", context)


def _month_in(text: str) -> date | None:
    try:
        return datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date()
    except ValueError:
        return None


@require_safe
@creators_only
def works_csv(request: HttpRequest, creator: Creator) -> HttpResponseBase:
    """This will send what the uses of a month earn a creator, work by work, as CSV."""
    month = _month_in(request.GET.get("month", "")) or month_of(timezone.now())
    return sheet(uses_rows.work_lines(creator, month), f"uses-{creator.handle}-{month:%Y-%m}.csv")


@require_safe
@creators_only
def uses_csv(request: HttpRequest, creator: Creator) -> HttpResponseBase:
    """This will send each use of a month as CSV."""
    month = _month_in(request.GET.get("month", "")) or month_of(timezone.now())
    return sheet(uses_rows.use_lines(creator, month), f"each-use-{creator.handle}-{month:%Y-%m}.csv")


def _works(rows: Sequence[Earned], releases: Mapping[UUID, Release]) -> list[dict[str, Any]]:
    return [{"row": row, "release": releases[row.release_id], "kind": formats.say(KINDS, row.kind)} for row in rows]


def _sums(rows: Iterable[Earned]) -> list[tuple[str, int]]:
    sums: dict[str, int] = {}
    for row in rows:
        sums[row.currency] = sums.get(row.currency, 0) + row.earned_minor
    return sorted(sums.items())


def _use(seen: Seen) -> dict[str, Any]:
    names = dict.fromkeys(str(pack.release) for pack in seen.packs)
    return {
        "event": seen.event,
        "packs": list(names),
        "counts": sorted(seen.event.counts.items()),
        "about": sorted(seen.about.items()),
    }
