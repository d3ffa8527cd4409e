"""Finding the texts that people read: msgids in Python (by syntax tree) and in templates (by Django's own lexer)."""

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.utils.translation.template import templatize

# How many leading arguments of each function are text: (context, singular, plural), by place.
_SINGULAR, _PLURAL, _CONTEXT, _CONTEXT_PLURAL = (None, 0, None), (None, 0, 1), (0, 1, None), (0, 1, 2)
CALLS: dict[str, tuple[int | None, int, int | None]] = {
    **dict.fromkeys(["_", "gettext", "gettext_lazy", "gettext_noop"], _SINGULAR),
    **dict.fromkeys(["ngettext", "ngettext_lazy"], _PLURAL),
    **dict.fromkeys(["pgettext", "pgettext_lazy"], _CONTEXT),
    **dict.fromkeys(["npgettext", "npgettext_lazy"], _CONTEXT_PLURAL),
}
_TEXT = r"""u?(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")"""
_CALL = re.compile(rf"\b(n?p?gettext|_)\(\s*({_TEXT}(?:\s*,\s*{_TEXT})*)", re.DOTALL)
SKIPPED = {"tests", "build", "node_modules", "contracts", "docs", "benchmarks", "locale", "migrations"}


@dataclass(frozen=True, order=True)
class Text:
    """One text to translate and where it stands; `plural` and `context` are empty when it has none."""

    place: str
    line: int
    msgid: str
    plural: str = ""
    context: str = ""


def texts_of_python(source: str, place: str) -> Iterator[Text]:
    """This will find the literals given to gettext's functions, under any of their usual names.

    Raises SyntaxError for an f-string or a sum, which can never be looked up; a plain variable is allowed, its
    literal stands elsewhere.
    """
    for node in ast.walk(ast.parse(source, place)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name not in CALLS:
            continue
        words: list[str] = []
        for at in CALLS[name]:
            argument = node.args[at] if at is not None and at < len(node.args) else None
            if isinstance(argument, ast.JoinedStr | ast.BinOp):
                raise SyntaxError(
                    f"{place}:{node.lineno}: the text is not a literal: mark what varies as %(name)s instead."
                )
            literal = isinstance(argument, ast.Constant) and isinstance(argument.value, str)
            words.append(argument.value if literal else "")  # type: ignore[union-attr]
        context, msgid, plural = words
        if msgid:
            yield Text(place, node.lineno, msgid, plural, context)


def texts_of_template(source: str, place: str) -> Iterator[Text]:
    """This will find `trans`, `blocktrans` and `_()`, also within the attributes of components."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        calls = templatize(source, origin=place)
    for call in _CALL.finditer(calls):
        words = [ast.literal_eval(word) for word in re.findall(_TEXT, call[2])]
        context, msgid, plural = (words[at] if at is not None and at < len(words) else "" for at in CALLS[call[1]])
        if msgid:
            yield Text(place, calls.count("\n", 0, call.start()) + 1, msgid, plural, context)


def texts_of_project(home: Path) -> list[Text]:
    """This will find every text of the packages under a folder, in a stable order."""
    found: list[Text] = []
    for folder in sorted(path for path in home.iterdir() if (path / "__init__.py").is_file()):
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(home)
            if not path.is_file() or SKIPPED & set(inside.parts):
                continue
            if path.suffix == ".py":
                found += texts_of_python(path.read_text("utf-8"), inside.as_posix())
            elif path.suffix in {".html", ".txt"} and "templates" in inside.parts:
                found += texts_of_template(path.read_text("utf-8"), inside.as_posix())
    return found
