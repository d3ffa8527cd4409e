"""A creator's account with Stripe: opening it, what it still lacks, and the ways there and back."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from marketplace.payouts.connected import accounts
from marketplace.payouts.connected.accounts import UnableToConnect
from marketplace.payouts.connected.retrying import UnableToRetry, failures_of, retry_bank
from marketplace.payouts.connected.tables import ConnectedAccount
from marketplace.payouts.held import bank_text, disabled_text, due_texts
from marketplace.people.models import Creator
from marketplace.portal.forms.connected import CountryForm
from marketplace.portal.views.access import creators_only


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@creators_only
def connected(request: HttpRequest, creator: Creator) -> HttpResponse:
    """This will show what a creator's account with Stripe lacks, and open one."""
    _only_where_it_is_used()
    form, error = CountryForm(request.POST or None, creator=creator), ""
    if request.method == "POST" and form.is_valid():
        try:
            accounts.begin(creator=creator, country=form.cleaned_data["country"], now=timezone.now())
            return redirect("portal-connected")
        except UnableToConnect as refusal:
            error = str(refusal)
    account = accounts.account_of(creator.pk)
    state = accounts.state_of(account) if account else None
    is_closed = state is not None and state.closed
    context: dict[str, Any] = {
        "here": "sell",
        "form": form,
        "error": error,
        "account": None if is_closed else account,
        "is_closed": is_closed,
        "state": state,
        "is_ready": bool(state and state.transfers and state.payouts),
        "due": due_texts(state.due) if state else [],
        "why": disabled_text(state.disabled_reason) if state and state.disabled_reason else "",
        "banks": [bank.partition(":")[2] for bank in state.bank.split()] if state else [],
        "failures": [(word, bank_text(word)) for word in failures_of(creator)],
    }
    return render(request, "portal/connected.html", context, status=422 if error or form.errors else 200)


@never_cache
@require_safe
@creators_only
def onboarding(request: HttpRequest, creator: Creator) -> HttpResponse:
    """This will lead a creator to Stripe, where it asks what it has to; also when a link there was used up."""
    account = _account(creator)
    back, again = (settings.SITE_URL + reverse(name) for name in ("portal-connected-back", "portal-connected-go"))
    try:
        return HttpResponseRedirect(accounts.onboarding_link(account=account, back_url=back, again_url=again))
    except UnableToConnect as refusal:
        messages.error(request, str(refusal))
        return redirect("portal-connected")


@never_cache
@require_safe
@creators_only
def back(request: HttpRequest, creator: Creator) -> HttpResponse:
    """This will ask Stripe how the account stands of a creator who comes from there."""
    try:
        accounts.refresh(account=_account(creator), now=timezone.now())
    except UnableToConnect as refusal:
        messages.error(request, str(refusal))
    return redirect("portal-connected")


@never_cache
@require_safe
@creators_only
def dashboard(request: HttpRequest, creator: Creator) -> HttpResponse:
    """This will lead a creator to their own pages at Stripe, where they mend their bank details."""
    try:
        return HttpResponseRedirect(accounts.dashboard_link(account=_account(creator)))
    except UnableToConnect as refusal:
        messages.error(request, str(refusal))
        return redirect("portal-connected")


@require_POST
@creators_only
def retry(request: HttpRequest, creator: Creator) -> HttpResponse:
    """This will let the next payout go to a bank that sent one back, as the creator says that it is right."""
    _only_where_it_is_used()
    given = request.POST.get("attempt", "")
    try:
        retry_bank(
            creator=creator, attempt=int(given) if given.isascii() and given.isdigit() else 0, now=timezone.now()
        )
        messages.success(request, _("The next payout goes to this bank account."))
    except UnableToRetry as refusal:
        messages.error(request, str(refusal))
    return redirect("portal-connected")


def _only_where_it_is_used() -> None:
    if not accounts.is_connected_rail():
        raise Http404("Creators are paid in another way here.")


def _account(creator: Creator) -> ConnectedAccount:
    _only_where_it_is_used()
    account = accounts.account_of(creator.pk)
    if account is None:
        raise Http404("There is no account yet.")
    return account
