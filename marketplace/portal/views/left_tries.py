"""The operator's desk: what waits for a payment provider which is not used here any more, and the end of tries there;
that of refunds is in left_returns.py."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from marketplace.checkout.attempts import PaymentAttempt
from marketplace.checkout.left_behind import UnableToEndTry, end_try, left_behind
from marketplace.checkout.left_returns import left_refunds, left_strays
from marketplace.checkout.paying import step_of
from marketplace.people.models import Person
from marketplace.portal.forms.left_tries import FoundForm
from marketplace.portal.views.access import operators_only
from marketplace.portal.views.left_returns import told_refund, told_stray

SHOWN = 100


@never_cache
@require_safe
@operators_only
def tries(request: HttpRequest) -> HttpResponse:
    """This will list the tries, and what is on its way back, that nobody can ask about here, the oldest first."""
    found = list(left_behind()[: SHOWN + 1])
    returns = [told_refund(one) for one in left_refunds()[: SHOWN + 1]]
    strays = [told_stray(one) for one in left_strays()[: SHOWN + 1]]
    context = {
        "here": "desk",
        "rows": [_told(one) for one in found[:SHOWN]],
        "more": len(found) > SHOWN,
        "returns": returns[:SHOWN] + strays[:SHOWN],
        "more_returns": len(returns) > SHOWN or len(strays) > SHOWN,
    }
    return render(request, "portal/desk_left.html", context)


def _told(attempt: PaymentAttempt) -> dict[str, Any]:
    step = step_of(attempt)
    return {"attempt": attempt, "order": attempt.order, "reference": step.reference if step else ""}


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@operators_only
def one(request: HttpRequest, attempt: int) -> HttpResponse:
    """This will show one of them, and end it by what the operator found at its provider."""
    found = left_behind().filter(pk=attempt).first()
    if found is None:
        ended = PaymentAttempt.objects.filter(pk=attempt, found__isnull=False).first()
        if ended is None:
            raise Http404
        messages.info(request, _("This payment has ended already."))
        return redirect("desk-order", order=ended.order_id)
    form = FoundForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid() and _ended(request, found, form):
        return redirect("desk-order", order=found.order_id)
    context = {"here": "desk", **_told(found), "form": form}
    return render(request, "portal/desk_left_one.html", context, status=422 if form.errors else 200)


def _ended(request: HttpRequest, attempt: PaymentAttempt, form: FoundForm) -> bool:
    person: Person = request.user  # type: ignore[assignment]
    try:
        end_try(attempt=attempt, by=person, now=timezone.now(), **form.cleaned_data)
    except UnableToEndTry as refusal:
        form.add_error(None, refusal.reason)
        return False
    messages.success(request, _("It is kept what became of the payment."))
    return True
