"""Alice lets studios try what she sells by the month, on the offer's page; nobody else does."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Offer
from marketplace.licensing.terms.ready import READY
from marketplace.licensing.trial_models import OfferTrial
from marketplace.licensing.trials import trial_days
from marketplace.payouts.rules import Money
from tests.portal.test_offers import alice as alice
from tests.portal.test_offers import cast as cast
from tests.portal.test_offers import text
from tests.portal.test_offers import world as world


@pytest.fixture
def monthly(world: object) -> Offer:
    said = {"terms": READY["enterprise"], "price": Money(10_00, "EUR"), "model": "monthly"}
    return licensing.offer(release=world, now=timezone.now() - timedelta(hours=1), **said)  # type: ignore[arg-type]


def test_alice_lets_studios_try_it(monthly: Offer, alice: Client) -> None:
    address = f"/portal/offers/{monthly.pk}"
    assert "A studio tries it once for nothing" in text(alice.get(address))
    assert alice.post(f"{address}/trial", {"days": "14"}).status_code == 302
    assert trial_days(monthly) == 14
    assert "It counts for studios that order from now on." in text(alice.get(address))
    assert 'value="14"' in alice.get(address).content.decode()
    assert "Try it for 14 days for nothing" in text(Client().get("/packs/alice/yunhai"))


def test_what_cannot_be_is_said_and_nothing_is_written(monthly: Offer, alice: Client, cast: object) -> None:
    address = f"/portal/offers/{monthly.pk}"
    for days in ("91", "-1", "x", ""):
        alice.post(f"{address}/trial", {"days": days})
        assert "A trial is of 0 to 90 days." in text(alice.get(address))
    once = Offer.objects.filter(model="one-off").first()
    assert once is not None
    alice.post(f"/portal/offers/{once.pk}/trial", {"days": "7"})
    assert "Only what is sold by the month or by the year can be tried." in text(alice.get(address))
    mo = Client()
    mo.force_login(cast.mo.person)  # type: ignore[attr-defined]
    assert mo.post(f"{address}/trial", {"days": "7"}).status_code == 404
    assert not OfferTrial.objects.exists()
