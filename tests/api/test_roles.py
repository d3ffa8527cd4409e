"""Every address for everybody: nobody, Carol, Dave, and a key that was revoked (OWASP ASVS 5.0, V8.2, V8.4.1)."""

import pytest

import ledger.operations
from marketplace.people.operations import give_seat, issue_key
from tests.api.shop import sell
from tests.api.studios import ANYBODY, Market, Studio
from tests.cast import NOON, later

OPEN = (200, 200, 200, 401)
CAROLS = (401, 200, 404, 401)
EITHERS = (401, 200, 200, 401)
# address → status for nobody, Carol whose it is, Dave whose it is not, Carol's revoked key
MATRIX = {
    "/schema": OPEN,
    "/packs": OPEN,
    "/packs/alice/yunhai": OPEN,
    "/releases/{release}": OPEN,
    "/releases/{release}/token": OPEN,
    "/verify/{file}": OPEN,
    "/chain": OPEN,
    "/chain/claims/0xa1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1": OPEN,
    "/offers/{offer}/chain": OPEN,
    "/terms/{terms}": OPEN,
    "/terms/{terms}/odrl": OPEN,
    "/certificates/{grant}": OPEN,
    "/grants": EITHERS,
    "/projects": EITHERS,
    "/quote-requests": EITHERS,
    "/subscriptions": EITHERS,
    "/studio": EITHERS,
    "/grants/{grant}/certificate": CAROLS,
    "/grants/{grant}/chain": CAROLS,
    "/grants/{grant}/seats": CAROLS,
    "/grants/{grant}/usage": CAROLS,
    "/projects/{project}": CAROLS,
    "/projects/{project}/credits": CAROLS,
    "/quote-requests/{request}": CAROLS,
    "/subscriptions/{subscription}": CAROLS,
    "/grants/{grant}": CAROLS,
    "/grants/{grant}/download": CAROLS,
    "/orders/{order}": CAROLS,
    "/nothing": (404, 404, 404, 404),
}


def test_who_may_read_what(sealed: Market, carol: Studio, dave: Studio, revoked: Studio) -> None:
    order = carol.order(sealed.offer()).json()
    asked, monthly = sell(sealed, "on-request"), sell(sealed, "monthly", 1000)
    carol.order(monthly, key="monthly")
    ledger.operations.seal(now=later(hours=3))
    manifest = ANYBODY.get("/packs/alice/yunhai").json()["manifest"]
    values = {
        "release": sealed.world.digest,
        "file": manifest["assets"][0]["sha256"],
        "grant": order["grants"][0]["id"],
        "order": order["id"],
        "terms": sealed.offer().terms_id,
        "offer": str(sealed.offer().pk),
        "project": carol.send("POST", "/projects", {"name": "A"}, key="p").json()["id"],
        "request": carol.send("POST", "/quote-requests", {"offer": str(asked.pk)}, key="q").json()["id"],
        "subscription": carol.get("/subscriptions").json()["data"][0]["id"],
    }

    found = {
        path: tuple(who.get(path.format(**values)).status_code for who in (ANYBODY, carol, dave, revoked))
        for path in MATRIX
    }

    assert found == MATRIX


def test_who_may_order(market: Market, carol: Studio, dave: Studio, revoked: Studio) -> None:
    offer = market.offer("personal")
    said = [who.order(offer, card=None).status_code for who in (ANYBODY, carol, dave, revoked)]

    assert said == [401, 201, 201, 401]
    assert carol.get("/grants").json()["data"][0]["licensee"] == "Lantern Films"
    assert dave.get("/grants").json()["data"][0]["licensee"] == "Quill"
    assert len(carol.get("/grants").json()["data"]) == 1


# method and address → what is sent; whose all of it is, Carol, may, Dave may not, and nobody is asked who they are
WRITES = (
    ("PUT", "/grants/{grant}/seats/carol@example.com", {}),
    ("DELETE", "/grants/{grant}/seats/carol@example.com", {}),
    ("POST", "/grants/{grant}/transfer", {"studio": "00000000-0000-4000-8000-000000000000"}),
    ("PUT", "/grants/{grant}/usage/1", {"quantity": 1, "from_day": "2026-11-22", "until_day": "2026-11-22"}),
)


def test_who_may_change_what_is_held(market: Market, carol: Studio, dave: Studio, revoked: Studio) -> None:
    grant = carol.order(market.offer()).json()["grants"][0]["id"]
    for method, path, body in WRITES:
        asked = path.format(grant=grant)
        said = [who.send(method, asked, body, key=path).status_code for who in (ANYBODY, dave, revoked)]
        assert said == [401, 404, 401], path
    assert carol.get(f"/grants/{grant}").json()["state"] == "active"
    for path in ("/quotes", "/may-i", "/projects", "/quote-requests", "/orders"):
        assert [who.send("POST", path, {}).status_code for who in (ANYBODY, revoked)] == [401, 401], path
    for path in ("/studio/size", "/studio/legal-entity"):
        assert [who.send("PUT", path, {}).status_code for who in (ANYBODY, revoked)] == [401, 401], path


def test_a_key_ends_with_the_person_who_made_it(market: Market) -> None:
    cast = market.cast
    give_seat(studio=cast.studio, by=cast.carol, email=cast.dave.email, role="buyer", now=NOON)
    key, secret = issue_key(studio=cast.studio, by=cast.dave, name="nightly", now=NOON)
    program = Studio(secret, key)
    assert program.get("/grants").status_code == 200

    cast.dave.is_active = False
    cast.dave.save()

    assert program.get("/grants").status_code == 401


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer wl_",
        "Bearer a b",
        "Basic YTpi",
        "wl_abc",
        "Bearer \xff\xfe",
        "Bearer " + "x" * 9000,
    ],
)
def test_what_is_no_key_is_refused(market: Market, header: str) -> None:
    answer = ANYBODY.get("/grants", Authorization=header)

    assert (answer.status_code, answer.json()["status"]) == (401, 401)
    assert answer.json()["code"] in {"api-key-unknown", "api-key-missing"}
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="worldloom"')


def test_a_session_opens_no_door_here(market: Market) -> None:
    browser = Studio()
    browser.client.force_login(market.cast.carol)

    assert browser.get("/grants").status_code == 401
    assert browser.order(market.offer("personal"), card=None).status_code == 401


def test_a_key_in_the_address_is_no_key(market: Market, carol: Studio) -> None:
    answer = ANYBODY.get(f"/grants?api_key={carol.secret}")

    assert answer.status_code == 401
    assert carol.secret not in answer.content.decode()


def test_the_header_says_what_is_missing(market: Market, revoked: Studio) -> None:
    missing, wrong = ANYBODY.get("/grants"), revoked.get("/grants")

    assert missing.headers["WWW-Authenticate"] == 'Bearer realm="worldloom"'
    assert missing.json() == {
        "type": "/api/v1/docs#api-key-missing",
        "title": "An API key is missing",
        "status": 401,
        "detail": "This address needs your studio's API key, as “Authorization: Bearer wl_…”.",
        "code": "api-key-missing",
        "request_id": missing.headers["X-Request-Id"],
    }
    assert wrong.headers["WWW-Authenticate"] == 'Bearer realm="worldloom", error="invalid_token"'
    assert wrong.json()["code"] == "api-key-unknown"
