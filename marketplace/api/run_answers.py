"""How runs are answered."""

from typing import Any

from django.urls import reverse

from marketplace.api.answers import Shape, Site
from marketplace.api.examples import BY_SHAPE
from marketplace.compositions.runs import Run
from marketplace.compositions.services import queries
from marketplace.compositions.services.queries import LayerState
from marketplace.ui.formats import sentence


def run_row(run: Run, site: Site) -> Shape:
    """This will show a run in a list."""
    outcome = getattr(run, "outcome", None)
    sha256 = outcome.blob_id if outcome else None
    return {
        "id": run.pk,
        "recipe": run.lock_id,
        "state": queries.state_of(run),
        "started_at": run.started_at,
        "started_by": run.person.display_name,
        "ended_at": outcome.at if outcome else None,
        "sha256": sha256,
        "picture": site(reverse("api-recipe-run-picture", args=[run.pk])) if sha256 else None,
        "url": site(reverse("api-recipe-run", args=[run.pk])),
    }


def run(found: Run, site: Site) -> Shape:
    """This will show a run with how far each layer is."""
    outcome, words = getattr(found, "outcome", None), queries.reason_of(found)
    return {
        **run_row(found, site),
        "code": outcome.code if outcome else "",
        "reason": sentence(words) if words else "",
        "layers": [_layer(one) for one in queries.layers_of(found)],
    }


def _layer(one: LayerState) -> Shape:
    return {
        "layer": one.layer,
        "pack": one.pack,
        "is_style": one.is_style,
        "state": one.state,
        "since": one.since,
        "deadline_at": one.deadline_at,
        "width": one.width,
        "height": one.height,
        "code": one.code,
        "reason": sentence(one.words) if one.words else "",
    }


_ID = "16fd2706-8baf-433b-82eb-8c7fada847da"
_AT = f"https://worldloom.example/api/v1/recipes/runs/{_ID}"
_NOON, _LATER = "2026-11-22T12:00:00Z", "2026-11-22T12:05:00Z"
_ROW: dict[str, Any] = {
    "id": _ID,
    "recipe": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "state": "running",
    "started_at": _NOON,
    "started_by": "Carol",
    "ended_at": None,
    "sha256": None,
    "picture": None,
    "url": _AT,
}
_LAYER: dict[str, Any] = {
    "layer": "sky",
    "pack": "alice/sea@1.0.0",
    "is_style": False,
    "state": "taken",
    "since": _NOON,
    "deadline_at": _LATER,
    "width": 1024,
    "height": 1024,
    "code": "",
    "reason": "",
}
_STYLE = _LAYER | {"layer": "style", "pack": "mo/ink@1.0.0", "is_style": True, "state": "waiting"}
BY_SHAPE.update(
    {
        "RunShape": _ROW | {"code": "", "reason": "", "layers": [_LAYER, _STYLE]},
        "RunPage": {"data": [_ROW], "next": None},
    }
)
