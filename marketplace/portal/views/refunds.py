"""The operator's desk: giving a buyer money of an order line back, after a look at what that takes from whom."""

import logging
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from marketplace.checkout import operations as checkout
from marketplace.checkout.gateways.base import AskedOfFormer, GatewayUnavailable
from marketplace.checkout.models import OrderLine
from marketplace.checkout.refund_requests import RefundRequest
from marketplace.checkout.refunds import RefundIntent
from marketplace.checkout.taking_back import comes_back, ends_along, goes_on
from marketplace.checkout.ways.reading import refund_state
from marketplace.database.locks import alone
from marketplace.payouts.rules import format_amount
from marketplace.portal import refund_rows, words, words_orders, words_told
from marketplace.portal.forms.refunds import FindForm, RefundForm
from marketplace.portal.views.access import operators_only
from marketplace.ui import formats
from marketplace.ui.formats import say

log = logging.getLogger(__name__)
_LOCK = 0x7265_66_64  # "refd": one confirmation at a time for each order line


@never_cache
@require_safe
@operators_only
def refunds(request: HttpRequest) -> HttpResponse:
    """This will list the latest refunds, and find an order or an order line by its id."""
    text = request.GET.get("of", "").strip()
    form, order = FindForm(request.GET if text else None), None
    if text and form.is_valid():
        if line := refund_rows.line_named(text):
            return redirect("desk-refund", line=line.pk)
        order = refund_rows.order_named(text)
        if order is None:
            form.add_error("of", _("No order and no order line has this id."))
    context = {
        "here": "desk",
        "form": form,
        "order": order,
        "lines": [_told(line) for line in refund_rows.lines_in(order)] if order else [],
        "waiting": RefundRequest.objects.filter(answer=None).count(),
        "latest": [_refund(one) | _told(one.line) for one in refund_rows.latest_refunds()],
    }
    return render(request, "portal/desk_refunds.html", context, status=404 if form.errors else 200)


def _told(line: OrderLine) -> dict[str, Any]:
    return {"line": line, "license": words.say(words.TERMS, line.offer.terms.name), "currency": line.order.currency}


def _refund(intent: RefundIntent) -> dict[str, Any]:
    """Says of a refund where it is, and why it was refused."""
    state, outcome = refund_state(intent), getattr(intent, "outcome", None)
    return {
        "refund": intent,
        "reason": say(words_told.REFUND_REASONS, intent.reason),
        "name": say(words_orders.REFUNDS, state),
        "tone": words_orders.REFUND_TONES.get(state, ""),
        "why": outcome.reason if outcome and state == "refused" else "",
    }


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@operators_only
def refund(request: HttpRequest, line: UUID) -> HttpResponse:
    """This will ask for amount and reason, show what the refund takes from whom, and when confirmed give it back."""
    found = refund_rows.line_named(str(line))
    if found is None:
        raise Http404
    if request.method == "POST" and "confirmed" in request.POST and "change" not in request.POST:
        with alone(_LOCK, str(found.pk)) as is_mine:
            if is_mine:
                return _confirmed(request, found)
        messages.warning(request, _("This line is being refunded at this moment: look what became of it."))
        return redirect("desk-refund", line=found.pk)
    left_minor = refund_rows.left_of(found)
    form = RefundForm(request.POST if request.method == "POST" else None, line=found, left_minor=left_minor or 0)
    if "change" in request.POST:
        typed = {name: request.POST.get(name, "") for name in ("amount", "reason")}
        return _page(request, found, RefundForm(initial=typed, line=found, left_minor=left_minor or 0), left_minor)
    if left_minor and request.method == "POST" and form.is_valid():
        return _look(request, found, form)
    return _page(request, found, form, left_minor)


def _page(request: HttpRequest, line: OrderLine, form: RefundForm, left_minor: int | None, **more: Any) -> HttpResponse:
    context = {
        "here": "desk",
        **_told(line),
        "form": form,
        "left_minor": left_minor,
        "along": ends_along(line),
        "comes_back": comes_back(line, timezone.now()),
        "goes_on": goes_on(line),
        "refunds": [_refund(one) for one in refund_rows.refunds_of(line)],
        **more,
    }
    status = 422 if form.is_bound and not more else 200
    return render(request, "portal/desk_refund.html", context, status=status)


def _look(request: HttpRequest, line: OrderLine, form: RefundForm) -> HttpResponse:
    """Shows what is about to be taken from whom; nothing is written."""
    amount_minor = form.cleaned_data["amount"]
    asked = {
        "amount": format_amount(amount_minor, line.order.currency),
        "reason": form.cleaned_data["reason"],
        "seen": len(refund_rows.refunds_of(line)),
    }
    takes = refund_rows.takes_of(line, amount_minor)
    return _page(request, line, form, form.left_minor, takes=takes, asked=asked, amount_minor=amount_minor)


def _confirmed(request: HttpRequest, line: OrderLine) -> HttpResponse:
    """Gives back what was confirmed, once: what came in between is told, and the same again is answered as before."""
    before = refund_rows.refunds_of(line)
    left_minor = refund_rows.left_of(line)
    # What was on its way when the operator looked does not stand against the same confirmation, sent again.
    form = RefundForm(request.POST, line=line, left_minor=max(left_minor or 0, line.price_minor))
    if not form.is_valid() or form.cleaned_data["seen"] is None or not request.POST.get("amount", "").strip():
        return _page(request, line, RefundForm(request.POST, line=line, left_minor=left_minor or 0), left_minor)
    amount_minor, reason, seen = (form.cleaned_data[name] for name in ("amount", "reason", "seen"))
    if since := before[seen:]:
        if (since[0].amount_minor, since[0].reason) == (amount_minor, reason):
            messages.info(request, _("This was confirmed already; what became of it stands below."))
        else:
            messages.error(request, _("Another refund of this line came first: look again at what is left."))
        return redirect("desk-refund", line=line.pk)
    _give_back(request, line, amount_minor, reason)
    return redirect("desk-refund", line=line.pk)


def unanswered(error: GatewayUnavailable) -> str:
    """This will say what follows where a payment provider gave no answer about a refund, or is not used any more."""
    if isinstance(error, AskedOfFormer):
        return _(
            "It was paid at a payment provider that is not used here any more: give it back there, then say so in the"
            " list of what is left there."
        )
    return _("The payment provider gave no answer: the worker asks again, and gives it back once.")


def _give_back(request: HttpRequest, line: OrderLine, amount_minor: int, reason: str) -> None:
    try:
        made = checkout.refund_line(line=line, amount_minor=amount_minor, reason=reason, now=timezone.now())
    except (checkout.UnableToRefundLine, checkout.UnableToRefund) as error:
        messages.error(request, str(error))
    except GatewayUnavailable as error:
        messages.warning(request, unanswered(error))
    else:
        log.info("%s was confirmed by person %s", made.key, request.user.pk)
        said = {"amount": formats.money_text(amount_minor, line.order.currency), "name": line.order.studio.name}
        messages.success(request, _("%(amount)s are given back to %(name)s.") % said)
