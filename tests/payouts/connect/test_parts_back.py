"""What was sent to Alice comes back part by part, in any order: her payout ends, and her money is there once."""

from itertools import permutations

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from marketplace.payouts.attempts import PayoutAttempt, PayoutAttemptEnd, TransferReversal
from marketplace.payouts.connected.going_on import go_on
from marketplace.payouts.connected.retrying import failures_of, retry_bank
from marketplace.payouts.letters import send_letter
from marketplace.payouts.models import Payout, PayoutOutcome, Transaction
from marketplace.payouts.operations import freeze
from marketplace.payouts.queries import check_books, paid_total
from tests.payouts.connect.test_charges import bought
from tests.payouts.connect.test_unwinding import WORD, refused
from tests.payouts.policing import has
from tests.stripe import accounts, payouts

__all__ = ["refused"]
SHORT = {"code": "balance_insufficient", "message": "You have too little.", "type": "invalid_request_error"}


def reference(kind: str, amount_minor: int) -> str:
    """Gives the provider's name of the attempt of so much."""
    return PayoutAttemptEnd.objects.get(attempt__kind=kind, attempt__amount_minor=amount_minor, state="done").reference


def take_back(house, amount_minor: int, **part: int) -> None:
    """Reverses our transfer of an amount in the provider's dashboard, or a part of it."""
    house.fake.client().v1.transfers.reversals.create(reference("transfer", amount_minor), part)


def states(payout: Payout) -> list[str]:
    return list(payout.outcomes.order_by("pk").values_list("state", flat=True))


def told() -> list[int]:
    """Gives the outcomes of which a letter was laid down."""
    ours = set(PayoutOutcome.objects.values_list("pk", flat=True))
    jobs = ProcrastinateJob.objects.filter(task_name="payouts.tell_of_payout").order_by("id")
    return [job.args["outcome_id"] for job in jobs if job.args["outcome_id"] in ours]


@pytest.mark.parametrize("order", list(permutations(["the other is taken back", "the bank sends one back"])))
@pytest.mark.parametrize("hears", ["each", "at the end"])
def test_when_the_last_part_is_back_the_payout_came_back(house, alice, alices, connect, order, hears, mailoutbox):
    account = connect(alice)
    bought(house, alices, 4_00)
    house.earn(alices, 10_00)
    house.settle()
    go_on(now=house.now)
    payout = Payout.objects.get()
    for what in order:
        assert (states(payout), told()) == (["sent"], [])
        if what == "the bank sends one back":
            payouts.payout_failed(house.fake.world, reference("bank", 1000))
        else:
            take_back(house, 400)
        if hears == "each":
            house.hear(copies=2, shuffled=True)
            go_on(now=house.now)
    house.hear(copies=2, shuffled=True)
    go_on(now=house.now)

    assert states(payout) == ["sent", "returned"]
    assert (has(alice), house.has(account), house.sent_from_ours()) == ({"available": 1400}, 0, 0)
    assert TransferReversal.objects.count() == Transaction.objects.filter(kind="transfer_reversed").count() == 2
    assert payout.outcomes.get(state="returned").reference == TransferReversal.objects.latest("pk").reference
    house.forward(days=2)
    house.hear(copies=2)
    assert (go_on(now=house.now).returned, states(payout)) == (0, ["sent", "returned"])

    [letter] = told()
    send_letter(outcome_id=letter)
    assert mailoutbox[0].to == ["alice@example.org"]
    assert mailoutbox[0].subject == "A payout came back: $14.00"
    assert "The reason: the bank account is closed" in mailoutbox[0].body
    assert f"/portal/earnings/payouts/{payout.pk}" in mailoutbox[0].body

    retry_bank(creator=alice, attempt=failures_of(alice)[0].attempt_id, now=house.now)
    accounts.adjusted(house.fake.world, "acct_platform", 100)  # what Stripe's fee took
    house.settle()
    go_on(now=house.now)
    house.forward(days=2)
    house.hear()
    assert (has(alice), paid_total(), house.banked()) == ({"paid": 1400}, {"USD": 1400}, 1400)


def test_one_part_is_back_and_a_bank_has_the_other_until_it_sends_it_back(house, alice, alices, connect):
    connect(alice)
    bought(house, alices, 4_00)
    house.earn(alices, 10_00)
    house.settle()
    go_on(now=house.now)
    take_back(house, 400)
    house.forward(days=1)
    house.hear(copies=2)
    payout = Payout.objects.get()
    assert (states(payout), has(alice)) == (["sent", "paid"], {"available": 400, "paid": 1000})

    house.forward(days=2)
    payouts.payout_failed(house.fake.world, reference("bank", 1000))
    house.hear(copies=2)
    assert (states(payout), told()) == (["sent", "paid"], [])
    go_on(now=house.now)
    assert (states(payout), has(alice), len(told())) == (["sent", "paid", "returned"], {"available": 1400}, 1)


def test_taken_back_whole_while_its_bank_decides(house, alice, alices, connect):
    account = connect(alice)
    house.earn(alices, 10_00)
    house.settle()
    go_on(now=house.now)
    accounts.adjusted(house.fake.world, account.reference, 1000)  # Alice's own, from elsewhere
    take_back(house, 1000)
    house.hear()
    payout = Payout.objects.get()
    assert (states(payout), has(alice)) == (["sent"], {"available": 1000})

    payouts.payout_failed(house.fake.world, reference("bank", 1000))
    house.hear(copies=2)
    assert (states(payout), has(alice), len(told())) == (["sent", "returned"], {"available": 1000}, 1)
    assert (go_on(now=house.now).returned, house.has(account)) == (0, 1000)


def test_one_transfer_comes_back_in_two_pieces(house, alice, alices, connect):
    connect(alice)
    house.earn(alices, 10_00)
    house.settle()
    take_back(house, 1000, amount=300)
    house.hear()
    go_on(now=house.now)
    payouts.payout_failed(house.fake.world, reference("bank", 700))
    house.hear()
    assert go_on(now=house.now).returned == 1
    assert (states(Payout.objects.get()), has(alice)) == (["sent", "returned"], {"available": 1000})


def test_a_bank_that_refuses_what_was_taken_back_meanwhile_ends_it(house, alice, alices, connect):
    account = connect(alice)
    house.earn(alices, 10_00)
    house.settle()
    take_back(house, 1000, amount=400)
    house.hear()
    take_back(house, 1000, amount=600)  # of which we have not heard
    assert go_on(now=house.now).to_banks == 0
    payout = Payout.objects.get()
    assert (states(payout), PayoutAttempt.objects.get(kind="bank").end.code) == (["sent"], "balance_insufficient")

    house.hear()
    assert (states(payout), has(alice), house.has(account)) == (["sent", "returned"], {"available": 1000}, 0)


@pytest.mark.parametrize("taken_minor", [400, 150])
def test_taken_back_before_another_part_is_refused_for_good(house, alice, alices, connect, refused, taken_minor):
    account = connect(alice)
    refused[:] = [SHORT]
    bought(house, alices, 4_00)
    house.earn(alices, 10_00)
    house.settle()
    take_back(house, 400, amount=taken_minor)
    house.hear(copies=2)
    assert has(alice) == {"available": taken_minor, "on_the_way": 1400 - taken_minor}
    assert check_books() == []

    refused[:] = [WORD]
    house.settle()
    go_on(now=house.now)
    house.hear(copies=2)

    payout = Payout.objects.get(outcomes__state="failed")
    assert (states(payout), len(told())) == (["failed"], 1)
    assert (has(alice), house.has(account), house.sent_from_ours()) == ({"available": 1400}, 0, 0)
    assert go_on(now=house.now).returned == 0


def test_refused_for_good_before_we_hear_that_another_part_was_taken_back(house, alice, alices, connect, refused):
    account = connect(alice)
    bought(house, alices, 4_00)
    house.earn(alices, 10_00)
    house.settle()
    take_back(house, 400)
    go_on(now=house.now)
    payout = Payout.objects.get()
    assert (states(payout), has(alice)) == ([], {"on_the_way": 1400})

    house.hear(copies=2)
    go_on(now=house.now)
    assert (states(payout), has(alice), len(told())) == (["failed"], {"available": 1400}, 1)
    assert (house.has(account), house.sent_from_ours()) == (0, 0)


def test_what_is_frozen_is_held_once_when_the_rest_is_given_back(house, alice, alices, connect, refused):
    connect(alice)
    refused[:] = [SHORT]
    bought(house, alices, 4_00)
    house.earn(alices, 10_00, subject="release:stolen")
    house.settle()
    freeze(subject="release:stolen", reason="claim:1", now=house.now)
    take_back(house, 400)
    house.hear()
    assert has(alice) == {"frozen": 400, "on_the_way": 1000}

    refused[:] = [WORD]
    house.settle()
    assert has(alice) == {"available": 400, "frozen": 1000}
