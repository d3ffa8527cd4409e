"""Questions about recipes that are kept and about locks; none writes."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet

from marketplace.catalog.queries import place
from marketplace.compositions.lockfile import Lock, read_lock
from marketplace.compositions.models import Recipe, RecipeLock, RecipeShare, RecipeText
from marketplace.licensing.models import Grant, GrantStatus
from marketplace.licensing.queries import with_status
from marketplace.people.models import Person, Studio

PAGE_SIZE = 24


def _readable(person: Person | None, studio: Studio | None) -> QuerySet[Recipe]:
    """Finds what a person may read, or what is of a studio; nothing where nobody asks."""
    mine = Q(pk__in=[])
    if person is not None:
        mine |= Q(author=person) | Q(studio__in=Studio.objects.filter(seats__person=person))
    if studio is not None:
        mine = (mine & Q(studio=studio)) if person is not None else Q(studio=studio)
    return Recipe.objects.filter(mine).select_related("author", "studio", "forked_from")


def _with_texts(recipes: Iterable[Recipe]) -> list[Recipe]:
    """Gives recipes `.newest`, what they say now, and `.share`, the one that has not ended or None; two queries."""
    found = list(recipes)
    newest = RecipeText.objects.filter(recipe__in=found).select_related("written_by")
    texts = {row.recipe_id: row for row in newest.order_by("recipe", "-number").distinct("recipe")}
    shares = {row.recipe_id: row for row in RecipeShare.objects.filter(recipe__in=found, ended_at=None)}
    for recipe in found:
        recipe.newest = texts[recipe.pk]  # type: ignore[attr-defined]
        recipe.share = shares.get(recipe.pk)  # type: ignore[attr-defined]
    return found


def recipes_of(
    *, person: Person | None = None, studio: Studio | None = None, after: str = "", size: int = PAGE_SIZE
) -> tuple[list[Recipe], str | None]:
    """This will list recipes, newest first, by keyset over (created_at, id), each with `.newest` and `.share`.

    Those that a person may read, those of a studio, or, with both, those of the studio that the person may read.
    """
    rows = _readable(person, studio).order_by("-created_at", "-id")
    if at := place(after):
        rows = rows.filter(Q(created_at__lt=at[0]) | Q(created_at=at[0], pk__lt=at[1]))
    found = _with_texts(rows[: size + 1])
    last = found[size - 1] if len(found) > size else None
    return found[:size], f"{last.created_at.isoformat()}~{last.pk}" if last else None


def recipe_of(recipe_id: UUID | str, *, person: Person | None = None, studio: Studio | None = None) -> Recipe | None:
    """This will find a recipe that a person, or a studio's program, may read, with `.newest` and `.share`."""
    found = _with_texts(_readable(person, studio).filter(pk=recipe_id))
    return found[0] if found else None


def texts_of(recipe: Recipe) -> list[RecipeText]:
    """This will list what a recipe said, newest first."""
    return list(RecipeText.objects.filter(recipe=recipe).select_related("written_by").order_by("-number"))


def text_of(recipe: Recipe, number: int) -> RecipeText | None:
    """This will find one of the texts that a recipe had."""
    return RecipeText.objects.filter(recipe=recipe, number=number).select_related("written_by").first()


def history_of(recipe: Recipe, *, before: int = 0, size: int = PAGE_SIZE) -> tuple[list[RecipeText], int]:
    """This will list the texts that a recipe had, newest first, without what they say; and where to go on, or 0."""
    rows = RecipeText.objects.filter(recipe=recipe).select_related("written_by").defer("text").order_by("-number")
    found = list((rows.filter(number__lt=before) if before else rows)[: size + 1])
    return found[:size], found[size - 1].number if len(found) > size else 0


def shared(token: str) -> RecipeShare | None:
    """This will find a share that has not ended, its `.recipe` with `.newest` and `.share`."""
    row = RecipeShare.objects.filter(token=token, ended_at=None).first()
    if row is None:
        return None
    recipe = Recipe.objects.select_related("author", "studio", "forked_from").get(pk=row.recipe_id)
    (row.recipe,) = _with_texts([recipe])
    return row


def locks_of(
    studio: Studio, *, recipe: Recipe | None = None, after: str = "", size: int = PAGE_SIZE
) -> tuple[list[RecipeLock], str | None]:
    """This will list a studio's locks without their documents, newest first; the cursor is `<moment>~<digest>`."""
    rows = RecipeLock.objects.filter(studio=studio).select_related("project", "recipe", "locked_by").defer("document")
    rows = rows.order_by("-locked_at", "-digest")
    if recipe is not None:
        rows = rows.filter(recipe=recipe)
    moment, _sign, digest = after.partition("~")
    if digest:
        try:
            at = datetime.fromisoformat(moment)
        except ValueError:
            at = None
        if at is not None and at.tzinfo:
            rows = rows.filter(Q(locked_at__lt=at) | Q(locked_at=at, digest__lt=digest))
    found = list(rows[: size + 1])
    last = found[size - 1] if len(found) > size else None
    return found[:size], f"{last.locked_at.isoformat()}~{last.digest}" if last else None


def lock_of(digest: str, *, studio: Studio) -> RecipeLock | None:
    """This will find a lock of a studio, its `.packs` at hand; to others it does not exist."""
    packs = Prefetch("packs", RecipeLock.packs.rel.related_model.objects.select_related("grant", "offer"))
    rows = RecipeLock.objects.filter(digest=digest, studio=studio).select_related("studio", "project", "recipe")
    return rows.prefetch_related(packs).first()


def lock_in(row: RecipeLock) -> Lock:
    """This will read the lock that a row holds."""
    return read_lock(bytes(row.document))


def unlicensed(lock: Lock, *, now: datetime) -> list[tuple[str, str]]:
    """This will list what has no license that holds now: (layer, `creator/pack@version`), in paint order.

    A license holds that is the licensee's, is neither suspended nor taken back, and has begun and not ended.
    """
    wanted = {ref.grant for ref in lock.refs if ref.grant}
    rows = with_status(Grant.objects.filter(pk__in=wanted, studio=lock.licensee, starts_at__lte=now))
    rows = rows.filter(Q(ends_at=None) | Q(ends_at__gt=now), status=GrantStatus.ACTIVE) if wanted else rows.none()
    held = {str(key) for key in rows.values_list("pk", flat=True)}
    return [
        (layer.label, f"{ref.pack}@{ref.version}")
        for layer in lock.painted
        for ref in layer.refs
        if ref.grant not in held
    ]


def is_runnable(lock: Lock, *, now: datetime) -> bool:
    """This will tell whether each of a lock's packs has a license that holds now."""
    return not unlicensed(lock, now=now)
