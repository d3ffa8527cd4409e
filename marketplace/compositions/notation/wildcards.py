"""Making the choices that a recipe leaves open, by its seed and nothing else (docs/formats/recipe.md)."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from marketplace.compositions.notation import choices
from marketplace.compositions.notation.choices import Choice, Option, Part, Variable
from marketplace.compositions.notation.findings import Findings, NotARecipe
from marketplace.compositions.notation.model import Layer, Place, Recipe
from marketplace.compositions.notation.settings import settings_of
from marketplace.compositions.notation.signs import same, strip_blanks
from marketplace.ui.words import Value
from marketplace.ui.words import gettext_noop as _

MOST_CHARACTERS = 10_000
MOST_CHOICES = 1_000
DEPTH_LIMIT = 16
_DRAW = "worldloom/recipe/1"

_TOO_LONG = _("With its choices made, %(where)s is longer than %(limit)s characters; make it shorter.")
_TOO_MANY = _("More than %(limit)s choices are made in %(where)s; make it simpler.")
_TOO_DEEP = _("Words and variables lead to each other more than %(limit)s deep in %(where)s; make it simpler.")
_CYCLE = _("%(cycle)s goes round in a circle and never ends; take one of them out.")

Node = tuple[str, str]
"""A variable or a list of words: `var` or `words`, and its name in one case."""


def draw(seed: int, where: str, number: int, whole: int) -> int:
    """This will choose a number from 0 to below `whole`, the same one for ever.

    It is the SHA-256 of `worldloom/recipe/1`, the seed, where the choice stands and the how-manieth it is there from
    0 on, joined by line feeds, read as a number from 0 to below 1 and multiplied by `whole`, without its fraction.
    """
    digest = hashlib.sha256(f"{_DRAW}\n{seed}\n{where}\n{number}".encode()).digest()
    return int.from_bytes(digest) * whole >> 256


class _TooMuch(NotARecipe):
    def __init__(self, code: str, template: str, **values: Value) -> None:
        self.code, self.template, self.values = code, template, values


@dataclass(slots=True)
class _Maker:
    """Makes the choices of one prompt, left to right, and none of what was not taken."""

    seed: int
    where: str
    variables: "_Variables"
    made: int = 0
    room: int = MOST_CHARACTERS

    def text(self, parts: Sequence[Part], depth: int = 0) -> str:
        if depth > DEPTH_LIMIT:
            raise _TooMuch("wildcards-too-deep", _TOO_DEEP, limit=DEPTH_LIMIT)
        return "".join(self._said(part, depth) for part in parts)

    def _said(self, part: Part, depth: int) -> str:
        if isinstance(part, Choice):
            return self._chosen(part, depth)
        if isinstance(part, str):
            return self._fits(part)
        if isinstance(part, Variable):
            return self._fits(self.variables.value(same(part.name), depth))
        return self.text(self._one(self.variables.words.get(same(part.name), ())).parts, depth + 1)

    def _fits(self, text: str) -> str:
        self.room -= len(text)
        if self.room < 0:
            raise _TooMuch("wildcards-too-long", _TOO_LONG, limit=MOST_CHARACTERS)
        return text

    def _draw(self, whole: int) -> int:
        self.made += 1
        if self.made > MOST_CHOICES:
            raise _TooMuch("wildcards-too-many", _TOO_MANY, limit=MOST_CHOICES)
        return draw(self.seed, self.where, self.made - 1, whole)

    def _chosen(self, choice: Choice, depth: int) -> str:
        count = choice.low
        if choice.low < choice.high:
            count += self._draw(choice.high - choice.low + 1)
        left = list(choice.options)
        said = []
        for number in range(min(count, len(left))):
            option = self._one(left)
            # The very one is taken away: another that reads the same may still be chosen.
            left = [one for one in left if one is not option]
            if number:
                self._fits(choice.separator)
            said.append(self.text(option.parts, depth))
        return choice.separator.join(said)

    def _one(self, options: Sequence[Option]) -> Option:
        drawn = self._draw(sum(option.weight_ppm for option in options))
        for option in options:
            drawn -= option.weight_ppm
            if drawn < 0:
                return option
        return Option(0, ())


@dataclass(slots=True)
class _Variables:
    """What names stand for; a variable is chosen once for the whole recipe, when it is first needed."""

    seed: int
    parts: Mapping[str, Sequence[Part]]
    words: Mapping[str, Sequence[Option]]
    known: dict[str, str] = field(default_factory=dict)

    def value(self, name: str, depth: int) -> str:
        if name not in self.known:
            maker = _Maker(self.seed, f"var:{name}", self)
            self.known[name] = strip_blanks(maker.text(self.parts.get(name, ()), depth + 1))
        return self.known[name]


def _variables(recipe: Recipe, seed: int) -> _Variables:
    return _Variables(
        seed,
        {same(name): choices.parse(value) for name, value in recipe.variables},
        {same(name): tuple(choices.option_of(one) for one in options) for name, options in recipe.words},
    )


def resolved(recipe: Recipe) -> Recipe:
    """This will make all choices by the recipe's seed: prompts without variables, wildcards and backslashes.

    Prompts of what it returns are what a model is given; written as a text again they could read otherwise.
    UnreadableRecipe when names lead round in a circle, or to more than can be said. A recipe that was read has been
    tried and does not.
    """
    found = Findings()
    check(recipe, found)
    found.refuse()
    return _resolved(recipe, found)


def check(recipe: Recipe, found: Findings, at: Mapping[Node, Place] | None = None) -> None:
    """This will note what keeps the choices from being made; `at` says where variables and words were written."""
    before = len(found)
    for cycle in _cycles(recipe):
        places = [(at or {}).get(node, Place(1, 1, 0)) for node in cycle]
        place = min(places, key=lambda one: (one.line, one.column))
        found.add(place, "cycle", _CYCLE, cycle=" → ".join(_shown(node, recipe) for node in [*cycle, cycle[0]]))
    if len(found) == before:
        _resolved(recipe, found)


def _resolved(recipe: Recipe, found: Findings) -> Recipe:
    seed = settings_of(recipe).seed
    variables = _variables(recipe, seed)

    def text(prompt: str, where: str, shown: str, at: Place | None) -> str:
        maker = _Maker(seed, where, variables)
        try:
            return strip_blanks(maker.text(choices.parse(prompt)))
        except _TooMuch as much:
            found.add(at or Place(1, 1, 0), much.code, much.template, "", where=shown, **much.values)
            return ""

    def layer(one: Layer, where: str) -> Layer:
        return replace(one, prompt=text(one.prompt, where, one.label, one.at))

    made = replace(
        recipe,
        layers=tuple(layer(one, f"layer:{one.label}") for one in recipe.layers),
        style=layer(recipe.style, "style") if recipe.style else None,
        negative=text(recipe.negative, "negative", "!", None),
        variables=(),
        words=(),
    )
    found.refuse()
    return made


def _leads_to(recipe: Recipe) -> dict[Node, list[Node]]:
    found: dict[Node, list[Node]] = {}
    for name, value in recipe.variables:
        parts: Iterator[Part] = iter(choices.parse(value))
        found["var", same(name)] = [choices.node(one) for one in choices.names_in(tuple(parts))]
    for name, options in recipe.words:
        nodes = [choices.node(one) for text in options for one in choices.names_in(choices.option_of(text).parts)]
        found["words", same(name)] = nodes
    return found


def _cycles(recipe: Recipe) -> Iterator[list[Node]]:
    """Gives each circle that a walk along the names comes upon, once; without recursion, as hostile ones are long."""
    leads = {node: list(dict.fromkeys(nodes)) for node, nodes in _leads_to(recipe).items()}
    done: set[Node] = set()
    for root in leads:
        path = [] if root in done else [root]
        following = [iter(leads[node]) for node in path]
        while path:
            after = next((one for one in following[-1] if one in leads and one not in done), None)
            if after is None:
                following.pop()
                done.add(path.pop())
            elif after in path:
                yield path[path.index(after) :]
            else:
                path.append(after)
                following.append(iter(leads[after]))


def _shown(node: Node, recipe: Recipe) -> str:
    kind, name = node
    known = recipe.variables if kind == "var" else recipe.words
    written = next((one for one, *_rest in known if same(one) == name), name)
    return f"${{{written}}}" if kind == "var" else f"__{written}__"
