"""Checkout's pages and saved cards. The buyer is played by a test: `completed`, `authenticated`, or nobody comes."""

import stripe
from stripe import checkout

from tests.stripe.accounts import attached, method_of, new_customer
from tests.stripe.billing import price_of
from tests.stripe.payments import begun, enough, tried
from tests.stripe.routes import listed, retrieved, route
from tests.stripe.subscriptions import begun_subscription
from tests.stripe.world import DAY, Call, Refused, Row, World

NOTHING = {"after_submit": None, "shipping_address": None, "submit": None, "terms_of_service_acceptance": None}


@route("POST", "checkout/sessions", "checkout.SessionCreateParams", checkout.Session,
       "mode line_items success_url cancel_url customer customer_email client_reference_id metadata expires_at "
       "payment_intent_data subscription_data currency allowed_payment_method_types locale")  # fmt: skip
def create_session(world: World, call: Call) -> Row:
    """Opens a page to pay on (or to save a card, or to subscribe); it closes by itself after a day."""
    given = call.params
    mode, items = given.get("mode", "payment"), _items(world, given.get("line_items", []))
    if not items and mode != "setup":
        raise Refused(
            "You must provide line_items in payment and subscription mode.", "parameter_missing", param="line_items"
        )
    if "customer" in given:
        world.find("customer", given["customer"], param="customer")
    total = sum(item["amount_total"] for item in items)
    if mode == "payment" and total:
        enough(total, items[0]["currency"], "The Checkout Session's total amount due must add up to at least")
    copied = ("success_url", "cancel_url", "customer", "customer_email", "client_reference_id", "locale")
    row = world.add(
        checkout.Session, "cs_test", amount_subtotal=total, amount_total=total, custom_fields=[], shipping_options=[],
        automatic_tax={"enabled": False, "liability": None, "provider": None, "status": None},
        custom_text=dict(NOTHING),
        currency=items[0]["currency"] if items else given.get("currency"), mode=mode, status="open",
        expires_at=given.get("expires_at", world.now + DAY), metadata=given.get("metadata", {}),
        payment_method_types=given.get("allowed_payment_method_types", ["card"]), payment_status="unpaid",
        **{name: given[name] for name in copied if name in given},
    )  # fmt: skip
    row["url"] = f"https://checkout.stripe.test/c/pay/{row['id']}"
    world.hidden[row["id"]].update(items=items, given=given)
    world.later(row["expires_at"] - world.now, lambda: _expired(world, row))
    return row


def _items(world: World, lines: list[Row]) -> list[Row]:
    items = []
    for line in lines:
        price = price_of(world, line)
        total = (price["unit_amount"] or 0) * line.get("quantity", 1)
        items.append(
            {
                "id": world.new_id("li"), "object": "item", "amount_discount": 0, "amount_subtotal": total,
                "amount_tax": 0, "amount_total": total, "currency": price["currency"], "description": None,
                "price": price, "quantity": line.get("quantity", 1),
            }
        )  # fmt: skip
    return items


retrieved("checkout/sessions", "checkout.SessionRetrieveParams", checkout.Session)
listed(
    "checkout/sessions", "checkout.SessionListParams", checkout.Session, "payment_intent customer status subscription"
)


@route("GET", "checkout/sessions/{}/line_items", "checkout.SessionLineItemListParams", stripe.LineItem, listed=True)
def line_items(world: World, call: Call) -> list[Row]:
    """Lists what is bought."""
    world.find("checkout.session", call.ids[0])
    return list(world.hidden[call.ids[0]]["items"])


@route("POST", "checkout/sessions/{}/expire", "checkout.SessionExpireParams", checkout.Session)
def expire(world: World, call: Call) -> Row:
    """Closes a page that nobody has paid on."""
    row = world.find("checkout.session", call.ids[0])
    if row["status"] != "open":
        raise Refused('Only Checkout Sessions with a status in ["open"] can be expired.')
    _expired(world, row)
    return row


def _expired(world: World, row: Row) -> None:
    if row["status"] == "open":
        row.update(status="expired", url=None)
        world.emit("checkout.session.expired", row)


def completed(world: World, session: str, card: str = "pm_card_visa") -> Row:
    """Plays the buyer who fills in the page. Raises Refused for a declined card: the page stays open.

    With a card that the bank asks about, the page stays open until `payments.authenticated` has answered.
    """
    row = world.find("checkout.session", session)
    if row["status"] != "open":
        raise Refused("This Checkout Session is no longer open.")
    given = world.hidden[session]["given"]
    if row["mode"] == "subscription":
        return _subscribed(world, row, card, given.get("subscription_data", {}))
    if row["mode"] == "setup":
        return _saved(world, row, card)
    if not row["amount_total"]:
        row["payment_status"] = "no_payment_required"
        return _done(world, row)
    intent = world.rows.get(row["payment_intent"] or "")
    if intent is None:
        asked = dict(given.get("payment_intent_data", {}))
        asked |= {"amount": row["amount_total"], "currency": row["currency"]}
        intent = begun(world, asked | ({"customer": row["customer"]} if row["customer"] else {}))
        row["payment_intent"] = intent["id"]
    keep = bool(row["customer"] and intent["setup_future_usage"])
    method = attached(world, card, row["customer"]) if keep else method_of(world, card)
    intent["payment_method"] = method["id"]
    world.hidden[intent["id"]].update({"then": [lambda: _paid(world, row)], "else": [lambda: _unpaid(world, row)]})
    tried(world, intent)
    return _done(world, row) if intent["status"] == "processing" else row


def _paid(world: World, row: Row) -> None:
    late = row["status"] == "complete"
    row["payment_status"] = "paid"
    if late:
        world.emit("checkout.session.async_payment_succeeded", row)
    else:
        _done(world, row)


def _unpaid(world: World, row: Row) -> None:
    world.emit("checkout.session.async_payment_failed", row)


def _done(world: World, row: Row) -> Row:
    row.update(status="complete", url=None)
    world.emit("checkout.session.completed", row)
    return row


def _subscribed(world: World, row: Row, card: str, data: Row) -> Row:
    customer = row["customer"] or new_customer(world, email=row["customer_email"])["id"]
    method = attached(world, card, customer)
    items = [{"price": item["price"]["id"], "quantity": item["quantity"]} for item in world.hidden[row["id"]]["items"]]
    made = begun_subscription(
        world, data | {"customer": customer, "items": items, "default_payment_method": method["id"]}
    )
    row.update(customer=customer, subscription=made["id"], invoice=made["latest_invoice"], payment_status="paid")
    return _done(world, row)


def _saved(world: World, row: Row, card: str) -> Row:
    customer = row["customer"]
    method = attached(world, card, customer) if customer else method_of(world, card)
    intent = _setup(world, customer, method["id"])
    row.update(setup_intent=intent["id"], payment_status="no_payment_required")
    return _done(world, row)


def _setup(world: World, customer: str | None, method: str | None) -> Row:
    row = world.add(
        stripe.SetupIntent, "seti", customer=customer, payment_method=method, payment_method_types=["card"],
        status="succeeded" if method else "requires_payment_method", usage="off_session",
        client_secret=world.new_id("seti") + "_secret_x",
    )  # fmt: skip
    world.emit("setup_intent.succeeded" if method else "setup_intent.created", row)
    return row


@route("POST", "setup_intents", "SetupIntentCreateParams", stripe.SetupIntent,
       "customer payment_method confirm usage automatic_payment_methods return_url")  # fmt: skip
def create_setup(world: World, call: Call) -> Row:
    """Saves a card for later, at once where it is given and confirmed."""
    customer, card = call.params.get("customer"), call.params.get("payment_method")
    if not (card and call.params.get("confirm")):
        return _setup(world, customer, None)
    method = attached(world, card, customer) if customer else method_of(world, card)
    return _setup(world, customer, method["id"])


retrieved("setup_intents", "SetupIntentRetrieveParams", stripe.SetupIntent)
listed("setup_intents", "SetupIntentListParams", stripe.SetupIntent, "customer payment_method")
