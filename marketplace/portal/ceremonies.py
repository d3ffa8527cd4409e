"""Signing in the creator's browser: what is to be signed is asked for, and then done with the signatures of it.

The first request has no token and is answered with one and with the messages; the second brings both back, signed. The
token holds the time and the chance of the first, so that the second states the same, to the letter.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.core import signing
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from ledger.operations import (
    Hands,
    UnableToChangeKey,
    UnableToCount,
    UnableToSignFor,
    UnableToState,
    UnableToUseKey,
    rehearse,
)
from ledger.presenting import read_signatures
from marketplace.catalog.transferring import UnableToTransfer
from marketplace.intake import operations as intake
from marketplace.intake.examining import OUTCOMES
from marketplace.licensing.operations import UnableToOffer
from marketplace.people.models import Creator

VALID_SECONDS = 3600
_BODY_BYTES = 2_000_000
REFUSALS = (
    UnableToChangeKey,
    UnableToCount,
    UnableToSignFor,
    UnableToState,
    UnableToTransfer,
    UnableToUseKey,
    UnableToOffer,
    intake.UnableToWithdraw,
    *OUTCOMES,
)

Act = Callable[[Hands, datetime, Mapping[str, Any]], str]
"""Does it with the signatures of `hands` at that time, by what is given; returns the address that comes next."""


def ceremony(
    request: HttpRequest,
    creator: Creator,
    *,
    purpose: str,
    act: Act,
    fresh: Callable[[], Mapping[str, Any]] = dict,
) -> JsonResponse:
    """This will answer either of the two requests; `fresh` draws what chance decides, once for both."""
    salt = f"portal.ceremony.{purpose}.{creator.pk}"
    try:
        body = json.loads(request.body[:_BODY_BYTES])
        if "token" not in body:
            values = {**dict(body.get("given") or {}), **fresh()}
            return _prepared(act, values, salt)
        presented = read_signatures(body.get("signatures"))
        prepared = signing.loads(str(body["token"]), salt=salt, max_age=VALID_SECONDS)
    except signing.BadSignature:
        return refused(_("What was to be signed is an hour old by now, or another's: load the page and sign anew."))
    except (AttributeError, TypeError, ValueError, RecursionError):
        return refused(_("The request cannot be read: load the page anew."), status=400)
    try:
        address = act(Hands(presented), datetime.fromtimestamp(prepared["at"], UTC), prepared["values"])
    except REFUSALS as refusal:
        return refused(str(refusal))
    return JsonResponse({"next": address})


def _prepared(act: Act, values: Mapping[str, Any], salt: str) -> JsonResponse:
    now, hands = timezone.now().replace(microsecond=0), Hands()
    try:
        rehearse(lambda: act(hands, now, values))
    except REFUSALS as refusal:
        return refused(str(refusal))
    messages = [{"kid": one.kid, "type": one.type, "payload": one.payload} for one in hands.messages]
    token = signing.dumps({"at": int(now.timestamp()), "values": values}, salt=salt)
    return JsonResponse({"token": token, "messages": messages})


def refused(detail: str, status: int = 422) -> JsonResponse:
    """This will answer that nothing was done, and why."""
    return JsonResponse({"detail": detail}, status=status)
