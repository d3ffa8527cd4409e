"""Questions about recipes that are kept and about locks; none writes."""

from datetime import datetime
from uuid import UUID

from marketplace.compositions.lockfile import Lock
from marketplace.compositions.models import Recipe, RecipeLock, RecipeShare, RecipeText
from marketplace.people.models import Person, Studio


def recipes_of(
    *, person: Person | None = None, studio: Studio | None = None, after: str = "", size: int = 24
) -> tuple[list[Recipe], str | None]:
    """This will list recipes that a person may read, or those of a studio, newest first, each with `.newest`."""
    raise NotImplementedError


def recipe_of(recipe_id: UUID | str, *, person: Person | None = None, studio: Studio | None = None) -> Recipe | None:
    """This will find a recipe that a person, or a studio's program, may read, with `.newest` and `.share`."""
    raise NotImplementedError


def texts_of(recipe: Recipe) -> list[RecipeText]:
    """This will list what a recipe said, newest first."""
    raise NotImplementedError


def shared(token: str) -> RecipeShare | None:
    """This will find a share that has not ended, with `.recipe.newest`."""
    raise NotImplementedError


def locks_of(
    studio: Studio, *, recipe: Recipe | None = None, after: str = "", size: int = 24
) -> tuple[list[RecipeLock], str | None]:
    """This will list a studio's locks, newest first; the cursor is `<moment>~<digest>`."""
    raise NotImplementedError


def lock_of(digest: str, *, studio: Studio) -> RecipeLock | None:
    """This will find a lock of a studio; to others it does not exist."""
    raise NotImplementedError


def is_runnable(lock: Lock, *, now: datetime) -> bool:
    """This will tell whether each of a lock's packs has a license that holds now."""
    raise NotImplementedError


def unlicensed(lock: Lock, *, now: datetime) -> list[tuple[str, str]]:
    """This will list what has no license that holds now: (layer, `creator/pack@version`), in paint order."""
    raise NotImplementedError
