"""The OpenAPI description is the contract: every operation answers as it says, and nothing more."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import FormatChecker
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

import ledger.operations
from marketplace.api.problems import KINDS, TYPE_PREFIX
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Grant
from tests.api.studios import ANYBODY, Market, Studio
from tests.cast import DECLINED_CARD, later

OPEN = ("packs", "releases", "verify", "schema", "terms", "certificates")
ZERO = "00000000-0000-4000-8000-000000000000"


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


def test_every_operation_is_told_in_full(contract: dict[str, Any]) -> None:
    names = [one["operationId"] for _method, _path, one in operations(contract)]

    assert sorted(names) == [
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
        "usage_report",
    ]
    for _method, path, one in operations(contract):
        assert one["summary"]
        assert one["description"].startswith("This will")
        open_to_all = path.removeprefix("/api/v1/").startswith(OPEN)
        assert one["security"] == ([{"apiKey": []}, {}] if open_to_all else [{"apiKey": []}]), path
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
    ((media, described),) = response["content"].items()
    assert answer.headers["Content-Type"] == media, (operation, status)
    if media == "application/zip":
        assert b"".join(answer.streaming_content).startswith(b"PK")
        return
    body = json.loads(answer.content)
    assert errors(contract, described["schema"], body) == [], (operation, status)
    if int(status) >= 400:
        codes = {example["value"]["code"] for example in described["examples"].values()}
        assert body["code"] in codes, (operation, body["code"])
        assert body["status"] == KINDS[body["code"]].status == answer.status_code


def test_every_operation_answers_as_described(sealed: Market, carol: Studio, contract: dict[str, Any]) -> None:
    order = carol.order(sealed.offer())
    grant = order.json()["grants"][0]["id"]
    file = ANYBODY.get("/packs/alice/yunhai").json()["manifest"]["assets"][0]["sha256"]
    reads = {
        "packs_list": "/packs",
        "packs_read": "/packs/alice/yunhai",
        "releases_read": f"/releases/{sealed.world.digest}",
        "digests_verify": f"/verify/{file}",
        "schema_read": "/schema",
        "orders_read": f"/orders/{order.json()['id']}",
        "grants_list": "/grants",
        "grants_read": f"/grants/{grant}",
        "grants_download": f"/grants/{grant}/download",
    }
    told(contract, "orders_create", order)
    told(contract, "grants_download", carol.get(reads["grants_download"]))  # its proof is pending
    ledger.operations.seal(now=later(hours=3))
    assert {"orders_create", *reads} == {one["operationId"] for _method, _path, one in operations(contract)}
    for name, path in reads.items():
        good = carol.get(path)
        assert good.status_code == 200, (name, good.content)
        told(contract, name, good)
        told(contract, name, carol.get(path, If_None_Match=good.headers["ETag"]))
        told(contract, name, carol.get(path + "?nonsense=1"))
        told(contract, name, carol.get(path, Accept="text/html"))
        told(contract, name, Studio("wl_nothing").get(path))
        if path.startswith(("/grants", "/orders")):
            told(contract, name, ANYBODY.get(path))
    told(contract, "packs_list", carol.get("/packs?limit=1"))


def test_every_refusal_is_described(sealed: Market, carol: Studio, contract: dict[str, Any]) -> None:
    carol.order(sealed.offer(), key="used")
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
    ]

    for operation, status, answer in refusals:
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
