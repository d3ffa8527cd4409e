"""Changes of a recipe that a page offers: carried by a button, made on the text that they were offered for."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import orjson
from django.http import QueryDict

from marketplace.compositions.checking import Checked, CheckedRef, Remedy, Swap
from marketplace.compositions.notation.findings import Finding
from marketplace.compositions.notation.model import MILLION, Place
from marketplace.compositions.notation.places import mended
from marketplace.compositions.notation.refs import write_ref
from marketplace.licensing.terms.model import Use
from marketplace.licensing.terms.using import UnreadableUse, use_document, use_from
from marketplace.storefront.forms_recipes import use_values

_MOST_EDITS = 128


class Edit(NamedTuple):
    """So many characters at a place (both from 1 on) that become something else."""

    line: int
    column: int
    length: int
    text: str


def mark_of(text: str) -> str:
    """This will name a text, so that a change is made only where it belongs."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def change(text: str, edits: Sequence[Edit], prefer: Iterable[object] = (), use: Use | None = None) -> str:
    """This will write a change as the value of a button."""
    said: dict[str, Any] = {"of": mark_of(text), "edits": [list(one) for one in edits]}
    if offers := [str(one) for one in prefer]:
        said["prefer"] = offers
    if use is not None:
        said["use"] = use_document(use)
    return orjson.dumps(said).decode()


def mend(text: str, finding: Finding) -> str:
    """This will write the change that a finding suggests, nothing where it suggests none."""
    if not finding.suggestion:
        return ""
    return change(text, [Edit(finding.line, finding.column, finding.length, finding.suggestion)])


def remedied(text: str, checked: Checked, remedy: Remedy) -> str:
    """This will write the change that makes a remedy: other packs, an offer before others, or less asked for."""
    refs = checked.refs
    edits = [edit for swap in remedy.swaps if (edit := _edit(refs[swap.position], swap)) is not None]
    prefer = {str(swap.offer.pk): None for swap in remedy.swaps if swap.offer is not None}
    use = remedy.use if remedy.narrowed is not None else None
    return change(text, edits, prefer, use) if edits or prefer or use is not None else ""


def _edit(ref: CheckedRef, swap: Swap) -> Edit | None:
    """Gives the change of one ref; none where the same release stays."""
    written, release, element = ref.resolved.ref, ref.release, ref.resolved.element
    if written.at is None or (release is not None and str(release) == swap.pack):
        return None
    address, _at, version = swap.pack.partition("@")
    same_pack = release is not None and str(release.pack) == address
    path = (*address.split("/"), *((element.name,) if element and same_pack else ()))
    weight = written.weight_ppm
    if weight is None and ref.resolved.weight_ppm != MILLION:
        weight = ref.resolved.weight_ppm
    at: Place = written.at
    text = write_ref(replace(written, path=path, version=version, weight_ppm=weight))
    return Edit(at.line, at.column, at.length, text)


def made(value: str, text: str, data: QueryDict) -> bool:
    """This will make a change in what was sent, in place; a change that was offered for another text makes none."""
    said = _read(value)
    if said is None or said.get("of") != mark_of(text):
        return False
    edits = sorted((edit for edit in map(_edit_in, _listed(said, "edits")) if edit), reverse=True)
    for edit in edits:
        text = mended(text, *edit)
    data["text"] = text
    known = set(data.getlist("prefer"))
    data.setlist("prefer", sorted(known | {one for one in _listed(said, "prefer") if isinstance(one, str)}))
    for name, values in _use_in(said).items():
        data.setlist(name, values)
    return True


def _use_in(said: Mapping[str, Any]) -> Mapping[str, list[str]]:
    if not isinstance(said.get("use"), Mapping):
        return {}
    try:
        return use_values(use_from(said["use"]))
    except UnreadableUse:
        return {}


def _read(value: str) -> Mapping[str, Any] | None:
    try:
        said = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    return said if isinstance(said, Mapping) else None


def _listed(said: Mapping[str, Any], name: str) -> list[Any]:
    found = said.get(name, [])
    return found[:_MOST_EDITS] if isinstance(found, list) else []


def _edit_in(said: Any) -> Edit | None:
    match said:
        case [int(line), int(column), int(length), str(text)] if line > 0 and column > 0 and length >= 0:
            return Edit(line, column, length, text)
    return None
