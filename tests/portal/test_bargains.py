"""Alice's codes and collections, and the studios that ask her for a price."""

import re
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from marketplace.catalog.models import Release
from marketplace.intake.operations import publish_folder
from marketplace.licensing import operations as licensing
from marketplace.licensing.bargains import Collection, DiscountCode, QuoteRequest, QuoteStep
from marketplace.licensing.terms.ready import READY
from marketplace.payouts.rules import Money
from tests import packs
from tests.cast import NOON, Cast, later, on_stage

OFFERS = (("studio", "100.01", "USD"), ("enterprise", "900.00", "USD"))


@pytest.fixture
def cast(db: None) -> Cast:
    return on_stage()


@pytest.fixture
def world(cast: Cast, tmp_path: Path) -> Release:
    folder = packs.write(tmp_path / "a", handle="yunhai", offers=OFFERS)
    return publish_folder(folder=folder, creator=cast.alice, now=NOON)


def signed_in(person: object) -> Client:
    client = Client()
    client.force_login(person)  # type: ignore[arg-type]
    return client


def text(answer: object) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())))  # type: ignore[attr-defined]


def test_a_code_is_added_used_up_by_its_end_and_nobody_elses(cast: Cast, world: Release) -> None:
    alice = signed_in(cast.alice.person)
    assert "No codes yet" in text(alice.get("/portal/codes"))
    sent = {"code": "harbor-25", "percent": "25", "currency": "USD", "pack": str(world.pack_id), "most_uses": "10"}
    assert alice.post("/portal/codes", sent).status_code == 302
    code = DiscountCode.objects.get()
    assert (code.code, code.percent_ppb, code.pack, code.most_uses) == ("HARBOR-25", 250_000_000, world.pack, 10)
    assert "HARBOR-25 25% yunhai 0 / 10" in text(alice.get("/portal/codes"))

    assert signed_in(cast.bob.person).post(f"/portal/codes/{code.pk}/end").status_code == 404
    assert not hasattr(DiscountCode.objects.get(), "end")
    assert alice.post(f"/portal/codes/{code.pk}/end").status_code == 302
    assert hasattr(DiscountCode.objects.get(), "end")


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"code": "AB", "percent": "5"}, "A code has 3 to 32 letters"),
        ({"code": "HELLO"}, "Write either a percentage or an amount."),
        ({"code": "HELLO", "percent": "5", "amount": "5.00"}, "Write either a percentage or an amount."),
        ({"code": "HELLO", "percent": "101"}, "Write a percentage"),
        ({"code": "HELLO", "amount": "5.005"}, "is not a price in USD"),
        ({"code": "HELLO", "percent": "5", "ends": "2001-01-01"}, "ends after that"),
    ],
)
def test_a_code_that_cannot_be_is_refused_in_place(cast: Cast, sent: dict[str, str], said: str) -> None:
    answer = signed_in(cast.alice.person).post("/portal/codes", {"currency": "USD", **sent})
    assert (answer.status_code, said in text(answer)) == (422, True), text(answer)
    assert DiscountCode.objects.count() == 0


def test_a_collection_is_made_of_ones_own_offers_and_withdrawn(cast: Cast, world: Release, tmp_path: Path) -> None:
    alice, offers = signed_in(cast.alice.person), [str(one.pk) for one in world.offers.all()]
    bobs = publish_folder(
        folder=packs.write(tmp_path / "b", handle="ink", seed=2), creator=cast.bob, now=NOON
    ).offers.get()
    sent = {"title_en": "All of it", "offers": offers, "price": "800.00", "currency": "USD"}
    refused = alice.post("/portal/collections", {**sent, "offers": [*offers, str(bobs.pk)]})
    assert refused.status_code == 422
    assert Collection.objects.count() == 0
    assert alice.post("/portal/collections", sent).status_code == 302
    made = Collection.objects.get()
    assert (made.price_minor, made.items.count()) == (80_000, 2)
    assert "one by one $1,000.01" in text(alice.get("/portal/collections"))

    assert signed_in(cast.bob.person).post(f"/portal/collections/{made.pk}/withdraw").status_code == 404
    assert alice.post(f"/portal/collections/{made.pk}/withdraw").status_code == 302
    assert "Not sold any more" in text(alice.get("/portal/collections"))


@pytest.fixture
def asked(cast: Cast, world: Release) -> QuoteRequest:
    """Carol asks what the exclusive license costs."""
    offer = licensing.offer(
        release=world, terms=READY["exclusive"], price=Money(0, "USD"), model="on-request", now=later(hours=1)
    )
    return licensing.ask_quote(
        offer=offer, studio=cast.studio, person=cast.carol, seats=3, message="For a film.", now=later(hours=2)
    )


def test_a_quote_goes_back_and_forth_until_both_agree(cast: Cast, asked: QuoteRequest) -> None:
    alice, address = signed_in(cast.alice.person), f"/portal/quotes/{asked.pk}"
    assert "Lantern Films" in text(alice.get("/portal/quotes"))
    assert "Waits for you" in text(alice.get(address))
    until = (timezone.now() + timedelta(days=14)).date().isoformat()
    price = {"kind": "price", "price": "5000.00", "seats": "3", "valid_until": until, "message": "Gladly."}
    assert alice.post(address, price).status_code == 302
    again = alice.post(address, price)
    assert again.status_code == 422
    assert "turn: wait for the answer" in text(again)
    licensing.answer_quote(
        request=asked,
        person=cast.carol,
        side="studio",
        price_minor=400_000,
        valid_until=timezone.now() + timedelta(days=5),
        now=timezone.now(),
    )
    page = text(alice.get(address))
    assert "$4,000.00 · 3 seats" in page
    assert "Take the studio's price" in page
    assert alice.post(address, {"kind": "accept"}).status_code == 302
    assert list(asked.steps.values_list("side", "kind", "price_minor")) == [
        ("creator", "price", 500_000),
        ("studio", "price", 400_000),
        ("creator", "accept", None),
    ]
    assert "Agreed" in text(alice.get(address))


def test_only_the_owner_answers(cast: Cast, asked: QuoteRequest) -> None:
    bob = signed_in(cast.bob.person)
    assert bob.get(f"/portal/quotes/{asked.pk}").status_code == 404
    assert bob.post(f"/portal/quotes/{asked.pk}", {"kind": "decline"}).status_code == 404
    assert "Nobody has asked yet" in text(bob.get("/portal/quotes"))
    assert QuoteStep.objects.count() == 0


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"kind": "price", "price": "x", "seats": "1", "valid_until": "2999-01-01"}, "is not a price in USD"),
        ({"kind": "price", "price": "5.00", "seats": "1"}, "Fill this in."),
        (
            {"kind": "price", "price": "5.00", "seats": "1", "valid_until": "2001-01-01"},
            "a moment that is still to come",
        ),
        ({"kind": "accept"}, "There is no price yet"),
    ],
)
def test_an_answer_that_cannot_be_says_why(cast: Cast, asked: QuoteRequest, sent: dict[str, str], said: str) -> None:
    answer = signed_in(cast.alice.person).post(f"/portal/quotes/{asked.pk}", sent)
    assert (answer.status_code, said in text(answer)) == (422, True), text(answer)
    assert QuoteStep.objects.count() == 0


def test_declining_ends_it(cast: Cast, asked: QuoteRequest) -> None:
    alice = signed_in(cast.alice.person)
    assert alice.post(f"/portal/quotes/{asked.pk}", {"kind": "decline"}).status_code == 302
    assert "Declined" in text(alice.get("/portal/quotes"))
