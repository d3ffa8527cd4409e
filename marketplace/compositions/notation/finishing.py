"""What can be said of a recipe only when all of its lines are read: names, aliases and negotiated shares."""

from collections.abc import Iterator
from dataclasses import replace

from marketplace.compositions.notation.directives import Directives
from marketplace.compositions.notation.findings import Findings, closest, shown
from marketplace.compositions.notation.model import Layer, Place, Recipe, Ref
from marketplace.compositions.notation.numbers import write_decimal
from marketplace.compositions.notation.settings import NEGOTIATED, SHARE_PLACES, WHOLE_PERCENT_PPB, share_ppb
from marketplace.compositions.notation.signs import SLUG, same
from marketplace.ui.words import gettext_noop as _

_NO_VARIABLE = _("There is no variable “%(name)s”; write %%var.%(name)s=… or \\$ for the sign itself.")
_NO_WORDS = _("There are no words “%(name)s”; write %%words.%(name)s=a|b or \\_ for the signs themselves.")
_NO_ALIAS = _("“%(name)s” is neither a creator nor an alias; write %%@%(name)s = creator/pack, or \\@ for the sign.")
_NOT_NEGOTIATED = _("Shares are written with %(policy)s alone; take this one out or add that line.")
_NO_SUCH_SHARE = _("“%(label)s” is no layer that a pack paints; write %%share. and the label of one.")
_NO_SHARE = _("The layer “%(label)s” has no share; write %%share.%(label)s= and its percentage.")
_SUM = _("The shares add up to %(sum)s %%; they have to be 100 %% together.")


def finish(recipe: Recipe, said: Directives, found: Findings) -> Recipe:
    """This will put together what the lines said; what does not fit is noted."""
    aliases = {same(name): name for name in said.aliases}
    for name, node, place in said.names:
        if found.is_full:
            break
        if node not in said.places:
            template, code = (_NO_VARIABLE, "variable-unknown") if node[0] == "var" else (_NO_WORDS, "words-unknown")
            meant = closest(name, (*said.variables,) if node[0] == "var" else (*said.words,))
            mend = meant and (f"${{{meant}}}" if node[0] == "var" else f"__{meant}__")
            found.add(place, code, template, mend, name=shown(name))
    layers = tuple(_with_paths(layer, aliases, found) for layer in recipe.layers)
    style = _with_paths(recipe.style, aliases, found) if recipe.style else None
    recipe = replace(
        recipe,
        layers=layers,
        style=style,
        settings=tuple(sorted(said.settings.items())),
        variables=tuple(sorted(said.variables.items())),
        aliases=tuple(sorted(said.aliases.items(), key=lambda pair: pair[0])),
        words=tuple(sorted(said.words.items())),
    )
    if not len(found):
        for place, code, template, values in _shares(recipe, said):
            found.add(place, code, template, **values)
    return recipe


def _with_paths(layer: Layer, aliases: dict[str, str], found: Findings) -> Layer:
    if all(len(ref.path) > 1 for ref in layer.refs):
        return layer
    return replace(layer, refs=tuple(_with_path(ref, aliases, found) for ref in layer.refs))


def _with_path(ref: Ref, aliases: dict[str, str], found: Findings) -> Ref:
    """Writes an alias as where it was declared, and a creator in lower case."""
    if len(ref.path) > 1:
        return ref
    name = ref.path[0]
    if same(name) in aliases:
        return replace(ref, path=(aliases[same(name)],))
    if not SLUG.fullmatch(name.lower()) and not found.is_full:
        near = closest(name, aliases.values())
        found.add(ref.at or Place(1, 1, 0), "alias-unknown", _NO_ALIAS, near and f"@{near}", name=shown(name))
    return replace(ref, path=(name.lower(),))


def _shares(recipe: Recipe, said: Directives) -> Iterator[tuple[Place, str, str, dict[str, str]]]:
    shares = {key.removeprefix("share."): value for key, value in recipe.settings if key.startswith("share.")}
    places = {name: place for (kind, name), place in said.places.items() if kind == "share"}
    policy = said.places.get(("setting", "policy"), Place(1, 1, 0))
    if dict(recipe.settings).get("policy") != NEGOTIATED:
        for label in shares:
            yield places[label], "share-policy", _NOT_NEGOTIATED, {"policy": "%policy=negotiated"}
        return
    painted = (*recipe.layers, *((recipe.style,) if recipe.style else ()))
    labels = [layer.label for layer in painted if layer.refs]
    for label in shares:
        if label not in labels:
            yield places[label], "share-unknown", _NO_SUCH_SHARE, {"label": shown(label, 64)}
    missing = [label for label in labels if label not in shares]
    for label in missing:
        yield policy, "share-missing", _NO_SHARE, {"label": shown(label, 64)}
    whole = sum(map(share_ppb, shares.values()))
    if labels and not missing and whole != WHOLE_PERCENT_PPB:
        yield policy, "share-sum", _SUM, {"sum": write_decimal(whole, SHARE_PLACES)}
