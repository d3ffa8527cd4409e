"""The embedded rail: writes transfers into a table instead of moving money, and says so."""

from uuid import UUID

from marketplace.payouts.models import AccountKind, RecordedTransfer
from marketplace.payouts.rails.base import Sent, UnableToSend
from marketplace.payouts.rules import Money


class RecordedRail:
    """A rail on which every transfer arrives at once, because it is only recorded.

    It commits in its own right, as a bank would: it knows nothing of the books, and a settlement that is
    killed after the call finds the transfer here when it starts again.
    """

    is_embedded_default = True
    name = "recorded"
    funds = AccountKind.BANK

    def send(self, *, key: str, creator_id: UUID, amount: Money) -> Sent:
        """Record the transfer once for its key; see `Rail.send`."""
        transfer, _ = RecordedTransfer.objects.get_or_create(
            key=key,
            defaults={
                "creator_id": creator_id,
                "currency": amount.currency,
                "amount_minor": amount.amount_minor,
            },
        )
        recorded = (transfer.creator_id, transfer.currency, transfer.amount_minor)
        if recorded != (creator_id, amount.currency, amount.amount_minor):
            raise UnableToSend(key, "the key was used before with another creator or amount")
        return Sent(reference=f"recorded-{transfer.pk}", arrived=True)
