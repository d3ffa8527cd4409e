"""Payments ahead, months that pass, refunds and disputes in any order: every sum is exact, and nothing is left over."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketplace.payouts.deferral_models import DeferralReversal, RecognizedPart
from marketplace.payouts.left_queries import left_of_sale
from marketplace.payouts.models import Sale
from marketplace.payouts.operations import (
    UnableToRefund,
    allocate_royalties,
    close_dispute,
    ensure_split,
    fail_refund,
    open_dispute,
    recognize_periods,
    refund,
    release_holds,
)
from marketplace.payouts.queries import check_books
from marketplace.payouts.rules import WHOLE_PPB
from tests.payouts.ahead import FROM, SOURCE, month, months, paid, sums, waiting
from tests.payouts.cast import NOON, add_creator


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_months_and_any_reversals_add_up(db: None, data: Any) -> None:
    with transaction.atomic():
        cast = [add_creator(f"p{number}", 40 + number) for number in range(2)]
        split = ensure_split(own=dict(zip(cast, (333_333_333, 666_666_667), strict=True)), parents=[], now=NOON)
        net, tax = data.draw(st.integers(1, 3000)), data.draw(st.integers(0, 500))
        count, at = data.draw(st.integers(1, 6)), 1
        paid(split, gross=net + tax, tax=tax, fee=data.draw(st.integers(0, net)), times=months(count))
        left, open_keys = net + tax, dict[str, int]()
        for number in range(data.draw(st.integers(1, 8))):
            match data.draw(st.sampled_from(["month", "refund", "dispute", "end"])):
                case "month":
                    at += 1
                    recognize_periods(now=month(at))
                    allocate_royalties(now=month(at))
                    release_holds(now=month(at))
                case "refund" if left:
                    amount = data.draw(st.integers(1, left))
                    refund(source=SOURCE, amount_minor=amount, key=f"refund:{number}", reason="x", now=month(at))
                    if data.draw(st.booleans()):
                        fail_refund(key=f"refund:{number}", now=month(at))
                    else:
                        left -= amount
                case "dispute" if left:
                    amount = data.draw(st.integers(1, left))
                    open_dispute(source=SOURCE, amount_minor=amount, key=f"d{number}", now=month(at))
                    open_keys[f"d{number}"] = amount
                    left -= amount
                case "end" if open_keys:
                    key, amount = open_keys.popitem()
                    won = data.draw(st.booleans())
                    close_dispute(source=SOURCE, key=key, outcome="won" if won else "lost", now=month(at))
                    left += amount if won else 0
            assert left_of_sale(SOURCE) == left
            assert check_books() == []
        for key, amount in open_keys.items():
            close_dispute(source=SOURCE, key=key, outcome="won", now=month(at))
            left += amount
        recognize_periods(now=month(count + 1))
        allocate_royalties(now=month(count + 1))
        assert (waiting(), left_of_sale(SOURCE), check_books()) == ([], left, [])
        if left:
            refund(source=SOURCE, amount_minor=left, key="refund:rest", reason="x", now=month(count + 1))
        # Nobody has anything of it: what was paid went back, or a bank took it.
        assert {kind: amount for kind, amount in sums().items() if kind != "creator_receivable"} == {}
        assert check_books() == []
        transaction.set_rollback(True)


def test_two_at_once_make_each_sale_once(committed: None, at_once: Any) -> None:
    split = ensure_split(own={add_creator("alice", 1): WHOLE_PPB}, parents=[], now=NOON)
    for number in range(1, 9):
        paid(split, source=f"order-line:{number}", gross=12_00, fee=1_00)
    said = at_once(*[lambda: recognize_periods(now=month(13), at_once=7)] * 3)
    assert [one for one in said if isinstance(one, Exception)] == []
    recognize_periods(now=month(13))
    assert (RecognizedPart.objects.count(), Sale.objects.count(), waiting()) == (96, 96, [])
    assert check_books() == []


def test_a_refund_and_its_month_at_once_take_what_there_is(committed: None, at_once: Any) -> None:
    split = ensure_split(own={add_creator("alice", 1): WHOLE_PPB}, parents=[], now=NOON)
    paid(split, gross=12_00, fee=1_00, times=months(2))

    def give(number: int) -> Any:
        return lambda: refund(
            source=SOURCE, amount_minor=7_00, key=f"refund:{number}", reason="x", now=FROM + timedelta(days=40)
        )

    said = at_once(give(1), lambda: recognize_periods(now=month(3)), give(2))
    assert [type(one) for one in said if isinstance(one, Exception)] == [UnableToRefund]
    recognize_periods(now=month(3))
    assert (DeferralReversal.objects.count(), left_of_sale(SOURCE)) == (1, 5_00)
    assert check_books() == []
