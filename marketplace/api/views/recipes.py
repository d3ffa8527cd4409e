"""Recipes: checked, completed, kept, shared and forked."""

import re
from uuid import UUID

from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api import documentation, questions, recipe_answers, recipe_examples, recipe_shapes
from marketplace.api.answers import Shape
from marketplace.api.asked import body, studio_of
from marketplace.api.door import Door, PublicDoor, page
from marketplace.api.errors import InvalidRequest
from marketplace.api.following import once
from marketplace.api.parsers import RecipeParser
from marketplace.api.problems import Finding
from marketplace.api.recipe_asked import picture_in, saved_of, text_in, use_in, wanted
from marketplace.compositions import operations as compositions
from marketplace.compositions import queries
from marketplace.compositions.checking import check_text
from marketplace.compositions.completing import completions

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,43}")
ASKED = ("invalid-json", "too-large", "unsupported-media-type", "invalid-request")
WRITTEN = (*ASKED, "idempotency-key-missing", "api-key-missing", "idempotency-key-reused")


class RecipeCheck(PublicDoor):
    """May this recipe be used so, and what does it cost?"""

    parser_classes = [RecipeParser]

    @extend_schema(
        operation_id="recipes_check",
        summary="Check a recipe layer by layer",
        tags=["recipes"],
        request=recipe_shapes.RecipeRequest,
        responses=documentation.answers(recipe_shapes.CheckedRecipeShape, *ASKED),
        examples=recipe_examples.CHECKS,
    )
    def post(self, request: Request) -> Response:
        """This will say for each layer whether its packs are licensed to the key's studio, could be licensed and at
        what price, or are refused, why, and what the smallest change is that would help; and what part of the picture
        each has. Without a key it is about nobody's licenses. A text that cannot be read is no error: findings say
        where and why. Nothing is written.
        """
        asked = body(request, recipe_shapes.RecipeRequest)
        studio = getattr(request.auth, "studio", None)
        if studio is None and "project" in asked:
            raise InvalidRequest([Finding("body", "/project", _("is a studio's: send its key too."))])
        text = text_in(asked)
        said = wanted(asked, studio) if studio else {"use": use_in(asked), "currency": asked.get("currency", "")}
        found = check_text(text, studio=studio, now=timezone.now(), **said)
        return Response(recipe_answers.checked(found, text))


class RecipeCompletions(PublicDoor):
    """What may a ref become?"""

    @extend_schema(
        operation_id="recipes_complete",
        summary="Complete the name of a pack",
        tags=["recipes"],
        parameters=[recipe_examples.TYPED],
        responses=documentation.answers(recipe_shapes.CompletionsShape, "invalid-request"),
    )
    def get(self, request: Request) -> Response:
        """This will list the packs, or the elements of one, that the text behind an @ may become."""
        asked = questions.query(request, {"q": questions.text})
        return Response(recipe_answers.completions(completions(asked.get("q", ""))))


class Recipes(Door):
    """Recipes that the studio keeps."""

    parser_classes = [RecipeParser]

    @extend_schema(
        operation_id="recipes_list",
        summary="List kept recipes",
        tags=["recipes"],
        parameters=documentation.PAGES,
        responses=documentation.answers(recipe_shapes.SavedRecipePage, "api-key-missing", "invalid-request"),
    )
    def get(self, request: Request) -> Response:
        """This will list the recipes that the key's studio keeps, newest first."""
        asked = questions.query(request, questions.pages("recipes"))
        size = asked.get("limit", questions.DEFAULT_LIMIT)
        found, more = queries.recipes_of(studio=studio_of(request), after=asked.get("cursor", ""), size=size)
        data = [recipe_answers.saved(row, request.build_absolute_uri) for row in found]
        return page(request, data, questions.as_cursor("recipes", more))

    @extend_schema(
        operation_id="recipes_create",
        summary="Keep a recipe",
        tags=["recipes"],
        parameters=[documentation.IDEMPOTENCY_KEY],
        request=recipe_shapes.KeepRequest,
        responses=documentation.answers(recipe_shapes.SavedRecipeShape, *WRITTEN, "recipe-refused", status=201),
        examples=[recipe_examples.KEEP],
    )
    def post(self, request: Request) -> Response:
        """This will keep a recipe for the key's studio, once for each idempotency key; it may still have errors."""
        asked, now = body(request, recipe_shapes.KeepRequest), timezone.now()

        def act() -> Shape:
            studio = studio_of(request)
            made = compositions.keep(
                person=request.user, studio=studio, title=asked["title"], text=asked["text"], now=now
            )
            return _saved(request, made.pk)

        return once(request=request, asked=asked, act=act, now=now)


def _saved(request: Request, recipe_id: UUID) -> Shape:
    return recipe_answers.saved(saved_of(request, recipe_id), request.build_absolute_uri)


class Recipe(Door):
    """A recipe that the studio keeps."""

    parser_classes = [RecipeParser]

    @extend_schema(
        operation_id="recipes_read",
        summary="Read a kept recipe",
        tags=["recipes"],
        responses=documentation.answers(
            recipe_shapes.SavedRecipeShape, "api-key-missing", "not-found", "invalid-request"
        ),
    )
    def get(self, request: Request, recipe_id: UUID) -> Response:
        """This will read a recipe that the key's studio keeps, with its newest text."""
        questions.query(request, {})
        return Response(_saved(request, recipe_id))

    @extend_schema(
        operation_id="recipes_write",
        summary="Change a kept recipe",
        tags=["recipes"],
        request=recipe_shapes.RewriteRequest,
        responses=documentation.answers(
            recipe_shapes.SavedRecipeShape,
            *(*ASKED, "api-key-missing", "not-found", "recipe-refused", "recipe-of-others"),
        ),
        examples=[recipe_examples.REWRITE],
    )
    def put(self, request: Request, recipe_id: UUID) -> Response:
        """This will say what a recipe says or is called from here on; what it said before is kept. The same again
        changes nothing. With `after`, it is refused where somebody wrote since.
        """
        asked = body(request, recipe_shapes.RewriteRequest)
        row = saved_of(request, recipe_id)
        newest = row.newest  # type: ignore[attr-defined]
        said = {name: asked[name] for name in ("title", "text") if name in asked}
        if any(getattr(newest, name) != value for name, value in said.items()):
            after = asked.get("after", 0)
            compositions.rewrite(recipe=row, person=request.user, now=timezone.now(), after=after, **said)
        return Response(_saved(request, recipe_id))


class RecipeShare(Door):
    """The share of a recipe."""

    @extend_schema(
        operation_id="recipes_share",
        summary="Share a recipe",
        tags=["recipes"],
        parameters=[documentation.IDEMPOTENCY_KEY],
        request=None,
        responses=documentation.answers(
            recipe_shapes.SavedRecipeShape, *WRITTEN, "not-found", "recipe-refused", "recipe-of-others", status=201
        ),
    )
    def post(self, request: Request, recipe_id: UUID) -> Response:
        """This will let whoever has the token read the recipe and fork it; one that is shared keeps its token."""
        questions.query(request, {})
        now = timezone.now()
        row = saved_of(request, recipe_id)

        def act() -> Shape:
            compositions.share(recipe=row, person=request.user, now=now)
            return _saved(request, recipe_id)

        return once(request=request, asked={}, act=act, now=now)

    @extend_schema(
        operation_id="recipes_unshare",
        summary="End the share of a recipe",
        tags=["recipes"],
        responses=documentation.answers(
            recipe_shapes.SavedRecipeShape, "api-key-missing", "not-found", "invalid-request", "recipe-of-others"
        ),
    )
    def delete(self, request: Request, recipe_id: UUID) -> Response:
        """This will end the share of a recipe; its token is worth nothing from then on."""
        questions.query(request, {})
        compositions.unshare(recipe=saved_of(request, recipe_id), person=request.user, now=timezone.now())
        return Response(_saved(request, recipe_id))


class SharedRecipe(PublicDoor):
    """A recipe that somebody shared."""

    @extend_schema(
        operation_id="recipes_shared",
        summary="Read a shared recipe",
        tags=["recipes"],
        parameters=[recipe_examples.TOKEN],
        responses=documentation.answers(recipe_shapes.SharedRecipeShape, "not-found", "invalid-request"),
    )
    def get(self, request: Request, token: str) -> Response:
        """This will read a recipe by the token of its share."""
        questions.query(request, {})
        found = queries.shared(token) if _TOKEN.fullmatch(token) else None
        if found is None:
            raise Http404(_("No recipe is shared under this token."))
        return Response(recipe_answers.shared(found))


class RecipeForks(Door):
    """Copies of shared recipes."""

    @extend_schema(
        operation_id="recipes_fork",
        summary="Fork a shared recipe",
        tags=["recipes"],
        parameters=[documentation.IDEMPOTENCY_KEY],
        request=recipe_shapes.ForkRequest,
        responses=documentation.answers(
            recipe_shapes.SavedRecipeShape, *WRITTEN, "recipe-refused", "not-found", status=201
        ),
        examples=[recipe_examples.FORK],
    )
    def post(self, request: Request) -> Response:
        """This will keep a copy of a shared recipe for the key's studio."""
        asked, now = body(request, recipe_shapes.ForkRequest), timezone.now()

        def act() -> Shape:
            made = compositions.fork(token=asked["token"], person=request.user, studio=studio_of(request), now=now)
            return _saved(request, made.pk)

        return once(request=request, asked=asked, act=act, now=now)


class RecipeMasks(Door):
    """Masks for layers."""

    parser_classes = [RecipeParser]

    @extend_schema(
        operation_id="recipes_mask",
        summary="Add a mask",
        tags=["recipes"],
        parameters=[documentation.IDEMPOTENCY_KEY],
        request=recipe_shapes.MaskRequest,
        responses=documentation.answers(recipe_shapes.MaskShape, *WRITTEN, "mask-refused"),
    )
    def post(self, request: Request) -> Response:
        """This will keep a picture as a mask and measure it: a layer is painted where it is white."""
        asked, now = body(request, recipe_shapes.MaskRequest), timezone.now()

        def act() -> Shape:
            return recipe_answers.mask(compositions.add_mask(data=picture_in(asked), person=request.user, now=now))

        return once(request=request, asked=asked, act=act, now=now, status=200)
