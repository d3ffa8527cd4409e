"""The whole way of money, from Carol's card to her creators' banks, and what must hold wherever it was cut off."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from marketplace.checkout import operations as checkout
from marketplace.checkout.gateways.base import GatewayUnavailable
from marketplace.checkout.models import Order
from marketplace.checkout.reconciling.equating import prove
from marketplace.checkout.reconciling.operations import reconcile
from marketplace.checkout.reconciling.ports.base import UnableToRead
from marketplace.checkout.reconciling.ports.stripe import StripeLines
from marketplace.payouts import operations as books
from marketplace.payouts.bookkeeping.settlement import UnableToSettle, send_open
from marketplace.payouts.connected.accounts import begin
from marketplace.payouts.connected.going_on import go_on
from marketplace.payouts.connected.tables import ConnectedAccount
from marketplace.payouts.models import AccountKind, Payout
from marketplace.payouts.queries import check_books, house_sum
from marketplace.people.models import Creator
from tests.checkout.stripe.store import Store
from tests.stripe import accounts
from tests.stripe.world import PLATFORM

SILENCE = (GatewayUnavailable, UnableToRead, UnableToSettle)
"""What a worker meets while the provider is away, and what it comes back from."""


@dataclass
class Way(Store):
    """A store whose creators are paid over Stripe as well: each verb is what a worker does, and may be cut off."""

    accounts: dict[str, ConnectedAccount] = field(default_factory=dict)

    def connect(self) -> None:
        """Opens everybody's account, and answers what Stripe asks for."""
        for creator in Creator.objects.order_by("handle"):
            account = begin(creator=creator, country="US", now=self.now)
            self.plays(accounts.onboarded, account.reference)
            self.accounts[creator.handle] = account
        self.hears()

    def tries(self, act: Any) -> None:
        """Does something as the worker does: silence is met again the next time."""
        with suppress(*SILENCE):
            act()

    def worked(self) -> None:
        """One round of all that workers do between a buyer's click and a bank."""
        self.tries(self.works)
        self.tries(lambda: checkout.call_off_spares(now=self.now))
        self.tries(self.hears)
        self.tries(lambda: reconcile(port=StripeLines(), now=self.now))
        books.allocate_royalties(now=self.now)
        books.release_holds(now=self.now)
        self.tries(lambda: books.settle(now=self.now))
        self.tries(lambda: send_open(now=self.now))
        self.tries(lambda: go_on(now=self.now))

    def goes_on(self, rounds: int = 3, days: int = 1) -> None:
        """Days go by: what was begun comes to its end."""
        for _ in range(rounds):
            self.forward(days=days)
            self.tries(lambda: self.pump.deliver(copies=2, shuffled=True))
            self.worked()

    def at_stripe(self, handle: str) -> int:
        """What a creator's account there has, and what its bank has got of it."""
        return int(self.fake.world.held[self.accounts[handle].reference, "usd"])

    def proved(self, *, but: Sequence[str] = ()) -> None:
        """Our books and Stripe's say the same, each order was paid for once, and nobody was paid twice.

        `but` names the problems that the story itself has made.
        """
        assert check_books() == []
        assert self.fake.wrong == []
        assert self.fake.books() == []
        made = prove(port=StripeLines(), now=self.now, creators=True)
        assert [one for one in made.problems if one["what"] not in ("only-ours", *but)] == []
        equation = made.equations.get(currency="USD")
        theirs = self.fake.world.held[PLATFORM, "usd"]
        assert (equation.theirs_minor, equation.unexplained_minor, equation.only_theirs) == (theirs, 0, 0)
        assert house_sum(AccountKind.PSP_BALANCE, "USD") == theirs
        self._charged_once()
        self._paid_once()

    def _charged_once(self) -> None:
        charged = [row for row in self.fake.world.all("charge") if row["paid"]]
        paid = {row["id"] for row in charged}
        outcomes = Order.objects.filter(outcome__outcome="succeeded")
        assert {order.outcome.reference for order in outcomes} == paid
        assert sum(row["amount"] for row in charged) == sum(order.total_minor for order in outcomes)

    def _paid_once(self) -> None:
        moved: dict[str, int] = {}
        for row in self.fake.world.all("transfer"):
            moved[row["destination"]] = moved.get(row["destination"], 0) + row["amount"] - row["amount_reversed"]
        ours = {account.reference: 0 for account in self.accounts.values()}
        for payout in Payout.objects.filter(outcomes__state="sent").exclude(outcomes__state="returned").distinct():
            account = ConnectedAccount.objects.get(creator=payout.creator_id)
            ours[account.reference] += payout.amount_minor
        assert {name: minor for name, minor in ours.items() if minor} == {n: m for n, m in moved.items() if m}


FORTNIGHT = timedelta(days=15)
"""Longer than what is earned is held."""
