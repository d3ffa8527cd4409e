"""Quotes of recipes, and what is bought by them: only for a studio's API key."""

from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api import documentation, questions, recipe_answers, recipe_examples, recipe_shapes
from marketplace.api.answers import Shape
from marketplace.api.asked import body, method_in, studio_of
from marketplace.api.door import Door
from marketplace.api.following import once, once_paid
from marketplace.api.parsers import RecipeParser
from marketplace.api.recipe_asked import quote_of, saved_in, text_in, wanted
from marketplace.api.views.recipes import WRITTEN
from marketplace.checkout import recipe_quote_queries as queries
from marketplace.checkout import recipe_quotes as checkout

REFUSED = ("order-refused", "price-refused", "grant-refused", "exclusivity-taken", "payment-declined")


class RecipeQuotes(Door):
    """Quotes of recipes."""

    parser_classes = [RecipeParser]

    @extend_schema(
        operation_id="recipes_quote",
        summary="Quote a recipe",
        tags=["recipes"],
        parameters=[documentation.IDEMPOTENCY_KEY],
        request=recipe_shapes.RecipeQuoteRequest,
        responses=documentation.answers(
            recipe_shapes.RecipeQuoteShape, *WRITTEN, "recipe-unreadable", "recipe-quote-refused", status=201
        ),
        examples=recipe_examples.QUOTES,
    )
    def post(self, request: Request) -> Response:
        """This will keep, for 30 minutes, what all licenses that the recipe lacks cost the key's studio: one line a
        license, one order a currency. A recipe that lacks nothing has an empty quote.
        """
        asked, now = body(request, recipe_shapes.RecipeQuoteRequest), timezone.now()
        studio = studio_of(request)
        text, row, said = text_in(asked), saved_in(asked, studio), wanted(asked, studio)

        def act() -> Shape:
            made = checkout.quote_recipe(studio=studio, person=request.user, text=text, recipe_row=row, now=now, **said)
            return recipe_answers.quote(queries.now_of(made, now), request.build_absolute_uri)

        return once(request=request, asked=asked, act=act, now=now)


class RecipeQuote(Door):
    """A quote of a recipe."""

    @extend_schema(
        operation_id="recipes_quote_read",
        summary="Read a quote",
        tags=["recipes"],
        responses=documentation.answers(
            recipe_shapes.RecipeQuoteShape, "api-key-missing", "not-found", "invalid-request"
        ),
    )
    def get(self, request: Request, quote_id: UUID) -> Response:
        """This will read a quote, each price beside what it is now."""
        questions.query(request, {})
        found = queries.now_of(quote_of(request, quote_id), timezone.now())
        return Response(recipe_answers.quote(found, request.build_absolute_uri))


class RecipeQuoteOrder(Door):
    """What is bought by a quote."""

    @extend_schema(
        operation_id="recipes_order",
        summary="License all that a quote lists, and lock the recipe",
        tags=["recipes"],
        parameters=[documentation.IDEMPOTENCY_KEY],
        request=recipe_shapes.RecipeOrderRequest,
        responses=documentation.answers(
            recipe_shapes.BoughtRecipeShape,
            *(*WRITTEN, *REFUSED, "not-found", "recipe-quote-expired", "recipe-price-changed", "recipe-quote-refused"),
            *("recipe-refused", "recipe-of-others", "lock-refused"),
            *("payment-method-refused", "payment-waiting", "gateway-unavailable"),
            status=201,
        ),
        examples=[recipe_examples.ORDER_REQUEST],
    )
    def post(self, request: Request, quote_id: UUID) -> Response:
        """This will order everything in a quote at its prices, pay, grant the licenses and lock the recipe: from all
        providers in one checkout, all of it once for each quote. Where there are several currencies, each is an order
        of its own, and one that was paid stays if the next one is declined: the same quote then buys what is left.
        """
        asked, now = body(request, recipe_shapes.RecipeOrderRequest), timezone.now()
        row = quote_of(request, quote_id)

        def act() -> Shape:
            bought = checkout.buy_recipe(
                quote=row,
                buyer=request.user,
                method=method_in(asked),
                masks=asked.get("masks"),
                title=asked.get("title", ""),
                now=now,
            )
            return recipe_answers.bought(bought, now, request.build_absolute_uri)

        # How it is paid is nothing that a key stands for: no digest of a card is kept.
        named = {name: value for name, value in asked.items() if name != "payment"}
        return once_paid(request=request, asked=named, act=act, now=now)
