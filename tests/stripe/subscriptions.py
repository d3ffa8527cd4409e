"""Subscriptions: trial, first invoice, renewal with what was used, proration, past due with retries, and the end."""

import calendar
from datetime import UTC, datetime

import stripe

from tests.stripe.invoices import collected, invoiced, line_of
from tests.stripe.routes import listed, retrieved, route
from tests.stripe.world import DAY, Call, Refused, Row, World

RETRIES = (3 * DAY, 2 * DAY, 2 * DAY)
ENDED = ("canceled", "incomplete_expired")
INCOMPLETE_FOR = DAY - 3600


def after(anchor: int, at: int, interval: str, count: int) -> int:
    """Gives the first boundary after `at`, counted from the anchor: the 31st falls on a short month's last day."""
    if interval in ("day", "week"):
        step = count * DAY * (7 if interval == "week" else 1)
        return anchor + ((at - anchor) // step + 1) * step
    start, months = datetime.fromtimestamp(anchor, UTC), 0
    while True:
        months += count * (12 if interval == "year" else 1)
        year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
        day = min(start.day, calendar.monthrange(year, month + 1)[1])
        if (found := int(start.replace(year=year, month=month + 1, day=day).timestamp())) > at:
            return found


@route("POST", "subscriptions", "SubscriptionCreateParams", stripe.Subscription,
       "customer items default_payment_method trial_period_days trial_end cancel_at_period_end metadata "
       "payment_behavior off_session description")  # fmt: skip
def create_subscription(world: World, call: Call) -> Row:
    """Begins a subscription and asks for its first money, unless a trial comes first."""
    return begun_subscription(world, call.params)


def begun_subscription(world: World, given: Row) -> Row:
    """Keeps a new subscription; see the route's parameters. Raises Refused where payment must succeed and does not."""
    customer = world.find("customer", given["customer"], param="customer")
    prices = [world.find("price", item["price"], param="items[0][price]") for item in given.get("items", [])]
    if not prices or any(price["recurring"] is None for price in prices):
        text = "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`."
        raise Refused(text, param="items[0][price]")
    settings = customer["invoice_settings"] or {"default_payment_method": None}
    trial = given.get("trial_end") or world.now + given.get("trial_period_days", 0) * DAY
    trial = trial if isinstance(trial, int) and trial > world.now else None
    row = world.add(
        stripe.Subscription, "sub", billing_cycle_anchor=trial or world.now, billing_schedules=[], discounts=[],
        automatic_tax={"enabled": False, "disabled_reason": None, "liability": None}, billing_mode={"type": "flexible"},
        cancel_at_period_end=given.get("cancel_at_period_end", False), collection_method="charge_automatically",
        currency=prices[0]["currency"], customer=customer["id"], metadata=given.get("metadata", {}),
        default_payment_method=given.get("default_payment_method") or settings["default_payment_method"],
        description=given.get("description"), start_date=world.now, status="trialing" if trial else "incomplete",
        invoice_settings={"account_tax_ids": None, "issuer": {"type": "self"}}, trial_end=trial,
        trial_start=world.now if trial else None,
        items={"object": "list", "data": [], "has_more": False, "url": "/v1/subscription_items"},
    )  # fmt: skip
    for price, item in zip(prices, given["items"], strict=True):
        row["items"]["data"].append(_item(world, row, price, item.get("quantity", 1), trial))
    world.hidden[row["id"]].update(pending=[], failures=0)
    end = row["items"]["data"][0]["current_period_end"]
    lines = [] if trial else _advance(row)
    invoice = invoiced(world, row, lines, "subscription_create", (world.now, world.now))
    world.hidden[invoice["id"]]["then"] = [lambda: _active(world, row)]
    behaviour = given.get("payment_behavior", "allow_incomplete")
    card = None if behaviour == "default_incomplete" else row["default_payment_method"]
    good = collected(world, invoice, card, off_session=bool(given.get("off_session")))
    if not good and behaviour == "error_if_incomplete":
        row["status"] = "incomplete_expired"
        raise Refused("Your card was declined.", "card_declined", 402, "card_error")
    world.emit("customer.subscription.created", row)
    if row["status"] == "incomplete":
        world.later(INCOMPLETE_FOR, lambda: _never(world, row))
    world.later(end - world.now, lambda: _renews(world, row))
    return row


def _item(world: World, row: Row, price: Row, quantity: int, trial: int | None) -> Row:
    every = price["recurring"]
    end = trial or after(world.now, world.now, every["interval"], every["interval_count"])
    plan = {
        "id": price["id"], "object": "plan", "active": True, "billing_scheme": "per_unit", "livemode": False,
        "created": price["created"], "currency": price["currency"], "interval": every["interval"],
        "interval_count": every["interval_count"], "usage_type": every["usage_type"], "product": price["product"],
        "amount": price["unit_amount"], "amount_decimal": price["unit_amount_decimal"], "meter": every["meter"],
        "metadata": {}, "nickname": None, "tiers_mode": None, "transform_usage": None, "trial_period_days": None,
    }  # fmt: skip
    metered = every["usage_type"] == "metered"
    return world.add(
        stripe.SubscriptionItem, "si", current_period_start=world.now, current_period_end=end, discounts=[], plan=plan,
        price=price, subscription=row["id"], tax_rates=[], **({} if metered else {"quantity": quantity}),
    )  # fmt: skip


def _period(item: Row) -> tuple[int, int]:
    return item["current_period_start"], item["current_period_end"]


def _metered(item: Row) -> bool:
    return bool(item["price"]["recurring"]["usage_type"] == "metered")


def _advance(row: Row) -> list[Row]:
    """Gives the lines that are paid before the period: everything but what is metered."""
    return [
        line_of(item, item["price"]["unit_amount"] * item["quantity"], _period(item), item["quantity"])
        for item in row["items"]["data"]
        if not _metered(item)
    ]


def _used(world: World, row: Row) -> list[Row]:
    """Gives the lines for what was used in the period that ends."""
    lines = []
    for item in row["items"]["data"]:
        if _metered(item):
            used = _usage(world, row["customer"], item)
            lines.append(line_of(item, item["price"]["unit_amount"] * used, _period(item), used))
    return lines


def _usage(world: World, customer: str, item: Row) -> int:
    meter = world.find("billing.meter", item["price"]["recurring"]["meter"], param="meter")
    who, what = meter["customer_mapping"]["event_payload_key"], meter["value_settings"]["event_payload_key"]
    start, end = _period(item)
    values = [
        int(event["payload"].get(what, "1"))
        for event in sorted(world.hidden["usage"].values(), key=lambda event: event["timestamp"])
        if event["event_name"] == meter["event_name"] and event["payload"].get(who) == customer
        if start <= event["timestamp"] < end
    ]
    formula = meter["default_aggregation"]["formula"]
    return {"sum": sum(values), "count": len(values), "last": values[-1] if values else 0}[formula]


def _active(world: World, row: Row) -> None:
    world.hidden[row["id"]]["failures"] = 0
    if row["status"] in ("incomplete", "past_due"):
        row["status"] = "active"
        world.emit("customer.subscription.updated", row)


def _never(world: World, row: Row) -> None:
    if row["status"] == "incomplete":
        row.update(status="incomplete_expired", ended_at=world.now)
        world.emit("customer.subscription.updated", row)


def _renews(world: World, row: Row) -> None:
    if row["status"] in (*ENDED, "incomplete"):
        return
    first = row["items"]["data"][0]
    if world.now < first["current_period_end"]:
        return
    lines, ended = _used(world, row) + world.hidden[row["id"]]["pending"], _period(first)
    world.hidden[row["id"]]["pending"] = []
    if row["cancel_at_period_end"]:
        _ends(world, row, "cancellation_requested")
        if lines:
            collected(world, invoiced(world, row, lines, "subscription_cycle", ended), row["default_payment_method"])
        return
    for item in row["items"]["data"]:
        every, start = item["price"]["recurring"], item["current_period_end"]
        end = after(row["billing_cycle_anchor"], start, every["interval"], every["interval_count"])
        item.update(current_period_start=start, current_period_end=end)
    if row["status"] == "trialing":
        row["status"] = "active"
    invoice = invoiced(world, row, _advance(row) + lines, "subscription_cycle", ended)
    world.hidden[invoice["id"]]["then"] = [lambda: _active(world, row)]
    world.emit("customer.subscription.updated", row)
    world.later(first["current_period_end"] - world.now, lambda: _renews(world, row))
    if not collected(world, invoice, row["default_payment_method"]):
        _overdue(world, row, invoice)


def _overdue(world: World, row: Row, invoice: Row) -> None:
    failures = world.hidden[row["id"]]["failures"]
    world.hidden[row["id"]]["failures"] = failures + 1
    if failures >= len(RETRIES):
        invoice["next_payment_attempt"] = None
        _ends(world, row, "payment_failed")
        return
    if row["status"] != "past_due":
        row["status"] = "past_due"
        world.emit("customer.subscription.updated", row)
    invoice["next_payment_attempt"] = world.now + RETRIES[failures]

    def again() -> None:
        waits = invoice["status"] == "open" and row["status"] not in ENDED
        if waits and not collected(world, invoice, row["default_payment_method"]):
            _overdue(world, row, invoice)

    world.later(RETRIES[failures], again)


def _ends(world: World, row: Row, reason: str) -> None:
    row.update(status="canceled", canceled_at=world.now, ended_at=world.now)
    row["cancellation_details"] = {"comment": None, "feedback": None, "reason": reason}
    world.emit("customer.subscription.deleted", row)


@route("POST", "subscriptions/{}", "SubscriptionUpdateParams", stripe.Subscription,
       "cancel_at_period_end default_payment_method items metadata proration_behavior")  # fmt: skip
def update_subscription(world: World, call: Call) -> Row:
    """Changes a subscription; another price or quantity is prorated to the second."""
    row = world.find("subscription", call.ids[0])
    if row["status"] in ENDED:
        raise Refused(
            "A canceled subscription can only update its cancellation_details and metadata.", "resource_missing"
        )
    for name in ("cancel_at_period_end", "default_payment_method"):
        if name in call.params:
            row[name] = call.params[name]
    row["metadata"] = row["metadata"] | (call.params.get("metadata") or {})
    behaviour = call.params.get("proration_behavior", "create_prorations")
    lines: list[Row] = []
    for given in call.params.get("items", []):
        item = next((each for each in row["items"]["data"] if each["id"] == given.get("id")), None)
        if item is None:
            raise Refused(f"No such subscription item: '{given.get('id')}'", "resource_missing", param="items[0][id]")
        lines += _changed(world, row, item, given)
    world.emit("customer.subscription.updated", row)
    if behaviour == "always_invoice" and lines:
        invoice = invoiced(world, row, lines, "subscription_update", (world.now, world.now))
        collected(world, invoice, row["default_payment_method"])
    elif behaviour == "create_prorations":
        world.hidden[row["id"]]["pending"] += lines
    return row


def _changed(world: World, row: Row, item: Row, given: Row) -> list[Row]:
    start, end = _period(item)
    lines = []
    for sign in (-1, 1):
        if sign == 1:
            if "price" in given:
                item["price"] = world.find("price", given["price"], param="items[0][price]")
            item["quantity"] = given.get("quantity", item["quantity"])
        whole_amount = item["price"]["unit_amount"] * item["quantity"]
        part = (whole_amount * (end - world.now) * 2 + (end - start)) // ((end - start) * 2)
        lines.append(line_of(item, sign * part, (world.now, end), item["quantity"], proration=True))
    return [] if row["status"] == "trialing" else lines


@route("DELETE", "subscriptions/{}", "SubscriptionCancelParams", stripe.Subscription)
def cancel_subscription(world: World, call: Call) -> Row:
    """Ends a subscription now; nothing is given back by itself."""
    row = world.find("subscription", call.ids[0])
    if row["status"] in ENDED:
        raise Refused(f"No such subscription: '{row['id']}'", "resource_missing", 404, param="id")
    _ends(world, row, "cancellation_requested")
    return row


retrieved("subscriptions", "SubscriptionRetrieveParams", stripe.Subscription)
listed("subscriptions", "SubscriptionListParams", stripe.Subscription, "customer status")
