"""A refund that a dispute, or a refund at the gateway, overtook, and that fails later: books, rows and desk follow."""

import itertools
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from marketplace.checkout import asking_back, hearing, order_states, refunding
from marketplace.checkout import operations as checkout
from marketplace.checkout.asking_back import UnableToAskForRefund
from marketplace.checkout.gateways.base import Returned
from marketplace.checkout.gateways.sandbox import SandboxGateway
from marketplace.checkout.models import Order, OrderLine
from marketplace.checkout.papers.operations import issue_papers
from marketplace.checkout.reconciling.equating import prove
from marketplace.checkout.refund_requests import RefundMended
from marketplace.checkout.refunds import RefundIntent, RefundOutcome, RefundStep
from marketplace.checkout.ways.reading import refund_state, way_of
from marketplace.licensing.models import Grant
from marketplace.licensing.queries import status_of
from marketplace.payouts.left_queries import left_of_sale
from marketplace.payouts.operations import UnableToRefund, allocate_royalties
from marketplace.payouts.queries import balances_of, check_books, trial_balance
from marketplace.payouts.reversals import Reversal
from marketplace.people import operations as people
from tests.cast import NOON, later, person
from tests.checkout.reconciling.ledgers import Told, sets
from tests.checkout.shop import Shop

NOW = later(hours=5)


@pytest.fixture
def olga() -> Any:
    olga = person("olga")
    people.name_operator(person=olga, now=NOON)
    return olga


@pytest.fixture
def line(shop: Shop) -> OrderLine:
    """One license of 100.01 that Alice has earned from."""
    line = shop.line(shop.offer(price_minor=10_001))
    allocate_royalties(now=later(hours=3))
    return line


def accounts() -> dict[str, int]:
    rows = trial_balance()
    return {row.kind: row.debit_minor - row.credit_minor for row in rows if row.debit_minor != row.credit_minor}


def dispute(order: Order, state: str, amount_minor: int) -> None:
    hearing.hear_dispute(
        charge_reference=order.outcome.reference,
        dispute_reference="du_1",
        state=state,
        amount_minor=amount_minor,
        now=NOW,
    )


def overtaken(line: OrderLine, amount_minor: int, disputed_minor: int, monkeypatch: pytest.MonkeyPatch) -> RefundIntent:
    """A refund that the gateway makes while it tells of a dispute: it waits for that."""
    refund = SandboxGateway.refund

    def meanwhile(self: SandboxGateway, **asked: Any) -> Returned:
        dispute(line.order, "opened", disputed_minor)
        return refund(self, **asked)

    with monkeypatch.context() as patched:
        patched.setattr(SandboxGateway, "refund", meanwhile)
        with pytest.raises(UnableToRefund):
            checkout.refund_line(line=line, amount_minor=amount_minor, reason="unhappy", now=NOW)
    return RefundIntent.objects.get()


def told(intent: RefundIntent, state: str) -> str:
    """The gateway tells where the refund is."""
    return hearing.hear_refund(
        refund_reference=intent.steps.order_by("id")[0].reference,
        charge_reference=intent.line.order.outcome.reference,
        amount_minor=intent.amount_minor,
        state=state,
        key=intent.key,
        now=NOW,
    )


def fresh(intent: RefundIntent) -> RefundIntent:
    return RefundIntent.objects.get(pk=intent.pk)


@pytest.mark.parametrize(
    "order_of", [one for one in itertools.permutations(["lost", "finish", "failed", "failed"]) if one.index("finish")]
)
def test_in_whatever_order_it_is_heard_nothing_of_it_stays(
    line: OrderLine, monkeypatch: pytest.MonkeyPatch, order_of: tuple[str, ...]
) -> None:
    intent = overtaken(line, 10_001, 10_001, monkeypatch)
    for what in order_of:
        if what == "lost":
            dispute(line.order, "lost", 10_001)
        elif what == "finish":
            checkout.finish_refunds(now=NOW)
        else:
            told(intent, "failed")
        assert check_books() == []
    checkout.finish_refunds(now=NOW)
    told(intent, "succeeded")
    assert told(intent, "failed") == ""
    # Carol has her money from the dispute alone, and the house has lost nothing.
    assert accounts() == {}
    assert RefundOutcome.objects.get().outcome == "overtaken"
    assert [step.state for step in fresh(intent).steps.all()] == ["succeeded", "failed"]
    assert (left_of_sale(line.source), asking_back.owed_of(fresh(intent))) == (0, 0)
    assert (refund_state(fresh(intent)), way_of(line.order).sums.off_minor) == ("failed", 0)
    assert check_books() == []


def test_what_nobody_is_owed_is_kept_as_such_once(line: OrderLine, olga: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    intent = overtaken(line, 10_001, 10_001, monkeypatch)
    told(intent, "failed")
    with pytest.raises(UnableToAskForRefund, match="The bank is deciding"):
        asking_back.settle(refund=intent, by=olga, now=NOW)
    dispute(line.order, "lost", 10_001)
    before = accounts()
    for act in (
        lambda: asking_back.try_again(refund=intent, by=olga, now=NOW),
        lambda: asking_back.give_otherwise(refund=intent, note="by transfer", by=olga, now=NOW),
    ):
        with pytest.raises(UnableToAskForRefund, match="the buyer has the money already"):
            act()
    assert (RefundMended.objects.count(), RefundIntent.objects.count(), accounts()) == (0, 1, before)

    assert asking_back.settle(refund=intent, by=olga, now=NOW).amount_minor == 0

    with pytest.raises(UnableToAskForRefund, match="kept already"):
        asking_back.settle(refund=intent, by=olga, now=NOW)
    assert (refund_state(fresh(intent)), accounts(), check_books()) == ("settled", before, [])
    assert way_of(line.order).sums.off_minor == 0


def lost_in_part(line: OrderLine, monkeypatch: pytest.MonkeyPatch) -> RefundIntent:
    """Of 100.01, 60.00 are on their way to Carol when her bank takes 70.00 of them, for good; then the 60.00 fail."""
    intent = overtaken(line, 6_000, 7_000, monkeypatch)
    dispute(line.order, "lost", 7_000)
    assert checkout.finish_refunds(now=NOW) == 1
    assert (left_of_sale(line.source), accounts()["dispute_loss"]) == (0, 2_999)
    assert check_books() == []
    assert way_of(line.order).sums.off_minor == 0
    assert told(intent, "failed") == "refund-failed"
    assert "dispute_loss" not in accounts()
    assert (left_of_sale(line.source), asking_back.owed_of(intent)) == (3_001, 3_001)
    assert (check_books(), way_of(line.order).sums.off_minor) == ([], 0)
    return intent


def at_provider() -> int:
    return accounts().get("psp_balance", 0) + accounts().get("psp_clearing", 0)


def test_what_is_still_owed_is_sent_once_more(
    shop: Shop, line: OrderLine, olga: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    intent = lost_in_part(line, monkeypatch)
    alice = shop.market.cast.alice
    assert ([one.pending_minor for one in balances_of(alice)], at_provider()) == ([2_701], 3_001)
    with pytest.raises(UnableToAskForRefund, match=r"\$30.01 of it are owed"):
        asking_back.settle(refund=intent, by=olga, now=NOW)
    assert not RefundMended.objects.exists()

    assert asking_back.try_again(refund=intent, by=olga, now=NOW).again.amount_minor == 3_001

    assert (refund_state(fresh(intent)), left_of_sale(line.source), at_provider()) == ("again", 0, 0)
    assert ([one.pending_minor for one in balances_of(alice)], check_books()) == ([0], [])
    assert order_states.state_of(line.order) == "disputed"


def test_what_is_still_owed_goes_another_way(line: OrderLine, olga: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    intent = lost_in_part(line, monkeypatch)
    made = asking_back.give_otherwise(refund=intent, note="transfer to DE89", by=olga, now=NOW)
    assert (made.amount_minor, refund_state(fresh(intent)), left_of_sale(line.source)) == (3_001, "otherwise", 0)
    assert (accounts()["bank"], at_provider(), check_books()) == (-3_001, 3_001, [])
    way = way_of(line.order)
    assert (way.sums.refunded_minor, way.sums.disputed_minor, way.sums.off_minor) == (3_001, 7_000, 0)


def test_the_desk_says_what_is_owed_and_ends_it(line: OrderLine, olga: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    intent, desk = lost_in_part(line, monkeypatch), Client()
    desk.force_login(olga)
    for address in (reverse("desk-asked"), reverse("desk-order", args=[line.order_id])):
        page = " ".join(desk.get(address).content.decode().split())
        assert "$30.01 of it are still owed" in page
        assert "Keep that nothing is owed" not in page
    checkout.refund_line(line=line, reason="given back by hand", now=NOW)
    page = " ".join(desk.get(reverse("desk-asked")).content.decode().split())
    assert "nothing of it is owed" in page
    assert "Send it once more" not in page
    mend = reverse("desk-refund-mend", args=[intent.pk])
    assert "the buyer has the money already" in desk.post(mend, {"again": "yes"}, follow=True).content.decode()
    assert "nothing of this refund is owed" in desk.post(mend, {"settled": "yes"}, follow=True).content.decode()
    assert "Came back from the bank" not in desk.get(reverse("desk-asked")).content.decode()
    assert (refund_state(fresh(intent)), check_books()) == ("settled", [])
    buyer = Client()
    buyer.force_login(line.order.buyer)
    assert "You have it already" in buyer.get(reverse("refunds")).content.decode()


def test_credit_notes_take_off_what_was_there_and_put_it_back(line: OrderLine, monkeypatch: pytest.MonkeyPatch) -> None:
    lost_in_part(line, monkeypatch)
    while issue_papers(now=NOW):
        pass
    notes = line.order.papers.exclude(corrects=None).order_by("issued_at", "id")
    signed = {note.source: note.gross_minor if note.kind == "credit-note" else -note.gross_minor for note in notes}
    assert sum(signed.values()) == 7_000, signed


def test_the_gateways_lines_say_the_same_at_each_step(line: OrderLine, monkeypatch: pytest.MonkeyPatch) -> None:
    intent = lost_in_part(line, monkeypatch)
    reference = intent.steps.order_by("id")[0].reference
    told = Told()
    told.line("charge", line.order.outcome.reference, 10_001, 300)
    told.line("dispute", "du_1", -7_000)
    told.line("refund", reference, -6_000)
    told.line("refund_failure", reference, 6_000)
    made = prove(port=told, now=NOW)
    assert (made.problems, sets()) == ([], ([], [], []))
    assert [(one.balance_minor, one.unexplained_minor) for one in made.equations.all()] == [(2_701, 0)]
    assert check_books() == []


def refunded_and_disputed(order: Order, told_of: tuple[str, ...], ends: str) -> RefundIntent:
    """20.00 of the last line are on their way when the bank takes all of the charge; then they come back."""
    intent = checkout.refund_line(line=order.lines.last(), amount_minor=2_000, reason="unhappy", now=NOW)  # type: ignore[arg-type]
    for what in told_of:
        if what == "failed":
            told(intent, "failed")
        else:
            dispute(order, ends if what == "end" else "opened", order.total_minor)
        assert check_books() == []
    return intent


@pytest.mark.parametrize("model", ["one-off", "yearly"])
@pytest.mark.parametrize("ends", ["lost", "won"])
@pytest.mark.parametrize(
    "told_of",
    [
        ("opened", "failed", "end", "failed"),
        ("opened", "end", "failed", "end"),
        ("end", "failed"),
        ("failed", "opened", "end"),
    ],
)
def test_what_comes_back_meets_what_the_house_lost_by_the_same_dispute(
    shop: Shop, model: str, ends: str, told_of: tuple[str, ...]
) -> None:
    order = shop.buy(shop.offer(price_minor=5_000), shop.offer("enterprise", 12_000, model=model))
    allocate_royalties(now=later(hours=3))
    intent = refunded_and_disputed(order, told_of, ends)
    lines = list(order.lines.all())
    kept = [0, 0] if ends == "lost" else [5_000, 12_000]
    assert [left_of_sale(line.source) for line in lines] == kept
    assert "dispute_loss" not in accounts()
    assert {status_of(grant) for grant in Grant.objects.all()} == {"revoked" if ends == "lost" else "active"}
    assert asking_back.owed_of(fresh(intent)) == (0 if ends == "lost" else 2_000)
    assert way_of(order).sums.off_minor == 0

    gateway = Told()
    gateway.line("charge", order.outcome.reference, 17_000, 500)
    gateway.line("refund", intent.steps.order_by("id")[0].reference, -2_000)
    gateway.line("refund_failure", intent.steps.order_by("id")[0].reference, 2_000)
    gateway.line("dispute", "du_1", -17_000)
    if ends == "won":
        gateway.line("dispute_reversal", "du_1", 17_000)
    made = prove(port=gateway, now=NOW)
    assert (made.problems, sets()) == ([], ([], [], []))
    assert [(one.balance_minor, one.clearing_minor) for one in made.equations.all()] == [(sum(kept) - 500, 0)]
    while issue_papers(now=NOW):
        pass
    notes = order.papers.exclude(corrects=None)
    signed = [note.gross_minor if note.kind == "credit-note" else -note.gross_minor for note in notes]
    assert sum(signed) == 17_000 - sum(kept)
    assert check_books() == []


def test_a_loss_is_met_only_as_far_as_it_is_one(shop: Shop) -> None:
    """The bank takes 10.00 less than all of the charge: of the 20.00 that come back, 10.00 stay paid."""
    line = shop.line(shop.offer(price_minor=5_000))
    intent = checkout.refund_line(line=line, amount_minor=2_000, reason="unhappy", now=NOW)
    dispute(line.order, "lost", 4_000)
    assert (left_of_sale(line.source), accounts()["dispute_loss"]) == (0, 1_000)
    told(intent, "failed")
    assert (left_of_sale(line.source), "dispute_loss" in accounts()) == (1_000, False)
    assert asking_back.owed_of(fresh(intent)) == 1_000
    assert (way_of(line.order).sums.off_minor, check_books()) == (0, [])


def test_what_was_paid_ahead_follows_as_well(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    line = shop.line(shop.offer("enterprise", 12_000, model="yearly"))
    intent = overtaken(line, 12_000, 9_000, monkeypatch)
    dispute(line.order, "lost", 9_000)
    assert checkout.finish_refunds(now=NOW) == 1
    assert (left_of_sale(line.source), accounts()["dispute_loss"], check_books()) == (0, 9_000, [])
    for _time in range(2):
        told(intent, "failed")
    assert (left_of_sale(line.source), "dispute_loss" in accounts(), check_books()) == (3_000, False, [])


def test_one_that_was_made_at_the_gateway_leaves_what_is_on_its_way(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker dies after the gateway made ours and before it is booked; the rest is given back in the dashboard."""
    order = shop.buy(shop.market.offer(), shop.offer("cc-by-4.0", 4_999))
    first, second = order.lines.all()

    def dies(*_: Any, **__: Any) -> str:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(refunding, "_booked", dies)
        with pytest.raises(RuntimeError):
            checkout.refund_line(line=first, amount_minor=10_000, reason="unhappy", now=NOW)
    assert (RefundStep.objects.get().state, RefundOutcome.objects.count()) == ("succeeded", 0)

    hearing.hear_refund(
        refund_reference="re_9",
        charge_reference=order.outcome.reference,
        amount_minor=5_000,
        state="succeeded",
        now=NOW,
    )
    checkout.finish_refunds(now=NOW)

    assert [left_of_sale(line.source) for line in (first, second)] == [0, 0]
    assert sorted(Reversal.objects.values_list("amount_minor", flat=True)) == [1, 4_999, 10_000]
    assert set(RefundOutcome.objects.values_list("outcome", flat=True)) == {"succeeded"}
    assert check_books() == []
