"""The operator's desk: money on its way back at a payment provider which is not used here any more, and its end."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from marketplace.checkout.attempts import StrayPayment
from marketplace.checkout.left_behind import UnableToEndTry
from marketplace.checkout.left_models import ReturnFound
from marketplace.checkout.left_returns import end_refund, end_stray, left_refunds, left_strays
from marketplace.checkout.refunds import RefundIntent
from marketplace.people.models import Person
from marketplace.portal.forms.left_tries import OF_REFUND, OF_STRAY, ReturnFoundForm
from marketplace.portal.views.access import operators_only


def told_refund(refund: RefundIntent) -> dict[str, Any]:
    """This will tell of a refund what an operator looks for."""
    order, heard = refund.line.order, getattr(refund, "outcome", None)
    return {
        "kind": _("Refund"),
        "order": order,
        "gateway": order.outcome.attempt.gateway,
        "charge": order.outcome.reference,
        "reference": heard.reference if heard else "",
        "key": refund.key,
        "asked_at": refund.intended_at,
        "amount_minor": refund.amount_minor,
        "url": reverse("desk-left-refund", args=[refund.pk]),
    }


def told_stray(stray: StrayPayment) -> dict[str, Any]:
    """This will tell the same of money that came for an order which was over."""
    heard = getattr(stray, "returned", None)
    return {
        "kind": _("Came after the order was over"),
        "order": stray.attempt.order,
        "gateway": stray.attempt.gateway,
        "charge": stray.reference,
        "reference": heard.reference if heard else "",
        "key": stray.key,
        "asked_at": stray.at,
        "amount_minor": stray.amount_minor,
        "url": reverse("desk-left-stray", args=[stray.pk]),
    }


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@operators_only
def refund(request: HttpRequest, refund: UUID) -> HttpResponse:
    """This will show a refund, and end it by what the operator found at its provider."""
    found = left_refunds().filter(pk=refund).first()
    if found is None:
        ended = ReturnFound.objects.filter(refund=refund).select_related("refund__line").first()
        return _over(request, ended.refund.line.order_id if ended and ended.refund else None)

    def end(**said: Any) -> None:
        end_refund(refund=found, **said)

    return _one(request, told_refund(found), OF_REFUND, end)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@operators_only
def stray(request: HttpRequest, stray: int) -> HttpResponse:
    """This will show money that came for an order which was over, and end it in the same way."""
    found = left_strays().filter(pk=stray).first()
    if found is None:
        ended = ReturnFound.objects.filter(stray=stray).select_related("stray__attempt").first()
        return _over(request, ended.stray.attempt.order_id if ended and ended.stray else None)

    def end(**said: Any) -> None:
        end_stray(stray=found, **said)

    return _one(request, told_stray(found), OF_STRAY, end)


def _over(request: HttpRequest, order: UUID | None) -> HttpResponse:
    if order is None:
        raise Http404
    messages.info(request, _("This refund has ended already."))
    return redirect("desk-order", order=order)


def _one(
    request: HttpRequest, told: dict[str, Any], choices: list[tuple[str, Any]], end: Callable[..., None]
) -> HttpResponse:
    given = request.POST if request.method == "POST" else None
    form = ReturnFoundForm(given, choices=choices, known=told["reference"])
    if request.method == "POST" and form.is_valid() and _ended(request, form, end):
        return redirect("desk-order", order=told["order"].pk)
    context = {"here": "desk", **told, "form": form}
    return render(request, "portal/desk_left_return.html", context, status=422 if form.errors else 200)


def _ended(request: HttpRequest, form: ReturnFoundForm, end: Callable[..., None]) -> bool:
    person: Person = request.user  # type: ignore[assignment]
    try:
        end(by=person, now=timezone.now(), **form.cleaned_data)
    except UnableToEndTry as refusal:
        form.add_error(None, refusal.reason)
        return False
    messages.success(request, _("It is kept what became of the refund."))
    return True
