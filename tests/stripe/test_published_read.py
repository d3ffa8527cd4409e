"""What Stripe publishes is read as it is: nulls, ids in place of objects, fields that are not there."""

from datetime import UTC, datetime
from typing import Any

import pytest
from stripe import PaymentIntent, StripeObject

from marketplace.checkout.gateways.base import ACTION, DECLINED, FAILED, PENDING, SUCCEEDED, Charge, Returned
from marketplace.checkout.gateways.stripe import invoices, reading, words
from marketplace.checkout.gateways.stripe.disputing import Disputed, disputed_of
from marketplace.checkout.gateways.stripe.inbox import _card_of
from marketplace.checkout.reconciling.ports.base import BalanceLine, Exchanged
from marketplace.checkout.reconciling.ports.stripe import _line
from marketplace.payouts.connected.accounts import _said
from marketplace.provider.looking import plain
from tests.stripe.oracle import members
from tests.stripe.published import KINDS, published
from tests.stripe.test_published import CLASSES

AT = datetime.fromtimestamp(1_234_567_890, UTC)
SESSION, INTENT, SETUP = published("checkout.session"), published("payment_intent"), published("setup_intent")
INVOICE, DISPUTE, REFUND = published("invoice"), published("dispute"), published("refund")
URL = "https://example.com/pay/cs_test_published"


def line_of(row: dict[str, Any]) -> BalanceLine:
    """A balance line as the client makes an object of it."""
    return _line(StripeObject.construct_from(row, "sk_test_fake"))


def test_nothing_published_carries_a_key_of_ours() -> None:
    for kind in KINDS:
        row = published(kind)
        assert reading.key_of(row) == ""
        assert reading.key_of(row | {"metadata": None}) == ""
        assert reading.key_of({name: value for name, value in row.items() if name != "metadata"}) == ""


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({}, Charge("pi_published", DECLINED, reason=words.DECLINED)),
        ({"last_payment_error": None}, Charge("pi_published", DECLINED, reason=words.DECLINED)),
        ({"status": "requires_action"}, Charge("pi_published", PENDING)),
        ({"status": "requires_action", "next_action": None}, Charge("pi_published", PENDING)),
        ({"status": "requires_action", "next_action": {"type": "use_stripe_sdk", "use_stripe_sdk": {}}},
         Charge("pi_published", PENDING)),
        ({"status": "processing"}, Charge("pi_published", PENDING)),
        ({"status": "requires_capture"}, Charge("pi_published", PENDING)),
        ({"status": "requires_confirmation"}, Charge("pi_published", PENDING)),
        ({"status": "a status of a later version"}, Charge("pi_published", PENDING)),
        ({"status": "canceled"}, Charge("pi_published", DECLINED, reason=words.CALLED_OFF)),
        ({"status": "succeeded", "latest_charge": "ch_published"}, Charge("ch_published", SUCCEEDED)),
        ({"status": "succeeded", "latest_charge": published("charge")}, Charge("ch_published", SUCCEEDED)),
        ({"status": "succeeded", "latest_charge": "ch_1", "setup_future_usage": "off_session"},
         Charge("ch_1", SUCCEEDED)),
        ({"status": "succeeded", "latest_charge": "ch_1", "setup_future_usage": "off_session",
          "customer": "cus_published", "payment_method": published("payment_method")},
         Charge("ch_1", SUCCEEDED, method_token="pm_published")),
        ({"status": "succeeded", "latest_charge": "ch_1", "setup_future_usage": "on_session",
          "customer": published("customer"), "payment_method": "pm_published"}, Charge("ch_1", SUCCEEDED)),
    ],
)  # fmt: skip
def test_a_payment_intent(given: dict[str, Any], read: Charge) -> None:
    assert reading.charge_of_intent(INTENT | given) == read


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({}, Charge("cs_test_published", ACTION, url=URL)),
        ({"url": None}, Charge("cs_test_published", ACTION)),
        ({"status": "expired"}, Charge("cs_test_published", DECLINED, reason=words.EXPIRED_PAGE)),
        ({"status": "complete"}, Charge("cs_test_published", PENDING)),
        ({"status": "complete", "payment_intent": None}, Charge("cs_test_published", PENDING)),
        ({"status": "complete", "payment_intent": INTENT},
         Charge("cs_test_published", DECLINED, reason=words.DECLINED)),
        ({"status": "complete", "mode": "setup"}, Charge("cs_test_published", PENDING)),
        ({"status": "complete", "mode": "setup", "setup_intent": SETUP},
         Charge("cs_test_published", DECLINED, reason=words.DECLINED)),
        ({"status": "complete", "mode": "subscription", "payment_intent": None},
         Charge("cs_test_published", PENDING)),
    ],
)  # fmt: skip
def test_a_checkout_session(given: dict[str, Any], read: Charge) -> None:
    assert reading.charge_of_session(SESSION | given) == read


@pytest.mark.parametrize(
    ("given", "intent", "read"),
    [
        ({}, None, Charge("in_published", PENDING)),
        ({"status": "open"}, None, Charge("in_published", PENDING)),
        ({"status": "open"}, INTENT, Charge("in_published", DECLINED, reason=words.DECLINED)),
        ({"status": "paid"}, None, Charge("in_published", PENDING)),
        ({"status": "paid"}, INTENT | {"status": "succeeded", "latest_charge": "ch_1"}, Charge("ch_1", SUCCEEDED)),
        ({"status": "void"}, None, Charge("in_published", DECLINED, reason=words.CALLED_OFF)),
        ({"status": "uncollectible"}, INTENT, Charge("in_published", DECLINED, reason=words.DECLINED)),
    ],
)
def test_an_invoice(given: dict[str, Any], intent: dict[str, Any] | None, read: Charge) -> None:
    assert reading.charge_of_invoice(INVOICE | given, intent) == read


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({}, Returned("re_published", SUCCEEDED)),
        ({"status": None}, Returned("re_published", PENDING)),
        ({"status": "requires_action"}, Returned("re_published", PENDING)),
        ({"status": "failed"}, Returned("re_published", FAILED, reason=words.not_returned())),
        ({"status": "failed", "failure_reason": "lost_or_stolen_card"},
         Returned("re_published", FAILED, reason=words.not_returned("lost_or_stolen_card"))),
        ({"status": "canceled", "failure_reason": None},
         Returned("re_published", FAILED, reason=words.not_returned())),
    ],
)  # fmt: skip
def test_a_refund(given: dict[str, Any], read: Returned) -> None:
    assert reading.returned_of(REFUND | given) == read


def test_a_dispute() -> None:
    due = datetime.fromtimestamp(1_723_679_999, UTC)
    read = Disputed("dp_published", "ch_published", "", "warning_needs_response", 1000, 0, "USD", "general", due)
    assert disputed_of(DISPUTE) == read
    nothing_said = DISPUTE | {"evidence_details": None, "reason": None, "status": "lost", "charge": published("charge")}
    assert disputed_of(nothing_said) == Disputed(
        "dp_published", "ch_published", "lost", "lost", 1000, 0, "USD", "", None
    )


def test_a_balance_line() -> None:
    read = BalanceLine("txn_published", "charge", "charge", 100, 0, "USD", "ch_published", AT, AT, None)
    assert line_of(published("balance_transaction")) == read
    assert line_of(published("balance_transaction", source=published("charge"))) == read
    assert line_of(published("balance_transaction", source=None)).source == ""
    abroad = published("balance_transaction", exchange_rate=1.5, source=published("charge", currency="eur", amount=67))
    assert line_of(abroad).exchanged == Exchanged(67, "EUR", "1.5")


def test_an_account() -> None:
    wanted = published("account")["requirements"]["currently_due"]
    said = {
        "submitted": False, "transfers": True, "payouts": False, "closed": False, "bank": "",
        "disabled_reason": "requirements.past_due", "due": " ".join(wanted),
    }  # fmt: skip
    assert said.items() <= _said(published("account")).items()
    assert not any(_said({"id": "acct_published", "object": "account"}).values())
    banked = published("account", external_accounts={"data": [published("bank_account"), {"id": "card_1"}]})
    assert _said(banked)["bank"] == "ba_published:6789 card_1:"


def test_cards_are_kept_of_what_was_expanded_only() -> None:
    kept = Charge("ch_1", SUCCEEDED, method_token="pm_published")
    assert _card_of(INTENT, kept) is None
    assert _card_of(INTENT | {"payment_method": "pm_published"}, kept) is None
    assert _card_of("pi_published", kept) is None
    assert _card_of(INTENT | {"payment_method": published("payment_method")}, kept) == published("payment_method")


# -- whatever may be null or absent is -----------------------------------------------------------------------------

READERS: dict[str, tuple[Any, ...]] = {
    "payment_intent": (reading.charge_of_intent, "succeeded", "requires_action", "requires_payment_method", "canceled"),
    "checkout.session": (reading.charge_of_session, "open", "complete", "expired"),
    "setup_intent": (lambda row: reading.charge_of_setup(row, reference="cs_1"), "succeeded", "canceled", "processing"),
    "refund": (reading.returned_of, "succeeded", "failed", "canceled", "pending"),
    "dispute": (disputed_of, "needs_response", "warning_closed", "lost"),
    "invoice": (lambda row: reading.charge_of_invoice(row, None), "draft", "open", "paid", "void"),
    "account": (_said, ""),
    "balance_transaction": (line_of, ""),
}


@pytest.mark.parametrize("kind", sorted(READERS))
def test_what_may_be_null_or_absent_is_read_as_nothing(kind: str) -> None:
    read, *states = READERS[kind]
    optional = [name for name, member in members(CLASSES[kind]).items() if member.optional]
    assert len(optional) >= 3
    for state in states:
        row = published(kind) | ({"status": state} if state else {})
        for name in optional:
            if (name, state) == ("latest_charge", "succeeded"):
                continue  # what is paid has a charge
            absent = {each: value for each, value in row.items() if each != name}
            assert read(absent) == read(row | {name: None}), name


def test_everything_optional_is_away_at_once() -> None:
    for kind, (read, *states) in READERS.items():
        shape = members(CLASSES[kind])
        for state in states:
            row = published(kind) | ({"status": state} if state else {})
            kept = {
                name: value
                for name, value in row.items()
                if name in ("latest_charge", "status") or (name in shape and not shape[name].optional)
            }
            assert len(kept) < len(row)
            assert read(kept) == read(dict.fromkeys(row) | kept), (kind, state)


def test_an_invoice_whose_payments_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for payments in ({}, {"payments": None}, {"payments": {"object": "list", "data": []}},
                     {"payments": {"data": [published("invoice_payment")]}}):  # fmt: skip
        monkeypatch.setattr(invoices, "look", lambda read, row=INVOICE | payments: row)
        assert invoices.seen_with_intent("in_published") == (INVOICE | payments, None)


def test_the_client_makes_the_same_of_it() -> None:
    made = PaymentIntent.construct_from(INTENT, "sk_test_fake")
    assert plain(made) == INTENT
