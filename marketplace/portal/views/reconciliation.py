"""The operator's desk: the books beside the gateway's balance, and what an operator says of what does not agree."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from marketplace.checkout.reconciling import operations, tasks, telling
from marketplace.checkout.reconciling.equating import look
from marketplace.checkout.reconciling.finding import movements_of
from marketplace.checkout.reconciling.matching import line_of
from marketplace.checkout.reconciling.reading import suspended_minor
from marketplace.checkout.reconciling.rules import compare
from marketplace.checkout.reconciling.tables import ProviderLine, Reconciliation
from marketplace.payouts.models import Transaction
from marketplace.payouts.rules import format_amount
from marketplace.portal import reconciling_rows, words_reconciling
from marketplace.portal.forms.reconciliation import AsideForm, ClearForm
from marketplace.portal.reconciling_rows import Row
from marketplace.portal.views.access import operators_only
from marketplace.ui.formats import say
from marketplace.ui.sheets import Amount, lines_of, moment_cell, sheet

SHOWN = 200
DAYS_SHOWN = 60
COLUMNS = ("set", "kind", "currency", "amount", "since", "days", "overdue", "name", "source")


@never_cache
@require_safe
@operators_only
def reconciliation(request: HttpRequest) -> HttpResponse:
    """This will show the newest equations, one of the sets of what does not agree, and how it was day by day."""
    now = timezone.now()
    name = request.GET.get("set", "ours")
    if name not in reconciling_rows.SETS:
        raise Http404
    rows = reconciling_rows.rows_of(look(), now)
    asked = {"currency": request.GET.get("currency", ""), "kind": request.GET.get("kind", "")}
    old = request.GET.get("old", "") == "yes"
    shown = reconciling_rows.chosen(rows, name=name, old=old, **asked)
    made = Reconciliation.objects.order_by("-pk").first()
    inside = [row for row in rows if row.set == name]
    context = {
        "here": "desk",
        "made": made,
        "problems": list(telling.sentences(made)) if made else [],
        "equations": reconciling_rows.newest_equations(),
        "history": reconciling_rows.history(DAYS_SHOWN),
        "sets": [_set(one, counts, name) for one, counts in reconciling_rows.counted(rows).items()],
        "name": name,
        "title": say(words_reconciling.SETS, name),
        "note": words_reconciling.NOTES[name],
        "rows": [_shown(row, now) for row in shown[:SHOWN]],
        "more": len(shown) > SHOWN,
        "shown": SHOWN,
        "asked": asked | {"old": old},
        "currencies": sorted({row.currency for row in inside}),
        "kinds": [(kind, _kind(name, kind)) for kind in sorted({row.kind for row in inside})],
    }
    return render(request, "portal/desk_reconciliation.html", context)


def _set(name: str, counts: dict[str, tuple[int, int]], at: str) -> dict[str, Any]:
    amounts = [(currency, count, amount_minor) for currency, (count, amount_minor) in sorted(counts.items())]
    return {
        "name": name,
        "title": say(words_reconciling.SETS, name),
        "count": sum(count for _currency, count, _amount in amounts),
        "amounts": amounts,
        "is_here": name == at,
    }


def _shown(row: Row, now: Any) -> dict[str, Any]:
    return {"row": row, "kind": _kind(row.set, row.kind), "days": row.days(now)}


def _kind(name: str, kind: str) -> str:
    """Says what a row is; what nobody understands is shown as the gateway calls it."""
    return say(words_reconciling.KINDS if name == "ours" else words_reconciling.CATEGORIES, kind)


@never_cache
@require_POST
@operators_only
def now(request: HttpRequest) -> HttpResponse:
    """This will have the worker read the gateway's lines at once."""
    tasks.ask_now()
    messages.success(request, _("The worker reads the gateway’s lines now; look again in a moment."))
    return redirect("desk-reconciliation")


@never_cache
@require_safe
@operators_only
def csv(request: HttpRequest) -> HttpResponseBase:
    """This will send all that does not agree as CSV, set by set, the oldest first."""
    now = timezone.now()
    rows = (
        (
            row.set,
            row.kind,
            row.currency,
            Amount(format_amount(row.amount_minor, row.currency)),
            moment_cell(row.at),
            str(row.days(now)),
            "yes" if row.is_old else "no",
            row.name,
            row.source,
        )
        for row in reconciling_rows.rows_of(look(), now)
    )
    return sheet(lines_of(COLUMNS, rows), f"reconciliation-{now:%Y-%m-%d}.csv")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@operators_only
def line(request: HttpRequest, number: int) -> HttpResponse:
    """This will show a line with what our books have of it, put it into suspense, and clear it from there."""
    found = get_object_or_404(ProviderLine, pk=number)
    suspended = suspended_minor([found.pk]).get(found.pk, 0)
    matched = getattr(found, "matched", None)
    can_clear = bool(matched and suspended and matched.way == "suspense" and not hasattr(found, "cleared"))
    kind = ClearForm if can_clear else AsideForm
    form = kind(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        return _said(request, found, form.cleaned_data)
    movements = [] if matched else movements_of([line_of(found)]).get(found.pk, [])
    state, off_minor = ("matched", 0) if matched else compare(line_of(found), movements)
    named = [one.transaction_id for one in movements]
    context = {
        "here": "desk",
        "line": found,
        "kind": _kind("theirs", found.category),
        "is_understood": reconciling_rows.is_understood(found.category),
        "matched": matched,
        "way": say(words_reconciling.WAYS, matched.way) if matched else "",
        "state": state,
        "off_minor": off_minor,
        "suspended_minor": suspended,
        "cleared": getattr(found, "cleared", None),
        "form": form if can_clear or not matched else None,
        "can_clear": can_clear,
        "transactions": _transactions(found, named),
    }
    return render(request, "portal/desk_reconciliation_line.html", context, status=422 if form.errors else 200)


def _transactions(found: ProviderLine, named: list[str]) -> list[dict[str, Any]]:
    """Says which transactions of the books are the line's, or would be."""
    rows = Transaction.objects.filter(pk__in=[*found.transactions.values_list("transaction_id", flat=True), *named])
    return [
        {
            "one": one,
            "kind": say(words_reconciling.KINDS, one.kind),
            "order_line": reconciling_rows.order_line_in(one.source),
        }
        for one in rows.order_by("occurred_at", "pk")
    ]


def _said(request: HttpRequest, found: ProviderLine, said: dict[str, str]) -> HttpResponse:
    by = request.user.email  # type: ignore[union-attr]
    at = timezone.now()
    try:
        if "to" in said:
            operations.clear(line=found, to=said["to"], reason=said["reason"], by=by, now=at)
            messages.success(request, _("It is cleared: nothing of this line is in suspense any more."))
        else:
            operations.set_aside(line=found, reason=said["reason"], by=by, now=at)
            messages.success(request, _("It is in suspense: say what it is when you know."))
    except (operations.UnableToClear, operations.UnableToSetAside) as error:
        messages.error(request, str(error))
    return redirect("desk-reconciliation-line", number=found.pk)
