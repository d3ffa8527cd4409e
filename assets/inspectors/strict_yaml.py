"""YAML without its tricks: one document of texts, numbers, lists and mappings, read event by event.

Values are those of the YAML 1.2 core schema. What YAML 1.1 readers would take for something else (yes, a date,
1:30) has to stand in quotes, so that every program reads the same.
"""

import math
import re
from typing import Any, NoReturn

import yaml  # type: ignore[import-untyped]

from assets.inspectors.base import Refused, refused, shown_name
from marketplace.ui.words import gettext_noop as _

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NODES = 100_000
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,4})?")
_AMBIGUOUS = re.compile(
    r"(?i:y|yes|n|no|on|off)|=|[-+]?(0x|0o|0b)[0-9a-fA-F_]+|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"
    r"|[-+]?[0-9.]*_[0-9_.]*|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?|[-+]?\.(?i:inf|nan)|[-+]?[0-9]{19,}"
)
_PLAIN: dict[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


def read_yaml(text: str, *, depth: int) -> Any:
    """Return the value of `text`.

    Raise Refused with `yaml-malformed`, `yaml-too-deep`, `yaml-too-many`, `yaml-alias` (anchors and aliases),
    `yaml-tag`, `yaml-merge`, `yaml-duplicate-key`, `yaml-key`, `yaml-ambiguous`, `yaml-number` or
    `yaml-documents`, at a line and a column.
    """
    builder = _Builder(depth)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = shown_name(error.problem or error.context or "?")
        _refuse("yaml-malformed", _("the YAML cannot be read at %(at)s: %(reason)s."), mark, reason=reason)
    except yaml.YAMLError as error:
        raise refused(
            "yaml-malformed", _("the YAML holds a character that YAML forbids."), shown_name(str(error))
        ) from None
    if not builder.finished:
        raise refused("yaml-malformed", _("the YAML holds nothing."), "line 1")
    return builder.value


class _Builder:
    """A value in the making: open lists and mappings on a stack, the key that waits for its value beside each."""

    def __init__(self, depth: int) -> None:
        self.value: Any = None
        self.finished = False
        self._depth = depth
        self._nodes = 0
        self._stack: list[list[Any] | dict[str, Any]] = []
        self._keys: list[str | None] = []

    def take(self, event: Any) -> None:
        """Add what one event of the parser brings."""
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            template = _("the YAML uses an anchor or an alias at %(at)s; write the text out.")
            _refuse("yaml-alias", template, event.start_mark)
        if isinstance(event, yaml.DocumentStartEvent):
            if self.finished or event.version or event.tags:
                template = _("the YAML must be one document without directives, at %(at)s.")
                _refuse("yaml-documents", template, event.start_mark)
        elif isinstance(event, yaml.NodeEvent):
            self._count(event)
            if isinstance(event, yaml.ScalarEvent):
                self._add(_scalar(event), event)
            else:
                self._open({} if isinstance(event, yaml.MappingStartEvent) else [], event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._stack.pop()
            self._keys.pop()

    def _count(self, event: Any) -> None:
        self._nodes += 1
        if self._nodes > _NODES:
            template = _("the YAML holds more than %(limit)s values, at %(at)s.")
            _refuse("yaml-too-many", template, event.start_mark, limit=_NODES)
        if event.tag is not None:
            _refuse("yaml-tag", _("the YAML uses a tag (!) at %(at)s; take it away."), event.start_mark)

    def _open(self, container: list[Any] | dict[str, Any], event: Any) -> None:
        if len(self._stack) >= self._depth:
            template = _("the YAML nests deeper than %(depth)s levels, at %(at)s.")
            _refuse("yaml-too-deep", template, event.start_mark, depth=self._depth)
        self._add(container, event)
        self._stack.append(container)
        self._keys.append(None)

    def _add(self, value: Any, event: Any) -> None:
        if not self._stack:
            self.value, self.finished = value, True
        elif isinstance(self._stack[-1], list):
            self._stack[-1].append(value)
        elif self._keys[-1] is None:
            self._keys[-1] = self._key(self._stack[-1], value, event)
        else:
            self._stack[-1][self._keys[-1]] = value
            self._keys[-1] = None

    def _key(self, mapping: dict[str, Any], key: Any, event: Any) -> str:
        if not isinstance(key, str):
            _refuse("yaml-key", _("a key must be text, at %(at)s; put it in quotes."), event.start_mark)
        if key == "<<":
            _refuse("yaml-merge", _("the YAML merges mappings by << at %(at)s; write them out."), event.start_mark)
        if key in mapping:
            template = _("the YAML holds the key %(key)s twice, at %(at)s.")
            _refuse("yaml-duplicate-key", template, event.start_mark, key=repr(shown_name(key)))
        return str(key)


def _scalar(event: Any) -> Any:
    """Return the value of one scalar; quoted and block ones are text whatever they spell."""
    text = event.value
    if event.style or not event.implicit[0]:
        return text
    if text in _PLAIN:
        return _PLAIN[text]
    if _AMBIGUOUS.fullmatch(text):
        template = _("%(text)s at %(at)s is no text to every program; put it in quotes.")
        _refuse("yaml-ambiguous", template, event.start_mark, text=repr(shown_name(text, 40)))
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        number = float(text) if len(text) <= 40 else math.inf
        if not math.isfinite(number):
            template = _("the YAML holds a number that is too long or infinite, at %(at)s.")
            _refuse("yaml-number", template, event.start_mark)
        return number
    return text


def _refuse(code: str, template: str, mark: Any, /, **values: str | int) -> NoReturn:
    """Raise the refusal of what stands at `mark`, which `template` shows as %(at)s, "line:column"."""
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    raise _refusal(code, template, line, column, values)


def _refusal(code: str, template: str, line: int, column: int, values: dict[str, str | int]) -> Refused:
    return refused(code, template, f"line {line}, column {column}", at=f"{line}:{column}", **values)
