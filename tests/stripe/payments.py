"""PaymentIntents and the charges that they make: at once, after the bank's question, days later, or never."""

from typing import Any

import stripe

from tests.stripe.accounts import NOBODY, method_of
from tests.stripe.oracle import whole
from tests.stripe.routes import listed, retrieved, route, updated
from tests.stripe.world import DAY, SETTLES_AFTER, Call, Refused, Row, World, checked

DISPUTED = {"disputed": "needs_response", "inquired": "warning_needs_response"}
# docs.stripe.com/currencies: what a charge comes to at least, in minor units.
SMALLEST = {
    "aed": 200, "aud": 50, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250, "eur": 50, "gbp": 30,
    "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200, "nok": 300, "nzd": 50, "pln": 200,
    "ron": 200, "sek": 300, "sgd": 50, "thb": 1000, "usd": 50,
}  # fmt: skip
WORDS = {
    "generic_decline": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "authentication_required": "Your card was declined. This transaction requires authentication.",
}
CARD_WORDS = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4", "wallet")
BANK_TAKES = 4 * DAY


def fee_of(amount: int) -> int:
    """Gives Stripe's part of a charge: 2.9% to the nearest unit, and 30."""
    return (amount * 29 + 500) // 1000 + 30


@route("POST", "payment_intents", "PaymentIntentCreateParams", stripe.PaymentIntent,
       "amount currency customer payment_method "
       "allowed_payment_method_types automatic_payment_methods confirm off_session "
       "transfer_group metadata description setup_future_usage return_url receipt_email")  # fmt: skip
def create_intent(world: World, call: Call) -> Row:
    """Begins a payment, and tries it at once where `confirm` says so."""
    return begun(world, call.params)


def enough(amount: int, currency: str, words: str) -> None:
    """Raises Refused for an amount that Stripe's fee would eat."""
    if amount < (least := SMALLEST.get(currency, 1)):
        said = f"{least}" if currency == "jpy" else f"{least // 100}.{least % 100:02d}"
        raise Refused(f"{words} {said} {currency}", "amount_too_small", param="amount")


def begun(world: World, params: Row) -> Row:
    """Keeps a new PaymentIntent; see the route's parameters. Raises Refused, also for a card that is declined."""
    amount, currency = params["amount"], params["currency"]
    checked(amount, currency)
    enough(amount, currency, "Amount must be at least")
    if "customer" in params:
        world.find("customer", params["customer"], param="customer")
    if params.get("off_session") and not params.get("confirm"):
        raise Refused(
            "You cannot set `off_session` when `confirm` is not true.", "parameter_invalid", param="off_session"
        )
    method = method_of(world, params["payment_method"]) if "payment_method" in params else {"customer": None}
    if "id" in method and "detached" in world.hidden[method["id"]]:
        text = "The provided PaymentMethod was detached from a Customer. It may not be used again."
        raise Refused(text, param="payment_method")
    if method["customer"] not in (None, params.get("customer")):
        text = f"The customer does not have a payment method with the ID {method['id']}."
        raise Refused(f"{text} It must be attached to it.", "resource_missing", param="payment_method")
    copied = ("customer", "transfer_group", "description", "setup_future_usage", "receipt_email")
    row = world.add(
        stripe.PaymentIntent, "pi", amount=amount, amount_capturable=0, amount_received=0, currency=currency,
        capture_method="automatic_async", confirmation_method="automatic",
        client_secret=world.new_id("pi") + "_secret_x",
        payment_method_types=params.get("allowed_payment_method_types", ["card"]), metadata=params.get("metadata", {}),
        status="requires_payment_method", **{name: params[name] for name in copied if name in params},
    )  # fmt: skip
    if "payment_method" in params:
        row.update(payment_method=method["id"], status="requires_confirmation")
    world.emit("payment_intent.created", row)
    return tried(world, row, off_session=bool(params.get("off_session"))) if params.get("confirm") else row


@route("POST", "payment_intents/{}/confirm", "PaymentIntentConfirmParams", stripe.PaymentIntent,
       "payment_method off_session return_url")  # fmt: skip
def confirm(world: World, call: Call) -> Row:
    """Tries a payment."""
    row = world.find("payment_intent", call.ids[0])
    _open(row, "confirm", "requires_payment_method", "requires_confirmation", "requires_action")
    if "payment_method" in call.params:
        row["payment_method"] = method_of(world, call.params["payment_method"])["id"]
    if row["payment_method"] is None:
        text = "You cannot confirm this PaymentIntent because it's missing a payment method."
        raise Refused(text, "payment_intent_unexpected_state", more={"payment_intent": row})
    return tried(world, row, off_session=bool(call.params.get("off_session")))


@route("POST", "payment_intents/{}/cancel", "PaymentIntentCancelParams", stripe.PaymentIntent, "cancellation_reason")
def cancel(world: World, call: Call) -> Row:
    """Ends a payment that took no money."""
    row = world.find("payment_intent", call.ids[0])
    _open(row, "cancel", "requires_payment_method", "requires_confirmation", "requires_action")
    row.update(status="canceled", canceled_at=world.now, cancellation_reason=call.params.get("cancellation_reason"))
    world.emit("payment_intent.canceled", row)
    return row


def _open(row: Row, verb: str, *states: str) -> None:
    if row["status"] not in states:
        text = f"You cannot {verb} this PaymentIntent because it has a status of {row['status']}."
        raise Refused(text, "payment_intent_unexpected_state", more={"payment_intent": dict(row)})


retrieved("payment_intents", "PaymentIntentRetrieveParams", stripe.PaymentIntent)
listed("payment_intents", "PaymentIntentListParams", stripe.PaymentIntent, "customer")
updated("payment_intents", "PaymentIntentUpdateParams", stripe.PaymentIntent, "metadata description transfer_group")
retrieved("charges", "ChargeRetrieveParams", stripe.Charge)
listed("charges", "ChargeListParams", stripe.Charge, "customer payment_intent transfer_group")
updated("charges", "ChargeUpdateParams", stripe.Charge, "metadata description transfer_group", "charge.updated")


def tried(world: World, row: Row, *, off_session: bool = False) -> Row:
    """Tries a payment with its card; raises Refused (402) when the card says no."""
    goes = world.hidden[row["payment_method"]]["goes"]
    if goes == "authenticates" and not off_session:
        return_to = {"return_url": None, "url": f"https://hooks.stripe.test/3ds/{row['id']}"}
        row.update(status="requires_action", next_action={"type": "redirect_to_url", "redirect_to_url": return_to})
        world.emit("payment_intent.requires_action", row)
        return row
    if goes == "authenticates":
        declined(world, row, "authentication_required")
    if goes in WORDS:
        declined(world, row, goes)
    if goes in ("succeeds later", "fails later"):
        return _later(world, row, goes)
    return paid(world, row)


def authenticated(world: World, intent: str, agreed: bool = True) -> None:
    """Plays the buyer before the bank's question: agrees, or fails to."""
    row = world.find("payment_intent", intent)
    row["next_action"] = None
    if agreed:
        paid(world, row)
        return
    row.update(status="requires_payment_method", payment_method=None)
    row["last_payment_error"] = {
        "type": "invalid_request_error", "code": "payment_intent_authentication_failure",
        "message": "The provided PaymentMethod has failed authentication.",
    }  # fmt: skip
    world.emit("payment_intent.payment_failed", row)


def _charge(world: World, row: Row, status: str, **more: Any) -> Row:
    method = world.rows[row["payment_method"]]
    kind = method["type"]
    paid_with: Row = {"type": kind}
    if kind == "card":
        named = {name: method[kind][name] for name in CARD_WORDS}
        paid_with["card"] = whole(stripe.Charge.PaymentMethodDetails.Card, network="visa", **named)
    outcome = whole(stripe.Charge.Outcome, type="issuer_declined" if status == "failed" else "authorized")
    charge = world.add(
        stripe.Charge, "ch" if kind == "card" else "py", amount=row["amount"], currency=row["currency"], status=status,
        amount_captured=row["amount"] if status == "succeeded" else 0, amount_refunded=0, captured=status != "failed",
        billing_details=dict(NOBODY), customer=row["customer"], disputed=False, metadata=dict(row["metadata"]),
        paid=status == "succeeded", payment_intent=row["id"], payment_method=method["id"], refunded=False,
        payment_method_details=paid_with, outcome=outcome,
        transfer_group=row["transfer_group"], description=row["description"], **more,
    )  # fmt: skip
    row["latest_charge"] = charge["id"]
    return charge


def declined(world: World, row: Row, reason: str) -> None:
    """Notes a charge that the bank refused, and raises Refused with Stripe's 402."""
    code = reason if reason == "authentication_required" else "card_declined"
    error: Row = {"type": "card_error", "code": code, "decline_code": reason, "message": WORDS[reason]}
    charge = _charge(world, row, "failed", failure_code=code, failure_message=WORDS[reason])
    row.update(status="requires_payment_method", payment_method=None)
    row["last_payment_error"] = error | {"charge": charge["id"]}
    world.emit("charge.failed", charge)
    world.emit("payment_intent.payment_failed", row)
    more = {"decline_code": reason, "charge": charge["id"], "payment_intent": dict(row)}
    raise Refused(WORDS[reason], code, 402, "card_error", more=more)


def paid(world: World, row: Row) -> Row:
    """Takes the money: charge, line, events; then what the test card does to it."""
    goes = world.hidden[row["payment_method"]]["goes"]
    charge = _charge(world, row, "succeeded")
    _credited(world, row, charge, 0 if goes == "succeeds at once" else SETTLES_AFTER)
    if goes in DISPUTED:
        from tests.stripe.backwards import disputed

        disputed(world, charge["id"], status=DISPUTED[goes])
    return row


def _credited(world: World, row: Row, charge: Row, after: int) -> None:
    kind = "charge" if charge["id"].startswith("ch") else "payment"
    line = world.post(
        world.owners[charge["id"]], kind, charge["amount"], charge["currency"], charge["id"], against="buyers",
        fee=fee_of(charge["amount"]), category="charge", available_on=world.now + after,
    )  # fmt: skip
    captured = {"amount_captured": charge["amount"], "paid": True, "status": "succeeded"}
    charge.update(balance_transaction=line["id"], receipt_url=f"https://pay.stripe.test/{charge['id']}", **captured)
    row.update(status="succeeded", amount_received=row["amount"], next_action=None, last_payment_error=None)
    world.emit("charge.succeeded", charge)
    world.emit("payment_intent.succeeded", row)
    for then in world.hidden[row["id"]].get("then", []):
        then()


def _later(world: World, row: Row, goes: str) -> Row:
    charge = _charge(world, row, "pending")
    row["status"] = "processing"
    world.emit("charge.pending", charge)
    world.emit("payment_intent.processing", row)

    def settle() -> None:
        if goes == "succeeds later":
            _credited(world, row, charge, 0)
            return
        text = "The customer's account has insufficient funds to cover this payment."
        charge.update(status="failed", captured=False, failure_code="insufficient_funds", failure_message=text)
        row.update(status="requires_payment_method", payment_method=None)
        row["last_payment_error"] = {"type": "invalid_request_error", "code": "insufficient_funds", "message": text}
        world.emit("charge.failed", charge)
        world.emit("payment_intent.payment_failed", row)
        for other in world.hidden[row["id"]].get("else", []):
            other()

    world.later(BANK_TAKES, settle)
    return row
