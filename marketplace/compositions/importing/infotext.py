"""The text that stable-diffusion-webui (A1111) and its relatives write into pictures. No Django in here.

A prompt, what is not wanted behind `Negative prompt:`, and a last line of settings with hashes of the models.
"""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from marketplace.compositions.exports.prompts import SAMPLERS, SCHEDULERS
from marketplace.compositions.importing.claims import EMBEDDING, FILE, HASH, WHOLE, Mention, Painted, Workflow
from marketplace.compositions.importing.workflows import (
    MOST_MENTIONS,
    NAME_LIMIT,
    named_in,
    ppm_of,
    unwanted,
    without_tags,
)

AGAINST, SETTINGS = "Negative prompt:", "Steps:"
LEAST_DIGITS = 10
MOST_PAIRS = 5_000
"""How many settings are read: tools write a few dozen."""
_DIGITS = re.compile(r"(?:0x)?([0-9A-Fa-f]{10,64})")
_RECIPE = re.compile(r"\bWorldloom recipe: ([0-9a-f]{64})\b")
_KEY = re.compile(r"\s*([\w][\w /.-]{0,60}):[ \t]*")
# A1111 names embeddings as they are called, so only flat names can be told from other words.
_FLAT_NAME = re.compile(
    r"(?<![\w:-])([a-z0-9-]{1,40}__[a-z0-9-]{1,40}__\d{1,9}\.\d{1,9}\.\d{1,9}__[\w.-]{1,61}-[0-9a-f]{12})(?![\w-])"
    r"(?::(\d{0,3}\.?\d{1,6})\))?"
)
_REGIONAL = re.compile(r"\b(?:ADDCOMM|ADDBASE|ADDCOL|ADDROW|BREAK)\b")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.){0,20000}"')


def is_infotext(text: str) -> bool:
    """This will tell whether a text is one."""
    return any(line.startswith((AGAINST, SETTINGS)) for line in text.splitlines()) or "<lora:" in text


def recipe_in(text: str) -> str:
    """This will find the digest of a lock among the settings, as our export writes it."""
    found = _RECIPE.findall(text)
    return found[-1] if found else ""


def read(text: str) -> Workflow:
    """This will read what a text names; all of it is one layer, since the tool has no models for a part."""
    lines = text.splitlines()
    last = next((place for place in range(len(lines) - 1, -1, -1) if lines[place].startswith(SETTINGS)), len(lines))
    cut = next((place for place in range(last) if lines[place].startswith(AGAINST)), last)
    prompt = "\n".join(lines[:cut])
    against = "\n".join(lines[cut:last]).removeprefix(AGAINST).strip()
    said = dict(_pairs(" ".join(lines[last:])))
    named = [*named_in(prompt, 0), *_bare(prompt), *unwanted([*named_in(against, 0), *_bare(against)])]
    mentions = [*named, *islice(_hashes(said), MOST_MENTIONS)]
    painted = [Painted("", _REGIONAL.sub("\n", without_tags(prompt)).strip())]
    return Workflow(
        tuple(mentions[:MOST_MENTIONS]), tuple(painted), without_tags(against).strip(), tuple(_settings(said))
    )


def _bare(text: str) -> Iterator[Mention]:
    """Finds flat names that stand in a prompt by themselves."""
    for match in _FLAT_NAME.finditer(text) if "__" in text else ():
        yield Mention(EMBEDDING, match[1], ppm_of(match[2]) if match[2] else None, 0)


def _pairs(line: str) -> Iterator[tuple[str, str]]:
    """Parts `Steps: 20, Size: 1x1, Hashes: {"a": "b"}` into names and values."""
    at = 0
    for _count in range(MOST_PAIRS):
        if at >= len(line):
            return
        match = _KEY.match(line, at)
        if match is None:
            at = line.find(",", at) + 1 or len(line)
            continue
        start = match.end()
        if quoted := _QUOTED.match(line, start):
            value, end = _unquoted(quoted[0]), quoted.end()
        elif line.startswith("{", start):
            end = line.find("}", start) + 1 or len(line)
            value = line[start:end]
        else:
            end = line.find(",", start)
            end = len(line) if end < 0 else end
            value = line[start:end].strip()
        yield match[1].strip(), value
        at = line.find(",", end) + 1 or len(line)


def _unquoted(text: str) -> str:
    try:
        found = json.loads(text)
    except ValueError:
        return text.strip('"')
    return str(found)


def _hashes(said: Mapping[str, str]) -> Iterator[Mention]:
    """Gives each model with the digits that are said of it."""
    model, digits = said.get("Model", ""), said.get("Model hash", "")
    if model or digits:
        yield _hashed(model, digits)
    for key in ("Lora hashes", "TI hashes", "Lyco hashes"):
        for part in said.get(key, "").split(","):
            name, _colon, value = part.rpartition(":")
            if _DIGITS.fullmatch(value.strip()):
                yield _hashed(name.strip(), value.strip())
    listed = _listed(said.get("Hashes", ""))
    for name, value in listed.items():
        if isinstance(value, str) and _DIGITS.fullmatch(value) and len(name) <= NAME_LIMIT:
            yield _hashed(model if name == "model" and model else name.split(":", 1)[-1], value)


def _listed(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _hashed(name: str, digits: str) -> Mention:
    match = _DIGITS.fullmatch(digits)
    kind = HASH if match else FILE
    return Mention(kind, name[:NAME_LIMIT], None, WHOLE, match[1].lower() if match else "")


def _settings(said: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Writes the tool's settings as a recipe has them."""
    samplers = {name: key for key, name in SAMPLERS.items()}
    schedulers = {name: key for key, name in SCHEDULERS.items()}
    for key, name in (("seed", "Seed"), ("steps", "Steps"), ("cfg", "CFG scale"), ("size", "Size")):
        if name in said:
            yield key, said[name]
    if (sampler := samplers.get(said.get("Sampler", ""))) is not None:
        yield "sampler", sampler
    if (scheduler := schedulers.get(said.get("Schedule type", ""))) is not None:
        yield "scheduler", scheduler
