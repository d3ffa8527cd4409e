"""The token of a release: asked for, signed by the owner's wallet, made; and what to do where log and chain differ."""

import json
from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from ledger.chain.base import ChainUnavailable
from ledger.chain.reading import reader
from ledger.chain.suite import checked
from ledger.chain.typed import normalized, recover
from ledger.operations import UnableToState
from marketplace.catalog import token_queries, token_words
from marketplace.catalog.models import Release
from marketplace.catalog.token_models import HIGHEST_BPS, TokenAsk
from marketplace.catalog.tokens import UnableToAskForToken, UnableToMaterialize, ask_for_token, materialize_token
from marketplace.payouts.wallets import wallet_of
from marketplace.people.models import Creator
from marketplace.portal.views.access import creators_only
from marketplace.ui import onchain

USUAL_PERCENT = "5"
_CURRENT = {"none": 1, "asked": 2, "ready": 3, "refused": 3, "signed": 4, "made": 5}


@never_cache
@require_safe
@creators_only
def token(request: HttpRequest, creator: Creator, digest: str) -> HttpResponse:
    """This will show the owner how far the token of a release is, and the step that is theirs."""
    return _page(request, creator, _found(creator, digest))


def _page(
    request: HttpRequest, creator: Creator, release: Release, *, given: dict[str, str] | None = None, error: str = ""
) -> HttpResponse:
    now = timezone.now()
    said = token_words.said_of(release, now=now)
    state = said["state"] if said else None
    asks = state is not None and state.step in ("none", "asked", "ready", "refused")
    signs = state is not None and state.step in ("ready", "refused") and state.ask is not None
    context = {
        "here": "sell",
        "release": release,
        "said": said,
        "asks": asks,
        "given": given or (_given(creator, state.ask if state else None, now) if asks else {}),
        "error": error,
        "signs": signs,
        "typed": json.dumps(token_queries.typed_of(state.ask)) if signs and state and state.ask else "",
        "signer": checked(state.ask.wallet) if signs and state and state.ask else "",
        "wallet_chain": onchain.wallet_chain(said["chain_id"]) if said else "",
        "steps": [_("Asked for"), _("Anchored"), _("Signed"), _("On chain")],
        "current": _CURRENT[said["step"]] if said else 1,
    }
    return render(request, "portal/token.html", context, status=422 if error else 200)


def _given(creator: Creator, ask: TokenAsk | None, now: Any) -> dict[str, str]:
    """Return what the form begins with: what was asked for last, else the wallet that the creator is paid to."""
    if ask is not None:
        return {"wallet": checked(ask.wallet), "percent": f"{Decimal(ask.bps).scaleb(-2).normalize():f}"}
    return {"wallet": wallet_of(creator, now=now) or "", "percent": USUAL_PERCENT}


@require_POST
@creators_only
def ask(request: HttpRequest, creator: Creator, digest: str) -> HttpResponse:
    """This will state that the release may become a token of the wallet that is given."""
    release = _found(creator, digest)
    given = {name: str(request.POST.get(name, "")).strip() for name in ("wallet", "percent")}
    bps = _bps(given["percent"])
    if bps is None:
        error = _("Write the royalty as a percentage from 0 to %(most)d with two decimals at most, such as 5 or 2.5.")
        return _page(request, creator, release, given=given, error=error % {"most": HIGHEST_BPS // 100})
    try:
        ask_for_token(release=release, by=creator, wallet=given["wallet"], bps=bps, now=timezone.now())
    except (UnableToAskForToken, UnableToState) as refusal:
        return _page(request, creator, release, given=given, error=str(refusal))
    messages.success(request, _("Asked for. The log says so in a moment; your wallet signs once that is anchored."))
    return redirect("portal-token", digest)


def _bps(percent: str) -> int | None:
    """Return a percentage as ten-thousandths, None for what is none from 0 to 10 with two decimals at most."""
    try:
        found = Decimal(percent.replace(",", ".").removesuffix("%").strip()).scaleb(2)
    except InvalidOperation:
        return None
    if not found.is_finite() or found != found.to_integral_value() or not 0 <= found <= HIGHEST_BPS:
        return None
    return int(found)


@require_POST
@creators_only
def sign(request: HttpRequest, creator: Creator, digest: str) -> HttpResponse:
    """This will take the wallet's signature, made in the browser or pasted, and have the token made."""
    release = _found(creator, digest)
    found = token_queries.current_ask(release)
    if found is None:
        return _page(request, creator, release, error=_("Ask for the token first."))
    try:
        signature = bytes.fromhex(str(request.POST.get("signature", "")).strip().removeprefix("0x"))
    except ValueError:
        return _page(request, creator, release, error=_("The signature is 0x and hexadecimal digits: paste all of it."))
    try:
        is_contract = _is_contracts(found, signature)
        materialize_token(ask=found, by=creator, signature=signature, now=timezone.now(), is_contract=is_contract)
    except (UnableToMaterialize, ChainUnavailable) as refusal:
        return _page(request, creator, release, error=str(refusal))
    messages.success(request, _("Signed. The chain makes the token now; we pay its fee."))
    return redirect("portal-token", digest)


def _is_contracts(found: TokenAsk, signature: bytes) -> bool:
    """Say whether the wallet is a contract that vouches for the signature; only then the chain is asked."""
    digest, wallet = token_queries.digest_of(found), checked(found.wallet)
    if recover(digest, normalized(signature)) == wallet or not signature:
        return False
    asked = reader()
    return bool(asked.code(wallet)) and asked.is_signed_by(wallet, digest, signature)


def _found(creator: Creator, digest: str) -> Release:
    rows = Release.objects.select_related("pack__creator", "pack__owner")
    release = rows.filter(digest=digest, pack__owner=creator).first()
    if release is None:
        raise Http404
    return release
