"""What names in prompts stand for: wildcards and variables of a set, followed without ever writing them out.

A name whose text names itself never ends, and a few that double each other outgrow any memory. So the lengths and
the numbers of what prompts can become are computed first; only then does the dynamicprompts library resolve them.
"""

import fnmatch
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from random import Random
from typing import Any

from assets.inspectors.base import Facts, refused, shown_name
from assets.inspectors.prompts_syntax import (
    MAX_DEPTH,
    Choice,
    Node,
    Place,
    Sequence,
    Syntax,
    Text,
    Variable,
    Wildcard,
    read_syntax,
    refuse_at,
    walk,
)
from marketplace.ui.words import gettext_noop as _

RESOLVED_CHARACTERS = 64 * 1024
LARGEST = 2**53 - 1  # The largest integer that RFC 8785 JSON holds exactly.
_CONSTRUCTS = 100_000
_PATTERNS = 100
# What the library parses in about four seconds; the prompts behind are read by our own reader alone.
_RESOLVED_CONSTRUCTS = 2_000
_PROMPT_CONSTRUCTS = 300
_UNKNOWN = 64
_NAMES_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt, where it stands, and how many characters were before it on its line."""

    text: str
    place: Place
    begin: int = 0


_Pair = tuple[Prompt, Syntax]


@dataclass(frozen=True, slots=True)
class Names:
    """What a set defines: entries under the path of each wildcard, and values under the name of each variable."""

    wildcards: Mapping[str, list[Prompt]] = field(default_factory=dict)
    variables: Mapping[str, list[Prompt]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Measure:
    """The most a text can become: characters, different texts, and levels of names within names."""

    characters: int = 0
    texts: int = 1
    levels: int = 0


def dynamic_facts(prompts: Iterable[Prompt], names: Names) -> Facts:
    """Return the facts of a set's dynamic syntax: none at all when it has no more than names in braces.

    Raise Refused with what `read_syntax` raises, `prompt-cycle`, `prompt-resolved-too-long`,
    `prompt-too-many-wildcards`, or `prompt-syntax` when the library does not take it.
    """
    room = [_CONSTRUCTS]
    read = _read(prompts, room)
    defined = {
        kind + name: _read(texts, room)
        for kind, group in (("_", names.wildcards), ("$", names.variables))
        for name, texts in group.items()
    }
    entries = [pair for group in defined.values() for pair in group]
    book = _Book(read, defined)
    measures = [_checked(prompt, syntax, book) for prompt, syntax in read + entries]
    dynamic = sum(syntax.is_dynamic for _prompt, syntax in read)
    if not dynamic and not defined:
        return {}
    _resolve(read + entries, defined)
    unresolved = sorted({name for _prompt, syntax in read + entries for name in book.unresolved(syntax)})
    return {
        "dynamic_prompts": dynamic,
        "combinations": min(LARGEST, sum(measure.texts for measure in measures[: len(read)])),
        "defines": sorted(names.wildcards)[:_NAMES_SHOWN],
        "unresolved": unresolved[:_NAMES_SHOWN],
    }


def open_names(files: Mapping[str, Facts]) -> dict[str, list[str]]:
    """Return, for each prompt set of a release by its path, the names that no file of the release resolves.

    `files` are the facts of all files by their paths. A text file resolves the wildcard of its own path without
    the suffix, whole or from any folder on; a set resolves what it defines. Names are written as in the prompts:
    __name__, ${name}.
    """
    sets = {path: facts for path, facts in files.items() if facts.get("kind") == "prompts"}
    known: set[str] = set()
    for path, facts in sets.items():
        stem = path.rpartition(".")[0]
        known |= _tails(stem)
        for name in facts.get("defines", ()):
            known |= _tails(name)
    found = {}
    for path, facts in sets.items():
        wanted = facts.get("unresolved", [f"__{name}__" for name in facts.get("wildcards", ())])
        if missing := [name for name in wanted if not (name.startswith("__") and _is_known(name[2:-2], known))]:
            found[path] = missing
    return found


def _read(prompts: Iterable[Prompt], room: list[int]) -> list[_Pair]:
    """Return the prompts with their syntax; `room` counts down the constructs that the whole set may hold."""
    pairs = []
    for prompt in prompts:
        syntax = read_syntax(prompt.text, prompt.place, prompt.begin)
        room[0] -= syntax.constructs
        if room[0] < 0:
            template = _("%(place)s goes beyond the %(limit)s options and names that a set may hold.")
            raise refused(
                "prompt-too-many-variants", template, str(prompt.place), place=prompt.place, limit=_CONSTRUCTS
            )
        pairs.append((prompt, syntax))
    return pairs


class _Book:
    """The names of a set, followed: which there are, and what each can become.

    A wildcard's entry sees the variables of the prompt that draws it. Where any entry does so, `shares_variables`,
    a variable is taken for all that the whole set ever makes of it.
    """

    def __init__(self, prompts: Iterable[_Pair], definitions: Mapping[str, list[_Pair]]) -> None:
        defined = {key: [syntax.nodes for _prompt, syntax in group] for key, group in definitions.items()}
        everything = [syntax.nodes for _prompt, syntax in prompts] + [
            nodes for group in defined.values() for nodes in group
        ]
        self.shares_variables = any(
            isinstance(node, Variable) for group in defined.values() for nodes in group for node in walk(nodes)
        )
        if self.shares_variables:
            for node in (node for nodes in everything for node in walk(nodes)):
                if isinstance(node, Variable) and node.value is not None:
                    defined.setdefault(f"${node.name}", []).append(node.value)
        self._defined = defined
        self._by_tail: dict[str, list[str]] = {}
        self._patterns: dict[str, list[str]] = {}
        self._measures: dict[str, _Measure] = {}
        for key in defined:
            if key[0] == "_":
                for tail in _tails(key[1:]):
                    self._by_tail.setdefault(tail, []).append(key)
        for key in self._in_order():
            self._measures[key] = _either(self.measure(nodes) for nodes in defined[key])

    def measure(self, nodes: Sequence, local: Mapping[str, _Measure] | None = None) -> _Measure:
        """Return the most that `nodes` can become, with what the prompt itself sets in `local`."""
        characters, texts, levels = 0, 1, 0
        for node in nodes:
            one = self._measure_node(node, local or {})
            characters = min(LARGEST, characters + one.characters)
            texts = min(LARGEST, texts * one.texts)
            levels = max(levels, one.levels)
        return _Measure(characters, texts, levels)

    def unresolved(self, syntax: Syntax) -> list[str]:
        """Return the names, as they are written, that neither the set nor the prompt itself defines."""
        nodes = list(walk(syntax.nodes))
        here = {node.name for node in nodes if isinstance(node, Variable) and node.value is not None}
        found = [f"__{node.name}__" for node in nodes if isinstance(node, Wildcard) and not self._keys(node)]
        read = [n for n in nodes if isinstance(n, Variable) and n.value is None and n.default is None]
        return found + [f"${{{node.name}}}" for node in read if node.name not in here and not self._keys(node)]

    def _measure_node(self, node: Node, local: Mapping[str, _Measure]) -> _Measure:
        if isinstance(node, Text):
            return _Measure(node.count)
        if isinstance(node, Choice):
            one = _either(self.measure(option, local) for option in node.options)
            characters = min(LARGEST, node.upper * (one.characters + node.separator))
            texts = sum(min(LARGEST, one.texts ** min(count, 64)) for count in range(node.lower, node.upper + 1))
            return _Measure(characters, min(LARGEST, texts), one.levels)
        if isinstance(node, Variable):
            if node.value is not None:
                return _Measure()
            if node.name in local:
                return local[node.name]
            if not self._keys(node):
                return self.measure(node.default, local) if node.default else _Measure(_UNKNOWN)
        one = _either(self._measures.get(key, _Measure()) for key in self._keys(node))
        return _Measure(one.characters or _UNKNOWN, max(1, one.texts), one.levels + 1)

    def _keys(self, node: Node) -> list[str]:
        """Return the definitions that a name may stand for."""
        if isinstance(node, Variable):
            return [f"${node.name}"] if f"${node.name}" in self._defined else []
        assert isinstance(node, Wildcard)
        if "*" not in node.name:
            return [f"_{node.name}"] if f"_{node.name}" in self._defined else self._by_tail.get(node.name, [])
        if node.name not in self._patterns:
            if len(self._patterns) >= _PATTERNS:
                template = _("the set uses more than %(limit)s different wildcards with *.")
                raise refused("prompt-too-many-wildcards", template, shown_name(node.name), limit=_PATTERNS)
            self._patterns[node.name] = fnmatch.filter(self._defined, f"_{node.name}") or fnmatch.filter(
                self._defined, f"_*/{node.name}"
            )
        return self._patterns[node.name]

    def _in_order(self) -> list[str]:
        """Return the definitions, each behind those that it names; raise Refused where that goes round."""
        graph = {
            key: {
                other
                for nodes in group
                for node in walk(nodes)
                if isinstance(node, Wildcard | Variable)
                for other in self._keys(node)
            }
            for key, group in self._defined.items()
        }
        try:
            return list(TopologicalSorter(graph).static_order())
        except CycleError as error:
            shown = " > ".join(shown_name(key[1:], 40) for key in error.args[1][:6])
            template = _("the names %(names)s stand for each other and never end.")
            raise refused("prompt-cycle", template, shown, names=shown) from None


def _checked(prompt: Prompt, syntax: Syntax, book: _Book) -> _Measure:
    """Return the most a prompt can become; raise Refused when it never ends or is too long."""
    settings = [node for node in walk(syntax.nodes) if isinstance(node, Variable) and node.value is not None]
    if book.shares_variables:
        settings = []
    local: dict[str, _Measure] = {}
    graph: dict[str, set[str]] = {}
    for node in settings:
        inner = {one.name for one in walk(node.value or ()) if isinstance(one, Variable) and one.value is None}
        graph.setdefault(node.name, set()).update(inner)
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError:
        template = _("%(place)s sets a variable to itself at column %(column)s.")
        refuse_at("prompt-cycle", template, prompt.text, 0, prompt.place, prompt.begin)
    for name in order:
        if values := [node.value for node in settings if node.name == name and node.value is not None]:
            local[name] = _either(book.measure(value, local) for value in values)
    measure = book.measure(syntax.nodes, local)
    if measure.characters > RESOLVED_CHARACTERS:
        template = _("%(place)s can become longer than %(limit)s characters, from column %(column)s.")
        refuse_at(
            "prompt-resolved-too-long", template, prompt.text, 0, prompt.place, prompt.begin, limit=RESOLVED_CHARACTERS
        )
    if measure.levels > MAX_DEPTH:
        template = _("%(place)s uses names in names deeper than %(limit)s levels, from column %(column)s.")
        refuse_at("prompt-too-deep", template, prompt.text, 0, prompt.place, prompt.begin, limit=MAX_DEPTH)
    return measure


def _resolve(pairs: Iterable[_Pair], definitions: Mapping[str, list[_Pair]]) -> None:
    """Let the library resolve one text of every prompt with any syntax, within a budget; raise Refused."""
    library: _Library | None = None
    constructs = 0
    seen: set[str] = set()
    for prompt, syntax in pairs:
        if not syntax.constructs or syntax.constructs > _PROMPT_CONSTRUCTS or syntax.plain in seen:
            continue
        constructs += syntax.constructs
        if constructs > _RESOLVED_CONSTRUCTS:
            return
        seen.add(syntax.plain)
        library = library or _Library(definitions)
        library.resolve(prompt, syntax)


class _Library:
    """The dynamicprompts library, with the names of one set."""

    def __init__(self, definitions: Mapping[str, list[_Pair]]) -> None:
        import logging

        from dynamicprompts.enums import SamplingMethod
        from dynamicprompts.sampling_context import SamplingContext
        from dynamicprompts.wildcards import WildcardManager

        logging.getLogger("dynamicprompts").setLevel(logging.CRITICAL)
        entries: dict[str, Any] = {
            key[1:]: [syntax.plain for _prompt, syntax in group] for key, group in definitions.items() if key[0] == "_"
        }
        self._context = SamplingContext(
            default_sampling_method=SamplingMethod.RANDOM,
            wildcard_manager=WildcardManager(root_map={"": [entries]}),
            rand=Random(0),  # The same set has the same facts; nothing secret is drawn.
            unknown_variable_value="",
        )

    def resolve(self, prompt: Prompt, syntax: Syntax) -> None:
        from pyparsing import ParseBaseException

        try:
            # The library knows no prompt that is one assignment alone; the blank makes it one among others.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                texts = [str(result) for result in self._context.sample_prompts(syntax.plain + " ", 1)]
        except MemoryError:
            raise
        except ParseBaseException as error:
            template = _("%(place)s is no dynamic prompt from column %(column)s on.")
            refuse_at("prompt-syntax", template, prompt.text, error.loc, prompt.place, prompt.begin)
        except Exception:  # The samplers raise what they come upon, ValueError to NotImplementedError.
            template = _("%(place)s cannot be resolved from column %(column)s on; check its weights and numbers.")
            refuse_at("prompt-syntax", template, prompt.text, 0, prompt.place, prompt.begin)
        if any(len(text) > RESOLVED_CHARACTERS for text in texts):
            template = _("%(place)s can become longer than %(limit)s characters, from column %(column)s.")
            refuse_at(
                "prompt-resolved-too-long",
                template,
                prompt.text,
                0,
                prompt.place,
                prompt.begin,
                limit=RESOLVED_CHARACTERS,
            )


def _either(measures: Iterable[_Measure]) -> _Measure:
    """Return the most that one of several texts can become."""
    characters, texts, levels = 0, 0, 0
    for one in measures:
        characters, texts, levels = max(characters, one.characters), texts + one.texts, max(levels, one.levels)
    return _Measure(characters, min(LARGEST, texts), levels)


def _tails(path: str) -> set[str]:
    """Return the path whole and from each of its folders on: a/b/c, b/c, c."""
    parts = path.split("/")
    return {"/".join(parts[start:]) for start in range(len(parts))}


def _is_known(name: str, known: set[str]) -> bool:
    if "*" in name:
        return any(fnmatch.fnmatchcase(other, name) for other in known)
    return name in known
