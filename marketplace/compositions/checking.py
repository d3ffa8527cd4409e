"""May this recipe be used so, what does it cost, and what would help: layer by layer. Questions only."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from marketplace.catalog.models import Release
from marketplace.compositions.notation.model import Layer, Recipe
from marketplace.compositions.resolving import Resolved
from marketplace.licensing.holdings import Project
from marketplace.licensing.models import Grant, Offer
from marketplace.licensing.permits import Obstacle
from marketplace.licensing.pricing import Priced
from marketplace.licensing.terms.asking import Duties, Refusal
from marketplace.licensing.terms.model import Use
from marketplace.licensing.terms.narrowing import Narrowed
from marketplace.people.models import Studio
from marketplace.ui.words import Words

if TYPE_CHECKING:
    from marketplace.compositions.notation.reading import Finding

OWN, LICENSED, OFFERED, REFUSED = "own", "licensed", "offered", "refused"
VERDICTS = (OWN, LICENSED, OFFERED, REFUSED)
"""A layer of the studio's own; one that a license covers; one that an offer could cover; one that cannot be used."""


@dataclass(frozen=True, slots=True)
class Swap:
    """Under what a layer's pack is used instead: an offer of it, another pack's, or a version that is held already.

    `pack` is `creator/pack@version` as a ref may have it; `offer` is None for what is held.
    """

    layer: str
    position: int
    pack: str
    offer: Offer | None
    price_minor: int
    currency: str
    words: Words


@dataclass(frozen=True, slots=True)
class Remedy:
    """A smallest change that makes a refused recipe, or one pack of it, legal.

    `kind` is `offer`, `pack`, `request` (less asked: `narrowed` says in what, `use` is what is then allowed) or
    `version` (one that the studio holds). `prices` are (currency, minor units), without those that are 0.
    """

    kind: str
    swaps: tuple[Swap, ...]
    prices: tuple[tuple[str, int], ...]
    use: Use
    narrowed: Narrowed | None = None
    is_smallest: bool = True


@dataclass(frozen=True, slots=True)
class CheckedRef:
    """One pack of a layer. `offer` has `.now` and `.regular_minor`; `priced` is what it costs to buy it now.

    An offer on request is `offered` without a price: `needs_quote` says so. `reasons` say why it is refused, those of
    the license or offer that comes nearest. `share_ppb` is its part of the picture.
    """

    resolved: Resolved
    verdict: str
    share_ppb: int = 0
    grant: Grant | None = None
    offer: Offer | None = None
    priced: Priced | None = None
    seats: int = 0
    needs_quote: bool = False
    reasons: tuple[Refusal | Obstacle, ...] = ()
    fixes: tuple[Remedy, ...] = ()

    @property
    def release(self) -> Release | None:
        return self.resolved.release


@dataclass(frozen=True, slots=True)
class CheckedLayer:
    """A layer, the worst verdict of its packs, and how much of the picture it covers; `own` has no pack."""

    layer: Layer
    verdict: str
    area_ppm: int
    refs: tuple[CheckedRef, ...] = ()

    @property
    def share_ppb(self) -> int:
        """The part of the picture that its packs have together."""
        return sum(ref.share_ppb for ref in self.refs)


@dataclass(frozen=True, slots=True)
class Missing:
    """A license to buy: once, however many layers need it. `priced.price_minor` is due when it is ordered."""

    offer: Offer
    seats: int
    priced: Priced | None
    layers: tuple[str, ...]
    needs_quote: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """The answer. `recipe` is None where the text cannot be read; `findings` have lines and columns.

    `clashes` are between layers, each of which could be used alone; `fixes` are for the recipe as a whole, those of
    one pack are its own. `prices` are what all that is missing costs now, by currency. `duties` come with the use.
    """

    recipe: Recipe | None
    use: Use
    currency: str
    studio: Studio | None = None
    project: Project | None = None
    findings: "tuple[Finding, ...]" = ()
    layers: tuple[CheckedLayer, ...] = ()
    missing: tuple[Missing, ...] = ()
    prices: tuple[tuple[str, int], ...] = ()
    clashes: tuple[Refusal, ...] = ()
    fixes: tuple[Remedy, ...] = ()
    duties: Duties = field(default_factory=Duties)
    base_model: str = ""

    @property
    def refs(self) -> tuple[CheckedRef, ...]:
        """All packs in paint order."""
        return tuple(ref for layer in self.layers for ref in layer.refs)

    @property
    def allowed(self) -> bool:
        """Whether it could be used so once what is missing is bought."""
        return not self.findings and not self.clashes and all(layer.verdict != REFUSED for layer in self.layers)

    @property
    def licensed(self) -> bool:
        """Whether it may be used so now."""
        return self.allowed and not self.missing


def check_text(
    text: str,
    *,
    use: Use,
    studio: Studio | None = None,
    project: Project | None = None,
    currency: str = "",
    now: datetime,
) -> Checked:
    """This will read a recipe and check it; what cannot be read is told in `findings`. Raises UnreadableUse."""
    raise NotImplementedError


def check(
    recipe: Recipe,
    *,
    use: Use,
    studio: Studio | None = None,
    project: Project | None = None,
    currency: str = "",
    now: datetime,
) -> Checked:
    """This will tell layer by layer whether a recipe may be used so, by `studio` or by anybody.

    A use that names no days is about today. With `currency`, offers in it are taken where there are any. Raises
    UnreadableUse for a use that cannot be judged; never for what a recipe says.
    """
    raise NotImplementedError
