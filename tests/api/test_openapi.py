"""The OpenAPI description is the contract: every operation answers as it says, and nothing more."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.utils import timezone
from jsonschema import FormatChecker
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

import ledger.operations
from ledger.signing.jwk import public_jwk
from marketplace.api.problems import KINDS, TYPE_PREFIX
from marketplace.compositions.uses import UsageKey
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Grant
from tests.api import chain_told, papers_told, payments_told, payouts_told, recipes_told, statements_told
from tests.api.shop import named, sell
from tests.api.studios import ANYBODY, Market, Studio
from tests.cast import DECLINED_CARD, later
from tests.compositions.usage.rendering import Farm, granted, locked, metered

OPEN = ("packs", "releases", "verify", "schema", "terms", "certificates", *chain_told.OPEN, *recipes_told.OPEN)
ZERO = recipes_told.ZERO


@pytest.fixture
def contract(db: None) -> dict[str, Any]:
    return json.loads(ANYBODY.get("/schema").content)


def operations(contract: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    methods = ("get", "post", "put", "patch", "delete")
    return [
        (method, path, one)
        for path, found in contract["paths"].items()
        for method, one in found.items()
        if method in methods
    ]


def closed(contract: dict[str, Any]) -> dict[str, Any]:
    """The components, with nothing allowed in an object but what is described."""
    components = copy.deepcopy(contract["components"])
    for schema in components["schemas"].values():
        schema.setdefault("additionalProperties", False)
    return components


def errors(contract: dict[str, Any], schema: dict[str, Any], value: Any) -> list[str]:
    whole = {**schema, "components": closed(contract)}
    found = OAS31Validator(whole, format_checker=FormatChecker()).iter_errors(value)
    return [f"{error.json_path}: {error.message}" for error in found]


def test_it_is_openapi_3_1_and_valid(contract: dict[str, Any]) -> None:
    validate(contract)

    assert contract["openapi"].startswith("3.1")
    assert contract["components"]["securitySchemes"]["apiKey"]["scheme"] == "bearer"
    assert "/api/v1/docs" not in contract["paths"]


NAMES = [
    "certificates_check",
    "certificates_read",
    "digests_verify",
    "grants_certificate",
    "grants_download",
    "grants_list",
    "grants_read",
    "grants_transfer",
    "may_i",
    "orders_create",
    "orders_quote",
    "orders_read",
    "packs_list",
    "packs_read",
    "projects_create",
    "projects_credits",
    "projects_list",
    "projects_read",
    "quote_requests_answer",
    "quote_requests_create",
    "quote_requests_list",
    "quote_requests_read",
    "releases_read",
    "schema_read",
    "seats_assign",
    "seats_read",
    "seats_release",
    "studio_entity",
    "studio_read",
    "studio_size",
    "subscriptions_cancel",
    "subscriptions_list",
    "subscriptions_read",
    "subscriptions_seats",
    "terms_check",
    "terms_export",
    "terms_import",
    "terms_read",
    "usage_keys_add",
    "usage_keys_end",
    "usage_keys_list",
    "usage_keys_read",
    "usage_list",
    "usage_report",
    "uses_accept",
    "uses_list",
]


def test_every_operation_is_told_in_full(contract: dict[str, Any]) -> None:
    names = [one["operationId"] for _method, _path, one in operations(contract)]

    others = (chain_told, papers_told, payments_told, payouts_told, recipes_told, statements_told)
    assert sorted(names) == sorted([*NAMES, *(name for other in others for name in other.NAMES)])
    for _method, path, one in operations(contract):
        assert one["summary"]
        assert one["description"].startswith("This will")
        open_to_all = path.removeprefix("/api/v1/").startswith(OPEN)
        key = "creatorKey" if path.startswith(("/api/v1/statements", "/api/v1/payouts")) else "apiKey"
        assert one["security"] == ([{key: []}, {}] if open_to_all else [{key: []}]), path
        assert {"401", "406", "500"} <= one["responses"].keys()
        for parameter in one.get("parameters", []):
            described = parameter.get("description") or parameter["name"].endswith("_id")
            assert described, (path, parameter["name"])
        for status, response in one["responses"].items():
            assert "X-Request-Id" in response["headers"]
            if int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"], (path, status)


def test_every_example_fits_its_shape(contract: dict[str, Any]) -> None:
    shown = 0
    for _method, path, one in operations(contract):
        bodies = [*one["responses"].values(), *([one["requestBody"]] if "requestBody" in one else [])]
        for body in bodies:
            for media in body.get("content", {}).values():
                for name, example in media.get("examples", {}).items():
                    assert errors(contract, media["schema"], example["value"]) == [], (path, name)
                    shown += 1
    assert shown >= 50


def told(contract: dict[str, Any], operation: str, answer: Any) -> None:
    """Holds one answer against the contract: its status, its media type, its body, its code."""
    one = next(one for _method, _path, one in operations(contract) if one["operationId"] == operation)
    status = str(answer.status_code)
    assert status in one["responses"], (operation, status, answer.content)
    response = one["responses"][status]
    for header in response["headers"]:
        optional = header in ("Link",)
        assert optional or header in answer.headers, (operation, status, header)
    if status == "304":
        assert "content" not in response
        return
    media = answer.headers["Content-Type"].partition(";")[0]
    assert media in response["content"], (operation, status, media)
    if media == "application/zip":
        assert b"".join(answer.streaming_content).startswith(b"PK")
        return
    if media not in ("application/json", "application/problem+json"):
        assert answer.getvalue()
        return
    described = response["content"][media]
    body = json.loads(answer.getvalue())
    assert errors(contract, described["schema"], body) == [], (operation, status)
    if int(status) >= 400:
        codes = {example["value"]["code"] for example in described["examples"].values()}
        assert body["code"] in codes, (operation, body["code"])
        assert body["status"] == KINDS[body["code"]].status == answer.status_code


REPORT = {"quantity": 1, "from_day": "2026-11-22", "until_day": "2026-11-22"}
USE = {"territory": ["DE"], "fields": ["film"], "media": ["video"]}


def rendered(market: Market, carol: Studio) -> dict[str, Any]:
    """A farm's key is registered, signs a use, and is ended."""
    studio, private = market.cast.studio, Ed25519PrivateKey.generate()
    asked = {"name": "farm 1", "public_key": public_jwk(private.public_key())}
    added = carol.send("POST", "/usage/keys", asked, key="farm")
    farm = Farm(studio, UsageKey.objects.get(), private)
    grant = granted(metered(market.world, minor=7, terms="studio"), studio, now=timezone.now())
    event = farm.event(locked(studio, market.cast.carol, grant), int(timezone.now().timestamp()))
    return {
        "usage_keys_add": added,
        "uses_accept": carol.call("POST", "/usage", farm.said(event)),
        "usage_keys_end": carol.call("DELETE", f"/usage/keys/{farm.key.pk}"),
    }


def written(market: Market, carol: Studio, dave: Studio) -> dict[str, Any]:
    """What each operation that is asked with a body, or changes something, answers when all is well."""
    certificate = Grant.objects.order_by("granted_at")[0].certificate
    monthly, metered = sell(market, "monthly", 1000), sell(market, "metered", 5, unit="image")
    carol.order(monthly, key="monthly")
    used = carol.order(metered, key="metered").json()["grants"][0]
    free = carol.order(market.offer("enterprise"), key="free").json()["grants"][0]["id"]
    subscription = "/subscriptions/" + carol.get("/subscriptions").json()["data"][0]["id"]
    asked = carol.send("POST", "/quote-requests", {"offer": str(sell(market, "on-request").pk)}, key="ask")
    named(market, asked.json()["id"], 250_000)
    seat, day = f"/grants/{used['id']}/seats/{market.cast.carol.email}", used["starts_at"][:10]
    report = {"quantity": 1, "from_day": day, "until_day": day}
    to = {"studio": str(market.cast.daves_studio.pk)}
    layers = [{"pack": "alice/yunhai"}]
    return {
        "orders_quote": carol.send("POST", "/quotes", {"offers": [str(market.offer().pk)]}),
        "terms_import": ANYBODY.send("POST", "/terms/read", {"license": "CC-BY-SA-4.0"}),
        "terms_check": ANYBODY.send("POST", "/terms/check", {"layers": layers, "use": USE | {"commercial": "full"}}),
        "may_i": carol.send("POST", "/may-i", {"sha256": market.world.digest, "use": USE}),
        "certificates_check": ANYBODY.send("POST", "/certificates/check", {"certificate": certificate}),
        "quote_requests_create": asked,
        "quote_requests_answer": carol.send(
            "POST", f"/quote-requests/{asked.json()['id']}/answers", {"kind": "accept"}, key="yes"
        ),
        "projects_create": carol.send("POST", "/projects", {"name": "Night Market"}, key="project"),
        "seats_assign": carol.call("PUT", seat),
        "seats_release": carol.call("DELETE", seat),
        **rendered(market, carol),
        "usage_report": carol.send("PUT", f"/grants/{used['id']}/usage/1", report),
        "grants_transfer": carol.send("POST", f"/grants/{free}/transfer", to, key="move"),
        "subscriptions_seats": carol.send("PUT", subscription + "/seats", {"seats": 2}, key="seats"),
        "subscriptions_cancel": carol.call("DELETE", subscription),
        "studio_size": carol.send("PUT", "/studio/size", {"people": 8, "revenue_usd": 0}),
        "studio_entity": carol.send("PUT", "/studio/legal-entity", {"legal_name": "Lantern GmbH", "country": "DE"}),
        "studio_billing": carol.send("PUT", "/studio/billing-details", {"country": "DE"}),
        **recipes_told.recipe_writes(carol),
    }


def test_every_operation_answers_as_described(
    sealed: Market, carol: Studio, dave: Studio, contract: dict[str, Any]
) -> None:
    order = carol.order(sealed.offer())
    grant = order.json()["grants"][0]["id"]
    told(contract, "orders_create", order)
    told(contract, "grants_download", carol.get(f"/grants/{grant}/download"))  # its proof is pending
    writes = (
        written(sealed, carol, dave)
        | payments_told.payment_writes(sealed, carol, order.json())
        | payouts_told.payout_writes(sealed)
    )
    for name, answer in writes.items():
        assert answer.status_code in (200, 201), (name, answer.content)
        told(contract, name, answer)
    alice, payout = statements_told.earned(sealed), payouts_told.settled(sealed)
    ledger.operations.seal(now=later(hours=3))
    reads = paths(sealed, carol, order.json(), writes) | payouts_told.payout_paths(payout)
    assert {"orders_create", "recipes_unshare", *reads, *writes} == {
        one["operationId"] for _method, _path, one in operations(contract)
    }
    for name, path in reads.items():
        who = alice if name in (*statements_told.NAMES, *payouts_told.NAMES) else carol
        good = who.get(path)
        assert good.status_code == 200, (name, good)
        told(contract, name, good)
        told(contract, name, who.get(path, If_None_Match=good.headers["ETag"]))
        told(contract, name, who.get(path + "?nonsense=1"))
        told(contract, name, who.get(path, Accept="text/html"))
        told(contract, name, Studio("wl_nothing").get(path))
        if not path.removeprefix("/").startswith(OPEN):
            told(contract, name, ANYBODY.get(path))
    told(contract, "recipes_unshare", recipes_told.unshared(carol, writes))
    told(contract, "packs_list", carol.get("/packs?limit=1"))
    for media in ("application/jose", "application/pdf"):
        told(contract, "grants_certificate", carol.get(reads["grants_certificate"], Accept=media))
    told(contract, "statements_read", alice.get(reads["statements_read"], Accept="text/csv"))
    for media in ("text/plain", "text/csv", "application/spdx+json"):
        told(contract, "projects_credits", carol.get(reads["projects_credits"], Accept=media))


def paths(market: Market, carol: Studio, order: dict[str, Any], writes: dict[str, Any]) -> dict[str, str]:
    """Where each thing is read."""
    grant = order["grants"][0]["id"]
    file = ANYBODY.get("/packs/alice/yunhai").json()["manifest"]["assets"][0]["sha256"]
    terms = market.offer().terms_id
    return {
        "packs_list": "/packs",
        "packs_read": "/packs/alice/yunhai",
        "releases_read": f"/releases/{market.world.digest}",
        "digests_verify": f"/verify/{file}",
        "schema_read": "/schema",
        "terms_read": f"/terms/{terms}",
        "terms_export": f"/terms/{terms}/odrl",
        "certificates_read": f"/certificates/{grant}",
        "orders_read": f"/orders/{order['id']}",
        "grants_list": "/grants",
        "grants_read": f"/grants/{grant}",
        "grants_certificate": f"/grants/{grant}/certificate",
        "grants_download": f"/grants/{grant}/download",
        "seats_read": f"/grants/{grant}/seats",
        "usage_list": f"/grants/{grant}/usage",
        "usage_keys_list": "/usage/keys",
        "usage_keys_read": f"/usage/keys/{writes['usage_keys_add'].json()['id']}",
        "uses_list": "/usage",
        "projects_list": "/projects",
        "projects_read": f"/projects/{writes['projects_create'].json()['id']}",
        "projects_credits": f"/projects/{writes['projects_create'].json()['id']}/credits",
        "quote_requests_list": "/quote-requests",
        "quote_requests_read": f"/quote-requests/{writes['quote_requests_create'].json()['id']}",
        "subscriptions_list": "/subscriptions",
        "subscriptions_read": "/subscriptions/" + carol.get("/subscriptions").json()["data"][0]["id"],
        "studio_read": "/studio",
        **chain_told.chain_paths(market, grant),
        **papers_told.paper_paths(order),
        **payments_told.payment_paths(writes),
        **recipes_told.recipe_paths(writes),
        **statements_told.statement_paths(),
    }


def test_every_refusal_is_described(sealed: Market, carol: Studio, dave: Studio, contract: dict[str, Any]) -> None:
    used = carol.order(sealed.offer(), key="used").json()
    grant = Grant.objects.get()
    licensing.set_status(grant=grant, status="suspended", reason="disputed", now=later(days=1))
    post: Callable[..., Any] = lambda body, media="application/json", **more: carol.call(  # noqa: E731
        "POST", "/orders", body, media, Idempotency_Key="k", **more
    )
    refusals = [
        ("orders_create", 400, post(b"{")),
        ("orders_create", 400, carol.call("POST", "/orders", b"{}")),
        ("orders_create", 401, ANYBODY.order(sealed.offer())),
        ("orders_create", 402, carol.order(sealed.offer(), card=DECLINED_CARD, key="declined")),
        ("orders_create", 413, post(b" " * 300_000)),
        ("orders_create", 415, post(b"{}", "text/plain")),
        ("orders_create", 422, post(b"{}")),
        ("orders_create", 422, carol.order(sealed.offer("enterprise"), sealed.offer(), key="two")),
        ("orders_create", 422, carol.order(sealed.offer("personal"), key="used")),
        ("orders_create", 422, carol.order(sealed.offer(), card="1")),
        ("orders_read", 404, carol.get(f"/orders/{ZERO}")),
        ("grants_read", 404, carol.get(f"/grants/{ZERO}")),
        ("grants_download", 404, carol.get(f"/grants/{ZERO}/download")),
        ("grants_download", 403, carol.get(f"/grants/{grant.pk}/download")),
        ("packs_read", 404, carol.get("/packs/a/b")),
        ("releases_read", 404, carol.get("/releases/" + "0" * 64)),
        ("releases_read", 422, carol.get("/releases/1")),
        ("digests_verify", 422, carol.get("/verify/1")),
        ("grants_list", 422, carol.get("/grants?limit=0")),
        ("terms_read", 404, carol.get("/terms/" + "0" * 64)),
        ("terms_export", 422, carol.get(f"/terms/{sealed.offer().terms_id}/cc")),
        ("terms_export", 422, carol.get(f"/terms/{sealed.offer().terms_id}/runes")),
        ("terms_import", 422, carol.send("POST", "/terms/read", {"license": "CC-BY-9.9"})),
        ("terms_check", 422, carol.send("POST", "/terms/check", {"layers": [], "use": USE})),
        ("may_i", 422, carol.send("POST", "/may-i", {"sha256": "0" * 64, "use": {}})),
        ("may_i", 401, ANYBODY.send("POST", "/may-i", {})),
        ("certificates_read", 404, carol.get(f"/certificates/{ZERO}")),
        ("certificates_check", 422, carol.send("POST", "/certificates/check", {"certificate": "a.b.c"})),
        ("orders_quote", 422, carol.send("POST", "/quotes", {"offers": [ZERO]})),
        ("uses_accept", 422, carol.call("POST", "/usage", b"{}")),
        ("uses_accept", 415, carol.call("POST", "/usage", b"{}", "text/plain")),
        ("usage_keys_read", 404, carol.get(f"/usage/keys/{ZERO}")),
        ("usage_keys_end", 404, carol.call("DELETE", f"/usage/keys/{ZERO}")),
        ("usage_keys_add", 422, carol.send("POST", "/usage/keys", {"name": "a", "public_key": "b"}, key="no")),
        ("projects_create", 422, carol.send("POST", "/projects", {"name": " "})),
        ("projects_create", 400, carol.call("POST", "/projects", b'{"name": "A"}')),
        ("projects_credits", 404, carol.get(f"/projects/{ZERO}/credits")),
        ("quote_requests_create", 422, carol.send("POST", "/quote-requests", {"offer": str(sealed.offer().pk)})),
        ("quote_requests_read", 404, carol.get(f"/quote-requests/{ZERO}")),
        ("quote_requests_answer", 404, carol.send("POST", f"/quote-requests/{ZERO}/answers", {"kind": "accept"})),
        ("seats_assign", 404, carol.call("PUT", f"/grants/{grant.pk}/seats/nobody@example.com")),
        ("grants_transfer", 404, carol.send("POST", f"/grants/{ZERO}/transfer", {"studio": ZERO})),
        ("usage_report", 422, carol.send("PUT", f"/grants/{grant.pk}/usage/1", REPORT)),
        ("subscriptions_seats", 404, carol.send("PUT", f"/subscriptions/{ZERO}/seats", {"seats": 1})),
        ("studio_size", 422, carol.send("PUT", "/studio/size", {"people": 0, "revenue_usd": 0})),
        ("studio_entity", 422, carol.send("PUT", "/studio/legal-entity", {"legal_name": "A", "country": "9X"})),
    ]
    refusals += [*chain_told.chain_refusals(carol), *payments_told.payment_refusals(used, carol, dave)]
    refusals += payouts_told.earning_refusals(sealed, carol, dave)
    for operation, status, answer in [*refusals, *recipes_told.recipe_refusals(sealed, carol, dave)]:
        assert answer.status_code == status, (operation, status, answer.content)
        told(contract, operation, answer)


def test_an_undescribed_field_or_status_would_be_noticed(contract: dict[str, Any]) -> None:
    reference = {"$ref": "#/components/schemas/ProofShape"}
    proof = {"state": "sealed", "index": 1, "entry_sha256": "0" * 64, "transaction": None}

    assert errors(contract, reference, proof) == []
    assert errors(contract, reference, proof | {"more": 1}) != []
    assert errors(contract, reference, proof | {"state": "lost"}) != []
    assert errors(contract, reference, {"state": "sealed"}) != []


def test_the_type_of_every_problem_leads_to_its_explanation(db: None) -> None:
    page = ANYBODY.client.get(TYPE_PREFIX.partition("#")[0])

    assert page.status_code == 200
    for code in KINDS:
        assert f'id="{code}"' in page.content.decode()
    assert ANYBODY.client.post("/api/v1/docs").status_code == 405
