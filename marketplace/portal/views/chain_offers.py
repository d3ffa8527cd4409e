"""An offer that is sold on a chain as well: its licensor's wallet signs it, and stops it."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from ledger.chain.base import ChainUnavailable
from ledger.chain.suite import Suite, suite
from ledger.chain_queries import calls_about, standing_of
from marketplace.licensing import chain_offers
from marketplace.licensing.chain_offers import Limits, UnableToOfferOnChain
from marketplace.licensing.models import ChainOffer, Offer
from marketplace.people.models import Creator
from marketplace.portal import selling, words
from marketplace.portal.views.access import creators_only
from marketplace.ui import onchain
from marketplace.ui.formats import Names, date_text, money_text, number_text, say

USUAL_DAYS = 90
_SALT = "portal.chain-offer"
CLOSINGS: Names = {
    "withdrawn": gettext_lazy("The offer was withdrawn."),
    "price": gettext_lazy("Its price changed."),
    "taken-down": gettext_lazy("The release was taken down for a claim."),
    "exclusive": gettext_lazy("Somebody took the pack exclusively."),
    "transferred": gettext_lazy("The pack was handed over."),
    "asked": gettext_lazy("You stopped it."),
    "fee": gettext_lazy("The marketplace's fee changed."),
    "cancelled": gettext_lazy("Your wallet closed it on the chain."),
    "successor": gettext_lazy("Other contracts took the place of those that it was signed for: sign anew."),
}


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@creators_only
def chain_offer(request: HttpRequest, creator: Creator, offer: UUID) -> HttpResponse:
    """This will show what of an offer is sold on the chain, take a wallet's signature for it, and stop it."""
    found = selling.offer_of(creator, offer)
    if found is None:
        raise Http404
    now = timezone.now()
    if request.method != "POST":
        return _page(request, found, now)
    try:
        if request.POST.get("do") == "stop":
            row = ChainOffer.objects.filter(offer=found, pk=_whole(request.POST.get("row"), 0)).first()
            if row is None:
                raise Http404
            chain_offers.stop_on_chain(chain_offer=row, by=creator, now=now)
            messages.success(request, _("It is being closed on the chain, which takes a moment."))
        else:
            _sign(request, creator, found, now)
            messages.success(request, _("Signed by you and by us. From now on it can be bought on the chain."))
    except (UnableToOfferOnChain, ChainUnavailable) as refusal:
        return _page(request, found, now, error=str(refusal))
    return redirect("portal-chain-offer", found.pk)


def _sign(request: HttpRequest, creator: Creator, offer: Offer, now: datetime) -> None:
    try:
        limits = Limits(**signing.loads(str(request.POST.get("limits", "")), salt=_SALT))
    except (signing.BadSignature, TypeError):
        raise UnableToOfferOnChain(offer, _("This page is too old: open it again and sign anew.")) from None
    try:
        signature = bytes.fromhex(str(request.POST.get("signature", "")).strip().removeprefix("0x"))
    except ValueError:
        told = _("The signature is 0x and hexadecimal digits: paste all of it.")
        raise UnableToOfferOnChain(offer, told) from None
    licensor = str(request.POST.get("address", ""))
    chain_offers.offer_on_chain(offer=offer, by=creator, licensor=licensor, limits=limits, signature=signature, now=now)


def _page(request: HttpRequest, offer: Offer, now: datetime, *, error: str = "") -> HttpResponse:
    known = _suite()
    rows = list(ChainOffer.objects.filter(offer=offer).select_related("closing", "offer"))
    hinders = chain_offers.what_hinders(offer, now) if known else ""
    days = min(max(_whole(request.GET.get("days"), USUAL_DAYS), 1), 365)
    supply = min(max(_whole(request.GET.get("supply"), 0), 0), chain_offers.MOST_SUPPLY)
    context: dict[str, Any] = {
        "here": "sell",
        "offer": offer,
        "name": words.say(words.TERMS, offer.terms.name),
        "known": known,
        "hinders": hinders,
        "rows": [_row(row, now) for row in rows],
        "days": days,
        "supply": supply,
        "error": error,
    }
    if known and not hinders:
        limits = chain_offers.limits(now=now, days=days, supply=supply)
        document = chain_offers.to_sign(offer=offer, licensor=onchain.ADDRESS_PLACEHOLDER, limits=limits, now=now)
        document["message"]["licensor"] = "$address"
        context |= {
            "typed": json.dumps(document),
            "limits": signing.dumps(asdict(limits), salt=_SALT),
            "wallet_chain": onchain.wallet_chain(known.chain_id),
        }
    return render(request, "portal/chain_offer.html", context, status=422 if error else 200)


def _suite() -> Suite | None:
    """Finds the contracts; a record that cannot be read is none for this page."""
    try:
        return suite()
    except ChainUnavailable:
        return None


def _row(row: ChainOffer, now: datetime) -> dict[str, Any]:
    """Says one signed offer: its panel, and whether it is still sold."""
    closing = getattr(row, "closing", None)
    call = next(iter(calls_about(f"chain-offer:{row.digest}")), None)
    counted = {"sold": row.sales.count(), "supply": row.supply}
    is_open = closing is None and row.deadline >= now
    price, units = money_text(row.price_minor, row.currency), number_text(int(row.price_units))
    paid = {"price": price, "symbol": row.symbol, "units": units}
    rows = [
        (_("Price"), _("%(price)s in %(symbol)s (%(units)s units)") % paid),
        (_("Sold so far"), _("%(sold)s of %(supply)s") % counted if row.supply else str(counted["sold"])),
        (_("Until"), date_text(row.deadline)),
    ]
    if closing is not None:
        rows.append((_("Closed"), say(CLOSINGS, closing.reason)))
    label = _("For sale") if is_open else _("Closed") if closing is not None else _("Over")
    panel = onchain.panel(
        chain_id=row.chain_id,
        contracts=[("LicenseMarket", row.market)],
        standing=standing_of(call) if call else None,
        gas="platform" if call else "",
        rows=rows,
        state=(standing_of(call).state if call else "") or ("confirmed" if is_open else "none"),
        state_label=label,
    )
    return {"row": row, "panel": panel, "is_open": is_open}


def _whole(text: object, otherwise: int) -> int:
    """Reads a whole number as it was typed; `otherwise` where there is none."""
    said = str(text or "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 12 else otherwise
