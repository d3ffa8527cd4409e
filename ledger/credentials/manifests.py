"""What a manifest says (docs/formats/content-credentials.md), from plain data."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ledger.credentials.base import USES, Credentials, Origin, Use

FORMAT = "worldloom/content-credentials/1"
ACTIONS, TRAINING, RELEASE = "c2pa.actions.v2", "cawg.training-mining", "org.worldloom.release"
SIGNED_BY_CREATOR = (ACTIONS, TRAINING, RELEASE)
"""The assertions that the creator's identity signs."""

_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_MADE = {
    "human": _TYPE + "digitalCreation",
    "ai-assisted": _TYPE + "compositeWithTrainedAlgorithmicMedia",
    "ai": _TYPE + "trainedAlgorithmicMedia",
}
_DRAWN = _TYPE + "algorithmicMedia"
_ORIGINAL = "original"


def definition(
    credentials: Credentials, origin: Origin, media_type: str, *, signed_by: Sequence[str], log: str, site: str
) -> dict[str, Any]:
    """Return the manifest's definition; the original is an ingredient by its digest alone.

    `signed_by` says whose signatures there will be: the platform's, and the creator's where it can be had.
    """
    return {
        "claim_generator_info": [{"name": "Worldloom", "version": "1"}],
        "title": credentials.name,
        "format": media_type,
        "ingredients": [original(origin, credentials.name), *_parents(credentials)],
        "assertions": [
            {"label": ACTIONS, "data": {"actions": _actions(credentials, origin)}},
            {"label": TRAINING, "data": {"entries": _entries(credentials.training)}},
            {"label": RELEASE, "data": _release(credentials, origin, log, site) | {"signed_by": list(signed_by)}},
        ],
    }


def original(origin: Origin, title: str) -> dict[str, Any]:
    """Return the ingredient that stands for the registered bytes."""
    return {
        "title": title,
        "format": origin.media_type,
        "instance_id": f"urn:sha256:{origin.sha256}",
        "description": f"SHA-256 {origin.sha256}",
        "relationship": "inputTo" if origin.how == "drawn" else "parentOf",
        "label": _ORIGINAL,
    }


def _parents(credentials: Credentials) -> Iterator[dict[str, Any]]:
    for parent in credentials.parents:
        yield {
            "title": parent.title,
            "format": "application/json",
            "instance_id": f"urn:sha256:{parent.sha256}",
            "description": f"Release {parent.sha256}",
            "relationship": "inputTo",
            "label": f"release-{parent.sha256[:16]}",
        }


def _actions(credentials: Credentials, origin: Origin) -> list[dict[str, Any]]:
    made = _MADE[credentials.made_by]
    if origin.how == "drawn":
        first = {"action": "c2pa.created", "digitalSourceType": _DRAWN}
        return [first | {"parameters": {"ingredientIds": [_ORIGINAL]}}]
    first = {"action": "c2pa.opened", "digitalSourceType": made, "parameters": {"ingredientIds": [_ORIGINAL]}}
    return [first, *({"action": step} for step in origin.steps)]


def _entries(training: Mapping[str, Use]) -> dict[str, dict[str, str]]:
    entries = {}
    for use in USES:
        said = training[use]
        entries[use] = {"use": said.permission} | ({"constraint_info": said.info} if said.info else {})
    return entries


def _release(credentials: Credentials, origin: Origin, log: str, site: str) -> dict[str, Any]:
    said: dict[str, Any] = {
        "format": FORMAT,
        "release": credentials.release,
        "title": credentials.title,
        "path": credentials.name,
        "original": origin.sha256,
        "made_by": credentials.made_by,
        "creator": credentials.creator.handle,
        "log": log,
        "lookup": f"{site}/log/lookup/digest:{credentials.release}",
    }
    if credentials.terms:
        said |= {"terms": credentials.terms, "terms_at": f"{site}/terms/{credentials.terms}"}
    return said
