"""Ordering, holding and downloading, and who may."""

import io
import zipfile
from typing import Any

import pytest

import ledger.operations
from ledger.models import Entry
from marketplace.checkout.gateways.base import GatewayUnavailable
from marketplace.checkout.gateways.sandbox import SandboxGateway
from marketplace.checkout.models import Order
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Download, Grant
from marketplace.payouts.models import Sale
from tests.api.studios import ANYBODY, Market, Studio
from tests.cast import DECLINED_CARD, NOON, later

SITE = "http://testserver/api/v1"


def assert_silence() -> None:
    """Nothing was ordered, granted, sold or stated."""
    assert not Order.objects.exists()
    assert not Grant.objects.exists()
    assert not Sale.objects.exists()
    assert not Entry.objects.filter(type="grant").exists()


def test_an_order_is_answered_with_its_grants_in_order(market: Market, carol: Studio) -> None:
    answer = carol.order(market.offer(), market.offer(release=market.derived))
    body = answer.json()
    order, grants = Order.objects.get(), {str(one.pk): one for one in Grant.objects.all()}
    first = grants[body["grants"][0]["id"]]

    assert answer.status_code == 201
    assert answer.headers["Location"] == body["url"] == f"{SITE}/orders/{order.pk}"
    assert answer.headers["Cache-Control"] == "no-store"
    assert [one["pack"] for one in body["grants"]] == ["alice/yunhai", "bob/ink"]
    assert [(one["price_minor"], one["list_minor"], one["explained"]) for one in body["lines"]] == [
        (10_001, 10_001, ["$100.01 for the license"])
    ] * 2
    assert {name: value for name, value in body.items() if name not in ("grants", "lines")} == {
        "id": str(order.pk),
        "status": "paid",
        "payment": {"state": "paid", "url": None, "reason": None, "tries": 1},
        "total_minor": 20_002,
        "tax_minor": 0,
        "tax_included": False,
        "taxes": [],
        "papers": [],
        "currency": "USD",
        "placed_at": order.placed_at.isoformat().replace("+00:00", "Z"),
        "url": f"{SITE}/orders/{order.pk}",
    }
    assert body["grants"][0] == {
        "id": str(first.pk),
        "pack": "alice/yunhai",
        "version": "1.0.0",
        "release": market.world.digest,
        "offer": str(market.offer().pk),
        "terms": "studio",
        "terms_sha256": first.terms_id,
        "licensee": "Lantern Films",
        "licensee_country": "",
        "licensee_registration": "",
        "project": None,
        "project_name": None,
        "seats": 30,
        "seats_used": 0,
        "exclusive": False,
        "starts_at": order.placed_at.isoformat().replace("+00:00", "Z"),
        "ends_at": None,
        "kind": "new",
        "replaces": None,
        "price_minor": 10_001,
        "currency": "USD",
        "downloads": 0,
        "status": "active",
        "state": "active",
        "granted_at": order.placed_at.isoformat().replace("+00:00", "Z"),
        "certificate": first.certificate,
        "certificate_sha256": first.certificate_sha256,
        "certificate_page": f"http://testserver/certificates/{first.pk}",
        "url": f"{SITE}/grants/{first.pk}",
        "download": f"{SITE}/grants/{first.pk}/download",
    }
    assert carol.get(f"/orders/{order.pk}").json() == body
    assert carol.get(f"/grants/{first.pk}").json() == body["grants"][0]


def test_the_same_request_under_the_same_key_is_the_same_order_for_ever(market: Market, carol: Studio) -> None:
    first = carol.order(market.offer(), market.offer(release=market.derived), key="k")
    quoted = carol.order(market.offer(), market.offer(release=market.derived), key='"k"')
    licensing.withdraw_offer(offer=market.offer(), now=later(days=2))
    later_on = carol.order(*[one["offer"] for one in first.json()["grants"]], key="k")

    assert (first.status_code, quoted.status_code, later_on.status_code) == (201, 201, 201)
    assert first.content == quoted.content == later_on.content
    assert (Order.objects.count(), Grant.objects.count(), Sale.objects.count()) == (1, 2, 2)


def test_another_request_under_the_same_key_is_refused(market: Market, carol: Studio, dave: Studio) -> None:
    assert carol.order(market.offer(), key="k").status_code == 201
    other = carol.order(market.offer(release=market.derived), key="k")
    card = carol.order(market.offer(), key="k", card=DECLINED_CARD)

    for refused in (other, card):
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency-key-reused")
    assert Order.objects.count() == Grant.objects.count() == 1
    assert dave.order(market.offer(), key="k").status_code == 201  # a key is the studio's own


@pytest.mark.parametrize("key", ["", '""', "  "])
def test_an_order_without_a_key_is_refused(market: Market, carol: Studio, key: str) -> None:
    refused = carol.order(market.offer(), key=key)

    assert (refused.status_code, refused.json()["code"]) == (400, "idempotency-key-missing")
    assert_silence()


@pytest.mark.parametrize("key", ["k" * 201, "two words", "é", "\x01"])
def test_a_key_that_is_no_key_is_refused(market: Market, carol: Studio, key: str) -> None:
    refused = carol.order(market.offer(), key=key)

    assert (refused.status_code, refused.json()["code"]) == (422, "invalid-request")
    assert refused.json()["findings"][0]["in"] == "header"
    assert_silence()


def test_refusals_leave_nothing_behind(market: Market, carol: Studio) -> None:
    studio, personal, yuan = market.offer(), market.offer("personal"), market.offer("enterprise")
    refusals = [
        (carol.order(studio, yuan), 422, "order-refused"),
        (carol.order(studio, studio), 422, "order-refused"),
        (carol.order(studio, card=None), 422, "payment-method-refused"),
        (carol.order(studio, card="4111 1111 1111 1111"), 422, "payment-method-refused"),
        (carol.order("00000000-0000-4000-8000-000000000000"), 422, "invalid-request"),
    ]
    licensing.withdraw_offer(offer=personal, now=later(hours=3))
    refusals.append((carol.order(personal), 422, "order-refused"))

    for answer, status, code in refusals:
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.content
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert_silence()


def test_an_unknown_offer_is_named_by_its_place(market: Market, carol: Studio) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"
    body = carol.order(market.offer(), unknown).json()

    assert body["findings"] == [{"in": "body", "where": "/offers/1", "message": f"No offer has the id {unknown}."}]


def test_a_declined_card_grants_nothing_and_stays_declined(market: Market, carol: Studio) -> None:
    first = carol.order(market.offer(), card=DECLINED_CARD)
    again = carol.order(market.offer(), card=DECLINED_CARD)

    for answer in (first, again):
        assert (answer.status_code, answer.json()["code"]) == (402, "payment-declined")
        assert answer.json()["detail"] == "The card was declined: use another card."
    order = Order.objects.get()
    assert carol.get(f"/orders/{order.pk}").json()["status"] == "declined"
    assert (Grant.objects.count(), Sale.objects.count()) == (0, 0)


def test_a_free_offer_needs_no_payment(market: Market, carol: Studio) -> None:
    answer = carol.order(market.offer("personal"), card=None)

    assert (answer.status_code, answer.json()["status"], answer.json()["total_minor"]) == (201, "free", 0)
    assert (Grant.objects.count(), Sale.objects.count()) == (1, 0)


def test_while_the_gateway_is_silent_the_order_stays_open(
    market: Market, carol: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    charge = SandboxGateway.charge

    def silent(self: SandboxGateway, **asked: Any) -> None:
        charge(self, **asked)
        raise GatewayUnavailable("The gateway did not answer.")

    monkeypatch.setattr(SandboxGateway, "charge", silent)
    first = carol.order(market.offer())
    open_order = carol.get(f"/orders/{Order.objects.get().pk}").json()
    monkeypatch.setattr(SandboxGateway, "charge", charge)
    again = carol.order(market.offer())

    assert (first.status_code, first.json()["code"], first.headers["Retry-After"]) == (503, "gateway-unavailable", "2")
    assert (open_order["status"], open_order["grants"]) == ("open", [])
    assert (again.status_code, again.json()["status"]) == (201, "paid")
    assert (Order.objects.count(), Grant.objects.count(), Sale.objects.count()) == (1, 1, 1)


def test_grants_are_listed_by_pack_status_and_page(market: Market, carol: Studio, dave: Studio) -> None:
    first = carol.order(market.offer(), key="1").json()["grants"][0]["id"]
    second = carol.order(market.offer(release=market.derived), key="2").json()["grants"][0]["id"]
    third = carol.order(market.offer("personal"), key="3").json()["grants"][0]["id"]
    dave.order(market.offer(), key="1")
    licensing.set_status(grant=Grant.objects.get(pk=second), status="suspended", reason="disputed", now=later(days=1))

    def listed(query: str) -> list[str]:
        answer = carol.get("/grants" + query)
        assert answer.status_code == 200, answer.content
        assert answer.headers["Cache-Control"] == "private, no-cache"
        return [grant["id"] for grant in answer.json()["data"]]

    assert listed("") == [third, second, first]
    assert listed("?pack=alice/yunhai") == [third, first]
    assert listed("?status=suspended") == [second]
    assert listed("?status=active&pack=bob/ink") == []
    page = carol.get("/grants?limit=2&status=active&pack=alice/yunhai")
    assert page.json()["next"] is None
    page = carol.get("/grants?limit=1&pack=alice/yunhai")
    assert page.headers["Link"].endswith('>; rel="next"')
    assert listed("?limit=1&pack=alice/yunhai&cursor=" + page.json()["next"]) == [first]
    assert ANYBODY.get("/grants").status_code == 401
    assert carol.get("/grants?pack=yunhai").status_code == 422
    assert carol.get("/grants?cursor=" + ANYBODY.get("/packs?limit=1").json()["next"]).status_code == 422


def test_a_page_of_grants_takes_few_queries(market: Market, carol: Studio, django_assert_max_num_queries: Any) -> None:
    for number in range(24):
        assert carol.order(market.offer("personal"), card=None, key=f"k{number}").status_code == 201
    with django_assert_max_num_queries(25):
        assert len(carol.get("/grants").json()["data"]) == 24
    with django_assert_max_num_queries(25) as few:
        carol.get("/grants?limit=2")
    with django_assert_max_num_queries(len(few)):
        carol.get("/grants?limit=20")


def seal() -> None:
    ledger.operations.register_keys(now=NOON)
    ledger.operations.seal(now=later(hours=2))


def test_a_download_waits_for_its_proof_then_streams(market: Market, carol: Studio) -> None:
    grant = carol.order(market.offer()).json()["grants"][0]
    path = f"/grants/{grant['id']}/download"
    waiting = carol.get(path)
    assert (waiting.status_code, waiting.json()["code"], waiting.headers["Retry-After"]) == (503, "proof-pending", "2")
    assert Download.objects.count() == 0

    seal()
    answer = carol.get(path, Accept="application/zip")
    data = b"".join(answer.streaming_content)

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{grant["id"]}.zip"'
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert {"manifest.json", "files/style.safetensors"} <= set(zipfile.ZipFile(io.BytesIO(data)).namelist())
    tag = answer.headers["ETag"]
    same = carol.get(path)
    assert (b"".join(same.streaming_content), same.headers["ETag"]) == (data, tag)
    assert Download.objects.count() == 2
    assert Download.objects.first().by == f"key {carol.key.shown}"

    had = carol.get(path, If_None_Match=tag)
    head = carol.call("HEAD", path)
    assert (had.status_code, had.content, had.headers["ETag"]) == (304, b"", tag)
    assert (head.status_code, head.headers["ETag"]) == (200, tag)
    assert Download.objects.count() == 2


def test_a_download_has_another_tag_when_its_proof_is_another(market: Market, carol: Studio) -> None:
    path = f"/grants/{carol.order(market.offer()).json()['grants'][0]['id']}/download"
    seal()
    first = carol.get(path)
    carol.order(market.offer("personal"), card=None, key="2")
    ledger.operations.seal(now=later(hours=3))
    second = carol.get(path)

    assert first.headers["ETag"] != second.headers["ETag"]
    assert b"".join(first.streaming_content) != b"".join(second.streaming_content)


@pytest.mark.parametrize("status", ["suspended", "revoked"])
def test_what_is_not_active_is_not_downloaded(market: Market, carol: Studio, status: str) -> None:
    grant = carol.order(market.offer()).json()["grants"][0]
    seal()
    licensing.set_status(grant=Grant.objects.get(), status=status, reason="disputed", now=later(days=1))

    answer = carol.get(f"/grants/{grant['id']}/download", Accept="application/zip")

    assert (answer.status_code, answer.json()["code"]) == (403, "license-not-active")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert carol.get(f"/grants/{grant['id']}").json()["status"] == status
    assert Download.objects.count() == 0


def test_a_lost_file_is_said_before_the_first_byte(market: Market, carol: Studio, settings: Any) -> None:
    grant = carol.order(market.offer()).json()["grants"][0]
    seal()
    for path in (settings.DATA_FOLDER / "blobs").rglob("*"):
        if path.is_file():
            path.unlink()

    answer = carol.get(f"/grants/{grant['id']}/download")

    assert (answer.status_code, answer.json()["code"]) == (500, "unforeseen")
    assert Download.objects.count() == 0
