"""What a creator is paid on chain: whether they are, what they may claim, and the call and the proof for it."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from marketplace.payouts import operations
from marketplace.payouts.claims import queries as claims
from marketplace.payouts.claims.paying import call_of_claim
from marketplace.payouts.claims.places import coins
from marketplace.payouts.claims.standing import standings_of
from marketplace.payouts.claims.ways import is_on_chain
from marketplace.payouts.claims.words import root_state
from marketplace.payouts.rails.onchain import proposal_of
from marketplace.payouts.wallets import wallet_of
from marketplace.people.models import Creator
from marketplace.portal.views.access import creators_only
from marketplace.ui import onchain
from marketplace.ui.formats import moment_text, money_text

CLAIM_GAS = 100_000
"""What a claim takes at most, with a first payment into an account: measured 77,824 for an account's first."""


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@creators_only
def chain_claims(request: HttpRequest, creator: Creator) -> HttpResponse:
    """This will show a creator what they may claim on chain, and take how they wish to be paid in a currency."""
    error = ""
    if request.method == "POST":
        on_chain = request.POST.get("way") == "chain"
        currency = str(request.POST.get("currency", ""))[:3]
        try:
            operations.choose_way(creator=creator, currency=currency, on_chain=on_chain, now=timezone.now())
        except operations.UnableToChooseWay as refusal:
            error = str(refusal)
        else:
            said = (
                _("From now on you claim what you earn on chain.") if on_chain else _("You are paid by the bank again.")
            )
            messages.success(request, said)
            return redirect("portal-chain-claims")
    return render(request, "portal/chain_claims.html", _context(creator, error), status=422 if error else 200)


def _context(creator: Creator, error: str) -> dict[str, Any]:
    now, found = timezone.now(), coins()
    rows = claims.claimable_of(creator, now=now)
    lines = claims.root_lines_of(creator)
    standings = standings_of([line.root for line in lines], now=now)
    return {
        "here": "sell",
        "error": error,
        "wallet": wallet_of(creator, now=now) if found else None,
        "ways": [
            {
                "currency": coin.currency,
                "symbol": coin.symbol,
                "network": onchain.network_name(coin.chain_id),
                "is_on_chain": is_on_chain(creator, coin.currency),
            }
            for coin in found
        ],
        "cards": [_card(row) for row in rows],
        "wallet_chain": onchain.wallet_chain(rows[0].book.chain_id) if rows else "",
        "lines": [
            {
                "line": line,
                "currency": line.root.book.currency,
                "state": root_state(standings[line.root_id]),
                "list": reverse("payout-root", args=[line.root_id]),
            }
            for line in lines
        ],
        "claimed": [
            {
                "claim": claim,
                "currency": claim.book.currency if claim.book else "",
                "link": onchain.link("tx", claim.transaction),
            }
            for claim in claims.claims_of(creator)
        ],
    }


def _card(row: claims.Claimable) -> dict[str, Any]:
    book, claim = row.book, row.claim
    amounts = [
        (_("May be claimed now"), row.claimable_minor),
        (_("Waits"), row.waiting_minor),
        (_("Claimed"), row.claimed_minor),
    ]
    proposal = proposal_of(row.waits_for) if row.waits_for else None
    panel = onchain.panel(
        chain_id=book.chain_id,
        contracts=[("PayoutDistributor", book.distributor), (book.symbol, book.token)],
        standing=proposal.standing if proposal else None,
        gas="wallet" if claim else "platform" if row.waits_for else "",
        gas_estimate=CLAIM_GAS if claim else None,
        rows=[
            (_("Account"), row.account.address),
            *((name, money_text(minor, book.currency)) for name, minor in amounts),
        ],
        state="" if proposal else ("confirmed" if row.claimable_minor or row.claimed_minor else "none"),
        state_label=_state(row),
    )
    call = call_of_claim(claim) if claim else b""
    step = {
        "to": book.distributor,
        "data": call,
        "label": _("Claim %s") % money_text(row.claimable_minor, book.currency),
    }
    return {
        "row": row,
        "title": f"{book.currency} · {row.account.address[:6]}…{row.account.address[-4:]}",
        "panel": panel,
        "when": _when(row),
        "steps": onchain.steps([step]) if claim else "",
        "proof": ["0x" + node.hex() for node in claim.proof] if claim else [],
        "list": reverse("payout-root", args=[claim.root.pk]) if claim else "",
    }


def _state(row: claims.Claimable) -> str:
    if row.claimable_minor:
        return _("Can be claimed")
    return _("Waits for its root") if row.waiting_minor else _("All claimed")


def _when(row: claims.Claimable) -> str:
    """Say from when on what waits can be claimed."""
    if not row.waiting_minor or row.waits is None:
        return ""
    amount = money_text(row.waiting_minor, row.book.currency)
    if row.waits.counts_at is not None:
        said = _("%(amount)s can be claimed from %(when)s on: each root waits for a day, in which it can be stopped.")
        return said % {"amount": amount, "when": moment_text(row.waits.counts_at)}
    return _("%(amount)s can be claimed a day after its root is in a block.") % {"amount": amount}
