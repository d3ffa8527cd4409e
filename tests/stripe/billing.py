"""Products, prices, and what was used of them: metered events, counted into the invoice of their period."""

from typing import Any

import stripe
from stripe import billing

from tests.stripe.routes import listed, retrieved, route, updated
from tests.stripe.world import DAY, Call, Refused, Row, World

OLDEST_USAGE = 35 * DAY
BY_CUSTOMER = {"event_payload_key": "stripe_customer_id", "type": "by_id"}


@route("POST", "products", "ProductCreateParams", stripe.Product, "name description metadata id active")
def create_product(world: World, call: Call) -> Row:
    """Keeps what is sold."""
    return _product(world, call.params)


def _product(world: World, given: Row) -> Row:
    known = {name: given[name] for name in ("name", "description", "metadata", "id", "active") if name in given}
    values = {"active": True, "images": [], "marketing_features": [], "type": "service", "updated": world.now} | known
    row = world.add(stripe.Product, "prod", **values)
    world.emit("product.created", row)
    return row


@route("POST", "prices", "PriceCreateParams", stripe.Price,
       "currency product product_data unit_amount recurring metadata lookup_key nickname active")  # fmt: skip
def create_price(world: World, call: Call) -> Row:
    """Keeps what something costs, once or again and again."""
    return _price(world, call.params)


def _price(world: World, given: Row) -> Row:
    product = given.get("product") or _product(world, given["product_data"])["id"]
    world.find("product", product, param="product")
    recurring = given.get("recurring")
    amount = given.get("unit_amount", 0)
    row = world.add(
        stripe.Price, "price", active=given.get("active", True), billing_scheme="per_unit", currency=given["currency"],
        lookup_key=given.get("lookup_key"), nickname=given.get("nickname"), metadata=given.get("metadata", {}),
        product=product, unit_amount=amount, unit_amount_decimal=str(amount),
        type="recurring" if recurring else "one_time", tax_behavior="unspecified",
        recurring=None if recurring is None else {
            "interval": recurring["interval"], "interval_count": recurring.get("interval_count", 1),
            "meter": recurring.get("meter"), "trial_period_days": None,
            "usage_type": recurring.get("usage_type", "licensed"),
        },
    )  # fmt: skip
    world.emit("price.created", row)
    return row


def price_of(world: World, line: Row) -> Row:
    """Gives the price of a line, by id or made of its `price_data`."""
    if "price" in line:
        return world.find("price", line["price"], param="price")
    if "price_data" not in line:
        raise Refused("You must specify either `price` or `price_data`.", "parameter_missing", param="line_items")
    return _price(world, line["price_data"])


for _path, _kind in (("products", stripe.Product), ("prices", stripe.Price)):
    retrieved(_path, f"{_kind.__name__}RetrieveParams", _kind)
    listed(_path, f"{_kind.__name__}ListParams", _kind, "active")
    updated(_path, f"{_kind.__name__}UpdateParams", _kind, "metadata active")


@route("POST", "billing/meters", "billing.MeterCreateParams", billing.Meter,
       "display_name event_name default_aggregation customer_mapping value_settings")  # fmt: skip
def create_meter(world: World, call: Call) -> Row:
    """Keeps how events are counted for a customer."""
    given: dict[str, Any] = call.params
    return world.add(
        billing.Meter, "mtr", customer_mapping=given.get("customer_mapping", BY_CUSTOMER),
        default_aggregation=given["default_aggregation"], display_name=given["display_name"], status="active",
        event_name=given["event_name"], status_transitions={"deactivated_at": None}, updated=world.now,
        value_settings=given.get("value_settings", {"event_payload_key": "value"}),
    )  # fmt: skip


retrieved("billing/meters", "billing.MeterRetrieveParams", billing.Meter)
listed("billing/meters", "billing.MeterListParams", billing.Meter, "status")


@route("POST", "billing/meter_events", "billing.MeterEventCreateParams", billing.MeterEvent,
       "event_name payload identifier timestamp")  # fmt: skip
def meter_event(world: World, call: Call) -> Row:
    """Counts something that was used; the same identifier again is refused, so nothing is counted twice."""
    given = call.params
    if not any(meter["event_name"] == given["event_name"] for meter in world.all("billing.meter")):
        raise Refused(f"No active meter found for event name {given['event_name']}", "resource_missing", 404)
    name, at = given.get("identifier") or world.new_id("mte"), given.get("timestamp", world.now)
    if not world.now - OLDEST_USAGE <= at <= world.now + 300:
        raise Refused("The timestamp must be within the past 35 calendar days.", "timestamp_too_old", param="timestamp")
    kept = world.hidden["usage"]
    if name in kept:
        raise Refused(f"An event already exists with identifier {name}.", "duplicate_meter_event", param="identifier")
    kept[name] = {
        "object": "billing.meter_event", "created": world.now, "event_name": given["event_name"], "identifier": name,
        "livemode": False, "payload": dict(given["payload"]), "timestamp": at,
    }  # fmt: skip
    return dict(kept[name])
