"""What the recipes of my studios used: month by month, charge by charge, each use."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from marketplace.checkout import charge_queries, charge_words
from marketplace.checkout.charges import UsageCharge, UsageChargeLine
from marketplace.checkout.rating import month_of
from marketplace.people.queries import studios_of
from marketplace.storefront import usage_rows, words
from marketplace.storefront.words_usage import LINE_KINDS, LINE_STATES, LINE_TONES, SOURCES
from marketplace.ui import formats
from marketplace.ui.sheets import sheet


def month_in(text: str) -> date | None:
    """This will read a month such as 2026-11, or return None."""
    try:
        return datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date()
    except ValueError:
        return None


@never_cache
@login_required
@require_safe
def usage(request: HttpRequest) -> HttpResponse:
    """This will list what uses cost the visitor's studios by month, and the charges of one month."""
    studios = list(studios_of(request.user))  # type: ignore[arg-type]
    months = charge_queries.months_of(studios)
    this = month_of(timezone.now())
    month = month_in(request.GET.get("month", "")) or (months[0].month if months else None)
    charges: Sequence[UsageCharge] = []
    after = None
    if month is not None:
        charges, after = charge_queries.charges_of(studios, month, after=request.GET.get("cursor", "")[:40])
    context = {
        "here": "licenses",
        "months": months,
        "month": month,
        "this_month": this,
        "running": charge_queries.running(studios, this),
        "rows": _rows(charges),
        "after": after,
        "several": len(studios) > 1,
    }
    return render(request, "storefront/usage.html", context)


def _rows(charges: Sequence[UsageCharge]) -> list[dict[str, Any]]:
    lines = [line for charge in charges for line in charge.lines.all()]
    states = charge_queries.states_of(lines)
    fees = charge_words.contract_fees({line.charge.grant.release_id for line in lines if _is_contract(line)})
    return [
        {
            "charge": charge,
            "terms": formats.say(words.TERMS, charge.grant.terms.name),
            "lines": [_line(line, states, fees) for line in charge.lines.all()],
        }
        for charge in charges
    ]


def _is_contract(line: UsageChargeLine) -> bool:
    return line.kind == UsageChargeLine.CONTRACT


def _line(line: UsageChargeLine, states: Any, fees: Any) -> dict[str, Any]:
    return {
        "line": line,
        "kind": formats.say(LINE_KINDS, line.kind),
        "why": [formats.sentence(one) for one in charge_words.explained(line, fees)],
        "state": formats.say(LINE_STATES, states[line.pk]),
        "tone": LINE_TONES.get(states[line.pk], ""),
    }


@login_required
@require_safe
def usage_csv(request: HttpRequest) -> HttpResponseBase:
    """This will send the charges of a month as CSV, the newest month where none is named."""
    studios = list(studios_of(request.user))  # type: ignore[arg-type]
    month = month_in(request.GET.get("month", ""))
    if month is None:
        months = charge_queries.months_of(studios)
        month = months[0].month if months else month_of(timezone.now())
    return sheet(usage_rows.charge_lines(studios, month), f"usage-{month:%Y-%m}.csv")


@login_required
@require_safe
def charge_csv(request: HttpRequest, charge: UUID) -> HttpResponseBase:
    """This will send each use of a charge as CSV."""
    found = charge_queries.charge_of(studios_of(request.user), charge)  # type: ignore[arg-type]
    if found is None:
        raise Http404
    return sheet(usage_rows.use_lines(found), f"uses-{found.month:%Y-%m}-{found.pk}.csv")


@never_cache
@login_required
@require_safe
def charge(request: HttpRequest, charge: UUID) -> HttpResponse:
    """This will show one charge: how it comes about, who earns of it, and each use that it counts."""
    found = charge_queries.charge_of(studios_of(request.user), charge)  # type: ignore[arg-type]
    if found is None:
        raise Http404
    cursor = request.GET.get("cursor", "")[:20]
    uses, after = charge_queries.uses_in(found, after=cursor)
    context = {
        "here": "licenses",
        **_rows([found])[0],
        "is_first": not cursor,
        "recipes": [
            {"digest": digest, "title": title, "uses": count, "units": units}
            for digest, title, count, units in charge_queries.recipes_in(found)
        ],
        "uses": [
            {
                "use": use,
                "units": int(use.counts.get(found.unit, 0)),
                "outputs": len(use.outputs) // 32,
                "source": formats.say(SOURCES, use.batch.source),
            }
            for use in uses
        ],
        "after": after,
    }
    return render(request, "storefront/usage_charge.html", context)
