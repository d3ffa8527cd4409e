"""Stripe's balance transactions, read from the fake: every sort of them, paged, and beside our books the same."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from marketplace.checkout import order_states
from marketplace.checkout.disputes import Contradiction, Dispute, DisputeStep
from marketplace.checkout.gateways.base import SUCCEEDED, Charge
from marketplace.checkout.gateways.stripe.disputing import disputed_of
from marketplace.checkout.hearing import hear_dispute, hear_payment, hear_refund
from marketplace.checkout.operations import place_order
from marketplace.checkout.reconciling.equating import prove
from marketplace.checkout.reconciling.importing import import_lines
from marketplace.checkout.reconciling.operations import reconcile
from marketplace.checkout.reconciling.ports.base import Exchanged, UnableToRead
from marketplace.checkout.reconciling.ports.stripe import StripeLines, _line
from marketplace.checkout.reconciling.tables import ProviderLine
from marketplace.payouts.left_queries import left_of_sale
from marketplace.payouts.models import AccountKind
from marketplace.payouts.queries import check_books
from marketplace.payouts.rules import Money
from tests.cast import CARD, NOON
from tests.checkout.reconciling.ledgers import BALANCE, BANK, CLEARING, SUSPENSE, sets, sums
from tests.stripe import accounts, backwards, payouts
from tests.stripe.conftest import charged
from tests.stripe.faults import Fault
from tests.stripe.server import FakeStripe
from tests.stripe.world import DAY


class Time:
    """Our clock, which moves with the fake's."""

    def __init__(self, fake: FakeStripe) -> None:
        self.fake, self.now = fake, datetime.fromtimestamp(fake.world.now, UTC)

    def forward(self, seconds: int) -> datetime:
        self.now += timedelta(seconds=seconds)
        self.fake.advance(seconds)
        return self.now


@pytest.fixture
def fake():
    with FakeStripe(int(NOON.timestamp()) + 7200).serving() as served:
        yield served
        assert served.wrong == []
        assert served.books() == []


@pytest.fixture
def time(fake):
    return Time(fake)


@pytest.fixture
def port(fake):
    return StripeLines(fake.client())


@pytest.fixture
def pay(shop, fake, time):
    """Carol pays Stripe for one license; gives its order line and the charge."""

    def pay(name="cc-by-nc-4.0", price_minor=50_00):
        order = place_order(
            studio=shop.market.cast.studio,
            buyer=shop.market.cast.carol,
            offers=[shop.offer(name, price_minor)],
            method=CARD,
            idempotency_key=f"key-{name}",
            now=time.now,
        )
        charge = charged(fake.client(), price_minor)
        hear_payment(key=order.attempts.get().key, charge=Charge(charge, SUCCEEDED), now=time.now)
        return order.lines.get(), charge

    return pay


def agree(port, time):
    """Our books and the fake's balance are the same, to the unit."""
    made = prove(port=port, now=time.now)
    assert made.problems == []
    assert sums(BALANCE, CLEARING) == (port.balances()["USD"].total_minor, 0)
    assert sets() == ([], [], [])
    assert check_books() == []


def test_a_payment_its_refund_and_their_fees(pay, fake, time, port):
    _line, charge = pay()
    agree(port, time)
    refund = fake.client().v1.refunds.create({"charge": charge, "amount": 20_00})
    hear_refund(
        refund_reference=refund.id, charge_reference=charge, amount_minor=20_00, state="succeeded", now=time.now
    )
    agree(port, time)
    backwards.refund_failed(fake.world, refund.id)
    hear_refund(refund_reference=refund.id, charge_reference=charge, amount_minor=20_00, state="failed", now=time.now)
    time.forward(3 * DAY)
    agree(port, time)
    assert list(ProviderLine.objects.order_by("id").values_list("category", flat=True)) == [
        "charge",
        "refund",
        "refund_failure",
    ]


@pytest.mark.parametrize("end", ["won", "lost"])
@pytest.mark.parametrize("amount", [50_00, 12_34])
def test_a_dispute_with_its_fee_until_its_end(pay, fake, time, port, end, amount):
    _line, charge = pay()
    dispute = backwards.disputed(fake.world, charge, amount=amount)
    told = {"charge_reference": charge, "dispute_reference": dispute["id"], "amount_minor": amount, "now": time.now}
    hear_dispute(state="opened", fee_minor=backwards.DISPUTE_FEE, **told)
    agree(port, time)
    backwards.decided(fake.world, dispute["id"], end)
    hear_dispute(state=end, fee_minor=backwards.DISPUTE_FEE, **told)
    agree(port, time)


def test_our_bank_and_an_adjustment(pay, fake, time, port, caplog):
    pay()
    time.forward(3 * DAY)
    made = fake.client().v1.payouts.create({"amount": 30_00, "currency": "usd"})
    agree(port, time)
    assert sums(BANK) == (30_00,)
    time.forward(2 * DAY)
    payouts.payout_failed(fake.world, made.id)
    agree(port, time)
    assert sums(BANK) == (0,)
    accounts.adjusted(fake.world, "acct_platform", -5_00)
    assert [one["what"] for one in prove(port=port, now=time.now).problems] == ["suspense"]
    assert sums(SUSPENSE) == (5_00,)
    assert sums(BALANCE) == (port.balances()["USD"].total_minor,)


def test_pages_of_days_are_read_whole_and_once(fake, time, port, db):
    for _ in range(3):
        for _ in range(60):
            accounts.adjusted(fake.world, "acct_platform", 1)
        time.forward(DAY)
    assert import_lines(port=port, now=time.now, since=NOON) == 180
    assert import_lines(port=port, now=time.now, since=NOON) == 0
    accounts.adjusted(fake.world, "acct_platform", 1)
    assert import_lines(port=port, now=time.now) == 1


def test_what_cannot_be_read_is_said_and_read_later(fake, time, port, db):
    accounts.adjusted(fake.world, "acct_platform", 1)
    fake.faults.at(1, Fault.DROP_RESPONSE)
    with pytest.raises(UnableToRead):
        reconcile(port=port, now=time.now, since=NOON)
    assert not ProviderLine.objects.exists()
    assert reconcile(port=port, now=time.now, since=NOON) == (1, 1)


def test_an_exchanged_line_has_its_sources_amount():
    from types import SimpleNamespace

    row = SimpleNamespace(
        id="txn_1", type="refund", reporting_category="refund", amount=-18_40, fee=0, currency="eur",
        exchange_rate=0.92, source=SimpleNamespace(id="re_1", amount=20_00, currency="usd"), created=0, available_on=0,
    )  # fmt: skip
    assert _line(row).exchanged == Exchanged(-20_00, "USD", "0.92")


def test_what_settles_in_another_currency_is_exchanged_there_and_back(shop, fake, time, port):
    """Carol pays in euros, and Stripe keeps dollars: each line by the rate of its day, to the unit."""
    fake.world.settles["eur"] = ("usd", Decimal("1.1"))
    order = place_order(
        studio=shop.market.cast.studio,
        buyer=shop.market.cast.carol,
        offers=[shop.offer(price=Money(100_01, "EUR"))],
        method=CARD,
        idempotency_key="euros",
        now=time.now,
    )
    charge = charged(fake.client(), 100_01, currency="eur")
    hear_payment(key=order.attempts.get().key, charge=Charge(charge, SUCCEEDED), now=time.now)
    assert fake.world.balance("acct_platform", "eur") == (0, 0)
    in_dollars(port, time)

    refund = fake.client().v1.refunds.create({"charge": charge, "amount": 20_00})
    told = {"refund_reference": refund.id, "charge_reference": charge, "amount_minor": 20_00}
    hear_refund(state="succeeded", now=time.now, **told)
    in_dollars(port, time)

    fake.world.settles["eur"] = ("usd", Decimal("1.12127"))
    dispute = backwards.disputed(fake.world, charge, amount=80_01)
    in_court(fake, dispute["id"], time)
    assert Dispute.objects.get().amount_minor == 80_01
    assert sums(AccountKind.DISPUTE_FEE, currency="USD") == (1_682,)  # 15.00 euros of that day
    in_dollars(port, time)

    fake.world.settles["eur"] = ("usd", Decimal("0.98"))
    backwards.decided(fake.world, dispute["id"], "won", back=30_00)
    in_court(fake, dispute["id"], time)
    assert DisputeStep.objects.latest("id").amount_minor == 30_00
    in_dollars(port, time)
    assert sum(line.net_minor for line in ProviderLine.objects.all()) == sums(BALANCE)[0]
    rates = ProviderLine.objects.order_by("id").values_list("exchanged_minor", "exchanged_currency", "rate")
    assert list(rates) == [
        (100_01, "EUR", "1.1"),
        (-20_00, "EUR", "1.1"),
        (-80_01, "EUR", "1.12127"),
        (30_00, "EUR", "0.98"),
    ]


def test_what_nobody_here_can_say_holds_up_nobody(pay, fake, time, port):
    """Another site on the same account takes krónur, whose fee is not whole, and a coin that has no name here."""
    pay()
    for amount, currency, fee in ((199_900, "isk", 5_827), (900, "usdc", 30)):
        fake.world.post("acct_platform", "charge", amount, currency, "ch_other", against="buyers", fee=fee)
    for _time in range(2):
        made = prove(port=port, now=time.now)
        said = [(one["what"], one["currency"], one["amount_minor"]) for one in made.problems]
        assert said == [("unread", "ISK", 1_940)]
        assert sums(BALANCE, CLEARING) == (port.balances()["USD"].total_minor, 0)
        time.forward(3 * DAY)
    assert sorted(port.balances()) == ["ISK", "USD"]
    assert check_books() == []


def in_court(fake, dispute, time):
    """What we hear of a dispute is what Stripe says of it now, as often as it is told."""
    read = disputed_of(fake.client().v1.disputes.retrieve(dispute).to_dict(for_json=True))
    for _time in range(2):
        hear_dispute(
            charge_reference=read.charge_reference,
            dispute_reference=read.reference,
            state=read.state,
            amount_minor=read.amount_minor,
            returned_minor=read.returned_minor,
            fee_minor=read.fee_minor,
            fee_currency=read.fee_currency,
            now=time.now,
        )


def in_dollars(port, time):
    """All that the books have with Stripe is in dollars, as much as there is."""
    made = prove(port=port, now=time.now)
    assert made.problems == []
    assert (sums(BALANCE, CLEARING), sums(BALANCE, CLEARING, currency="EUR")) == (
        (port.balances()["USD"].total_minor, 0),
        (0, 0),
    )
    assert sets() == ([], [], [])
    assert check_books() == []


@pytest.mark.parametrize("back", [20_00, 49_99])
def test_a_dispute_of_which_a_part_comes_back(pay, fake, time, port, back):
    line, charge = pay()
    dispute = backwards.disputed(fake.world, charge)
    in_court(fake, dispute["id"], time)
    agree(port, time)
    backwards.decided(fake.world, dispute["id"], "won", back=0)  # decided, and nothing is back yet
    in_court(fake, dispute["id"], time)
    agree(port, time)
    assert (order_states.state_of(line.order), left_of_sale(line.source)) == ("disputed", 0)
    backwards.reinstated(fake.world, dispute["id"], back)
    in_court(fake, dispute["id"], time)
    agree(port, time)
    assert left_of_sale(line.source) == back
    assert not Contradiction.objects.exists()
