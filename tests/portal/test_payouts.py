"""When Alice is paid, what waits and why, and how she wishes to be paid; and what Dave does not see."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as settings_of
from django.test import Client
from django.utils import timezone, translation

from marketplace.payouts import operations as payouts
from marketplace.payouts.policies import PayoutPreference
from marketplace.payouts.rules import WHOLE_PPB, Money
from marketplace.payouts.terms import Schedule
from marketplace.ui import formats
from tests.cast import Cast, on_stage

PAGE = "/portal/payouts"
MOST_QUERIES = 25


@pytest.fixture
def cast(db: None) -> Cast:
    return on_stage()


@pytest.fixture
def alice(cast: Cast) -> Client:
    client = Client()
    client.force_login(cast.alice.person)
    return client


@pytest.fixture
def earn(cast: Cast) -> Callable[..., None]:
    """Lets Alice have something available, in a currency."""
    numbers = iter(range(1, 100))

    def earn(amount: int, currency: str = "USD") -> None:
        at = timezone.now() - timedelta(days=settings_of.PAYOUT_HOLD_DAYS)
        payouts.record_sale(
            source=f"story:{next(numbers)}",
            split=payouts.ensure_split(own={cast.alice: WHOLE_PPB}, parents=[], now=at),
            gross=Money(amount, currency),
            tax_minor=0,
            fee_minor=0,
            now=at,
        )
        payouts.allocate_royalties(now=at)
        payouts.release_holds(now=timezone.now())

    return earn


def policy(**changes: Any) -> None:
    said: dict[str, Any] = {
        "creator": None,
        "currency": "USD",
        "hold_days": 14,
        "reserve_ppb": 0,
        "reserve_days": 0,
        "threshold_minor": 50_00,
        "schedule": Schedule("weekly", 1),
        "reason": "Each transfer costs us a fee",
        "by": "carol",
        "now": timezone.now(),
    }
    payouts.set_policy(**{**said, **changes})


def page(client: Client, address: str = PAGE) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_nothing_earned_says_what_to_do(alice: Client) -> None:
    text = page(alice)
    assert "Nothing earned yet" in text
    assert 'href="/portal/publish"' in text


def test_the_next_payout_is_a_date_and_an_amount(alice: Client, earn: Callable[..., None]) -> None:
    earn(12_34)
    tomorrow = formats.date_text(timezone.now() + timedelta(days=1))
    sentence = f"Your next payout is on {tomorrow}; $12.34 is available now."

    for address in (PAGE, "/portal/", "/portal/earnings"):
        assert sentence in page(alice, address)
    assert "We pay out: every day, $0.01 or more." in page(alice)


def test_below_the_threshold_it_says_from_what_on(alice: Client, earn: Callable[..., None]) -> None:
    policy()
    earn(12_34)
    text = page(alice)
    assert "when at least $50.00 is available." in text
    assert "We pay out: every week, on Monday, $50.00 or more. Each transfer costs us a fee." in text


def test_after_a_payout_the_next_is_on_the_next_day_of_the_schedule(alice: Client, earn: Callable[..., None]) -> None:
    policy(threshold_minor=1)
    earn(12_34)
    payouts.settle(now=timezone.now())
    earn(1_00)
    following = Schedule("weekly", 1).next_slot(timezone.now())
    assert following is not None
    assert f"Your next payout is on {formats.date_text(following)}; $1.00 is available now." in page(alice)


def test_holds_and_reserves_say_until_when_and_why(cast: Cast, alice: Client, earn: Callable[..., None]) -> None:
    policy(creator=cast.alice, hold_days=None, reserve_ppb=WHOLE_PPB // 4, reserve_days=30, reason="Many disputes",
           threshold_minor=1)  # fmt: skip
    earn(10_00)
    payouts.hold_payouts(
        creator=cast.alice, currency="", key="t:1", reason="we wait for your address", by="carol", now=timezone.now()
    )
    text = page(alice)
    until = formats.date_text(timezone.now() + timedelta(days=30))
    assert "No payout is made to you for now: we wait for your address." in text
    assert "25% of what becomes available is kept in reserve for 30 days more." in text
    assert f"$2.50 was put in reserve until {until}: Many disputes." in text
    assert "In reserve" in page(alice, "/portal/earnings")


def test_what_is_pending_says_until_when(cast: Cast, alice: Client, earn: Callable[..., None]) -> None:
    earn(10_00)
    now = timezone.now()
    split = payouts.ensure_split(own={cast.alice: WHOLE_PPB}, parents=[], now=now)
    for number, amount in enumerate((3_00, 4_00)):
        payouts.record_sale(
            source=f"new:{number}", split=split, gross=Money(amount, "USD"), tax_minor=0, fee_minor=0, now=now
        )
    payouts.allocate_royalties(now=now)
    payouts.open_dispute(source="new:1", now=now)

    until = formats.date_text(now + timedelta(days=settings_of.PAYOUT_HOLD_DAYS))
    text = page(alice)
    assert f"$3.00 is in its hold period until {until}." in text
    assert text.count("is in its hold period until") == 1
    assert "$4.00 is held while buyers’ banks dispute sales." in text


def test_schedules_that_pay_by_hand_or_not_at_all_say_so(cast: Cast, alice: Client, earn: Callable[..., None]) -> None:
    earn(10_00)
    payouts.wish(creator=cast.alice, currency="USD", threshold_minor=1, schedule=Schedule("manual"), now=timezone.now())
    assert "You asked for no payouts" in page(alice)
    policy(schedule=Schedule("manual"))
    assert "Payouts to you are made by hand" in page(alice)


def wish(client: Client, **changes: str) -> Any:
    given = {"currency": "USD", "threshold": "60", "schedule": "monthly:15", **changes}
    return client.post(PAGE, {f"USD-{name}": value for name, value in given.items()})


def test_a_wish_counts_from_now_on(cast: Cast, alice: Client, earn: Callable[..., None]) -> None:
    policy()
    earn(10_00)
    earn(9_00, "JPY")
    answer = wish(alice)
    assert (answer.status_code, answer["Location"]) == (302, PAGE)
    row = PayoutPreference.objects.get()
    assert (row.creator_id, row.currency, row.threshold_minor, row.schedule, row.day) == (
        cast.alice.pk, "USD", 60_00, "monthly", 15,
    )  # fmt: skip
    text = page(alice)
    assert "when at least $60.00 is available." in text
    assert '<option value="monthly:15" selected>' in text
    assert 'value="60.00"' in text


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"threshold": "49.99"}, "You cannot be paid like that: we pay out 50.00 USD or more."),
        ({"threshold": "much"}, "is not a price in USD"),
        ({"threshold": ""}, "This field is required."),
        ({"schedule": "daily"}, "daily is not one of the available choices"),
        ({"schedule": "weekly:9"}, "is not one of the available choices"),
        ({"threshold": "9" * 24}, "is not a price in USD"),
    ],
)
def test_a_wish_that_cannot_be_says_why_and_writes_nothing(
    alice: Client, earn: Callable[..., None], changes: dict[str, str], why: str
) -> None:
    policy()
    earn(10_00)
    answer = wish(alice, **changes)
    assert answer.status_code == 422
    assert why in answer.content.decode()
    assert not PayoutPreference.objects.exists()


def test_a_form_for_nothing_changes_nothing(alice: Client, earn: Callable[..., None]) -> None:
    earn(10_00)
    assert alice.post(PAGE, {"EUR-currency": "EUR", "EUR-threshold": "5"}).status_code == 422
    assert not PayoutPreference.objects.exists()


def test_who_sells_nothing_is_led_on_and_who_is_nobody_signs_in(cast: Cast) -> None:
    assert Client().get(PAGE)["Location"].startswith("/sign-in")
    dave = Client()
    dave.force_login(cast.carol)
    assert dave.get(PAGE)["Location"] == "/portal/"


def test_the_page_asks_few_questions_in_both_languages(
    alice: Client, earn: Callable[..., None], django_assert_max_num_queries: Callable[..., Any]
) -> None:
    for currency in ("USD", "JPY", "KWD"):
        earn(10_00, currency)
    with django_assert_max_num_queries(MOST_QUERIES):
        page(alice)
    alice.cookies["django_language"] = "zh-hans"
    with translation.override("en"):  # what comes after is in English again
        assert "付款" in page(alice)
