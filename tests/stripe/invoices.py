"""Invoices: lines to a total, the customer's credit taken off, paid by the customer's card or left open."""

import stripe

from tests.stripe.accounts import method_of
from tests.stripe.payments import begun, tried
from tests.stripe.routes import retrieved, route
from tests.stripe.world import Call, Refused, Row, World


def line_of(item: Row, amount: int, period: tuple[int, int], quantity: int, *, proration: bool = False) -> Row:
    """Gives one line of an invoice for an item of a subscription; a proration may be below zero."""
    price = item["price"]
    details = {"invoice_item": None, "proration": proration, "proration_details": None, "subscription_item": item["id"]}
    return {
        "object": "line_item", "amount": amount, "currency": price["currency"], "description": None,
        "discount_amounts": [], "discountable": not proration, "discounts": [], "livemode": False, "metadata": {},
        "parent": {
            "type": "subscription_item_details", "invoice_item_details": None,
            "subscription_item_details": details | {"subscription": item["subscription"]},
        },
        "period": {"start": period[0], "end": period[1]}, "pretax_credit_amounts": [],
        "pricing": {
            "type": "price_details", "price_details": {"price": price["id"], "product": price["product"]},
            "unit_amount_decimal": price["unit_amount_decimal"],
        },
        "quantity": quantity, "subscription": item["subscription"], "subtotal": amount, "taxes": [],
    }  # fmt: skip


def invoiced(world: World, subscription: Row, lines: list[Row], reason: str, period: tuple[int, int]) -> Row:
    """Writes a final invoice: what the customer has as credit is taken off, what is below zero becomes credit."""
    customer = world.find("customer", subscription["customer"])
    total, credit = sum(line["amount"] for line in lines), customer["balance"]
    due = max(0, total + credit)
    world.hidden["invoices"]["last"] = number = world.hidden["invoices"].get("last", 0) + 1
    for line in lines:
        line["id"] = world.new_id("il")
    row = world.add(
        stripe.Invoice, "in", amount_due=due, amount_overpaid=0, amount_paid=0, amount_remaining=due, amount_shipping=0,
        attempt_count=0, attempted=False, auto_advance=True, billing_reason=reason, currency=subscription["currency"],
        automatic_tax={"enabled": False, "disabled_reason": None, "liability": None, "provider": None, "status": None},
        collection_method="charge_automatically", customer=customer["id"], customer_email=customer["email"],
        default_tax_rates=[], discounts=[], issuer={"type": "self"}, number=f"FAKE-{number:04d}", status="open",
        lines={"object": "list", "data": lines, "has_more": False, "url": ""}, period_start=period[0],
        period_end=period[1], post_payment_credit_notes_amount=0, pre_payment_credit_notes_amount=0,
        parent={
            "type": "subscription_details", "quote_details": None,
            "subscription_details": {"metadata": dict(subscription["metadata"]), "subscription": subscription["id"]},
        },
        payment_settings={"default_mandate": None, "payment_method_options": None, "payment_method_types": None},
        payments={"object": "list", "data": [], "has_more": False, "url": "/v1/invoice_payments"},
        starting_balance=credit, ending_balance=total + credit - due, subtotal=total, total=total, total_taxes=[],
        status_transitions={
            "finalized_at": world.now, "marked_uncollectible_at": None, "paid_at": None, "voided_at": None,
        },
    )  # fmt: skip
    row["lines"]["url"] = f"/v1/invoices/{row['id']}/lines"
    for line in lines:
        line["invoice"] = row["id"]
    customer["balance"] = row["ending_balance"]
    subscription["latest_invoice"] = row["id"]
    world.emit("invoice.created", row)
    world.emit("invoice.finalized", row)
    return row


def collected(world: World, row: Row, card: str | None, *, off_session: bool = True) -> bool:
    """Tries to have an invoice paid; says whether it is."""
    if not row["amount_due"]:
        settled(world, row)
        return True
    row.update(attempt_count=row["attempt_count"] + 1, attempted=True)
    intent = _intent(world, row)
    if card is not None and world.rows[card]["customer"] != row["customer"]:
        raise Refused("The payment method does not belong to the invoice's customer.", param="payment_method")
    try:
        if card is None:
            raise Refused("This customer has no attached payment source.", "missing_payment_method")
        intent["payment_method"] = card
        tried(world, intent, off_session=off_session)
    except Refused as refused:
        world.hidden[row["id"]]["refused"] = refused
        world.emit("invoice.payment_failed", row)
        return False
    if intent["status"] == "requires_action":
        world.emit("invoice.payment_action_required", row)
    return bool(row["status"] == "paid")


def _intent(world: World, row: Row) -> Row:
    for payment in row["payments"]["data"]:
        return world.rows[payment["payment"]["payment_intent"]]
    asked = {"amount": row["amount_due"], "currency": row["currency"], "customer": row["customer"]}
    intent = begun(world, asked | {"description": f"Invoice {row['number']}"})
    world.hidden[intent["id"]]["then"] = [lambda: settled(world, row)]
    payment = world.add(
        stripe.InvoicePayment, "inpay", amount_paid=None, amount_requested=row["amount_due"], currency=row["currency"],
        invoice=row["id"], is_default=True, status="open", status_transitions={"canceled_at": None, "paid_at": None},
        payment={"type": "payment_intent", "payment_intent": intent["id"]},
    )  # fmt: skip
    row["payments"]["data"].append(payment)
    return intent


def settled(world: World, row: Row) -> None:
    """Marks an invoice paid, and tells the subscription that waits for it."""
    row.update(status="paid", amount_paid=row["amount_due"], amount_remaining=0, attempted=True)
    row["status_transitions"]["paid_at"] = world.now
    for payment in row["payments"]["data"]:
        payment.update(status="paid", amount_paid=payment["amount_requested"])
        payment["status_transitions"]["paid_at"] = world.now
    world.emit("invoice.paid", row)
    world.emit("invoice.payment_succeeded", row)
    for then in world.hidden[row["id"]].pop("then", []):
        then()


retrieved("invoices", "InvoiceRetrieveParams", stripe.Invoice)


@route("GET", "invoices", "InvoiceListParams", stripe.Invoice, "customer status subscription", listed=True)
def invoices(world: World, call: Call) -> list[Row]:
    """Lists invoices, the newest first."""
    wanted = {name: call.params[name] for name in ("customer", "status") if name in call.params}
    rows = [row for row in world.all("invoice") if all(row[name] == value for name, value in wanted.items())]
    of = call.params.get("subscription")
    return [row for row in rows if of in (None, _subscription(row))]


def _subscription(row: Row) -> str | None:
    return row["parent"]["subscription_details"]["subscription"] if row["parent"] else None


@route("POST", "invoices/{}/pay", "InvoicePayParams", stripe.Invoice, "payment_method off_session")
def pay(world: World, call: Call) -> Row:
    """Tries once more to have an open invoice paid, with another card if one is given."""
    row = world.find("invoice", call.ids[0])
    if row["status"] != "open":
        raise Refused("Invoice is already paid", "invoice_already_paid" if row["status"] == "paid" else None)
    usual = world.rows.get(_subscription(row) or "", row)["default_payment_method"]
    card = method_of(world, call.params["payment_method"])["id"] if "payment_method" in call.params else None
    off_session = call.params.get("off_session", True)
    if not collected(world, row, card or usual, off_session=off_session):
        if row["payments"]["data"] and _intent(world, row)["status"] == "processing":
            return row
        why = world.hidden[row["id"]].pop("refused", None)
        raise why or Refused("Your card was declined.", "card_declined", 402, "card_error")
    return row
