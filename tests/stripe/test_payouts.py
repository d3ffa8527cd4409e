"""Alice and Bob are paid: transfers from a charge and from the balance, reversals, and payouts that come back."""

from types import SimpleNamespace

import pytest
import stripe

from tests.stripe import accounts, payouts
from tests.stripe.conftest import charged
from tests.stripe.server import FakeStripe
from tests.stripe.world import DAY


def test_a_transfer_from_a_charge_need_not_wait(
    fake: FakeStripe, client: stripe.StripeClient, creators: SimpleNamespace
) -> None:
    charge = charged(client, transfer_group="order_1")
    given = {"currency": "usd", "source_transaction": charge}
    first = client.v1.transfers.create({**given, "amount": 7_000, "destination": creators.alice})
    client.v1.transfers.create({**given, "amount": 3_000, "destination": creators.bob})

    with pytest.raises(stripe.InvalidRequestError, match="must not exceed the source amount"):
        client.v1.transfers.create({**given, "amount": 1, "destination": creators.bob})

    assert first.transfer_group == "order_1"
    alice = fake.client(creators.alice)
    assert (alice.v1.balance.retrieve().pending[0].amount, fake.world.held["acct_platform", "usd"]) == (7_000, -320)
    payment = alice.v1.charges.retrieve(first.destination_payment, {"expand": ["balance_transaction"]})
    assert (payment.balance_transaction.type, payment.source_transfer) == ("payment", first.id)
    fake.advance(2 * DAY)
    assert alice.v1.balance.retrieve().available[0].amount == 7_000
    assert [row.amount for row in client.v1.transfers.list({"transfer_group": "order_1"})] == [3_000, 7_000]


def test_a_transfer_above_what_is_available_is_refused(
    fake: FakeStripe, client: stripe.StripeClient, creators: SimpleNamespace
) -> None:
    charged(client)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.transfers.create({"amount": 9_680, "currency": "usd", "destination": creators.alice})
    assert (refused.value.code, list(client.v1.transfers.list())) == ("balance_insufficient", [])

    fake.advance(2 * DAY)

    assert (
        client.v1.transfers.create({"amount": 9_680, "currency": "usd", "destination": creators.alice}).amount == 9_680
    )


def test_a_reversal_needs_the_money_to_be_there(
    fake: FakeStripe, client: stripe.StripeClient, creators: SimpleNamespace
) -> None:
    charge = charged(client, card="pm_card_bypassPending")
    made = client.v1.transfers.create(
        {"amount": 5_000, "currency": "usd", "destination": creators.alice, "source_transaction": charge}
    )
    client.v1.transfers.reversals.create(made.id, {"amount": 1_000})
    alice = fake.client(creators.alice)
    alice.v1.payouts.create({"amount": 3_500, "currency": "usd"})

    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.transfers.reversals.create(made.id, {"amount": 501})

    assert refused.value.code == "balance_insufficient"
    client.v1.transfers.reversals.create(made.id, {"amount": 500})
    after = client.v1.transfers.retrieve(made.id)
    assert (after.amount_reversed, after.reversed, [row.amount for row in after.reversals]) == (
        1_500,
        False,
        [500, 1_000],
    )
    assert fake.world.held[creators.alice, "usd"] == 0


def test_a_payout_that_was_paid_comes_back(
    fake: FakeStripe, client: stripe.StripeClient, creators: SimpleNamespace
) -> None:
    charge = charged(client, card="pm_card_bypassPending")
    client.v1.transfers.create(
        {"amount": 5_000, "currency": "usd", "destination": creators.bob, "source_transaction": charge}
    )
    bob = fake.client(creators.bob)
    made = bob.v1.payouts.create({"amount": 5_000, "currency": "usd", "metadata": {"payout": "7"}})
    assert (made.status, made.automatic) == ("pending", False)
    fake.advance(DAY)
    assert bob.v1.payouts.retrieve(made.id).status == "paid"

    payouts.payout_failed(fake.world, made.id)

    failed = bob.v1.payouts.retrieve(made.id)
    assert (failed.status, failed.failure_code) == ("failed", "account_closed")
    assert bob.v1.balance.retrieve().available[0].amount == 5_000
    assert [(event["type"], event["account"]) for event in fake.world.events[-3:]] == [
        ("payout.created", creators.bob), ("payout.paid", creators.bob), ("payout.failed", creators.bob),
    ]  # fmt: skip
    assert [line.reporting_category for line in bob.v1.balance_transactions.list()] == [
        "payout_reversal", "payout", "charge",
    ]  # fmt: skip


def test_nobody_is_paid_before_onboarding_or_after_a_restriction(
    fake: FakeStripe, client: stripe.StripeClient, creators: SimpleNamespace
) -> None:
    charge = charged(client)
    dave = client.v1.accounts.create({"capabilities": {"transfers": {"requested": True}}})
    link = client.v1.account_links.create(
        {
            "account": dave.id,
            "type": "account_onboarding",
            "return_url": "https://a.example",
            "refresh_url": "https://a.example",
        }
    )
    assert link.url.startswith(f"https://connect.stripe.test/setup/{dave.id}/")
    accounts.restricted(fake.world, creators.alice)

    for account in (dave.id, creators.alice):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            client.v1.transfers.create(
                {"amount": 1, "currency": "usd", "destination": account, "source_transaction": charge}
            )
        assert refused.value.code == "insufficient_capabilities_for_transfer"

    assert client.v1.accounts.retrieve(creators.alice).requirements.currently_due == ["individual.dob.day"]
    assert list(client.v1.transfers.list()) == []


def test_an_account_turns_negative_and_another_is_closed(
    fake: FakeStripe, client: stripe.StripeClient, creators: SimpleNamespace
) -> None:
    accounts.adjusted(fake.world, creators.alice, -700)
    assert fake.client(creators.alice).v1.balance.retrieve().available[0].amount == -700
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.accounts.delete(creators.alice)

    client.v1.accounts.delete(creators.bob)

    assert (fake.world.events[-1]["type"], fake.world.events[-1]["account"]) == (
        "account.application.deauthorized", creators.bob,
    )  # fmt: skip
    with pytest.raises(stripe.PermissionError) as refused:
        fake.client(creators.bob).v1.balance.retrieve()
    assert refused.value.error.code == "account_invalid"
    rejected = client.v1.accounts.reject(creators.alice, {"reason": "fraud_other"})
    assert rejected.requirements.disabled_reason == "rejected.fraud"


def test_amounts_that_no_bank_knows(fake: FakeStripe, client: stripe.StripeClient) -> None:
    accounts.adjusted(fake.world, "acct_platform", 100_000, "huf")

    for amount, currency in ((1_234, "kwd"), (1_250, "isk"), (0, "usd"), (100, "USD")):
        with pytest.raises(stripe.InvalidRequestError):
            client.v1.payment_intents.create({"amount": amount, "currency": currency})
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payouts.create({"amount": 12_345, "currency": "huf"})

    assert (list(client.v1.payment_intents.list()), list(client.v1.payouts.list())) == ([], [])
    assert client.v1.payouts.create({"amount": 12_300, "currency": "huf"}).amount == 12_300


def test_what_is_the_platforms_only_is_named(
    fake: FakeStripe, client: stripe.StripeClient, creators: SimpleNamespace
) -> None:
    fake.client(creators.alice).v1.customers.list()

    assert fake.wrong == [f"GET /v1/customers: the fake has this for the platform only, not for {creators.alice}"]
    fake.wrong.clear()


def test_a_charge_without_a_group_gets_its_transfers_group(
    client: stripe.StripeClient, creators: SimpleNamespace
) -> None:
    charge = charged(client)
    given = {"amount": 5_000, "currency": "usd", "destination": creators.alice, "source_transaction": charge}
    assert client.v1.charges.retrieve(charge).transfer_group is None

    made = client.v1.transfers.create(given)  # type: ignore[arg-type]

    assert made.transfer_group == f"group_{charge}"
    assert client.v1.charges.retrieve(charge).transfer_group == made.transfer_group


def test_a_creator_names_a_bank_and_visits_their_dashboard(
    fake: FakeStripe, client: stripe.StripeClient, creators: SimpleNamespace
) -> None:
    new = client.v1.accounts.create({"settings": {"payouts": {"schedule": {"interval": "manual"}}}})
    with pytest.raises(stripe.InvalidRequestError, match="has not completed onboarding"):
        client.v1.accounts.login_links.create(new.id)
    link = client.v1.accounts.login_links.create(creators.alice)

    accounts.banked(fake.world, creators.alice, "1234")

    assert link.url == f"https://connect.stripe.test/express/{creators.alice}"
    there = client.v1.accounts.retrieve(creators.alice).external_accounts
    assert there is not None
    assert [each["last4"] for each in there.data] == ["1234"]
