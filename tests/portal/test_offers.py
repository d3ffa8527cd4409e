"""The creator's offers: what they leave, a new one under terms of one's own, and other prices."""

import re
from collections.abc import Mapping
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from ledger.custody import current_key
from ledger.models import Entry
from marketplace.catalog.models import Release
from marketplace.intake.operations import publish_folder
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Offer, OfferPrice
from marketplace.licensing.queries import terms_of
from marketplace.licensing.terms.model import all_but, only
from marketplace.licensing.terms.ready import READY
from marketplace.portal.forms.terms import initial_of
from tests import packs
from tests.cast import NOON, Cast, later, on_stage
from tests.ledger.keyholders import Browser, findings
from tests.portal.test_signing_keys import ask, signs

OFFERS = (("studio", "100.01", "USD"), ("enterprise", "900.00", "USD"))
PAGE, NEW, PREVIEW = (f"/portal/packs/alice/yunhai/offers{end}" for end in ("", "/new", "/preview"))


@pytest.fixture
def cast(db: None) -> Cast:
    return on_stage()


@pytest.fixture
def world(cast: Cast, tmp_path: Path) -> Release:
    """Alice's world, of which Mo has three tenths."""
    split = [("alice", 700_000_000), ("mo", 300_000_000)]
    folder = packs.write(tmp_path / "a", handle="yunhai", offers=OFFERS, split=split)
    return publish_folder(folder=folder, creator=cast.alice, now=NOON)


@pytest.fixture
def alice(cast: Cast) -> Client:
    client = Client()
    client.force_login(cast.alice.person)
    return client


def text(answer: object) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())))  # type: ignore[attr-defined]


def sent(base: str = "studio", **changes: object) -> dict[str, object]:
    """The form of a new offer as a browser sends it."""
    terms = {name: value for name, value in initial_of(READY[base]).items() if value is not False}
    price = {"model": "one-off", "price": "12.00", "currency": "USD", "do": "offer"}
    return {name: value for name, value in (terms | price | changes).items() if value is not None}


def counts() -> tuple[int, int, int]:
    return Offer.objects.count(), OfferPrice.objects.count(), Entry.objects.count()


def test_each_offer_says_what_a_sale_leaves_after_fee_and_sources(cast: Cast, world: Release, alice: Client) -> None:
    licensing.grant(offer=world.offers.get(terms__name="studio"), studio=cast.studio, source="x:1", now=later(hours=1))
    page = text(alice.get(PAGE))
    # Of 100.01, 10.00 are the fee; of the 90.01 that are left, Alice has seven tenths.
    assert "Studio" in page
    assert "$100.01 $10.00 $27.01 $63.00 1 " in page
    assert "$900.00 $90.00 $243.00 $567.00 0 " in page


def test_only_the_owner_sees_and_sells(cast: Cast, world: Release) -> None:
    bob, before = Client(), counts()
    bob.force_login(cast.bob.person)
    offer = world.offers.first()
    for address in (PAGE, NEW, f"/portal/offers/{offer.pk}"):
        assert bob.get(address).status_code == 404
    assert bob.post(NEW, sent()).status_code == 404
    assert bob.post(f"/portal/offers/{offer.pk}", {"kind": "regular", "price": "1.00"}).status_code == 404
    dave = Client()
    dave.force_login(cast.dave)
    assert dave.get(PAGE).status_code == 302
    assert counts() == before


def test_ready_made_terms_are_offered_as_they_are(world: Release, alice: Client) -> None:
    assert alice.get(f"{NEW}?base=cc-by-4.0").status_code == 200
    answer = alice.post(NEW, sent("personal", model="monthly", price="3.00"))
    assert (answer.status_code, answer["Location"]) == (302, f"{PAGE}?version=1.0.0")
    made = Offer.objects.get(model="monthly")
    assert (made.terms.name, made.price_minor) == ("personal", 300)
    assert Entry.objects.filter(type="offer", subject=f"offer:{made.pk}").count() == 1


def test_terms_of_ones_own_say_every_dimension(world: Release, alice: Client) -> None:
    changes = {
        "name": "Cinema in Asia",
        "territory_kind": "only",
        "territory_codes": ["CN", "JP"],
        "fields_kind": "all_but",
        "fields_codes": ["game"],
        "seats": "5",
        "ends": "2027-12-31",
        "banned": ["gambling", "nft"],
        "credit_line": "© Alice",
        "royalty": "2.5",
        "model": "per-seat",
        "tier-0-up_to_people": "10",
        "tier-0-price": "4.00",
    }
    answer = alice.post(NEW, sent("studio", **changes))
    assert answer.status_code == 302, text(answer)
    made = Offer.objects.get(model="per-seat")
    terms = terms_of(made.terms)
    assert (terms.name, terms.territory, terms.fields) == ("Cinema in Asia", only("CN", "JP"), all_but("game"))
    assert (terms.seats, terms.ends, terms.royalty_ppb) == (5, "2027-12-31", 25_000_000)
    assert (terms.banned, terms.credit_line) == ({"gambling", "nft"}, "© Alice")
    assert made.prices.get().tiers == [{"up_to_people": 10, "up_to_revenue_usd": 0, "price_minor": 400}]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"share_alike": "CC-BY-SA-4.0"}, "Share-alike is about changed works that are shared"),
        ({"starts": "2027-02-01", "ends": "2027-01-01"}, "The last day is before the first one."),
        ({"royalty": "x"}, "Write a percentage"),
        ({"seats": ""}, "This field is required."),
        ({"territory_kind": "only"}, "allows nothing"),
        ({"name": "enterprise"}, "Ready-made terms have this name"),
        ({"price": ""}, "Fill this in."),
        ({"price": "1.005"}, "is not a price in USD"),
        ({"model": "free"}, "What is free or on request has no price"),
        ({"model": "metered"}, "needs the unit"),
        ({"model": "revenue-share"}, "between 1 part per billion and the whole"),
        ({"tier-0-price": "4.00"}, "A tier needs a limit"),
        ({"price": "101.00"}, "is already offered under"),
    ],
)
def test_what_cannot_be_is_said_in_place_and_nothing_is_offered(
    world: Release, alice: Client, changes: Mapping[str, object], said: str
) -> None:
    before = counts()
    answer = alice.post(NEW, sent("studio", **{"price": "100.01", **changes}))
    assert (answer.status_code, said in text(answer)) == (422, True), text(answer)
    assert counts() == before


def test_the_preview_says_it_in_words_in_both_languages(world: Release, alice: Client) -> None:
    page = text(alice.post(PREVIEW, sent("studio", seats="5", territory_kind="only", territory_codes=["CN"])))
    assert "Only in China" in page
    assert "Up to 5 people" in page
    assert "License terms “" in page
    assert "授权条款" in page
    assert "You get $7.56" in page
    assert "does not consent to AI training" in page
    wrong = alice.post(PREVIEW, sent("studio", share_alike="GPL-3.0-only"))
    assert wrong.status_code == 200
    assert 'href="#id_share_alike"' in wrong.content.decode()
    assert counts() == (2, 2, Entry.objects.count())


def test_a_license_is_imported_and_says_what_it_lost(world: Release, alice: Client) -> None:
    page = alice.post(NEW, {"do": "import", "license_id": "CC-BY-SA-4.0"})
    assert page.status_code == 200
    assert 'value="CC-BY-SA-4.0"' in page.content.decode()
    flags = b'{"allowNoCredit": false, "allowCommercialUse": ["Image"], "allowDerivatives": true}'
    page = alice.post(NEW, {"do": "import", "license_file": SimpleUploadedFile("model.json", flags)})
    assert page.status_code == 200
    assert "Read into the fields below" in text(page)
    refused = alice.post(NEW, {"do": "import", "license_id": "CC-BY-9.9"})
    assert refused.status_code == 422
    assert "CC-BY" in text(refused)
    assert Offer.objects.count() == 2


def test_a_metered_price_has_a_least_and_a_most_of_a_month(world: Release, alice: Client) -> None:
    metered = {"model": "metered", "price": "0.02", "unit": "image", "month_minimum": "5.00", "month_cap": "4.00"}
    before = counts()
    refused = alice.post(NEW, sent("cc-by-4.0", **metered))
    assert (refused.status_code, "The most of a month is below its least" in text(refused)) == (422, True)
    assert counts() == before
    assert alice.post(NEW, sent("cc-by-4.0", **(metered | {"month_cap": "100.00"}))).status_code == 302
    offer = world.offers.get(model="metered")
    address = f"/portal/offers/{offer.pk}"
    assert 'name="month_cap" value="100.00"' in alice.get(address).content.decode()
    assert alice.post(address, {"kind": "regular", "price": "0.03", "month_cap": "90.00"}).status_code == 302
    rows = offer.prices.values_list("price_minor", "month_minimum_minor", "month_cap_minor")
    assert list(rows) == [(2, 500, 10_000), (3, 0, 9_000)]
    assert "At most $90.00 a month" in text(alice.get(address))
    assert (
        "month_cap"
        not in alice.get(
            f"/portal/offers/{world.offers.get(model='one-off', terms__name='studio').pk}"
        ).content.decode()
    )


def test_a_price_changes_and_a_sale_is_planned(world: Release, alice: Client) -> None:
    offer = world.offers.get(terms__name="studio")
    address = f"/portal/offers/{offer.pk}"
    assert alice.post(address, {"kind": "regular", "price": "120.00"}).status_code == 302
    last = (timezone.now() + timedelta(days=9)).date()
    assert alice.post(address, {"kind": "sale", "price": "60.00", "ends": last.isoformat()}).status_code == 302
    rows = list(offer.prices.values_list("kind", "price_minor"))
    assert rows == [("regular", 10_001), ("regular", 12_000), ("sale", 6_000)]
    ends_at = offer.prices.get(kind="sale").ends_at
    assert ends_at is not None
    assert ends_at.date() == last + timedelta(days=1)
    assert Entry.objects.filter(type="offer-price", subject=f"offer:{offer.pk}").count() == 2
    page = text(alice.get(address))
    assert "$60.00 $120.00" in page
    assert "Counts now" in page
    assert "$60.00 $120.00 Sale" in text(alice.get(PAGE))


@pytest.mark.parametrize(
    ("sent_", "said"),
    [
        ({"kind": "sale", "price": "60.00"}, "needs the moment when it ends"),
        ({"kind": "sale", "price": "600.00", "ends": "2999-01-01"}, "below the regular one"),
        ({"kind": "early-bird", "price": "60.00"}, "needs an end or a number of sales"),
        ({"kind": "regular", "price": "x"}, "is not a price in USD"),
        ({"kind": "regular", "price": ""}, "Fill this in."),
    ],
)
def test_a_price_that_cannot_be_changes_nothing(
    world: Release, alice: Client, sent_: Mapping[str, str], said: str
) -> None:
    offer, before = world.offers.get(terms__name="studio"), counts()
    answer = alice.post(f"/portal/offers/{offer.pk}", sent_)
    assert (answer.status_code, said in text(answer)) == (422, True), text(answer)
    assert counts() == before


def test_her_own_key_signs_an_offer_and_a_price(world: Release, alice: Client) -> None:
    browser = Browser()
    key = current_key(world.pack.owner)
    assert key is not None
    signs(alice, browser, "/portal/keys/signing/make", public_jwk=browser.make_key(), after=key.kid)
    before = counts()
    assert alice.post(NEW, sent("personal")).status_code == 422  # a form cannot sign
    refused = ask(alice, NEW, given=sent("personal", price="x"))
    assert refused.status_code == 422
    assert "is not a price in USD" in refused.json()["detail"]
    assert counts() == before

    chosen = sent("personal", territory_kind="only", territory_codes=["CN", "JP"])
    assert signs(alice, browser, NEW, **chosen).json() == {"next": f"{PAGE}?version=1.0.0"}
    made = Offer.objects.latest("created_at")
    assert terms_of(made.terms).territory == only("CN", "JP")
    address = f"/portal/offers/{made.pk}"
    assert signs(alice, browser, address, kind="regular", price="15.00").json() == {"next": address}
    assert list(made.prices.values_list("price_minor", flat=True)) == [1200, 1500]
    assert findings() == []


def test_bob_is_told_what_alice_does_not_allow_before_and_when_he_offers(
    cast: Cast, world: Release, tmp_path: Path
) -> None:
    folder = packs.write(tmp_path / "b", handle="ink", seed=2, parents=[("alice/yunhai@1.0.0", 200_000_000)])
    publish_folder(folder=folder, creator=cast.bob, now=later(hours=1))
    bob, before = Client(), counts()
    bob.force_login(cast.bob.person)
    new, preview = (f"/portal/packs/bob/ink/offers/{end}" for end in ("new", "preview"))
    said = "The offer “cc-by-4.0” says “Pass the files on as they are”, but the offer “enterprise” of alice/yunhai"
    assert said in text(bob.post(preview, sent("cc-by-4.0")))
    answer = bob.post(new, sent("cc-by-4.0"))
    assert answer.status_code == 422
    assert said in text(answer)
    assert counts() == before
