"""Olga reads on the pages of a dispute and of its order what came back in several parts, and what is missing still."""

from django.urls import reverse

from marketplace.checkout.hearing import hear_dispute
from marketplace.licensing.queries import status_of
from tests.cast import later
from tests.checkout.conftest import _english, _quick, market, shop  # noqa: F401
from tests.checkout.shop import grant_of
from tests.portal.test_desk_disputes import desk, dispute, line, page, revoked  # noqa: F401

PARTS = (("txn_a", 20_00), ("txn_b", 12_34), ("txn_c", 17_66))


def heard(dispute, count):  # noqa: F811
    hear_dispute(
        charge_reference=dispute.charge_reference,
        dispute_reference=dispute.reference,
        state="won",
        returned=PARTS[:count],
        now=later(days=count),
    )


def test_each_part_is_listed_until_all_is_back(desk, line, dispute):  # noqa: F811
    assert dispute.amount_minor == 50_00
    for count, back in ((1, "$20.00"), (2, "$32.34")):
        heard(dispute, count)
        text = page(desk.get(reverse("desk-dispute", args=[dispute.pk])))
        assert "Won in part" in text
        assert f'<dt>Came back</dt><dd class="num">{back}</dd>' in text
        assert text.count("A further part came back") == count - 1
        assert f'<dt>Stays paid</dt><dd class="num">{back}</dd>' in text
    order = page(desk.get(reverse("desk-order", args=[line.order_id])))
    assert order.count("A further part came back") == 1
    assert "$12.34" in order

    heard(dispute, 3)

    text = page(desk.get(reverse("desk-dispute", args=[dispute.pk])))
    assert "Won in part" not in text
    assert text.count("A further part came back") == 2
    assert "Revoke this license" not in text
    assert "No money was taken for good" in page(revoked(desk, dispute))
    assert status_of(grant_of(line)) == "active"


def test_a_license_that_she_revoked_in_between_stays_revoked(desk, line, dispute):  # noqa: F811
    heard(dispute, 1)
    revoked(desk, dispute)
    heard(dispute, 3)
    assert status_of(grant_of(line)) == "revoked"
    assert "Won in part" not in page(desk.get(reverse("desk-dispute", args=[dispute.pk])))
