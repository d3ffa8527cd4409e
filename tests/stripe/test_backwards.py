"""Money goes back: refunds in parts, one that fails later, and disputes that are won, lost or only asked about."""

from io import BytesIO

import pytest
import stripe

from tests.stripe.conftest import charged
from tests.stripe.server import FakeStripe
from tests.stripe.world import DAY


def held(fake: FakeStripe) -> int:
    return fake.world.held["acct_platform", "usd"]


def test_refunds_never_exceed_the_charge(fake: FakeStripe, client: stripe.StripeClient) -> None:
    charge = charged(client)
    client.v1.refunds.create({"charge": charge, "amount": 4_000})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create({"charge": charge, "amount": 6_001})
    assert refused.value.param == "amount"
    assert client.v1.charges.retrieve(charge).amount_refunded == 4_000

    rest = client.v1.refunds.create({"charge": charge, "reason": "requested_by_customer"})

    assert (rest.amount, rest.status) == (6_000, "succeeded")
    assert client.v1.charges.retrieve(charge).refunded is True
    assert held(fake) == -320
    assert [row.amount for row in client.v1.refunds.list({"charge": charge})] == [6_000, 4_000]
    with pytest.raises(stripe.InvalidRequestError) as again:
        client.v1.refunds.create({"charge": charge})
    assert again.value.code == "charge_already_refunded"


def test_a_refund_fails_three_days_later(fake: FakeStripe, client: stripe.StripeClient) -> None:
    charge = charged(client, card="pm_card_refundFail")
    made = client.v1.refunds.create({"charge": charge})
    assert (made.status, held(fake)) == ("succeeded", -320)

    fake.advance(3 * DAY)

    failed = client.v1.refunds.retrieve(made.id, {"expand": ["failure_balance_transaction"]})
    assert (failed.status, failed.failure_reason) == ("failed", "expired_or_canceled_card")
    assert (failed.failure_balance_transaction.type, failed.failure_balance_transaction.amount) == (
        "refund_failure", 10_000,
    )  # fmt: skip
    assert (held(fake), client.v1.charges.retrieve(charge).amount_refunded) == (9_680, 0)


@pytest.mark.parametrize(
    ("word", "status", "left"), [("winning_evidence", "won", 8_180), ("losing_evidence", "lost", -1_820)]
)
def test_a_dispute_takes_the_amount_and_a_fee(
    fake: FakeStripe, client: stripe.StripeClient, word: str, status: str, left: int
) -> None:
    charge = charged(client, card="pm_card_createDispute")
    [dispute] = client.v1.disputes.list({"charge": charge}).data
    assert (dispute.status, dispute.amount, held(fake)) == ("needs_response", 10_000, -1_820)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create({"charge": charge})
    assert refused.value.code == "charge_disputed"

    client.v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": word}, "submit": True})

    ended = client.v1.disputes.retrieve(dispute.id)
    assert (ended.status, ended.evidence_details.submission_count, held(fake)) == (status, 1, left)
    assert fake.world.events[-1]["type"] == "charge.dispute.closed"
    categories = [line.reporting_category for line in ended.balance_transactions]
    assert categories == (["dispute", "dispute_reversal"] if status == "won" else ["dispute"])


def test_an_inquiry_takes_nothing_and_can_be_refunded(fake: FakeStripe, client: stripe.StripeClient) -> None:
    charge = charged(client, card="pm_card_createDisputeInquiry")
    [dispute] = client.v1.disputes.list({"charge": charge}).data
    assert (dispute.status, held(fake)) == ("warning_needs_response", 9_680)

    client.v1.refunds.create({"charge": charge, "amount": 1})

    assert held(fake) == 9_679


def test_evidence_is_kept_until_it_is_submitted(client: stripe.StripeClient) -> None:
    charge = charged(client, card="pm_card_createDispute")
    [dispute] = client.v1.disputes.list({"charge": charge}).data

    kept = client.v1.disputes.update(dispute.id, {"evidence": {"product_description": "A pack"}, "submit": False})

    assert (kept.status, kept.evidence.product_description) == ("needs_response", "A pack")
    assert client.v1.disputes.close(dispute.id).status == "lost"


def test_evidence_may_be_a_file(fake: FakeStripe, client: stripe.StripeClient) -> None:
    charge = charged(client, card="pm_card_createDispute")
    [dispute] = client.v1.disputes.list({"charge": charge}).data
    pdf = BytesIO(b"%PDF-1.7 what Carol was given")
    pdf.name = "certificate.pdf"
    kept = client.v1.files.create({"purpose": "dispute_evidence", "file": pdf}, {"idempotency_key": "file-1"})
    assert (kept.type, kept.size, kept.filename) == ("pdf", 29, "certificate.pdf")
    assert fake.world.hidden[kept.id]["content"] == pdf.getvalue()
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.disputes.update(dispute.id, {"evidence": {"receipt": "file_nowhere"}})
    assert client.v1.disputes.retrieve(dispute.id).status == "needs_response"

    sent = client.v1.disputes.update(dispute.id, {"evidence": {"service_documentation": kept.id}, "submit": True})

    assert (sent.status, sent.evidence.service_documentation) == ("under_review", kept.id)
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.files.create({"purpose": "dispute_evidence", "file": BytesIO(b"MZ")})
    assert len(client.v1.files.list().data) == 1
