"""What a gateway tells of disputes and refunds: each by its own name and amount, in any order, as often as it is."""

import itertools
from datetime import timedelta
from typing import Any

import pytest

from marketplace.checkout import hearing, order_states, refunding
from marketplace.checkout import operations as checkout
from marketplace.checkout.disputes import Contradiction, Dispute, DisputePart, DisputeStep
from marketplace.checkout.gateways.base import Returned
from marketplace.checkout.gateways.sandbox import SandboxGateway
from marketplace.checkout.models import Order
from marketplace.checkout.papers.operations import issue_papers
from marketplace.checkout.refunds import RefundIntent, RefundOutcome, RefundStep
from marketplace.checkout.sandbox_models import SandboxLine
from marketplace.checkout.ways.reading import way_of
from marketplace.licensing.models import Grant
from marketplace.licensing.queries import status_of
from marketplace.payouts.left_queries import left_of_sale
from marketplace.payouts.operations import UnableToRefund
from marketplace.payouts.queries import check_books, trial_balance
from marketplace.payouts.reversals import Reversal
from tests.cast import later
from tests.checkout.shop import Shop

NOW = later(hours=5)
PART_LOST, PART_WON, REFUND_LATE = "4000 0099 0000 0038", "4000 0099 0000 0046", "4000 0000 0000 7726"


@pytest.fixture
def order(shop: Shop) -> Order:
    """Two licenses, of 100.01 and 49.99."""
    return shop.buy(shop.market.offer(), shop.offer("cc-by-4.0", 4_999))


def hear(order: Order, state: str, reference: str = "du_1", **more: Any) -> str:
    return hearing.hear_dispute(
        charge_reference=order.outcome.reference,
        dispute_reference=reference,
        state=state,
        **({"amount_minor": 5_000, "now": NOW} | more),
    )


def statuses() -> set[str]:
    return {status_of(grant) for grant in Grant.objects.all()}


def left(order: Order) -> list[int | None]:
    return [left_of_sale(line.source) for line in order.lines.all()]


def accounts() -> dict[str, int]:
    return {
        row.kind: row.debit_minor - row.credit_minor for row in trial_balance() if row.debit_minor != row.credit_minor
    }


def test_a_dispute_of_a_part_is_divided_by_what_is_left(order: Order) -> None:
    assert hear(order, "opened", reason="fraudulent", due_by=later(days=9)) == "dispute-opened"
    assert [part.amount_minor for part in DisputePart.objects.all()] == [3_334, 1_666]
    assert left(order) == [10_001 - 3_334, 4_999 - 1_666]
    assert statuses() == {"suspended"}
    assert order_states.state_of(order) == "disputed"
    keys = {f"dispute:du_1:{line.pk}" for line in order.lines.all()}
    assert set(Reversal.objects.values_list("key", flat=True)) == keys

    assert hear(order, "lost") == "dispute-lost"
    assert statuses() == {"active"}  # what stays paid stays licensed
    assert hear(order, "lost") == "dispute-lost"
    assert (DisputeStep.objects.count(), Contradiction.objects.count(), check_books()) == (2, 0, [])


@pytest.mark.parametrize("end", ["won", "lost"])
@pytest.mark.parametrize("told", list(itertools.permutations(["opened", "opened", "end"])))
def test_two_disputes_of_one_charge_stand_for_themselves(order: Order, end: str, told: tuple[str, ...]) -> None:
    hear(order, "opened", "du_2", amount_minor=10_000)
    for state in told:
        hear(order, end if state == "end" else state)
    assert statuses() == {"suspended"}  # the other one is open
    hear(order, "won", "du_2", amount_minor=10_000)
    assert statuses() == {"active"}
    assert sum(amount or 0 for amount in left(order)) == (15_000 if end == "won" else 10_000)
    assert check_books() == []


def test_what_a_bank_takes_beyond_the_order_is_the_houses_loss(order: Order) -> None:
    hear(order, "lost", amount_minor=15_500)
    assert (left(order), statuses()) == ([0, 0], {"revoked"})
    assert accounts()["dispute_loss"] == 500
    assert check_books() == []


def test_a_fee_is_booked_once_and_another_end_or_amount_is_kept_for_the_desk(order: Order) -> None:
    for _time in range(2):
        hear(order, "opened", fee_minor=1_500)
        hear(order, "won", fee_minor=1_500)
    assert accounts()["dispute_fee"] == 1_500
    before = accounts()
    assert hear(order, "lost", amount_minor=6_000) == "contradicts: dispute-lost"
    assert {row.said for row in Contradiction.objects.all()} == {"another amount", "the other end"}
    assert (accounts(), statuses()) == (before, {"active"})


@pytest.mark.parametrize("end", ["won", "lost"])
def test_a_fee_that_is_heard_later_or_otherwise_keeps_no_end_from_its_effect(order: Order, end: str) -> None:
    hear(order, "opened")  # told before its fee was known
    hear(order, "opened", fee_minor=1_500)
    hear(order, "opened", fee_minor=1_500)
    assert accounts()["dispute_fee"] == 1_500
    assert hear(order, end, fee_minor=3_000) == f"dispute-{end}"
    assert hear(order, end) == f"dispute-{end}"
    assert [step.state for step in DisputeStep.objects.order_by("id")] == ["opened", end]
    assert accounts()["dispute_fee"] == 1_500
    kept = [(row.kind, row.amount_minor, row.said) for row in Contradiction.objects.all()]
    assert kept == [("dispute-fee", 3_000, "another fee: 3000")]
    assert check_books() == []


def test_a_fee_that_is_first_heard_with_the_end_is_booked_once(order: Order) -> None:
    hear(order, "opened")
    for _time in range(2):
        hear(order, "lost", fee_minor=1_500)
    assert accounts()["dispute_fee"] == 1_500
    assert [(step.state, step.fee_minor) for step in DisputeStep.objects.order_by("id")] == [
        ("opened", 0),
        ("lost", 1_500),
    ]
    assert not Contradiction.objects.exists()


def test_a_dispute_of_an_unknown_charge_is_to_be_told_again(order: Order) -> None:
    with pytest.raises(hearing.UnableToHear, match="it paid no order"):
        hearing.hear_dispute(charge_reference="ch_x", dispute_reference="du_1", state="opened", now=NOW)
    assert not Dispute.objects.exists()


def test_nothing_is_refunded_while_a_bank_decides(order: Order) -> None:
    hear(order, "opened")
    line = order.lines.all()[0]
    with pytest.raises(checkout.UnableToRefundLine, match="its payment is disputed, and would go back twice"):
        checkout.refund_line(line=line, amount_minor=1_00, reason="unhappy", now=NOW)
    assert not RefundIntent.objects.exists()
    hear(order, "won")
    checkout.refund_line(line=line, amount_minor=1_00, reason="unhappy", now=NOW)
    assert left(order)[0] == 9_901


def disputed_meanwhile(order: Order, monkeypatch: pytest.MonkeyPatch, amount_minor: int) -> RefundIntent:
    """A refund of all of the first line, which the gateway makes while it tells of a dispute."""
    refund = SandboxGateway.refund

    def meanwhile(self: SandboxGateway, **asked: Any) -> Returned:
        hear(order, "opened", amount_minor=amount_minor)
        return refund(self, **asked)

    with monkeypatch.context() as patched:
        patched.setattr(SandboxGateway, "refund", meanwhile)
        with pytest.raises(UnableToRefund):
            checkout.refund_line(line=order.lines.all()[0], reason="unhappy", now=NOW)
    intent = RefundIntent.objects.get()
    assert (RefundOutcome.objects.count(), RefundStep.objects.get().state) == (0, "succeeded")
    assert checkout.finish_refunds(now=NOW) == 0
    return intent


def test_a_refund_waits_for_a_dispute_that_came_meanwhile_and_is_booked_when_it_is_won(
    order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    intent = disputed_meanwhile(order, monkeypatch, 15_000)
    hear(order, "won", amount_minor=15_000)
    assert checkout.finish_refunds(now=NOW) == 1
    assert RefundOutcome.objects.get().outcome == "succeeded"
    assert left(order) == [0, 4_999]
    assert status_of(Grant.objects.get(source=intent.line.source)) == "revoked"
    assert check_books() == []


def test_a_refund_that_a_lost_dispute_overtook_is_the_houses_loss(
    order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    disputed_meanwhile(order, monkeypatch, 15_000)
    hear(order, "lost", amount_minor=15_000)
    for expected in (1, 0):
        assert checkout.finish_refunds(now=NOW) == expected
    assert RefundOutcome.objects.get().outcome == "overtaken"
    assert accounts()["dispute_loss"] == 10_001
    assert (left(order), statuses(), check_books()) == ([0, 0], {"revoked"}, [])


def outside(order: Order, state: str = "succeeded", amount_minor: int = 3_000, **more: Any) -> str:
    return hearing.hear_refund(
        refund_reference="re_9",
        charge_reference=order.outcome.reference,
        amount_minor=amount_minor,
        state=state,
        now=NOW,
        **more,
    )


def test_a_refund_made_at_the_gateway_is_booked_once(order: Order) -> None:
    assert outside(order, "pending") == "refund-pending"
    assert outside(order) == "refund-succeeded"
    assert outside(order) == ""
    assert sorted(RefundIntent.objects.values_list("amount_minor", flat=True)) == [1_000, 2_000]
    assert left(order) == [10_001 - 2_000, 4_999 - 1_000]
    assert order_states.state_of(order) == "part-refunded"
    assert outside(order, "failed") == "refund-failed"
    assert (outside(order, "failed"), left(order)) == ("", [10_001, 4_999])
    assert (order_states.state_of(order), check_books()) == ("paid", [])


def test_more_than_is_left_is_kept_for_the_desk(order: Order) -> None:
    checkout.refund_line(line=order.lines.all()[0], reason="unhappy", now=NOW)
    outside(order, amount_minor=6_000)
    assert left(order) == [0, 0]
    assert (Contradiction.objects.get().amount_minor, Contradiction.objects.get().said) == (1_001, "more than is left")


def test_our_own_refund_is_heard_before_its_answer(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    refund = SandboxGateway.refund

    def heard(self: SandboxGateway, **asked: Any) -> Returned:
        answer = refund(self, **asked)
        with pytest.raises(hearing.UnableToHear, match="a refund of the order is under way"):
            outside(order)
        hearing.hear_refund(
            refund_reference=answer.reference,
            charge_reference=order.outcome.reference,
            amount_minor=3_000,
            state="succeeded",
            key=asked["key"],
            now=NOW,
        )
        return answer

    monkeypatch.setattr(SandboxGateway, "refund", heard)
    checkout.refund_line(line=order.lines.all()[0], amount_minor=3_000, reason="unhappy", now=NOW)
    assert (RefundIntent.objects.count(), RefundOutcome.objects.count(), Reversal.objects.count()) == (1, 1, 1)
    assert left(order)[0] == 7_001


def test_a_refund_that_takes_its_time_is_booked_when_it_leaves_us(shop: Shop) -> None:
    line = shop.line(shop.offer(), method=REFUND_LATE)
    intent = checkout.refund_line(line=line, amount_minor=2_000, reason="unhappy", now=NOW)
    assert (left_of_sale(line.source), [step.state for step in intent.steps.all()]) == (3_000, ["pending"])
    checkout.finish_refunds(now=NOW + timedelta(minutes=30))
    assert intent.steps.count() == 1
    checkout.finish_refunds(now=NOW + timedelta(hours=2))
    assert [step.state for step in intent.steps.all()] == ["pending", "succeeded"]
    checkout.finish_refunds(now=NOW + timedelta(hours=9))
    assert (intent.steps.count(), left_of_sale(line.source), check_books()) == (2, 3_000, [])


WON_IN_PART = "4000 0099 0000 0053"


@pytest.mark.parametrize("told", list(itertools.permutations(["opened", "opened", "won", "won"]))[::3])
def test_what_came_back_of_a_dispute_that_was_won_in_part_is_all_that_came_back(
    order: Order, told: tuple[str, ...]
) -> None:
    """Of 150.00 the bank gives 100.01 back: books, rights and papers are as after a lost dispute of 49.99."""
    for state in told:
        back = {"returned_minor": 10_001} if state == "won" else {}
        assert hear(order, state, amount_minor=15_000, **back) == f"dispute-{state}"
        assert check_books() == []
    assert left(order) == [10_001 - 3_333, 4_999 - 1_666]
    assert ("dispute_suspense" in accounts(), "dispute_loss" in accounts()) == (False, False)
    steps = [(step.state, step.amount_minor) for step in DisputeStep.objects.order_by("id")]
    assert steps == [("opened", 15_000), ("won", 10_001)]
    assert (statuses(), order_states.state_of(order), Contradiction.objects.count()) == ({"active"}, "disputed", 0)
    assert {grant.statuses.latest("id").reason for grant in Grant.objects.all()} == {hearing.PART_TAKEN}
    way = way_of(order)
    assert [one.state for one in way.disputes] == ["part-won"]
    assert (way.sums.disputed_minor, way.sums.off_minor) == (4_999, 0)
    while issue_papers(now=NOW):
        pass
    note = order.papers.exclude(corrects=None).get()
    assert (note.kind, note.gross_minor) == ("credit-note", 4_999)


def test_what_a_bank_took_beyond_the_order_comes_back_first(order: Order) -> None:
    hear(order, "opened", amount_minor=15_500)
    hear(order, "won", amount_minor=15_500, returned_minor=200)
    assert (left(order), accounts()["dispute_loss"]) == ([0, 0], 300)
    assert (statuses(), check_books()) == ({"revoked"}, [])


def test_what_comes_back_beyond_that_stays_with_the_creators(order: Order) -> None:
    hear(order, "opened", amount_minor=15_500)
    hear(order, "won", amount_minor=15_500, returned_minor=1_000)
    assert (left(order), "dispute_loss" in accounts()) == ([333, 167], False)
    assert (statuses(), check_books()) == ({"active"}, [])


def test_another_amount_that_came_back_is_kept_for_the_desk(order: Order) -> None:
    hear(order, "won", returned_minor=2_000)
    before = accounts()
    hear(order, "won", returned_minor=3_000)
    hear(order, "won")
    hear(order, "won", "du_2", amount_minor=1_000, returned_minor=1_200)
    kept = [(row.reference, row.amount_minor, row.said) for row in Contradiction.objects.order_by("id")]
    assert kept == [("du_1", 3_000, "came back: 3000"), ("du_2", 1_200, "came back: 1200")]
    assert (accounts(), check_books()) == (before, [])
    for wrong in ({"state": "won", "returned_minor": 0}, {"state": "lost", "returned_minor": 1}):
        with pytest.raises(ValueError, match="Money comes back of what is won"):
            hear(order, reference="du_3", **wrong)  # type: ignore[arg-type]
    assert Dispute.objects.count() == 2


def test_the_sandbox_gives_the_half_back(shop: Shop) -> None:
    line = shop.line(shop.offer(price_minor=5_001), method=WON_IN_PART)
    assert checkout.collect_events(now=later(hours=9)) == 2
    assert checkout.collect_events(now=later(hours=10)) == 0
    assert (left_of_sale(line.source), order_states.state_of(line.order)) == (2_501, "disputed")
    assert sum(row.amount_minor for row in SandboxLine.objects.all()) == 2_501
    assert (statuses(), check_books()) == ({"active"}, [])


def test_what_was_paid_ahead_is_won_in_part_as_well(shop: Shop) -> None:
    line = shop.line(shop.offer("enterprise", 12_000, model="yearly"), method=WON_IN_PART)
    assert checkout.collect_events(now=later(hours=9)) == 2
    assert (left_of_sale(line.source), check_books()) == (6_000, [])


@pytest.mark.parametrize(("card", "state", "there"), [(PART_LOST, "disputed", 2_501), (PART_WON, "paid", 5_001)])
def test_the_sandbox_disputes_the_half(shop: Shop, card: str, state: str, there: int) -> None:
    line = shop.line(shop.offer(price_minor=5_001), method=card)
    assert checkout.collect_events(now=later(hours=9)) == 2
    assert checkout.collect_events(now=later(hours=10)) == 0
    assert (left_of_sale(line.source), order_states.state_of(line.order)) == (there, state)
    assert sum(row.amount_minor for row in SandboxLine.objects.all()) == there
    assert check_books() == []


def test_an_open_dispute_is_found(order: Order) -> None:
    hear(order, "opened")
    hear(order, "opened", "du_2", amount_minor=1_00)
    hear(order, "won", "du_2", amount_minor=1_00)
    assert [one.reference for one in refunding.open_disputes(order.pk)] == ["du_1"]
