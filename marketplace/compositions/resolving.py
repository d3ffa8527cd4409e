"""Finding what a recipe's refs name: releases, elements, and what is wrong with them, with line and column."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from marketplace.catalog.models import Element, Release
from marketplace.compositions.notation.model import Recipe, Ref
from marketplace.people.models import Studio

if TYPE_CHECKING:
    from marketplace.compositions.notation.reading import Finding


@dataclass(frozen=True, slots=True)
class Resolved:
    """A ref, and what it names; `release` is None where that is unknown, `element` where it names a whole pack.

    `position` counts all refs of the recipe in paint order from 0 on, the style's last. `weight_ppm` is its own or
    its alias's. `is_service` says that a provider's endpoint makes it. `is_sold` says that it has a live offer.
    """

    layer: str
    position: int
    ref: Ref
    weight_ppm: int
    release: Release | None = None
    element: Element | None = None
    is_service: bool = False
    is_sold: bool = False

    @property
    def name(self) -> str:
        """What it names: `alice/sea@1.2.0/ink`, or what was written where nothing was found."""
        if self.release is None:
            return "/".join(self.ref.path)
        return f"{self.release}/{self.element.name}" if self.element else str(self.release)


@dataclass(frozen=True, slots=True)
class Resolution:
    """A recipe with what its refs name, in paint order. `base_model` is the one of all models, or empty."""

    recipe: Recipe
    refs: tuple[Resolved, ...]
    findings: "tuple[Finding, ...]"
    base_model: str = ""


def resolve(recipe: Recipe, *, now: datetime, studio: Studio | None = None) -> Resolution:
    """This will find what each ref names: the newest version in its range that is sold, or that `studio` holds."""
    raise NotImplementedError
