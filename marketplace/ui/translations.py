"""The catalog of translations: kept as text, compiled without gettext's programs."""

import io
import re
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from marketplace.ui.extract import Text

_PLACEHOLDER = re.compile(r"%\(\w+\)[a-zA-Z]|%[sd]|\{\w*\}")


def load(path: Path) -> Catalog:
    """This will read a `.po` file, or start an empty catalog for the language its folder is named for."""
    locale = path.parent.parent.name
    if not path.exists():
        return Catalog(locale=locale, project="Worldloom", version="1", charset="utf-8", fuzzy=False)
    with path.open("rb") as file:
        return read_po(file, locale=locale)


def merge(catalog: Catalog, texts: list[Text]) -> Catalog:
    """This will give a catalog of exactly these texts, in their order, with the translations that are known.

    Nothing is guessed: a text that changed by a letter starts untranslated. What is no longer used is dropped.
    """
    merged = Catalog(locale=catalog.locale, project="Worldloom", version="1", charset="utf-8", fuzzy=False)
    merged.header_comment = "# Worldloom: what people read, in this folder's language. `manage.py messages --update`."
    for text in texts:
        key = (text.msgid, text.plural) if text.plural else text.msgid
        known = catalog.get(text.msgid, text.context or None)
        string = known.string if known and bool(known.pluralizable) == bool(text.plural) else None
        merged.add(
            key,
            string if string is not None else (("",) * merged.num_plurals if text.plural else ""),
            locations=[(text.place, 0)],
            flags=set(known.flags) & {"fuzzy"} if known else (),
            user_comments=known.user_comments if known else (),
            context=text.context or None,
        )
    return merged


def written(catalog: Catalog) -> bytes:
    """This will write a catalog as `.po`, without line numbers and dates, so that a diff shows words only."""
    out = io.BytesIO()
    write_po(out, catalog, width=110, omit_header=False, include_lineno=False, sort_output=False)
    lines = out.getvalue().splitlines(keepends=True)
    moving = (
        b'"POT-Creation-Date',
        b'"PO-Revision-Date',
        b'"Last-Translator',
        b'"Generated-By',
        b'"Language-Team',
        b'"Report-Msgid',
    )
    return b"".join(line for line in lines if not line.startswith(moving))


def _strings(message: Message) -> list[str]:
    strings = message.string if isinstance(message.string, list | tuple) else [message.string]
    return [string or "" for string in strings]


def faults(catalog: Catalog, texts: list[Text]) -> list[str]:
    """This will name, a line each, what is missing, fuzzy, no longer used, or disagrees in its placeholders."""
    wanted = {(text.msgid, text.context): text for text in texts}
    lines = []
    for (msgid, context), text in wanted.items():
        message = catalog.get(msgid, context or None)
        if message is None or not all(_strings(message)):
            lines.append(f"missing: {text.place}:{text.line}: {msgid!r}")
        elif message.fuzzy:
            lines.append(f"fuzzy: {text.place}:{text.line}: {msgid!r}")
        else:
            given = set(_PLACEHOLDER.findall(msgid)) | set(_PLACEHOLDER.findall(text.plural))
            for string in _strings(message):
                if set(_PLACEHOLDER.findall(string)) != given:
                    lines.append(f"placeholders differ: {text.place}:{text.line}: {msgid!r} against {string!r}")
    for message in catalog:
        singular = message.id[0] if isinstance(message.id, list | tuple) else message.id
        if singular and (singular, message.context or "") not in wanted:
            lines.append(f"no longer used: {singular!r}")
    return lines


def compile_to(path: Path) -> bool:
    """This will write the `.mo` beside a `.po`; an older `.po` costs one comparison. True when it was written."""
    target = path.with_suffix(".mo")
    if target.exists() and target.stat().st_mtime_ns >= path.stat().st_mtime_ns:
        return False
    out = io.BytesIO()
    write_mo(out, load(path))
    part = target.with_suffix(".mo.part")
    part.write_bytes(out.getvalue())
    part.replace(target)
    return True
