"""Alice's program follows a payout over Stripe, part by part, to her bank and back."""

from marketplace.payouts.connected.going_on import go_on
from marketplace.payouts.models import Payout
from tests.api.statements_told import program_of
from tests.payouts.connect.test_charges import bought
from tests.payouts.connect.test_parts_back import reference, take_back
from tests.stripe import payouts


def test_it_is_told_step_by_step(house, alice, bob, alices, connect):
    connect(alice)
    bought(house, alices, 4_00)
    house.earn(alices, 10_00)
    house.settle()
    go_on(now=house.now)
    payout, program = Payout.objects.get(), program_of(alice)

    told = program.get(f"/payouts/{payout.pk}").json()
    assert (told["state"], told["arrives_on"], told["came_back_minor"]) == ("sent", "2026-11-23", 0)
    assert [(one["number"], one["kind"], one["state"], one["amount_minor"]) for one in told["steps"]] == [
        (1, "transfer", "done", 1000),
        (2, "transfer", "done", 400),
        (3, "bank", "done", 1000),
    ]
    assert told["steps"][2]["reference"] == reference("bank", 1000)

    take_back(house, 400)
    house.hear()
    assert program.get("/payouts").json()["data"][0]["came_back_minor"] == 400
    payouts.payout_failed(house.fake.world, reference("bank", 1000))
    house.hear()
    go_on(now=house.now)
    told = program.get(f"/payouts/{payout.pk}").json()
    assert (told["state"], told["arrives_on"], told["came_back_minor"]) == ("returned", None, 1400)
    steps = {(one["kind"], one["state"]): one["reason"] for one in told["steps"]}
    assert steps["bank", "failed"] == "the bank account is closed"
    assert steps.keys() >= {("transfer", "back"), ("return", "done")}
    assert program_of(bob).get(f"/payouts/{payout.pk}").status_code == 404


def test_what_is_held_says_why(house, alice, alices):
    house.earn(alices, 10_00)
    house.settle()
    [row] = program_of(alice).get("/payouts/next").json()["data"]
    assert row["held_for"] == ["you have no account with Stripe yet that money can be sent to"]
