"""Money goes back to Carol: in parts, late, or not at all; and what disputes say."""

from typing import Any

import pytest

from marketplace.checkout.gateways.base import FAILED, PENDING, SUCCEEDED, GatewayUnavailable
from marketplace.checkout.gateways.stripe import inbox, returning, words
from marketplace.checkout.gateways.stripe.disputing import Disputed, before_exchange, disputed_of
from marketplace.checkout.gateways.stripe.evidence import UnableToSubmit
from marketplace.checkout.gateways.stripe.reading import returned_of
from marketplace.provider.client import ProviderRefused
from marketplace.provider.inbox import About
from tests.checkout.stripe.shop import Till
from tests.stripe import backwards
from tests.stripe.faults import Fault

PDF = b"%PDF-1.7 evidence"


def paid(till: Till, card: str = "pm_card_visa", **more: Any) -> str:
    asked = till.asked(**more)
    page = till.charge(asked)
    till.fills_in(page, card)
    return till.standing(asked, page.reference).reference


def refund(till: Till, charge: str, amount_minor: int, key: str = "refund:1", currency: str = "USD") -> Any:
    return till.gateway.refund(
        key=key, charge_reference=charge, amount_minor=amount_minor, currency=currency, now=till.now
    )


def test_a_part_goes_back_then_the_rest_then_no_more(till: Till) -> None:
    charge = paid(till)
    first = refund(till, charge, 4_000, "refund:1")
    assert first.state == SUCCEEDED
    assert refund(till, charge, 4_000, "refund:1") == first
    assert refund(till, charge, 5_999, "refund:2").state == SUCCEEDED
    over = refund(till, charge, 1, "refund:3")
    assert (over.state, over.reason) == (FAILED, words.NOT_RETURNED["charge_already_refunded"])
    assert [row["amount"] for row in till.fake.world.all("refund")] == [5_999, 4_000]
    assert till.fake.world.rows[first.reference]["metadata"] == {"worldloom_key": "refund:1"}


def test_more_than_is_left_is_refused(till: Till) -> None:
    charge = paid(till)
    over = refund(till, charge, 10_000)
    assert (over.state, over.reason) == (FAILED, words.NOT_RETURNED["amount_too_large"])
    assert till.count("refund") == 0


@pytest.mark.parametrize("code, passes", [("balance_insufficient", True), ("charge_disputed", False)])
def test_what_our_balance_does_not_have_may_be_there_tomorrow(
    till: Till, monkeypatch: pytest.MonkeyPatch, code: str, passes: bool
) -> None:
    charge = paid(till)

    def refused(**_asked: Any) -> None:
        raise ProviderRefused({"code": code, "status": 400})

    monkeypatch.setattr(returning, "perform", refused)
    low = refund(till, charge, 1_000)
    assert (low.state, low.reason, low.passes) == (FAILED, words.NOT_RETURNED[code], passes)


def test_a_bank_takes_days_or_sends_it_back(till: Till) -> None:
    waits = refund(till, paid(till, "pm_card_pendingRefund"), 2_000, "refund:1")
    fails = refund(till, paid(till, "pm_card_refundFail"), 2_000, "refund:2")
    assert (waits.state, fails.state) == (PENDING, SUCCEEDED)
    till.forward(days=4)
    after = [till.gateway.refund_standing(key="", reference=one.reference, now=till.now) for one in (waits, fails)]
    assert [one.state for one in after] == [SUCCEEDED, FAILED]
    assert after[1].reason == words.NOT_RETURNED["expired_or_canceled_card"]


def test_all_refunds_of_a_charge_are_read_however_many(till: Till) -> None:
    charge = paid(till)
    for _ in range(101):
        till.fake.client().v1.refunds.create({"charge": charge, "amount": 1})
    found = inbox.fetch_refunds(About("charge", charge, "", frozenset(["charge.refunded"]), till.now))
    assert found is not None
    assert len({row["id"] for row in found[1]}) == 101


def test_states_of_refunds_are_read() -> None:
    states = {"succeeded": SUCCEEDED, "pending": PENDING, "requires_action": PENDING, "failed": FAILED}
    for status, state in (states | {"canceled": FAILED}).items():
        assert returned_of({"id": "re_1", "status": status, "failure_reason": None}).state == state


@pytest.mark.parametrize("fault", [Fault.DROP_RESPONSE, Fault.ERROR_SAVED, Fault.DROP_REQUEST, Fault.LIMIT])
def test_a_refund_whose_answer_is_lost_is_made_once(till: Till, fault: Fault) -> None:
    charge = paid(till)
    till.fake.faults.when(lambda asked: asked.path == "/v1/refunds" and asked.method == "POST", fault)
    with pytest.raises(GatewayUnavailable):
        refund(till, charge, 4_000)
    for _ in range(2):
        till.forward(minutes=3)
        try:
            returned = refund(till, charge, 4_000)
        except GatewayUnavailable:
            continue
    assert returned.state == SUCCEEDED
    assert [row["amount"] for row in till.fake.world.all("refund")] == [4_000]


def test_a_refund_is_found_when_its_key_is_forgotten(till: Till) -> None:
    charge = paid(till)
    till.fake.faults.when(lambda asked: asked.path == "/v1/refunds", Fault.DROP_RESPONSE)
    with pytest.raises(GatewayUnavailable):
        refund(till, charge, 4_000)
    till.forward(days=2)
    assert refund(till, charge, 4_000).state == SUCCEEDED
    assert till.count("refund") == 1


def test_yen_and_forints_go_back_in_their_units(till: Till) -> None:
    from marketplace.checkout.gateways.base import AskedLine

    for number, (currency, amount) in enumerate((("JPY", 1_200), ("HUF", 20_015), ("KWD", 1_230)), 10):
        charge = paid(till, lines=(AskedLine("Yunhai", "Alice", amount),), amount_minor=amount, currency=currency)
        back = refund(till, charge, amount, f"refund:{number}", currency)
        assert (back.state, till.fake.world.rows[back.reference]["amount"]) == (SUCCEEDED, amount)
    odd = refund(till, charge, 1, "refund:99", "KWD")
    assert (odd.state, odd.reference) == (FAILED, "")


# -- disputes ---------------------------------------------------------------------------------------------------------


def disputed(till: Till, charge: str, **more: Any) -> dict[str, Any]:
    return dict(till.plays(backwards.disputed, charge, **more))


def test_a_dispute_is_of_what_was_taken(till: Till) -> None:
    charge = paid(till)
    row = disputed(till, charge, amount=3_000)
    read = disputed_of(till.fake.world.rows[row["id"]])
    assert read == Disputed(
        row["id"], charge, "opened", "needs_response", 3_000, 1_500, "USD", "fraudulent", read.due_by
    )
    assert read.due_by
    assert (read.due_by - till.now).days == 14
    for status in ("won", "lost"):
        other = disputed(till, paid(till))
        till.plays(backwards.decided, other["id"], status)
        read = disputed_of(till.fake.world.rows[other["id"]])
        assert (read.state, read.amount_minor, read.fee_minor) == (status, 9_999, 1_500)


def test_an_inquiry_moves_no_money_until_it_does(till: Till) -> None:
    row = disputed(till, paid(till), status="warning_needs_response")
    read = disputed_of(till.fake.world.rows[row["id"]])
    assert (read.state, read.amount_minor, read.fee_minor) == ("", 9_999, 0)
    till.plays(backwards.decided, row["id"], "needs_response")
    read = disputed_of(till.fake.world.rows[row["id"]])
    assert (read.state, read.fee_minor) == ("opened", 1_500)


def test_every_status_of_a_dispute_is_known() -> None:
    base = {"id": "du_1", "charge": "ch_1", "currency": "usd", "amount": 500, "reason": "general"}
    taken = [{"currency": "usd", "amount": -500, "fee": 1_500}]
    known = {
        "needs_response": "opened", "under_review": "opened", "appeal_needs_response": "opened",
        "appeal_under_review": "opened", "won": "won", "lost": "lost", "warning_needs_response": "",
        "warning_under_review": "", "warning_closed": "", "prevented": "",
    }  # fmt: skip
    for status, state in known.items():
        lines = taken if state not in ("", "won") else []
        row = base | {"status": status, "balance_transactions": lines, "evidence_details": {"due_by": None}}
        assert disputed_of(row).state == state
    row = base | {"status": "prevented", "balance_transactions": taken, "evidence_details": None}
    assert (disputed_of(row).state, disputed_of(row).amount_minor) == ("lost", 500)


def test_what_came_back_says_how_a_dispute_ended() -> None:
    base = {"id": "du_1", "charge": "ch_1", "currency": "usd", "amount": 500, "reason": "general"}
    base |= {"evidence_details": None}
    took = {"currency": "usd", "amount": -500, "fee": 1_500}

    def read(status: str, *back: int) -> tuple[str, int, int | None]:
        lines = [took, *({"id": f"txn_{n}", "currency": "usd", "amount": m, "fee": 0} for n, m in enumerate(back))]
        found = disputed_of(base | {"status": status, "balance_transactions": lines})
        assert (found.fee_minor, found.fee_currency) == (1_500, "")
        parts = [(f"txn_{n}", minor) for n, minor in enumerate(back)]
        assert list(found.returned) == (parts if found.state == "won" else [])
        return found.state, found.amount_minor, found.returned_minor

    for status in ("won", "lost", "prevented", "warning_closed"):
        assert read(status, 500) == ("won", 500, None)
        assert read(status, 200) == read(status, 150, 50) == ("won", 500, 200)
        assert read(status) == ("opened" if status == "won" else "lost", 500, None)
    assert read("under_review") == read("needs_response", 200) == ("opened", 500, None)


def test_a_dispute_of_a_charge_that_settles_in_another_currency() -> None:
    base = {"id": "du_1", "charge": "ch_1", "currency": "eur", "amount": 10_000, "reason": "general"}
    took = {"currency": "usd", "amount": -11_213, "fee": 1_500, "exchange_rate": 1.12127}
    back = {"id": "txn_1", "currency": "usd", "amount": 4_404, "fee": 0, "exchange_rate": "1.101"}
    row = base | {"status": "won", "balance_transactions": [took, back], "evidence_details": None}
    read = disputed_of(row)
    assert (read.amount_minor, read.currency, read.fee_minor, read.fee_currency) == (10_000, "EUR", 1_500, "USD")
    assert (read.state, read.returned_minor, read.returned) == ("won", 4_000, (("txn_1", 4_000),))
    whole = back | {"amount": 11_010}
    assert disputed_of(row | {"balance_transactions": [took, whole]}).returned_minor is None
    assert disputed_of(row | {"balance_transactions": [took | {"exchange_rate": None}]}).amount_minor == 10_000
    part = base | {"status": "lost", "evidence_details": None}
    assert disputed_of(part | {"balance_transactions": [took | {"amount": -5_606}]}).amount_minor == 5_000
    assert [before_exchange(moved, "0.5", 1_000) for moved in (500, 501, 250, 251)] == [1_000, 1_000, 500, 502]


def submit(till: Till, dispute: str, key: str = "evidence:1", **more: Any) -> Any:
    given: dict[str, Any] = {
        "texts": {"product_description": "Worlds", "uncategorized_text": ""},
        "files": {"service_documentation": ("proof.pdf", PDF), "receipt": ("receipt.pdf", PDF + b"2")},
    }
    return till.gateway.submit_evidence(key=key, dispute_reference=dispute, now=till.now, **(given | more))


def test_evidence_is_sent_once_and_final(till: Till) -> None:
    dispute = disputed(till, paid(till))["id"]
    sent = submit(till, dispute)
    assert (sent.reference, sent.accepted) == (dispute, True)
    assert submit(till, dispute) == sent
    row = till.fake.world.rows[dispute]
    assert (row["status"], row["evidence"]["product_description"]) == ("under_review", "Worlds")
    assert till.fake.world.hidden[row["evidence"]["service_documentation"]]["content"] == PDF
    assert (till.count("file"), row["evidence_details"]["submission_count"]) == (2, 1)
    late = submit(till, dispute, "evidence:2")
    assert (late.accepted, late.reason) == (False, "This dispute is already closed")


@pytest.mark.parametrize("path", ["/v1/files", "/v1/disputes/"])
def test_evidence_whose_answer_is_lost_is_there_once(till: Till, path: str) -> None:
    dispute = disputed(till, paid(till))["id"]
    till.fake.faults.when(lambda asked: asked.method == "POST" and asked.path.startswith(path), Fault.DROP_RESPONSE)
    with pytest.raises(GatewayUnavailable):
        submit(till, dispute)
    till.forward(minutes=3)
    assert submit(till, dispute).accepted
    assert till.fake.world.rows[dispute]["evidence_details"]["submission_count"] == 1
    assert till.count("file") == 2


def test_evidence_that_stripe_would_not_take_is_not_sent(till: Till) -> None:
    dispute = disputed(till, paid(till))["id"]
    before = len(till.fake.asked)
    for wrong in (
        {"texts": {"product": "x"}}, {"files": {"uncategorized_text": ("a.pdf", PDF)}},
        {"texts": {"access_activity_log": "x" * 150_001}}, {"files": {"receipt": ("a.pdf", PDF + bytes(5 * 1024**2))}},
    ):  # fmt: skip
        with pytest.raises(UnableToSubmit):
            submit(till, dispute, **wrong)
    assert len(till.fake.asked) == before
