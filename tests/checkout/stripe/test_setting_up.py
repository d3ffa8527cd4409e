"""The operator points Stripe at this site, twice, and with an answer lost in between."""

import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from marketplace.checkout.gateways.stripe.inbox import TYPES
from marketplace.checkout.gateways.stripe.setting_up import ENDPOINTS
from tests.stripe.faults import Fault
from tests.stripe.server import FakeStripe

SITE = "https://worldloom.example"
pytestmark = pytest.mark.django_db


def said(*words: str) -> str:
    out = StringIO()
    call_command("stripe_setup", "--url", SITE, *words, stdout=out)
    return out.getvalue()


def there(fake: FakeStripe) -> list[dict[str, Any]]:
    return sorted(fake.world.all("webhook_endpoint"), key=lambda row: row["metadata"]["worldloom_endpoint"])


def test_a_look_changes_nothing(fake: FakeStripe) -> None:
    words = said("--check", "--manual-payouts")
    assert words.startswith("Account acct_platform (US, USD), test mode: no money moves.\n")
    assert "Its balance is paid out daily" in words
    assert [asked.method for asked in fake.asked] == ["GET", "GET"]


def test_endpoints_are_made_once_and_their_secrets_said_once(fake: FakeStripe) -> None:
    words = said("--manual-payouts")
    connected, payments = there(fake)
    assert f"WORLDLOOM_STRIPE_WEBHOOK_SECRETS=whsec_{payments['id']},whsec_{connected['id']}\n" in words
    assert (payments["url"], payments["enabled_events"]) == (f"{SITE}/webhooks/stripe", ENDPOINTS["payments"])
    assert set(TYPES) < set(ENDPOINTS["payments"])
    assert [fake.world.hidden[row["id"]]["connect"] for row in (connected, payments)] == [True, False]
    again = said()
    assert "Its balance is paid out by hand, as it must be." in again
    assert again.count("kept: the endpoint") == 2
    assert [row["id"] for row in there(fake)] == [connected["id"], payments["id"]]


def test_an_endpoint_of_an_older_version_learns_the_new_types(fake: FakeStripe) -> None:
    said()
    _, payments = there(fake)
    payments["enabled_events"] = ["charge.refunded"]
    assert "changed: the endpoint" in said()
    assert there(fake)[1]["enabled_events"] == ENDPOINTS["payments"]


def test_a_lost_answer_is_asked_for_again_or_replaced(fake: FakeStripe) -> None:
    fake.faults.when(lambda asked: asked.method == "POST", Fault.DROP_RESPONSE)
    with pytest.raises(CommandError):
        said()
    assert len(there(fake)) == 1
    words = said()
    assert words.count("made: the endpoint") == 1
    before = {row["id"] for row in there(fake)}
    assert len(before) == 2
    words = said("--replace")
    assert words.count("made: the endpoint") == 2
    assert words.count("whsec_") == 2
    assert len(there(fake)) == 2
    assert before.isdisjoint(row["id"] for row in there(fake))


def test_an_address_that_stripe_does_not_send_to_is_refused(fake: FakeStripe) -> None:
    with pytest.raises(CommandError, match="https"):
        call_command("stripe_setup", "--url", "http://127.0.0.1:8000", stdout=StringIO())
    assert there(fake) == []


def test_the_page_on_payments_names_each_type() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "payments.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_.]+)`", page.partition("## Events")[2].partition("##")[0]))
    assert named - {"stripe_setup"} == {one for types in ENDPOINTS.values() for one in types}
