"""Carol reads what was given back and when it is there, and asks for more; Dave sees nothing of it."""

import re
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from marketplace.checkout import asking_back, hearing
from marketplace.checkout.asking import Ask
from marketplace.checkout.refund_requests import RefundAnswer, RefundRequest
from marketplace.checkout.refunds import RefundIntent
from marketplace.licensing import holding
from marketplace.people import operations as people
from tests.cast import NOON, later, person
from tests.checkout.conftest import _english, _quick, market, shop  # noqa: F401
from tests.checkout.shop import grant_of

PAGE = "/refunds"


@pytest.fixture
def olga(shop):  # noqa: F811
    olga = person("olga")
    people.name_operator(person=olga, now=NOON)
    return olga


@pytest.fixture
def line(shop, settings):  # noqa: F811
    settings.REFUND_REQUEST_DAYS = 36_500
    return shop.line(shop.offer(price_minor=50_00))


@pytest.fixture
def carol(shop):  # noqa: F811
    return signed_in(shop.market.cast.carol)


def signed_in(who):
    client = Client()
    client.force_login(who)
    return client


def page(answer):
    return " ".join(answer.content.decode().split())


def test_she_asks_for_a_refund_and_sees_that_it_waits(carol, line):
    assert reverse("refund-ask", args=[line.pk]) in page(carol.get(PAGE))
    at = reverse("refund-ask", args=[line.pk])
    assert "$50.00" in page(carol.get(at))
    text = page(carol.post(at, {"amount": "20.00", "reason": "It does not open."}, follow=True))
    assert "You have asked for a refund." in text
    assert "Waits for an answer" in text
    assert at not in text, "one request at a time"
    assert RefundRequest.objects.get().amount_minor == 20_00


@pytest.mark.parametrize(
    ("amount", "reason", "sentence"),
    [
        ("50.01", "x", "$50.00 can be given back: ask for more than zero and no more."),
        ("0", "x", "$50.00 can be given back"),
        ("1.001", "x", "1.001"),
        ("one", "x", "one"),
        ("", "", "This field is required."),
        ("", "x" * 501, "at most 500 characters"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_sentence(carol, line, amount, reason, sentence):
    answer = carol.post(reverse("refund-ask", args=[line.pk]), {"amount": amount, "reason": reason})
    assert answer.status_code == 422
    assert sentence in page(answer)
    assert not RefundRequest.objects.exists()


def test_after_the_days_of_the_policy_nothing_is_offered(carol, line, settings):
    settings.REFUND_REQUEST_DAYS = -36_500
    assert reverse("refund-ask", args=[line.pk]) not in page(carol.get(PAGE))
    answer = carol.post(reverse("refund-ask", args=[line.pk]), {"amount": "", "reason": "x"})
    assert "could be asked for until" in page(answer)
    assert not RefundRequest.objects.exists()


def test_she_reads_the_answer_and_when_the_money_is_there(carol, line, olga):
    asked = asking_back.ask(line=line, by=line.order.buyer, reason="x", amount_minor=20_00, now=later(days=1))
    asking_back.grant(request=asked, by=olga, words="Sorry.", now=later(days=2))
    text = page(carol.get(PAGE))
    for words in ("Refund granted", "Sorry.", "Given back", "$20.00", "Your bank shows it by"):
        assert words in text, words
    assert re.search(r"Your bank shows it by [^.]*(Dec|4)", text)
    other = asking_back.ask(line=line, by=line.order.buyer, reason="y", now=later(days=3))
    asking_back.refuse(request=other, words="It opens here.", by=olga, now=later(days=4))
    assert "It opens here." in page(carol.get(PAGE))


def test_she_takes_a_request_back_once(carol, line):
    asked = asking_back.ask(line=line, by=line.order.buyer, reason="x", now=later(days=1))
    at = reverse("refund-withdraw", args=[asked.pk])
    assert "The request is withdrawn." in page(carol.post(at, follow=True))
    assert "answered already" in page(carol.post(at, follow=True))
    assert RefundAnswer.objects.get().answer == "withdrawn"


def test_dave_and_nobody_see_and_ask_nothing(carol, line, shop):  # noqa: F811
    asked = asking_back.ask(line=line, by=line.order.buyer, reason="private words", now=later(days=1))
    dave = signed_in(shop.market.cast.dave)
    assert "private words" not in page(dave.get(PAGE))
    ask, withdraw = reverse("refund-ask", args=[line.pk]), reverse("refund-withdraw", args=[asked.pk])
    assert [dave.get(ask).status_code, dave.post(ask).status_code, dave.post(withdraw).status_code] == [404] * 3
    assert carol.get(reverse("refund-ask", args=[uuid4()])).status_code == 404
    assert carol.get(withdraw).status_code == 405
    for at in (PAGE, ask):
        assert Client().get(at).headers["Location"].startswith("/sign-in")
    assert not RefundAnswer.objects.exists()
    assert RefundRequest.objects.count() == 1


def test_olga_grants_and_refuses_at_the_desk(line, olga):
    desk = signed_in(olga)
    asked = asking_back.ask(line=line, by=line.order.buyer, reason="It is broken.", now=later(days=1))
    assert "It is broken." in page(desk.get(reverse("desk-asked")))
    at = reverse("desk-asked-one", args=[asked.pk])
    assert "It is broken." in page(desk.get(at))
    for given, sentence in (
        ({"refuse": "yes", "words": ""}, "Say why"),
        ({"grant": "yes", "amount": "50.01"}, "The buyer asked for $50.00"),
        ({"grant": "yes", "amount": "one"}, "one"),
    ):
        answer = desk.post(at, given)
        assert answer.status_code == 422
        assert sentence in page(answer)
    assert not RefundAnswer.objects.exists()
    assert not RefundIntent.objects.exists()
    text = page(desk.post(at, {"grant": "yes", "amount": "5.00", "words": "Half of it works."}, follow=True))
    assert "$5.00 are given back to Lantern Films." in text
    assert "Refund granted" in text
    other = asking_back.ask(line=line, by=line.order.buyer, reason="All of it.", now=later(days=2))
    at = reverse("desk-asked-one", args=[other.pk])
    text = page(desk.post(at, {"refuse": "yes", "words": "It works."}, follow=True))
    assert "The request is refused" in text
    assert "answered already" in page(desk.post(at, {"grant": "yes"}, follow=True))
    assert RefundIntent.objects.count() == 1


def test_the_desk_of_requests_is_not_for_dave(line, shop):  # noqa: F811
    asked = asking_back.ask(line=line, by=line.order.buyer, reason="x", now=later(days=1))
    for who in (shop.market.cast.dave, shop.market.cast.carol):
        client = signed_in(who)
        assert client.get(reverse("desk-asked")).status_code == 404
        assert client.post(reverse("desk-asked-one", args=[asked.pk]), {"grant": "yes"}).status_code == 404
        assert client.post(reverse("desk-refund-mend", args=[uuid4()]), {"again": "yes"}).status_code == 404
    assert not RefundAnswer.objects.exists()


def test_before_she_asks_she_reads_that_the_license_she_passed_on_ends_too(carol, shop, settings):  # noqa: F811
    settings.REFUND_REQUEST_DAYS = 36_500
    passed, cast = shop.line(shop.offer("enterprise", 50_00)), shop.market.cast
    holding.transfer(grant=grant_of(passed), to=cast.daves_studio, by=cast.carol, now=later(hours=3))
    said = page(carol.get(reverse("refund-ask", args=[passed.pk])))
    assert "when all of its price is given back, the one that Quill has ends." in said


def test_before_she_asks_she_reads_that_what_she_had_before_an_upgrade_comes_back(carol, shop, line):  # noqa: F811
    bigger = shop.offer("enterprise", 80_00)
    up = shop.line(Ask(bigger, kind="upgrade", replaces=grant_of(line)), now=later(hours=3))
    said = page(carol.get(reverse("refund-ask", args=[up.pk])))
    assert "the license that you had before is there again in its place." in said
    assert "its license ends" not in said
    assert "its license ends" in page(carol.get(reverse("refund-ask", args=[line.pk])))


def test_what_the_house_gave_back_elsewhere_and_what_a_bank_takes_is_said_in_words(carol, line, olga):
    told = {"charge_reference": line.order.outcome.reference, "now": later(days=1)}
    hearing.hear_refund(refund_reference="re_there", amount_minor=5_00, state="succeeded", **told)
    hearing.hear_dispute(dispute_reference="du_1", state="opened", amount_minor=10_00, **told)
    at = reverse("order", args=[line.order_id])
    text = page(carol.get(at))
    assert "Given back at the payment service itself" in text
    assert "Its licenses rest while the bank decides" in text
    assert "Given back at the payment service itself" in page(signed_in(olga).get(reverse("desk-refunds")))
    hearing.hear_dispute(dispute_reference="du_1", state="won", **told)
    assert "Its licenses rest" not in page(carol.get(at))
