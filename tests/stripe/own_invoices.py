"""Invoices that we write ourselves: a draft, its lines, the final number, and an end without money."""

from typing import Any

import stripe

from tests.stripe.invoices import settled
from tests.stripe.routes import listed, route
from tests.stripe.world import Call, Refused, Row, World, checked

OFF = {"enabled": False, "disabled_reason": None, "liability": None, "provider": None, "status": None}


@route("POST", "invoices", "InvoiceCreateParams", stripe.Invoice,
       "customer currency collection_method auto_advance metadata description default_payment_method "
       "pending_invoice_items_behavior")  # fmt: skip
def create_invoice(world: World, call: Call) -> Row:
    """Begins a draft without lines."""
    given = call.params
    customer = world.find("customer", given["customer"], param="customer")
    method = given.get("default_payment_method")
    if method is not None and world.find("payment_method", method, param="default_payment_method")["customer"] is None:
        raise Refused("The payment method must be the customer's.", param="default_payment_method")
    row = world.add(
        stripe.Invoice, "in", amount_due=0, amount_overpaid=0, amount_paid=0, amount_remaining=0, amount_shipping=0,
        attempt_count=0, attempted=False, auto_advance=given.get("auto_advance", False), billing_reason="manual",
        currency=given.get("currency", "usd"), automatic_tax=dict(OFF), customer=customer["id"],
        collection_method=given.get("collection_method", "charge_automatically"), customer_email=customer["email"],
        default_payment_method=method, default_tax_rates=[], description=given.get("description"), discounts=[],
        issuer={"type": "self"}, metadata=given.get("metadata", {}), status="draft", period_start=world.now,
        period_end=world.now, post_payment_credit_notes_amount=0, pre_payment_credit_notes_amount=0,
        lines={"object": "list", "data": [], "has_more": False, "url": ""}, total=0, subtotal=0, total_taxes=[],
        payment_settings={"default_mandate": None, "payment_method_options": None, "payment_method_types": None},
        payments={"object": "list", "data": [], "has_more": False, "url": "/v1/invoice_payments"},
        starting_balance=customer["balance"],
        status_transitions={"finalized_at": None, "marked_uncollectible_at": None, "paid_at": None, "voided_at": None},
    )  # fmt: skip
    row["lines"]["url"] = f"/v1/invoices/{row['id']}/lines"
    world.emit("invoice.created", row)
    return row


@route("POST", "invoiceitems", "InvoiceItemCreateParams", stripe.InvoiceItem,
       "customer invoice currency amount quantity unit_amount_decimal description metadata")  # fmt: skip
def create_item(world: World, call: Call) -> Row:
    """Adds a line to a draft: an amount, or a quantity of something at a price."""
    given = call.params
    invoice = _draft(world, given["invoice"])
    quantity = given.get("quantity", 1)
    unit = int(given["unit_amount_decimal"]) if "unit_amount_decimal" in given else given.get("amount", 0)
    amount = unit * quantity
    checked(amount, given["currency"])
    if given["currency"] != invoice["currency"]:
        raise Refused("The invoice has another currency.", param="currency")
    pricing = {"price_details": None, "type": "price_details", "unit_amount_decimal": str(unit)}
    item = world.add(
        stripe.InvoiceItem, "ii", amount=amount, currency=given["currency"], customer=given["customer"], date=world.now,
        description=given.get("description"), discountable=True, invoice=invoice["id"], proration=False,
        metadata=given.get("metadata", {}), net_amount=amount, period={"start": world.now, "end": world.now},
        pricing=pricing, quantity=quantity, quantity_decimal=str(quantity),
    )  # fmt: skip
    details = {"invoice_item": item["id"], "proration": False, "proration_details": None, "subscription": None}
    line: dict[str, Any] = {
        "id": world.new_id("il"), "object": "line_item", "amount": amount, "currency": given["currency"],
        "description": given.get("description"), "discount_amounts": [], "discountable": True, "discounts": [],
        "invoice": invoice["id"], "livemode": False, "metadata": given.get("metadata", {}),
        "parent": {"type": "invoice_item_details", "invoice_item_details": details, "subscription_item_details": None},
        "period": {"start": world.now, "end": world.now}, "pretax_credit_amounts": [], "pricing": pricing,
        "quantity": quantity, "subscription": None, "subtotal": amount, "taxes": [],
    }  # fmt: skip
    invoice["lines"]["data"].append(line)
    invoice["total"] += amount
    invoice.update(dict.fromkeys(("subtotal", "amount_due", "amount_remaining"), invoice["total"]))
    return item


def _draft(world: World, invoice_id: str) -> Row:
    row = world.find("invoice", invoice_id, param="invoice")
    if row["status"] != "draft":
        raise Refused("This invoice is no longer editable", "invoice_not_editable")
    return row


listed("invoiceitems", "InvoiceItemListParams", stripe.InvoiceItem, "customer invoice")


@route("POST", "invoices/{}/finalize", "InvoiceFinalizeInvoiceParams", stripe.Invoice, "auto_advance")
def finalize(world: World, call: Call) -> Row:
    """Gives a draft its number; from now on it can be paid and not be changed."""
    row = _draft(world, call.ids[0])
    customer = world.find("customer", row["customer"])
    world.hidden["invoices"]["last"] = number = world.hidden["invoices"].get("last", 0) + 1
    due = max(0, row["amount_due"] + customer["balance"])
    rest = row["amount_due"] + customer["balance"] - due
    row.update(status="open", number=f"FAKE-{number:04d}", starting_balance=customer["balance"], ending_balance=rest)
    row.update(amount_due=due, amount_remaining=due)
    customer["balance"] = rest
    row["status_transitions"]["finalized_at"] = world.now
    world.emit("invoice.finalized", row)
    if not due:
        settled(world, row)
    return row


@route("DELETE", "invoices/{}", "InvoiceDeleteParams", stripe.Invoice)
def delete_invoice(world: World, call: Call) -> Row:
    """Removes a draft."""
    row = world.rows.get(call.ids[0])
    if row is not None and row["status"] != "draft":
        raise Refused("You can only delete draft invoices.", "invoice_not_editable")
    row = world.find("invoice", call.ids[0])
    world.emit("invoice.deleted", row)
    del world.rows[row["id"]]
    return {"id": row["id"], "object": "invoice", "deleted": True}


@route("POST", "customers/{}/balance_transactions", "CustomerBalanceTransactionCreateParams",
       stripe.CustomerBalanceTransaction, "amount currency description metadata")  # fmt: skip
def change_balance(world: World, call: Call) -> Row:
    """Gives a customer credit (below zero), or takes it."""
    customer = world.find("customer", call.ids[0])
    customer["balance"] += call.params["amount"]
    return world.add(
        stripe.CustomerBalanceTransaction, "cbtxn", amount=call.params["amount"], currency=call.params["currency"],
        customer=customer["id"], ending_balance=customer["balance"], type="adjustment",
        description=call.params.get("description"), metadata=call.params.get("metadata", {}),
    )  # fmt: skip


@route("POST", "invoices/{}/void", "InvoiceVoidInvoiceParams", stripe.Invoice)
def void(world: World, call: Call) -> Row:
    """Ends an invoice that nobody has paid; nobody can pay it afterwards."""
    row = world.find("invoice", call.ids[0])
    if row["status"] != "open":
        raise Refused("You can only void an open invoice.", "invoice_not_open")
    tried = [(payment, world.rows[payment["payment"]["payment_intent"]]) for payment in row["payments"]["data"]]
    if any(intent["status"] == "processing" for _payment, intent in tried):
        raise Refused("This invoice has a payment that is being processed.")
    world.find("customer", row["customer"])["balance"] += (row["starting_balance"] or 0) - (row["ending_balance"] or 0)
    row.update(status="void")
    row["status_transitions"]["voided_at"] = world.now
    for payment, intent in tried:
        intent.update(status="canceled", canceled_at=world.now, cancellation_reason="void_invoice")
        payment["status"] = "canceled"
    world.emit("invoice.voided", row)
    return row
