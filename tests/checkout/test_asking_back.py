"""Carol asks for money back, Olga grants or refuses; what a bank sends back goes another way, once."""

import json

import pytest
from django.core import mail
from django.db import connection, transaction
from django.db.utils import IntegrityError

from marketplace.checkout import asking_back, asking_back_letters, hearing
from marketplace.checkout.asking_back import UnableToAskForRefund
from marketplace.checkout.gateways.base import GatewayUnavailable
from marketplace.checkout.gateways.sandbox import SandboxGateway
from marketplace.checkout.operations import UnableToRefundLine, finish_refunds
from marketplace.checkout.refund_requests import RefundAnswer, RefundMended, RefundRequest
from marketplace.checkout.refunds import RefundIntent
from marketplace.checkout.ways.reading import refund_state
from marketplace.licensing import queries as licensing
from marketplace.payouts.left_queries import left_of_sale
from marketplace.payouts.queries import check_books, trial_balance
from marketplace.people import operations as people
from tests.cast import NOON, later, person
from tests.checkout.evidence.case import disputed
from tests.checkout.shop import grant_of


@pytest.fixture
def olga(shop):
    olga = person("olga")
    people.name_operator(person=olga, now=NOON)
    return olga


@pytest.fixture
def line(shop):
    return shop.line(shop.offer(price_minor=50_00))


def ask(line, **more):
    asked = {"line": line, "by": line.order.buyer, "reason": "The file is broken.", "now": later(days=3)}
    return asking_back.ask(**(asked | more))


def silent(line):
    """Nothing was asked, answered, or given back."""
    assert not RefundRequest.objects.exists()
    assert not RefundAnswer.objects.exists()
    assert not RefundIntent.objects.exists()
    assert left_of_sale(line.source) == 50_00
    assert jobs() == []


def jobs():
    with connection.cursor() as cursor:
        cursor.execute("SELECT args FROM procrastinate_jobs WHERE task_name = 'checkout.tell_of_refund_request'")
        return [json.loads(row[0]) for row in cursor.fetchall()]


def letters():
    mail.outbox.clear()
    for job in jobs():
        asking_back_letters.send_letter(**job)
    return [(letter.to[0], letter.subject) for letter in mail.outbox]


def test_what_is_asked_waits_for_an_operator_who_is_written(line, olga):
    made = ask(line)
    assert (made.number, made.amount_minor, made.reason) == (1, 50_00, "The file is broken.")
    assert letters() == [("olga@example.com", "A refund is asked for: $50.00")]
    assert "Lantern Films asks for $50.00 back" in mail.outbox[0].body
    assert f"/desk/refunds/asked/{made.pk}" in mail.outbox[0].body
    assert not RefundIntent.objects.exists()
    assert left_of_sale(line.source) == 50_00


def test_granted_the_money_goes_back_and_the_buyer_is_written(line, olga):
    answer = asking_back.grant(request=ask(line), by=olga, words="Sorry for that.", now=later(days=4))
    assert (answer.answer, answer.refund.amount_minor) == ("granted", 50_00)
    assert refund_state(answer.refund) == "succeeded"
    assert left_of_sale(line.source) == 0
    assert licensing.status_of(grant_of(line)) == "revoked"
    assert ("carol@example.com", "Refund granted: $50.00") in letters()
    assert "Sorry for that." in mail.outbox[-1].body
    assert check_books() == []
    with pytest.raises(UnableToAskForRefund, match="answered already"):
        asking_back.grant(request=answer.request, by=olga, now=later(days=5))
    assert RefundIntent.objects.count() == 1


def test_less_may_be_granted_and_not_more(line, olga):
    made = ask(line, amount_minor=20_00)
    with pytest.raises(UnableToAskForRefund, match=r"The buyer asked for \$20.00"):
        asking_back.grant(request=made, by=olga, amount_minor=20_01, now=later(days=4))
    assert not RefundIntent.objects.exists()
    asking_back.grant(request=made, by=olga, amount_minor=5_00, now=later(days=4))
    assert left_of_sale(line.source) == 45_00
    assert licensing.status_of(grant_of(line)) == "active"
    assert ("carol@example.com", "Refund granted: $5.00") in letters()
    assert ask(line, now=later(days=5)).number == 2


def test_refused_she_reads_why(line, olga):
    made = ask(line)
    for words in ("", "  "):
        with pytest.raises(UnableToAskForRefund, match="Say why"):
            asking_back.refuse(request=made, words=words, by=olga, now=later(days=4))
    with pytest.raises(UnableToAskForRefund, match="at most 500"):
        asking_back.refuse(request=made, words="x" * 501, by=olga, now=later(days=4))
    assert not RefundAnswer.objects.exists()
    asking_back.refuse(request=made, words="It opens here.", by=olga, now=later(days=4))
    assert ("carol@example.com", "Refund refused: $50.00") in letters()
    assert "It opens here." in mail.outbox[-1].body
    assert left_of_sale(line.source) == 50_00


def test_withdrawn_it_is_over_and_may_be_asked_again(line, olga):
    made = ask(line)
    asking_back.withdraw(request=made, by=line.order.buyer, now=later(days=3))
    with pytest.raises(UnableToAskForRefund, match="answered already"):
        asking_back.grant(request=made, by=olga, now=later(days=4))
    assert ask(line, now=later(days=4)).number == 2


def test_what_cannot_be_asked_is_refused_in_a_sentence(shop, line, olga, settings):
    cases = [
        ({"by": shop.market.cast.dave}, "You cannot buy for Lantern Films"),
        ({"reason": " "}, "Say why"),
        ({"reason": "x" * 501}, "at most 500 characters"),
        ({"amount_minor": 0}, r"\$50.00 can be given back"),
        ({"amount_minor": -1}, r"\$50.00 can be given back"),
        ({"amount_minor": 50_01}, r"\$50.00 can be given back"),
        ({"now": later(days=14, hours=3)}, "could be asked for until"),
    ]
    for more, sentence in cases:
        with pytest.raises(UnableToAskForRefund, match=sentence):
            ask(line, **more)
    with pytest.raises(UnableToAskForRefund, match="Nothing was paid"):
        ask(shop.line(shop.offer("personal", 0, model="free")))
    silent(line)
    settings.REFUND_REQUEST_DAYS = 30
    ask(line, now=later(days=29))


def test_one_request_at_a_time(line, olga):
    ask(line)
    with pytest.raises(UnableToAskForRefund, match="asked for a refund of this already"):
        ask(line, amount_minor=1)
    assert RefundRequest.objects.count() == 1


def test_while_a_bank_decides_nothing_is_asked_or_granted(line, olga):
    made = ask(line, amount_minor=10_00)
    disputed(line.order)
    with pytest.raises(UnableToRefundLine, match="would go back twice"):
        asking_back.grant(request=made, by=olga, now=later(days=5))
    assert not RefundAnswer.objects.exists(), "the answer is written with the intent, or not at all"
    asking_back.refuse(request=made, words="Your bank decides.", by=olga, now=later(days=5))
    with pytest.raises(UnableToAskForRefund, match="Your bank is deciding"):
        ask(line, now=later(days=5))


def test_a_silent_gateway_loses_nothing(line, olga, monkeypatch):
    def silence(*_, **__):
        raise GatewayUnavailable("no answer")

    made = ask(line)
    with monkeypatch.context() as patched:
        patched.setattr(SandboxGateway, "refund", silence)
        with pytest.raises(GatewayUnavailable):
            asking_back.grant(request=made, by=olga, now=later(days=4))
    assert RefundAnswer.objects.get().refund == RefundIntent.objects.get()
    assert finish_refunds(now=later(days=4, hours=1)) == 1
    assert left_of_sale(line.source) == 0
    assert check_books() == []


@pytest.fixture
def failed(line, olga):
    """20.00 were given back, and the bank sent them back to us."""
    answer = asking_back.grant(request=ask(line, amount_minor=20_00), by=olga, now=later(days=4))
    reference = answer.refund.outcome.reference
    hearing.hear_refund(
        refund_reference=reference,
        charge_reference=line.order.outcome.reference,
        amount_minor=20_00,
        state="failed",
        now=later(days=6),
    )
    refund = RefundIntent.objects.get(pk=answer.refund_id)
    assert refund_state(refund) == "failed"
    assert left_of_sale(line.source) == 50_00
    return refund


def stands(kind):
    return next((row.debit_minor - row.credit_minor for row in trial_balance() if row.kind == kind), 0)


def test_what_came_back_goes_another_way_out_of_the_bank(failed, line, olga):
    at_provider = stands("psp_balance") + stands("psp_clearing")
    for note in ("", "x" * 201):
        with pytest.raises(UnableToAskForRefund, match="at most 200"):
            asking_back.give_otherwise(refund=failed, note=note, by=olga, now=later(days=7))
    asking_back.give_otherwise(refund=failed, note="transfer to DE89", by=olga, now=later(days=7))
    assert left_of_sale(line.source) == 30_00
    assert stands("bank") == -20_00
    assert stands("psp_balance") + stands("psp_clearing") == at_provider, "nothing moved at the provider"
    assert check_books() == []
    failed = RefundIntent.objects.get(pk=failed.pk)
    assert refund_state(failed) == "otherwise"
    for act in (
        lambda: asking_back.give_otherwise(refund=failed, note="again", by=olga, now=later(days=8)),
        lambda: asking_back.try_again(refund=failed, by=olga, now=later(days=8)),
    ):
        with pytest.raises(UnableToAskForRefund, match="kept already"):
            act()
    assert left_of_sale(line.source) == 30_00


def test_what_came_back_is_sent_once_more_and_once(failed, line, olga):
    mended = asking_back.try_again(refund=failed, by=olga, now=later(days=7))
    assert mended.again.amount_minor == 20_00
    assert left_of_sale(line.source) == 30_00
    with pytest.raises(UnableToAskForRefund, match="kept already"):
        asking_back.try_again(refund=failed, by=olga, now=later(days=7))
    assert left_of_sale(line.source) == 30_00
    assert RefundMended.objects.count() == 1
    assert check_books() == []


def test_what_arrived_is_not_mended(line, olga):
    answer = asking_back.grant(request=ask(line, amount_minor=20_00), by=olga, now=later(days=4))
    for act in (
        lambda: asking_back.give_otherwise(refund=answer.refund, note="x", by=olga, now=later(days=8)),
        lambda: asking_back.try_again(refund=answer.refund, by=olga, now=later(days=8)),
    ):
        with pytest.raises(UnableToAskForRefund, match="did not come back"):
            act()
    assert not RefundMended.objects.exists()


def test_the_database_keeps_requests_and_answers_only_by_adding(line, olga):
    made = ask(line)
    asking_back.refuse(request=made, words="No.", by=olga, now=later(days=4))
    for change in (
        lambda: RefundRequest.objects.update(amount_minor=1),
        lambda: RefundAnswer.objects.update(words="Yes."),
    ):
        with pytest.raises(IntegrityError, match="only ever added"), transaction.atomic():
            change()
