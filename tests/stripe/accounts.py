"""Connected accounts and their onboarding, balances and their lines, customers and ways to pay."""

from collections.abc import Iterable
from typing import Any

import stripe

from tests.stripe.oracle import whole
from tests.stripe.routes import listed, retrieved, route, updated
from tests.stripe.world import PLATFORM, Call, Refused, Row, World

WANTED = ["business_type", "external_account", "individual.dob.day", "tos_acceptance.date"]
# Stripe's test cards by token: last four digits, and how a payment with one goes.
CARDS = {
    "pm_card_visa": ("4242", "succeeds"),
    "pm_card_bypassPending": ("0077", "succeeds at once"),
    "pm_card_chargeDeclined": ("0002", "generic_decline"),
    "pm_card_visa_chargeDeclined": ("0002", "generic_decline"),
    "pm_card_visa_chargeDeclinedInsufficientFunds": ("9995", "insufficient_funds"),
    "pm_card_chargeCustomerFail": ("0341", "generic_decline"),
    "pm_card_authenticationRequired": ("3184", "authenticates"),
    "pm_card_threeDSecure2Required": ("3220", "authenticates"),
    "pm_card_createDispute": ("0259", "disputed"),
    "pm_card_createDisputeInquiry": ("1976", "inquired"),
    "pm_card_refundFail": ("5126", "refund fails"),
    "pm_card_pendingRefund": ("7726", "refund waits"),
    "pm_usBankAccount_success": ("6789", "succeeds later"),
    "pm_usBankAccount_insufficientFunds": ("2227", "fails later"),
}
NOBODY = {"address": None, "email": None, "name": None, "phone": None, "tax_id": None}


def may_act(world: World, account: str) -> None:
    """Raises Refused when a request acts for an account that is not there or was closed."""
    if account != PLATFORM and account not in world.rows:
        text = f"The provided key 'sk_test_****fake' does not have access to account '{account}' (or that account does "
        raise Refused(text + "not exist). Application access may have been revoked.", "account_invalid", 403)


def _requirements(due: list[str], reason: str | None) -> Row:
    return {
        "alternatives": [], "current_deadline": None, "currently_due": due, "disabled_reason": reason, "errors": [],
        "eventually_due": due, "past_due": due, "pending_verification": [],
    }  # fmt: skip


@route("POST", "accounts", "AccountCreateParams", stripe.Account,
       "controller capabilities country email metadata business_type type default_currency settings")  # fmt: skip
def create_account(world: World, call: Call) -> Row:
    """Opens a connected account that may do nothing yet. Its losses are the platform's, or it gets no transfers."""
    given = call.params.get("controller", {})
    losses = given.get("losses", {}).get("payments", "stripe")
    row = world.add(
        stripe.Account, "acct", business_type=call.params.get("business_type"),
        capabilities=dict.fromkeys(call.params.get("capabilities", {}), "inactive"),
        charges_enabled=False, country=call.params.get("country", "US"), details_submitted=False,
        default_currency=call.params.get("default_currency", "usd"), email=call.params.get("email"),
        metadata=call.params.get("metadata", {}), payouts_enabled=False, type=call.params.get("type", "none"),
        controller={
            "type": "application", "is_controller": True, "losses": {"payments": losses},
            "fees": {"payer": given.get("fees", {}).get("payer", "account")},
            "requirement_collection": given.get("requirement_collection", "stripe"),
            "stripe_dashboard": {"type": given.get("stripe_dashboard", {}).get("type", "full")},
        },
        requirements=_requirements(WANTED, "requirements.past_due"),
    )  # fmt: skip
    interval = call.params.get("settings", {}).get("payouts", {}).get("schedule", {}).get("interval", "manual")
    if interval != "manual":
        raise Refused("The fake pays out by hand only.", param="settings[payouts][schedule][interval]")
    row["external_accounts"] = {"object": "list", "data": [], "has_more": False, "url": f"/v1/accounts/{row['id']}"}
    world.owners[row["id"]] = PLATFORM
    world.emit("account.updated", row)
    return row


retrieved("accounts", "AccountRetrieveParams", stripe.Account)
listed("accounts", "AccountListParams", stripe.Account)
updated("accounts", "AccountUpdateParams", stripe.Account, "metadata email", "account.updated")


@route(
    "POST",
    "account_links",
    "AccountLinkCreateParams",
    stripe.AccountLink,
    "account refresh_url return_url type collection_options",
)
def create_link(world: World, call: Call) -> Row:
    """Gives a link to onboarding, good for five minutes and one visit."""
    world.find("account", call.params["account"], param="account")
    url = f"https://connect.stripe.test/setup/{call.params['account']}/{world.new_id('al')}"
    return {"object": "account_link", "created": world.now, "expires_at": world.now + 300, "url": url}


def onboarded(world: World, account: str) -> None:
    """Plays a creator who answers everything: transfers and payouts are on."""
    row = world.find("account", account)
    row.update(charges_enabled=True, details_submitted=True, payouts_enabled=True, requirements=_requirements([], None))
    row["capabilities"] = dict.fromkeys(row["capabilities"], "active")
    banked(world, account, "6789")


def banked(world: World, account: str, last4: str, currency: str = "") -> None:
    """Plays a creator who names the bank account that they want to be paid on, in place of the one in its currency."""
    row = world.find("account", account)
    bank = world.add(
        stripe.BankAccount, "ba", account, bank_name="TEST BANK", country=row["country"], last4=last4, status="new",
        currency=currency or row["default_currency"], default_for_currency=True, fingerprint=f"fp{last4}",
    )  # fmt: skip
    bank["account"] = account
    others = [one for one in row["external_accounts"]["data"] if one["currency"] != bank["currency"]]
    row["external_accounts"]["data"] = [*others, bank]
    world.emit("account.updated", row)


def unbanked(world: World, account: str, currency: str) -> None:
    """Plays a creator who removes their bank account in a currency, and has another."""
    row = world.find("account", account)
    row["external_accounts"]["data"] = [one for one in row["external_accounts"]["data"] if one["currency"] != currency]
    world.emit("account.updated", row)


def has_bank(world: World, account: str, currency: str) -> bool:
    """Says whether an account has a bank account in a currency."""
    return any(one["currency"] == currency for one in world.rows[account]["external_accounts"]["data"])


@route("POST", "accounts/{}/login_links", "AccountCreateLoginLinkParams", stripe.LoginLink)
def login(world: World, call: Call) -> Row:
    """Gives a link to the account's own dashboard, which only one that was onboarded has."""
    row = world.find("account", call.ids[0])
    if not row["details_submitted"]:
        raise Refused("Cannot create a login link for an account that has not completed onboarding.")
    return {"object": "login_link", "created": world.now, "url": f"https://connect.stripe.test/express/{row['id']}"}


def restricted(world: World, account: str, reason: str = "requirements.past_due") -> None:
    """Plays Stripe, which wants more of an account before it may be paid."""
    row = world.find("account", account)
    row.update(charges_enabled=False, payouts_enabled=False, requirements=_requirements([WANTED[2]], reason))
    row["capabilities"] = dict.fromkeys(row["capabilities"], "inactive")
    world.emit("account.updated", row)


@route("POST", "accounts/{}/reject", "AccountRejectParams", stripe.Account, "reason")
def reject(world: World, call: Call) -> Row:
    """Rejects an account for good."""
    reason = call.params["reason"]
    known = "fraud" if reason.startswith("fraud") else reason if reason == "terms_of_service" else "other"
    restricted(world, call.ids[0], f"rejected.{known}")
    return world.find("account", call.ids[0])


@route("DELETE", "accounts/{}", "AccountDeleteParams", stripe.Account)
def close(world: World, call: Call) -> Row:
    """Closes an account; refused while it has a balance."""
    row = world.find("account", call.ids[0])
    if any(amount for (who, _), amount in world.held.items() if who == row["id"]):
        raise Refused("This account can't be deleted because it has a nonzero balance.", "account_invalid")
    closed(world, row["id"])
    return {"id": call.ids[0], "object": "account", "deleted": True}


def closed(world: World, account: str) -> None:
    """Plays an account that is closed, or that took the platform's access away."""
    row = {"id": "ca_fake", "object": "application", "name": "Worldloom"}
    world.keep(row, account, stripe.Application)
    world.emit("account.application.deauthorized", row)
    del world.rows[account]


def _per_currency(world: World, account: str) -> Iterable[tuple[str, int, int]]:
    for currency in sorted({each for who, each in world.held if who == account} | {"usd"}):
        yield currency, *world.balance(account, currency)


@route("GET", "balance", "BalanceRetrieveParams", stripe.Balance)
def balance(world: World, call: Call) -> Row:
    """Gives what the account has by currency, which may be below zero."""
    amounts = list(_per_currency(world, call.account))
    return {
        "object": "balance", "livemode": False, "connect_reserved": None, "instant_available": None, "issuing": None,
        "available": [{"amount": now, "currency": each, "source_types": {"card": now}} for each, now, _ in amounts],
        "pending": [{"amount": then, "currency": each, "source_types": {"card": then}} for each, _, then in amounts],
    }  # fmt: skip


retrieved("balance_transactions", "BalanceTransactionRetrieveParams", stripe.BalanceTransaction)
listed("balance_transactions", "BalanceTransactionListParams", stripe.BalanceTransaction, "currency source type")
retrieved("events", "EventRetrieveParams", stripe.Event)


@route("GET", "events", "EventListParams", stripe.Event, "type types", listed=True)
def events(world: World, call: Call) -> Iterable[Row]:
    """Lists what happened, the newest first."""
    types = call.params.get("types") or ([call.params["type"]] if "type" in call.params else None)
    return [row for row in reversed(world.events) if types is None or row["type"] in types]


def adjusted(world: World, account: str, amount: int, currency: str = "usd") -> None:
    """Plays Stripe, which adds to a balance or takes from it, also below zero."""
    world.post(account, "adjustment", amount, currency, None, against="stripe", category="other_adjustment")


# -- who pays, and with what ------------------------------------------------------------------------------------------


@route("POST", "customers", "CustomerCreateParams", stripe.Customer,
       "email name metadata payment_method invoice_settings description")  # fmt: skip
def create_customer(world: World, call: Call) -> Row:
    """Keeps a buyer, with a card where one is given."""
    named = {name: call.params[name] for name in ("email", "name", "description", "metadata") if name in call.params}
    row = new_customer(world, **named)
    if "payment_method" in call.params:
        card = attached(world, call.params["payment_method"], row["id"])
        if call.params.get("invoice_settings", {}).get("default_payment_method"):
            row["invoice_settings"]["default_payment_method"] = card["id"]
    return row


def new_customer(world: World, **named: Any) -> Row:
    """Keeps a buyer who owes nothing."""
    settings = {"custom_fields": None, "default_payment_method": None, "footer": None, "rendering_options": None}
    row = world.add(stripe.Customer, "cus", balance=0, delinquent=False, invoice_settings=settings, **named)
    world.emit("customer.created", row)
    return row


retrieved("customers", "CustomerRetrieveParams", stripe.Customer)
listed("customers", "CustomerListParams", stripe.Customer, "email")
updated(
    "customers", "CustomerUpdateParams", stripe.Customer, "metadata email name invoice_settings", "customer.updated"
)


@route("DELETE", "customers/{}", "CustomerDeleteParams", stripe.Customer)
def delete_customer(world: World, call: Call) -> Row:
    """Forgets a buyer, whose cards hang on nobody afterwards."""
    row = world.find("customer", call.ids[0])
    for card in world.all("payment_method"):
        if card["customer"] == row["id"]:
            card["customer"] = None
            world.hidden[card["id"]]["detached"] = True
    world.emit("customer.deleted", row)
    del world.rows[row["id"]]
    return {"id": call.ids[0], "object": "customer", "deleted": True}


def method_of(world: World, name: str) -> Row:
    """Gives a way to pay by id; a test card's token makes a new one each time. Raises Refused for neither."""
    if name not in CARDS:
        return world.find("payment_method", name, param="payment_method")
    last4, goes = CARDS[name]
    details = whole(
        stripe.PaymentMethod.Card, brand="visa", country="US", display_brand="visa", exp_month=12, exp_year=2034,
        fingerprint=f"fp{last4}", funding="credit", last4=last4, networks={"available": ["visa"], "preferred": None},
    )  # fmt: skip
    bank = {"account_holder_type": "individual", "account_type": "checking", "bank_name": "TEST BANK", "last4": last4}
    kind = "us_bank_account" if "Bank" in name else "card"
    row = world.add(stripe.PaymentMethod, "pm", type=kind, billing_details=dict(NOBODY), allow_redisplay="unspecified")
    for other in [each for each, value in row.items() if value is None and each != "customer"]:
        del row[other]
    row[kind] = details if kind == "card" else bank
    world.hidden[row["id"]]["goes"] = goes
    return row


def attached(world: World, name: str, customer: str) -> Row:
    """Gives a customer's way to pay."""
    world.find("customer", customer, param="customer")
    row = method_of(world, name)
    row["customer"] = customer
    world.emit("payment_method.attached", row)
    return row


@route("POST", "payment_methods/{}/attach", "PaymentMethodAttachParams", stripe.PaymentMethod, "customer")
def attach(world: World, call: Call) -> Row:
    """Attaches a card; one that is declined at once is refused here, as Stripe does."""
    if CARDS.get(call.ids[0], ("", ""))[0] == "0002":
        raise Refused("Your card was declined.", "card_declined", 402, "card_error", more={})
    return attached(world, call.ids[0], call.params["customer"])


@route("POST", "payment_methods/{}/detach", "PaymentMethodDetachParams", stripe.PaymentMethod)
def detach(world: World, call: Call) -> Row:
    """Takes a card away from its customer, for good."""
    row = world.find("payment_method", call.ids[0])
    row["customer"] = None
    world.hidden[row["id"]]["detached"] = True
    world.emit("payment_method.detached", row)
    return row


retrieved("payment_methods", "PaymentMethodRetrieveParams", stripe.PaymentMethod)
listed("payment_methods", "PaymentMethodListParams", stripe.PaymentMethod, "customer type")
