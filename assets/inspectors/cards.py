"""Character cards V2 and V3: texts and pictures of a character, and nothing that runs or is fetched.

Where they stand: as JSON, in the tEXt chunks "chara" and "ccv3" of a PNG (base64), or as card.json in a zip
archive (CHARX). Fields are those of the Character Card V2 and V3 specifications.
"""

import base64
import binascii
import io
import re
from collections.abc import Callable, Collection
from typing import Any, BinaryIO

from assets import rules
from assets.inspectors import card_texts, dispatch
from assets.inspectors.base import Facts, Limits, Refused, refused, shown_name
from assets.inspectors.card_fields import check_fields, texts_of
from assets.inspectors.prompts_languages import languages
from assets.inspectors.strict_json import read_json
from assets.inspectors.texts import check_characters, check_strings, decoded
from marketplace.ui.words import Words
from marketplace.ui.words import gettext_noop as _

SPECS = {"chara_card_v2": re.compile(r"2\.[0-9]{1,2}"), "chara_card_v3": re.compile(r"3\.[0-9]{1,2}")}

_WHOLE = Words(_("the card"))
_SAYS_SPEC = re.compile(rb'"chara_card_v[23]"')
_CHUNKS = ("chara", "ccv3")
_ASSET_CHUNK = "chara-ext-asset_:"
_DATA_URI = re.compile(r"data:image/(png|jpeg|webp|avif);base64,", re.IGNORECASE)
_ASSETS_BYTES = 256 * 1024**2

_Find = Callable[[str, str, str], None]
"""Judges the asset of (place, URI, ending); raises Refused."""


def may_be_card(data: bytes) -> bool:
    """Say whether the bytes of a JSON file name the specification of cards anywhere."""
    return bool(_SAYS_SPEC.search(data))


def is_card(value: object) -> bool:
    """Say whether a JSON value, or the bytes of one, calls itself a character card."""
    if isinstance(value, bytes):
        return may_be_card(value)
    return isinstance(value, dict) and isinstance(value.get("spec"), str) and value["spec"] in SPECS


def read_card(data: bytes, limits: Limits) -> Any:
    """Return the JSON of a card, its characters and strings having been checked; raise Refused."""
    if len(data) > limits.card_bytes:
        template = _("the card is larger than %(limit)s bytes.")
        raise refused("file-too-large", template, f"offset {limits.card_bytes}", limit=limits.card_bytes)
    text = decoded(data)
    check_characters(text, "")
    value = read_json(text, depth=limits.json_depth, where=_WHOLE)
    check_strings(value, _WHOLE)
    return value


def card_of_json(value: Any, limits: Limits) -> Facts:
    """Return the facts of a card that is a JSON file: its assets can only stand in data: URIs; raise Refused."""

    def find(place: str, uri: str, _ending: str) -> None:
        raise _remote(place, uri)

    return _facts(value, limits, find)


def card_of_archive(file: BinaryIO, limits: Limits, *, paths: Collection[str]) -> Facts:
    """Return the facts of the card.json of an archive with members at `paths`; raise Refused.

    The members themselves are inspected by the archive.
    """

    def find(place: str, uri: str, _ending: str) -> None:
        scheme, _colon, path = uri.partition("://")
        if scheme not in ("embeded", "embedded"):
            raise _remote(place, uri)
        if path not in paths:
            raise _missing(place, path)

    value = read_card(file.read(limits.card_bytes + 1), limits)
    if not is_card(value):
        raise refused("card-malformed", _("card.json does not call itself a character card V2 or V3."), "spec")
    return _facts(value, limits, find)


def card_of_png(file: BinaryIO, limits: Limits) -> Facts | None:
    """Return the facts of the card that a PNG carries, those of V3 when it carries both; None without a card.

    The PNG has passed its own inspection. Raise Refused, also for assets in chunks that no card lists.
    """
    chunks = _text_chunks(file)
    assets = {
        keyword[len(_ASSET_CHUNK) :]: body for keyword, body in chunks.items() if keyword.startswith(_ASSET_CHUNK)
    }
    used: set[str] = set()
    total = 0

    def find(place: str, uri: str, ending: str) -> None:
        nonlocal total
        scheme, _colon, path = uri.partition(":")
        if scheme not in ("__asset", "embeded", "embedded"):
            raise _remote(place, uri)
        path = path.removeprefix("//")
        if path not in assets:
            raise _missing(place, path)
        if path not in used:
            used.add(path)
            total += _check_asset(_unpacked(assets[path], place), place, ending, limits, _ASSETS_BYTES - total)

    facts: Facts | None = None
    for keyword in _CHUNKS:
        if keyword in chunks:
            try:
                value = read_card(_unpacked(chunks[keyword], keyword), limits)
                if not is_card(value):
                    raise refused(
                        "card-malformed", _("the text does not call itself a character card V2 or V3."), "spec"
                    )
                facts = _facts(value, limits, find)
            except Refused as refusal:
                raise Refused([finding.in_file(keyword) for finding in refusal.findings]) from None
    if unused := sorted(assets.keys() - used):
        template = _("the picture carries the asset %(asset)s, which no card in it lists.")
        raise refused("card-asset-unlisted", template, "tEXt", asset=shown_name(unused[0]))
    return facts


def _text_chunks(file: BinaryIO) -> dict[str, bytes]:
    """Return the chunks of a checked PNG that concern cards, by keyword; refuse a second one and hidden ones."""
    data = file.read()
    found: dict[str, bytes] = {}
    offset = 8
    while offset + 12 <= len(data):
        end = offset + 12 + int.from_bytes(data[offset : offset + 4], "big")
        kind = data[offset + 4 : offset + 8]
        keyword, _nul, body = data[offset + 8 : end - 4].partition(b"\0")
        name = keyword.decode("latin-1")
        folded = name.casefold()
        if kind in (b"tEXt", b"zTXt", b"iTXt") and (folded in _CHUNKS or folded.startswith(_ASSET_CHUNK)):
            known = name in _CHUNKS or name.startswith(_ASSET_CHUNK)
            if kind != b"tEXt" or not known or name in found:
                template = _("the card text %(keyword)s at offset %(offset)s is not in its one tEXt chunk.")
                where = f"offset {offset}"
                raise refused("card-malformed", template, where, keyword=repr(shown_name(name)), offset=offset)
            found[name] = body
        offset = end
    return found


def _unpacked(body: bytes, place: str) -> bytes:
    try:
        return base64.b64decode(body.rstrip(b"\n"), validate=True)
    except binascii.Error:
        raise refused("card-malformed", _("%(place)s is not base64."), place, place=place) from None


def _facts(value: Any, limits: Limits, find: _Find) -> Facts:
    """Return the facts of a card whose fields, texts and assets are in order; raise Refused."""
    spec, version = value["spec"], value.get("spec_version")
    if not isinstance(version, str) or not SPECS[spec].fullmatch(version):
        template = _("%(place)s must be the version of %(spec)s as text.")
        raise refused("card-malformed", template, "spec_version", place="spec_version", spec=spec)
    data = check_fields(value, spec)
    card_texts.refuse_active(value)
    for index, asset in enumerate(data.get("assets") or []):
        place = f"data.assets[{index}].uri"
        if asset["uri"] != "ccdefault:":
            _check_uri(asset["uri"], asset["ext"], place, limits, find)
    book = data.get("character_book") or {}
    texts = texts_of(data)
    claims = {name: data[name] for name in ("name", "creator", "character_version", "nickname") if data.get(name)}
    return {
        "kind": "card",
        "spec": spec,
        "claims": {name: shown_name(text) for name, text in sorted(claims.items())},
        "greetings": len([text for text in [data.get("first_mes"), *(data.get("alternate_greetings") or [])] if text]),
        "book_entries": len(book.get("entries") or []),
        "assets": len(data.get("assets") or []),
        "tags": [shown_name(tag) for tag in sorted(set(data.get("tags") or []))],
        "characters": sum(map(len, texts)),
        "languages": languages(texts),
    }


def _check_uri(uri: str, ending: str, place: str, limits: Limits, find: _Find) -> None:
    if match := _DATA_URI.match(uri):
        ending = {"jpeg": "jpg"}.get(match[1].lower(), match[1].lower())
        _check_asset(_unpacked(uri[match.end() :].encode(), place), place, ending, limits, _ASSETS_BYTES)
    elif uri.partition(":")[0].casefold() == "data":
        template = _("%(place)s holds data that is no PNG, JPEG, WebP or AVIF in base64.")
        raise refused("card-asset-refused", template, place, place=place)
    else:
        find(place, uri, ending)


def _check_asset(data: bytes, place: str, ending: str, limits: Limits, room_bytes: int) -> int:
    """Inspect an asset within the card as if it were a file of its own and return its size; raise Refused."""
    if len(data) > room_bytes:
        template = _("the assets of the card are larger than %(limit)s bytes.")
        raise refused("card-assets-too-large", template, place, limit=_ASSETS_BYTES)
    name = f"asset.{ending}"
    if rules.path_findings(name):
        name = "asset"
    try:
        inspection = dispatch.inspect_member(io.BytesIO(data), name, limits)
    except Refused as refusal:
        raise Refused([finding.in_file(place) for finding in refusal.findings]) from None
    if "card" in (inspection.facts["kind"], *inspection.facts):
        raise refused("card-nested", _("%(place)s is a card within a card."), place, place=place)
    return len(data)


def _remote(place: str, uri: str) -> Refused:
    template = _("%(place)s is fetched from elsewhere (%(uri)s); put the file into the card.")
    return refused("card-remote-asset", template, place, place=place, uri=shown_name(uri, 60))


def _missing(place: str, path: str) -> Refused:
    template = _("%(place)s names %(path)s, which is not in the card.")
    return refused("card-asset-missing", template, place, place=place, path=shown_name(path))
