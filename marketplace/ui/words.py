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
    values: Mapping[str, "str | int | Words"] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.template % self.values if self.values else self.template


Values = Mapping[str, str | int | Words]
