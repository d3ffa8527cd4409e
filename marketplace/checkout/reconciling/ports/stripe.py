"""Stripe's balance: its balance transactions, by their reporting category."""

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from marketplace.checkout.gateways.stripe.disputing import before_exchange
from marketplace.checkout.reconciling.ports.base import BalanceLine, Exchanged, Standing, UnableToRead
from marketplace.payouts.currencies import WORLD, UnsayableAmount, from_stripe
from marketplace.provider.client import ProviderUnavailable, client, unavailable

if TYPE_CHECKING:
    from stripe import StripeClient

log = logging.getLogger(__name__)
PAGE = 100
STEP = timedelta(days=1)


class StripeLines:
    """Reads Stripe's lines a day at a time, since it lists the newest first. See BalanceLines."""

    gateway = "stripe"

    def __init__(self, made: "StripeClient | None" = None) -> None:
        self._made = made

    def lines(self, *, since: datetime, now: datetime) -> Iterator[BalanceLine]:
        """This will give the lines from `since` on, each day's in their order.

        What no amount of ours says, such as half a króna of another site on the same account, is left out and logged:
        the equation of its currency names it as unread, and nobody else's lines wait for it.
        """
        # Stripe's seconds are whole, and its clock may be a little ahead of ours.
        until = now + timedelta(minutes=10)
        while since < until:
            then = min(since + STEP, until)
            bounds = {"gte": int(since.timestamp()), "lt": int(then.timestamp()) + (then == until)}
            rows = list(self._listed(bounds))
            yield from (line for row in reversed(rows) if (line := _said(row)) is not None)
            since = then

    def _listed(self, bounds: Mapping[str, int]) -> Iterator[Any]:
        try:
            asked: Any = {"created": dict(bounds), "limit": PAGE, "expand": ["data.source"]}
            yield from self._client().v1.balance_transactions.list(asked).auto_paging_iter()
        except Exception as error:
            raise _unable(error) from error

    def balances(self) -> Mapping[str, Standing]:
        """This will give currency → what can be used, what will be, and what is kept back for creators' accounts.

        In whole minor units, rounded down; currencies that we have no name for are left out.
        """
        try:
            balance = self._client().v1.balance.retrieve()
        except Exception as error:
            raise _unable(error) from error
        parts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
        for place, listed in enumerate(
            (balance.available, balance.pending, getattr(balance, "connect_reserved", None) or [])
        ):
            for one in listed:
                parts[one.currency.upper()][place] += one.amount
        return {
            currency: Standing(*(_rounded(amount, currency) for amount in amounts))
            for currency, amounts in sorted(parts.items())
            if currency in WORLD
        }

    def accounts(self, references: list[str]) -> Iterator[tuple[str, Mapping[str, int]]]:
        """This will give what is in each account that is still open to us; one call each."""
        for reference in references:
            try:
                balance = self._client().v1.balance.retrieve(options={"stripe_account": reference})
            except Exception as error:
                found = unavailable(error)
                if found is not None and found.kind == "config":
                    continue  # it left us, or was closed: nothing of it can be read any more
                raise _unable(error) from error
            sums: dict[str, int] = defaultdict(int)
            for one in (*balance.available, *balance.pending):
                sums[one.currency.upper()] += one.amount
            yield reference, {name: _rounded(amount, name) for name, amount in sums.items() if name in WORLD}

    def _client(self) -> "StripeClient":
        return self._made or client()


def _line(row: Any) -> BalanceLine:
    source, rate = getattr(row, "source", None), getattr(row, "exchange_rate", None)
    exchanged = None
    if rate is not None and source is not None and getattr(source, "currency", row.currency) != row.currency:
        # The source says its amount without the sign that it has in our balance, and the line may be of a part of it.
        sign = 1 if row.amount >= 0 else -1
        part = before_exchange(abs(row.amount), rate, abs(source.amount))
        exchanged = Exchanged(
            sign * _amount(part, source.currency),
            source.currency.upper(),
            format(Decimal(str(rate)), "f"),
        )
    return BalanceLine(
        id=row.id,
        kind=row.type,
        category=row.reporting_category,
        amount_minor=_amount(row.amount, row.currency),
        fee_minor=_amount(row.fee, row.currency),
        currency=row.currency.upper(),
        source=source if isinstance(source, str) else (source.id if source is not None else ""),
        happened_at=datetime.fromtimestamp(row.created, UTC),
        available_at=datetime.fromtimestamp(row.available_on, UTC),
        exchanged=exchanged,
    )


def _said(row: Any) -> BalanceLine | None:
    try:
        return _line(row)
    except (UnsayableAmount, KeyError) as error:
        log.error("%s in %s is left out: %s", row.id, row.currency, error)
        return None


def _amount(stripe_minor: int, currency: str) -> int:
    return from_stripe(stripe_minor, currency.upper())


def _rounded(stripe_minor: int, currency: str) -> int:
    try:
        return from_stripe(stripe_minor, currency)
    except UnsayableAmount as error:
        return from_stripe(stripe_minor - stripe_minor % error.step, currency)


def _unable(error: Exception) -> Exception:
    if isinstance(error, UnableToRead):
        return error
    found = error if isinstance(error, ProviderUnavailable) else unavailable(error)
    return UnableToRead(str(found or error))
