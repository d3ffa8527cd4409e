"""A recipe as JSON, `worldloom/recipe/1`, and back: nothing is guessed, and nothing is read that text could not say."""

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from ledger.canonical import canonical, parse
from marketplace.compositions.notation.findings import NotARecipe, UnreadableRecipe, shown
from marketplace.compositions.notation.model import FULL, Layer, Recipe, Ref, Region
from marketplace.compositions.notation.reading import MOST_BYTES, MOST_LAYERS, read
from marketplace.compositions.notation.signs import FORBIDDEN
from marketplace.compositions.notation.writing import lines
from marketplace.ui.words import Sayable, Value, Values, Words
from marketplace.ui.words import gettext_noop as _

FORMAT = "worldloom/recipe/1"
# RFC 8785 writes whole numbers as IEEE 754 doubles can hold them.
_MOST = 2**53 - 1

_NO_JSON = _("The bytes are no recipe in RFC 8785 JSON with whole numbers; write it with a program that can.")
_KIND = _("The value at %(where)s is not %(kind)s; write one there.")
_FORMAT = _("The format is not %(format)s; only that one can be read.")
_MISSING = _("“%(name)s” is missing at %(where)s; write it.")
_UNKNOWN = _("“%(name)s” at %(where)s is nothing that a recipe has; take it out.")
_SIGN = _("The text at %(where)s has the sign %(sign)s or breaks into lines, which no recipe can; take it out.")
_OTHERWISE = _("What stands at %(where)s reads otherwise in a recipe's text; write it as docs/formats/recipe.md says.")
_TOO_MANY = _("The recipe has more than %(limit)s layers; take some out.")


class UnreadableDocument(NotARecipe):
    """The JSON is no recipe: `where` is the place as a JSON pointer (RFC 6901), the sentence says what is wrong."""

    def __init__(self, path: tuple[str, ...], said: Sayable) -> None:
        self.where = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)
        self.template, self.values = said.template, said.values
        super().__init__(str(said))


Path = tuple[str, ...]
_NAMES = {
    dict: _("an object"),
    list: _("a list"),
    str: _("text"),
    int: _("a whole number"),
}


def to_document(recipe: Recipe) -> dict[str, Any]:
    """This will write a recipe as the JSON that docs/formats/recipe.md describes, every member present."""
    return {
        "format": FORMAT,
        "layers": [_layer(layer) for layer in recipe.layers],
        "style": _layer(recipe.style) if recipe.style else None,
        "negative": recipe.negative,
        "settings": dict(recipe.settings),
        "variables": dict(recipe.variables),
        "aliases": {name: _ref(ref) for name, ref in recipe.aliases},
        "words": {name: list(options) for name, options in recipe.words},
    }


def to_bytes(recipe: Recipe) -> bytes:
    """This will write the document as RFC 8785 has it."""
    return canonical(to_document(recipe))


def _layer(layer: Layer) -> dict[str, Any]:
    region = layer.region
    return {
        "label": layer.label,
        "prompt": layer.prompt,
        "refs": [_ref(ref) for ref in layer.refs],
        "region": None
        if region is None
        else {"kind": region.kind, "box_ppm": list(region.box_ppm) if region.box_ppm else None, "mask": region.mask},
        "options": dict(layer.options),
    }


def _ref(ref: Ref) -> dict[str, Any]:
    return {"path": list(ref.path), "version": ref.version, "weight_ppm": ref.weight_ppm}


def from_bytes(data: bytes) -> Recipe:
    """This will read a document that is written to the byte as RFC 8785 says, or raise UnreadableDocument."""
    try:
        if len(data) > 2 * MOST_BYTES:
            raise ValueError
        found = parse(data)
    except ValueError:
        raise UnreadableDocument((), Words(_NO_JSON)) from None
    return from_document(found)


def from_document(data: Any, *, most_layers: int = MOST_LAYERS) -> Recipe:
    """This will read a recipe from its document, or raise UnreadableDocument with the first thing that is wrong.

    `format` and `layers` are needed; what else is missing is as if it was empty. What a document says, a text could
    say as well: every value is in the form that `reading.read` gives it.
    """
    whole = _members(data, (), {"format": str, "layers": list}, _OPTIONAL)
    if whole["format"] != FORMAT:
        raise UnreadableDocument(("format",), Words(_FORMAT, {"format": FORMAT}))
    if len(whole["layers"]) > most_layers:
        raise UnreadableDocument(("layers",), Words(_TOO_MANY, {"limit": most_layers}))
    layers = tuple(_read_layer(one, ("layers", str(place))) for place, one in enumerate(whole["layers"]))
    recipe = Recipe(
        layers,
        None if whole["style"] is None else _read_layer(whole["style"], ("style",), label="style"),
        _text(whole["negative"], ("negative",)),
        _named(whole["settings"], ("settings",), _text),
        _named(whole["variables"], ("variables",), _text),
        _named(whole["aliases"], ("aliases",), _read_ref),
        _named(whole["words"], ("words",), _read_words),
    )
    _same_as_text(recipe, most_layers)
    return recipe


_OPTIONAL: Mapping[str, Any] = {
    "style": None,
    "negative": "",
    "settings": {},
    "variables": {},
    "aliases": {},
    "words": {},
}


def _same_as_text(recipe: Recipe, most_layers: int) -> None:
    """Reads the recipe's own text: what is refused there, or comes out otherwise, is wrong here."""
    written = list(lines(recipe))
    try:
        back = read("".join(line + "\n" for _path, line in written), most_layers=most_layers)
    except UnreadableRecipe as error:
        first = error.findings[0]
        path = written[first.line - 1][0] if first.line <= len(written) and written else ("layers",)
        raise UnreadableDocument(path, first.words) from None
    if back == recipe:
        return
    again = list(lines(back))
    for (path, line), other in zip(written, [*again, *[((), "")] * len(written)], strict=False):
        if (path, line) != other:
            _otherwise(path)
    for name in ("layers", "style", "negative", "settings", "variables", "aliases", "words"):
        mine, theirs = getattr(recipe, name), getattr(back, name)
        if mine == theirs:
            continue
        if not isinstance(mine, tuple) or len(mine) != len(theirs):
            _otherwise((name,))
        place = next(place for place, pair in enumerate(zip(mine, theirs, strict=True)) if pair[0] != pair[1])
        _otherwise((name, str(place) if name == "layers" else mine[place][0]))


def _otherwise(path: Path) -> NoReturn:
    raise UnreadableDocument(path, Words(_OTHERWISE, {"where": _shown(path)}))


def _shown(path: Path) -> str:
    return "/" + "/".join(shown(part) for part in path)


def _kind(value: Any, kind: type, path: Path) -> Any:
    if not isinstance(value, kind) or isinstance(value, bool) or (isinstance(value, int) and abs(value) > _MOST):
        raise UnreadableDocument(path, Words(_KIND, {"where": _shown(path), "kind": Words(_NAMES[kind])}))
    return value


def _members(data: Any, path: Path, needed: Mapping[str, type], optional: Mapping[str, Any]) -> dict[str, Any]:
    found = _kind(data, dict, path)
    for name in needed:
        if name not in found:
            _refuse(path, _MISSING, name=name)
        _kind(found[name], needed[name], (*path, name))
    for name in found:
        if name not in needed and name not in optional:
            _refuse(path, _UNKNOWN, name=shown(str(name)))
    return {**optional, **found}


def _refuse(path: Path, template: str, **values: Value) -> NoReturn:
    said: Values = {"where": _shown(path), **values}
    raise UnreadableDocument(path, Words(template, said))


def _text(value: Any, path: Path) -> str:
    text: str = _kind(value, str, path)
    bad = FORBIDDEN.search(text)
    if bad or "\n" in text or "\r" in text:
        _refuse(path, _SIGN, sign=f"U+{ord(bad[0]) if bad else 10:04X}")
    return text


def _named(value: Any, path: Path, read_one: Callable[[Any, Path], Any]) -> tuple[tuple[str, Any], ...]:
    rows = _kind(value, dict, path)
    return tuple(sorted((_text(name, path), read_one(one, (*path, str(name)))) for name, one in rows.items()))


def _read_words(value: Any, path: Path) -> tuple[str, ...]:
    rows = _kind(value, list, path)
    return tuple(_text(one, (*path, str(place))) for place, one in enumerate(rows))


def _read_layer(value: Any, path: Path, label: str = "") -> Layer:
    optional: dict[str, Any] = {"prompt": "", "refs": [], "region": None, "options": {}} | (
        {"label": label} if label else {}
    )
    said = _members(value, path, {} if label else {"label": str}, optional)
    if label and said["label"] != label:
        _otherwise((*path, "label"))
    refs = _kind(said["refs"], list, (*path, "refs"))
    region = None if said["region"] is None else _read_region(said["region"], (*path, "region"))
    return Layer(
        _text(said["label"], (*path, "label")),
        _text(said["prompt"], (*path, "prompt")),
        tuple(_read_ref(one, (*path, "refs", str(place))) for place, one in enumerate(refs)),
        region,
        _named(said["options"], (*path, "options"), lambda one, at: _kind(one, int, at)),
    )


def _read_ref(value: Any, path: Path) -> Ref:
    said = _members(value, path, {"path": list}, {"version": "", "weight_ppm": None})
    names = tuple(_text(one, (*path, "path", str(place))) for place, one in enumerate(said["path"]))
    weight = said["weight_ppm"]
    return Ref(
        names,
        _text(said["version"], (*path, "version")),
        None if weight is None else _kind(weight, int, (*path, "weight_ppm")),
    )


def _read_region(value: Any, path: Path) -> Region:
    said = _members(value, path, {}, {"kind": FULL, "box_ppm": None, "mask": ""})
    box = said["box_ppm"]
    if box is not None:
        numbers = _kind(box, list, (*path, "box_ppm"))
        box = tuple(_kind(one, int, (*path, "box_ppm", str(place))) for place, one in enumerate(numbers))
        if len(box) != 4:
            _otherwise((*path, "box_ppm"))
    return Region(_text(said["kind"], (*path, "kind")), box, _text(said["mask"], (*path, "mask")))
