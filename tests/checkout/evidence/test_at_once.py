"""Two operators, two browsers, two workers in the same moment: one bundle, one submission, one refund, one card."""

import pytest

from marketplace.checkout import asking_back, methods
from marketplace.checkout.evidence import making, submitting
from marketplace.checkout.evidence.tables import EvidenceBundle, EvidenceSubmission, EvidenceSubmissionOutcome
from marketplace.checkout.gateways.base import Submitted
from marketplace.checkout.gateways.sandbox import SandboxGateway
from marketplace.checkout.method_models import PaymentMethod
from marketplace.checkout.refund_requests import RefundAnswer, RefundRequest
from marketplace.checkout.refunds import RefundIntent
from marketplace.payouts.left_queries import left_of_sale
from marketplace.payouts.queries import check_books
from marketplace.people import operations as people
from tests.cast import NOON, later, person
from tests.checkout.evidence.case import disputed, seal


@pytest.mark.deep
def test_everything_about_one_case_happens_once(committed, shop, at_once, monkeypatch):
    olga = person("olga")
    people.name_operator(person=olga, now=NOON)
    carol, line = shop.market.cast.carol, shop.line(shop.offer(price_minor=50_00))
    seal()

    def keep():
        return methods.keep(studio=shop.market.cast.studio, gateway="sandbox", token="pm_1", now=NOON)

    assert len({one.pk for one in at_once(keep, keep, keep)}) == 1
    assert PaymentMethod.objects.filter(token="pm_1").count() == 1

    def ask():
        return asking_back.ask(line=line, by=carol, reason="x", amount_minor=10_00, now=later(days=1))

    said = at_once(ask, ask, ask)
    assert [type(one).__name__ for one in said].count("UnableToAskForRefund") == 2
    request = RefundRequest.objects.get()

    def grant():
        return asking_back.grant(request=request, by=olga, now=later(days=2))

    said = at_once(grant, grant)
    assert [type(one).__name__ for one in said].count("UnableToAskForRefund") == 1
    assert RefundAnswer.objects.count() == RefundIntent.objects.count() == 1
    assert left_of_sale(line.source) == 40_00

    dispute = disputed(line.order, amount_minor=40_00)

    def make():
        return making.make_bundle(dispute=dispute, by=olga, now=later(days=5))

    assert {one.number for one in at_once(make, make)} == {1}
    assert EvidenceBundle.objects.count() == 1
    keys = []

    def submit_evidence(_self, *, key, **_given):
        keys.append(key)
        return Submitted("ev_1", True)

    monkeypatch.setattr(SandboxGateway, "submit_evidence", submit_evidence)

    def send():
        return submitting.submit(dispute=dispute, by=olga, now=later(days=5)).outcome.outcome

    said = at_once(send, send)
    assert "accepted" in said
    assert set(keys) == {f"evidence:{dispute.pk}:1"}, (
        "who comes second asks with the same key, or hears that it is sent"
    )
    assert EvidenceSubmission.objects.count() == EvidenceSubmissionOutcome.objects.count() == 1
    assert check_books() == []
