"""The fields of a character card: which type each has, and how much it may hold."""

from collections.abc import Callable, Mapping
from typing import Any

from assets.inspectors.base import Refused, refused, shown_name
from marketplace.ui.words import gettext_noop as _

TEXT_CHARACTERS = 200_000
CARD_CHARACTERS = 4_000_000
LIST_ITEMS = 500
BOOK_ENTRIES = 5_000
KEY_CHARACTERS = 1_000

_Check = Callable[[str, Any], None]

_TEXTS = (
    "description", "personality", "scenario", "first_mes", "mes_example", "creator_notes", "system_prompt",
    "post_history_instructions", "creator", "character_version", "nickname",
)  # fmt: skip
_PROMPTED = ("description", "personality", "scenario", "first_mes", "mes_example", "system_prompt", "creator_notes")


def check_fields(card: Mapping[str, Any], spec: str) -> dict[str, Any]:
    """Return `data` of a card, each known field having its type (null stands for a missing one); raise Refused.

    Fields that the specifications do not know are carried along.
    """
    data = card.get("data")
    _mapping("data", data)
    assert isinstance(data, dict)
    if not isinstance(data.get("name"), str) or not data["name"].strip():
        raise _bad("data.name", _("%(place)s must be text that is not empty."))
    _fields("data", data, {"name": _short} | dict.fromkeys(_TEXTS, _text) | _LISTS)
    _fields("data", data, _V3 if spec == "chara_card_v3" else {"assets": _no_assets})
    if sum(map(len, texts_of(data))) > CARD_CHARACTERS:
        template = _("%(place)s holds more than %(limit)s characters.")
        raise _bad("data", template, "card-too-large", limit=CARD_CHARACTERS)
    return data


def texts_of(data: Mapping[str, Any]) -> list[str]:
    """Return the texts that speak: of the character, its greetings and its book."""
    greetings = [*(data.get("alternate_greetings") or []), *(data.get("group_only_greetings") or [])]
    entries = (data.get("character_book") or {}).get("entries") or []
    notes = (data.get("creator_notes_multilingual") or {}).values()
    texts = [data.get(name) for name in _PROMPTED] + greetings + [entry["content"] for entry in entries] + [*notes]
    return [text for text in texts if text]


def _fields(place: str, value: Mapping[str, Any], checks: Mapping[str, _Check]) -> None:
    for name, check in checks.items():
        if value.get(name) is not None:
            check(f"{place}.{name}", value[name])


def _text(place: str, value: Any, limit: int = TEXT_CHARACTERS) -> None:
    if not isinstance(value, str):
        raise _bad(place, _("%(place)s must be text."))
    if len(value) > limit:
        template = _("%(place)s has %(count)s characters, the limit is %(limit)s.")
        raise _bad(place, template, "card-too-large", count=len(value), limit=limit)


def _short(place: str, value: Any) -> None:
    _text(place, value, KEY_CHARACTERS)


def _flag(place: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise _bad(place, _("%(place)s must be true or false."))


def _number(place: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _bad(place, _("%(place)s must be a number."))


def _mapping(place: str, value: Any) -> None:
    if not isinstance(value, dict):
        raise _bad(place, _("%(place)s must be an object."))


def _list(check: _Check, limit: int = LIST_ITEMS) -> _Check:
    def check_list(place: str, value: Any) -> None:
        if not isinstance(value, list):
            raise _bad(place, _("%(place)s must be a list."))
        if len(value) > limit:
            template = _("%(place)s has %(count)s entries, the limit is %(limit)s.")
            raise _bad(place, template, "card-too-large", count=len(value), limit=limit)
        for index, item in enumerate(value):
            check(f"{place}[{index}]", item)

    return check_list


def _no_assets(place: str, _value: Any) -> None:
    raise _bad(place, _("%(place)s is of a card V3, and the card calls itself V2."))


def _translations(place: str, value: Any) -> None:
    _mapping(place, value)
    for language, text in value.items():
        _text(f"{place}.{shown_name(language, 40)}", text)


def _asset(place: str, value: Any) -> None:
    _mapping(place, value)
    for name in ("type", "uri", "name", "ext"):
        if not isinstance(value.get(name), str):
            raise _bad(f"{place}.{name}", _("%(place)s must be text."))
    for name in ("type", "name", "ext"):
        _short(f"{place}.{name}", value[name])


def _book(place: str, value: Any) -> None:
    _mapping(place, value)
    if value.get("entries") is None:
        raise _bad(f"{place}.entries", _("%(place)s must be a list."))
    checks = {"name": _short, "description": _text, "scan_depth": _number, "token_budget": _number}
    _fields(place, value, checks | {"recursive_scanning": _flag, "extensions": _mapping})
    _list(_entry, BOOK_ENTRIES)(f"{place}.entries", value["entries"])


def _entry(place: str, value: Any) -> None:
    _mapping(place, value)
    if not isinstance(value.get("content"), str):
        raise _bad(f"{place}.content", _("%(place)s must be text."))
    keys = _list(_short)
    checks = {"content": _text, "keys": keys, "secondary_keys": keys, "extensions": _mapping, "comment": _text}
    flags = dict.fromkeys(("enabled", "case_sensitive", "use_regex", "constant", "selective"), _flag)
    numbers = dict.fromkeys(("insertion_order", "priority"), _number)
    _fields(place, value, checks | flags | numbers)


_LISTS: dict[str, _Check] = {
    "alternate_greetings": _list(_text),
    "tags": _list(_short),
    "extensions": _mapping,
    "character_book": _book,
}
_V3: dict[str, _Check] = {
    "group_only_greetings": _list(_text),
    "creator_notes_multilingual": _translations,
    "source": _list(_short),
    "creation_date": _number,
    "modification_date": _number,
    "assets": _list(_asset),
}


def _bad(place: str, template: str, code: str = "card-malformed", /, **values: int) -> Refused:
    return refused(code, template, place, place=place, **values)
