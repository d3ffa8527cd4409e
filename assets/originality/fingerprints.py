"""The fingerprints of a file that passed inspection, and what two prompt sets share; both run in the sandbox."""

import base64
import io
import json
import zipfile
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from PIL import Image

from assets.inspectors import archives, cards
from assets.inspectors import pictures as picture_files
from assets.inspectors import prompts as prompt_files
from assets.inspectors.base import Facts, Limits, refused, shown_name
from assets.inspectors.card_fields import texts_of as texts_of_card
from assets.originality import pictures, prompts, weights
from assets.originality.base import Print
from marketplace.ui.words import gettext_noop as _

_PROMPT_TYPES = {
    ".txt": prompt_files.TEXT_MEDIA_TYPE,
    ".json": prompt_files.JSON_MEDIA_TYPE,
    ".yaml": prompt_files.YAML_MEDIA_TYPE,
    ".yml": prompt_files.YAML_MEDIA_TYPE,
}
_ARCHIVES = {".zip", ".charx"}
_CARD_MEMBER = "card.json"
_CARD_CHUNKS = ("ccv3", "chara")

Place = tuple[Path, str, str]
"""A file's path, its name, whose ending says what it is, and the path in it where it is an archive, else empty."""


def fingerprints_of(path: Path, name: str, facts: Facts, key: bytes, limits: Limits) -> list[Print]:
    """Return all fingerprints of the file at `path`, called `name`, whose inspection gave `facts`.

    Those of an archive's members name their member. Weights are sketched under the secret `key`. A file that says
    too little to be known again, a flat picture or a few words, has none. Raise Refused when the file is not what
    the facts say.
    """
    with path.open("rb") as file:
        if _suffix(name) not in _ARCHIVES:
            return _of_file(file, name, facts, key, limits)
        found = prompts.prints_of(_card_texts(file, name))
        for member, stream, _media_type, member_facts in archives.members(file, limits):
            found += [Print(p.kind, p.value, member) for p in _of_file(stream, member, member_facts, key, limits)]
        return found


def texts_of(path: Path, name: str, member: str, limits: Limits) -> list[str]:
    """Return the prompts of the set or card at `path`, or in the `member` of the archive there; raise Refused."""
    with path.open("rb") as file:
        if not member:
            return _texts(file, name, limits)
        for other, stream, _media_type, _facts in archives.members(file, limits):
            if other == member:
                return _texts(stream, member, limits)
    template = _("the archive has no member %(member)s.")
    raise refused("archive-member-missing", template, shown_name(member), member=shown_name(member))


def shared_of(mine: Place, theirs: Place, limits: Limits) -> dict[str, int]:
    """Return what the prompts at one place share with those at another, as `prompts.overlap` counts it."""
    return prompts.overlap(texts_of(*mine, limits), texts_of(*theirs, limits))


def _of_file(file: BinaryIO, name: str, facts: Facts, key: bytes, limits: Limits) -> list[Print]:
    """Return the fingerprints of a file that is no archive."""
    found: list[Print] = []
    if facts["kind"] == "weights":
        found += weights.prints_of(file, key, limits, facts)
    elif facts["kind"] in ("prompts", "card") or "card" in facts:
        found += prompts.prints_of(_texts(file, name, limits))
    if facts["kind"] == "picture":
        file.seek(0)
        found += pictures.prints_of(picture_files.decode(file, limits=limits))
    return found


def _texts(file: BinaryIO, name: str, limits: Limits) -> list[str]:
    """Return the prompts of a set, or the texts of a character card."""
    file.seek(0)
    media_type = _PROMPT_TYPES.get(_suffix(name))
    if media_type is None:
        return _card_texts(file, name)
    if media_type == prompt_files.JSON_MEDIA_TYPE:
        data = file.read()
        if cards.may_be_card(data) and cards.is_card(value := json.loads(data)):
            return texts_of_card(value["data"])
        file = io.BytesIO(data)
    return prompt_files.read_prompts(file, media_type, limits)


def _card_texts(file: BinaryIO, name: str) -> list[str]:
    """Return the texts of the character card that a PNG or an archive carries; none when it carries none."""
    file.seek(0)
    if _suffix(name) in _ARCHIVES:
        with zipfile.ZipFile(file) as archive:
            written = [archive.read(_CARD_MEMBER)] if _CARD_MEMBER in archive.namelist() else []
    else:
        with Image.open(io.BytesIO(file.read())) as picture:
            picture.load()
            chunks = getattr(picture, "text", {})
        written = [base64.b64decode(chunks[chunk]) for chunk in _CARD_CHUNKS if chunk in chunks]
    values = [json.loads(text) for text in written if cards.may_be_card(text)]
    return texts_of_card(values[0]["data"]) if values and cards.is_card(values[0]) else []


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()
