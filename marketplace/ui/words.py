"""Sentences of rules that know no Django: an English template, by which translations are found, and its values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable


def gettext_noop(text: str) -> str:
    """This will return `text`; the name marks it for `manage.py messages`, as Django's own does."""
    return text


@runtime_checkable
class Sayable(Protocol):
    """What can be said in any language, by `marketplace.ui.formats.sentence`."""

    @property
    def template(self) -> str: ...

    @property
    def values(self) -> Mapping[str, object]: ...


@dataclass(frozen=True, slots=True)
class Words:
    """Some words of a sentence, or a whole one; a value may be such words itself. As text they are English."""

    template: str
    values: Mapping[str, "str | int | Words | Listed | Written"] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.template % self.values if self.values else self.template


@dataclass(frozen=True, slots=True)
class Written:
    """A value that each language writes its own way.

    `kind` is `number`, `day` (2026-11-28), `month` (2026-11), `share` (parts per billion), `country` (ISO 3166-1
    alpha-2) or `money` (minor units and currency: `1250 USD`).
    """

    kind: str
    value: str | int

    def __str__(self) -> str:
        if self.kind == "share":
            whole, rest = divmod(int(self.value), 10_000_000)
            return f"{whole}.{rest:07d}".rstrip("0").rstrip(".") + "%"
        return f"{self.value:,}" if self.kind == "number" else str(self.value)


@dataclass(frozen=True, slots=True)
class Listed:
    """Words in a row, joined as the language does: a, b, and c."""

    parts: tuple[str | Words | Written, ...]

    def __str__(self) -> str:
        said = [str(part) for part in self.parts]
        return ", and ".join((", ".join(said[:-1]), said[-1])) if len(said) > 2 else " and ".join(said)


Value = str | int | Words | Listed | Written
Values = Mapping[str, Value]
