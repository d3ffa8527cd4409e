"""What is left of what a buyer paid, whether it was sold at once or paid ahead, and what went back of it."""

from django.db import transaction
from django.db.models import Sum

from marketplace.payouts.bookkeeping.deferral_left import deferral_of, left_of
from marketplace.payouts.bookkeeping.reversing import sale_of, what_remains
from marketplace.payouts.deferral_models import DeferralReversal
from marketplace.payouts.reversals import Reversal


@transaction.atomic
def left_of_sale(source: str) -> int | None:
    """Return how many minor units can still be given back to the buyer; None where nothing was paid.

    Of what was paid ahead that is what is not earned yet, and what is left of the sales that were made of it.
    """
    if paid := deferral_of(source):
        return left_of(paid).total_minor
    sale = sale_of(source)
    return what_remains(sale).gross_minor if sale else None


def amount_taken(key: str) -> int:
    """Return how much went back with the refund or dispute that a key names, in minor units; 0 where none did."""
    for table in (DeferralReversal, Reversal):
        if found := table.objects.filter(key=key).values_list("amount_minor", flat=True).first():
            return int(found)
    return 0


def loss_of(source: str) -> int:
    """Return what the house bore of refunds and lost disputes of what a source names, beyond what was left of it."""
    found = 0
    for rows in (
        Reversal.objects.filter(sale__source=source),
        DeferralReversal.objects.filter(deferral__source=source),
    ):
        stands = rows.exclude(outcome__outcome__in=["won", "failed"]).exclude(kind="dispute", outcome=None)
        found += stands.aggregate(all=Sum("loss_minor"))["all"] or 0
    return found


def tax_taken(key: str) -> int:
    """Return how much tax went back with the refund or dispute that a key names, in minor units; 0 where none did."""
    for table in (DeferralReversal, Reversal):
        if found := table.objects.filter(key=key).values_list("tax_minor", flat=True).first():
            return int(found)
    return 0
