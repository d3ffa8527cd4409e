"""Who signs in, and the studio's console: Carol owns, Dave may not."""

import re

import pytest
from django.test import Client

from marketplace.people.models import ApiKey, Person, Seat, Studio
from marketplace.people.queries import api_key
from tests.cast import PASSWORD, Cast, on_stage


@pytest.fixture
def cast(db: None) -> Cast:
    return on_stage()


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def test_somebody_signs_up_to_sell_and_is_led_to_the_choice_of_a_name(db: None) -> None:
    client = Client()
    assert 'value="sell" id="id_role_1" required checked' in client.get("/sign-up?role=sell").content.decode()
    given = {"display_name": "Erin", "email": " Erin@Example.com ", "password": PASSWORD, "role": "sell"}

    answer = client.post("/sign-up", given)

    assert answer["Location"] == "/portal/"
    assert Person.objects.get().email == "erin@example.com"
    assert "Choose the name you sell under" in client.get("/portal/").content.decode()


def test_sign_up_says_what_is_wrong_by_its_field_and_adds_nobody(cast: Cast) -> None:
    before = Person.objects.count()
    given = {"display_name": "A", "email": "carol@example.com", "password": PASSWORD, "role": "buy"}

    answer = Client().post("/sign-up", given)

    assert answer.status_code == 422
    assert "Somebody has already signed up as carol@example.com" in answer.content.decode()
    assert Client().post("/sign-up", {**given, "role": "rule"}).status_code == 422
    assert Person.objects.count() == before


def test_one_signs_in_and_goes_on_where_one_came_from_but_never_elsewhere(cast: Cast) -> None:
    given = {"email": "CAROL@example.com", "password": PASSWORD}

    assert Client().post("/sign-in", {**given, "next": "/studio"})["Location"] == "/studio"
    assert Client().post("/sign-in", {**given, "next": "https://evil.example/"})["Location"] == "/"
    wrong = Client().post("/sign-in", {**given, "password": "wrong"})
    assert wrong.status_code == 422
    assert "No account has this address and this password" in wrong.content.decode()


def test_a_key_is_shown_once_and_its_hash_alone_is_kept(cast: Cast) -> None:
    carol = signed_in(cast.carol)

    text = carol.post(f"/studio/{cast.studio.pk}/keys", {"name": "render farm"}).content.decode()

    (secret,) = set(re.findall(r"wl_[0-9A-Za-z]{36}", text))
    key = api_key(secret)
    assert key is not None
    assert key.name == "render farm"
    assert secret not in carol.get("/studio").content.decode()
    assert carol.post(f"/studio/keys/{key.pk}/revoke")["Location"] == "/studio"
    assert api_key(secret) is None


def test_carol_gives_a_seat_and_dave_cannot_reach_her_studio(cast: Cast) -> None:
    carol, dave = signed_in(cast.carol), signed_in(cast.dave)
    seat = f"/studio/{cast.studio.pk}/seats"

    assert dave.post(seat, {"email": "dave@example.com", "role": "owner"}).status_code == 404
    assert dave.post(f"/studio/{cast.studio.pk}/keys", {"name": "x"}).status_code == 404
    assert ApiKey.objects.count() == 0
    assert Seat.objects.filter(studio=cast.studio).count() == 1

    assert carol.post(seat, {"email": "dave@example.com", "role": "member"})["Location"] == "/studio"
    refused = carol.post(seat, {"email": "zoe@example.com", "role": "member"})
    assert refused.status_code == 422
    assert "Nobody has signed up as zoe@example.com" in refused.content.decode()
    member = dave.get("/studio").content.decode()
    assert "Lantern Films" in member
    assert f'action="/studio/{cast.studio.pk}/keys"' not in member


def test_a_studio_needs_a_name(cast: Cast) -> None:
    before = Studio.objects.count()

    assert signed_in(cast.carol).post("/studio/open", {"name": "  "}).status_code == 422

    assert Studio.objects.count() == before
    assert signed_in(cast.carol).post("/studio/open", {"name": "Second"})["Location"] == "/studio"
