"""What is wrong with a recipe's text, each with its place, a stable code and what to write instead."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from marketplace.compositions.notation.model import Place
from marketplace.ui.words import Sayable, Value, Words
from marketplace.ui.words import gettext_noop as _

MOST_FINDINGS = 20
MOST_CHOICES = 2_000
"""So many choices, variables and wildcards may stand in a recipe."""
_LIKE = 0.6

_IN_ALL = _("More than %(limit)s choices, variables and wildcards stand in the recipe up to here; take some out.")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    `line` and `column` count from 1 on in characters; `length` characters there are meant, none at the end of a line.
    Where `suggestion` is not empty, the text is probably meant to have it in their place.
    """

    line: int
    column: int
    length: int
    code: str
    words: Sayable
    suggestion: str = ""

    @property
    def where(self) -> str:
        """The place as other findings of the house name theirs."""
        return f"line {self.line}, column {self.column}"

    @property
    def template(self) -> str:
        return self.words.template

    @property
    def values(self) -> Mapping[str, object]:
        return self.words.values

    @property
    def message(self) -> str:
        """The sentence in English."""
        return str(self.words)


class NotARecipe(ValueError):
    """Something, or a part of it, is no recipe."""

    code = "recipe-unreadable"


class UnreadableRecipe(NotARecipe):
    """The text is no recipe: `findings` says what is wrong, first things first, at most MOST_FINDINGS."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__(" ".join(f"{one.where}: {one.message}" for one in self.findings))


class Findings:
    """Collects what is wrong until it is enough to tell."""

    def __init__(self, most_choices: int = MOST_CHOICES) -> None:
        self._found: list[Finding] = []
        self._choices, self.most_choices = 0, most_choices

    @property
    def is_full(self) -> bool:
        return len(self._found) >= MOST_FINDINGS or self._choices > self.most_choices

    def __len__(self) -> int:
        return len(self._found)

    def add(self, at: Place, code: str, template: str, suggestion: str = "", **values: Value) -> None:
        """This will note what is wrong there."""
        self._found.append(Finding(at.line, at.column, at.length, code, Words(template, values), suggestion))

    def tally(self, choices: int, at: Place) -> None:
        """This will count what is left to chance up to there; once it is too much, it is enough to tell."""
        if self._choices <= self.most_choices < self._choices + choices:
            self.add(at, "choices-in-all", _IN_ALL, limit=self.most_choices)
        self._choices += choices

    def refuse(self) -> None:
        """This will raise UnreadableRecipe when anything was found."""
        if self._found:
            self._found.sort(key=lambda one: (one.line, one.column))
            raise UnreadableRecipe(self._found[:MOST_FINDINGS])


def closest(word: str, known: Iterable[str]) -> str:
    """This will return the known word that `word` is most like, or nothing when it is like none."""
    return next(iter(get_close_matches(word[:60], list(known), 1, _LIKE)), "")


def shown(text: str, limit: int = 40) -> str:
    """This will shorten what is quoted in a sentence; signs that cannot be seen are written as their numbers."""
    cut = text[:limit] + ("…" if len(text) > limit else "")
    return "".join(sign if sign.isprintable() else f"U+{ord(sign):04X}" for sign in cut)
