"""Alice opens her account on a page, reads what it lacks and how far a payout is; Dave reads nothing of hers."""

import html
import re
from datetime import date
from typing import Any

import pytest
from django.test import Client

from marketplace.payouts.attempts import BankRetry, PayoutAttemptEnd
from marketplace.payouts.connected.going_on import go_on
from marketplace.payouts.connected.tables import ConnectedAccount, ConnectedAccountState
from marketplace.payouts.held import due_texts, held_reasons, settled_on
from marketplace.payouts.models import Payout
from tests.payouts.cast import NOON, add_creator
from tests.stripe import accounts, payouts
from tests.stripe.faults import Fault

PAGE = "/portal/payouts/stripe"


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", response.content.decode())))


@pytest.fixture
def page(house, alice):
    client = Client()
    client.force_login(alice.person)
    return client


def test_alice_opens_an_account_and_comes_back_from_stripe(house, page, alice):
    assert "Open an account with Stripe" in text_of(page.get(PAGE))
    assert page.post(PAGE, {"country": ""}).status_code == 422
    assert ConnectedAccount.objects.count() == 0
    assert "Nothing can be paid out to you before" in text_of(page.get("/portal/payouts"))

    house.fake.faults.when(lambda asked: asked.path == "/v1/accounts", Fault.DROP_RESPONSE)
    lost = page.post(PAGE, {"country": "DE"})
    assert (lost.status_code, "Stripe did not answer" in text_of(lost)) == (422, True)
    assert page.post(PAGE, {"country": "DE"}).status_code == 302
    [account] = ConnectedAccount.objects.all()
    assert [row["id"] for row in house.fake.world.all("account")] == [account.reference]
    there = house.fake.world.rows[account.reference]
    assert there["controller"]["losses"] == {"payments": "application"}

    said = text_of(page.get(PAGE))
    assert "Not finished" in said
    assert "your date of birth" in said
    assert held_reasons(alice, "USD") == ["Stripe still asks for details of you"]
    gone = page.get(f"{PAGE}/go")
    assert gone["Location"].startswith(f"https://connect.stripe.test/setup/{account.reference}/")
    assert page.get(f"{PAGE}/dashboard")["Location"] == PAGE

    accounts.onboarded(house.fake.world, account.reference)
    assert page.get(f"{PAGE}/back")["Location"] == PAGE
    said = text_of(page.get(PAGE))
    assert "Payouts can be sent to you." in said
    assert "•••• 6789" in said
    assert held_reasons(alice, "USD") == []
    assert page.get(f"{PAGE}/dashboard")["Location"].startswith("https://connect.stripe.test/express/")


def test_what_stripe_holds_is_said_in_words(house, page, alice, alices, connect):
    account = connect(alice)
    house.earn(alices, 10_00)
    accounts.restricted(house.fake.world, account.reference, "rejected.fraud")
    house.hear()

    assert "No payout is made to you for now: Stripe has rejected your account." in text_of(page.get(PAGE))
    assert "Stripe has rejected your account" in text_of(page.get("/portal/payouts"))
    accounts.closed(house.fake.world, account.reference)
    house.hear()
    assert "Your account with Stripe was closed" in text_of(page.get(PAGE))
    assert ConnectedAccountState.objects.latest("pk").closed


def test_alice_follows_a_payout_that_comes_back_and_says_that_her_bank_is_right(house, page, alice, alices, connect):
    connect(alice)
    house.earn(alices, 10_00)
    house.settle()
    payout = Payout.objects.get()
    way = f"/portal/earnings/payouts/{payout.pk}"
    assert "Sent to your account at Stripe" in text_of(page.get(way))
    go_on(now=house.now)
    assert "It should be there on Nov 23, 2026." in text_of(page.get(way))
    house.forward(days=1)
    house.hear()
    assert "Until Nov 30, 2026 your bank may still send it back." in text_of(page.get(way))
    payouts.payout_failed(house.fake.world, PayoutAttemptEnd.objects.get(attempt__kind="bank").reference)
    house.hear()
    go_on(now=house.now)

    said = text_of(page.get(way))
    assert "Sent back by your bank The bank account is closed." in said
    assert "Back in your balance" in said
    assert "your bank sent the last payout back, because the bank account is closed" in text_of(
        page.get("/portal/payouts")
    )
    [attempt] = re.findall(r'name="attempt" value="(\d+)"', page.get(PAGE).content.decode())
    dave = Client()
    dave.force_login(add_creator("dave", 4).person)
    assert dave.get(way).status_code == 404
    dave.post(f"{PAGE}/again", {"attempt": attempt})
    page.post(f"{PAGE}/again", {"attempt": "x"})
    assert BankRetry.objects.count() == 0
    assert house.settle().answered == 0

    page.post(f"{PAGE}/again", {"attempt": attempt})
    page.post(f"{PAGE}/again", {"attempt": attempt})
    assert BankRetry.objects.count() == 1
    assert held_reasons(alice, "USD") == []
    assert house.settle().answered == 1


def test_without_accounts_there_is_no_such_page(page, settings):
    settings.ADAPTERS = {**settings.ADAPTERS, "payouts": "marketplace.payouts.rails.recorded.RecordedRail"}

    assert [page.get(PAGE + more).status_code for more in ("", "/go", "/back", "/dashboard")] == [404] * 4
    assert "Stripe" not in text_of(page.get("/portal/payouts"))


def test_words():
    assert due_texts("individual.dob.day individual.dob.month external_account individual.odd new.thing") == [
        "your date of birth",
        "your bank account",
        "more about you",
        "more details",
    ]
    assert settled_on(NOON) == date(2026, 11, 27)  # a Sunday: Monday is the first business day
