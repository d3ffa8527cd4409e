"""Olga gives Carol money back from the desk: she sees what it takes from whom, and it happens once; Dave may not."""

import re
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from marketplace.checkout import operations as checkout
from marketplace.checkout.asking import Ask
from marketplace.checkout.gateways.base import GatewayUnavailable
from marketplace.checkout.gateways.sandbox import SandboxGateway
from marketplace.checkout.refunds import RefundIntent, RefundOutcome
from marketplace.checkout.sandbox_models import SandboxRefund
from marketplace.database.locks import alone
from marketplace.licensing import holding
from marketplace.licensing import queries as licensing
from marketplace.payouts.left_queries import left_of_sale
from marketplace.payouts.models import Transaction
from marketplace.payouts.operations import allocate_royalties, open_dispute, release_holds, settle
from marketplace.payouts.queries import check_books
from marketplace.payouts.reversals import Reversal, ReversalLine
from marketplace.people import operations as people
from marketplace.portal.views import refunds as view
from tests.cast import NOON, later, person
from tests.checkout.conftest import _english, _quick, market, shop  # noqa: F401
from tests.checkout.shop import grant_of


@pytest.fixture
def desk(shop):  # noqa: F811
    """Olga runs the house."""
    olga = person("olga")
    people.name_operator(person=olga, now=NOON)
    client = Client(enforce_csrf_checks=False)
    client.force_login(olga)
    return client


@pytest.fixture
def line(shop):  # noqa: F811
    """One license of Bob's work for 50.00, of which a fifth of the net is Alice's, shared out."""
    line = shop.line(shop.offer("personal", 50_00, release=shop.market.derived))
    allocate_royalties(now=later(hours=3))
    return line


def page(answer):
    return " ".join(answer.content.decode().split())


def hidden(answer):
    """What the confirmation sends."""
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', answer.content.decode())
    return {name: value for name, value in found if name not in ("csrfmiddlewaretoken", "next")}


def looked(desk, line, amount="20.00", reason="a broken file"):
    answer = desk.post(reverse("desk-refund", args=[line.pk]), {"amount": amount, "reason": reason})
    assert answer.status_code == 200, page(answer)
    return answer


def silent(line, left=50_00):
    """Nothing was written and no money moved."""
    assert not RefundIntent.objects.exists()
    assert not SandboxRefund.objects.exists()
    assert not Reversal.objects.exists()
    assert left_of_sale(line.source) == left
    assert licensing.status_of(grant_of(line)) == "active"


def test_the_line_is_found_by_what_statements_and_orders_say(desk, line):
    at = reverse("desk-refunds")
    for text in (line.source, str(line.pk), f" {line.source} "):
        assert desk.get(at, {"of": text}).headers["Location"] == reverse("desk-refund", args=[line.pk])
    text = page(desk.get(at, {"of": str(line.order_id)}))
    assert "Order of Lantern Films" in text
    assert reverse("desk-refund", args=[line.pk]) in text
    assert "$50.00" in text
    for wrong in (uuid4(), "order-line:", "x" * 81):
        assert desk.get(at, {"of": str(wrong)}).status_code == 404
    assert "Nothing was given back yet" in page(desk.get(at))
    assert desk.get(reverse("desk-refund", args=[uuid4()])).status_code == 404


def test_she_sees_what_it_takes_from_whom_and_nothing_is_written_by_looking(desk, line):
    count = Transaction.objects.count()
    answer = looked(desk, line)
    text = page(answer)
    for words in ("$20.00 go back to Lantern Films", "a broken file", "$14.40", "$3.60", "$2.00", "Give $20.00 back"):
        assert words in text, words
    assert "the license is revoked" not in text
    assert hidden(answer) == {"amount": "20.00", "reason": "a broken file", "seen": "0", "confirmed": "yes"}
    assert Transaction.objects.count() == count
    silent(line)


def test_she_may_change_it_and_finds_what_she_typed(desk, line):
    sent = hidden(looked(desk, line)) | {"change": "yes"}
    answer = desk.post(reverse("desk-refund", args=[line.pk]), sent)
    assert answer.status_code == 200
    for words in ('value="20.00"', 'value="a broken file"', "See what this takes"):
        assert words in page(answer), words
    silent(line)


def test_what_she_saw_is_what_is_taken(desk, line):
    answer = desk.post(reverse("desk-refund", args=[line.pk]), hidden(looked(desk, line)), follow=True)
    assert "$20.00 are given back to Lantern Films." in page(answer)
    assert "Refunded" in page(answer)
    taken = ReversalLine.objects.values_list("line__payee__handle", "amount_minor")
    assert dict(taken) == {"bob": 14_40, "alice": 3_60}
    assert Reversal.objects.get().fee_minor == 2_00
    assert SandboxRefund.objects.get().amount_minor == 20_00
    assert licensing.status_of(grant_of(line)) == "active"
    assert "a broken file" in page(desk.get(reverse("desk-refunds")))
    assert check_books() == []


def test_all_that_is_left_revokes_the_license(desk, line):
    at = reverse("desk-refund", args=[line.pk])
    desk.post(at, hidden(looked(desk, line)))
    answer = looked(desk, line, amount="", reason="the rest")
    assert "the license is revoked" in page(answer)
    assert hidden(answer)["amount"] == "30.00"
    desk.post(at, hidden(answer))
    assert licensing.status_of(grant_of(line)) == "revoked"
    assert left_of_sale(line.source) == 0
    text = page(desk.get(at))
    assert "Nothing is left of this line" in text
    assert "See what this takes" not in text
    assert check_books() == []


def test_what_was_paid_out_is_shown_as_owed(desk, line, settings):
    release_holds(now=later(days=20))
    settle(now=later(days=20))
    text = page(looked(desk, line))
    assert text.count("$14.40") == 2, "taken from Bob, and owed by him"
    assert text.count("$3.60") == 2
    desk.post(reverse("desk-refund", args=[line.pk]), hidden(looked(desk, line)))
    owed = ReversalLine.objects.filter(bucket="creator_receivable").values_list("line__payee__handle", "amount_minor")
    assert dict(owed) == {"bob": 14_40, "alice": 3_60}


def test_a_confirmation_that_is_sent_twice_gives_back_once(desk, line):
    at, sent = reverse("desk-refund", args=[line.pk]), hidden(looked(desk, line))
    desk.post(at, sent)
    again = desk.post(at, sent, follow=True)
    assert "This was confirmed already; what became of it stands below." in page(again)
    assert [one.amount_minor for one in SandboxRefund.objects.all()] == [20_00]
    assert left_of_sale(line.source) == 30_00
    other = desk.post(at, sent | {"reason": "another"}, follow=True)
    assert "Another refund of this line came first: look again at what is left." in page(other)
    assert RefundIntent.objects.count() == 1
    whole = hidden(looked(desk, line, amount=""))
    desk.post(at, whole)
    assert "This was confirmed already" in page(desk.post(at, whole, follow=True))
    assert RefundIntent.objects.count() == 2
    assert check_books() == []


def test_two_at_the_same_moment_give_back_once(desk, line, monkeypatch):
    """While one confirmation is on its way, a second one hears so and writes nothing."""
    at, sent, heard = reverse("desk-refund", args=[line.pk]), hidden(looked(desk, line)), []

    class Busy:
        def __enter__(self):
            return False

        def __exit__(self, *_):
            return None

    monkeypatch.setattr(view, "alone", lambda lock, name: heard.append(name) or Busy())
    text = page(desk.post(at, sent, follow=True))
    assert "This line is being refunded at this moment: look what became of it." in text
    assert heard == [str(line.pk)]
    silent(line)
    monkeypatch.setattr(view, "alone", alone)
    desk.post(at, sent)
    assert RefundIntent.objects.count() == 1


@pytest.mark.parametrize(
    ("amount", "reason", "sentence"),
    [
        ("50.01", "x", "Give back more than zero and no more than $50.00."),
        ("0", "x", "Give back more than zero and no more than $50.00."),
        ("-1", "x", "is not a price in USD"),
        ("1.001", "x", "is not a price in USD"),
        ("20.00", "", "This field is required."),
        ("20.00", "x" * 201, "at most 200 characters"),
    ],
)
def test_what_cannot_be_given_back_is_refused_in_a_sentence(desk, line, amount, reason, sentence):
    at = reverse("desk-refund", args=[line.pk])
    for more in ({}, {"confirmed": "yes", "seen": "0"}):
        answer = desk.post(at, {"amount": amount, "reason": reason} | more, follow=True)
        text = page(answer)
        if answer.redirect_chain:  # the verb itself refused what the page had not offered
            assert "50.00 USD are left to give back" in text
        else:
            assert answer.status_code == 422
            assert sentence in text
    silent(line)


def test_what_is_confirmed_without_having_been_seen_is_asked_again(desk, line):
    at = reverse("desk-refund", args=[line.pk])
    for sent in ({"confirmed": "yes"}, {"confirmed": "yes", "amount": "", "reason": "x", "seen": "0"}):
        assert desk.post(at, sent).status_code == 422
    assert desk.post(at, {"confirmed": "yes", "amount": "1.00", "reason": "x"}).status_code == 422
    silent(line)


def test_what_a_dispute_took_in_between_is_not_given_back(desk, line):
    sent = hidden(looked(desk, line))
    open_dispute(source=line.source, now=later(hours=5))
    text = page(desk.post(reverse("desk-refund", args=[line.pk]), sent, follow=True))
    assert "0.00 USD are left to give back: ask for more than zero and no more." in text
    assert not RefundIntent.objects.exists()
    assert not SandboxRefund.objects.exists()


def test_what_was_free_has_nothing_to_give_back(desk, shop):  # noqa: F811
    free = shop.line(shop.offer("personal", 0))
    at = reverse("desk-refund", args=[free.pk])
    assert "nothing was paid for it" in page(desk.get(at))
    assert "See what this takes" not in page(desk.post(at, {"amount": "1.00", "reason": "x"}))
    assert not RefundIntent.objects.exists()


def test_a_silent_gateway_is_told_and_the_worker_gives_back_once(desk, line, monkeypatch):
    def silence(*_, **__):
        raise GatewayUnavailable("no answer")

    at, sent = reverse("desk-refund", args=[line.pk]), hidden(looked(desk, line))
    with monkeypatch.context() as patched:
        patched.setattr(SandboxGateway, "refund", silence)
        text = page(desk.post(at, sent, follow=True))
    assert "The payment provider gave no answer" in text
    assert "No answer yet" in text
    assert "$30.00" in text
    assert "This was confirmed already" in page(desk.post(at, sent, follow=True))
    assert checkout.finish_refunds(now=later(hours=9)) == 1
    assert SandboxRefund.objects.get().amount_minor == 20_00
    assert RefundOutcome.objects.get().outcome == "succeeded"


def test_dave_alice_and_carol_find_no_desk_and_give_nothing_back(desk, line, shop):  # noqa: F811
    cast = shop.market.cast
    sent = {"amount": "20.00", "reason": "x", "seen": "0", "confirmed": "yes"}
    for who in (cast.dave, cast.alice.person, cast.carol):
        client = Client()
        client.force_login(who)
        for name, args in (("desk-refunds", []), ("desk-refund", [line.pk])):
            assert client.get(reverse(name, args=args)).status_code == 404
            assert client.post(reverse(name, args=args), sent).status_code in (404, 405)
    assert Client().post(reverse("desk-refund", args=[line.pk]), sent).headers["Location"].startswith("/sign-in")
    silent(line)


def test_another_site_cannot_confirm(desk, line):
    forged = Client(enforce_csrf_checks=True)
    forged.cookies = desk.cookies
    sent = {"amount": "20.00", "reason": "x", "seen": "0", "confirmed": "yes"}
    assert forged.post(reverse("desk-refund", args=[line.pk]), sent).status_code == 403
    silent(line)


def test_pages_ask_few_questions(desk, line, django_assert_max_num_queries):
    desk.post(reverse("desk-refund", args=[line.pk]), hidden(looked(desk, line)))
    for address in (reverse("desk-refunds"), reverse("desk-refund", args=[line.pk])):
        with django_assert_max_num_queries(25):
            desk.get(address)


def test_before_a_refund_she_reads_which_other_license_it_ends(desk, shop, line):  # noqa: F811
    """Carol passed on what she bought; the refund of it ends what the other studio has."""
    at = reverse("desk-refund", args=[line.pk])
    assert "was passed on" not in page(desk.get(at))
    passed = shop.line(shop.offer("enterprise", 50_00))
    cast = shop.market.cast
    there = holding.transfer(grant=grant_of(passed), to=cast.daves_studio, by=cast.carol, now=later(hours=3))
    sentence = "when all of its price is given back, the one that Quill has ends."
    assert sentence in page(desk.get(reverse("desk-refund", args=[passed.pk])))
    checkout.refund_line(line=passed, reason="wrong", now=later(hours=4))
    assert licensing.status_of(there) == "revoked"
    assert sentence not in page(desk.get(reverse("desk-refund", args=[passed.pk])))


def test_an_upgrade_says_before_its_first_price_goes_back_that_it_ends(desk, shop, line):  # noqa: F811
    bigger = shop.offer("enterprise", 80_00, release=shop.market.derived)
    up = shop.line(Ask(bigger, kind="upgrade", replaces=grant_of(line)), now=later(hours=3))
    text = page(desk.get(reverse("desk-refund", args=[line.pk])))
    assert (
        f"The license was upgraded: when all of its price is given back, the license {grant_of(up).pk} ends too."
        in text
    )
    answer = looked(desk, up, amount="30.00")
    assert "the license that was there before is there again in its place, to its own end." in page(answer)
