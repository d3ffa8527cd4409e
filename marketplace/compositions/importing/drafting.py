"""A recipe that says what a file says: its layers, and the packs that were found in exact versions. No query here."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from marketplace.compositions.importing.claims import WHOLE, Claims
from marketplace.compositions.importing.matching import Found
from marketplace.compositions.lockfile import Lock, LockedLayer
from marketplace.compositions.notation.body import MOST_REFS
from marketplace.compositions.notation.findings import NotARecipe
from marketplace.compositions.notation.model import FULL, Layer, Recipe, Ref, Region
from marketplace.compositions.notation.numbers import LEAST_WEIGHT_PPM, MOST_WEIGHT_PPM
from marketplace.compositions.notation.reading import MOST_LAYERS, read
from marketplace.compositions.notation.signs import FORBIDDEN, escaped, strip_prompt
from marketplace.compositions.notation.writing import layer_line, write

MOST_LINE = 4_000
STYLE = "style"


def of_lock(lock: Lock) -> Recipe | None:
    """This will write a lock as a recipe: the versions and the words that it fixed, and nothing left to chance."""
    layers = tuple(_unlocked(layer) for layer in lock.layers)
    style = _unlocked(lock.style) if lock.style else None
    said = lock.recipe.get("settings")
    settings = tuple(sorted(said.items())) if isinstance(said, Mapping) else ()
    return _readable(Recipe(layers, style, negative=escaped(lock.negative), settings=settings))


def _unlocked(layer: LockedLayer) -> Layer:
    region = Region(layer.region, layer.box_ppm, layer.mask) if layer.region != FULL else None
    refs = tuple(_ref(one.pack, one.version, one.element, one.weight_ppm) for one in layer.refs)
    return Layer(layer.label, escaped(layer.prompt), refs, region, layer.options)


def drafted(claims: Claims, found: Sequence[Found]) -> Recipe | None:
    """This will write what was found as a recipe; None where no pack was, or where it is more than a recipe holds.

    A pack that paints one layer stands there. One that changes the whole picture is the style, if there are several
    layers; what stands nowhere in the workflow has a layer of its own.
    """
    names = dict.fromkeys(one.name for one in found if one.evidence == "name")
    painted = [(one.label, _without(one.prompt, names)) for one in claims.workflow.layers] or [("", "")]
    by_layer: dict[int, dict[Ref, None]] = {}
    placed = {one.release.pk for one in found if one.evidence != "release"}
    for one in found:
        if one.is_silent or (one.evidence == "release" and one.release.pk in placed):
            continue
        is_loose = one.evidence == "release" and len(painted) > 1
        place = len(painted) if is_loose else 0 if one.layer == WHOLE and len(painted) == 1 else one.layer
        by_layer.setdefault(place, {}).setdefault(_ref_of(one))
    if not by_layer:
        return None
    labels = _labels([label for label, _prompt in painted])
    layers: list[Layer] = []
    for place, (_label, prompt) in enumerate([*painted, ("", "")]):
        refs = list(by_layer.get(place, ()))
        layers += _layers(labels[place], _prompt(prompt), refs, layers)
    style_refs = list(by_layer.get(WHOLE, ()))
    layers += _layers(labels[-1], "", style_refs[MOST_REFS:], layers)
    style = Layer(STYLE, "", tuple(style_refs[:MOST_REFS])) if style_refs else None
    if len(layers) > MOST_LAYERS:
        layers = [layer for layer in layers if layer.refs]
    recipe = Recipe(tuple(layers), style, negative=_prompt(_without(claims.workflow.negative, names)))
    return _readable(replace(recipe, settings=tuple(_settings(claims.workflow.settings))))


def _ref_of(one: Found) -> Ref:
    return _ref(str(one.release.pack), one.release.version, one.element, one.weight_ppm)


def _ref(pack: str, version: str, element: str, weight_ppm: int | None) -> Ref:
    path = (*pack.split("/"), *((element,) if element else ()))
    if weight_ppm is not None:
        weight_ppm = max(LEAST_WEIGHT_PPM, min(MOST_WEIGHT_PPM, weight_ppm))
    return Ref(path, version, None if weight_ppm == 1_000_000 else weight_ppm)


def _layers(label: str, prompt: str, refs: Sequence[Ref], before: Sequence[Layer]) -> Iterator[Layer]:
    """Gives a layer, and more of it where too many packs paint it; none where nothing does."""
    taken = {layer.label for layer in before}
    for part in range(0, max(len(refs), 1), MOST_REFS):
        some = tuple(refs[part : part + MOST_REFS])
        if not some and not prompt:
            return
        name = label if not part and label not in taken else f"{label[:56]} {part // MOST_REFS + 1}"
        yield _fitting(Layer(name, prompt if not part else "", some))


def _fitting(layer: Layer) -> Layer:
    """Shortens a prompt until its line is one that a recipe can have."""
    while len(layer_line(layer)) > MOST_LINE and layer.prompt:
        cut = layer.prompt[: len(layer.prompt) * 3 // 4]
        layer = replace(layer, prompt=strip_prompt(cut.rstrip("\\")))
    return layer


def _prompt(text: str) -> str:
    """Writes any words as a prompt of one line that says just them."""
    lines = (strip_prompt(FORBIDDEN.sub("", line)) for line in text.replace("\t", " ").splitlines())
    return escaped(strip_prompt(", ".join(line for line in lines if line))[: MOST_LINE // 2])


def _without(text: str, names: Iterable[str]) -> str:
    """Takes the embeddings out of words that stand as packs beside them."""
    text = text[: 4 * MOST_LINE]  # of which a prompt keeps far less
    for name in names:
        if name in text:
            plain = re.escape(name)
            said = rf"\((?:embedding:)?{plain}:[\d.]+\)|(?:embedding:)?{plain}(?![\w-])"
            text = re.sub(rf"(?:,\s*)?(?:{said})", "", text).strip().removeprefix(",").lstrip()
    return text


def _labels(said: Sequence[str]) -> list[str]:
    """Gives each layer a label, its own where it can be one, and two more for what stands nowhere."""
    labels: list[str] = []
    for number, label in enumerate([*said, "", ""], start=1):
        fits = bool(label) and label not in labels and _reads(f"|{label}: x", label)
        name = label if fits else f"layer{number}"
        labels.append(name if name not in labels else f"layer {number}")
    return labels


def _reads(text: str, label: str) -> bool:
    try:
        return read(text).layers[0].label == label
    except (NotARecipe, IndexError):
        return False


def _settings(said: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Gives the settings that a recipe can have."""
    for key, value in said:
        try:
            yield from read(f"%{key}={value}\n|a: x").settings
        except NotARecipe:
            continue


def _readable(recipe: Recipe) -> Recipe | None:
    """Gives a recipe that can be read: without words, where its words cannot be."""
    bare = [replace(layer, prompt="", label=f"layer{place}") for place, layer in enumerate(recipe.layers, start=1)]
    wordless = Recipe(tuple(layer for layer in bare if layer.refs), recipe.style, settings=())
    for one in (recipe, replace(recipe, negative=""), replace(recipe, settings=()), wordless):
        try:
            return read(write(one))
        except NotARecipe:
            continue
    return None
