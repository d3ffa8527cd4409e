"""The operator's desk: an order is found, and its whole way from the card to the banks is shown."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any
from uuid import UUID

from django import forms
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from marketplace.checkout import asking_back
from marketplace.checkout.left_behind import left_behind
from marketplace.checkout.left_returns import left_refunds, left_strays
from marketplace.checkout.models import Order
from marketplace.checkout.order_states import states_of
from marketplace.checkout.papers.words import KINDS as PAPERS
from marketplace.checkout.refunds import RefundIntent
from marketplace.checkout.ways.reading import orders_like, requests_of, way_of
from marketplace.checkout.ways.shapes import LineWay, RefundWay, RoyaltyWay, SaleWay, Step, Way
from marketplace.portal import words, words_desk, words_orders, words_reconciling, words_told
from marketplace.portal.views.access import operators_only
from marketplace.ui.formats import say

LATEST = 30
LINES_SHOWN = 200
"""How many lines of an order stand on its page; a bill for use may have thousands, and JSON has all."""
POSTINGS_SHOWN = 1_000
_TONES = {"waiting": "warn", "action": "warn", "declined": "bad", "expired": "bad", "disputed": "bad"}


class SearchForm(forms.Form):
    """What an order is known by."""

    q = forms.CharField(
        label=_("Order, studio, e-mail address or reference"),
        help_text=_("An id of an order or a line, a part of a studio’s name, or what the payment provider calls it."),
        min_length=3,
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


@never_cache
@require_safe
@operators_only
def orders(request: HttpRequest) -> HttpResponse:
    """This will list the latest orders, or those that match what is searched for."""
    text = request.GET.get("q", "").strip()
    form = SearchForm(request.GET if text else None)
    if text and form.is_valid():
        found = orders_like(text)
    else:
        found = list(Order.objects.select_related("studio", "buyer").order_by("-placed_at", "-id")[:LATEST])
    states = states_of(found)
    rows = [{"order": one, **_state(states[one.pk])} for one in found]
    context = {
        "here": "desk",
        "form": form,
        "rows": rows,
        "searched": bool(text) and form.is_valid(),
        "left": left_behind().exists() or left_refunds().exists() or left_strays().exists(),
    }
    return render(request, "portal/desk_orders.html", context, status=422 if text and form.errors else 200)


def _state(state: str) -> dict[str, str]:
    return {"state": say(words_told.ORDER_STATES, state), "tone": _TONES.get(state, "")}


def _order(order: UUID) -> Order:
    found = Order.objects.select_related("studio", "buyer").filter(pk=order).first()
    if found is None:
        raise Http404
    return found


@never_cache
@require_safe
@operators_only
def order(request: HttpRequest, order: UUID) -> HttpResponse:
    """This will show an order's whole way on one page."""
    found = _order(order)
    way = way_of(found)
    context = {
        "here": "desk",
        "order": found,
        "way": way,
        **_state(way.state),
        "payment": _steps(way.payment),
        "left": left_behind([found]),
        "left_refunds": set(map(str, left_refunds(found).values_list("pk", flat=True))),
        "left_strays": left_strays(found),
        "lines": [_line(one) for one in way.lines[:LINES_SHOWN]],
        "more_lines": max(0, len(way.lines) - LINES_SHOWN),
        "refunds": [
            {
                "refund": one,
                "reason": say(words_told.REFUND_REASONS, one.reason),
                "name": say(words_orders.REFUNDS, one.state),
                "tone": words_orders.REFUND_TONES.get(one.state, ""),
                "steps": _steps(one.steps),
                "owed_minor": _owed(one),
            }
            for one in way.refunds
        ],
        "disputes": [
            {
                "dispute": one,
                "name": say(words_orders.DISPUTES, one.state),
                "tone": words_orders.DISPUTE_TONES.get(one.state, ""),
                "steps": _steps(one.steps),
            }
            for one in way.disputes
        ],
        "requests": requests_of(found),
        "balance_lines": [(say(words_reconciling.CATEGORIES, row["kind"]), row) for row in way.balance_lines],
        "postings": [
            {
                "row": row,
                "account": say(words_desk.ACCOUNTS, row.account.split(":")[0]),
                "kind": say(words_reconciling.KINDS, row.kind),
            }
            for row in way.postings[:POSTINGS_SHOWN]
        ],
        "papers": [{**one, "said": say(PAPERS, one["kind"])} for one in way.papers],
        "sums": _sums(way),
    }
    return render(request, "portal/desk_order.html", context)


def _owed(one: RefundWay) -> int:
    """Says how much of a refund that came back is still owed; nothing of any other."""
    return asking_back.owed_of(RefundIntent.objects.get(pk=one.id)) if one.state == "failed" else 0


def _steps(steps: Iterable[Step]) -> list[tuple[str, Step, int]]:
    """Names each step, and says how often it was looked at once more with nothing new."""
    told = []
    for _same, group in groupby(steps, key=lambda step: (step.what, step.reference, step.said, step.amount_minor)):
        first, *again = group
        told.append((say(words_orders.STEPS, first.what), first, len(again)))
    return told


def _line(one: LineWay) -> dict[str, Any]:
    license_state = say(words_told.LICENSE_STATES, one.license_state)
    return {"line": one, "license_state": license_state, "sales": [_sale(sale) for sale in one.sales]}


def _sale(sale: SaleWay) -> dict[str, Any]:
    return {"sale": sale, "royalties": [_royalty(one) for one in sale.royalties]}


def _royalty(one: RoyaltyWay) -> dict[str, Any]:
    return {
        "one": one,
        "share": words.percent_text(one.share_ppb),
        "left_minor": one.amount_minor - one.taken_minor + one.returned_minor,
        "steps": _steps(one.payout.steps) if one.payout else [],
    }


def _sums(way: Way) -> list[tuple[Any, int]]:
    """Says where all that came in is, in the order of its way; what is nothing is left out."""
    sums = way.sums
    rows = [
        (_("Refunded to the buyer"), sums.refunded_minor),
        (_("Taken by the buyer’s bank"), sums.disputed_minor),
        (_("Of that borne by the house"), -sums.loss_minor),
        (_("Tax to be passed on"), sums.tax_minor),
        (_("Platform fee"), sums.fee_minor),
        (_("Creators"), sums.creators_minor),
        (_("Put aside after claims"), sums.pot_minor),
        (_("Paid for periods to come"), sums.ahead_minor),
    ]
    return [row for row in rows if row[1]]


@never_cache
@require_safe
@operators_only
def way_json(request: HttpRequest, order: UUID) -> HttpResponse:
    """This will send an order's way as JSON."""
    found = _order(order)
    headers = {"Content-Disposition": f'attachment; filename="order-{found.pk}.json"'}
    return JsonResponse(
        way_of(found).as_json(), headers=headers, json_dumps_params={"indent": 1, "ensure_ascii": False}
    )
