"""When a creator is paid, what waits and why, and how they wish to be paid."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from marketplace.payouts import operations
from marketplace.payouts import queries as books
from marketplace.payouts.claims.queries import on_chain_of
from marketplace.payouts.claims.ways import CHAIN, way_of, ways_in
from marketplace.payouts.connected.accounts import STRIPE, account_of, is_connected_rail
from marketplace.payouts.rails.configured import rail_names
from marketplace.payouts.when_queries import NextPayout, next_payouts, reserves_of, ripening_of
from marketplace.people.models import Creator
from marketplace.portal import words_payouts, words_risk
from marketplace.portal.forms.payouts import WayForm, WishForm
from marketplace.portal.views.access import creators_only

DAYS_SHOWN = 14


def balance_rows(creator: Creator) -> list[dict[str, Any]]:
    """Return what `_balances.html` shows: each balance, and when the next payout in its currency is."""
    now = timezone.now()
    said = {row.currency: words_payouts.next_payout(row) for row in next_payouts(creator, now=now)}
    there = {row.currency: row for row in on_chain_of(creator, now=now)}
    return [
        {"balance": one, "when": said.get(one.currency, ""), "on_chain": there.get(one.currency)}
        for one in books.balances_of(creator)
    ]


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@creators_only
def payouts(request: HttpRequest, creator: Creator) -> HttpResponse:
    """This will tell a creator when they are paid in each currency and why not earlier, and take their wish."""
    rows = next_payouts(creator, now=timezone.now())
    forms = {row.currency: WishForm(row=row) for row in rows}
    is_refused = False
    if request.method == "POST":
        asked = next((row for row in rows if f"{row.currency}-currency" in request.POST), None)
        if asked is not None:
            form = WishForm(request.POST, row=asked)
            if form.is_valid() and _wish(creator, asked, form):
                messages.success(request, _("You are paid like that from now on."))
                return redirect("portal-payouts")
            forms[asked.currency] = form
        is_refused = True
    reserves, ripening = reserves_of(creator), ripening_of(creator)
    balances = {balance.currency: balance for balance in books.balances_of(creator)}
    uses_accounts = is_connected_rail()
    ways = {row.currency: way_of(creator, row.currency) for row in rows}
    context = {
        "here": "sell",
        "connected_url": reverse("portal-connected") if uses_accounts else "",
        "is_connected": account_of(creator.pk) is not None or STRIPE not in (ways.values() or rail_names()[:1]),
        "cards": [
            {
                "row": row,
                "balance": balances.get(row.currency),
                "form": forms[row.currency],
                "way": _way_form(row.currency, ways[row.currency]),
                "when": words_payouts.next_payout(row),
                "policy": words_payouts.policy_text(row),
                "risk": words_risk.risk_text(row),
                "reserve": words_payouts.reserve_text(row),
                "until": min((one.until for one in ripening if one.currency == row.currency), default=None),
                "ripening": [words_payouts.ripening_text(one) for one in ripening if one.currency == row.currency][
                    :DAYS_SHOWN
                ],
                "kept": [words_payouts.kept_text(one) for one in reserves if one.currency == row.currency],
            }
            for row in rows
        ],
    }
    return render(request, "portal/payouts.html", context, status=422 if is_refused else 200)


def _way_form(currency: str, way: str) -> WayForm | None:
    """Return what asks how a creator is paid; None where there is nothing to choose."""
    ways = ways_in(currency)
    return WayForm(currency=currency, ways=ways, initial={"way": way}) if len(ways) > 1 else None


@require_POST
@creators_only
def way(request: HttpRequest, creator: Creator, currency: str) -> HttpResponse:
    """This will take how a creator wants to be paid in a currency, from the next payout on."""
    form = WayForm(request.POST, currency=currency, ways=ways_in(currency))
    if not form.is_valid():
        messages.error(request, _("Choose one of the ways in the list."))
        return redirect("portal-payouts")
    chosen = form.cleaned_data["way"]
    try:
        operations.choose_way(
            creator=creator,
            currency=currency,
            on_chain=chosen == CHAIN,
            rail="" if chosen == CHAIN else chosen,
            now=timezone.now(),
        )
        messages.success(request, _("From the next payout on you are paid like that."))
    except operations.UnableToChooseWay as refusal:
        messages.error(request, str(refusal))
    return redirect("portal-payouts")


def _wish(creator: Creator, row: NextPayout, form: WishForm) -> bool:
    """Write the wish, or say in the form why it cannot be."""
    given = form.cleaned_data
    try:
        operations.wish(
            creator=creator,
            currency=row.currency,
            threshold_minor=given["threshold"],
            schedule=given["schedule"],
            now=timezone.now(),
        )
    except operations.UnableToWish as refusal:
        form.add_error(None, str(refusal))
        return False
    return True
