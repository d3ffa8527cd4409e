"""A studio's program checks recipes, quotes them, buys what they lack, and takes the lock to other tools."""

import base64
import hashlib
import io
import json
import zipfile
from typing import Any

from PIL import Image

from marketplace.api.models import Followed
from marketplace.checkout.models import Order, SandboxCharge
from marketplace.compositions.exports.forms import FORMS
from marketplace.compositions.lockfile import read_lock
from marketplace.compositions.models import Recipe, RecipeLock, RecipeMask, RecipeShare, RecipeText
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Grant
from tests.api.studios import ANYBODY, Market, Studio
from tests.cast import CARD, DECLINED_CARD, later

TEXT = "| sea: a pier @alice/yunhai [box 0,0,0.5,1]\n- style: ink @bob/ink\n"
USE = {"commercial": "limited", "territory": ["DE"], "fields": ["film"], "media": ["video"]}
ASKED: dict[str, Any] = {"text": TEXT, "use": USE}
PAYMENT = {"payment": {"card": CARD}}
WHOLE = 1_000_000_000


def quoted(carol: Studio, key: str = "quote", **more: Any) -> Any:
    return carol.send("POST", "/recipes/quotes", ASKED | more, key=key)


def order(carol: Studio, quote: Any, key: str = "order", body: Any = PAYMENT) -> Any:
    return carol.send("POST", f"/recipes/quotes/{quote['id']}/order", body, key=key)


def facts() -> tuple[int, ...]:
    tables = (Followed, Order, SandboxCharge, Grant, Recipe, RecipeText, RecipeShare, RecipeLock, RecipeMask)
    return tuple(one.objects.count() for one in tables)


def test_from_a_text_to_a_lock(market: Market, carol: Studio, dave: Studio) -> None:
    checked = carol.send("POST", "/recipes/check", ASKED).json()
    assert (checked["readable"], checked["allowed"], checked["licensed"]) == (True, True, False)
    assert [(one["label"], one["verdict"], one["area_ppm"]) for one in checked["layers"]] == [
        ("sea", "offered", 500_000),
        ("style", "offered", 1_000_000),
    ]
    (sea,) = checked["layers"][0]["packs"]
    assert (sea["pack"], sea["at"], sea["price_minor"]) == (
        "alice/yunhai",
        {"line": 1, "column": 15, "length": 13},
        10_001,
    )
    assert sum(one["share_ppb"] for one in checked["layers"]) == WHOLE
    assert checked["prices"] == [{"amount_minor": 20_002, "currency": "USD"}]
    assert ANYBODY.send("POST", "/recipes/check", ASKED).json()["prices"] == checked["prices"]
    as_json = {"recipe": checked["recipe"], "use": USE}
    assert carol.send("POST", "/recipes/check", as_json).json()["layers"][1]["packs"][0]["pack"] == "bob/ink"

    answer = quoted(carol)
    quote = answer.json()
    assert (answer.status_code, answer.headers["Location"]) == (201, quote["url"])
    assert (quote["state"], quote["totals"], len(quote["lines"])) == ("open", checked["prices"], 2)
    assert quoted(carol).json() == quote
    path = f"/recipes/quotes/{quote['id']}"
    assert (carol.get(path).json()["state"], dave.get(path).status_code) == ("open", 404)
    assert not Order.objects.exists()

    answer = order(carol, quote)
    bought = answer.json()
    assert answer.status_code == 201, bought
    lock = bought["lock"]
    assert [one["status"] for one in bought["orders"]] == ["paid"]
    assert [one["grant"] for one in lock["packs"]] == [one["id"] for one in bought["orders"][0]["grants"]]
    assert lock["runnable"] is True
    assert read_lock(bytes(RecipeLock.objects.get().document)).digest == lock["digest"]
    before = facts()
    assert order(carol, quote).json() == bought
    assert facts() == before
    assert order(carol, quote, key="again").json()["lock"]["digest"] == lock["digest"]
    assert (Order.objects.count(), SandboxCharge.objects.count(), Grant.objects.count()) == (1, 1, 2)
    assert carol.send("POST", "/recipes/check", ASKED).json()["licensed"] is True


def test_a_lock_goes_to_other_tools(market: Market, carol: Studio, dave: Studio) -> None:
    lock = order(carol, quoted(carol).json()).json()["lock"]
    there = f"/recipes/locks/{lock['digest']}"
    assert [one["digest"] for one in carol.get("/recipes/locks").json()["data"]] == [lock["digest"]]
    assert carol.get(there).json()["document"] == lock["document"]
    assert dave.get(there).status_code == dave.get(there + "/exports/otio").status_code == 404
    forms = carol.get(there + "/exports").json()["data"]
    assert [one["form"] for one in forms] == list(FORMS)
    assert all(one["lost"] for one in forms if one["fidelity"] == "approximate")
    made = carol.get(there + "/exports/comfyui-api")
    assert made.headers["Content-Disposition"].startswith('attachment; filename="worldloom-')
    assert lock["digest"] in json.dumps(json.loads(made.content)["extra_data"]["extra_pnginfo"])
    assert carol.get(there + "/exports/comfyui-api", If_None_Match=made.headers["ETag"]).status_code == 304
    kit = carol.get(there + "/kit")
    with zipfile.ZipFile(io.BytesIO(b"".join(kit.streaming_content))) as found:
        names = found.namelist()
        assert hashlib.sha256(found.read("recipe.lock.json")).hexdigest() == lock["digest"]
    assert all(f"models/loras/{name}" in names for name in lock["packs"][1]["files"] if name.endswith(".safetensors"))
    assert carol.get(there + "/kit", If_None_Match=kit.headers["ETag"]).status_code == 304
    assert dave.get(there + "/kit").status_code == 404
    assert carol.get(there + "/exports/runes").json()["findings"][0]["where"] == "form"


def test_each_mistake_has_its_line_and_column_and_nothing_is_written(market: Market, carol: Studio) -> None:
    before = facts()
    for text, place in [
        ("| sea: a pier a@b.com", (1, 16)),
        ("| sea: a pier @alice/yunhaj", (1, 15)),
        ("% nonsense\n| sea: a pier @alice/yunhai", (1, 3)),
        ("| sea: a pier @alice/yunhai [box 0,0,2,1]", (1, 29)),
        ("%var.a=${b}\n%var.b=${a}\n| sea: ${a} @alice/yunhai", (1, 2)),
        ("\n".join(f"| {place}: x @alice/yunhai" for place in range(10_000)), (65, 1)),
    ]:
        checked = carol.send("POST", "/recipes/check", {"text": text, "use": USE})
        assert checked.status_code == 200, checked.content
        found = checked.json()["findings"][0]
        assert checked.json()["allowed"] is False
        refused = quoted(carol, text=text)
        assert refused.status_code == 422
        said = refused.json()
        assert said["code"] in ("recipe-unreadable", "recipe-quote-refused")
        (first, *_others) = said["findings"]
        assert (first["in"], first["line"], first["column"], first["code"]) == (
            "recipe",
            found["line"],
            found["column"],
            found["code"],
        )
        assert (found["line"], found["column"]) == place, (text[:60], found)
        assert carol.send("POST", "/recipes/locks", {"text": text, "use": USE}).status_code == 422
    unlicensed = quoted(carol, use=USE | {"ai_training": "own"}).json()
    assert (unlicensed["code"], unlicensed["findings"][0]["code"]) == (
        "recipe-quote-refused",
        "ai-training-not-allowed",
    )
    assert facts() == before

    chinese = carol.send("POST", "/recipes/quotes", {"text": "| sea", "use": USE}, Accept_Language="zh-Hans").json()
    assert chinese["detail"] != carol.send("POST", "/recipes/quotes", {"text": "| sea", "use": USE}).json()["detail"]


UNSAID: list[tuple[Any, str]] = [
    ({"use": USE}, ""),
    (ASKED | {"recipe": {}}, ""),
    ({"recipe": {"format": "worldloom/recipe/9", "layers": []}, "use": USE}, "/recipe/format"),
    (ASKED | {"use": {"territory": ["DE"], "fields": ["film"]}}, "/use/media"),
    (ASKED | {"use": USE | {"commercial": "maybe"}}, "/use/commercial"),
    (ASKED | {"currency": "dollars"}, "/currency"),
    (ASKED | {"project": "00000000-0000-4000-8000-000000000000"}, "/project"),
    (ASKED | {"saved": "00000000-0000-4000-8000-000000000000"}, "/saved"),
    (ASKED | {"text": 7}, "/text"),
    (ASKED | {"text": "a" * (1024 * 1024 + 1)}, "/text"),
    (ASKED | {"budget": 1}, "/budget"),
]


def test_what_a_request_cannot_say_is_told_by_its_place(market: Market, carol: Studio) -> None:
    for body, where in UNSAID:
        answer = carol.send("POST", "/recipes/quotes", body)

        assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request"), answer.content
        assert [(one["in"], one["where"]) for one in answer.json()["findings"]] == [("body", where)]
    assert not Followed.objects.exists()


def test_bodies_have_their_limits(market: Market, carol: Studio) -> None:
    answer = carol.send("POST", "/recipes/check", {"text": "a" * (4 * 1024 * 1024), "use": USE})
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
    assert carol.call("POST", "/recipes/quotes", json.dumps(ASKED).encode()).json()["code"] == "idempotency-key-missing"
    assert ANYBODY.send("POST", "/recipes/quotes", ASKED).status_code == 401
    assert ANYBODY.send("POST", "/recipes/check", ASKED | {"project": market.cast.studio.pk.hex}).status_code == 422


def test_a_card_that_is_declined_buys_nothing(market: Market, carol: Studio) -> None:
    quote = quoted(carol).json()
    declined = order(carol, quote, body={"payment": {"card": DECLINED_CARD}})
    assert (declined.status_code, declined.json()["code"]) == (402, "payment-declined")
    assert not Grant.objects.exists()
    assert not RecipeLock.objects.exists()
    unpaid = order(carol, quote, body={})
    assert (unpaid.status_code, unpaid.json()["code"]) == (422, "payment-method-refused")
    assert order(carol, quote, key="quote").json()["code"] == "idempotency-key-reused"

    assert order(carol, quote).status_code == 201
    assert Grant.objects.count() == 2
    assert quoted(carol, key="order").json()["code"] == "idempotency-key-reused"


def test_a_price_that_changed_is_refused_with_both(market: Market, carol: Studio) -> None:
    quote = quoted(carol).json()
    licensing.withdraw_offer(offer=market.offer(release=market.derived), now=later(days=2))
    licensing.change_price(offer=market.offer(), price_minor=12_000, now=later(hours=1))
    before = facts()

    lines = carol.get(f"/recipes/quotes/{quote['id']}").json()["lines"]
    assert [(one["price_minor"], one["now_minor"], one["state"]) for one in lines] == [
        (10_001, 12_000, "changed"),
        (10_001, None, "withdrawn"),
    ]
    answer = order(carol, quote)
    assert (answer.status_code, answer.json()["code"]) == (409, "recipe-price-changed")
    assert "from $100.01 to $120.00" in answer.json()["detail"]
    assert facts() == before


def test_recipes_are_kept_shared_and_forked(market: Market, carol: Studio, dave: Studio) -> None:
    kept = carol.send("POST", "/recipes", {"title": "The pier", "text": TEXT}, key="keep").json()
    assert (kept["number"], kept["text"], kept["share_token"]) == (1, TEXT, None)
    assert carol.send("POST", "/recipes", {"title": "The pier", "text": TEXT}, key="keep").json() == kept
    path = f"/recipes/{kept['id']}"
    assert dave.get(path).status_code == dave.send("PUT", path, {"title": "Mine"}).status_code == 404
    changed = carol.send("PUT", path, {"title": "The pier, at night", "after": 1}).json()
    assert (changed["number"], changed["title"]) == (2, "The pier, at night")
    assert carol.send("PUT", path, {"title": "The pier, at night", "after": 1}).json() == changed
    lost = carol.send("PUT", path, {"text": "| sea", "after": 1})
    assert (lost.status_code, lost.json()["code"]) == (422, "recipe-refused")

    shared = carol.send("POST", path + "/share", {}, key="share").json()
    assert shared["share_token"]
    address = f"/recipes/shared/{shared['share_token']}"
    assert ANYBODY.get(address).json()["text"] == TEXT
    fork = dave.send("POST", "/recipes/fork", {"token": shared["share_token"]}, key="fork").json()
    assert (fork["forked_from"], fork["title"], fork["share_token"]) == (kept["id"], "The pier, at night", None)
    assert [one["id"] for one in dave.get("/recipes").json()["data"]] == [fork["id"]]
    assert carol.call("DELETE", path + "/share").json()["share_token"] is None
    assert ANYBODY.get(address).status_code == 404
    gone = dave.send("POST", "/recipes/fork", {"token": shared["share_token"]}, key="late")
    assert (gone.status_code, gone.json()["code"]) == (422, "recipe-refused")
    assert Recipe.objects.count() == 2

    quote = quoted(carol, saved=kept["id"]).json()
    assert order(carol, quote).json()["lock"]["saved"] == kept["id"]
    assert dave.send("POST", "/recipes/quotes", ASKED | {"saved": kept["id"]}).status_code == 422


def test_lists_are_pages(market: Market, carol: Studio) -> None:
    for place in range(3):
        carol.send("POST", "/recipes", {"title": f"Take {place}", "text": TEXT}, key=f"keep-{place}")
        locked = ASKED | {"text": f"| sea: take {place} @alice/yunhai", "title": f"Take {place}"}
        assert carol.send("POST", "/recipes/locks", locked, key=f"lock-{place}").status_code == 201
    for path in ("/recipes", "/recipes/locks"):
        titles, address = [], f"{path}?limit=2"
        while address:
            answer = carol.get(address)
            titles += [one["title"] for one in answer.json()["data"]]
            cursor = answer.json()["next"]
            address = f"{path}?limit=2&cursor={cursor}" if cursor else ""
        assert titles == ["Take 2", "Take 1", "Take 0"]
        assert carol.get(f"{path}?cursor=bm9uc2Vuc2U").status_code == 422


def test_refs_are_completed(market: Market) -> None:
    def refs(typed: str) -> list[str]:
        return [one["ref"] for one in ANYBODY.get(f"/recipes/complete?q={typed}").json()["data"]]

    assert refs("") == ["@alice/yunhai", "@bob/ink"]
    assert refs("@alice") == refs("yun") == refs("alice/y") == ["@alice/yunhai"]
    assert refs("sea") == refs("%EF%BC%A0sea") == ["@alice/yunhai"]
    assert refs("alice/yunhai/") == refs("alice/yunhai/i") == ["@alice/yunhai/ink"]
    assert refs("alice/yunhai/x") == refs("nobody/") == refs("a/b/c/d") == refs("%25") == []


def test_a_mask_says_where_a_layer_is_painted(market: Market, carol: Studio) -> None:
    image = Image.new("L", (64, 64))
    image.paste(255, (0, 0, 64, 16))
    file = io.BytesIO()
    image.save(file, "PNG")
    body = {"picture": base64.b64encode(file.getvalue()).decode()}

    mask = carol.send("POST", "/recipes/masks", body, key="mask").json()

    assert (mask["width"], mask["height"], mask["area_ppm"]) == (64, 64, 250_000)
    text = "| sea: a pier @alice/yunhai [mask pier.png]\n- style: ink @bob/ink\n"
    asked = {"text": text, "use": USE, "masks": {"pier.png": mask["sha256"]}, "title": "With a mask"}
    lock = carol.send("POST", "/recipes/locks", asked, key="lock").json()
    assert [(one["layer"], one["share_ppb"]) for one in lock["packs"]] == [
        ("sea", 200_000_000),
        ("style", 800_000_000),
    ]
    assert lock["document"]["layers"][0]["mask_sha256"] == mask["sha256"]
    assert (lock["runnable"], lock["title"]) == (False, "With a mask")
    for picture, code in [("nonsense!", "invalid-request"), ("aGVsbG8=", "mask-refused")]:
        assert carol.send("POST", "/recipes/masks", {"picture": picture}, key="bad").json()["code"] == code
    assert RecipeMask.objects.count() == 1
