"""Opening a creator's account with the payment provider, the ways into it, and what it says of itself."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.payouts.connected.tables import ConnectedAccount, ConnectedAccountState
from marketplace.payouts.taxes import TaxDetails
from marketplace.people.models import Creator
from marketplace.provider.calls import perform
from marketplace.provider.client import ProviderRefused, ProviderUnavailable, client, unavailable
from marketplace.provider.looking import plain

Body = dict[str, Any]

STRIPE = "stripe"
"""The name of the rail that pays through such accounts."""

GONE = ("account_invalid", "resource_missing")
"""Stripe's words for an account that is not there for us any more."""


class UnableToConnect(Exception):
    """The provider opened no account, or gave no way into it; `why` says it in words."""

    code = "unable-to-connect"

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(_("Your account for payouts cannot be reached: %(why)s.") % {"why": why})


def account_of(creator_id: UUID) -> ConnectedAccount | None:
    """Return the creator's newest account; None where they have none."""
    return ConnectedAccount.objects.filter(creator_id=creator_id).order_by("number").last()


def state_of(account: ConnectedAccount) -> ConnectedAccountState | None:
    """Return how an account stood when it was last heard of."""
    return ConnectedAccountState.objects.filter(account=account).order_by("pk").last()


def begin(*, creator: Creator, country: str, now: datetime) -> ConnectedAccount:
    """Return the creator's account, opened at the provider where they have none or theirs was closed.

    `country` is where the creator lives or trades, as two capital letters; Stripe cannot change it later. Raises
    UnableToConnect for a country that Stripe does not take, and where it does not answer: the same again is safe, and
    opens one account. Not to be called inside a transaction.
    """
    before = account_of(creator.pk)
    if before is not None and not ((state := state_of(before)) and state.closed):
        return before
    number = before.number + 1 if before else 1
    try:
        body = perform(
            key=f"connect:{creator.pk}:{number}:{country}",
            operation="accounts.create",
            params={
                "country": country,
                "controller": {
                    "losses": {"payments": "application"},
                    "fees": {"payer": "application"},
                    "stripe_dashboard": {"type": "express"},
                },
                "capabilities": {"transfers": {"requested": True}},
                "settings": {"payouts": {"schedule": {"interval": "manual"}}},
                "metadata": {"creator": str(creator.pk)},
            },
            subject=f"creator:{creator.pk}",
            now=now,
        )
    except ProviderRefused as refusal:
        raise UnableToConnect(refusal.message.rstrip(".")) from refusal
    except ProviderUnavailable as silence:
        raise UnableToConnect(_("Stripe did not answer; try again in a moment")) from silence
    with transaction.atomic():
        account, _made = ConnectedAccount.objects.get_or_create(
            reference=body["id"],
            defaults={"creator": creator, "number": number, "country": country, "made_at": now},
        )
        record_state(account=account, body=body, now=now)
    return account


def onboarding_link(*, account: ConnectedAccount, again_url: str, back_url: str) -> str:
    """Return an address at Stripe where the creator answers what it still asks for; good for minutes and one visit.

    From there they come back to `back_url`, or to `again_url` where the link was used up. Raises UnableToConnect.
    """
    try:
        made = client().v1.account_links.create(
            {
                "account": account.reference,
                "type": "account_onboarding",
                "refresh_url": again_url,
                "return_url": back_url,
            }
        )
    except Exception as error:
        raise _no_way(error) from error
    return str(made.url)


def dashboard_link(*, account: ConnectedAccount) -> str:
    """Return an address at Stripe where the creator sees their own account and mends their bank details.

    Raises UnableToConnect, also for an account whose onboarding was never finished.
    """
    try:
        return str(client().v1.accounts.login_links.create(account.reference).url)
    except Exception as error:
        raise _no_way(error) from error


def _no_way(error: Exception) -> UnableToConnect:
    if unavailable(error) is not None:
        return UnableToConnect(_("Stripe did not answer; try again in a moment"))
    return UnableToConnect(_("Stripe wants its questions answered first"))


def is_gone(error: Exception) -> bool:
    """Whether an error of the provider's client says that an account, or what was asked of it, is not there for us."""
    said = getattr(error, "json_body", None)
    body = said.get("error") if isinstance(said, dict) else None
    code = body.get("code") if isinstance(body, dict) else getattr(error, "code", None)
    return code in GONE


def fetch(reference: str) -> Body | None:
    """Return an account as the provider has it now; None for one that was closed or left us. Raises its errors."""
    try:
        found = plain(client().v1.accounts.retrieve(reference))
    except Exception as error:
        if is_gone(error):
            return None
        raise
    return None if found is None or found.get("deleted") else found


def refresh(*, account: ConnectedAccount, now: datetime) -> ConnectedAccountState:
    """Ask how an account stands, keep it where it changed, and return it. Raises UnableToConnect."""
    try:
        body = fetch(account.reference)
    except Exception as error:
        raise _no_way(error) from error
    return record_state(account=account, body=body, now=now)


@transaction.atomic
def record_state(*, account: ConnectedAccount, body: Mapping[str, Any] | None, now: datetime) -> ConnectedAccountState:
    """Keep how an account stands where that is not what was kept last, and return it; None says that it was closed.

    Closed is for good: what is said of it afterwards changes nothing.
    """
    ConnectedAccount.objects.select_for_update(no_key=True).get(pk=account.pk)
    before = state_of(account)
    if before is not None and before.closed:
        return before
    said = _said(body)
    if before is not None and all(getattr(before, name) == value for name, value in said.items()):
        return before
    return ConnectedAccountState.objects.create(account=account, at=now, **said)


def _said(body: Mapping[str, Any] | None) -> dict[str, Any]:
    if body is None:
        return {
            "submitted": False,
            "transfers": False,
            "payouts": False,
            "closed": True,
            "disabled_reason": "",
            "due": "",
            "bank": "",
            "currencies": "",
        }
    wanted = body.get("requirements") or {}
    banks = (body.get("external_accounts") or {}).get("data") or []
    return {
        "submitted": bool(body.get("details_submitted")),
        "transfers": (body.get("capabilities") or {}).get("transfers") == "active",
        "payouts": bool(body.get("payouts_enabled")),
        "closed": False,
        "disabled_reason": str(wanted.get("disabled_reason") or "")[:80],
        "due": " ".join(wanted.get("currently_due") or []),
        "bank": " ".join(f"{bank['id']}:{bank.get('last4', '')}" for bank in banks)[:100],
        "currencies": " ".join(sorted({str(bank.get("currency", "")).upper() for bank in banks}))[:200],
    }


def is_connected_rail() -> bool:
    """Whether creators are, or may choose to be, paid through accounts of their own with the provider."""
    return any(path.strip().endswith(".StripeConnectRail") for path in str(settings.ADAPTERS["payouts"]).split(","))


def country_of(creator: Creator) -> str:
    """Return the country that a creator told the tax office last, as two letters, or nothing."""
    told = TaxDetails.objects.filter(creator=creator).order_by("pk").last()
    return told.country if told else ""
