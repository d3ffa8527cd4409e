"""The operator's desk: whether the books are right, what stands in them, and how long already."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from marketplace.payouts import aging_queries
from marketplace.payouts import queries as payouts
from marketplace.payouts.aging_queries import Aged, AgeSum
from marketplace.payouts.policies import BooksCheck
from marketplace.payouts.queries import TrialRow
from marketplace.payouts.rules import format_amount
from marketplace.portal import words_desk
from marketplace.portal.views.access import operators_only
from marketplace.ui.formats import say
from marketplace.ui.sheets import lines_of, moment_cell, sheet

TRIAL_COLUMNS = ("currency", "account", "debit", "credit")
AGING_COLUMNS = ("what", "currency", "creator", "name", "since", "until", "amount")
SHOWN = 200


@never_cache
@require_safe
@operators_only
def books(request: HttpRequest) -> HttpResponse:
    """This will show the newest proof of the books, the trial balance of each currency, and what stands by age."""
    now = timezone.now()
    context = {
        "here": "desk",
        "check": BooksCheck.objects.order_by("-pk").first(),
        "currencies": _currencies(payouts.trial_balance()),
        "aging": _sorts(aging_queries.aging(now=now)),
        "days": aging_queries.DAYS,
    }
    return render(request, "portal/desk_books.html", context)


def _currencies(rows: Iterable[TrialRow]) -> list[dict[str, Any]]:
    """Orders the trial balance for reading: currency → classes of accounts → rows, with the sums of both sides."""
    found: dict[str, dict[str, TrialRow]] = defaultdict(dict)
    for row in rows:
        found[row.currency][row.kind] = row
    return [
        {
            "currency": currency,
            "classes": [
                {"title": title, "rows": shown}
                for title, kinds in words_desk.CLASSES
                if (shown := [_row(by_kind[kind]) for kind in kinds if kind in by_kind])
            ],
            "debit_minor": sum(row.debit_minor for row in by_kind.values()),
            "credit_minor": sum(row.credit_minor for row in by_kind.values()),
        }
        for currency, by_kind in sorted(found.items())
    ]


def _row(row: TrialRow) -> dict[str, Any]:
    return {"name": say(words_desk.ACCOUNTS, row.kind), "row": row}


def _sorts(sums: Sequence[AgeSum]) -> list[dict[str, Any]]:
    by_what: dict[str, list[AgeSum]] = defaultdict(list)
    for one in sums:
        by_what[one.what].append(one)
    return [
        {"what": what, "name": say(words_desk.AGED, what), "note": words_desk.AGED_NOTES[what], "sums": by_what[what]}
        for what in aging_queries.WHATS
        if what in by_what
    ]


@never_cache
@require_safe
@operators_only
def trial_csv(request: HttpRequest) -> HttpResponseBase:
    """This will send the trial balance as CSV, amounts with a point and all their decimals."""
    rows = (
        (row.currency, row.kind, _amount(row.debit_minor, row.currency), _amount(row.credit_minor, row.currency))
        for row in payouts.trial_balance()
    )
    return sheet(lines_of(TRIAL_COLUMNS, rows), f"trial-balance-{timezone.now():%Y-%m-%d}.csv")


def _amount(amount_minor: int, currency: str) -> str:
    return format_amount(amount_minor, currency) if amount_minor else ""


@never_cache
@require_safe
@operators_only
def aging(request: HttpRequest) -> HttpResponse:
    """This will list what stands of one sort, the oldest first."""
    what = request.GET.get("what", "")
    if what not in aging_queries.WHATS:
        raise Http404
    rows = aging_queries.aged(what=what, limit=SHOWN + 1)
    now = timezone.now()
    context = {
        "here": "desk",
        "what": what,
        "name": say(words_desk.AGED, what),
        "note": words_desk.AGED_NOTES[what],
        "rows": [{"row": row, "days": max(0, (now - row.since).days)} for row in rows[:SHOWN]],
        "more": len(rows) > SHOWN,
        "shown": SHOWN,
    }
    return render(request, "portal/desk_aging.html", context)


@never_cache
@require_safe
@operators_only
def aging_csv(request: HttpRequest) -> HttpResponseBase:
    """This will send all that stands as CSV, sort by sort, the oldest first."""
    rows = map(_cells, aging_queries.aged())
    return sheet(lines_of(AGING_COLUMNS, rows), f"aging-{timezone.now():%Y-%m-%d}.csv")


def _cells(row: Aged) -> tuple[str, ...]:
    since, until = moment_cell(row.since), moment_cell(row.until)
    return row.what, row.currency, row.who, row.name, since, until, format_amount(row.amount_minor, row.currency)
