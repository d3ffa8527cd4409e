"""The smallest changes that make a refused use legal: another offer, another pack, or a narrower request.

docs/formats/composition.md says what is smallest, and with what examples.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from marketplace.licensing.terms.asking import Answer, ask
from marketplace.licensing.terms.choosing import OFFER, PACK, Alternative, Option, cheapest
from marketplace.licensing.terms.lattice import Layer, UnableToCompose
from marketplace.licensing.terms.model import Use
from marketplace.licensing.terms.narrowing import Narrowed, narrowed
from marketplace.ui.words import Words
from marketplace.ui.words import gettext_noop as _

REQUEST = "request"


@dataclass(frozen=True, slots=True)
class Change:
    """A layer, and what it is used under instead."""

    layer: str
    to: Alternative

    @property
    def words(self) -> Words:
        """What to do, as a sentence without the price."""
        template = _("Take the offer “%(name)s” for %(layer)s.")
        if self.to.kind == PACK:
            template = _("Use “%(name)s” instead of %(layer)s.")
        return Words(template, {"name": self.to.name, "layer": self.layer})


@dataclass(frozen=True, slots=True)
class Fix:
    """A change that makes the use legal. `answer` says so, with the duties that it then brings.

    `kind` is `offer` (only other offers), `pack` (at least one other pack) or `request` (the same layers, less asked:
    `narrowed` says in what). `prices` are (currency, minor units) by currency, without those that are 0: amounts of
    different currencies are not added. `is_smallest` is false where there were too many ways to look at all.
    """

    kind: str
    changes: tuple[Change, ...]
    prices: tuple[tuple[str, int], ...]
    use: Use
    layers: tuple[Layer, ...]
    answer: Answer
    narrowed: Narrowed | None = None
    is_smallest: bool = True


def fixes(use: Use, layers: Iterable[Layer], alternatives: Mapping[str, Sequence[Alternative]]) -> list[Fix]:
    """Return the smallest changes that make the use legal, by kind; none for one that is legal, or cannot be made so.

    `alternatives` are by the layer's name. There may be several of a kind: as small, in currencies that cannot be
    compared. Raises UnreadableUse, and UnableToCompose also for an alternative to a layer that is not there.
    """
    answer = ask(use, layers)
    if answer.allowed:
        return []
    present = answer.composed.layers
    if strange := sorted(alternatives.keys() - {layer.name for layer in present}):
        raise UnableToCompose(_("There is no layer “%(name)s” that could be changed."), {"name": strange[0]})
    found = [*_changed(use, present, alternatives, OFFER), *_changed(use, present, alternatives, PACK)]
    smaller = narrowed(use, present)
    if smaller:
        found.append(Fix(REQUEST, (), (), smaller.use, present, ask(smaller.use, present), smaller))
    return [fix for fix in found if fix.answer.allowed]


def _changed(
    use: Use, layers: Sequence[Layer], alternatives: Mapping[str, Sequence[Alternative]], kind: str
) -> Iterator[Fix]:
    """Gives the smallest fixes with other offers only, or with at least one other pack."""
    kinds = (OFFER,) if kind == OFFER else (OFFER, PACK)
    rows = [
        list(_options(use, layer, [to for to in alternatives.get(layer.name, ()) if to.kind in kinds]))
        for layer in layers
    ]
    choices, is_smallest = cheapest(rows, with_pack=kind == PACK)
    for choice in choices:
        changes = tuple(Change(option.layer.name, option.to) for option in choice.options if option.to)
        after = tuple(option.layer for option in choice.options)
        yield Fix(kind, changes, choice.prices, use, after, ask(use, after), is_smallest=is_smallest)


def _options(use: Use, layer: Layer, alternatives: Iterable[Alternative]) -> Iterator[Option]:
    """Gives how the layer could stay or be used instead, as far as it alone allows the use."""
    for option in (Option(layer), *(Option(Layer(layer.name, to.party, to.terms), to) for to in alternatives)):
        if ask(use, [option.layer]).allowed:
            yield option
