"""Creators who are paid over Stripe Connect, against the fake, whose clock moves along with ours."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from marketplace.payouts.connected.accounts import begin
from marketplace.payouts.connected.events import listen
from marketplace.payouts.connected.tables import ConnectedAccount
from marketplace.payouts.kinds import AccountKind
from marketplace.payouts.models import Split
from marketplace.payouts.operations import allocate_royalties, ensure_split, record_sale, release_holds, settle
from marketplace.payouts.queries import check_books, house_sum
from marketplace.payouts.rules import WHOLE_PPB, Money
from marketplace.people.models import Creator
from marketplace.provider import inbox
from tests.payouts.cast import NOON, add_creator
from tests.stripe import accounts
from tests.stripe.server import FakeStripe
from tests.stripe.webhooks import SECRET, Pump

HELD_DAYS = 14


class House:
    """Our side and Stripe's in one: sells, pays, and lets the time of both move."""

    def __init__(self, fake: FakeStripe) -> None:
        self.fake, self.now = fake, NOON
        self.pump = Pump(fake, self._take, clock=lambda: self.now.timestamp())
        self.sold = 0

    def _take(self, body: bytes, header: str) -> int:
        inbox.receive(body, header, self.now)
        return 200

    def forward(self, **time: int) -> datetime:
        """Moves both clocks; gives the new time."""
        self.now += timedelta(**time)
        self.fake.advance(int(timedelta(**time).total_seconds()))
        return self.now

    def hear(self, **how: Any) -> None:
        """Takes in what the fake has to say."""
        self.pump.deliver(**how)
        inbox.handle_events(now=self.now)

    def earn(self, split: Split, net_minor: int, currency: str = "USD", subject: str = "") -> None:
        """Sells for so much after fees, which is settled with us and available at once."""
        self.sold += 1
        record_sale(
            source=f"order-line:{self.sold}",
            split=split,
            gross=Money(net_minor, currency),
            tax_minor=0,
            fee_minor=0,
            subject=subject,
            now=self.now - timedelta(days=HELD_DAYS),
        )
        allocate_royalties(now=self.now - timedelta(days=HELD_DAYS))
        release_holds(now=self.now)
        accounts.adjusted(self.fake.world, "acct_platform", net_minor, currency.lower())

    def settle(self) -> Any:
        """Pays what is due."""
        return settle(now=self.now)

    def has(self, account: ConnectedAccount, currency: str = "usd") -> int:
        """Gives what an account has at Stripe."""
        return self.fake.world.held[account.reference, currency]

    def banked(self, currency: str = "usd") -> int:
        """Gives what is with banks, of creators and of the house."""
        return self.fake.world.outside["banks", currency]

    def transfers(self) -> list[tuple[str, int]]:
        """Gives each transfer of the fake as (account, amount), the oldest first."""
        rows = [(row["destination"], row["amount"]) for row in self.fake.world.all("transfer")]
        return rows[::-1]

    def sent_from_ours(self) -> int:
        """Gives what our books have sent out of our balance with Stripe, in USD."""
        return -house_sum(AccountKind.PSP_BALANCE, "USD")


@pytest.fixture
def fake(settings: Any, committed: None) -> Iterator[FakeStripe]:
    with FakeStripe(int(NOON.timestamp())).serving() as served:
        settings.STRIPE = {
            "key": "sk_test_fake",
            "api": served.url,
            "webhook_secrets": (SECRET,),
            "timeout_seconds": 20,
        }
        settings.ADAPTERS = {
            **settings.ADAPTERS,
            "payouts": "marketplace.payouts.rails.stripe_connect.StripeConnectRail",
        }
        settings.CONNECT_THREADS = 2
        yield served
        assert served.wrong == []
        assert served.books() == []
        assert check_books() == []


@pytest.fixture
def house(fake: FakeStripe) -> Iterator[House]:
    with inbox.only({}):
        listen()
        yield House(fake)


@pytest.fixture
def alice(committed: None) -> Creator:
    return add_creator("alice", 1)


@pytest.fixture
def bob(committed: None) -> Creator:
    return add_creator("bob", 2)


@pytest.fixture
def alices(alice: Creator) -> Split:
    return ensure_split(own={alice: WHOLE_PPB}, parents=[], now=NOON)


@pytest.fixture
def shared(alice: Creator, bob: Creator) -> Split:
    """70 % to Alice, 30 % to Bob."""
    return ensure_split(own={alice: 700_000_000, bob: 300_000_000}, parents=[], now=NOON)


@pytest.fixture
def connect(house: House) -> Callable[[Creator], ConnectedAccount]:
    """Opens a creator's account and answers all that Stripe asks for."""

    def connect(creator: Creator) -> ConnectedAccount:
        account = begin(creator=creator, country="US", now=house.now)
        accounts.onboarded(house.fake.world, account.reference)
        house.hear()
        return account

    return connect
