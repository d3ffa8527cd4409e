"""A creator's wallet: proving one, moving to another, and what is theirs in the vault."""

import json
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ledger.chain.base import ChainUnavailable
from ledger.chain.suite import Suite, suite
from marketplace.payouts import vault_queries, wallet_queries, wallets
from marketplace.payouts.wallets import UnableToBindWallet
from marketplace.people.models import Creator
from marketplace.portal.views.access import creators_only
from marketplace.ui import onchain
from marketplace.ui.formats import moment_text, short_hash

WITHDRAW_GAS, DIVIDE_GAS = 60_000, 120_000


@never_cache
@require_safe
@creators_only
def wallet(request: HttpRequest, creator: Creator) -> HttpResponse:
    """This will show which wallet a creator is paid to on chain, the way to one, and what the vault has for them."""
    return _page(request, creator)


def _page(request: HttpRequest, creator: Creator, *, error: str = "") -> HttpResponse:
    now, known = timezone.now(), _suite()
    context: dict[str, Any] = {"here": "sell", "known": known, "error": error}
    if known is not None:
        binding, asked = wallet_queries.binding_of(creator, now=now), wallet_queries.asked_of(creator)
        free = not binding.address or not binding.is_proved
        may_bind = free and not binding.waiting and not (asked and asked.is_open)
        document, deadline = wallets.bind_document(creator, now=now) if may_bind else ({}, 0)
        context |= {
            "binding": binding,
            "asked": asked,
            "panel": _panel(known, binding, asked),
            "sentence": _sentence(creator, binding, asked, now),
            "typed": json.dumps(document) if may_bind else "",
            "deadline": deadline,
            "wallet_chain": onchain.wallet_chain(known.chain_id),
            # Somebody who comes from sending something there wants to see what came of it.
            "vault": _vault(known, creator, fresh="sent" in request.GET),
        }
    return render(request, "portal/wallet.html", context, status=422 if error else 200)


@require_POST
@creators_only
def bind(request: HttpRequest, creator: Creator) -> HttpResponse:
    """This will take the proof of a first wallet, signed in the browser or pasted."""
    try:
        wallets.bind_wallet(
            creator=creator,
            address=request.POST.get("address", ""),
            signature=_signature(request.POST.get("signature", "")),
            deadline=_seconds(request.POST.get("deadline", "")),
            now=timezone.now(),
        )
    except UnableToBindWallet as refusal:
        return _page(request, creator, error=str(refusal))
    messages.success(request, _("Proved. The chain is told now, and the wallet counts a day after that."))
    return redirect("portal-wallet")


@never_cache
@require_http_methods(["GET", "POST"])
@creators_only
def move(request: HttpRequest, creator: Creator) -> HttpResponse:
    """This will lead through a move to another wallet: its address, the old one's signature, the new one's."""
    known, now = _suite(), timezone.now()
    given = request.POST if request.method == "POST" else request.GET
    to, old = given.get("to", "").strip(), given.get("old_signature", "").strip()
    if known is None or not to:
        return redirect("portal-wallet")
    try:
        document, deadline = wallets.move_document(creator, to, now=now, deadline=_seconds(given.get("deadline", "")))
    except UnableToBindWallet as refusal:
        return _page(request, creator, error=str(refusal))
    error = ""
    try:
        if request.method == "POST" and given.get("new_signature", ""):
            wallets.move_wallet(
                creator=creator,
                to=to,
                deadline=deadline,
                from_signature=_signature(old),
                to_signature=_signature(given["new_signature"]),
                now=now,
            )
            messages.success(request, _("Both wallets have signed. The move counts as soon as it is on the chain."))
            return redirect("portal-wallet")
    except UnableToBindWallet as refusal:
        error, old = str(refusal), ""
    binding = wallet_queries.binding_of(creator, now=now)
    context = {
        "here": "sell",
        "to": document["message"]["to"],
        "from": binding.address,
        "old_signature": old,
        "deadline": deadline,
        "typed": json.dumps(document),
        "error": error,
        "wallet_chain": onchain.wallet_chain(known.chain_id),
        "steps": [_("The wallet that counts now signs"), _("The next wallet signs"), _("On chain")],
        "current": 2 if old else 1,
    }
    return render(request, "portal/wallet_move.html", context, status=422 if error else 200)


def _suite() -> Suite | None:
    try:
        return suite()
    except ChainUnavailable:
        return None


def _panel(known: Suite, binding: wallet_queries.Binding, asked: wallet_queries.Asked | None) -> dict[str, Any]:
    rows = []
    if binding.address:
        rows.append((_("Your wallet"), _mono(binding.address)))
    if binding.waiting:
        rows.append((_("Next wallet"), _mono(binding.waiting)))
        rows.append((_("Counts from"), moment_text(binding.counts_from) if binding.counts_from else ""))
    if asked is not None:
        rows.append((_("Asked for"), _mono(asked.proof.address)))
    state, label = "none", _("No wallet")
    if binding.address:
        state, label = "confirmed", _("Counts")
    elif binding.waiting:
        state, label = "mined", _("Counts soon")
    standing = asked.standing if asked is not None else None
    return onchain.panel(
        chain_id=known.chain_id,
        contracts=[("Payees", known.address("Payees"))],
        standing=standing,
        gas="platform" if standing is not None else "",
        rows=rows,
        state="" if standing is not None else state,
        state_label="" if standing is not None else label,
    )


def _sentence(
    creator: Creator, binding: wallet_queries.Binding, asked: wallet_queries.Asked | None, now: datetime
) -> str:
    if asked is not None and asked.is_open:
        return _("Your proof is on its way to the chain; we pay the fee.")
    if (binding.waiting and not binding.waiting_is_proved) or (binding.address and not binding.is_proved):
        return _("This wallet was never proved here. If it is not yours, tell us at once: nothing is sent to it.")
    if binding.waiting and binding.counts_from is not None:
        said = _("It counts from %(moment)s. Until then it can be stopped, should somebody have stolen our key.")
        return said % {"moment": moment_text(binding.counts_from)}
    if binding.address and wallet_queries.wallet_of(creator, now=now) is None:
        return _(
            "This wallet was another creator's before: payouts for you are not sent to it. Move to one of your own."
        )
    if binding.address:
        return _("What you earn on chain is yours to take with this wallet, and with no other.")
    return _("You need none to earn or to be paid. Your part of what is earned on chain waits for you under your name.")


def _mono(address: str) -> str:
    link = onchain.link("address", address)
    if link:
        shown = short_hash(address, 12)
        return format_html('<a class="mono small" href="{}" rel="noopener" title="{}">{}</a>', link, address, shown)
    return format_html('<span class="mono small" title="{}">{}</span>', address, short_hash(address, 12))


def _vault(known: Suite, creator: Creator, *, fresh: bool) -> dict[str, Any]:
    """Say what a creator has in the vault, or that the chain does not answer just now."""
    contracts = [("SplitVault", known.address("SplitVault"))]
    try:
        found = vault_queries.vault_of(creator.pk, fresh=fresh)
    except ChainUnavailable:
        away = _("The chain does not answer just now. What is yours in the vault stays yours; look again in a minute.")
        return {"panel": onchain.panel(chain_id=known.chain_id, contracts=contracts, unavailable=away)}
    names = {True: _("To withdraw from the vault before"), False: _("To withdraw")}
    return {
        "panel": onchain.panel(
            chain_id=known.chain_id,
            contracts=contracts,
            gas="wallet",
            gas_estimate=WITHDRAW_GAS,
            rows=[
                (names[one.is_former], vault_queries.amount_text(one.amount_units, one.token)) for one in found.balances
            ],
        ),
        "wallet": found.wallet,
        "done": reverse("portal-wallet") + "?sent=1",
        "balances": [
            {
                "amount": (amount := vault_queries.amount_text(one.amount_units, one.token)),
                "id": f"withdraw-{one.token.currency.lower()}-{one.vault[2:8].lower()}",
                "wallet": one.wallet,
                "steps": onchain.steps(
                    [{"to": one.vault, "data": one.withdraw, "label": _("Withdraw %(amount)s") % {"amount": amount}}]
                ),
            }
            for one in found.balances
            if one.amount_units
        ],
        "undivided": [
            {
                "split": one.split,
                "amount": vault_queries.amount_text(one.pot.amount_units, one.pot.token),
                "part": vault_queries.amount_text(one.part_units, one.pot.token),
                "id": f"divide-{one.split[:8]}-{one.pot.token.currency.lower()}-{one.vault[2:8].lower()}",
                "steps": onchain.steps([{"to": one.vault, "data": one.distribute, "label": _("Divide the pot")}]),
            }
            for one in found.undivided
        ],
    }


def _signature(text: str) -> bytes:
    try:
        return bytes.fromhex(text.strip().removeprefix("0x"))
    except ValueError:
        return b""


def _seconds(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0
