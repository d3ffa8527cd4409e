"""What a bank took comes back in several parts: each is booked once, in any order, as if all had come in one."""

import itertools
from typing import Any

import pytest
from django.db.models import Sum

from marketplace.checkout import hearing, line_money, order_queries, order_states, part_taken, won_in_parts
from marketplace.checkout import operations as checkout
from marketplace.checkout.disputes import Contradiction, Dispute, DisputePart, DisputeStep
from marketplace.checkout.evidence.standing import standing_of
from marketplace.checkout.models import Order
from marketplace.checkout.paper_models import Paper, PaperDue
from marketplace.checkout.papers.operations import issue_papers
from marketplace.checkout.ways.reading import way_of
from marketplace.licensing.models import Grant
from marketplace.licensing.queries import status_of
from marketplace.payouts.bookkeeping.risking import facts_of
from marketplace.payouts.explaining_queries import explained
from marketplace.payouts.left_queries import left_of_sale
from marketplace.payouts.models import Posting, RoyaltyLine, Sale
from marketplace.payouts.operations import (
    allocate_royalties,
    lift_takedown,
    recognize_periods,
    release_holds,
    take_down,
)
from marketplace.payouts.queries import check_books
from tests.cast import later
from tests.checkout.shop import Shop

NOW = later(hours=5)
PARTS = (("txn_a", 4_001), ("txn_b", 2_500), ("txn_c", 3_000))


@pytest.fixture
def order(shop: Shop) -> Order:
    """Two licenses, of 100.01 and 49.99."""
    return shop.buy(shop.market.offer(), shop.offer("cc-by-4.0", 4_999))


def hear(order: Order, state: str, *parts: tuple[str, int], **more: Any) -> str:
    asked: dict[str, Any] = {"amount_minor": 15_000, "returned": parts, "now": NOW} | more
    reference = asked.pop("reference", "du_1")
    return hearing.hear_dispute(
        charge_reference=order.outcome.reference, dispute_reference=reference, state=state, **asked
    )


def left(order: Order) -> list[int | None]:
    return [left_of_sale(line.source) for line in order.lines.all()]


def accounts() -> dict[tuple[str, str], int]:
    """What stands in each account of the books, by its kind and whose it is, debits above zero."""
    rows = Posting.objects.values_list("account__kind", "account__owner__handle").annotate(sum=Sum("amount_minor"))
    return {(kind, owner or ""): minor for kind, owner, minor in rows.order_by() if minor}


def statuses() -> set[str]:
    return {status_of(grant) for grant in Grant.objects.all()}


def back() -> list[tuple[str, str, int]]:
    steps = DisputeStep.objects.exclude(state="opened").order_by("id")
    return [(step.state, step.reference, step.amount_minor) for step in steps]


def papers(order: Order) -> list[tuple[str, int]]:
    while issue_papers(now=NOW):
        pass
    assert not PaperDue.objects.exists()
    return list(order.papers.exclude(corrects=None).order_by("issued_at", "id").values_list("kind", "gross_minor"))


@pytest.mark.parametrize("turns", list(itertools.permutations(PARTS)))
def test_parts_in_any_order_and_again_are_as_one(order: Order, shop: Shop, turns: tuple[tuple[str, int], ...]) -> None:
    """Of 150.00 there come 40.01, 25.00 and 30.00 back: as if 95.01 had come at once."""
    hear(order, "opened")
    for count in (1, 2, 2, 3):
        assert hear(order, "won", *turns[:count]) == "dispute-won"
        assert sum(left(order)) == sum(minor for _name, minor in turns[:count])
        assert check_books() == []
    before = (accounts(), back())
    for again in (turns, turns[1:], turns[:1], tuple(reversed(turns))):
        hear(order, "won", *again)
    assert (accounts(), back(), Contradiction.objects.count()) == (*before, 0)
    assert back() == [("won", *turns[0]), *(("returned", *part) for part in turns[1:])]
    assert (statuses(), order_states.state_of(order)) == ({"active"}, "disputed")

    # Books, way and desk as after one part of the same sum.
    assert left(order) == [6_335, 3_166]
    assert not {("dispute_loss", ""), ("dispute_suspense", "")} & set(accounts())
    way = way_of(order)
    assert ([one.state for one in way.disputes], way.sums.disputed_minor, way.sums.off_minor) == (
        ["part-won"],
        5_499,
        0,
    )
    assert (standing_of(Dispute.objects.get()).state, standing_of(Dispute.objects.get()).returned_minor) == (
        "part-won",
        9_501,
    )
    assert [one.newest for one in order_queries.disputes_of(order)] == ["part-won"]  # type: ignore[attr-defined]
    assert len(list(part_taken.licenses_of(Dispute.objects.get()))) == 2


CUT = {("psp_clearing", ""): 9_501, ("platform_fee", ""): -949, ("creator_pending", "alice"): -8_552}


@pytest.mark.parametrize("parts", [[(1, 9_501)], [(1, 4_001), (2, 5_500)], [(1, 1), (2, 9_499), (3, 1)]])
def test_the_books_are_the_same_however_it_was_cut(order: Order, parts: list[tuple[int, int]]) -> None:
    told = [(f"txn_{number}", minor) for number, minor in parts]
    hear(order, "opened")
    for count in range(1, len(told) + 1):
        hear(order, "won", *told[:count])
    assert left(order) == [6_335, 3_166]
    assert accounts() == CUT
    assert check_books() == []


def test_what_comes_back_whole_in_parts_is_won(order: Order) -> None:
    allocate_royalties(now=NOW)
    before = accounts()
    hear(order, "opened")
    hear(order, "won", ("txn_a", 14_999))
    assert order_states.state_of(order) == "disputed"
    hear(order, "won", ("txn_a", 14_999), ("txn_b", 1))

    assert (accounts(), left(order), statuses()) == (before, [10_001, 4_999], {"active"})
    assert (order_states.state_of(order), standing_of(Dispute.objects.get()).state) == ("paid", "won")
    assert list(part_taken.licenses_of(Dispute.objects.get())) == []
    assert [one.newest for one in order_queries.disputes_of(order)] == ["won"]  # type: ignore[attr-defined]
    assert (way_of(order).sums.disputed_minor, way_of(order).sums.off_minor) == (0, 0)
    assert check_books() == []


def test_parts_that_are_heard_at_once_revoke_nothing_on_their_way(order: Order) -> None:
    """After the first cent alone nothing would stay paid of the second license, and it would be revoked for good."""
    hear(order, "won", ("txn_a", 1), ("txn_b", 14_999))
    assert (statuses(), left(order), order_states.state_of(order)) == ({"active"}, [10_001, 4_999], "paid")
    assert {row.reason for row in Grant.objects.get(offer=order.lines.all()[1].offer).statuses.all()} == {
        hearing.DISPUTED,
        hearing.WON,
    }


def test_a_license_that_was_revoked_stays_so(order: Order) -> None:
    hear(order, "opened")
    hear(order, "won", ("txn_a", 1))
    assert sorted(status_of(grant) for grant in Grant.objects.all()) == ["active", "revoked"]
    hear(order, "won", ("txn_a", 1), ("txn_b", 14_999))
    assert sorted(status_of(grant) for grant in Grant.objects.all()) == ["active", "revoked"]
    assert (left(order), check_books()) == ([10_001, 4_999], [])


def test_what_is_more_than_was_taken_is_kept_for_the_desk(order: Order) -> None:
    hear(order, "won", ("txn_a", 10_000), ("txn_b", 6_000))
    hear(order, "won", ("txn_a", 10_000), ("txn_b", 6_000), ("txn_c", 7))
    hear(order, "won", ("txn_a", 9_000))
    said = [row.said for row in Contradiction.objects.order_by("id")]
    assert said == ["came back: 6000 by txn_b", "came back: 7 by txn_c", "came back: 9000 by txn_a"]
    assert (back(), left(order)) == ([("won", "txn_a", 10_000), ("returned", "txn_b", 5_000)], [10_001, 4_999])
    assert check_books() == []


def test_after_the_other_end_no_part_has_an_effect(order: Order) -> None:
    hear(order, "lost")
    before = accounts()
    assert hear(order, "won", ("txn_a", 4_001), ("txn_b", 2_500)) == "contradicts: dispute-won"
    said = [(row.amount_minor, row.said) for row in Contradiction.objects.order_by("id")]
    assert said == [
        (4_001, "came back after it was lost: 4001 by txn_a"),
        (2_500, "came back after it was lost: 2500 by txn_b"),
        (15_000, "the other end"),
    ]
    assert (accounts(), statuses(), back()) == (before, {"revoked"}, [("lost", "", 15_000)])


def test_a_part_comes_after_a_refund(order: Order) -> None:
    hear(order, "won", ("txn_a", 4_001))
    line = order.lines.all()[0]
    given = left_of_sale(line.source)
    assert given
    checkout.refund_line(line=line, amount_minor=given, reason="unhappy", now=NOW)
    assert left(order)[0] == 0
    hear(order, "won", ("txn_a", 4_001), ("txn_b", 2_500))
    assert (sum(left(order)), check_books()) == (4_001 + 2_500 - given, [])
    assert way_of(order).sums.off_minor == 0


@pytest.mark.parametrize("is_lifted", [True, False])
def test_a_part_comes_after_a_takedown(order: Order, is_lifted: bool) -> None:
    allocate_royalties(now=NOW)
    hear(order, "won", ("txn_a", 4_001))
    subject = Sale.objects.get(source=order.lines.all()[0].source).subject
    take_down(subject=subject, reason="claim:1", now=NOW)
    if is_lifted:
        lift_takedown(subject=subject, reason="claim:1", now=NOW)
    hear(order, "won", ("txn_a", 4_001), ("txn_b", 2_500))
    assert (sum(left(order)), check_books()) == (6_501, [])


def test_what_was_paid_out_meanwhile_is_owed_and_met(order: Order) -> None:
    allocate_royalties(now=NOW)
    release_holds(now=later(days=60))
    hear(order, "won", ("txn_a", 4_001))
    hear(order, "won", ("txn_a", 4_001), ("txn_b", 2_500))
    hear(order, "won", ("txn_a", 4_001), ("txn_b", 2_500), ("txn_c", 8_499))
    assert (left(order), check_books()) == ([10_001, 4_999], [])


@pytest.mark.parametrize("parts", [PARTS, (("txn_a", 500), ("txn_b", 1), ("txn_c", 1_000))])
def test_what_was_paid_ahead_comes_back_in_parts_as_well(shop: Shop, parts: tuple[tuple[str, int], ...]) -> None:
    """What is missing is of periods to come at first, and of months that were earned as well where it is more."""
    order = shop.buy(shop.offer("enterprise", 12_000, model="yearly"))
    recognize_periods(now=later(days=100))
    allocate_royalties(now=later(days=100))
    before, asked = accounts(), {"amount_minor": 12_000, "now": later(days=100)}
    hear(order, "opened", **asked)
    for count in (1, 2, 3):
        hear(order, "won", *parts[:count], **asked)
        assert (left(order), check_books()) == ([sum(minor for _name, minor in parts[:count])], [])
    hear(order, "won", *parts, ("txn_d", 12_000 - sum(minor for _name, minor in parts)), **asked)
    assert (left(order), accounts(), statuses(), check_books()) == ([12_000], before, {"active"}, [])


def test_beyond_the_order_the_house_has_its_loss_back_first(order: Order) -> None:
    asked = {"amount_minor": 15_500}
    hear(order, "opened", **asked)
    hear(order, "won", ("txn_a", 200), **asked)
    assert (left(order), accounts()["dispute_loss", ""]) == ([0, 0], 300)
    hear(order, "won", ("txn_a", 200), ("txn_b", 800), **asked)
    assert (left(order), ("dispute_loss", "") in accounts(), check_books()) == ([333, 167], False, [])


def test_what_met_a_loss_that_is_none_any_more_is_said_to_the_desk(order: Order) -> None:
    """The bank takes what 100.01 had gone back of before; then that comes back, and meets what the house had lost."""
    line = order.lines.all()[0]
    refund = checkout.refund_line(line=line, amount_minor=10_001, reason="unhappy", now=NOW)
    hear(order, "won", ("txn_a", 1_000))
    hearing.hear_refund(
        refund_reference=refund.outcome.reference,
        charge_reference=order.outcome.reference,
        amount_minor=10_001,
        state="failed",
        key=refund.key,
        now=NOW,
    )
    assert not Contradiction.objects.exists()
    hear(order, "won", ("txn_a", 1_000), ("txn_b", 14_000))
    said = [(row.amount_minor, row.said) for row in Contradiction.objects.all()]
    assert said == [(9_001, "a refund that came back met 9001 more than was lost")]
    there = accounts()
    assert (there["psp_clearing", ""] + there["psp_balance", ""], check_books()) == (15_000, [])
    assert there["dispute_loss", ""] == -9_001


def test_papers_say_what_was_taken_and_what_came_back(order: Order) -> None:
    hear(order, "won", PARTS[0])
    assert papers(order) == [("credit-note", 10_999)]
    hear(order, "won", *PARTS[:2])
    hear(order, "won", *PARTS)
    assert papers(order) == [("credit-note", 10_999), ("debit-note", 2_500), ("debit-note", 3_000)]
    for paper in Paper.objects.filter(kind="debit-note"):
        assert paper.corrects.kind == "credit-note"
    hear(order, "won", *PARTS, ("txn_d", 5_499))
    assert sum(minor for kind, minor in papers(order) if kind == "debit-note") == 10_999


def test_while_another_dispute_is_open_licenses_wait(order: Order) -> None:
    hear(order, "opened", amount_minor=5_000)
    hear(order, "opened", reference="du_2", amount_minor=1_000)
    hear(order, "won", ("txn_a", 1_000), amount_minor=5_000)
    hear(order, "won", ("txn_a", 1_000), ("txn_b", 4_000), amount_minor=5_000)
    assert statuses() == {"suspended"}
    hear(order, "won", reference="du_2", amount_minor=1_000)
    assert (statuses(), left(order), check_books()) == ({"active"}, [10_001, 4_999], [])


def test_creators_read_what_a_bank_keeps_as_a_dispute_and_risk_weighs_it_as_one(order: Order, shop: Shop) -> None:
    allocate_royalties(now=NOW)
    alice = shop.market.cast.alice
    line = RoyaltyLine.objects.get(sale__source=order.lines.all()[0].source)

    def told() -> list[tuple[str, str]]:
        found = explained(alice, line.pk)
        assert found is not None
        return [(one.kind, one.outcome) for one in found.reversals]

    def weighed() -> tuple[int, int]:
        facts = facts_of(currency="USD", window_days=30, owner_ids=[alice.pk], now=NOW)[alice.pk]
        return facts.disputed_minor, facts.refunded_minor

    hear(order, "won", PARTS[0])
    assert told() == [("dispute", "won"), ("dispute", "lost")]
    assert weighed() == (13_501 + accounts()["creator_pending", "alice"], 0)
    hear(order, "won", *PARTS[:2])
    assert told() == [("dispute", "won"), ("dispute", "won"), ("dispute", "lost")]
    hear(order, "won", *PARTS, ("txn_d", 5_499))
    assert (told(), weighed()) == ([("dispute", "won")] * 4, (0, 0))


def test_what_was_lost_for_good_before_parts_were_known_stays_so(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(dispute: Dispute, parts: list[DisputePart], now: Any) -> None:
        for part, minor in zip(parts, won_in_parts.divided([part.line for part in parts], 10_999), strict=True):
            asked: dict[str, Any] = {"line": part.line, "key": part.rest_key(1), "now": now}
            line_money.dispute_money(amount_minor=minor, **asked)
            line_money.close_dispute_money(outcome="lost", **asked)

    with monkeypatch.context() as before_that:
        before_that.setattr(won_in_parts, "take_rest", lost)
        hear(order, "won", returned_minor=4_001)
    before = accounts()
    hear(order, "won", PARTS[0])
    assert not Contradiction.objects.exists()
    for _twice in range(2):
        hear(order, "won", *PARTS[:2])
    assert [(row.amount_minor, row.said) for row in Contradiction.objects.all()] == [
        (2_500, "came back: 2500 by txn_b")
    ]
    assert (accounts(), back(), check_books()) == (before, [("won", "", 4_001)], [])
