"""Addresses of recipes: composed, kept, shared, quoted, locked and run."""

from django.urls import path, re_path

from marketplace.storefront.views import (
    compose,
    recipe_import,
    recipe_locks,
    recipe_quotes,
    recipe_runs,
    recipes,
    usage_keys,
)

_LOCK = r"^recipes/locks/(?P<digest>[0-9a-f]{64})"
_SHARED = r"^recipes/shared/(?P<token>[A-Za-z0-9_-]{43})"
urlpatterns = [
    path("compose", compose.compose, name="compose"),
    path("compose/check", compose.check, name="compose-check"),
    path("compose/complete", compose.complete, name="compose-complete"),
    path("compose/sign-in", compose.sign_in, name="compose-sign-in"),
    path("recipes", recipes.recipes, name="recipes"),
    path("recipes/save", recipes.save, name="recipe-save"),
    path("recipes/<uuid:recipe>", recipes.recipe, name="recipe"),
    path("recipes/<uuid:recipe>/share", recipes.share, name="recipe-share"),
    path("recipes/<uuid:recipe>/unshare", recipes.unshare, name="recipe-unshare"),
    re_path(rf"{_SHARED}$", recipes.shared, name="recipe-shared"),
    re_path(rf"{_SHARED}/fork$", recipes.fork, name="recipe-fork"),
    path("recipes/quotes/make", recipe_quotes.make, name="recipe-quote-make"),
    path("recipes/quotes/<uuid:quote>", recipe_quotes.quote, name="recipe-quote"),
    path("recipes/quotes/<uuid:quote>/buy", recipe_quotes.buy, name="recipe-quote-buy"),
    path("recipes/quotes/<uuid:quote>/again", recipe_quotes.again, name="recipe-quote-again"),
    path("recipes/locks", recipe_locks.locks, name="recipe-locks"),
    path("recipes/locks/make", recipe_locks.make, name="recipe-lock-make"),
    re_path(rf"{_LOCK}$", recipe_locks.lock, name="recipe-lock"),
    re_path(rf"{_LOCK}/lock\.json$", recipe_locks.document, name="recipe-lock-document"),
    re_path(rf"{_LOCK}/exports/(?P<form>[a-z0-9-]{{1,40}})$", recipe_locks.exported, name="recipe-lock-export"),
    re_path(rf"{_LOCK}/kit$", recipe_locks.kit, name="recipe-lock-kit"),
    re_path(rf"{_LOCK}/quote$", recipe_locks.quote, name="recipe-lock-quote"),
    re_path(rf"{_LOCK}/runs$", recipe_runs.start, name="recipe-run-start"),
    path("recipes/runs/<uuid:run>", recipe_runs.run, name="recipe-run"),
    path("recipes/runs/<uuid:run>/picture", recipe_runs.picture, name="recipe-run-picture"),
    path("recipes/import", recipe_import.recipe_import, name="recipe-import"),
    path("recipes/import/count", recipe_import.count, name="recipe-import-count"),
    path("usage/keys", usage_keys.keys, name="usage-keys"),
    path("usage/keys/add", usage_keys.add, name="usage-key-add"),
    path("usage/keys/<uuid:key>/end", usage_keys.end, name="usage-key-end"),
]
