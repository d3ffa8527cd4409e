"""Requests that nobody means well with: each is a problem with a sentence, and nothing is written."""

import sys
import time
from typing import Any

import pytest

from marketplace.api import views
from marketplace.api.parsers import BODY_LIMIT_BYTES, strict_json
from marketplace.api.problems import KINDS
from marketplace.api.views import catalog
from marketplace.checkout.models import Order
from tests.api.studios import ANYBODY, Market, Studio

ID = "00000000-0000-4000-8000-000000000000"
FINE = b'{"offers": ["%s"]' % ID.encode()


def post(who: Studio, body: bytes, content_type: str = "application/json", **more: str) -> Any:
    return who.call("POST", "/orders", body, content_type, Idempotency_Key="k", **more)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"{", "not JSON"),
        (b"\xff\xfe{}", "not UTF-8 at byte 0"),
        (b'{"offers": ["\xc3\x28"]}', "not UTF-8 at byte 13"),
        ("\ufeff{}".encode(), "not JSON"),
        (b"[" * 100_000, "nested more than 32 deep"),
        (b'{"a":' * 40_000, "nested more than 32 deep"),
        (b"[" * 33 + b"]" * 33, "nested more than 32 deep"),
        (b'{"offers": [], "offers": []}', "the name 'offers' stands twice in one object"),
        (b'{"a": {"b": 1, "b": 2}}', "the name 'b' stands twice in one object"),
        (b'{"offers": NaN}', "NaN is not a JSON number"),
        (b'{"offers": -Infinity}', "-Infinity is not a JSON number"),
        (b'{"offers": 1e999}', "1e999 is not a JSON number"),
        (b'{"offers": ' + b"9" * 5000 + b"}", "more than 20 digits"),
        (b'{"offers": ["\\u0000"]}', "holds a sign that is no text"),
        (b'{"\\ud800": 1}', "holds a sign that is no text"),
        (b'{"offers": "\x01"}', "not JSON"),
        (b"{'offers': []}", "not JSON"),
        (b'{"offers": [],}', "not JSON"),
        (b"{} {}", "not JSON"),
        (b'"' * 200_001, "not JSON"),
    ],
)
def test_bodies_that_cannot_be_read(market: Market, carol: Studio, body: bytes, sentence: str) -> None:
    answer = post(carol, body)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-json"), answer.content
    assert sentence in answer.json()["detail"]
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert not Order.objects.exists()


def test_a_deep_body_is_refused_before_it_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "getrecursionlimit", lambda: 10**6)
    before = sys.getrecursionlimit()
    with pytest.raises(ValueError, match="nested more than 32 deep"):
        strict_json(b"[" * 250_000)
    assert sys.getrecursionlimit() == before
    assert strict_json(b"[" * 32 + b"]" * 32)
    assert strict_json(b'["' + b"[" * 100 + b'\\"{{{{"]') == ["[" * 100 + '"{{{{']


@pytest.mark.parametrize("body", [b'\\"' * 100_000, b'"' + b"\\" * 200_001, b'"\\' * 100_000, b'"a' * 100_000])
def test_counting_the_depth_takes_linear_time(body: bytes) -> None:
    start = time.process_time()
    with pytest.raises(ValueError):
        strict_json(body)

    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    ("body", "findings"),
    [
        (b"", [("/offers", "This field is required.")]),
        (b"{}", [("/offers", "This field is required.")]),
        (b"[]", [("", "Invalid data. Expected a dictionary, but got list.")]),
        (b"7", [("", "Invalid data. Expected a dictionary, but got int.")]),
        (b'{"offers": []}', [("/offers", "This list may not be empty.")]),
        (b'{"offers": "x"}', [("/offers", 'Expected a list of items but got type "str".')]),
        (b'{"offers": [1]}', [("/offers/0", "Must be a valid UUID.")]),
        (
            b'{"offers": ["' + ID.encode() + b'", "urn:uuid:' + ID.encode() + b'"]}',
            [("/offers/1", "Must be a valid UUID.")],
        ),
        (b'{"offers": [null]}', [("/offers/0", "This field may not be null.")]),
        (FINE + b', "payment": {"card": 4242424242424242}}', [("/payment/card", "Not a valid string.")]),
        (FINE + b', "payment": {"card": "4242", "cvc": "1"}}', [("/payment/cvc", "is not known here.")]),
        (FINE + b', "a/b~c": 1}', [("/a~1b~0c", "is not known here.")]),
        (b'{"offerz": []}', [("/offers", "This field is required."), ("/offerz", "is not known here.")]),
    ],
)
def test_bodies_that_make_no_sense(market: Market, carol: Studio, body: bytes, findings: list[tuple[str, str]]) -> None:
    answer = post(carol, body)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request"), answer.content
    found = [(one["where"], one["message"].replace("“", '"').replace("”", '"')) for one in answer.json()["findings"]]
    assert sorted(found) == sorted(findings)
    assert {one["in"] for one in answer.json()["findings"]} == {"body"}
    assert not Order.objects.exists()


def test_more_than_fifty_offers_are_refused(market: Market, carol: Studio) -> None:
    assert carol.order(*[ID] * 51).json()["findings"][0]["where"] == "/offers"


def test_a_body_that_is_too_large_is_413(market: Market, carol: Studio) -> None:
    answer = post(carol, b'{"offers": ["' + b"a" * BODY_LIMIT_BYTES + b'"]}')

    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "", "application/xml", ";;"]
)
def test_another_media_type_is_415(market: Market, carol: Studio, content_type: str) -> None:
    answer = post(carol, b'{"offers": []}', content_type)

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported-media-type"), answer.content


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "image/*"])
def test_an_answer_that_we_cannot_write_is_406(market: Market, accept: str) -> None:
    answer = ANYBODY.get("/packs", Accept=accept)

    assert (answer.status_code, answer.json()["code"]) == (406, "not-acceptable")
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "accept", ["*/*", "application/json", "application/problem+json", "application/*;q=0.5", "text/html, */*;q=0.1"]
)
def test_usual_wishes_are_met(market: Market, accept: str) -> None:
    assert ANYBODY.get("/packs", Accept=accept).status_code == 200


@pytest.mark.parametrize("accept", [";;;", "a", "/", "*/*;q=x", "," * 5000])
def test_strange_wishes_break_nothing(market: Market, accept: str) -> None:
    assert ANYBODY.get("/packs", Accept=accept).status_code in {200, 406}


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "/packs", "GET, HEAD"),
        ("DELETE", "/grants", "GET, HEAD"),
        ("PUT", "/orders", "GET, HEAD, POST"),
        ("DELETE", "/orders", "GET, HEAD, POST"),
        ("OPTIONS", "/packs", "GET, HEAD"),
        ("TRACE", "/schema", "GET, HEAD"),
        ("BREW", "/packs", "GET, HEAD"),
    ],
)
def test_other_methods_are_405(market: Market, carol: Studio, method: str, path: str, allow: str) -> None:
    answer = carol.call(method, path)

    assert (answer.status_code, answer.json()["code"]) == (405, "method-not-allowed")
    assert answer.headers["Allow"] == allow


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "BREW"])
def test_nothing_is_nothing_by_any_method(db: None, method: str) -> None:
    answer = ANYBODY.call(method, "/nothing/here", b"{", "text/html")

    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


def test_what_breaks_here_is_told_without_details(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_asked: Any, **_more: Any) -> None:
        raise RuntimeError("the password is swordfish")

    monkeypatch.setattr(catalog.catalog, "browse", broken)
    answer = ANYBODY.get("/packs", X_Request_Id="night-7")

    assert answer.status_code == 500
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json() == {
        "type": "/api/v1/docs#unforeseen",
        "title": "Something broke on our side",
        "status": 500,
        "detail": "Something broke on our side; quote night-7 when you ask.",
        "code": "unforeseen",
        "request_id": "night-7",
    }
    assert views.__doc__


@pytest.mark.parametrize("path", ["/packs", "/schema", "/grants", "/nothing", "/packs?limit=0"])
def test_every_answer_carries_a_request_id(market: Market, path: str) -> None:
    made, echoed = ANYBODY.get(path), ANYBODY.get(path, X_Request_Id="a-b.c_1:2")
    forged = ANYBODY.get(path, X_Request_Id="x" * 129)

    assert len(made.headers["X-Request-Id"]) == 32
    assert echoed.headers["X-Request-Id"] == "a-b.c_1:2"
    assert len(forged.headers["X-Request-Id"]) == 32
    for answer in (made, echoed, forged):
        if answer.status_code >= 400:
            assert answer.json()["request_id"] == answer.headers["X-Request-Id"]


ASKED = [
    ("POST", "/terms/read", {"license": "MIT"}),
    ("POST", "/terms/check", {"layers": [{"terms": {"base": "studio"}}], "use": {"territory": [], "fields": []}}),
    ("POST", "/may-i", {"sha256": "0" * 64, "use": {"media": {"all_but": []}}, "project": ID, "person": "a@b.example"}),
    (
        "POST",
        "/quotes",
        {"items": [{"offer": ID, "seats": 1, "code": "A", "amount_minor": 1, "starts_on": "2026-01-01"}]},
    ),
    ("POST", "/orders", {"items": [{"renews": ID, "expect_minor": 1}], "payment": {"card": "1"}}),
    ("POST", "/projects", {"name": " "}),
    ("POST", "/refund-requests", {"order": ID, "line": 0, "amount_minor": 1, "reason": "a"}),
    ("POST", "/quote-requests", {"offer": ID, "seats": 1, "project": ID, "message": "a"}),
    ("POST", f"/quote-requests/{ID}/answers", {"kind": "price", "price_minor": 1, "valid_until": "9999-12-31"}),
    ("POST", f"/grants/{ID}/transfer", {"studio": ID}),
    ("PUT", f"/grants/{ID}/usage/1", {"quantity": 1, "from_day": "2026-01-01", "until_day": "2026-01-01", "note": ""}),
    ("POST", "/recipes/check", {"text": "| sea: a @a/b", "use": {"media": ["video"]}, "currency": "USD"}),
    ("POST", "/recipes/check", {"recipe": {"format": "worldloom/recipe/1", "layers": []}, "use": {"media": []}}),
    ("POST", "/recipes/quotes", {"text": "| sea: a @alice/yunhai", "use": {"starts": "2026-01-01"}, "saved": ID}),
    ("POST", f"/recipes/quotes/{ID}/order", {"payment": {"card": "1"}, "title": "a", "masks": {"a": "0" * 64}}),
    ("POST", "/recipes/locks", {"text": "| sea: a", "use": {"fields": ["film"]}, "title": "a", "masks": {"a": "1"}}),
    ("POST", "/recipes", {"title": "a", "text": "| sea: a"}),
    ("PUT", f"/recipes/{ID}", {"title": "a", "text": "a", "after": 1}),
    ("POST", f"/recipes/{ID}/share", {}),
    ("POST", "/recipes/fork", {"token": "a"}),
    ("POST", "/recipes/masks", {"picture": "aGVsbG8="}),
    ("POST", "/usage", {"payload": "e30=", "payloadType": "a", "signatures": [{"keyid": "a", "sig": "AAAA"}]}),
    ("POST", "/usage/keys", {"name": "a", "public_key": {"kty": "OKP", "crv": "Ed25519", "x": "a"}}),
    ("PUT", f"/subscriptions/{ID}/seats", {"seats": 1}),
    ("PUT", "/studio/size", {"people": 0, "revenue_usd": 0}),
    ("PUT", "/studio/legal-entity", {"legal_name": "a", "country": "9X", "registration": "b"}),
    ("POST", "/certificates/check", {"certificate": "a.b.c", "release": "0" * 64}),
]
STRANGE: list[Any] = [None, True, 7, -1, 2**63, 1.5, "", "x", "\u202e", "9" * 19, [], [[]], [None], {}, {"a": 1}]


@pytest.mark.parametrize(("method", "path", "body"), ASKED)
def test_no_value_in_any_body_breaks_anything(
    market: Market, carol: Studio, method: str, path: str, body: dict[str, Any]
) -> None:
    bodies: list[Any] = [*STRANGE, body | {"runes": 1}]
    bodies += [body | {name: value} for name in body for value in STRANGE]
    for name, part in body.items():
        inner = part[0] if isinstance(part, list) and isinstance(part[0], dict) else part
        if isinstance(inner, dict):
            changed = [inner | {key: value} for key in inner for value in STRANGE]
            bodies += [body | {name: [one] if isinstance(part, list) else one} for one in changed]
    answers = [carol.send(method, path, one, key=f"k{place}") for place, one in enumerate(bodies)]

    for sent, answer in zip(bodies, answers, strict=True):
        assert answer.status_code < 500, (sent, answer.content)
        if answer.status_code >= 400:
            assert answer.json()["code"] in KINDS, (sent, answer.content)
            assert answer.json()["status"] == KINDS[answer.json()["code"]].status
    assert carol.send(method, path, body, key="last").status_code < 500


@pytest.mark.parametrize(
    "path",
    [
        "/terms/%00",
        "/terms/" + "x" * 5000,
        "/terms/" + "0" * 64 + "/%F0%9F%90%89",
        "/grants/" + ID + "/seats/%00",
        "/grants/" + ID + "/usage/%0A",
        "/certificates/" + ID + "?format=pdf",
        "/projects/" + ID + "/credits?format=json&format=csv",
        "/projects?cursor=" + "a" * 3000,
        "/quote-requests?limit=0",
        "/recipes/complete?q=" + "%F0%9F%90%89" * 40,
        "/recipes/shared/%00",
        "/recipes/locks/%00",
        "/recipes/locks/" + "0" * 64 + "/exports/%00",
        "/recipes/locks?cursor=" + "a" * 3000,
        "/recipes/quotes/" + ID,
        "/usage?month=0000-00&recipe=" + "0" * 64,
        "/usage/keys/" + ID,
        "/grants?ending_before=9999-12-31&project=" + ID,
        "/grants?ending_before=0001-01-01",
    ],
)
def test_strange_addresses_are_answered(market: Market, carol: Studio, path: str) -> None:
    for method in ("GET", "PUT", "DELETE"):
        assert carol.call(method, path).status_code < 500
