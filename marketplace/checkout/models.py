"""Orders, the intents to take money for them, and what came of it.

More tables: attempts.py, charges.py, disputes.py, refunds.py, chain_sale_models.py, method_models.py,
sandbox_models.py, subscription_models.py.
"""

import uuid

from django.db import models
from django.db.models import Q

from marketplace.checkout import chain_sale_models as chain_sale_models  # tables of this app, found by being imported
from marketplace.checkout import charges as charges
from marketplace.checkout import disputes as disputes
from marketplace.checkout import left_models as left_models
from marketplace.checkout import method_models as method_models
from marketplace.checkout import paper_models as paper_models
from marketplace.checkout import refund_requests as refund_requests
from marketplace.checkout import refunds as refunds
from marketplace.checkout import stripe_models as stripe_models
from marketplace.checkout import subscription_models as subscription_models
from marketplace.checkout import tax_models as tax_models
from marketplace.checkout.attempts import AttemptDeclined as AttemptDeclined
from marketplace.checkout.attempts import PaymentAttempt as PaymentAttempt
from marketplace.checkout.attempts import PaymentStep as PaymentStep
from marketplace.checkout.attempts import StrayPayment as StrayPayment
from marketplace.checkout.attempts import StrayReturn as StrayReturn
from marketplace.checkout.attempts import StrayReturnStep as StrayReturnStep
from marketplace.checkout.chain_sale_models import ChainSale as ChainSale
from marketplace.checkout.chain_sale_models import ChainSaleStep as ChainSaleStep
from marketplace.checkout.charges import UsageChargeLine
from marketplace.checkout.disputes import Dispute as Dispute
from marketplace.checkout.evidence import tables as evidence_tables  # noqa: F401 (tables)
from marketplace.checkout.reconciling import tables as tables
from marketplace.checkout.sandbox_models import SandboxCharge as SandboxCharge
from marketplace.licensing.bargains import Collection, DiscountCode, QuoteRequest
from marketplace.licensing.holdings import Project, UsageReport
from marketplace.licensing.models import Grant, Offer, OfferPrice
from marketplace.people.models import Person, Studio


class Order(models.Model):
    """What a studio asked for, fixed when it was asked; its state is told by the rows that follow it.

    `method` is kept to charge for what comes of the order later: renewals, reported use, shares of revenue.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    studio = models.ForeignKey(Studio, on_delete=models.PROTECT, related_name="orders")
    buyer = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    currency = models.CharField(max_length=3)
    total_minor = models.BigIntegerField()
    idempotency_key = models.CharField(max_length=200)
    request_sha256 = models.CharField(max_length=64)
    method = models.CharField(max_length=80, blank=True)
    placed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["studio", "idempotency_key"], name="checkout_key_places_one_order"),
            models.CheckConstraint(condition=Q(total_minor__gte=0), name="checkout_total_is_not_negative"),
        ]
        indexes = [models.Index(fields=["studio", "-placed_at", "-id"], name="checkout_orders_of_studio")]

    def __str__(self) -> str:
        return str(self.id)


class OrderLine(models.Model):
    """One offer in an order, at the price that it had then.

    `price_minor` is due, `list_minor` is the price before discount, `credit_minor` what the license that it replaces
    took off. `tax_minor` is what its taxes add up to, within the price or on top of it, owed to `tax_of`.
    `explained` says each step, as templates with their values. `price` is the row of the price history that
    counted; a line of kind `usage` is the bill for a `report`, or for a line of what uses of recipes cost, under the
    license that it names in `replaces`.
    """

    BUY, RENEWAL, UPGRADE, USAGE = "buy", "renewal", "upgrade", "usage"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="lines")
    position = models.PositiveSmallIntegerField()
    offer = models.ForeignKey(Offer, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10, default=BUY)
    price_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField()
    list_minor = models.BigIntegerField(default=0)
    credit_minor = models.BigIntegerField(default=0)
    tax_minor = models.BigIntegerField(default=0)
    tax_included = models.BooleanField(default=False)
    tax_of = models.CharField(max_length=40, blank=True, default="")
    explained = models.JSONField(default=list, blank=True)
    price = models.ForeignKey(OfferPrice, on_delete=models.PROTECT, null=True, related_name="order_lines")
    code = models.ForeignKey(DiscountCode, on_delete=models.PROTECT, null=True, related_name="order_lines")
    quote = models.ForeignKey(QuoteRequest, on_delete=models.PROTECT, null=True, related_name="order_lines")
    collection = models.ForeignKey(Collection, on_delete=models.PROTECT, null=True, related_name="order_lines")
    report = models.ForeignKey(UsageReport, on_delete=models.PROTECT, null=True, related_name="order_lines")
    charge_line = models.ForeignKey(UsageChargeLine, on_delete=models.PROTECT, null=True, related_name="order_lines")
    replaces = models.ForeignKey(Grant, on_delete=models.PROTECT, null=True, related_name="order_lines")
    subscription = models.ForeignKey("Subscription", on_delete=models.PROTECT, null=True, related_name="lines")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, null=True, related_name="+")
    seats = models.PositiveIntegerField(default=0)
    starts_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["order", "offer", "project", "replaces"],
                condition=~Q(kind="usage"),
                nulls_distinct=False,
                name="checkout_offer_is_ordered_once",
            ),
            models.CheckConstraint(
                condition=Q(kind="buy", replaces=None, report=None, charge_line=None)
                | Q(kind__in=["renewal", "upgrade"], replaces__isnull=False, report=None, charge_line=None)
                | Q(kind="usage", replaces__isnull=False, report__isnull=False, charge_line=None)
                | Q(kind="usage", replaces__isnull=False, report=None, charge_line__isnull=False),
                name="checkout_line_names_what_it_follows",
            ),
            models.CheckConstraint(condition=Q(credit_minor__gte=0), name="checkout_credit_is_not_negative"),
            models.CheckConstraint(
                condition=Q(tax_minor=0, tax_of="") | Q(tax_minor__gt=0) & ~Q(tax_of=""),
                name="checkout_line_tax_is_owed_to_somebody",
            ),
            models.CheckConstraint(
                condition=Q(fee_minor__gte=0) & Q(fee_minor__lte=models.F("price_minor")),
                name="checkout_fee_is_part_of_price",
            ),
        ]

    @property
    def gross_minor(self) -> int:
        """What is paid for it: the price, and the tax where the price has it not in it."""
        return self.price_minor + (0 if self.tax_included else self.tax_minor)

    @property
    def source(self) -> str:
        """How grants and sales name this line."""
        return f"order-line:{self.pk}"

    def __str__(self) -> str:
        return self.source


class Subscription(models.Model):
    """A license that is renewed each period, by the card that was kept, until the row that ends it.

    Its periods are counted from `anchor_at`: calendar months or years in UTC. `line` is the order line it began with.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    studio = models.ForeignKey(Studio, on_delete=models.PROTECT, related_name="subscriptions")
    buyer = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    offer = models.ForeignKey(Offer, on_delete=models.PROTECT, related_name="+")
    line = models.OneToOneField(OrderLine, on_delete=models.PROTECT, related_name="begun")
    anchor_at = models.DateTimeField()
    method = models.CharField(max_length=80)
    started_at = models.DateTimeField()

    class Meta:
        ordering = ["-started_at", "id"]
        indexes = [models.Index(fields=["studio", "-started_at", "-id"], name="checkout_subscriptions")]

    def __str__(self) -> str:
        return str(self.id)


class SubscriptionSeats(models.Model):
    """How many seats a subscription is renewed with from here on; the newest row counts."""

    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="seat_changes")
    seats = models.PositiveIntegerField()
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [models.CheckConstraint(condition=Q(seats__gte=1), name="checkout_seats_are_some")]

    def __str__(self) -> str:
        return f"{self.subscription_id}: {self.seats}"


class SubscriptionEnd(models.Model):
    """From here on a subscription is not renewed; the license runs to the end of what was paid for."""

    CANCELLED, DECLINED, WITHDRAWN, REPLACED, REVOKED, REFUSED = (
        "cancelled",
        "declined",
        "withdrawn",
        "replaced",
        "revoked",
        "refused",
    )

    subscription = models.OneToOneField(Subscription, on_delete=models.PROTECT, primary_key=True, related_name="end")
    cause = models.CharField(max_length=10)
    reason = models.CharField(max_length=300, blank=True)
    ended_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(cause__in=["cancelled", "declined", "withdrawn", "replaced", "revoked", "refused"]),
                name="checkout_subscription_ends_for_a_cause",
            )
        ]

    def __str__(self) -> str:
        return f"{self.subscription_id} {self.cause}"


class PaymentOutcome(models.Model):
    """What came of an order in the end: succeeded, declined, or free when there was nothing to pay.

    `cause` says why nobody tries again: the buyer cancelled, the time was over, or what was paid for could not be
    granted any more, and the money goes back. `method` is what the gateway says to charge next time, where that is
    another than the order's.
    """

    SUCCEEDED, DECLINED, FREE = "succeeded", "declined", "free"
    CANCELLED, EXPIRED, REFUSED = "cancelled", "expired", "refused"

    order = models.OneToOneField(Order, on_delete=models.PROTECT, primary_key=True, related_name="outcome")
    attempt = models.OneToOneField(PaymentAttempt, on_delete=models.PROTECT, null=True, related_name="outcome")
    outcome = models.CharField(max_length=10)
    cause = models.CharField(max_length=10, blank=True, default="")
    reference = models.CharField(max_length=120, db_index=True)
    reason = models.CharField(max_length=300, blank=True)
    method = models.CharField(max_length=80, blank=True, default="")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome__in=["succeeded", "declined", "free"]), name="checkout_outcome_is_known"
            ),
            models.CheckConstraint(
                condition=Q(cause="") | Q(cause__in=["cancelled", "expired", "refused"], outcome="declined"),
                name="checkout_order_is_given_up_for_a_cause",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.order_id} {self.outcome}"


class GatewayEvent(models.Model):
    """The inbox: what a gateway told us, kept before anything is done about it."""

    gateway = models.CharField(max_length=20)
    event_id = models.CharField(max_length=80)
    kind = models.CharField(max_length=20)
    charge_reference = models.CharField(max_length=120)
    object_reference = models.CharField(max_length=120, blank=True, default="")
    amount_minor = models.BigIntegerField(null=True)
    returned_minor = models.BigIntegerField(null=True)
    happened_at = models.DateTimeField()
    received_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["gateway", "event_id"], name="checkout_event_is_kept_once")]

    def __str__(self) -> str:
        return self.event_id


class GatewayEventHandled(models.Model):
    """An event of the inbox had its effect, once."""

    event = models.OneToOneField(GatewayEvent, on_delete=models.PROTECT, primary_key=True, related_name="handled")
    effect = models.CharField(max_length=200)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.event_id}: {self.effect}"
