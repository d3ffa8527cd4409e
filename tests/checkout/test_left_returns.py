"""What is on its way back at a former gateway is ended by an operator who looked there: it has the effect that the
gateway's own word would have had, and nobody is asked."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, InternalError, connection, transaction

from marketplace.checkout import asking_back, hearing
from marketplace.checkout import operations as checkout
from marketplace.checkout.attempts import StrayPayment, StrayReturn
from marketplace.checkout.gateways.base import AskedOfFormer
from marketplace.checkout.gateways.sandbox import SandboxGateway
from marketplace.checkout.left_behind import UnableToEndTry
from marketplace.checkout.left_models import ReturnFound
from marketplace.checkout.left_returns import end_refund, end_stray, left_refunds, left_strays
from marketplace.checkout.models import OrderLine
from marketplace.checkout.refund_requests import RefundMended
from marketplace.checkout.refunds import RefundIntent, RefundOutcome, RefundStep
from marketplace.checkout.sandbox_models import SandboxRefund
from marketplace.checkout.ways.reading import way_of
from marketplace.licensing import queries as licensing
from marketplace.payouts.left_queries import left_of_sale
from marketplace.payouts.operations import allocate_royalties
from marketplace.payouts.queries import balances_of, check_books
from marketplace.payouts.reversals import Reversal
from marketplace.people.models import Person
from tests.cast import CARD, later, person
from tests.checkout.shop import Shop, grant_of
from tests.checkout.test_payment_states import ASKS
from tests.checkout.test_strays import ARRIVES_LATER, placed, strayed

NOW = later(hours=5)


@pytest.fixture
def olga(shop: Shop) -> Person:
    return person("olga")


def sold(shop: Shop, card: str = CARD) -> OrderLine:
    """One license of 50.00, of which Alice gets 45.00."""
    line = shop.line(shop.offer(), method=card)
    allocate_royalties(now=later(hours=3))
    return line


def changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SandboxGateway, "name", "another")


@pytest.fixture
def waits(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> RefundIntent:
    """A refund of all that Carol paid is asked for after the gateway was changed."""
    line = sold(shop)
    changed(monkeypatch)
    with pytest.raises(AskedOfFormer):
        checkout.refund_line(line=line, reason="a broken file", now=NOW)
    return left_refunds().get()


@pytest.fixture
def goes(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> RefundIntent:
    """A refund of all that Carol paid is on its way to her bank when the gateway is changed."""
    line = sold(shop, ARRIVES_LATER)
    checkout.refund_line(line=line, reason="a broken file", now=NOW)
    assert not left_refunds().exists()
    changed(monkeypatch)
    return left_refunds().get()


def ends(refund: RefundIntent, olga: Person, found: str, reference: str = "", **more: Any) -> ReturnFound:
    said = {"reason": "seen in its dashboard", "by": olga, "now": NOW}
    return end_refund(refund=refund, found=found, reference=reference, **(said | more))


def pending(shop: Shop) -> list[int]:
    return [balance.pending_minor for balance in balances_of(shop.market.cast.alice)]


def stands(refund: RefundIntent) -> tuple[str, int | None]:
    """How the license stands, and what is left of its price."""
    return licensing.status_of(grant_of(refund.line)), left_of_sale(refund.line.source)


def way(refund: RefundIntent) -> tuple[str, list[str]]:
    [told] = way_of(refund.line.order).refunds
    return told.state, [step.what for step in told.steps]


def over() -> None:
    """Nothing waits there any more, nobody was asked, and the books add up."""
    asked = SandboxRefund.objects.count()
    assert not left_refunds().exists()
    checkout.finish_refunds(now=NOW + timedelta(days=1))
    assert SandboxRefund.objects.count() == asked
    assert check_books() == []


def test_one_that_nobody_heard_of_went_back(shop: Shop, olga: Person, waits: RefundIntent) -> None:
    made = ends(waits, olga, "went-back", " re_former ")
    assert (made.reference, made.by, made.reason) == ("re_former", olga, "seen in its dashboard")
    assert (waits.steps.get().state, RefundOutcome.objects.get().reference) == ("succeeded", "re_former")
    assert (stands(waits), pending(shop)) == (("revoked", 0), [0])
    assert way(waits) == ("succeeded", ["refund-asked", "found-went-back", "refund-succeeded", "bank-succeeded"])
    over()
    assert not SandboxRefund.objects.exists()
    with pytest.raises(UnableToEndTry, match="This refund has ended"):
        ends(waits, olga, "not-back")


def test_one_that_nobody_heard_of_did_not_and_can_be_asked_for_again(
    shop: Shop, olga: Person, waits: RefundIntent
) -> None:
    assert ends(waits, olga, "not-back", "is left out").reference == ""
    assert (RefundOutcome.objects.get().outcome, Reversal.objects.count()) == ("refused", 0)
    assert (stands(waits), pending(shop)) == (("active", 50_00), [45_00])
    assert way(waits) == ("refused", ["refund-asked", "found-not-back", "refund-refused"])
    over()
    with pytest.raises(AskedOfFormer):
        checkout.refund_line(line=waits.line, amount_minor=20_00, reason="a part", now=NOW)
    ends(left_refunds().get(), olga, "went-back", "re_second")
    assert (stands(waits), pending(shop), check_books()) == (("active", 30_00), [27_00], [])


def test_one_that_nobody_heard_of_is_given_out_of_the_bank(shop: Shop, olga: Person, waits: RefundIntent) -> None:
    ends(waits, olga, "otherwise", "transfer to DE89")
    mended = RefundMended.objects.get()
    assert (mended.note, mended.amount_minor, mended.by) == ("transfer to DE89", 50_00, olga)
    assert (stands(waits), pending(shop), way(waits)[0]) == (("revoked", 0), [0], "otherwise")
    over()


def test_one_on_its_way_arrived(shop: Shop, olga: Person, goes: RefundIntent) -> None:
    known = RefundOutcome.objects.get().reference
    assert (stands(goes), ends(goes, olga, "went-back", "another").reference) == (("revoked", 0), known)
    assert [(step.state, step.reference) for step in goes.steps.all()] == [("pending", known), ("succeeded", known)]
    assert (stands(goes), pending(shop), way(goes)[0]) == (("revoked", 0), [0], "succeeded")
    over()


def test_one_on_its_way_came_back_and_so_does_what_creators_gave(shop: Shop, olga: Person, goes: RefundIntent) -> None:
    assert pending(shop) == [0]
    ends(goes, olga, "not-back")
    assert (stands(goes), pending(shop)) == (("revoked", 50_00), [45_00])
    assert way(goes)[0] == "failed"
    asking_back.give_otherwise(refund=goes, note="transfer to DE89", by=olga, now=NOW)
    assert (stands(goes), pending(shop)) == (("revoked", 0), [0])
    over()


def test_one_on_its_way_came_back_and_is_given_out_of_the_bank_at_once(
    shop: Shop, olga: Person, goes: RefundIntent
) -> None:
    ends(goes, olga, "otherwise", "transfer to DE89")
    assert (stands(goes), pending(shop), way(goes)[0]) == (("revoked", 0), [0], "otherwise")
    over()


def test_what_went_back_during_a_dispute_is_booked_when_that_is_decided(
    shop: Shop, olga: Person, waits: RefundIntent
) -> None:
    charge = waits.line.order.outcome.reference
    told = {"charge_reference": charge, "dispute_reference": "dp_1", "now": NOW}
    hearing.hear_dispute(state="opened", **told)
    with pytest.raises(UnableToEndTry, match="The bank is deciding"):
        ends(waits, olga, "otherwise", "transfer to DE89")
    assert (ReturnFound.objects.count(), RefundStep.objects.count()) == (0, 0)
    ends(waits, olga, "went-back", "re_former")
    assert (RefundOutcome.objects.count(), waits.steps.get().reference) == (0, "re_former")
    assert (left_refunds().count(), checkout.finish_refunds(now=NOW)) == (0, 0)
    hearing.hear_dispute(state="won", **told)
    assert checkout.finish_refunds(now=NOW) == 1
    assert (stands(waits), RefundOutcome.objects.get().outcome, check_books()) == (("revoked", 0), "succeeded", [])


def test_what_cannot_be_said_is_refused_and_nothing_is_written(
    shop: Shop, olga: Person, waits: RefundIntent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    other = sold(shop)
    checkout.refund_line(line=other, amount_minor=1_00, reason="a broken file", now=NOW)
    taken = RefundOutcome.objects.get().reference
    with pytest.raises(UnableToEndTry, match="can be asked"):
        ends(waits, olga, "went-back", "re_former")
    changed(monkeypatch)
    cases = [
        ("not-back", "", {"reason": "  "}, "what you saw"),
        ("not-back", "", {"reason": "x" * 301}, "what you saw"),
        ("went-back", "", {}, "calls it"),
        ("went-back", "x" * 121, {}, "calls it"),
        ("otherwise", "", {}, "how it was given"),
        ("went-back", taken, {}, "known here already"),
        ("went-back", other.order.outcome.reference, {}, "known here already"),
    ]
    for found, reference, more, why in cases:
        with pytest.raises(UnableToEndTry, match=why):
            ends(waits, olga, found, reference, **more)
    with pytest.raises(ValueError, match="'lost' is none of these"):
        ends(waits, olga, "lost")
    assert (ReturnFound.objects.count(), RefundOutcome.objects.count()) == (0, 1)
    assert (stands(waits), left_refunds().count()) == (("active", 50_00), 1)


def test_one_refund_there_may_be_of_several_lines(shop: Shop, olga: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    order = shop.buy(shop.offer(), shop.offer("cc-by-4.0"))
    changed(monkeypatch)
    for line in order.lines.all():
        with pytest.raises(AskedOfFormer):
            checkout.refund_line(line=line, reason="a broken file", now=NOW)
    for refund in left_refunds(order):
        ends(refund, olga, "went-back", "re_both")
    assert (RefundOutcome.objects.filter(reference="re_both").count(), check_books()) == (2, [])


def test_money_that_came_for_nothing_went_back(shop: Shop, olga: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    stray = strayed(shop, CARD)
    said = {"stray": stray, "reason": "seen in its dashboard", "by": olga, "now": NOW}
    with pytest.raises(UnableToEndTry, match="can be asked"):
        end_stray(found="went-back", reference="re_former", **said)
    changed(monkeypatch)
    assert (checkout.return_strays(now=NOW), left_strays().get()) == (0, stray)
    for found, reference in (("went-back", ""), ("went-back", stray.reference), ("otherwise", "transfer")):
        with pytest.raises(UnableToEndTry):
            end_stray(found=found, reference=reference, **said)
    assert (ReturnFound.objects.count(), StrayReturn.objects.count()) == (0, 0)
    end_stray(found="went-back", reference="re_former", **said)
    stray = StrayPayment.objects.get()
    assert (stray.state, stray.returned.reference, left_strays().count()) == ("succeeded", "re_former", 0)
    assert (checkout.return_strays(now=later(days=3)), SandboxRefund.objects.count(), check_books()) == (0, 0, [])
    steps = [step.what for step in way_of(stray.attempt.order).payment]
    assert steps[-2:] == ["found-went-back", "stray-succeeded"]


def test_money_that_came_for_nothing_cannot_go_back_there(
    shop: Shop, olga: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    stray = strayed(shop, CARD)
    changed(monkeypatch)
    end_stray(stray=stray, found="not-back", reference="", reason="the account is closed", by=olga, now=NOW)
    stray = StrayPayment.objects.get()
    assert (stray.state, left_strays().count(), checkout.return_strays(now=later(days=3))) == ("refused", 0, 0)


@pytest.mark.parametrize(("found", "state"), [("went-back", "succeeded"), ("not-back", "failed")])
def test_money_that_came_for_nothing_is_followed_to_its_end(
    shop: Shop, olga: Person, monkeypatch: pytest.MonkeyPatch, found: str, state: str
) -> None:
    stray = strayed(shop, ARRIVES_LATER)
    checkout.return_strays(now=NOW)
    assert not left_strays().exists()
    changed(monkeypatch)
    end_stray(stray=left_strays().get(), found=found, reference="", reason="seen there", by=olga, now=NOW)
    assert (StrayPayment.objects.get().state, left_strays().count()) == (state, 0)
    checkout.return_strays(now=later(days=3))
    assert [step.state for step in stray.steps.all()] == ["pending", state]


def test_a_log_says_once_that_something_waits_there(
    shop: Shop, waits: RefundIntent, goes_too: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for hours in (6, 7, 8):
        checkout.finish_orders(now=later(hours=hours))
        checkout.finish_refunds(now=later(hours=hours))
        checkout.return_strays(now=later(hours=hours))
    said = [record.getMessage().split(" ")[0] for record in caplog.records]
    assert sorted(said) == sorted(["order", waits.key, goes_too.key])


@pytest.fixture
def goes_too(shop: Shop, waits: RefundIntent, monkeypatch: pytest.MonkeyPatch) -> StrayPayment:
    """Beside the refund there are an order that waits for Carol, and money that came for one that was over."""
    monkeypatch.undo()
    placed(shop, ASKS)
    stray = strayed(shop, CARD, idempotency_key="stray")
    changed(monkeypatch)
    return stray


def test_the_command_says_what_to_do(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    line = sold(shop)
    changed(monkeypatch)
    with pytest.raises(CommandError, match="Give it back there, and say so at /desk/orders/left"):
        call_command("refund", str(line.pk), "--because", "a broken file")
    assert left_refunds().get().line == line


def test_what_an_operator_said_stays(shop: Shop, olga: Person, waits: RefundIntent) -> None:
    ends(waits, olga, "not-back")
    with pytest.raises((IntegrityError, InternalError)), transaction.atomic():
        ReturnFound.objects.update(reason="otherwise")
    with pytest.raises((IntegrityError, InternalError)), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM checkout_returnfound")
    assert ReturnFound.objects.get().found == "not-back"
