"""A gateway that a test writes line by line, and short names for what stands in the books."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from marketplace.checkout.reconciling.equating import look
from marketplace.checkout.reconciling.ports.base import BalanceLine, Exchanged, Standing
from marketplace.payouts.models import AccountKind
from marketplace.payouts.queries import house_sum
from tests.cast import later

BALANCE, CLEARING, FEES, SUSPENSE, BANK = (
    AccountKind.PSP_BALANCE,
    AccountKind.PSP_CLEARING,
    AccountKind.PSP_FEE,
    AccountKind.SUSPENSE,
    AccountKind.BANK,
)


@dataclass
class Told:
    """What a gateway tells: the lines that a test gives it; its balance is their sum, and `more` that no line says."""

    gateway: str = "sandbox"
    told: list[BalanceLine] = field(default_factory=list)
    more: dict[str, int] = field(default_factory=dict)
    in_accounts: dict[str, dict[str, int]] = field(default_factory=dict)

    def line(
        self,
        category: str,
        source: str,
        amount_minor: int,
        fee_minor: int = 0,
        *,
        currency: str = "USD",
        at: datetime | None = None,
        exchanged: Exchanged | None = None,
    ) -> BalanceLine:
        at = at or later(hours=3)
        made = BalanceLine(
            id=f"txn_{len(self.told)}",
            kind=category,
            category=category,
            amount_minor=amount_minor,
            fee_minor=fee_minor,
            currency=currency,
            source=source,
            happened_at=at,
            available_at=at,
            exchanged=exchanged,
        )
        self.told.append(made)
        return made

    def lines(self, *, since: datetime, now: datetime) -> Iterator[BalanceLine]:
        return iter([line for line in self.told if line.happened_at >= since])

    def balances(self) -> Mapping[str, Standing]:
        sums = dict(self.more)
        for line in self.told:
            if not line.is_aside and line.category not in ("connect_reserved_funds", "risk_reserved_funds"):
                sums[line.currency] = sums.get(line.currency, 0) + line.amount_minor - line.fee_minor
        return {currency: Standing(net) for currency, net in sums.items()}

    def accounts(self, references: list[str]) -> Iterator[tuple[str, Mapping[str, int]]]:
        return iter([(name, self.in_accounts[name]) for name in references if name in self.in_accounts])


def sums(*kinds: AccountKind, currency: str = "USD") -> tuple[int, ...]:
    return tuple(house_sum(kind, currency) for kind in kinds)


def sets() -> tuple[list[tuple[str, int]], list[tuple[str, int]], list[tuple[str, int]]]:
    """What only we know, what only they know, and what differs, with amounts."""
    found = look()
    alone = [(one.line.category, one.net_minor) for one in found.opened if one.state == "alone"]
    differs = [(one.line.category, one.off_minor) for one in found.opened if one.state == "differs"]
    return [(one.kind, one.amount_minor) for one in found.ours], alone, differs
