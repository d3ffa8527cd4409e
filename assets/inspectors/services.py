"""A service: JSON that says where a provider paints on request, how large, how often and how fast.

docs/formats/service.md is its page. Nobody is asked here: whether the provider answers shows when it is called.
"""

import re
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from assets.inspectors.base import FACTS_FORMAT, Facts, Inspection, Limits, Refused, refused, shown_name
from assets.inspectors.strict_json import read_file
from marketplace.ui.words import Words
from marketplace.ui.words import gettext_noop as _

SERVICE_FORMAT = "worldloom/service/1"
SERVICE_MEDIA_TYPE = "application/vnd.worldloom.service+json"
PICTURE_TYPES = ("image/jpeg", "image/png", "image/webp")
MOST_BYTES = 32 * 1024**2
"""The largest picture that a provider may send."""

_FILE_BYTES = 64 * 1024
_ENDPOINT_CHARACTERS = 300
_SAYS_FORMAT = re.compile(rb'"worldloom/service/[0-9]')
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|[0-9a-f:.]{2,45}")
_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?")
_HERE = frozenset({"127.0.0.1", "localhost", "::1"})
_WHOLE = Words(_("the service"))


class _Number(NamedTuple):
    """A whole number that may be said, what it is when it is not, and its limits."""

    default: int
    least: int
    most: int


_GROUPS: dict[str, dict[str, _Number]] = {
    "sizes": {
        "least": _Number(64, 1, 4096),
        "most": _Number(2048, 1, 4096),
        "multiple": _Number(8, 1, 256),
    },
    "quota": {"per_day": _Number(1_000, 1, 1_000_000), "at_once": _Number(4, 1, 100)},
    "timeout": {"answer_seconds": _Number(10, 1, 60), "job_seconds": _Number(300, 1, 3_600)},
}
_RESULT_BYTES = _Number(16 * 1024**2, 1_024, MOST_BYTES)
_MEMBERS = {"format", "endpoint", "media_types", "result_bytes", *_GROUPS}


def may_be_service(data: bytes) -> bool:
    """Say whether the bytes of a JSON file name the format of services anywhere."""
    return bool(_SAYS_FORMAT.search(data))


def inspect_service(data: bytes, limits: Limits) -> Inspection:
    """Return the facts of a service, everything that it leaves out filled in; raise Refused."""
    return Inspection(SERVICE_MEDIA_TYPE, {"format": FACTS_FORMAT, "kind": "service"} | read_service(data, limits))


def read_service(data: bytes, limits: Limits | None = None) -> Facts:
    """Return what a service.json says, everything that it leaves out filled in, without its format; raise Refused."""
    value = read_file(data, most_bytes=_FILE_BYTES, depth=(limits or Limits()).json_depth, where=_WHOLE)
    if not isinstance(value, dict) or value.get("format") != SERVICE_FORMAT:
        raise _bad("format", _('%(place)s must be "worldloom/service/1".'))
    _refuse_unknown("", value, _MEMBERS)
    found: Facts = {"endpoint": _endpoint(value.get("endpoint"))}
    for name, members in _GROUPS.items():
        found[name] = _group(name, value.get(name, {}), members)
    if found["sizes"]["least"] > found["sizes"]["most"]:
        raise _bad("sizes.least", _("%(place)s is more than sizes.most."))
    if _whole_sizes(found["sizes"]) < 1:
        raise _bad("sizes.multiple", _("%(place)s has no multiple between sizes.least and sizes.most."))
    found["media_types"] = _media_types(value.get("media_types", list(PICTURE_TYPES)))
    found["result_bytes"] = _number("result_bytes", value.get("result_bytes"), _RESULT_BYTES)
    return found


def _endpoint(value: object) -> str:
    """Return the address below which jobs are asked for, without a slash at its end."""
    shown = shown_name(value, 80) if isinstance(value, str) else ""
    wrong = _bad(
        "endpoint", _("%(place)s must be an https address such as https://paint.example/worldloom, without a query.")
    )
    if not isinstance(value, str) or len(value) > _ENDPOINT_CHARACTERS or not value.isascii():
        raise wrong
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise wrong from None
    host = parts.hostname or ""
    spelled = (f"[{host}]" if ":" in host else host) + ("" if port is None else f":{port}")
    if parts.query or parts.fragment or "?" in value or "#" in value or parts.netloc.lower() != spelled or port == 0:
        raise wrong
    if not _HOST.fullmatch(host) or ".." in host or not _PATH.fullmatch(parts.path):
        raise wrong
    if parts.scheme == "http" and host not in _HERE:
        template = _("%(place)s is %(address)s, which is not encrypted: only this machine's own is taken with http.")
        raise _bad("endpoint", template, address=shown)
    if parts.scheme not in ("http", "https"):
        raise wrong
    return f"{parts.scheme}://{spelled}{parts.path.rstrip('/')}"


def _media_types(value: object) -> list[str]:
    if not isinstance(value, list) or not value or not all(one in PICTURE_TYPES for one in value):
        template = _("%(place)s must be a list of %(types)s.")
        raise _bad("media_types", template, types=", ".join(PICTURE_TYPES))
    return sorted(set(value))


def _group(name: str, value: object, members: dict[str, _Number]) -> dict[str, int]:
    if not isinstance(value, dict):
        raise _bad(name, _("%(place)s must be an object."))
    _refuse_unknown(f"{name}.", value, set(members))
    return {key: _number(f"{name}.{key}", value.get(key), number) for key, number in members.items()}


def _number(place: str, value: object, number: _Number) -> int:
    if value is None:
        return number.default
    if type(value) is not int or not number.least <= value <= number.most:
        template = _("%(place)s must be a whole number from %(least)s to %(most)s.")
        raise _bad(place, template, least=number.least, most=number.most)
    return value


def _whole_sizes(sizes: dict[str, int]) -> int:
    """Count the sides that keep to all three numbers."""
    multiple = sizes["multiple"]
    return sizes["most"] // multiple - (sizes["least"] - 1) // multiple


def _refuse_unknown(prefix: str, value: dict[str, Any], known: set[str]) -> None:
    for key in value:
        if key not in known:
            raise _bad(f"{prefix}{shown_name(key, 40)}", _("%(place)s is not known: remove it."))


def _bad(place: str, template: str, **values: str | int) -> Refused:
    return refused("service-malformed", template, place, place=place, **values)
