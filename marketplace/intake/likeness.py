"""What becomes of a match: whose work it is, and whether the draft says that it is made with it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from assets.originality.base import Match
from marketplace.catalog.models import Release, ReleaseAsset
from marketplace.intake import queries
from marketplace.people.models import Creator

OWN, CONFIRMED, CLEARED, CLAIMED = "own", "confirmed", "cleared", "claimed"
EXPLAINED = "explained"
UNSEEN = "unseen"
"""Named as a source of weights, and nothing of it found in them: told, never refused."""

_MEASURES = {"vectors_ppm": 3_000, "cosine_ppm": 3_000, "jaccard_ppm": 0, "pdq_bits": 31_250}
"""What says how alike two files are, and what is noise in it: a cast to eight bits leaves .997 of the cosine, to save a
picture again turns eight bits. Sets of prompts are counted exactly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """A match of one submitted file, where the other was published first, and what became of it.

    `outcome` is own (the same creator's work), confirmed (the draft says that it is made with that release, or with
    one made with it), cleared (a claim about it was dismissed or withdrawn), explained (by a match with something
    earlier that is as alike) or claimed.
    """

    path: str
    sha256: str
    match: Match
    first: ReleaseAsset
    outcome: str

    def plain(self) -> dict[str, Any]:
        """Gives JSON for the submission's page."""
        return {
            "path": self.path,
            "relation": self.match.relation,
            "score_ppm": self.match.score_ppm,
            "release": str(self.first.release),
            "their_path": self.first.path,
            "outcome": self.outcome,
        }


def judge(
    *, creator: Creator, parents: Iterable[Release], found: Sequence[tuple[str, str, Sequence[Match]]]
) -> list[Likeness]:
    """This will say of every match of (path, SHA-256, matches) whose it is and what follows, the strongest first.

    An asset that several creators published belongs to the one who did so first. What others made from it later is
    like it, too, and no reason for a claim of theirs: a match is explained by one with an earlier work.
    """
    published = queries.published_as(match.asset_id for _path, _sha256, matches in found for match in matches)
    declared = queries.with_ancestors(parents)
    cleared = queries.cleared(creator)
    judged = []
    for path, sha256, matches in found:
        for match in sorted(matches, key=lambda match: (-match.score_ppm, str(match.asset_id))):
            rows = published.get(match.asset_id)
            if not rows:
                continue
            outcome = CLAIMED
            if rows[0].release.pack.owner_id == creator.pk:
                outcome = OWN
            elif declared & {row.release_id for row in rows}:
                outcome = CONFIRMED
            elif (match.asset_id, sha256) in cleared:
                outcome = CLEARED
            judged.append(Likeness(path=path, sha256=sha256, match=match, first=rows[0], outcome=outcome))
    return _explained(judged)


def _explained(judged: Sequence[Likeness]) -> list[Likeness]:
    """Leaves claimed what no match with an earlier work explains. What is one's own explains nothing once claimed."""
    earlier = [one for one in judged if one.outcome != OWN or not queries.is_under_claim(one.first.asset.blob_id)]
    return [
        replace(one, outcome=EXPLAINED)
        if one.outcome == CLAIMED and any(_explains(other, one) for other in earlier)
        else one
        for one in judged
    ]


def _explains(other: Likeness, one: Likeness) -> bool:
    """Say whether the other match of the same file is with an earlier work, which alone makes the file like this one.

    It does where the file is that work, or where this one is made from it and is no more alike than that. Two sources
    of a merge do not explain each other.
    """
    if other.path != one.path or _published(other) >= _published(one):
        return False
    ours, theirs = other.match, one.match
    if ours.member != theirs.member and (ours.member or ours.relation != "same-bytes"):
        return False
    if ours.relation == "same-bytes" or (ours.relation == "same-weights" and _kind(theirs) in ("bytes", "weights")):
        return True
    (mine, noise), (least, _noise) = _alike(ours), _alike(theirs)
    if _kind(ours) != _kind(theirs) or mine + noise < least:
        return False
    return _kind(ours) == "picture" or other.first.release_id in queries.with_ancestors([one.first.release])


def _published(one: Likeness) -> tuple[Any, ...]:
    return one.first.release.published_at, one.first.release_id, one.first.position


def _kind(match: Match) -> str:
    return match.relation.partition("-")[2]


def _alike(match: Match) -> tuple[int, int]:
    """Return how alike two files are, by one measure for each kind and whichever proved the match, and the noise."""
    for measure, noise in _MEASURES.items():
        if (value := match.evidence.get(measure)) is not None:
            return match.score_ppm if measure == "pdq_bits" else abs(int(value)), noise
    return match.score_ppm, 0


def unseen(
    *, parents: Iterable[Release], judged: Iterable[Likeness], weights: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """This will compare what is said with what was found: sources that the draft or the files name, and no match shows.

    `weights` maps the path of each weights file to its facts. The rows are as Likeness.plain gives them.
    """
    if not weights:
        return []
    found = {one.first.release_id for one in judged}
    rows = []
    for parent in parents:
        held = parent.assets.filter(asset__facts__kind="weights").order_by("position").values_list("path", flat=True)
        if held and not found & queries.with_ancestors([parent]):
            rows.append(_unseen("", str(parent), held[0]))
    for path, facts in weights.items():
        says = str((facts.get("claims") or {}).get("modelspec.merged_from", ""))
        if says and not any(one.path == path for one in judged):
            rows.append(_unseen(path, says[:200], ""))
    return rows


def _unseen(path: str, source: str, their_path: str) -> dict[str, Any]:
    return {
        "path": path,
        "relation": "declared",
        "score_ppm": 0,
        "release": source,
        "their_path": their_path,
        "outcome": UNSEEN,
    }


def strongest(likenesses: Iterable[Likeness]) -> list[Likeness]:
    """This will keep one claim a file and claimant: the strongest."""
    kept: dict[tuple[str, object], Likeness] = {}
    for one in likenesses:
        if one.outcome == CLAIMED:
            kept.setdefault((one.sha256, one.first.release.pack.owner_id), one)
    return list(kept.values())


def evidence(one: Likeness, *, size_bytes: int, first_seen: Mapping[str, Any]) -> dict[str, Any]:
    """This will write what a claim rests on (docs/formats/claim-evidence.md): RFC 8785 JSON, integers only."""
    release = one.first.release
    return {
        "format": "worldloom/claim-evidence/1",
        "relation": one.match.relation,
        "score_ppm": one.match.score_ppm,
        "disputed": {"sha256": one.sha256, "size_bytes": size_bytes, "path": one.path, "member": one.match.member},
        "claimed": {
            "sha256": one.first.asset.blob_id,
            "path": one.first.path,
            "member": one.match.other_member,
            "release": release.digest,
            "pack": str(release),
            "published_at": release.published_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            **first_seen,
        },
        "found": dict(one.match.evidence),
    }
