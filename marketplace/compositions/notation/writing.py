"""A recipe as text, the one way that it is written when nobody has written it."""

from collections.abc import Iterator

from marketplace.compositions.notation.model import Layer, Recipe
from marketplace.compositions.notation.numbers import write_decimal
from marketplace.compositions.notation.refs import write_ref
from marketplace.compositions.notation.regions import write_region


def write(recipe: Recipe) -> str:
    """This will write a recipe so that reading.read makes the same recipe of it: a line each, with a last new line.

    Settings, variables, words and aliases come first, then the layers in paint order, the style and the negative.
    """
    return "".join(line + "\n" for _pointer, line in lines(recipe))


def lines(recipe: Recipe) -> Iterator[tuple[tuple[str, ...], str]]:
    """This will give each line, and the path to what it says in the recipe's document (RFC 6901, unescaped)."""
    for key, value in recipe.settings:
        yield ("settings", key), f"%{key}={value}"
    for name, value in recipe.variables:
        yield ("variables", name), f"%var.{name}={value}"
    for name, options in recipe.words:
        yield ("words", name), f"%words.{name}={'|'.join(options)}"
    for name, ref in recipe.aliases:
        yield ("aliases", name), f"%@{name}={write_ref(ref)[1:]}"
    for place, layer in enumerate(recipe.layers):
        yield ("layers", str(place)), f"|{layer.label}: {_body(layer)}".rstrip(" ")
    if recipe.style:
        yield ("style",), f"- style: {_body(recipe.style)}".rstrip(" ")
    if recipe.negative:
        yield ("negative",), f"! {recipe.negative}"


def layer_line(layer: Layer) -> str:
    """This will write one layer."""
    return f"|{layer.label}: {_body(layer)}"


def _body(layer: Layer) -> str:
    region = [write_region(layer.region)] if layer.region else []
    options = [f"{{{key}={write_decimal(value)}}}" for key, value in layer.options]
    return " ".join([*([layer.prompt] if layer.prompt else []), *map(write_ref, layer.refs), *region, *options])
