"""The operator's desk, where the gateway is the sandbox: its clock, and the balance that it keeps for us."""

from datetime import timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from marketplace.checkout.gateways.sandbox_balance import clock, move_clock
from marketplace.checkout.sandbox_models import SandboxLine
from marketplace.portal.views.access import operators_only
from marketplace.portal.words_reconciling import CATEGORIES
from marketplace.ui.formats import say

STEPS = {"1h": timedelta(hours=1), "1d": timedelta(days=1), "3d": timedelta(days=3), "30d": timedelta(days=30)}
SHOWN = 50


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@operators_only
def sandbox(request: HttpRequest) -> HttpResponse:
    """This will show the sandbox's clock and put it forward: what its cards do later, they do then."""
    now = timezone.now()
    if request.method == "POST":
        step = STEPS.get(request.POST.get("forward", ""))
        if step is None:
            return _page(request, status=422)
        move_clock(forward=step, now=now)
        messages.success(request, _("The sandbox's clock was put forward."))
        return redirect("desk-sandbox")
    return _page(request)


def _page(request: HttpRequest, status: int = 200) -> HttpResponse:
    steps = [("1h", _("1 hour")), ("1d", _("1 day")), ("3d", _("3 days")), ("30d", _("30 days"))]
    lines = list(SandboxLine.objects.order_by("-id")[:SHOWN])
    for row in lines:
        row.said = say(CATEGORIES, row.category)  # type: ignore[attr-defined]
    context = {"here": "desk", "clock": clock(timezone.now()), "steps": steps, "lines": lines, "shown": SHOWN}
    return render(request, "portal/desk_sandbox.html", context, status=status)
