"""The operator's desk: the levels of risk, who is at one and why, and what is kept back of what they earn."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from marketplace.payouts.bookkeeping.risking import standing_levels
from marketplace.payouts.operations import UnableToSetRiskLevel, assess_risk, set_risk_level
from marketplace.payouts.risk import RiskAssessment, RiskLevel
from marketplace.payouts.risk_rules import Kept
from marketplace.portal import words_risk
from marketplace.portal.forms.desk_rules import LevelForm
from marketplace.portal.views.access import operators_only

SHOWN = 200
"""How many creators, and how many rows of what was set before, stand on the page."""


@never_cache
@require_safe
@operators_only
def risk(request: HttpRequest) -> HttpResponse:
    """This will show the levels that are somebody's, and who is at which; with `level` the form says what that is."""
    return _page(request)


def _page(request: HttpRequest, form: LevelForm | None = None) -> HttpResponse:
    levels = standing_levels()
    named = request.GET.get("level", "")
    stands = next((one for one in levels if str(one.level) == named), None)
    asked = int(named) if named.isascii() and named.isdigit() and len(named) == 1 else 1
    newest = RiskAssessment.objects.order_by("creator_id", "currency", "-pk").distinct("creator_id", "currency")
    at = RiskAssessment.objects.filter(pk__in=newest.values("pk"), level__gte=1).select_related("creator")
    found = list(at.order_by("-level", "creator__handle", "currency")[: SHOWN + 1])
    context = {
        "here": "desk",
        "levels": [_level(one) for one in levels],
        "before": [_level(one) for one in RiskLevel.objects.order_by("-pk")[:SHOWN]],
        "at": [{"one": one, "kept": words_risk.kept_text(one)} for one in found[:SHOWN]],
        "more": len(found) > SHOWN,
        "form": form or LevelForm(stands=stands, level=asked),
    }
    return render(request, "portal/desk_risk.html", context, status=422 if form else 200)


def _level(one: RiskLevel) -> dict[str, Any]:
    return {"level": one, "who": words_risk.conditions_text(one), "kept": words_risk.kept_text(one)}


@never_cache
@require_POST
@operators_only
def set_level(request: HttpRequest) -> HttpResponse:
    """This will say who is at a level and what it keeps back, from now on."""
    form = LevelForm(request.POST)
    if not form.is_valid():
        return _page(request, form)
    given = dict(form.cleaned_data)
    kept = Kept(given.pop("hold_days"), given.pop("reserve_ppb"), given.pop("reserve_days"))
    by = str(request.user.email)  # type: ignore[union-attr]
    try:
        set_risk_level(kept=kept, by=by, now=timezone.now(), **given)
    except UnableToSetRiskLevel as refusal:
        form.add_error(None, str(refusal))
        return _page(request, form)
    messages.success(request, _("Level %(level)d is like that from now on.") % {"level": given["level"]})
    return redirect("desk-risk")


@never_cache
@require_POST
@operators_only
def assess(request: HttpRequest) -> HttpResponse:
    """This will find at once at which level everybody is; the worker does so every hour."""
    changed = assess_risk(now=timezone.now())
    said = ngettext("%(count)d level has changed.", "%(count)d levels have changed.", changed) % {"count": changed}
    messages.success(request, said)
    return redirect("desk-risk")
