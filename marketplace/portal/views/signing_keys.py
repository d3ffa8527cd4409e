"""A creator's signing key: whose hands it is in, and putting it into others."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

import ledger.operations
from ledger.custody import REASONS, UnableToChangeKey, UnableToSignFor, current_key
from ledger.models import CreatorKey, Leaf
from ledger.operations import Hands
from marketplace.intake import operations as intake
from marketplace.people.models import Creator
from marketplace.portal import words
from marketplace.portal.ceremonies import ceremony
from marketplace.portal.views.access import creators_only

CUSTODIES = {
    "custodial": gettext_lazy("Kept by the marketplace, encrypted, and used for you"),
    "own": gettext_lazy("Your own: it was made in your browser, and we have never had it"),
}
ENDS = {
    "superseded": gettext_lazy("replaced by the next key"),
    "compromised": gettext_lazy("revoked: somebody else may have it"),
    "lost": gettext_lazy("revoked: lost"),
    "retired": gettext_lazy("revoked: no longer used"),
}
REASON_WORDS = {
    "lost": gettext_lazy("I lost it"),
    "compromised": gettext_lazy("Somebody else may have it"),
    "retired": gettext_lazy("I want to use it no more"),
}


@never_cache
@require_safe
@creators_only
def signing_key(request: HttpRequest, creator: Creator) -> HttpResponse:
    """This will show which key signs for a creator, where it is kept, and where the log says so."""
    rows = CreatorKey.objects.filter(creator=creator).select_related("end").order_by("-registered_at", "kid")
    leaves = dict(
        Leaf.objects.filter(entry__subject__in=[f"key:{row.kid}" for row in rows], entry__type="key").values_list(
            "entry__subject", "index"
        )
    )
    key = current_key(creator)
    context = {
        "here": "sell",
        "key": key,
        "custody": words.say(CUSTODIES, key.custody) if key else "",
        "leaf": leaves.get(f"key:{key.kid}") if key else None,
        "former": [
            {"key": row, "leaf": leaves.get(f"key:{row.kid}"), "ended": words.say(ENDS, row.end.reason)}
            for row in rows
            if hasattr(row, "end")
        ],
        "reasons": list(REASON_WORDS.items()),
    }
    return render(request, "portal/signing_key.html", context)


@require_POST
@creators_only
def make(request: HttpRequest, creator: Creator) -> HttpResponse:
    """This will register a key that was made in the creator's browser."""

    def act(hands: Hands, now: datetime, given: Mapping[str, Any]) -> str:
        jwk = given.get("public_jwk")
        after = str(given.get("after", ""))
        ledger.operations.register_own_key(
            creator=creator, public_jwk=jwk if isinstance(jwk, dict) else {}, after=after, hands=hands, now=now
        )
        return reverse("portal-signing-key")

    return ceremony(request, creator, purpose="make", act=act)


@require_POST
@creators_only
def keep(request: HttpRequest, creator: Creator) -> HttpResponse:
    """This will have the marketplace keep a new key; the creator's own, where it signs now, hands over first."""

    def act(hands: Hands, now: datetime, given: Mapping[str, Any]) -> str:
        prepared, after = str(given["prepared"]).encode(), str(given.get("after", ""))
        ledger.operations.keep_key(creator=creator, prepared=prepared, after=after, hands=hands, now=now)
        if not hands.is_rehearsal:
            intake.examine_again(creator=creator, now=timezone.now())
        return reverse("portal-signing-key")

    if "application/json" in request.headers.get("Content-Type", ""):
        return ceremony(request, creator, purpose="keep", act=act, fresh=_prepared_key)
    try:
        act(Hands([]), timezone.now(), {**_prepared_key(), "after": request.POST.get("after", "")})
    except (UnableToChangeKey, UnableToSignFor, ledger.operations.UnableToCount) as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("A new key, kept by the marketplace, signs for you from now on."))
    return redirect("portal-signing-key")


def _prepared_key() -> dict[str, str]:
    return {"prepared": ledger.operations.prepare_key().decode()}


@require_POST
@creators_only
def revoke(request: HttpRequest, creator: Creator) -> HttpResponse:
    """This will end the creator's key for good: signed by the key where it is at hand, by the log's otherwise."""

    def act(hands: Hands | None, now: datetime, given: Mapping[str, Any]) -> str:
        ledger.operations.revoke_creator_key(
            creator=creator,
            kid=str(given.get("kid", "")),
            reason=str(given.get("reason", "")),
            hands=hands,
            now=now,
        )
        if hands is None or not hands.is_rehearsal:
            intake.examine_again(creator=creator, now=timezone.now())
        return reverse("portal-signing-key")

    if "application/json" in request.headers.get("Content-Type", ""):
        return ceremony(request, creator, purpose="revoke", act=act)
    if request.POST.get("reason") not in REASONS:
        messages.error(request, _("Say why the key ends."))
        return redirect("portal-signing-key")
    try:
        act(None, timezone.now(), {"kid": request.POST.get("kid", ""), "reason": request.POST["reason"]})
    except UnableToChangeKey as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("The key is revoked: what it signs from here on does not count."))
    return redirect("portal-signing-key")
