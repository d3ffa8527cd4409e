"""Carol gets money back: books and license together, once, whatever crashes."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from marketplace.checkout import operations as checkout
from marketplace.checkout import refunding
from marketplace.checkout.gateways.base import GatewayUnavailable
from marketplace.checkout.gateways.sandbox import SandboxGateway
from marketplace.checkout.models import GatewayEventHandled
from marketplace.checkout.operations import UnableToRefundLine, finish_refunds, refund_line
from marketplace.checkout.refunds import RefundIntent, RefundOutcome
from marketplace.checkout.sandbox_models import SandboxRefund
from marketplace.licensing import queries as licensing
from marketplace.payouts.left_queries import left_of_sale
from marketplace.payouts.operations import allocate_royalties, open_dispute
from marketplace.payouts.queries import balances_of, check_books
from marketplace.payouts.reversals import Reversal
from tests.cast import later
from tests.checkout.shop import Shop, grant_of

NOW = later(hours=5)
REFUND_FAILS = "4000 0000 0000 5126"


@pytest.fixture
def line(shop: Shop):
    """One license of 50.00, of which 5.00 are the fee, shared out."""
    line = shop.line(shop.offer())
    allocate_royalties(now=later(hours=3))
    return line


def nothing_happened(line):
    assert not Reversal.objects.exists()
    assert licensing.status_of(grant_of(line)) == "active"
    assert left_of_sale(line.source) == 50_00


def test_a_part_leaves_the_license_and_the_rest_revokes_it(shop, line):
    alice = shop.market.cast.alice
    refund_line(line=line, amount_minor=20_00, reason="a broken file", now=NOW)
    assert licensing.status_of(grant_of(line)) == "active"
    assert [balance.pending_minor for balance in balances_of(alice)] == [27_00]
    refund_line(line=line, reason="the rest", now=NOW)
    assert licensing.status_of(grant_of(line)) == "revoked"
    assert [balance.pending_minor for balance in balances_of(alice)] == [0]
    assert list(SandboxRefund.objects.order_by("amount_minor").values_list("amount_minor", flat=True)) == [20_00, 30_00]
    assert check_books() == []
    with pytest.raises(UnableToRefundLine, match=r"0.00 USD are left to give back"):
        refund_line(line=line, reason="again", now=NOW)
    assert RefundIntent.objects.count() == 2


@pytest.mark.parametrize("amount_minor", [50_01, 0, -1])
def test_no_more_than_is_left_is_given_back(line, amount_minor):
    with pytest.raises(
        UnableToRefundLine, match=r"50.00 USD are left to give back: ask for more than zero and no more."
    ):
        refund_line(line=line, amount_minor=amount_minor, reason="too much", now=NOW)
    assert not RefundIntent.objects.exists()
    nothing_happened(line)


def test_a_reason_is_needed_and_what_is_free_or_disputed_is_not_refunded(shop, line):
    with pytest.raises(UnableToRefundLine, match="say why, in at most 200 characters"):
        refund_line(line=line, reason="", now=NOW)
    free = shop.line(shop.offer("personal", 0))
    with pytest.raises(UnableToRefundLine, match="nothing was paid for it"):
        refund_line(line=free, reason="free", now=NOW)
    open_dispute(source=line.source, now=NOW)
    with pytest.raises(UnableToRefundLine, match=r"0.00 USD are left to give back"):
        refund_line(line=line, reason="disputed", now=NOW)
    assert not RefundIntent.objects.exists()
    assert not SandboxRefund.objects.exists()


def test_a_silent_gateway_leaves_an_intent_that_the_worker_finishes_once(line, monkeypatch):
    """The gateway gives the money back and its answer is lost; the next try has the same key."""
    real = SandboxGateway.refund

    def lost(self, **asked):
        real(self, **asked)
        raise GatewayUnavailable("the answer was lost")

    monkeypatch.setattr(SandboxGateway, "refund", lost)
    with pytest.raises(GatewayUnavailable):
        refund_line(line=line, amount_minor=20_00, reason="a broken file", now=NOW)
    nothing_happened(line)
    assert SandboxRefund.objects.count() == 1
    with pytest.raises(UnableToRefundLine, match=r"30.00 USD are left to give back"):
        refund_line(line=line, amount_minor=40_00, reason="meanwhile", now=NOW)
    assert finish_refunds(now=NOW) == 0
    monkeypatch.setattr(SandboxGateway, "refund", real)
    assert finish_refunds(now=NOW) == 1
    assert finish_refunds(now=NOW) == 0
    assert SandboxRefund.objects.count() == Reversal.objects.count() == 1
    assert left_of_sale(line.source) == 30_00
    assert check_books() == []


def test_what_the_gateway_refuses_is_told_and_not_booked(line, monkeypatch):
    monkeypatch.setattr(
        SandboxGateway, "refund", lambda self, **asked: refunding.Returned("", "failed", "The charge is too old.")
    )
    with pytest.raises(UnableToRefundLine, match="is not refunded: The charge is too old."):
        refund_line(line=line, reason="late", now=NOW)
    assert RefundOutcome.objects.get().outcome == "refused"
    nothing_happened(line)


def test_a_refund_that_fails_later_comes_back_to_the_books(shop):
    line = shop.line(shop.offer(), method=REFUND_FAILS)
    allocate_royalties(now=later(hours=3))
    refund_line(line=line, amount_minor=20_00, reason="a broken file", now=NOW)
    assert left_of_sale(line.source) == 30_00
    assert checkout.collect_events(now=NOW + timedelta(days=1)) == 1
    assert checkout.collect_events(now=NOW + timedelta(days=2)) == 0
    assert left_of_sale(line.source) == 50_00
    assert [balance.pending_minor for balance in balances_of(shop.market.cast.alice)] == [45_00]
    assert GatewayEventHandled.objects.get().effect == "refund-failed"
    assert check_books() == []


def test_the_operator_refunds_by_command(line):
    out = StringIO()
    call_command("refund", str(line.pk), "--amount", "3.00", "--because", "a broken file", stdout=out)
    assert out.getvalue().startswith("3.00 USD are given back: refund:")
    for words, said in [
        ((str(line.pk), "--amount", "3.001", "--because", "x"), "cannot be read"),
        ((str(line.pk), "--amount", "47.01", "--because", "x"), "47.00 USD are left"),
        (("00000000-0000-4000-8000-000000000000", "--because", "x"), "There is no order line"),
    ]:
        with pytest.raises(CommandError, match=said):
            call_command("refund", *words)
    assert left_of_sale(line.source) == 47_00
