"""A claim's evidence in words: both files side by side, and what the comparison measured beside what it needed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from marketplace.catalog.models import ReleaseAsset
from marketplace.portal import words
from marketplace.ui import formats
from marketplace.ui.formats import Names

Evidence = Mapping[str, Any]

_FILES: Names = {
    "path": gettext_lazy("File"),
    "member": gettext_lazy("File in the archive"),
    "size_bytes": gettext_lazy("Size"),
    "pack": gettext_lazy("Release"),
    "published_at": gettext_lazy("Published"),
    "stated_at": gettext_lazy("First seen in the log"),
    "leaf_index": gettext_lazy("Leaf of the log"),
    "sha256": "SHA-256",
}
_MEASURES: Names = {
    "pdq_bits": gettext_lazy("Bits in which the pictures differ, by PDQ"),
    "phash_bits": gettext_lazy("Bits in which the pictures differ, by pHash"),
    "turn": gettext_lazy("How it is turned"),
    "cropped_percent": gettext_lazy("Cut off"),
    "sha256": gettext_lazy("Every byte is the same"),
    "tensor_root": gettext_lazy("Every tensor is the same, under the same name"),
    "tensor_bag": gettext_lazy("Every tensor is the same, whatever it is called"),
    "layers_compared": gettext_lazy("Layers compared"),
    "cosine_ppm": gettext_lazy("How alike the changes are (cosine)"),
    "containment_ppm": gettext_lazy("How much of one is contained in the other"),
    "joint_ppm": gettext_lazy("How alike they are where both act"),
    "aligned_ppm": gettext_lazy("How alike the factors are as they are written"),
    "layers_contained_ppm": gettext_lazy("Share of the layers that are contained"),
    "identical_bytes_ppm": gettext_lazy("Bytes that are the same"),
    "vectors_ppm": gettext_lazy("How alike the vectors are"),
    "jaccard_ppm": gettext_lazy("Runs of words in both, of all runs"),
    "of_ours_ppm": gettext_lazy("Runs of the disputed file that the other has"),
    "of_theirs_ppm": gettext_lazy("Runs of the published file that the other has"),
}
_NEEDED = {
    "containment_ppm": "containment_needed_ppm",
    "joint_ppm": "joint_needed_ppm",
    "aligned_ppm": "aligned_needed_ppm",
    "jaccard_ppm": "jaccard_limit_ppm",
    "of_ours_ppm": "contained_limit_ppm",
    "of_theirs_ppm": "contained_limit_ppm",
}
_SIDES: Names = {
    "left": gettext_lazy("left"),
    "top": gettext_lazy("top"),
    "right": gettext_lazy("right"),
    "bottom": gettext_lazy("bottom"),
}
_TURNS: Names = {
    "transposed": gettext_lazy("mirrored at its diagonal"),
    "mirrored": gettext_lazy("mirrored"),
    "rotated-90": gettext_lazy("rotated by 90°, counterclockwise"),
    "flipped": gettext_lazy("upside down, mirrored"),
    "rotated-270": gettext_lazy("rotated by 90°, clockwise"),
    "rotated-180": gettext_lazy("rotated by 180°"),
    "anti-transposed": gettext_lazy("mirrored at its other diagonal"),
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One line: what, its value, what it takes to be a match or nothing, and whether the value is a digest."""

    name: str
    value: str
    needed: str = ""
    is_digest: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Neighboring layers, and how alike they are; an empty text where that cannot be told."""

    name: str
    layers: int
    cosine: str
    containment: str


def files(evidence: Evidence) -> dict[str, list[Fact]]:
    """This will say of both files, `claimed` and `disputed`, what the evidence names, the same things side by side."""
    return {
        side: [_file(key, evidence[side][key]) for key in _FILES if evidence[side].get(key, "") != ""]
        for side in ("claimed", "disputed")
    }


def _file(key: str, value: str | int) -> Fact:
    text = str(value)
    if key == "size_bytes":
        text = formats.bytes_text(int(value))
    elif key.endswith("_at"):
        text = formats.moment_text(datetime.fromisoformat(text))
    return Fact(str(_FILES[key]), text, is_digest=key == "sha256")


def measures(evidence: Evidence) -> list[Fact]:
    """This will say what the comparison measured, in the order of `_MEASURES`; what was not measured is left out."""
    found: Evidence = evidence.get("found", {})
    return [fact for key in _MEASURES if (fact := _measure(key, found)) is not None]


def _measure(key: str, found: Evidence) -> Fact | None:
    value, name = found.get(key), str(_MEASURES[key])
    if value is None:
        return None
    if key in ("pdq_bits", "phash_bits"):
        stem = key.removesuffix("_bits")
        of = _("%(bits)s of %(all)s") % {"bits": value, "all": found[f"{stem}_of_bits"]}
        return Fact(name, of, _("up to %(bits)s is a match") % {"bits": found[f"{stem}_limit_bits"]})
    if key == "cropped_percent":
        cut = [f"{words.say(_SIDES, side)} {share}%" for side, share in value.items() if share]
        return Fact(name, ", ".join(cut)) if cut else None
    if key == "layers_compared":
        of = {"compared": value, "ours": found.get("layers", value), "theirs": found.get("other_layers", value)}
        return Fact(name, _("%(compared)s, of %(ours)s and %(theirs)s") % of)
    if key.endswith("_ppm"):
        needed = found.get(_NEEDED.get(key, ""))
        text = _("%(share)s is a match") % {"share": _percent(needed)} if needed is not None else ""
        return Fact(name, _percent(value), text)
    if key == "turn":
        return None if value == "upright" else Fact(name, words.say(_TURNS, value))
    return Fact(name, str(value), is_digest=True)


def source_ids(evidence: Evidence) -> list[UUID]:
    """This will list the assets that a merge was un-mixed into; one source alone is no merge, and gives none."""
    rows = evidence.get("found", {}).get("sources", [])
    return [UUID(row["asset_id"]) for row in rows] if len(rows) > 1 else []


def sources(evidence: Evidence, published: Mapping[UUID, Sequence[ReleaseAsset]]) -> list[Fact]:
    """This will name what a merge was un-mixed into, with the weight of each, as `published` says where it stands."""
    named = []
    for asset_id in source_ids(evidence):
        row = next(row for row in evidence["found"]["sources"] if row["asset_id"] == str(asset_id))
        if first := next(iter(published.get(asset_id, ())), None):
            named.append(Fact(f"{first.release}: {first.path}", _percent(row["weight_ppm"])))
    return named


def groups(evidence: Evidence) -> list[Group]:
    """This will say block by block how alike two sets of weights are; nothing for other files."""
    rows = evidence.get("found", {}).get("groups", [])
    return [
        Group(row["group"], row["layers"], _percent(row["cosine_ppm"]), _percent(row["containment_ppm"]))
        for row in rows
    ]


def _percent(share_ppm: int | None) -> str:
    """Says parts per million as a percentage with two decimals, toward zero: 984 375 is 98.43%."""
    if share_ppm is None:
        return ""
    sign = -1 if share_ppm < 0 else 1
    return words.percent_text(sign * (abs(share_ppm) // 100 * 100) * 1000)


def score(share_ppm: int) -> str:
    """This will say how alike two files are."""
    return _percent(share_ppm)
