"""Every address for everybody: nobody, Carol, Dave, and a key that was revoked (OWASP ASVS 5.0, V8.2, V8.4.1)."""

import pytest

import ledger.operations
from marketplace.people.operations import give_seat, issue_key
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
    "/verify/{file}": OPEN,
    "/grants": EITHERS,
    "/grants/{grant}": CAROLS,
    "/grants/{grant}/download": CAROLS,
    "/orders/{order}": CAROLS,
    "/nothing": (404, 404, 404, 404),
}


def test_who_may_read_what(sealed: Market, carol: Studio, dave: Studio, revoked: Studio) -> None:
    order = carol.order(sealed.offer()).json()
    ledger.operations.seal(now=later(hours=3))
    manifest = ANYBODY.get("/packs/alice/yunhai").json()["manifest"]
    values = {
        "release": sealed.world.digest,
        "file": manifest["assets"][0]["sha256"],
        "grant": order["grants"][0]["id"],
        "order": order["id"],
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
