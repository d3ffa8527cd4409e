"""Prompt sets: one prompt a line, JSON or YAML; strict UTF-8, nothing invisible, nothing endless.

A set may define what stands behind names: an object with "prompts" has "wildcards" and "variables" beside them,
and an object without is a collection of wildcards, lists under nested names.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from assets.inspectors import cards, compositions, services
from assets.inspectors.base import FACTS_FORMAT, Inspection, Limits, refused, shown_name
from assets.inspectors.prompts_languages import languages as languages
from assets.inspectors.prompts_syntax import Place
from assets.inspectors.strict_json import read_json
from assets.inspectors.strict_yaml import read_yaml
from assets.inspectors.texts import check_characters, check_strings, decoded
from assets.inspectors.wildcards import Names, Prompt, dynamic_facts
from marketplace.ui.words import Words
from marketplace.ui.words import gettext_noop as _

TEXT_MEDIA_TYPE = "text/plain"
JSON_MEDIA_TYPE = "application/json"
YAML_MEDIA_TYPE = "application/yaml"

_VARIABLE = re.compile(r"(?<![\\$])\{([^\W\d]\w{0,63})\}")
_WILDCARD = re.compile(r"__([^\W_](?:[\w/.*-]{0,126}?[^\W_])?)__")
_LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
_NAME = re.compile(r"[^\W_](?:[\w .-]{0,62}[^\W_])?")
_NAMES_SHOWN = 200
_UNSEEN = {"Cc", "Cf", "Cn", "Mn", "Me", "Zs"}
_FILLERS = "\u115f\u1160\u2800\u3164\uffa0"
_PATH_CHARACTERS = 126
_WHOLE = Words(_("the JSON"))
_LINE = _("line %(number)s")


@dataclass(frozen=True, slots=True)
class PromptSet:
    """What a file holds: its prompts, the languages it claims, the names it defines.

    In a collection the prompts are the entries of its wildcards.
    """

    media_type: str
    prompts: list[Prompt]
    claimed: Iterable[str] = ()
    names: Names = field(default_factory=Names)
    is_collection: bool = False


def inspect_text(file: BinaryIO, limits: Limits) -> Inspection:
    """Return the facts of a text file whose every non-blank line is a prompt, or which calls itself a recipe.

    Raise Refused.
    """
    data = file.read(limits.prompts_bytes + 1)
    if compositions.may_be_recipe(data):
        return compositions.inspect_recipe(data)
    return _inspection(_text_set(_text(data, limits)), limits)


def inspect_json(file: BinaryIO, limits: Limits) -> Inspection:
    """Return the facts of a JSON prompt set or, when it says so, a card, a service or a composition; raise Refused.

    A set is a list of strings, an object whose "prompts" is a list of strings and objects with a "text" and, when
    known, a "lang" (BCP 47), or an object of nothing but lists of strings under nested names.
    """
    data = file.read(max(limits.prompts_bytes, limits.card_bytes) + 1)
    # A composition first: its recipe may say anything.
    if compositions.may_be_composition(data):
        return compositions.inspect_composition(data, limits)
    if services.may_be_service(data):
        return services.inspect_service(data, limits)
    if cards.may_be_card(data):
        card = cards.read_card(data, limits)
        if cards.is_card(card):
            return Inspection(JSON_MEDIA_TYPE, {"format": FACTS_FORMAT} | cards.card_of_json(card, limits))
    value = read_json(_text(data, limits), depth=limits.json_depth, where=_WHOLE)
    check_strings(value, _WHOLE)
    return _inspection(_structured_set(value, JSON_MEDIA_TYPE, limits), limits)


def inspect_yaml(file: BinaryIO, limits: Limits) -> Inspection:
    """Return the facts of a YAML prompt set, of the shapes that JSON may have; raise Refused."""
    value = read_yaml(_read_text(file, limits), depth=limits.json_depth)
    check_strings(value, Words(_("the YAML")))
    return _inspection(_structured_set(value, YAML_MEDIA_TYPE, limits), limits)


def read_prompts(file: BinaryIO, media_type: str, limits: Limits) -> list[str]:
    """Return the prompts of a set that passed inspection, in their order; those of a collection are its entries."""
    text = _read_text(file, limits)
    if media_type == TEXT_MEDIA_TYPE:
        found = _text_set(text)
    elif media_type == YAML_MEDIA_TYPE:
        found = _structured_set(read_yaml(text, depth=limits.json_depth), media_type, limits)
    else:
        found = _structured_set(read_json(text, depth=limits.json_depth, where=_WHOLE), media_type, limits)
    return [prompt.text for prompt in found.prompts]


def _read_text(file: BinaryIO, limits: Limits) -> str:
    return _text(file.read(limits.prompts_bytes + 1), limits)


def _text(data: bytes, limits: Limits) -> str:
    if len(data) > limits.prompts_bytes:
        template = _("the prompt set is larger than %(limit)s bytes.")
        place = f"offset {limits.prompts_bytes}"
        raise refused("file-too-large", template, place, limit=limits.prompts_bytes)
    text = decoded(data)
    check_characters(text, "")
    return text


def _text_set(text: str) -> PromptSet:
    prompts = [
        Prompt(line.strip(), Words(_LINE, {"number": number}), len(line) - len(line.lstrip()))
        for number, line in enumerate(text.split("\n"), 1)
        if line.strip()
    ]
    return PromptSet(TEXT_MEDIA_TYPE, prompts)


def _structured_set(value: Any, media_type: str, limits: Limits) -> PromptSet:
    """Return the set that a list or an object spells; raise Refused when it is neither shape."""
    if isinstance(value, dict) and "prompts" not in value and (lists := dict(_lists(value, "", limits))):
        entries = [entry for group in lists.values() for entry in group]
        return PromptSet(media_type, entries, names=Names(wildcards=lists), is_collection=True)
    if isinstance(value, dict):
        items, path = value.get("prompts"), "prompts"
    else:
        items, path = value, ""
    if not isinstance(items, list):
        template = _('the file must hold a list, an object with a list "prompts", or lists of text under names.')
        raise refused("prompts-shape", template, "prompts")
    prompts, claimed = [], set()
    for index, item in enumerate(items):
        place = f"{path}[{index}]"
        if isinstance(item, dict) and path:
            if "lang" in item:
                claimed.add(_language(item["lang"], f"{place}.lang"))
            place, item = f"{place}.text", item.get("text")
        prompts.append(_prompt(item, place))
    return PromptSet(media_type, prompts, sorted(claimed), _defined(value, limits) if path else Names())


def _prompt(item: object, place: str) -> Prompt:
    if not isinstance(item, str) or not item.strip():
        raise refused("prompts-shape", _("%(place)s must be text that is not empty."), place, place=place)
    return Prompt(item.strip(), place, len(item) - len(item.lstrip()))


def _defined(value: dict[str, Any], limits: Limits) -> Names:
    """Return the wildcards and variables beside the prompts; what has another shape is carried along unread."""
    wildcards = value.get("wildcards")
    variables = value.get("variables")
    found: dict[str, list[Prompt]] = {}
    if isinstance(variables, dict):
        for name, said in variables.items():
            texts = said if isinstance(said, list) else [said]
            if texts and all(isinstance(text, str) and text.strip() for text in texts):
                found[name] = [_prompt(text, f"variables.{shown_name(name, 40)}") for text in texts]
    lists = dict(_lists(wildcards, "", limits)) if isinstance(wildcards, dict) else {}
    return Names(wildcards=lists, variables=found)


def _lists(value: dict[str, Any], above: str, limits: Limits) -> Iterator[tuple[str, list[Prompt]]]:
    """Yield (path of names, entries) of a collection of wildcards; nothing when any part of it is none."""
    found: list[tuple[str, list[Prompt]]] = []
    for name, inner in value.items():
        path = f"{above}/{name}" if above else name
        if not _NAME.fullmatch(name) or "__" in name or len(path) > _PATH_CHARACTERS or not inner:
            return
        if isinstance(inner, dict):
            below = list(_lists(inner, path, limits))
            if not below:
                return
            found += below
        elif isinstance(inner, list) and all(_entry(item) for item in inner):
            found.append((path, [_prompt(_entry(item), f"{path}[{index}]") for index, item in enumerate(inner)]))
        else:
            return
    yield from found


def _entry(item: object) -> str:
    """Return the text of one entry of a wildcard, a string or {"text": …, "weight": …}; empty when it is none."""
    if isinstance(item, dict):
        item = item.get("text") or item.get("content")
    return item.strip() if isinstance(item, str) else ""


def _language(value: object, place: str) -> str:
    if not isinstance(value, str) or not _LANGUAGE_TAG.fullmatch(value):
        raise refused("prompts-language", _('%(place)s must be a BCP 47 tag such as "zh-Hans".'), place, place=place)
    return value


def _inspection(found: PromptSet, limits: Limits) -> Inspection:
    prompts = found.prompts
    if not prompts:
        raise refused("prompts-empty", _("the file holds no prompt."))
    defined = [
        entry for group in (found.names.wildcards, found.names.variables) for one in group.values() for entry in one
    ]
    for count in (len(prompts), len(defined)):
        if count > limits.prompts:
            template = _("the file holds %(count)s prompts, the limit is %(limit)s.")
            raise refused("prompts-too-many", template, count=count, limit=limits.prompts)
    for prompt in [*prompts, *defined]:
        if not _is_seen(prompt.text):
            template, place = _("%(place)s must be text that is not empty."), prompt.place
            raise refused("prompts-shape", template, str(place), place=place)
        if len(prompt.text) > limits.prompt_characters:
            _refuse_long(prompt.place, len(prompt.text), limits)
    texts = [prompt.text for prompt in prompts]
    dynamic = dynamic_facts([] if found.is_collection else prompts, found.names)
    return Inspection(
        found.media_type,
        {
            "format": FACTS_FORMAT,
            "kind": "prompts",
            "prompts": len(texts),
            "characters": sum(map(len, texts)),
            "languages": languages(texts),
            "claimed_languages": list(found.claimed),
            "variables": _names(_VARIABLE, texts),
            "wildcards": _names(_WILDCARD, texts),
            **dynamic,
        },
    )


def _is_seen(text: str) -> bool:
    """Say whether a text has any character that shows: not one that only joins, combines or fills."""
    return any(unicodedata.category(c) not in _UNSEEN and c not in _FILLERS for c in text)


def _refuse_long(place: Place, count: int, limits: Limits) -> None:
    template = _("%(place)s has %(count)s characters, the limit is %(limit)s.")
    values = {"count": count, "limit": limits.prompt_characters}
    raise refused("prompt-too-long", template, str(place), place=place, **values)


def _names(pattern: re.Pattern[str], texts: list[str]) -> list[str]:
    """Return the distinct names that `pattern` finds, sorted, the first 200."""
    return sorted({name for text in texts for name in pattern.findall(text)})[:_NAMES_SHOWN]
