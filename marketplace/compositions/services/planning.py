"""What each layer of a lock asks of which provider: the job, and the service that takes it. Questions only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from marketplace.catalog.models import Release, ReleaseAsset
from marketplace.compositions.exports.masks import box_of
from marketplace.compositions.exports.painting import with_words
from marketplace.compositions.lockfile import Lock, LockedLayer, LockedRef
from marketplace.compositions.models import RecipeMask
from marketplace.compositions.notation.model import BOX, MASK
from marketplace.ui.formats import sentence
from marketplace.ui.words import Listed, Values, Words
from marketplace.ui.words import gettext_noop as _


@dataclass(frozen=True, slots=True)
class Unpaintable:
    """A layer that no run can paint, and why, in any language."""

    layer: str
    template: str
    values: Values
    part: str = "path"

    @property
    def where(self) -> str:
        """The layer, as findings name their place."""
        return self.layer

    def __str__(self) -> str:
        return sentence(self)


class UnableToRun(Exception):
    """The lock cannot be run here; nothing was asked and nothing is charged. `findings` name each layer and why."""

    code = "run-refused"

    def __init__(self, words: Words, findings: Sequence[Unpaintable] = ()) -> None:
        super().__init__(words, findings)
        self.words, self.findings = words, tuple(findings)

    def __str__(self) -> str:
        return sentence(self.words)


@dataclass(frozen=True, slots=True)
class Plan:
    """A layer's job for a provider. `service` is what its service.json says, `job` the job without key and deadline."""

    position: int
    layer: str
    release: Release
    service: Mapping[str, Any]
    job: Mapping[str, Any]
    is_style: bool

    @property
    def lane(self) -> tuple[str, str]:
        """Those who paint one after the other: one endpoint of one pack, whatever the version."""
        return str(self.release.pack_id), str(self.service["endpoint"])


def unpaintable(lock: Lock) -> list[Unpaintable]:
    """This will say of each layer of a lock, in paint order, why a run could not paint it; of good ones nothing."""
    known = set(RecipeMask.objects.filter(pk__in=_masks(lock)).values_list("pk", flat=True)) if _masks(lock) else set()
    found = [_why_not(layer, known) for layer in lock.painted]
    return [one for one in found if one is not None]


def _masks(lock: Lock) -> list[str]:
    return [layer.mask_sha256 for layer in lock.painted if layer.mask_sha256]


def _why_not(layer: LockedLayer, masks: set[str]) -> Unpaintable | None:
    values: dict[str, Any] = {"layer": layer.label}
    others = Listed(tuple(f"{ref.pack}@{ref.version}" for ref in layer.refs if not ref.service))
    if not layer.refs:
        text = _("The layer “%(layer)s” names no pack: give it one whose service paints it.")
    elif others.parts:
        text = _("The layer “%(layer)s” has %(packs)s, which is no service: download the kit and render it yourself.")
        values["packs"] = others
    elif len(layer.refs) > 1:
        text = _("The layer “%(layer)s” names several services, and one paints a layer: make a layer of each.")
    elif layer.region == MASK and layer.mask_sha256 not in masks:
        text = _("The mask of the layer “%(layer)s” is not here: add the picture, and lock the recipe again.")
    else:
        return None
    return Unpaintable(layer.label, text, values)


def plans_of(lock: Lock) -> list[Plan]:
    """This will plan the jobs of a lock in paint order, the style last; raises UnableToRun."""
    if wrong := unpaintable(lock):
        if len(wrong) == 1:
            raise UnableToRun(Words(wrong[0].template, wrong[0].values), wrong)
        names = Listed(tuple(f"“{one.layer}”" for one in wrong))
        text = _("The layers %(layers)s cannot be painted here: each layer needs a pack whose service paints it.")
        raise UnableToRun(Words(text, {"layers": names}), wrong)
    refs = [layer.refs[0] for layer in lock.painted]
    rows = Release.objects.filter(digest__in={ref.release for ref in refs}).select_related("pack__creator")
    releases = {row.digest: row for row in rows.defer("manifest")}
    services = _services(refs)
    return [
        _plan(place, layer, lock, releases[ref.release], services[ref.release, ref.service])
        for place, (layer, ref) in enumerate(zip(lock.painted, refs, strict=True))
    ]


def _services(refs: Sequence[LockedRef]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Finds what each service.json says, by its release and path."""
    rows = ReleaseAsset.objects.filter(
        release__digest__in={ref.release for ref in refs}, path__in={ref.service for ref in refs}
    )
    return {
        (digest, path): facts for digest, path, facts in rows.values_list("release__digest", "path", "asset__facts")
    }


def _plan(place: int, layer: LockedLayer, lock: Lock, release: Release, facts: Mapping[str, Any]) -> Plan:
    ref, is_style = layer.refs[0], layer is lock.style
    service = {name: value for name, value in facts.items() if name not in ("format", "kind")}
    width, height = (lock.width, lock.height) if is_style else place_of(layer, lock)[2:]
    asked_width, asked_height = asked_size(width, height, service["sizes"])
    job = {
        "recipe": lock.digest,
        "layer": layer.label,
        "pack": f"{ref.pack}@{ref.version}",
        "release": ref.release,
        "element": ref.element,
        "prompt": with_words(layer.prompt, *ref.triggers),
        "negative": lock.negative,
        "width": asked_width,
        "height": asked_height,
        "seed": lock.seed,
        "weight_ppm": ref.weight_ppm,
        "grant": ref.grant,
    }
    return Plan(place, layer.label, release, service, job, is_style)


def place_of(layer: LockedLayer, lock: Lock) -> tuple[int, int, int, int]:
    """This will say where a layer's picture lies, as x, y, width and height: its box, or the whole picture."""
    if layer.region == BOX and layer.box_ppm is not None:
        return box_of(layer.box_ppm, lock.width, lock.height)
    return 0, 0, lock.width, lock.height


def asked_size(width: int, height: int, sizes: Mapping[str, int]) -> tuple[int, int]:
    """This will choose the size to ask for: in the same proportions, of whole multiples, within a service's sizes.

    Where it is larger than the place, the picture is made smaller later; sides are rounded up, and what no proportion
    can keep within the sizes is cut to them.
    """
    multiple = sizes["multiple"]
    least, most = -(-sizes["least"] // multiple) * multiple, sizes["most"] // multiple * multiple
    longest, shortest = max(width, height), min(width, height)
    over, under = 1, 1
    if longest > most:
        over, under = most, longest
    elif shortest < least:
        over, under = least, shortest
    sides = (-(-side * over // (under * multiple)) * multiple for side in (width, height))
    asked_width, asked_height = (max(least, min(most, side)) for side in sides)
    return asked_width, asked_height


def as_style(lock: Lock) -> LockedLayer | None:
    """This will give a lock's style as what it is in a run: a layer over the whole picture."""
    return replace(lock.style, region="full", box_ppm=None, mask="", mask_sha256="") if lock.style else None
