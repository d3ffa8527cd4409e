"""What a creator earned by pack, by license, or by works that others made from theirs."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from marketplace.payouts.rules import format_amount
from marketplace.people.models import Creator
from marketplace.portal import breakdown_queries, words
from marketplace.portal.breakdown_queries import WAYS, Part, Span
from marketplace.portal.views.access import creators_only
from marketplace.ui.formats import Names
from marketplace.ui.sheets import lines_of, sheet

WAY_NAMES: Names = {
    "pack": gettext_lazy("By pack"),
    "license": gettext_lazy("By license"),
    "derived": gettext_lazy("By works of others"),
}
COLUMNS = ("by", "key", "name", "of", "currency", "sales", "gross", "fee", "earned", "reversed", "stands")
LATEST_MONTHS = 6


def _asked(request: HttpRequest) -> tuple[str, Span]:
    way = request.GET.get("by", "")
    return way if way in WAYS else "pack", breakdown_queries.span_in(request.GET.get("span", ""))


@never_cache
@require_safe
@creators_only
def breakdown(request: HttpRequest, creator: Creator) -> HttpResponse:
    """This will show what a creator earned in a month, a year or ever, parted in one way; sums by currency."""
    way, span = _asked(request)
    parts = breakdown_queries.parts_of(creator, way, span)
    context = {
        "here": "sell",
        "creator": creator,
        "way": way,
        "ways": [(name, words.say(WAY_NAMES, name)) for name in WAYS],
        "span": span,
        "spans": _spans(creator),
        "rows": _rows(creator, way, parts),
        "sums": _sums(parts),
    }
    return render(request, "portal/breakdown.html", context)


def _spans(creator: Creator) -> list[Span]:
    """Lists what can be asked for: all, the years with earnings, and the latest months."""
    now = timezone.now()
    months = [divmod(now.year * 12 + now.month - 1 - back, 12) for back in range(LATEST_MONTHS)]
    years = breakdown_queries.years_with_earnings(creator)
    return [Span(), *(Span(year) for year in years), *(Span(year, month + 1) for year, month in months)]


def _rows(creator: Creator, way: str, parts: Sequence[Part]) -> list[dict[str, Any]]:
    if way == "license":
        return [{"part": part, "name": words.say(words.TERMS, part.key) if part.key else ""} for part in parts]
    if way == "pack":
        packs = breakdown_queries.packs_named(part.key for part in parts)
        latest = breakdown_queries.latest_of(packs.values())
        return [{"part": part, "pack": packs.get(part.key), "release": latest.get(part.key)} for part in parts]
    releases = breakdown_queries.releases_named(part.key for part in parts)
    roots = breakdown_queries.roots_of(creator, [release.pk for release in releases.values()])
    return [
        {
            "part": part,
            "release": releases[part.key],
            "pack": releases[part.key].pack,
            "roots": [
                {"root": root, "share": words.percent_text(root.share_ppb) if root.share_ppb else ""}
                for root in roots.get(releases[part.key].pk, [])
            ],
        }
        for part in parts
    ]


def _sums(parts: Sequence[Part]) -> list[Part]:
    """Adds the rows up, a sum a currency."""
    found: dict[str, list[Part]] = {}
    for part in parts:
        found.setdefault(part.currency, []).append(part)
    names = ("sales", "gross_minor", "fee_minor", "earned_minor", "reversed_minor")
    return [
        Part("", currency, *(sum(getattr(part, name) for part in mine) for name in names))
        for currency, mine in sorted(found.items())
    ]


@never_cache
@require_safe
@creators_only
def breakdown_csv(request: HttpRequest, creator: Creator) -> HttpResponseBase:
    """This will send one way of parting as CSV, amounts with a point and all their decimals."""
    way, span = _asked(request)
    rows = (_cells(way, row) for row in _rows(creator, way, breakdown_queries.parts_of(creator, way, span)))
    return sheet(lines_of(COLUMNS, rows), f"earnings-by-{way}-{creator.handle}-{span.text}.csv")


def _cells(way: str, row: dict[str, Any]) -> list[str]:
    part: Part = row["part"]
    release, pack = row.get("release"), row.get("pack")
    name = str(release) if way == "derived" else str(pack) if pack else row.get("name", "")
    amounts = (part.gross_minor, part.fee_minor, part.earned_minor, part.reversed_minor, part.stands_minor)
    roots = "; ".join(str(one["root"].release) for one in row.get("roots", ()))
    return [
        *(way, part.key, name or _("Sold outside the catalog"), roots, part.currency, str(part.sales)),
        *(format_amount(amount_minor, part.currency) for amount_minor in amounts),
    ]
