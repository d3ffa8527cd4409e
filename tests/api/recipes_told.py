"""What the addresses about recipes answer, for the test that holds them to their description."""

import base64
from typing import Any

from tests.api import runs_told
from tests.api.studios import ANYBODY, Market, Studio
from tests.cast import CARD, DECLINED_CARD
from tests.compositions.importing import outputs
from tests.packs import picture

ZERO = "00000000-0000-4000-8000-000000000000"
ASKED: dict[str, Any] = {
    "text": "| sea: a pier @alice/yunhai\n- style: ink @bob/ink\n",
    "use": {"territory": ["DE"], "fields": ["film"], "media": ["video"]},
}
NAMES = [
    "recipe_locks_create",
    "recipe_locks_export",
    "recipe_locks_exports",
    "recipe_locks_kit",
    "recipe_locks_list",
    "recipe_locks_read",
    "recipe_runs_create",
    "recipe_runs_list",
    "recipe_runs_picture",
    "recipe_runs_read",
    "recipes_check",
    "recipes_complete",
    "recipes_create",
    "recipes_fork",
    "recipes_import",
    "recipes_list",
    "recipes_mask",
    "recipes_order",
    "recipes_quote",
    "recipes_quote_read",
    "recipes_read",
    "recipes_share",
    "recipes_shared",
    "recipes_unshare",
    "recipes_write",
    "uses_count_picture",
]
OPEN = ("recipes/check", "recipes/complete", "recipes/import", "recipes/shared")


def naming(digest: str) -> dict[str, str]:
    """A picture that names a lock."""
    entry = {"format": "worldloom/provenance/1", "recipe": digest, "site": "", "packs": []}
    return {"file": base64.b64encode(outputs.png({"worldloom": entry})).decode()}


def recipe_writes(carol: Studio) -> dict[str, Any]:
    """Each operation that is asked with a body, or changes something, when all is well."""
    kept = carol.send("POST", "/recipes", {"title": "The pier", "text": ASKED["text"]}, key="keep")
    path = "/recipes/" + kept.json()["id"]
    shared = carol.send("POST", path + "/share", {}, key="share")
    quote = carol.send("POST", "/recipes/quotes", ASKED, key="recipe-quote")
    paid = {"payment": {"card": CARD}}
    token = shared.json()["share_token"]
    mask = {"picture": base64.b64encode(picture(size=(32, 32))).decode()}
    painted = runs_told.painted_lock(carol)
    order = carol.send("POST", f"/recipes/quotes/{quote.json()['id']}/order", paid, key="recipe-order")
    bought = naming(order.json()["lock"]["digest"])
    return {
        "uses_count_picture": carol.send("POST", "/usage/pictures", bought),
        "recipes_import": carol.send("POST", "/recipes/import", bought | {"use": ASKED["use"]}),
        "recipe_runs_create": carol.send("POST", f"/recipes/locks/{painted}/runs", {}, key="run"),
        "recipes_check": ANYBODY.send("POST", "/recipes/check", ASKED),
        "recipes_create": kept,
        "recipes_write": carol.send("PUT", path, {"title": "The pier, at night"}),
        "recipes_share": shared,
        "recipes_fork": carol.send("POST", "/recipes/fork", {"token": token}, key="fork"),
        "recipes_mask": carol.send("POST", "/recipes/masks", mask, key="mask"),
        "recipes_quote": quote,
        "recipes_order": order,
        "recipe_locks_create": carol.send("POST", "/recipes/locks", ASKED | {"title": "Take 2"}, key="lock"),
    }


def recipe_paths(writes: dict[str, Any]) -> dict[str, str]:
    """Where each thing is read."""
    lock = f"/recipes/locks/{writes['recipe_locks_create'].json()['digest']}"
    return {
        "recipes_complete": "/recipes/complete",
        "recipes_list": "/recipes",
        "recipes_read": f"/recipes/{writes['recipes_create'].json()['id']}",
        "recipes_shared": f"/recipes/shared/{writes['recipes_share'].json()['share_token']}",
        "recipes_quote_read": f"/recipes/quotes/{writes['recipes_quote'].json()['id']}",
        "recipe_locks_list": "/recipes/locks",
        "recipe_runs_list": "/recipes/runs",
        "recipe_runs_read": f"/recipes/runs/{writes['recipe_runs_create'].json()['id']}",
        "recipe_runs_picture": runs_told.made(writes["recipe_runs_create"].json()["id"]),
        "recipe_locks_read": lock,
        "recipe_locks_exports": lock + "/exports",
        "recipe_locks_export": lock + "/exports/comfyui",
        "recipe_locks_kit": lock + "/kit",
    }


def unshared(carol: Studio, writes: dict[str, Any]) -> Any:
    """The share is ended, once it was read."""
    return carol.call("DELETE", f"/recipes/{writes['recipes_create'].json()['id']}/share")


def recipe_refusals(market: Market, carol: Studio, dave: Studio) -> list[tuple[str, int, Any]]:
    """What each operation refuses, with the status."""
    kept = carol.send("POST", "/recipes", {"title": "The pier", "text": ""}, key="kept").json()["id"]
    quote = carol.send("POST", "/recipes/quotes", ASKED, key="quoted").json()["id"]
    lock = carol.send("POST", "/recipes/locks", ASKED, key="locked").json()["digest"]
    wrong, unread = ASKED | {"text": "| sea: a pier @alice/nothing"}, ASKED | {"text": "| sea"}
    order, card = f"/recipes/quotes/{quote}/order", {"payment": {"card": DECLINED_CARD}}
    return [
        ("recipes_check", 422, ANYBODY.send("POST", "/recipes/check", {})),
        ("recipes_check", 413, ANYBODY.call("POST", "/recipes/check", b" " * (4 * 1024 * 1024 + 1))),
        ("recipes_import", 422, ANYBODY.send("POST", "/recipes/import", {"file": "aGVsbG8="})),
        ("recipes_import", 422, ANYBODY.send("POST", "/recipes/import", naming("0" * 64) | {"project": ZERO})),
        ("uses_count_picture", 422, dave.send("POST", "/usage/pictures", naming(lock))),
        ("uses_count_picture", 422, carol.send("POST", "/usage/pictures", naming(lock))),
        ("uses_count_picture", 422, carol.send("POST", "/usage/pictures", naming(lock) | {"at": 1})),
        ("recipes_create", 422, carol.send("POST", "/recipes", {"title": "\n", "text": "a\tb"})),
        ("recipes_create", 400, carol.call("POST", "/recipes", b'{"title": "a", "text": ""}')),
        ("recipes_read", 404, carol.get(f"/recipes/{ZERO}")),
        ("recipes_read", 404, dave.get(f"/recipes/{kept}")),
        ("recipes_write", 422, carol.send("PUT", f"/recipes/{kept}", {"text": "a", "after": 7})),
        ("recipes_share", 404, dave.send("POST", f"/recipes/{kept}/share", {})),
        ("recipes_unshare", 404, dave.call("DELETE", f"/recipes/{kept}/share")),
        ("recipes_shared", 404, ANYBODY.get("/recipes/shared/nothing")),
        ("recipes_fork", 422, carol.send("POST", "/recipes/fork", {"token": "nothing"})),
        ("recipes_mask", 422, carol.send("POST", "/recipes/masks", {"picture": "aGVsbG8="})),
        ("recipes_quote", 422, carol.send("POST", "/recipes/quotes", wrong)),
        ("recipes_quote", 422, carol.send("POST", "/recipes/quotes", unread)),
        ("recipes_quote_read", 404, dave.get(f"/recipes/quotes/{quote}")),
        ("recipes_order", 404, dave.send("POST", order, card)),
        ("recipes_order", 402, carol.send("POST", order, card, key="recipe-declined")),
        ("recipes_order", 422, carol.send("POST", order, {}, key="recipe-unpaid")),
        ("recipe_locks_create", 422, carol.send("POST", "/recipes/locks", wrong)),
        ("recipe_locks_read", 404, carol.get("/recipes/locks/" + "0" * 64)),
        ("recipe_locks_read", 422, carol.get("/recipes/locks/1")),
        ("recipe_locks_kit", 403, carol.get(f"/recipes/locks/{lock}/kit")),
        ("recipe_runs_create", 403, carol.send("POST", f"/recipes/locks/{lock}/runs", {}, key="unlicensed")),
        ("recipe_runs_create", 404, dave.send("POST", f"/recipes/locks/{lock}/runs", {}, key="others")),
        ("recipe_runs_read", 404, carol.get(f"/recipes/runs/{ZERO}")),
        ("recipe_runs_picture", 404, carol.get(f"/recipes/runs/{ZERO}/picture")),
        ("recipe_locks_export", 404, carol.get("/recipes/locks/" + "0" * 64 + "/exports/otio")),
    ]
