"""Every write about recipes: keeping, sharing, locking."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from marketplace.compositions.checking import Checked
from marketplace.compositions.models import Recipe, RecipeLock, RecipeMask, RecipeShare, RecipeText
from marketplace.compositions.notation import model
from marketplace.licensing.holdings import Project
from marketplace.licensing.terms.model import Use
from marketplace.people.models import Person, Studio

if TYPE_CHECKING:
    from marketplace.compositions.notation.reading import Finding


class UnableToKeepRecipe(Exception):
    """The recipe was not kept, changed, shared or forked; nothing was written."""

    code = "recipe-refused"


class NotYourRecipe(Exception):
    """The recipe is of others: only its author and its studio may do that."""

    code = "recipe-of-others"


class UnableToLock(Exception):
    """The recipe cannot be fixed as it is: `findings` say where it is wrong, `checked` which layers are refused."""

    code = "lock-refused"

    def __init__(self, reason: str, findings: "Sequence[Finding]" = (), checked: Checked | None = None) -> None:
        super().__init__(reason)
        self.findings, self.checked = tuple(findings), checked


class UnableToAddMask(Exception):
    """The picture cannot be a mask."""

    code = "mask-refused"


def keep(*, person: Person, title: str, text: str, studio: Studio | None = None, now: datetime) -> Recipe:
    """This will keep a recipe, for a person or for their studio; it may still have errors in it."""
    raise NotImplementedError


def rewrite(
    *, recipe: Recipe, person: Person, now: datetime, title: str | None = None, text: str | None = None, after: int = 0
) -> RecipeText:
    """This will say anew what a recipe says or is called; with `after`, only if that is still its newest number."""
    raise NotImplementedError


def share(
    *, recipe: Recipe, person: Person, now: datetime, token: Callable[[], str] = secrets.token_urlsafe
) -> RecipeShare:
    """This will let whoever has the token read and fork a recipe; one that is shared already keeps its token."""
    raise NotImplementedError


def unshare(*, recipe: Recipe, person: Person, now: datetime) -> None:
    """This will end the share of a recipe, if it has one."""
    raise NotImplementedError


def fork(*, token: str, person: Person, studio: Studio | None = None, now: datetime) -> Recipe:
    """This will keep a copy of a shared recipe."""
    raise NotImplementedError


def lock(
    *,
    recipe: model.Recipe | str,
    studio: Studio,
    person: Person,
    use: Use,
    now: datetime,
    project: Project | None = None,
    recipe_row: Recipe | None = None,
    masks: Mapping[str, str] | None = None,
    currency: str = "",
    title: str = "",
) -> RecipeLock:
    """This will fix a recipe: exact versions, files, terms, prices, licenses and shares, under one digest.

    `masks` are the SHA-256 of masks by the names that the recipe has for them. The same lock again is the one there is.
    """
    raise NotImplementedError


def add_mask(*, data: bytes, person: Person, now: datetime) -> RecipeMask:
    """This will keep a picture as a mask: 8-bit gray PNG, white where a layer is painted."""
    raise NotImplementedError
