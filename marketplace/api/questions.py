"""Reading what a request asks for, outside its body: query, path and headers, as strictly as the body."""

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any, TypeVar
from uuid import UUID

from django.utils.translation import gettext as _
from rest_framework.request import Request

from marketplace.api.errors import IdempotencyKeyMissing, InvalidRequest
from marketplace.api.problems import NOT_KNOWN, Finding
from marketplace.checkout.rules import is_idempotency_key

LIMIT, DEFAULT_LIMIT = 100, 24
TEXT_LIMIT = 200
Reader = Callable[[str], Any]
Row = TypeVar("Row")


def query(request: Request, readers: Mapping[str, Reader]) -> dict[str, Any]:
    """This will read the query by one reader a name; an empty value counts as none.

    Raises InvalidRequest with every finding: unknown names, names given twice, and what a reader refused.
    """
    found: dict[str, Any] = {}
    findings = []
    for name, values in request.query_params.lists():
        if name not in readers:
            findings.append(Finding("query", name[:60], _(NOT_KNOWN)))
        elif len(values) > 1:
            findings.append(Finding("query", name, _("stands twice: give it once.")))
        elif values[0]:
            try:
                found[name] = readers[name](values[0])
            except ValueError as error:
                findings.append(Finding("query", name, str(error)))
    if findings:
        raise InvalidRequest(findings)
    return found


def text(value: str) -> str:
    """This will read a short text without control characters."""
    if len(value) > TEXT_LIMIT:
        raise ValueError(_("is longer than %s characters.") % TEXT_LIMIT)
    if any(sign < " " or "\x7f" <= sign <= "\x9f" for sign in value):
        raise ValueError(_("holds control characters."))
    return value


def choice(*values: str) -> Reader:
    """This will read one of some words."""

    def read(value: str) -> str:
        if value not in values:
            raise ValueError(_("must be one of %s.") % ", ".join(values))
        return value

    return read


def pattern(form: str, example: str) -> Reader:
    """This will read a text of some form."""

    def read(value: str) -> str:
        if not re.fullmatch(form, value):
            raise ValueError(_("must look like %s.") % example)
        return value

    return read


def limit(value: str) -> int:
    """This will read how many rows a page has."""
    if not re.fullmatch(r"[0-9]{1,3}", value) or not 1 <= int(value) <= LIMIT:
        raise ValueError(_("must be a whole number from 1 to %s.") % LIMIT)
    return int(value)


def uuid(value: str) -> UUID:
    """This will read a UUID as RFC 9562 writes it."""
    found = UUID(value) if re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", value) else None
    if found is None:
        raise ValueError(_("must be a valid UUID."))
    return found


def day(value: str) -> date:
    """This will read a day as RFC 3339 writes it."""
    try:
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            raise ValueError
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError(_("must be a day such as 2026-11-28.")) from None


def form(request: Request, asked: Mapping[str, Any]) -> str:
    """This will tell in which form an answer is wanted: by the query's `format`, else by the header Accept."""
    wanted: str = asked.get("format") or request.accepted_renderer.format
    return "json" if wanted == "problem" else wanted


def pages(of: str) -> dict[str, Reader]:
    """This will give the readers of a list that has no filters."""
    return {"cursor": cursor(of), "limit": limit}


def sliced(
    rows: Iterable[Row], asked: Mapping[str, Any], key: Callable[[Row], tuple[datetime, UUID]]
) -> tuple[list[Row], str | None]:
    """This will cut one page out of a short list, newest first, and name the place of its last row if more follow."""
    ordered = sorted(rows, key=key, reverse=True)
    if at := asked.get("cursor"):
        moment, _sign, name = at.partition("~")
        ordered = [row for row in ordered if key(row) < (datetime.fromisoformat(moment), UUID(name))]
    size = asked.get("limit", DEFAULT_LIMIT)
    found = ordered[:size]
    if len(ordered) <= size:
        return found, None
    moment_of_last, name_of_last = key(found[-1])
    return found, f"{moment_of_last.isoformat()}~{name_of_last}"


def _is_uuid(text: str) -> bool:
    return str(UUID(text)) == text


def is_sha256(text: str) -> bool:
    """This will tell whether a text is 64 small hexadecimal digits."""
    return bool(re.fullmatch(r"[0-9a-f]{64}", text))


def cursor(of: str, is_key: Callable[[str], bool] = _is_uuid) -> Reader:
    """This will read a cursor of one list back into the place that it stands for; its rows have keys of one form.

    A cursor that we never gave out is refused: starting again from the first page would make a loop of a mistake.
    """

    def read(value: str) -> str:
        try:
            raw = base64.urlsafe_b64decode(value.encode("ascii") + b"=" * (-len(value) % 4)).decode("ascii")
            name, _sign, place = raw.partition("|")
            moment, _sign, key = place.partition("~")
            if name != of or datetime.fromisoformat(moment).tzinfo is None or not is_key(key):
                raise ValueError
        except ValueError:
            raise ValueError(_("is no cursor of this list: take it from `next`.")) from None
        return place

    return read


def as_cursor(of: str, place: str | None) -> str | None:
    """This will hide a place in a list behind an opaque cursor."""
    return base64.urlsafe_b64encode(f"{of}|{place}".encode()).decode().rstrip("=") if place else None


def digest(name: str, value: str) -> str:
    """This will read a SHA-256 from the path, in small letters."""
    if not re.fullmatch(r"[0-9a-fA-F]{64}", value):
        raise InvalidRequest([Finding("path", name, _("must be 64 hexadecimal digits."))])
    return value.lower()


def idempotency_key(request: Request) -> str:
    """This will read the header Idempotency-Key, bare or quoted as in a structured field (RFC 9651, section 3.3.3)."""
    key = request.headers.get("Idempotency-Key", "").strip()
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = re.sub(r'\\(["\\])', r"\1", key[1:-1])
    if not key:
        raise IdempotencyKeyMissing()
    if not is_idempotency_key(key):
        raise InvalidRequest([Finding("header", "Idempotency-Key", _("must be 1 to 200 visible ASCII characters."))])
    return key


def preferred(header: str, known: Iterable[str]) -> bool:
    """This will tell whether a list of entity tags (RFC 9110, section 8.8.3) names one of ours, weakly compared."""
    tags = {tag.strip().removeprefix("W/") for tag in header.split(",")}
    return "*" in tags or bool(tags & set(known))
