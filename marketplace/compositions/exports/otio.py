"""A lock as a clip's metadata for editing programs (OpenTimelineIO, schema Timeline.1). No Django in here."""

from typing import Any

import orjson

from marketplace.compositions.exports.base import Written
from marketplace.compositions.exports.provenance import KEY, provenance
from marketplace.compositions.lockfile import Lock, LockedLayer

RATE = 24


def write(lock: Lock, site: str) -> Written:
    """This will write a timeline of one clip of one frame, whose metadata say who painted what, and to which share."""
    one_frame = {
        "OTIO_SCHEMA": "TimeRange.1",
        "start_time": {"OTIO_SCHEMA": "RationalTime.1", "rate": RATE, "value": 0},
        "duration": {"OTIO_SCHEMA": "RationalTime.1", "rate": RATE, "value": 1},
    }
    clip = {
        "OTIO_SCHEMA": "Clip.2",
        "name": f"worldloom_{lock.digest[:12]}",
        "metadata": {KEY: {**provenance(lock, site=site), "layers": [_layer(layer) for layer in lock.painted]}},
        "source_range": one_frame,
        "effects": [],
        "markers": [],
        "enabled": True,
        "media_references": {"DEFAULT_MEDIA": {"OTIO_SCHEMA": "MissingReference.1", "name": "", "metadata": {}}},
        "active_media_reference_key": "DEFAULT_MEDIA",
    }
    track: dict[str, Any] = {
        "OTIO_SCHEMA": "Track.1",
        "name": "V1",
        "kind": "Video",
        "metadata": {},
        "source_range": None,
        "effects": [],
        "markers": [],
        "enabled": True,
        "children": [clip],
    }
    timeline: dict[str, Any] = {
        "OTIO_SCHEMA": "Timeline.1",
        "name": f"worldloom_{lock.digest[:12]}",
        "metadata": {},
        "global_start_time": None,
        "tracks": {
            "OTIO_SCHEMA": "Stack.1",
            "name": "tracks",
            "metadata": {},
            "source_range": None,
            "effects": [],
            "markers": [],
            "enabled": True,
            "children": [track],
        },
    }
    return Written(orjson.dumps(timeline, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def _layer(layer: LockedLayer) -> dict[str, Any]:
    return {
        "label": layer.label,
        "prompt": layer.prompt,
        "packs": [
            {
                "pack": f"{ref.pack}@{ref.version}",
                "element": ref.element,
                "release": ref.release,
                "grant": ref.grant,
                "terms": ref.terms,
                "weight_ppm": ref.weight_ppm,
                "share_ppb": ref.share_ppb,
            }
            for ref in layer.refs
        ],
    }
