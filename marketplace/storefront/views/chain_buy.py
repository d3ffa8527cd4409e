"""Buying a license with a wallet: what is paid, what to send, and what became of it."""

import json
import re
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ledger.chain.abi import call_data
from ledger.chain.base import ChainUnavailable
from marketplace.checkout import chain_sales
from marketplace.checkout.chain_sales import UnableToClaimLicense
from marketplace.checkout.models import ChainSale, ChainSaleStep
from marketplace.licensing import chain_offers
from marketplace.licensing import queries as licensing
from marketplace.licensing.models import ChainOffer, LicenseeCommitment, Offer
from marketplace.people.models import Person, Studio
from marketplace.storefront import words
from marketplace.storefront.held import buying_studios
from marketplace.ui import onchain
from marketplace.ui.formats import Names, date_text, money_text, number_text, say

GAS = 165_000
"""What allowing the price and buying take together, about (docs/decisions/0035-contract-suite.md)."""

REASONS: Names = {
    "unknown-offer": gettext_lazy("The chain sold something that we did not sign."),
    "withdrawn": gettext_lazy("The offer had ended here before you bought it there."),
    "exclusive": gettext_lazy("Somebody had taken the pack exclusively before you bought it there."),
    "refused": gettext_lazy("The license could not be granted."),
}


def _person(request: HttpRequest) -> Person | None:
    return request.user if request.user.is_authenticated else None  # type: ignore[return-value]


def _offer(offer: UUID) -> Offer:
    found = Offer.objects.filter(pk=offer).select_related("terms", "release__pack__creator").first()
    if found is None:
        raise Http404
    return found


@never_cache
@require_safe
def buy(request: HttpRequest, offer: UUID) -> HttpResponse:
    """This will show an offer as it is sold on the chain, and the transactions that buy it."""
    found, now, person = _offer(offer), timezone.now(), _person(request)
    row = chain_offers.open_chain_offers([found], now).get(found.pk)
    studios = buying_studios(person) if person else []
    committed = _committed(request, found, person)
    alone = "alone" in request.GET and committed is None
    context: dict[str, Any] = {
        "here": "browse",
        "offer": found,
        "release": found.release,
        "name": words.say(words.TERMS, found.terms.name),
        "is_live": licensing.offer(found.pk) is not None,
        "row": row,
        "studios": studios,
        "committed": committed,
        "alone": alone,
    }
    if row is not None:
        context |= _shown(row)
        if committed is not None or alone:
            context["steps"] = _steps(row, committed.commitment if committed else "")
    return render(request, "storefront/chain_buy.html", context)


def _committed(request: HttpRequest, offer: Offer, person: Person | None) -> LicenseeCommitment | None:
    """Finds what this person committed to for the offer, and the page is opened for."""
    number = request.GET.get("for", "")
    if person is None or not re.fullmatch(r"[0-9]{1,18}", number):
        return None
    rows = LicenseeCommitment.objects.filter(pk=int(number), person=person, offer=offer).exclude(licensee_salt="")
    return rows.select_related("studio").first()


def _shown(row: ChainOffer) -> dict[str, Any]:
    price = money_text(row.price_minor, row.currency)
    units = number_text(int(row.price_units))
    rows = [
        (
            _("Price"),
            _("%(price)s in %(symbol)s (%(units)s units)") % {"price": price, "symbol": row.symbol, "units": units},
        ),
        (_("Until"), date_text(row.deadline)),
    ]
    if row.supply:
        left = max(row.supply - row.sales.count(), 0)
        rows.append((_("Left"), _("%(left)s of %(supply)s") % {"left": left, "supply": row.supply}))
    panel = onchain.panel(
        chain_id=row.chain_id,
        contracts=[("LicenseMarket", row.market), (row.symbol, row.token)],
        gas="wallet",
        gas_estimate=GAS,
        rows=rows,
        state="confirmed",
        state_label=_("For sale"),
    )
    return {"price": price, "panel": panel, "wallet_chain": onchain.wallet_chain(row.chain_id)}


def _steps(row: ChainOffer, commitment: str) -> str:
    """Writes the two transactions: the market may take the price, unless it may already, and the purchase."""
    account = onchain.ADDRESS_PLACEHOLDER
    values = {"price": money_text(row.price_minor, row.currency)}
    allowed = call_data("ERC20", "allowance", account, row.market)
    return onchain.steps(
        [
            {
                "to": row.token,
                "data": chain_offers.allow_data(row),
                "label": _("Allow the contract to take %(price)s") % values,
                "unless": {"to": row.token, "data": allowed, "least": int(row.price_units)},
            },
            {
                "to": row.market,
                "data": chain_offers.buy_data(row, licensee=account, commitment=commitment),
                "label": _("Buy the license for %(price)s") % values,
            },
        ]
    )


@require_POST
@login_required
def prepare(request: HttpRequest, offer: UUID) -> HttpResponse:
    """This will draw what the buyer commits to, for a studio of theirs, and show the transactions."""
    found, person = _offer(offer), _person(request)
    assert person is not None
    studio = _studio(request.POST.get("studio", ""), buying_studios(person))
    if studio is None:
        messages.error(request, _("Choose a studio for which you may buy."))
        return redirect("buy-on-chain", found.pk)
    row = chain_offers.commit_licensee(offer=found, studio=studio, person=person, now=timezone.now())
    return redirect(f"{reverse('buy-on-chain', args=[found.pk])}?for={row.pk}#buy")


def _studio(key: object, studios: list[Studio]) -> Studio | None:
    return next((one for one in studios if str(one.pk) == str(key)), None)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def bought(request: HttpRequest) -> HttpResponse:
    """This will say what became of a purchase on the chain, and give its license to whoever shows the wallet."""
    given = request.POST if request.method == "POST" else request.GET
    transaction = str(given.get("transaction", "")).strip().lower()
    if not re.fullmatch(r"0x[0-9a-f]{64}", transaction):
        raise Http404
    person, now = _person(request), timezone.now()
    rows = list(ChainSale.objects.filter(chain_transaction=transaction).select_related("chain_offer__offer"))
    error = _claimed(request, rows, person, now) if request.method == "POST" and person else ""
    if request.method == "POST" and not error:
        return redirect(f"{reverse('bought-on-chain')}?transaction={transaction}")
    studios = buying_studios(person) if person else []
    chosen = _studio(given.get("studio", ""), studios) or (studios[0] if studios else None)
    context = {
        "here": "licenses",
        "transaction": transaction,
        "link": onchain.link("tx", transaction),
        "sales": [_sale(row, studios, chosen) for row in rows],
        "studios": studios,
        "chosen": chosen,
        "error": error,
        "wallet_chain": onchain.wallet_chain(rows[0].chain_id) if rows else "",
    }
    return render(request, "storefront/chain_bought.html", context, status=422 if error else 200)


def _sale(row: ChainSale, studios: list[Studio], chosen: Studio | None) -> dict[str, Any]:
    step = chain_sales.standing(row)
    grant = step.grant
    waits = step.state == ChainSaleStep.WAITING
    return {
        "row": row,
        "state": step.state,
        "reason": say(REASONS, step.reason) if step.reason else "",
        "note": step.note,
        "offer": row.chain_offer.offer if row.chain_offer else None,
        "grant": grant if grant is not None and grant.studio_id in {one.pk for one in studios} else None,
        "typed": json.dumps(chain_sales.to_claim(sale=row, studio=chosen)) if waits and chosen else "",
    }


def _claimed(request: HttpRequest, rows: list[ChainSale], person: Person, now: datetime) -> str:
    """Gives the license to the studio that was chosen, or says why not."""
    sale = next((one for one in rows if str(one.pk) == str(request.POST.get("sale", ""))), None)
    studio = _studio(request.POST.get("studio", ""), buying_studios(person))
    if sale is None or studio is None:
        return _("Choose a studio for which you may buy.")
    try:
        signature = bytes.fromhex(str(request.POST.get("signature", "")).strip().removeprefix("0x"))
        vouched = signature != b"" and chain_sales.is_signed(sale=sale, studio=studio, signature=signature)
        chain_sales.claim_license(
            sale=sale, studio=studio, person=person, signature=signature, now=now, is_contract=vouched
        )
    except ValueError:
        return _("The signature is 0x and hexadecimal digits: paste all of it.")
    except ChainUnavailable:
        return _("The signature is not by that wallet’s key, and the chain does not say whether its contract takes it.")
    except UnableToClaimLicense as refusal:
        return str(refusal)
    return ""
