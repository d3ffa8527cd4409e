"""Setting an account at Stripe up for us: its key is tried, it is paid out by hand, and it tells us what happens.

Every step looks first, so that it may be done again, by two at once, and after any crash.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from marketplace.checkout.gateways.stripe.inbox import TYPES
from marketplace.checkout.gateways.stripe.reaching import reaching
from marketplace.provider.client import ProviderUnavailable, client, is_live, unavailable
from marketplace.provider.looking import plain

Row = dict[str, Any]
OURS, CONNECTED = "payments", "connected"
OF_TRANSFERS = ("transfer.created", "transfer.reversed", "transfer.updated")
OF_ACCOUNTS = (
    "account.updated",
    "account.application.deauthorized",
    "account.external_account.created",
    "account.external_account.updated",
    "account.external_account.deleted",
    "capability.updated",
    "payout.created",
    "payout.updated",
    "payout.paid",
    "payout.failed",
    "payout.canceled",
)
ENDPOINTS = {OURS: sorted({*TYPES, *OF_TRANSFERS, "account.updated"}), CONNECTED: sorted(OF_ACCOUNTS)}
"""What each endpoint is told of: what happens to our own account, and to those of creators."""


@dataclass(frozen=True, slots=True)
class Account:
    """What a key opens: `interval` is when its balance is paid out."""

    reference: str
    is_live: bool
    country: str
    currency: str
    may_charge: bool
    interval: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint as it is now; `secret` is said once only, by whoever made it. `did` is made, changed or kept."""

    kind: str
    reference: str
    did: str
    secret: str = ""


def account() -> Account:
    """This will ask whose key it is; raises GatewayUnavailable where it opens nothing."""
    there = _answered(lambda: client().v1.accounts.retrieve_current())
    settings = _answered(lambda: client().v1.balance_settings.retrieve())
    schedule = (settings["payments"].get("payouts") or {}).get("schedule") or {}
    return Account(
        reference=there["id"],
        is_live=is_live(),
        country=str(there.get("country") or ""),
        currency=str(there.get("default_currency") or "").upper(),
        may_charge=bool(there.get("charges_enabled")),
        interval=str(schedule.get("interval") or ""),
    )


def pay_out_by_hand() -> None:
    """This will stop Stripe from paying our balance out by itself: transfers to creators need it."""
    given: Any = {"payments": {"payouts": {"schedule": {"interval": "manual"}}}}
    _answered(lambda: client().v1.balance_settings.update(given))


def endpoints(*, url: str, replace: bool) -> list[Endpoint]:
    """This will see that both endpoints are there, know all types, and are on; with `replace`, with new secrets.

    A former endpoint is removed when its follower is there. Raises GatewayUnavailable.
    """
    listed = _answered(lambda: client().v1.webhook_endpoints.list({"limit": 100}))["data"]
    return [_endpoint(kind, url, listed, replace) for kind in ENDPOINTS]


def _endpoint(kind: str, url: str, listed: list[Row], replace: bool) -> Endpoint:
    types = ENDPOINTS[kind]
    ours = [row for row in listed if row["url"] == url and (row["metadata"] or {}).get("worldloom_endpoint") == kind]
    if ours and not replace:
        [there, *_] = ours
        if sorted(there["enabled_events"]) == types and there["status"] == "enabled":
            return Endpoint(kind, there["id"], "kept")
        given: Any = {"enabled_events": types, "disabled": False}
        if there["status"] == "enabled":
            del given["disabled"]
        _answered(lambda: client().v1.webhook_endpoints.update(there["id"], given))
        return Endpoint(kind, there["id"], "changed")
    made = _made(kind, url, types, former=",".join(sorted(row["id"] for row in ours)))
    for row in ours:
        _answered(lambda row=row: client().v1.webhook_endpoints.delete(row["id"]))
    return Endpoint(kind, made["id"], "made", str(made.get("secret") or ""))


def _made(kind: str, url: str, types: list[str], *, former: str) -> Row:
    """Makes an endpoint; asked again within a day, after a lost answer, it is the same one, secret included."""
    import stripe

    words = "\n".join((kind, url, former, stripe.api_version, *types))
    key = f"worldloom-endpoint:{hashlib.sha256(words.encode()).hexdigest()[:32]}"
    given: Any = {
        "url": url,
        "enabled_events": types,
        "connect": kind == CONNECTED,
        "api_version": stripe.api_version,
        "description": "Worldloom",
        "metadata": {"worldloom_endpoint": kind},
    }
    return _answered(lambda: client().v1.webhook_endpoints.create(given, {"idempotency_key": key}))


def _answered(ask: Any) -> Row:
    with reaching():
        try:
            return plain(ask()) or {}
        except Exception as error:
            raise unavailable(error) or ProviderUnavailable("failed", str(error)[:300]) from error
