"""The operator's desk: whose payouts wait and why; holding and releasing them, deciding checks, policies, risk."""

from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from marketplace.payouts import operations
from marketplace.payouts import queries as books
from marketplace.payouts.bookkeeping.risking import (
    UnableToSayRisk,
    newest_assessments,
    said_of,
    say_risk,
    standing_levels,
)
from marketplace.payouts.checks.queries import newest_checks
from marketplace.payouts.checks.tables import CreatorCheck
from marketplace.payouts.checks.words import reason_text
from marketplace.payouts.connected.backing_off import UnableToTryAgain, refused_last, try_again
from marketplace.payouts.models import Payout
from marketplace.payouts.terms import terms_of
from marketplace.payouts.waiting_queries import Waiting, waiting
from marketplace.payouts.when_queries import holds_of, next_payouts, reserves_of, ripening_of
from marketplace.people.models import Creator
from marketplace.people.queries import creator_named
from marketplace.portal import words, words_payouts, words_risk, words_steps
from marketplace.portal.forms.desk_payouts import CheckForm, HoldForm, PolicyForm, RiskForm
from marketplace.portal.views.access import operators_only
from marketplace.ui.formats import say

SHOWN = 100
PAYOUTS_SHOWN = 20


@never_cache
@require_safe
@operators_only
def creators(request: HttpRequest) -> HttpResponse:
    """This will list creators with money in the books, those for whom something waits, or those that are looked for."""
    like, everybody = request.GET.get("q", "").strip()[:80], "all" in request.GET
    handle, _dot, currency = request.GET.get("after", "").partition(".")
    rows = waiting(
        like=like, only_held=not (like or everybody), after=(handle, currency), limit=SHOWN + 1, now=timezone.now()
    )
    context = {
        "here": "desk",
        "q": like,
        "everybody": everybody,
        "rows": [_row(one) for one in rows[:SHOWN]],
        "after": f"{rows[SHOWN - 1].handle}.{rows[SHOWN - 1].currency}" if len(rows) > SHOWN else "",
        "levels": [
            {"level": one, "who": words_risk.conditions_text(one), "kept": words_risk.kept_text(one)}
            for one in standing_levels()
        ],
    }
    return render(request, "portal/desk_payouts.html", context)


def _row(one: Waiting) -> dict[str, Any]:
    reasons = [*one.holds, *(say(words_risk.WAITS, check) for check in one.checks)]
    if one.stop:
        reasons.append(say(words_risk.STOPS, one.stop))
    return {"one": one, "reasons": reasons}


def _creator(handle: str) -> Creator:
    found = creator_named(handle)
    if found is None:
        raise Http404
    return found


@never_cache
@require_safe
@operators_only
def creator(request: HttpRequest, handle: str) -> HttpResponse:
    """This will show what waits of one creator and why, and offer to hold, release and decide."""
    return _page(request, _creator(handle))


def _page(request: HttpRequest, found: Creator, **forms: Any) -> HttpResponse:
    """Show the creator's page; a form that was refused stands where its own would."""
    rows = next_payouts(found, now=timezone.now())
    balances = {balance.currency: balance for balance in books.balances_of(found)}
    checks = {one.kind: one for one in newest_checks([found.pk])}
    reserves, ripening = reserves_of(found), ripening_of(found)
    context = {
        "here": "desk",
        "creator": found,
        "cards": [
            {
                "row": row,
                "balance": balances.get(row.currency),
                "said": words_payouts.next_payout(row),
                "refused": refused_last(found.pk, row.currency, now=timezone.now()),
                "dates": [
                    *(words_payouts.ripening_text(one) for one in ripening if one.currency == row.currency),
                    *(words_payouts.kept_text(one) for one in reserves if one.currency == row.currency),
                ],
                "risk": _risk(found, row.currency),
                "policy": words_payouts.policy_text(row),
                "reserve": words_payouts.reserve_text(row),
                "form": forms.get(f"policy-{row.currency}") or _policy_form(found, row.currency),
            }
            for row in rows
        ],
        "said": said_of([found.pk]).get(found.pk),
        "risk_form": forms.get("risk") or _risk_form(found),
        "holds": holds_of(found),
        "hold_form": forms.get("hold") or HoldForm(initial={"key": f"desk:{uuid4()}"}),
        "checks": [
            {
                "kind": kind,
                "name": say(words_risk.KINDS, kind),
                "one": checks.get(kind),
                "state": say(words_risk.STATES, checks[kind].state) if kind in checks else "",
                "tone": words_risk.TONES.get(checks[kind].state, "") if kind in checks else "",
                "reason": reason_text(checks[kind].reason) if kind in checks else "",
                "form": forms.get(kind) or CheckForm(kind=kind),
            }
            for kind in CreatorCheck.Kind.values
        ],
        "payouts": [
            {"payout": one, "state": _state(one), "steps": words_steps.step_rows(one)}
            for one in Payout.objects.filter(creator=found)
            .prefetch_related("outcomes")
            .order_by("-reserved_at", "pk")[:PAYOUTS_SHOWN]
        ],
    }
    return render(request, "portal/desk_payouts_of.html", context, status=422 if forms else 200)


def _risk(found: Creator, currency: str) -> dict[str, Any] | None:
    one = newest_assessments(currency, [found.pk]).get(found.pk)
    if one is None:
        return None
    return {"one": one, "kept": words_risk.kept_text(one), "numbers": words_risk.numbers_of(one)}


def _risk_form(found: Creator, data: Any = None) -> RiskForm:
    said = said_of([found.pk]).get(found.pk)
    initial = {"level": said.level} if said is not None else {}
    return RiskForm(data, levels=[one.level for one in standing_levels()], initial=initial)


def _state(payout: Payout) -> str:
    last = max(payout.outcomes.all(), key=lambda one: one.pk, default=None)
    return say(words.PAYOUT_STATES, last.state) if last else _("Being sent")


def _policy_form(found: Creator, currency: str, data: Any = None) -> PolicyForm:
    [terms] = terms_of(currency=currency, owner_ids=[found.pk])
    return PolicyForm(data, terms=terms, currency=currency)


def _by(request: HttpRequest) -> str:
    return str(request.user.email)  # type: ignore[union-attr]


@never_cache
@require_POST
@operators_only
def hold(request: HttpRequest, handle: str) -> HttpResponse:
    """This will hold payouts to the creator."""
    found, form = _creator(handle), HoldForm(request.POST)
    if not form.is_valid():
        return _page(request, found, hold=form)
    try:
        operations.hold_payouts(creator=found, by=_by(request), now=timezone.now(), **form.cleaned_data)
    except operations.UnableToHoldPayouts as refusal:
        form.add_error(None, str(refusal))
        return _page(request, found, hold=form)
    messages.success(request, _("Payouts to %(name)s are held.") % {"name": found.display_name})
    return redirect("desk-payouts-of", handle=found.handle)


@never_cache
@require_POST
@operators_only
def release(request: HttpRequest, handle: str) -> HttpResponse:
    """This will end a hold of the creator's."""
    found, key = _creator(handle), request.POST.get("key", "")
    if key not in {one.key for one in holds_of(found)}:
        messages.info(request, _("That hold has ended already."))
    else:
        operations.release_payouts(key=key, by=_by(request), now=timezone.now())
        messages.success(request, _("The hold has ended: what waited is paid with the next settlement."))
    return redirect("desk-payouts-of", handle=found.handle)


@never_cache
@require_POST
@operators_only
def again(request: HttpRequest, handle: str, payout: UUID) -> HttpResponse:
    """This will let the next payout be made at once after one that was refused."""
    try:
        try_again(creator=_creator(handle), payout=payout, by=_by(request), now=timezone.now())
        messages.success(request, _("The next payout is made with the next settlement."))
    except UnableToTryAgain as refusal:
        messages.info(request, str(refusal))
    return redirect("desk-payouts-of", handle=handle)


@never_cache
@require_POST
@operators_only
def check(request: HttpRequest, handle: str, kind: str) -> HttpResponse:
    """This will decide a check of the creator."""
    if kind not in CreatorCheck.Kind.values:
        raise Http404
    found, form = _creator(handle), CheckForm(request.POST, kind=kind)
    if not form.is_valid():
        return _page(request, found, **{kind: form})
    try:
        operations.decide_check(
            creator=found,
            kind=kind,
            passed="passed" in request.POST,
            by=_by(request),
            now=timezone.now(),
            **form.cleaned_data,
        )
    except operations.UnableToDecideCheck as refusal:
        form.add_error(None, str(refusal))
        return _page(request, found, **{kind: form})
    messages.success(request, _("The check is decided."))
    return redirect("desk-payouts-of", handle=found.handle)


@never_cache
@require_POST
@operators_only
def risk(request: HttpRequest, handle: str) -> HttpResponse:
    """This will put the creator at a level of risk, or let the conditions count again."""
    found = _creator(handle)
    form = _risk_form(found, request.POST)
    if form.is_valid():
        try:
            say_risk(creator=found, by=_by(request), now=timezone.now(), **form.cleaned_data)
        except UnableToSayRisk as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("The creator’s level counts for what ripens from now on."))
            return redirect("desk-payouts-of", handle=found.handle)
    return _page(request, found, risk=form)


@never_cache
@require_http_methods(["POST"])
@operators_only
def policy(request: HttpRequest, handle: str, currency: str) -> HttpResponse:
    """This will set how payouts to the creator are made in a currency."""
    found = _creator(handle)
    if currency not in {row.currency for row in next_payouts(found, now=timezone.now())}:
        raise Http404
    form = _policy_form(found, currency, request.POST)
    name = f"policy-{currency}"
    if not form.is_valid():
        return _page(request, found, **{name: form})
    given = form.cleaned_data
    try:
        operations.set_policy(
            creator=found,
            currency=currency,
            hold_days=None,
            threshold_minor=given["threshold"],
            by=_by(request),
            now=timezone.now(),
            **{key: given[key] for key in ("reserve_ppb", "reserve_days", "schedule", "reason")},
        )
    except operations.UnableToSetPolicy as refusal:
        form.add_error(None, str(refusal))
        return _page(request, found, **{name: form})
    messages.success(request, _("Payouts are made like that from now on."))
    return redirect("desk-payouts-of", handle=found.handle)
