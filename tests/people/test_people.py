"""Signing up, selling, seats and keys."""

import pytest
from django.db import IntegrityError, connection, transaction

from marketplace.people import operations as people
from marketplace.people import queries
from marketplace.people.models import ApiKey, Creator, Person, Seat, Studio
from tests.cast import NOON, PASSWORD, later, on_stage, person

pytestmark = pytest.mark.django_db


def test_alice_signs_up_once_whatever_the_case_of_her_address() -> None:
    alice = people.sign_up(email=" Alice@Example.com ", password=PASSWORD, display_name=" Alice ", now=NOON)

    assert (alice.email, alice.display_name, alice.joined_at) == ("alice@example.com", "Alice", NOON)
    assert alice.check_password(PASSWORD)
    assert not alice.password.startswith(PASSWORD)
    with pytest.raises(people.UnableToSignUp, match="already signed up") as refusal:
        people.sign_up(email="ALICE@example.com", password=PASSWORD, display_name="Eve", now=NOON)
    assert refusal.value.field == "email"
    assert Person.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("email", {"email": "not an address"}),
        ("display_name", {"display_name": "  "}),
        ("display_name", {"display_name": "x" * 81}),
        ("password", {"password": "short"}),
        ("password", {"password": "password123"}),
    ],
)
def test_a_refused_sign_up_names_the_field_and_writes_nothing(field: str, change: dict[str, str]) -> None:
    with pytest.raises(people.UnableToSignUp) as refusal:
        people.sign_up(**{"email": "a@example.com", "password": PASSWORD, "display_name": "A", **change}, now=NOON)

    assert refusal.value.field == field
    assert Person.objects.count() == 0


def test_the_database_keeps_addresses_in_lower_case() -> None:
    with pytest.raises(IntegrityError, match="people_email_is_lower_case"), transaction.atomic():
        Person.objects.create(email="Loud@example.com", display_name="Loud", joined_at=NOON)


def test_a_handle_is_taken_once_and_fixes_the_creators_id() -> None:
    alice = people.become_creator(person=person("alice"), handle="Yunhai ", now=NOON)

    assert alice.handle == "yunhai"
    assert str(alice.pk) == "a93e9d0f-6cb7-5ae9-a9a9-e08a4a5b1a7e" or alice.pk.version == 5
    with pytest.raises(people.UnableToBecomeCreator, match="taken"):
        people.become_creator(person=person("bob"), handle="yunhai", now=NOON)
    with pytest.raises(people.UnableToBecomeCreator, match="already sell"):
        people.become_creator(person=alice.person, handle="other", now=NOON)
    with pytest.raises(people.UnableToBecomeCreator, match="cannot be a handle"):
        people.become_creator(person=person("mo"), handle="checkout", now=NOON)
    assert Creator.objects.count() == 1


def test_carol_seats_a_buyer_and_dave_may_not() -> None:
    cast = on_stage()

    with pytest.raises(people.UnableToSeat, match="Only an owner"):
        people.give_seat(studio=cast.studio, by=cast.dave, email="dave@example.com", role="owner", now=NOON)
    with pytest.raises(people.UnableToSeat, match="Nobody has signed up"):
        people.give_seat(studio=cast.studio, by=cast.carol, email="eve@example.com", role="buyer", now=NOON)
    with pytest.raises(people.UnableToSeat, match="not a role"):
        people.give_seat(studio=cast.studio, by=cast.carol, email="dave@example.com", role="king", now=NOON)
    assert Seat.objects.filter(studio=cast.studio).count() == 1

    people.give_seat(studio=cast.studio, by=cast.carol, email="dave@example.com", role="buyer", now=NOON)
    assert queries.buying_studio(cast.dave, cast.studio.pk) == cast.studio
    with pytest.raises(people.UnableToSeat, match="already has a seat"):
        people.give_seat(studio=cast.studio, by=cast.carol, email="dave@example.com", role="member", now=NOON)


def test_a_member_sees_but_does_not_buy() -> None:
    cast = on_stage()
    people.give_seat(studio=cast.studio, by=cast.carol, email="dave@example.com", role="member", now=NOON)

    assert cast.studio in queries.studios_of(cast.dave)
    assert queries.buying_studio(cast.dave, cast.studio.pk) is None


def test_a_key_is_shown_once_hashed_at_rest_and_ends_when_revoked() -> None:
    cast = on_stage()
    key, secret = people.issue_key(studio=cast.studio, by=cast.carol, name="render farm", now=NOON)

    assert secret.startswith(key.shown)
    assert queries.api_key(secret) == key
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(k)::text FROM people_apikey k")
        assert secret not in cursor.fetchone()[0]
    assert queries.api_key(secret[:-1] + ("0" if secret[-1] != "0" else "1")) is None
    assert queries.api_key("") is None

    with pytest.raises(people.UnableToIssueKey, match="Only owners and buyers"):
        people.revoke_key(key=key, by=cast.dave, now=later(hours=1))
    assert queries.api_key(secret) == key
    people.revoke_key(key=key, by=cast.carol, now=later(hours=1))
    people.revoke_key(key=key, by=cast.carol, now=later(hours=2))
    assert queries.api_key(secret) is None
    assert ApiKey.objects.get().revoked_at == later(hours=1)


def test_dave_makes_no_key_for_carols_studio() -> None:
    cast = on_stage()

    with pytest.raises(people.UnableToIssueKey, match="Only owners and buyers"):
        people.issue_key(studio=cast.studio, by=cast.dave, name="mine", now=NOON)
    with pytest.raises(people.UnableToIssueKey, match="name of 1 to 80"):
        people.issue_key(studio=cast.studio, by=cast.carol, name=" ", now=NOON)
    assert ApiKey.objects.count() == 0


def test_a_studio_needs_a_name() -> None:
    carol = person("carol")

    for name in ("", "   ", "x" * 121):
        with pytest.raises(people.UnableToSignUp) as refusal:
            people.open_studio(person=carol, name=name, now=NOON)
        assert refusal.value.field == "studio"
    assert Studio.objects.count() == 0
