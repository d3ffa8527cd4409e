"""The sandbox gateway's balance: the lines that it wrote itself."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from django.db.models import F, Sum

from marketplace.checkout.reconciling.ports.base import BalanceLine, Standing
from marketplace.checkout.sandbox_models import SandboxLine


class SandboxLines:
    """Reads what the sandbox keeps; all of it can be used at once. See BalanceLines."""

    gateway = "sandbox"

    def lines(self, *, since: datetime, now: datetime) -> Iterator[BalanceLine]:
        """This will give the sandbox's lines in their order."""
        for row in SandboxLine.objects.filter(happened_at__gte=since).order_by("id").iterator():
            yield BalanceLine(
                id=row.line_id,
                kind=row.category,
                category=row.category,
                amount_minor=row.amount_minor,
                fee_minor=row.fee_minor,
                currency=row.currency,
                source=row.source,
                happened_at=row.happened_at,
                available_at=row.available_at,
            )

    def balances(self) -> Mapping[str, Standing]:
        """This will give currency → the sum of the lines."""
        sums = SandboxLine.objects.values_list("currency").annotate(net=Sum(F("amount_minor") - F("fee_minor")))
        return {currency: Standing(available_minor=net) for currency, net in sums.order_by("currency")}

    def accounts(self, references: list[str]) -> Iterator[tuple[str, Mapping[str, int]]]:
        """This will give nothing: the sandbox pays no creators."""
        return iter(())
