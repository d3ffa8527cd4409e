"""The operator points Stripe at this site, twice, and with an answer lost in between."""

import contextlib
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


def stands(fake: FakeStripe) -> list[str]:
    """Both endpoints are there, once, on and with all types, and the balance is paid out by hand; gives their ids."""
    rows = there(fake)
    assert [row["metadata"]["worldloom_endpoint"] for row in rows] == ["connected", "payments"]
    assert [sorted(row["enabled_events"]) for row in rows] == [ENDPOINTS["connected"], ENDPOINTS["payments"]]
    assert {(row["status"], row["url"]) for row in rows} == {("enabled", f"{SITE}/webhooks/stripe")}
    assert "Its balance is paid out by hand, as it must be." in said("--check")
    return [row["id"] for row in rows]


@pytest.mark.parametrize("fault", [Fault.DROP_REQUEST, Fault.DROP_RESPONSE, Fault.ERROR_SAVED])
@pytest.mark.parametrize("place", range(1, 7))
def test_wherever_it_is_killed_the_next_run_finishes_it(fake: FakeStripe, place: int, fault: Fault) -> None:
    """Six requests: two looks, how the balance is paid out, the list, and an endpoint of each kind."""
    fake.faults.at(place, fault)
    try:
        said("--manual-payouts")
    except CommandError:
        assert len(there(fake)) <= 2
    fake.advance(60 * 60 * 25)  # later than a key lives
    said("--manual-payouts")
    made = stands(fake)
    said("--manual-payouts")
    assert stands(fake) == made


@pytest.mark.parametrize("fault", [Fault.DROP_REQUEST, Fault.DROP_RESPONSE])
@pytest.mark.parametrize("place", range(1, 8))
def test_wherever_a_replacement_is_killed_nothing_is_lost_and_the_next_ends_it(
    fake: FakeStripe, place: int, fault: Fault
) -> None:
    """Seven requests: two looks, the list, and for each kind a new endpoint before the former one is removed."""
    said("--manual-payouts")
    before = stands(fake)
    fake.faults.at(len(fake.asked) + place, fault)
    with contextlib.suppress(CommandError):
        said("--replace")
    kinds = {row["metadata"]["worldloom_endpoint"] for row in there(fake)}
    assert kinds == {"connected", "payments"}, "there is an endpoint of each kind at any moment"
    said("--replace")
    assert set(stands(fake)).isdisjoint(before)


def test_an_address_that_stripe_does_not_send_to_is_refused(fake: FakeStripe) -> None:
    with pytest.raises(CommandError, match="https"):
        call_command("stripe_setup", "--url", "http://127.0.0.1:8000", stdout=StringIO())
    assert there(fake) == []


def test_the_page_on_payments_names_each_type() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "payments.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_.]+)`", page.partition("## Events")[2].partition("##")[0]))
    assert named - {"stripe_setup"} == {one for types in ENDPOINTS.values() for one in types}
