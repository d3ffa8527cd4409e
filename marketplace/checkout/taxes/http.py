"""A tax service over HTTP: docs/invoices.md has the question and the answer. Without an answer nothing is ordered."""

import http.client
import json
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson
from django.conf import settings

from marketplace.checkout.taxes.base import REASONS, TaxAnswer, TaxAsked, TaxPart
from marketplace.checkout.taxes.faults import TaxUnavailable
from marketplace.checkout.taxes.rules import JURISDICTION_LENGTH, MOST_RATE_PPB

QUESTION_FORMAT, ANSWER_FORMAT = "worldloom/tax-question/1", "worldloom/tax-answer/1"
MOST_BYTES = 16 * 1024**2
MOST_PARTS = 8
_FIELDS = {"jurisdiction", "name", "rate_ppb", "base_minor", "tax_minor", "reason"}


class HttpTaxes:
    """The adapter to a service at WORLDLOOM_TAXES_URL, asked with the key of WORLDLOOM_TAXES_KEY as bearer token."""

    name = "http"
    is_remote = True

    def taxes(self, asked: TaxAsked) -> TaxAnswer:
        """This will ask the service once; raises TaxUnavailable for silence and for answers that do not add up."""
        answer = _sent(orjson.dumps(question(asked)))
        return TaxAnswer(read_answer(answer, asked), answer)


def question(asked: TaxAsked) -> dict[str, Any]:
    """This will write the question as data."""
    return {
        "format": QUESTION_FORMAT,
        "seller": {"code": asked.seller.code, "country": asked.seller.country},
        "buyer": {
            "country": asked.place.country,
            "region": asked.place.region,
            "postcode": asked.place.postcode,
            "vat_id": asked.vat_id,
        },
        "prices_include_tax": asked.seller.prices_include_tax,
        "currency": asked.currency,
        "at": asked.at.isoformat(),
        "lines": [{"amount_minor": line.amount_minor, "kind": line.kind} for line in asked.lines],
    }


def read_answer(answer: Any, asked: TaxAsked) -> tuple[tuple[TaxPart, ...], ...]:
    """This will read an answer strictly: a list of parts for each line, taxes that fit the prices, reasons we know."""
    if not isinstance(answer, Mapping) or answer.get("format") != ANSWER_FORMAT:
        raise TaxUnavailable(f"the answer is not of the format {ANSWER_FORMAT}")
    lines = answer.get("lines")
    if not isinstance(lines, list) or len(lines) != len(asked.lines):
        raise TaxUnavailable("the answer has not one list of taxes for each line")
    included = asked.seller.prices_include_tax
    return tuple(_line(parts, line.amount_minor, included) for parts, line in zip(lines, asked.lines, strict=True))


def _line(parts: Any, amount_minor: int, included: bool) -> tuple[TaxPart, ...]:
    if not isinstance(parts, list) or len(parts) > MOST_PARTS:
        raise TaxUnavailable(f"a line has no list of at most {MOST_PARTS} taxes")
    read = tuple(_part(part) for part in parts)
    tax = sum(part.tax_minor for part in read)
    if tax > amount_minor:
        raise TaxUnavailable("the taxes of a line are more than its price")
    base = amount_minor - tax if included else amount_minor
    if any(part.base_minor > base for part in read):
        raise TaxUnavailable("a tax is of more than the price of its line")
    return read


def _part(part: Any) -> TaxPart:
    if not isinstance(part, Mapping) or set(part) != _FIELDS:
        raise TaxUnavailable(f"a tax has other fields than {', '.join(sorted(_FIELDS))}")
    numbers = [part["rate_ppb"], part["base_minor"], part["tax_minor"]]
    if any(type(number) is not int or number < 0 for number in numbers) or part["rate_ppb"] > MOST_RATE_PPB:
        raise TaxUnavailable("a tax has a number that is no whole one, below zero, or a rate above the whole")
    texts = [part["jurisdiction"], part["name"]]
    if any(not isinstance(text, str) or len(text) > JURISDICTION_LENGTH or not text.isprintable() for text in texts):
        raise TaxUnavailable("a tax has a name or a jurisdiction that cannot be kept")
    if part["reason"] not in REASONS or (part["reason"] and part["tax_minor"]) or not part["jurisdiction"]:
        raise TaxUnavailable("a tax has no jurisdiction, or a reason that does not fit")
    return TaxPart(**part)


def _sent(body: bytes) -> Any:
    parts = urlsplit(settings.TAXES_URL)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    more: dict[str, Any] = {"context": ssl.create_default_context()} if parts.scheme == "https" else {}
    headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "worldloom"}
    if settings.TAXES_KEY:
        headers["Authorization"] = f"Bearer {settings.TAXES_KEY}"
    connection = kind(parts.hostname or "", parts.port, timeout=settings.TAXES_TIMEOUT_SECONDS, **more)
    try:
        connection.request("POST", parts.path or "/", body, headers)
        response = connection.getresponse()
        content = response.read(MOST_BYTES + 1)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise TaxUnavailable(f"the service does not answer: {str(error) or type(error).__name__}") from None
    finally:
        connection.close()
    if response.status != 200:
        raise TaxUnavailable(f"the service answers {response.status}")
    if len(content) > MOST_BYTES:
        raise TaxUnavailable("the answer is too long")
    try:
        return json.loads(content)
    except ValueError:
        raise TaxUnavailable("the answer is no JSON") from None
