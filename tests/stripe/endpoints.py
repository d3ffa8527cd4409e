"""The platform's own account, when its balance is paid out, and the endpoints that its events are sent to."""

from typing import Any

import stripe

from tests.stripe.oracle import whole
from tests.stripe.routes import listed, retrieved, route, updated
from tests.stripe.world import PLATFORM, Call, Refused, Row, World

MOST = 16


@route("GET", "account", "AccountRetrieveCurrentParams", stripe.Account)
def current(world: World, call: Call) -> Row:
    """Gives the account whose key it is."""
    return whole(
        stripe.Account, id=PLATFORM, object="account", charges_enabled=True, country="US", default_currency="usd",
        details_submitted=True, payouts_enabled=True, type="standard",
    )  # fmt: skip


@route("GET", "balance_settings", "BalanceSettingsRetrieveParams", stripe.BalanceSettings)
def balance_settings(world: World, call: Call) -> Row:
    """Says when the balance is paid out: daily until somebody says otherwise."""
    schedule = {"interval": world.hidden["balance_settings"].get(call.account, "daily")}
    schedule |= {"monthly_payout_days": None, "weekly_payout_days": None}  # type: ignore[dict-item]
    payouts: dict[str, Any] = {
        "automatic_transfer_rules_by_currency": {}, "minimum_balance_by_currency": {}, "schedule": schedule,
        "statement_descriptor": None, "status": "enabled",
    }  # fmt: skip
    timing = {"delay_days": 2, "delay_days_override": None, "start_of_day": None}
    inner = {"debit_negative_balances": True, "payouts": payouts, "settlement_timing": timing}
    return {"object": "balance_settings", "payments": inner}


@route("POST", "balance_settings", "BalanceSettingsUpdateParams", stripe.BalanceSettings, "payments")
def change_balance_settings(world: World, call: Call) -> Row:
    """Changes when the balance is paid out."""
    interval = call.params["payments"]["payouts"]["schedule"]["interval"]
    world.hidden["balance_settings"][call.account] = interval
    return balance_settings(world, call)


@route("POST", "webhook_endpoints", "WebhookEndpointCreateParams", stripe.WebhookEndpoint,
       "url enabled_events connect api_version description metadata")  # fmt: skip
def create_endpoint(world: World, call: Call) -> Row:
    """Keeps an address; its secret is said this once."""
    given = call.params
    if sum(1 for _ in world.all("webhook_endpoint")) >= MOST:
        raise Refused(f"You have reached the maximum of {MOST} test webhook endpoints.")
    row = world.add(
        stripe.WebhookEndpoint, "we", api_version=given.get("api_version"), description=given.get("description"),
        enabled_events=list(given["enabled_events"]), metadata=given.get("metadata", {}), status="enabled",
        url=given["url"],
    )  # fmt: skip
    world.hidden[row["id"]]["connect"] = bool(given.get("connect"))
    return row | {"secret": f"whsec_{row['id']}"}


retrieved("webhook_endpoints", "WebhookEndpointRetrieveParams", stripe.WebhookEndpoint)
listed("webhook_endpoints", "WebhookEndpointListParams", stripe.WebhookEndpoint)
updated(
    "webhook_endpoints",
    "WebhookEndpointUpdateParams",
    stripe.WebhookEndpoint,
    "url enabled_events description metadata",
)


@route("DELETE", "webhook_endpoints/{}", "WebhookEndpointDeleteParams", stripe.WebhookEndpoint)
def delete_endpoint(world: World, call: Call) -> Row:
    """Sends nothing there any more."""
    del world.rows[world.find("webhook_endpoint", call.ids[0])["id"]]
    return {"id": call.ids[0], "object": "webhook_endpoint", "deleted": True}
