"""A creator's programs upload with a key that is for that; it opens nothing else."""

import re

import pytest
from django.test import Client

from assets.models import Upload
from marketplace.people import operations as people
from marketplace.people.models import ApiKey, Creator
from tests.cast import NOON
from tests.portal.tus_client import BYTES, NAME, Tus, code_of, quick


@pytest.fixture
def creator(db: None) -> Creator:
    return quick("alice").creator


def test_a_key_uploads_as_its_creator_without_a_page(creator: Creator) -> None:
    _key, secret = people.issue_creator_key(creator=creator, name="render farm", now=NOON)
    program = Tus(key=secret, enforce_csrf_checks=True)

    at = program.begun()

    assert program.sent(at, BYTES).status_code == 204
    assert Upload.objects.get().owner == creator.person
    assert Tus(creator.person).ask("HEAD", at)["Upload-Offset"] == str(len(BYTES))


def test_a_wrong_revoked_or_studios_key_is_refused(creator: Creator) -> None:
    key, secret = people.issue_creator_key(creator=creator, name="render farm", now=NOON)
    people.revoke_key(key=key, by=creator.person, now=NOON)
    studio = people.open_studio(person=creator.person, name="Lantern", now=NOON)
    _key, studios = people.issue_key(studio=studio, by=creator.person, name="pipeline", now=NOON)

    for wrong in (secret, studios, secret[:-1], "x", "x y", "ключ".encode().decode("latin-1")):
        # A wrong key is not mended by a session.
        answer = Tus(creator.person, key=wrong).ask("POST", type="", Upload_Length=5, Upload_Metadata=NAME)
        assert (answer.status_code, code_of(answer)) == (401, "no-uploader")
    assert Upload.objects.count() == 0


def test_the_licensing_api_refuses_a_creators_key(creator: Creator) -> None:
    _key, secret = people.issue_creator_key(creator=creator, name="render farm", now=NOON)

    for address in ("/api/v1/grants", "/api/v1/statements"):
        answer = Client().get(address, headers={"Authorization": f"Bearer {secret}"})

        assert answer.status_code == 401


def test_a_key_for_statements_uploads_nothing(creator: Creator) -> None:
    _key, secret = people.issue_creator_key(creator=creator, name="accounts", use=ApiKey.STATEMENTS, now=NOON)

    answer = Tus(creator.person, key=secret).ask("POST", type="", Upload_Length=5, Upload_Metadata=NAME)

    assert (answer.status_code, code_of(answer)) == (401, "no-uploader")
    assert Upload.objects.count() == 0
    assert Client().get("/api/v1/statements", headers={"Authorization": f"Bearer {secret}"}).status_code == 200


def test_the_portal_makes_a_key_shows_it_once_and_revokes_it(creator: Creator) -> None:
    alice, dave = Client(), Client()
    alice.force_login(creator.person)
    dave.force_login(quick("dave"))

    page = alice.post("/portal/keys", {"name": "render farm", "use": "uploads"})
    secret = re.search(r"wl_[0-9A-Za-z]{36}", page.content.decode())
    assert secret
    assert secret[0] not in alice.get("/portal/keys").content.decode()
    assert Tus(key=secret[0]).begun()

    key = ApiKey.objects.get()
    assert (key.creator, key.studio, key.created_by) == (creator, None, creator.person)
    assert dave.post(f"/portal/keys/{key.pk}/revoke").status_code == 404
    assert b"render farm" not in dave.get("/portal/keys").content
    assert alice.post(f"/portal/keys/{key.pk}/revoke").status_code == 302
    assert Tus(key=secret[0]).ask("POST", type="", Upload_Length=5, Upload_Metadata=NAME).status_code == 401
    assert alice.post("/portal/keys", {"name": " ", "use": "uploads"}).status_code == 422
    assert alice.post("/portal/keys", {"name": "all", "use": "licensing"}).status_code == 422
    assert ApiKey.objects.count() == 1
