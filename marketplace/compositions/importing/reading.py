"""A file of a stranger, read for what it says that it was made with. No Django in here, and no pixel is decoded."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from assets.inspectors.base import Refused, shown_name
from assets.inspectors.strict_json import read_json
from marketplace.compositions.exports.provenance import PROVENANCE_FORMAT
from marketplace.compositions.importing import containers, infotext, workflows
from marketplace.compositions.importing.claims import Claims, Painted, Stated, Workflow
from marketplace.compositions.importing.exif import MOST_TEXT_BYTES
from marketplace.compositions.importing.refusals import TOO_MUCH, UnableToImport, refuse
from marketplace.ui.words import Words
from marketplace.ui.words import gettext_noop as _

MOST_BYTES = containers.MOST_BYTES
DEPTH_LIMIT = 32
MOST_PACKS = 512
_DIGEST = re.compile(r"[0-9a-f]{64}")
_PACK = re.compile(r"[a-z0-9-]{1,40}/[a-z0-9-]{1,40}@[0-9A-Za-z.+-]{1,32}")
_SITE = re.compile(r"https?://[!-~]{1,200}")
_NO_CHARACTER = re.compile("[\0\ud800-\udfff]")
# ComfyUI writes NaN where a node could not say whether it changed; its own pages read it as nothing.
_NO_NUMBER = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|-?\b(?:NaN|Infinity)\b', re.DOTALL)
_OTHERS = (
    (b"GIF8", 0, "GIF"),
    (b"ftypavif", 4, "AVIF"),
    (b"ftyp", 4, "MP4"),
    (b"\x1aE\xdf\xa3", 0, "WebM"),
    (b"PK\x03\x04", 0, "ZIP"),
    (b"%PDF", 0, "PDF"),
    (b"BM", 0, "BMP"),
)
_NOT_READ = _("%(kind)s files are not read: choose the PNG, WebP or JPEG picture, or the workflow as JSON.")
_UNKNOWN = _("This is no picture, no workflow and no text of settings: choose what ComfyUI or A1111 saved.")
_SILENT = _("The picture does not say how it was made: whoever saved it left that out, or a site took it away.")
_NO_WORKFLOW = _("This JSON is no workflow of ComfyUI: save it there with Export or Export (API).")
_NO_JSON = _("What it was made with cannot be read: %(why)s")


def claims_of(data: bytes) -> Claims:
    """This will read what a file says that it was made with; raises UnableToImport, and keeps nothing."""
    if len(data) > MOST_BYTES:
        refuse(_("The file has more than %(most)d bytes: no picture of a workflow needs as many."), most=MOST_BYTES)
    if not data:
        refuse(_("The file is empty: choose another one."))
    sha256 = hashlib.sha256(data).hexdigest()
    container, texts = _texts(data)
    if container == "json":
        return _with(Claims("json", sha256), _workflow_in(texts["json"]))
    if container == "text":
        return _with(Claims("text", sha256), {"parameters": texts["text"]})
    if not texts:
        refuse(_SILENT)
    comment = texts.get("parameters", "").lstrip()
    if comment.startswith("{") and not texts.keys() & {"prompt", "workflow"}:
        # Some tools put ComfyUI's entries into one comment.
        texts = {**texts, "parameters": ""}
        said = value_in(comment, Words(_("The comment")))
        return _with(Claims(container, sha256), {**_entries(texts), **(said if isinstance(said, dict) else {})})
    return _with(Claims(container, sha256), _entries(texts))


def _texts(data: bytes) -> tuple[str, Mapping[str, str]]:
    """Tells what the file is by its first bytes, and takes its texts out."""
    if data.startswith(containers.PNG):
        return "png", containers.png(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp", containers.webp(data)
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg", containers.jpeg(data)
    for sign, at, kind in _OTHERS:
        if data.startswith(sign, at):
            refuse(_NOT_READ, kind=kind)
    if len(data) > MOST_TEXT_BYTES:
        refuse(TOO_MUCH if data[:1] in b"{[" else _UNKNOWN, most=MOST_TEXT_BYTES)
    try:
        text = data.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        refuse(_UNKNOWN)
    if text[:1] in ("{", "["):
        return "json", {"json": text}
    if not infotext.is_infotext(text):
        refuse(_UNKNOWN)
    return "text", {"text": text}


def value_in(text: str, where: Words) -> Any:
    """This will read JSON strictly, but NaN and Infinity as nothing; raises UnableToImport."""
    if "NaN" in text or "Infinity" in text:
        text = _NO_NUMBER.sub(lambda match: match[0] if match[0].startswith('"') else "null", text)
    try:
        return read_json(text, depth=DEPTH_LIMIT, where=where)
    except Refused as refusal:
        first = refusal.findings[0]
        raise UnableToImport(_NO_JSON, {"why": Words(first.template, first.values)}) from None


_NAMES = {
    "prompt": Words(_("The entry “prompt”")),
    "workflow": Words(_("The entry “workflow”")),
    "worldloom": Words(_("The entry “worldloom”")),
}


def _entries(texts: Mapping[str, str]) -> dict[str, Any]:
    said: dict[str, Any] = {key: value_in(texts[key], where) for key, where in _NAMES.items() if key in texts}
    return said | {"parameters": texts.get("parameters", "")}


def _workflow_in(text: str) -> dict[str, Any]:
    """Tells which of ComfyUI's forms a document has: a prompt, a request that runs one, or what its pages save."""
    found = value_in(text, Words(_("The file")))
    if not isinstance(found, dict):
        refuse(_NO_WORKFLOW)
    if found.get("format") == PROVENANCE_FORMAT:
        return {"worldloom": found}
    if workflows.is_prompt(found.get("prompt")):
        extra = found.get("extra_data")
        info = extra.get("extra_pnginfo") if isinstance(extra, dict) else None
        return {**(info if isinstance(info, dict) else {}), "prompt": found["prompt"]}
    if workflows.is_drawn(found):
        return {"workflow": found}
    if workflows.is_prompt(found):
        return {"prompt": found}
    raise UnableToImport(_NO_WORKFLOW)


def _with(claims: Claims, said: Mapping[str, Any]) -> Claims:
    """Puts together what the entries say; the prompt is what ran, so it counts before what its page showed."""
    prompt, drawn = said.get("prompt"), said.get("workflow")
    workflow = Workflow()
    if workflows.is_prompt(prompt):
        workflow = workflows.from_prompt(prompt)
    elif workflows.is_drawn(drawn):
        workflow = workflows.from_drawn(drawn)
    parameters = said.get("parameters")
    if isinstance(parameters, str) and parameters and not workflow.mentions and not workflow.layers:
        workflow = infotext.read(parameters)
    stated = _stated(said, prompt, drawn, parameters)
    if stated is None and not workflow.mentions and not workflow.layers:
        refuse(_SILENT if claims.is_picture else _NO_WORKFLOW)
    return Claims(claims.container, claims.sha256, stated, _characters(workflow))


def _characters(workflow: Workflow) -> Workflow:
    """Marks what is no character, and so neither asked for nor answered: NUL, and halves of one."""
    return replace(
        workflow,
        mentions=tuple(replace(one, name=_NO_CHARACTER.sub("\ufffd", one.name)) for one in workflow.mentions),
        layers=tuple(
            Painted(_NO_CHARACTER.sub("", one.label), _NO_CHARACTER.sub("", one.prompt)) for one in workflow.layers
        ),
        negative=_NO_CHARACTER.sub("", workflow.negative),
        settings=tuple((key, _NO_CHARACTER.sub("", value)) for key, value in workflow.settings),
    )


def _stated(said: Mapping[str, Any], prompt: Any, drawn: Any, parameters: Any) -> Stated | None:
    """Finds our own entry, or the digest of a lock where tools that keep no entries still have it."""
    extra = drawn.get("extra") if isinstance(drawn, dict) else None
    for entry in (said.get("worldloom"), extra.get("worldloom") if isinstance(extra, dict) else None):
        if entry is not None:
            return _provenance(entry)
    digest = ""
    if workflows.is_prompt(prompt):
        digest = workflows.titled(prompt)
    elif isinstance(parameters, str):
        digest = infotext.recipe_in(parameters)
    return Stated(digest) if digest else None


def _provenance(entry: Any) -> Stated:
    if not isinstance(entry, dict) or entry.get("format") != PROVENANCE_FORMAT:
        refuse(_("The entry “worldloom” is not as we write it: it was changed, or is of another tool."))
    recipe, packs = entry.get("recipe"), entry.get("packs", [])
    if not isinstance(recipe, str) or not _DIGEST.fullmatch(recipe):
        refuse(_("The entry “worldloom” names no recipe: its digest is missing or was changed."))
    if not isinstance(packs, list) or len(packs) > MOST_PACKS:
        refuse(_("The entry “worldloom” names no list of at most %(most)d packs."), most=MOST_PACKS)
    site = entry.get("site")
    return Stated(
        recipe,
        site if isinstance(site, str) and _SITE.fullmatch(site) else "",
        tuple(_pack(one) for one in packs),
    )


def _pack(one: Any) -> tuple[str, str]:
    pack, release = (one.get("pack"), one.get("release")) if isinstance(one, dict) else (None, None)
    if not isinstance(pack, str) or not isinstance(release, str) or not _DIGEST.fullmatch(release):
        refuse(_("The entry “worldloom” names a pack without the digest of its release."))
    if not _PACK.fullmatch(pack):
        refuse(_("The entry “worldloom” names the pack %(pack)s, as no pack is called."), pack=shown_name(pack, 80))
    return pack, release
