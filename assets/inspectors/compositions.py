"""A composition: JSON that says which releases paint which layers, and who is paid first when it is metered.

docs/formats/composition-pack.md is its page. Whether those releases exist, and whether the recipe says the same, is for
those who know them to check: this reads the form alone.
"""

import re
from collections.abc import Iterable
from typing import Any

from assets.inspectors.base import FACTS_FORMAT, Facts, Inspection, Limits, Refused, refused, shown_name
from assets.inspectors.strict_json import read_file
from assets.inspectors.texts import check_characters, decoded
from marketplace.ui.words import Words
from marketplace.ui.words import gettext_noop as _

COMPOSITION_FORMAT = "worldloom/composition/1"
COMPOSITION_MEDIA_TYPE = "application/vnd.worldloom.composition+json"
POLICIES = ("equal", "negotiated", "weight-area")
WHOLE_PPB = 1_000_000_000
MOST_PACKS = 65 * 8
"""Eight packs for each of 64 layers and the style."""
MOST_WEIGHT_PPM = 4_000_000
MOST_FEE_MINOR = 10**12
MOST_RECIPE_BYTES = 1024**2
"""The longest text of a recipe."""

RECIPE_MEDIA_TYPE = "text/vnd.worldloom.recipe"
RECIPE_LINE = "# worldloom/recipe/1"
"""By this comment a text file says that it is a recipe and not a set of prompts."""

_FILE_BYTES = 3 * 1024**2
_UNIT_CHARACTERS = 40
_SAYS_FORMAT = re.compile(rb'"worldloom/composition/[0-9]')
_SAYS_RECIPE = re.compile(rb"^[ \t]*#[ \t]*worldloom/recipe/1[ \t]*\r?$", re.MULTILINE)
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SLUG = r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?"
_ELEMENT = re.compile(rf"(?:{_SLUG})?")
_PACK = re.compile(rf"{_SLUG}/{_SLUG}")
_VERSION = re.compile(r"(?:0|[1-9]\d{0,8})(?:\.(?:0|[1-9]\d{0,8})){2}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}")
_WHOLE = Words(_("the composition"))
_MEMBERS = {"format", "recipe", "policy", "packs", "unit", "currency", "fees"}
_PACK_MEMBERS = ("layer", "pack", "version", "release", "element", "weight_ppm", "share_ppb")
_FEE_MEMBERS = ("release", "amount_minor")


def may_be_composition(data: bytes) -> bool:
    """Say whether the bytes of a JSON file name the format of compositions anywhere."""
    return bool(_SAYS_FORMAT.search(data))


def may_be_recipe(data: bytes) -> bool:
    """Say whether the bytes of a text file have the comment of a recipe as a line."""
    return bool(_SAYS_RECIPE.search(data))


def inspect_recipe(data: bytes) -> Inspection:
    """Return the facts of a recipe's text; raise Refused. What it says is for those who know recipes to check."""
    if len(data) > MOST_RECIPE_BYTES:
        template = _("the recipe is larger than %(limit)s bytes.")
        raise refused("file-too-large", template, f"offset {MOST_RECIPE_BYTES}", limit=MOST_RECIPE_BYTES)
    text = decoded(data)
    check_characters(text, "")
    return Inspection(RECIPE_MEDIA_TYPE, {"format": FACTS_FORMAT, "kind": "recipe", "lines": len(text.splitlines())})


def inspect_composition(data: bytes, limits: Limits) -> Inspection:
    """Return the facts of a composition, all that it says but its recipe; raise Refused."""
    said = read_composition(data, limits)
    facts = {"format": FACTS_FORMAT, "kind": "composition"} | {key: said[key] for key in said if key != "recipe"}
    return Inspection(COMPOSITION_MEDIA_TYPE, facts)


def read_composition(data: bytes, limits: Limits | None = None) -> Facts:
    """Return what a composition.json says, what it leaves out as empty, without its format; raise Refused.

    `recipe` is an object of the right format, and not read further here.
    """
    value = read_file(data, most_bytes=_FILE_BYTES, depth=(limits or Limits()).json_depth, where=_WHOLE)
    if not isinstance(value, dict) or value.get("format") != COMPOSITION_FORMAT:
        raise _bad("format", _('%(place)s must be "worldloom/composition/1".'))
    _only("", value, _MEMBERS)
    recipe = value.get("recipe")
    if not isinstance(recipe, dict) or recipe.get("format") != "worldloom/recipe/1":
        raise _bad("recipe", _('%(place)s must be a recipe, "worldloom/recipe/1".'))
    if value.get("policy") not in POLICIES:
        raise _bad("policy", _("%(place)s must be one of %(choices)s."), choices=", ".join(POLICIES))
    packs = _packs(value.get("packs"))
    return {"recipe": recipe, "policy": value["policy"], "packs": packs} | _contracts(value, packs)


def _packs(value: object) -> list[Facts]:
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_PACKS:
        raise _bad("packs", _("%(place)s must be a list of 1 to %(most)s packs."), most=MOST_PACKS)
    rows = [_pack(f"packs[{number}]", row) for number, row in enumerate(value)]
    total = sum(row["share_ppb"] for row in rows)
    if total != WHOLE_PPB:
        template = _("%(place)s have shares of %(sum)s parts per billion together: they must be %(whole)s.")
        raise _bad("packs", template, sum=total, whole=WHOLE_PPB)
    named: dict[str, tuple[str, str]] = {}
    for number, row in enumerate(rows):
        name = (row["pack"], row["version"])
        if named.setdefault(row["release"], name) != name:
            raise _bad(f"packs[{number}].release", _("%(place)s stands for another release before."))
    return rows


def _pack(place: str, value: object) -> Facts:
    row = _row(place, value, _PACK_MEMBERS)
    if not isinstance(row["layer"], str) or not 1 <= len(row["layer"]) <= 64:
        raise _bad(f"{place}.layer", _("%(place)s must be the label of a layer."))
    for key, form, template in (
        ("pack", _PACK, _("%(place)s must be written creator/pack.")),
        ("version", _VERSION, _("%(place)s must be three numbers, as in 1.0.0.")),
        ("release", _DIGEST, _("%(place)s must be a release's digest, 64 small hexadecimal digits.")),
        ("element", _ELEMENT, _("%(place)s must be the name of an element, or empty for the whole pack.")),
    ):
        if not isinstance(row[key], str) or not form.fullmatch(row[key]):
            raise _bad(f"{place}.{key}", template)
    _number(f"{place}.weight_ppm", row["weight_ppm"], -MOST_WEIGHT_PPM, MOST_WEIGHT_PPM)
    _number(f"{place}.share_ppb", row["share_ppb"], 0, WHOLE_PPB)
    return row


def _contracts(value: dict[str, Any], packs: Iterable[Facts]) -> Facts:
    """Return the fees of metered use, with the unit and the currency that they are for."""
    unit, currency = value.get("unit", ""), value.get("currency", "")
    if not isinstance(unit, str) or len(unit) > _UNIT_CHARACTERS or unit != unit.strip():
        raise _bad("unit", _("%(place)s must be the unit that is counted, of at most %(most)s characters."), most=40)
    if not isinstance(currency, str) or not (currency == "" or _CURRENCY.fullmatch(currency)):
        raise _bad("currency", _("%(place)s must be three letters, as in USD."))
    rows = value.get("fees", [])
    if not isinstance(rows, list) or len(rows) > MOST_PACKS:
        raise _bad("fees", _("%(place)s must be a list of at most %(most)s fees."), most=MOST_PACKS)
    known, seen = {row["release"] for row in packs}, set()
    for number, one in enumerate(rows):
        row = _row(f"fees[{number}]", one, _FEE_MEMBERS)
        named = row["release"]
        if not isinstance(named, str) or named not in known or named in seen:
            raise _bad(f"fees[{number}].release", _("%(place)s must be a release that paints, each once."))
        seen.add(named)
        _number(f"fees[{number}].amount_minor", row["amount_minor"], 1, MOST_FEE_MINOR)
    for name, said in (("unit", unit), ("currency", currency)):
        if bool(said) != bool(rows):
            raise _bad(name, _("%(place)s goes with fees: write both, or neither."))
    return {"unit": unit, "currency": currency, "fees": rows}


def _row(place: str, value: object, members: Iterable[str]) -> Facts:
    """Return an object that has these members and no others."""
    if not isinstance(value, dict):
        raise _bad(place, _("%(place)s must be an object."))
    _only(f"{place}.", value, set(members))
    for key in members:
        if key not in value:
            raise _bad(f"{place}.{key}", _("%(place)s is missing."))
    return value


def _only(prefix: str, value: dict[str, Any], known: set[str]) -> None:
    for key in value:
        if key not in known:
            raise _bad(f"{prefix}{shown_name(key, 40)}", _("%(place)s is not known: remove it."))


def _number(place: str, value: object, least: int, most: int) -> None:
    if type(value) is not int or not least <= value <= most:
        template = _("%(place)s must be a whole number from %(least)s to %(most)s.")
        raise _bad(place, template, least=least, most=most)


def _bad(place: str, template: str, **values: str | int) -> Refused:
    return refused("composition-malformed", template, place, place=place, **values)
