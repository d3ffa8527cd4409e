"""The operator's desk: what a year adds up to for each creator, as tax offices ask for it."""

import re
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from marketplace.payouts.tax_sealing import UnableToUnseal
from marketplace.payouts.year_forms import FORMS, columns_of, rows_of
from marketplace.portal import year_rows
from marketplace.portal.views.access import operators_only
from marketplace.ui.formats import say
from marketplace.ui.sheets import lines_of, sheet

SHOWN = 200


def _asked(request: HttpRequest, now: datetime) -> tuple[str, int]:
    """Reads form and year; what is no year that was credited is the running one."""
    form, text = request.GET.get("form", ""), request.GET.get("year", "")
    year = int(text) if re.fullmatch(r"[0-9]{4}", text, re.ASCII) else now.year
    return form if form in FORMS else FORMS[0], year if 2000 <= year <= now.year else now.year


@never_cache
@require_safe
@operators_only
def years(request: HttpRequest) -> HttpResponse:
    """This will show a year's totals a creator in one form; sealed details that do not open are told, not left out."""
    form, year = _asked(request, timezone.now())
    try:
        rows = year_rows.year_rows(form, year, limit=SHOWN + 1)
    except UnableToUnseal as error:
        return _page(request, form, year, sealed=str(error))
    return _page(request, form, year, rows=rows[:SHOWN], more=len(rows) > SHOWN)


def _page(request: HttpRequest, form: str, year: int, **told: Any) -> HttpResponse:
    context = {
        "here": "desk",
        "form": form,
        "forms": [(name, say(year_rows.FORM_NAMES, name)) for name in FORMS],
        "year": str(year),
        "years": [str(one) for one in sorted({*year_rows.years_with_royalties(timezone.now()), year}, reverse=True)],
        "figures": [label for _name, label in year_rows.FIGURES[form]],
        "shown": SHOWN,
        **told,
    }
    return render(request, "portal/desk_years.html", context, status=503 if "sealed" in told else 200)


@never_cache
@require_safe
@operators_only
def years_csv(request: HttpRequest) -> HttpResponseBase:
    """This will send what `manage.py year_totals` writes, to the byte: whole, with names and numbers, or not at all."""
    form, year = _asked(request, timezone.now())
    try:
        lines = list(lines_of(columns_of(form), rows_of(form, year)))
    except UnableToUnseal as error:
        return _page(request, form, year, sealed=str(error))
    return sheet(lines, f"{form}-{year}.csv")
