"""Carol registers the keys of her renderers and ends them; others may look, or may not."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from django.test import Client

from ledger.signing.jwk import public_jwk
from marketplace.compositions.uses import UsageKey, UsageKeyEnd
from marketplace.people import operations as people
from marketplace.people.models import Seat
from tests.cast import NOON, Cast, on_stage, person
from tests.storefront.market import browser_of

PRIVATE = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
PEM = PRIVATE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.fixture
def cast(db: None) -> Cast:
    return on_stage()


def page(client: Client, address: str = "/usage/keys") -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_key_is_added_as_pem_or_jwk_and_ended_by_its_name(cast: Cast) -> None:
    carol, studio = browser_of(cast.carol), cast.studio
    assert "No keys yet" in page(carol)

    added = carol.post("/usage/keys/add", {"studio": studio.pk, "name": "farm 1", "public_key": PEM})
    assert added["Location"] == f"/usage/keys?studio={studio.pk}"
    other = Ed25519PrivateKey.from_private_bytes(b"\x08" * 32).public_key()
    jwk = json.dumps(public_jwk(other))
    assert carol.post("/usage/keys/add", {"studio": studio.pk, "name": "farm 2", "public_key": jwk}).status_code == 302
    first, second = UsageKey.objects.order_by("name")
    found = page(carol)
    assert "What “farm 1” signs counts from now on." in found
    for key in (first, second):
        assert key.kid in found
    assert "How a batch is signed" in found

    refused = carol.post(f"/usage/keys/{first.pk}/end", {"name": "farm 2"})
    assert refused.status_code == 422
    assert "This key is called “farm 1”: type that." in refused.content.decode()
    assert not UsageKeyEnd.objects.exists()
    assert carol.post(f"/usage/keys/{first.pk}/end", {"name": "farm 1"}).status_code == 302
    assert UsageKeyEnd.objects.get().key == first
    ended = page(carol)
    assert "“farm 1” is ended: nothing that it signs counts any more." in ended
    assert ended.count("End the key") == 1
    assert carol.post(f"/usage/keys/{first.pk}/end", {"name": "farm 1"}).status_code == 302
    assert UsageKeyEnd.objects.count() == 1


def test_what_is_no_public_key_is_refused_and_kept_nowhere(cast: Cast) -> None:
    carol = browser_of(cast.carol)
    private = PRIVATE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    for name, key, said in (
        ("farm", private, "This is the private key"),
        ("farm", "no key", "neither the PEM"),
        ("farm", "{" * 3000, "The key is no JSON"),
        ("farm", "x" * 5000, "at most 4,000 characters"),
        ("", PEM, "This field is required."),
        ("farm\u202e", PEM, "A key needs a name of 1 to 80 characters on one line"),
    ):
        refused = carol.post("/usage/keys/add", {"studio": cast.studio.pk, "name": name, "public_key": key})
        assert refused.status_code == 422
        assert said.replace("4,000", "4000") in refused.content.decode().replace("4,000", "4000")
        assert "PRIVATE KEY-----" not in refused.content.decode()
    assert not UsageKey.objects.exists()


def test_members_look_and_others_do_not(cast: Cast) -> None:
    carol, studio = browser_of(cast.carol), cast.studio
    carol.post("/usage/keys/add", {"studio": studio.pk, "name": "farm 1", "public_key": PEM})
    key = UsageKey.objects.get()
    erin = person("erin")
    people.give_seat(studio=studio, by=cast.carol, email=erin.email, role=Seat.MEMBER, now=NOON)
    member = browser_of(erin)

    found = page(member)
    assert "farm 1" in found
    assert "Owners and buyers of Lantern Films add keys and end them." in found
    assert "End the key" not in found
    assert member.post(f"/usage/keys/{key.pk}/end", {"name": "farm 1"}).status_code == 422
    assert member.post("/usage/keys/add", {"studio": studio.pk, "name": "x", "public_key": PEM}).status_code == 422

    dave = browser_of(cast.dave)
    assert dave.post(f"/usage/keys/{key.pk}/end", {"name": "farm 1"}).status_code == 404
    assert dave.post("/usage/keys/add", {"studio": studio.pk, "name": "x", "public_key": PEM}).status_code == 404
    assert dave.get(f"/usage/keys?studio={studio.pk}").status_code == 404
    assert "farm 1" not in page(dave)
    assert "You have no studio yet" in page(browser_of(person("frank")))
    assert Client().get("/usage/keys").status_code == 302
    assert (UsageKey.objects.count(), UsageKeyEnd.objects.count()) == (1, 0)
