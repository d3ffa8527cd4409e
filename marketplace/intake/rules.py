"""Reading what a creator wrote: `pack.toml` into a draft and its offers (docs/formats/pack-toml.md).

A draft that waits for its inspection is kept in the same form, as JSON.
"""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from marketplace.catalog.rules import (
    Draft,
    DraftElement,
    DraftFile,
    DraftParent,
    Finding,
    gettext_noop,
    parse_reference,
)
from marketplace.payouts.splitting import RELATIVE
from marketplace.ui.words import Words

PACK_FORMAT = "worldloom/pack/1"
PACK_FILE = "pack.toml"
PACK_FILE_LIMIT_BYTES = 256 * 1024

_ = gettext_noop
_Kind = type | tuple[type, ...]
_KEYS = {
    "format": str,
    "handle": str,
    "version": str,
    "kind": str,
    "tags": list,
    "cover": str,
    "base_model": str,
    "made_by": str,
    "ai_training": str,
    "title": dict,
    "summary": dict,
    "elements": list,
    "files": list,
    "split": list,
    "derived_from": list,
    "offers": list,
}
_TERMS = (str, dict)
_TERMS_DEPTH = 16
_TABLES: Mapping[str, Mapping[str, _Kind]] = {
    "elements": {"name": str, "kind": str, "title": dict, "files": list, "triggers": list},
    "files": {"path": str, "role": str},
    "split": {"creator": str, "share_ppb": int},
    "derived_from": {"release": str, "share_ppb": int, "mode": str},
    "offers": {
        "terms": _TERMS,
        "price": str,
        "minimum": str,
        "currency": str,
        "model": str,
        "unit": str,
        "share_ppb": int,
        "tiers": list,
        "month_minimum": str,
        "month_cap": str,
    },
}
_TIER: Mapping[str, type] = {"up_to_people": int, "up_to_revenue_usd": int, "price": str}
_OPTIONAL = {
    *("elements.files", "elements.triggers", "files.role", "derived_from.mode"),
    *("offers.price", "offers.minimum", "offers.model", "offers.unit", "offers.share_ppb", "offers.tiers"),
    *("offers.month_minimum", "offers.month_cap"),
}
_WORDS: Mapping[_Kind, Words] = {
    str: Words(_("text")),
    int: Words(_("a whole number")),
    list: Words(_("a list")),
    dict: Words(_("a table")),
    _TERMS: Words(_("text or a table")),
}
PAY_WHAT_YOU_WANT = "pay-what-you-want"
UNPRICED = ("free", "on-request")
"""Models of price that need none written."""


@dataclass(frozen=True)
class DraftTier:
    """A price, as it was written, for buyers of up to so many people and so much revenue a year; 0 is any."""

    up_to_people: int
    up_to_revenue_usd: int
    price: str


@dataclass(frozen=True)
class DraftOffer:
    """Terms at a price, as somebody wrote them: terms by name or as a table, prices as text.

    `model` says what the price is for; `unit`, `share_ppb`, `tiers` and the least and the most of a
    month go with some models (pack-toml.md).
    """

    terms: str | Mapping[str, Any]
    price: str
    currency: str
    model: str = "one-off"
    unit: str = ""
    share_ppb: int = 0
    tiers: tuple[DraftTier, ...] = ()
    month_minimum: str = ""
    month_cap: str = ""

    @property
    def label(self) -> str:
        """What sentences call it: its terms' name, or what they start from."""
        if isinstance(self.terms, str):
            return self.terms[:40]
        named = [self.terms.get(key) for key in ("name", "id", "base", "from")]
        return next((name[:40] for name in named if isinstance(name, str) and name), "terms")


class UnreadablePack(Exception):
    """The text is no pack.toml; `findings` say what and where."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__(" ".join(finding.message for finding in findings))


def parse_pack(text: str) -> tuple[Draft, list[DraftOffer]]:
    """This will read `pack.toml`, or raise UnreadablePack with everything that is wrong with its form."""
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        text_ = _("pack.toml is not TOML: %(reason)s.")
        raise UnreadablePack([Finding(PACK_FILE, text_, {"reason": str(error)[:200]})]) from None
    return read_pack(data)


def read_pack(data: Mapping[str, Any]) -> tuple[Draft, list[DraftOffer]]:
    """This will read what a pack.toml holds, whichever notation it came in, or raise UnreadablePack."""
    findings = _form(data)
    if findings:
        raise UnreadablePack(findings)
    of, _slash, handle = data["handle"].rpartition("/")
    parents = [(parse_reference(row["release"]), row) for row in data.get("derived_from", [])]
    draft = Draft(
        of=of,
        handle=handle,
        version=data["version"],
        kind=data["kind"],
        title=_said(data["title"]),
        summary=_said(data.get("summary", {})),
        files=tuple(DraftFile(row["path"], row.get("role", "content")) for row in data["files"]),
        cover=data["cover"],
        elements=tuple(
            DraftElement(
                row["name"],
                row["kind"],
                _said(row["title"]),
                tuple(row.get("files", [])),
                tuple(row.get("triggers", [])),
            )
            for row in data.get("elements", [])
        ),
        tags=tuple(data.get("tags", [])),
        base_model=data.get("base_model", ""),
        made_by=data.get("made_by", "human"),
        ai_training=data.get("ai_training", "not-allowed"),
        split={row["creator"]: row["share_ppb"] for row in data.get("split", [])},
        derived_from=tuple(
            DraftParent(*found, row["share_ppb"], row.get("mode", RELATIVE)) for found, row in parents if found
        ),
    )
    return draft, [_offer(row) for row in data.get("offers", [])]


def _offer(row: Mapping[str, Any]) -> DraftOffer:
    return DraftOffer(
        terms=row["terms"] if isinstance(row["terms"], str) else _json(row["terms"]),
        price=row.get("price", row.get("minimum", "0")),
        currency=row["currency"],
        model=row.get("model", "one-off"),
        unit=row.get("unit", ""),
        share_ppb=row.get("share_ppb", 0),
        tiers=tuple(
            DraftTier(tier.get("up_to_people", 0), tier.get("up_to_revenue_usd", 0), tier["price"])
            for tier in row.get("tiers", [])
        ),
        month_minimum=row.get("month_minimum", ""),
        month_cap=row.get("month_cap", ""),
    )


def _json(value: Any) -> Any:
    """Writes what TOML may hold and JSON not, days above all, as text."""
    if isinstance(value, Mapping):
        return {str(name): _json(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_json(one) for one in value]
    return value.isoformat() if isinstance(value, date | datetime | time) else value


def write_pack(draft: Draft, offers: Sequence[DraftOffer]) -> dict[str, Any]:
    """This will write a draft and its offers as plain JSON that `read_pack` reads back as the same."""
    return {
        "format": PACK_FORMAT,
        "handle": f"{draft.of}/{draft.handle}" if draft.of else draft.handle,
        "version": draft.version,
        "kind": draft.kind,
        "tags": list(draft.tags),
        "cover": draft.cover,
        "base_model": draft.base_model,
        "made_by": draft.made_by,
        "ai_training": draft.ai_training,
        "title": dict(draft.title),
        "summary": dict(draft.summary),
        "elements": [
            {
                "name": element.name,
                "kind": element.kind,
                "title": dict(element.title),
                "files": list(element.files),
                "triggers": list(element.triggers),
            }
            for element in draft.elements
        ],
        "files": [{"path": file.path, "role": file.role} for file in draft.files],
        "split": [{"creator": creator, "share_ppb": share} for creator, share in draft.split.items()],
        "derived_from": [
            {"release": parent.reference, "share_ppb": parent.share_ppb}
            | ({"mode": parent.mode} if parent.mode != RELATIVE else {})
            for parent in draft.derived_from
        ],
        "offers": [_written(row) for row in offers],
    }


def _written(row: DraftOffer) -> dict[str, Any]:
    """Writes an offer with those of its members that say something."""
    more: dict[str, Any] = {
        "model": row.model if row.model != "one-off" else "",
        "unit": row.unit,
        "share_ppb": row.share_ppb,
        "tiers": [
            {"up_to_people": tier.up_to_people, "up_to_revenue_usd": tier.up_to_revenue_usd, "price": tier.price}
            for tier in row.tiers
        ],
        "month_minimum": row.month_minimum,
        "month_cap": row.month_cap,
    }
    terms = row.terms if isinstance(row.terms, str) else dict(row.terms)
    said = {name: value for name, value in more.items() if value}
    return {"terms": terms, "price": row.price, "currency": row.currency, **said}


def pack_name(creator: str, pack: Mapping[str, Any]) -> str:
    """This will name the pack that a written draft is for, handed in by the creator of that handle."""
    handle = str(pack.get("handle"))
    return handle if "/" in handle else f"{creator}/{handle}"


def _said(texts: Mapping[str, str]) -> dict[str, str]:
    """Leaves out languages in which nothing is said."""
    return {language: text for language, text in texts.items() if text.strip()}


def _form(data: Mapping[str, Any]) -> list[Finding]:
    findings: list[Finding] = []
    if data.get("format") != PACK_FORMAT:
        text = _("The format must be “%(format)s”, written as the first line of pack.toml.")
        findings.append(Finding("format", text, {"format": PACK_FORMAT}))
    for key in data.keys() - _KEYS.keys():
        findings.append(Finding(key, _("“%(key)s” means nothing in a pack.toml: take it out."), {"key": key[:60]}))
    for key in ("handle", "version", "kind", "title", "cover", "files"):
        if key not in data:
            findings.append(Finding(key, _("“%(key)s” is missing."), {"key": key}))
    for key, kind in _KEYS.items():
        if key in data and not _is(data[key], kind):
            findings.append(_wrong(key, kind))
    findings += _texts(data.get("title"), "title") + _texts(data.get("summary"), "summary")
    findings += _strings(data.get("tags"), "tags")
    for table, columns in _TABLES.items():
        rows = data.get(table)
        for number, row in enumerate(rows if isinstance(rows, list) else [], start=1):
            findings += _row(f"{table}[{number}]", table, row, columns)
    if findings:  # What has no form is not compared.
        return findings
    return _twice(data.get("split")) + _offered_twice(data.get("offers", []))


def _is(value: object, kind: _Kind) -> bool:
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))


def _wrong(where: str, kind: _Kind) -> Finding:
    return Finding(where, _("“%(key)s” must be %(kind)s."), {"key": where, "kind": _WORDS[kind]})


def _texts(value: object, where: str) -> list[Finding]:
    if not isinstance(value, dict):
        return []
    return [_wrong(f"{where}.{key}", str) for key, text in value.items() if not isinstance(text, str)]


def _strings(value: object, where: str) -> list[Finding]:
    if not isinstance(value, list):
        return []
    return [_wrong(f"{where}[{n}]", str) for n, text in enumerate(value, start=1) if not isinstance(text, str)]


def _row(where: str, table: str, row: object, columns: Mapping[str, _Kind]) -> list[Finding]:
    if not isinstance(row, dict):
        return [_wrong(where, dict)]
    findings = _meaningless(where, row, columns)
    for key, kind in columns.items():
        if key not in row:
            if f"{table}.{key}" not in _OPTIONAL:
                findings.append(Finding(where, _("“%(key)s” is missing."), {"key": f"{where}.{key}"}))
        elif not _is(row[key], kind):
            findings.append(_wrong(f"{where}.{key}", kind))
        elif kind is list and key != "tiers":
            findings += _strings(row[key], f"{where}.{key}")
        elif kind is dict:
            findings += _texts(row[key], f"{where}.{key}")
    if table == "derived_from" and isinstance(row.get("release"), str) and not parse_reference(row["release"]):
        text = _("“%(release)s” names no release: write creator/pack@1.0.0.")
        findings.append(Finding(where, text, {"release": row["release"][:80]}))
    return findings + (_offer_form(where, row) if table == "offers" else [])


def _meaningless(where: str, row: Mapping[str, Any], columns: Mapping[str, Any]) -> list[Finding]:
    text = _("“%(key)s” means nothing in a pack.toml: take it out.")
    return [
        Finding(f"{where}.{key}", text, {"key": f"{where}.{key}"[:120]}) for key in sorted(row.keys() - columns.keys())
    ]


def _offer_form(where: str, row: Mapping[str, Any]) -> list[Finding]:
    """Finds what is wrong with the form of an offer beyond the types of its members."""
    findings: list[Finding] = []
    is_free_to_pay = row.get("model") == PAY_WHAT_YOU_WANT
    if "minimum" in row and ("price" in row or not is_free_to_pay):
        text = _("“minimum” is the price of an offer whose model is “%(model)s”, and of no other.")
        findings.append(Finding(where, text, {"model": PAY_WHAT_YOU_WANT}))
    if "price" not in row and "minimum" not in row and row.get("model") not in UNPRICED:
        key = "minimum" if is_free_to_pay else "price"
        findings.append(Finding(where, _("“%(key)s” is missing."), {"key": f"{where}.{key}"}))
    if _is_deep(row.get("terms")):
        findings.append(Finding(where, _("The terms have tables in tables, deeper than any terms: write them flat.")))
    rows = row.get("tiers")
    for number, tier in enumerate(rows if isinstance(rows, list) else [], start=1):
        place = f"{where}.tiers[{number}]"
        if not isinstance(tier, dict):
            findings.append(_wrong(place, dict))
            continue
        findings += _meaningless(place, tier, _TIER)
        findings += [
            _wrong(f"{place}.{key}", kind) for key, kind in _TIER.items() if key in tier and not _is(tier[key], kind)
        ]
        if "price" not in tier:
            findings.append(Finding(place, _("“%(key)s” is missing."), {"key": f"{place}.price"}))
    return findings


def _twice(rows: object) -> list[Finding]:
    names = [row.get("creator") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    text = _("The split names %(creator)s twice: add the shares up.")
    return [
        Finding("split", text, {"creator": name}) for name in sorted({n for n in names if names.count(n) > 1 and n})
    ]


def _offered_twice(rows: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """Finds terms that stand twice in one currency and model; several currencies of the same terms are fine."""
    keys = [
        (
            *(json.dumps(_json(row["terms"]), sort_keys=True).strip('"'), row["currency"]),
            *(row.get("model", "one-off"), row.get("unit", "")),
        )
        for row in rows
    ]
    text = _("The offers name “%(terms)s” in %(currency)s twice: keep one price.")
    return [
        Finding("offers", text, {"terms": key[0][:40], "currency": key[1][:10]})
        for key in sorted({key for key in keys if keys.count(key) > 1})
    ]


def _is_deep(value: object) -> bool:
    """Tells whether tables and lists are in one another more often than any terms need."""
    level: list[object] = [value]
    for _depth in range(_TERMS_DEPTH):
        inner = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)]
        level = [one for part in inner for one in part]
        if not level:
            return False
    return True
