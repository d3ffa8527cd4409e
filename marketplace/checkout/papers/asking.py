"""Asking for an invoice after the purchase: once for an order, in the place of its receipt."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.checkout.disputes import Dispute, DisputeStep
from marketplace.checkout.models import Order, PaymentOutcome
from marketplace.checkout.paper_models import InvoiceAsked, Paper, PaperDue
from marketplace.checkout.papers.operations import issue_paper
from marketplace.checkout.refunds import RefundIntent
from marketplace.checkout.tax_models import BillingDetails, OrderTaxation
from marketplace.checkout.taxes.ordering import details_of
from marketplace.people.models import Person, Seat
from marketplace.ui.formats import country_text


class UnableToAskForInvoice(Exception):
    """There is no invoice for the order now; nothing was written. `needs_details` where billing details would help."""

    code = "invoice-refused"

    def __init__(self, reason: str, *, needs_details: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.needs_details = reason, needs_details


def check(*, order: Order, by: Person) -> tuple[Paper, BillingDetails]:
    """This will find the receipt that an invoice would take the place of, and whom it would be made out to.

    Raises UnableToAskForInvoice where there is none, where all of it was credited, and where taxes were those of
    another place than that of the billing details.
    """
    _check_buyer(order, by)
    if not PaymentOutcome.objects.filter(order=order, outcome=PaymentOutcome.SUCCEEDED).exists():
        raise UnableToAskForInvoice(_("Nothing was paid for this order: there is nothing to invoice."))
    if PaperDue.objects.filter(source__in=_sources(order)).exists():
        raise UnableToAskForInvoice(_("A paper of this order is being written: ask again in a few seconds."))
    papers = list(Paper.objects.filter(order=order).defer("document").order_by("issued_at", "id"))
    receipt = next((one for one in papers if one.kind == Paper.RECEIPT), None)
    if receipt is None or any(one.kind == Paper.INVOICE for one in papers):
        raise UnableToAskForInvoice(_("This order has its invoice."))
    if receipt.gross_minor <= _credited(papers):
        raise UnableToAskForInvoice(_("All of this order was given back: there is nothing to invoice."))
    return receipt, _details(order)


def _check_buyer(order: Order, by: Person) -> None:
    if not Seat.objects.filter(studio=order.studio_id, person=by, role__in=[Seat.OWNER, Seat.BUYER]).exists():
        raise UnableToAskForInvoice(_("Only owners and buyers of %s can ask for its invoices.") % order.studio.name)


def _sources(order: Order) -> list[str]:
    refunds = RefundIntent.objects.filter(line__order=order).values_list("pk", flat=True)
    disputes = Dispute.objects.filter(order=order).values_list("pk", flat=True)
    steps = DisputeStep.objects.filter(dispute__order=order, state=DisputeStep.RETURNED).values_list("pk", flat=True)
    failed = [f"refund-failed:{key}" for key in refunds]
    return [
        f"order:{order.pk}",
        *failed,
        *(f"refund:{key}" for key in refunds),
        *(f"dispute:{key}" for key in disputes),
        *(f"dispute-back:{key}" for key in steps),
    ]


def _credited(papers: list[Paper]) -> int:
    signs = {Paper.CREDIT_NOTE: 1, Paper.DEBIT_NOTE: -1}
    return sum(signs.get(one.kind, 0) * one.gross_minor for one in papers)


def _details(order: Order) -> BillingDetails:
    details = details_of(order.studio)
    if details is None or not details.is_whole:
        raise UnableToAskForInvoice(
            _("An invoice is made out to a name, a street and a town: give billing details first."), needs_details=True
        )
    taxation = OrderTaxation.objects.filter(order=order).first()
    if taxation is None:
        return details
    if taxation.country != details.country or (taxation.region and taxation.region != details.region):
        place = country_text(taxation.country) + (f", {taxation.region}" if taxation.region else "")
        raise UnableToAskForInvoice(
            _("The taxes of this order were those of %(place)s, and your billing details are elsewhere: write to us.")
            % {"place": place},
            needs_details=True,
        )
    return details


def ask(*, order: Order, by: Person, now: datetime) -> Paper | None:
    """This will write an invoice in the place of an order's receipt: with the next number, of today, about what was
    supplied then, and for the same total. Asked again it is the same one; None while it is being written.

    Raises UnableToAskForInvoice.
    """
    source = f"invoice:{order.pk}"
    _check_buyer(order, by)
    with transaction.atomic():
        Order.objects.select_for_update(no_key=True).values_list("pk").get(pk=order.pk)
        if not InvoiceAsked.objects.filter(order=order).exists():
            receipt, details = check(order=order, by=by)
            InvoiceAsked.objects.create(order=order, receipt=receipt, details=details, by=by, at=now)
    issue_paper(source=source, now=now)
    return Paper.objects.filter(source=source).first()
