"""The OpenAPI 3.1 description: what each operation is asked and answers, with every refusal by its code."""

from typing import Any

from django.utils import translation
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.settings import patched_settings
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse

from marketplace.api import examples
from marketplace.api.problems import KINDS, TYPE_PREFIX
from marketplace.api.questions import DEFAULT_LIMIT, LIMIT
from marketplace.api.serializers import ProblemShape
from marketplace.catalog.rules import AI_TRAINING, BASE_MODELS, ELEMENT_KINDS, PACK_KINDS

PROBLEM_TYPE = "application/problem+json"
# What every operation may answer, whatever it is asked.
_ALWAYS = ("api-key-unknown", "not-acceptable", "unforeseen")
_DESCRIPTION = """List packs, license offers, download what you licensed and verify what you hold.

Refusals are problem details (RFC 9457); `code` is stable. Lists are pages with a cursor in `next` and a `Link`.
Amounts are whole minor units of an ISO 4217 currency, times are RFC 3339 in UTC. Every answer carries `X-Request-Id`.
Prose follows `Accept-Language` (`en`, `zh-Hans`)."""
_TAGS = {
    "catalog": "Packs, releases and what they are offered under.",
    "licensing": "Orders, grants and downloads of your studio.",
    "terms": "What licenses allow, whether they fit together, and what may be done.",
    "recipes": "Which pack paints which layer: checked, quoted, bought, locked and taken to other tools.",
    "payouts": "What you were paid as a creator, and when the next payout comes: for a creator's API key.",
    "statements": "What you earned as a creator, month by month: for a creator's API key.",
    "proof": "Whether bytes are registered, and where their statement stands in the log.",
    "description": "This document.",
}


def choice(name: str, values: tuple[str, ...], text: str) -> OpenApiParameter:
    """This will describe one of some words in the query."""
    return OpenApiParameter(name, str, enum=[value for value in values if value], description=text)


def paged(*filters: OpenApiParameter) -> list[OpenApiParameter]:
    """This will describe the query of a list."""
    size = {"type": "integer", "minimum": 1, "maximum": LIMIT, "default": DEFAULT_LIMIT}
    return [
        *filters,
        OpenApiParameter("cursor", str, description="`next` of the page before, as it is."),
        OpenApiParameter("limit", size, description="Rows a page."),
    ]


PACK_FILTERS = paged(
    OpenApiParameter("q", str, description="Words in English or Chinese; all of them must fit."),
    choice("kind", PACK_KINDS, "What the pack is."),
    choice("element", ELEMENT_KINDS, "What it holds."),
    choice("base_model", BASE_MODELS, "What its models were made for."),
    choice("ai_training", AI_TRAINING, "Whether the creator lets licenses allow training."),
    OpenApiParameter("creator", str, description="A creator's handle."),
)
PAGES = paged()
PACK_NAME = [
    OpenApiParameter("creator", str, OpenApiParameter.PATH, description="The creator's handle."),
    OpenApiParameter("pack", str, OpenApiParameter.PATH, description="The pack's handle."),
    OpenApiParameter("version", str, description="A version as in 1.0.0; the newest without it."),
]
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 202},
    OpenApiParameter.HEADER,
    required=True,
    description="1 to 200 visible ASCII characters, bare or quoted. It stands for one request of the studio for ever:"
    " the same again is answered with the same outcome, another one is refused.",
)
ORDER_REQUEST = OpenApiExample("one offer, by test card", value=examples.ORDER_REQUEST, request_only=True)


def request_example(name: str, value: Any) -> OpenApiExample:
    """This will show one way to ask."""
    return OpenApiExample(name, value=value, request_only=True)


def digest(name: str, text: str) -> OpenApiParameter:
    """This will describe a SHA-256 in the path."""
    form = {"type": "string", "pattern": "^[0-9a-fA-F]{64}$"}
    return OpenApiParameter(name, form, OpenApiParameter.PATH, description=text)


def answers(
    shape: Any, *codes: str, status: int = 200, media_type: str = "application/json", also: tuple[str, ...] = ()
) -> dict[Any, Any]:
    """This will describe the good answer of an operation, `also` as files of other types, and each refusal."""
    value = examples.BY_SHAPE.get(getattr(shape, "__name__", ""))
    shown = [OpenApiExample("example", value=value, response_only=True, status_codes=[str(status)])] if value else []
    text = {200: "As asked.", 201: "Done, now or under the same key before."}[status]
    described: dict[Any, Any] = {(status, media_type): OpenApiResponse(shape, description=text, examples=shown)}
    described |= {(status, other): OpenApiResponse(bytes, description=text) for other in also}
    by_status: dict[int, list[str]] = {}
    for code in (*_ALWAYS, *codes):
        by_status.setdefault(KINDS[code].status, []).append(code)
    for number, names in sorted(by_status.items()):
        described[number, PROBLEM_TYPE] = OpenApiResponse(
            ProblemShape,
            description="; ".join(f"`{name}`" for name in names),
            examples=[_example(name) for name in names],
        )
    return described


def waiting(shape: Any) -> dict[Any, Any]:
    """This will describe the answer while a payment waits."""
    return {(202, "application/json"): OpenApiResponse(shape, description="Ordered; its payment waits.")}


def _example(code: str) -> OpenApiExample:
    with translation.override("en"):
        kind = KINDS[code]
        value: dict[str, Any] = {
            "type": TYPE_PREFIX + code,
            "title": str(kind.title),
            "status": kind.status,
            "detail": str(kind.remedy),
            "code": code,
            "request_id": "0b4f3c1e9d5a47c2b8e6f1a2d3c4b5a6",
        }
    if code == "invalid-request":
        value["findings"] = [{"in": "body", "where": "/offers/0", "message": "Must be a valid UUID."}]
    return OpenApiExample(code, value=value, response_only=True, status_codes=[str(kind.status)])


def describe() -> dict[str, Any]:
    """This will generate the description from the views, and add what holds for every operation."""
    plain = {
        "POSTPROCESSING_HOOKS": [],
        "COMPONENT_SPLIT_REQUEST": False,
        "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    }
    with translation.override("en"), patched_settings(plain):
        document: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    document["info"]["description"] = _DESCRIPTION
    document["servers"] = [{"url": "/", "description": "The marketplace that serves this document."}]
    document["tags"] = [{"name": name, "description": text} for name, text in _TAGS.items()]
    for name, schema in document["components"]["schemas"].items():
        if name.endswith("Request"):
            schema["additionalProperties"] = False
    for methods in document["paths"].values():
        for method, operation in methods.items():
            _complete(method, operation)
    _tidy(document)
    return document


def _tidy(part: Any) -> None:
    """Takes out what the generator notes for itself."""
    if isinstance(part, dict):
        part.pop("x-spec-enum-id", None)
        for inner in part.values():
            _tidy(inner)
    elif isinstance(part, list):
        for inner in part:
            _tidy(inner)


def _complete(method: str, operation: dict[str, Any]) -> None:
    """Adds the headers that every operation knows, and 304 to reads."""
    # The generator takes the names of our renderers for a parameter, which `Negotiation` does not know.
    sent = [one for one in operation.get("parameters", []) if one["name"] != "format"]
    operation["parameters"] = sent
    sent.append(_header_in("X-Request-Id", "A name for the request; one is made without it."))
    sent.append(_header_in("Accept-Language", "Language of prose: `en` or `zh-Hans`."))
    responses = operation["responses"]
    if method == "get":
        sent.append(_header_in("If-None-Match", "Entity tags of what the client has."))
        responses["200"].setdefault("headers", {})["ETag"] = _header("Names the very bytes of the body.")
        responses["304"] = {"description": "The client has it.", "headers": {"ETag": _header("As sent.")}}
    if operation["operationId"].endswith("_list"):
        responses["200"]["headers"]["Link"] = _header("The next page (RFC 8288); absent on the last one.")
    for status, response in responses.items():
        headers = response.setdefault("headers", {})
        headers["X-Request-Id"] = _header("The name of the request.")
        if status == "201" and operation["operationId"] != "grants_transfer":
            headers["Location"] = _header("Where it is read.")
        if status == "401":
            headers["WWW-Authenticate"] = _header("RFC 6750.")
        if status == "503":
            headers["Retry-After"] = _header("Seconds to wait.")


def _header(text: str) -> dict[str, Any]:
    return {"description": text, "schema": {"type": "string"}}


def _header_in(name: str, text: str) -> dict[str, Any]:
    return {"in": "header", "name": name, "required": False, **_header(text)}
