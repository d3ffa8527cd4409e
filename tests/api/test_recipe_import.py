"""Pictures of other tools by the API: what they name, and those of the studio's own locks counted once."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from marketplace.compositions.importing.reading import MOST_BYTES
from marketplace.compositions.lockfile import read_lock
from marketplace.compositions.models import RecipeLock
from marketplace.compositions.uses import UsageBatch, UsageEvent
from tests.api.studios import ANYBODY, Market, Studio
from tests.compositions.importing import outputs
from tests.compositions.usage.rendering import granted, locked, metered

ASKED = "| sea: a pier @alice/yunhai*0.8\n- style: ink @bob/ink\n"
USE = {"territory": ["DE"], "fields": ["film"], "media": ["video"]}


def sent(who: Studio, data: bytes, path: str = "/recipes/import", **more: Any) -> Any:
    return who.send("POST", path, {"file": base64.b64encode(data).decode(), **more})


@pytest.fixture
def lock(market: Market, carol: Studio) -> RecipeLock:
    """A lock of Carol's whose world is paid by the image, from yesterday on."""
    now = timezone.now() - timedelta(days=1)
    studio = market.cast.studio
    by_image = granted(metered(market.world, terms="studio"), studio, now=now)
    at_once = granted(market.offer(release=market.derived), studio, now=now)
    del by_image, at_once
    made = carol.send("POST", "/recipes/locks", {"text": ASKED, "use": USE}, key="lock")
    assert made.status_code == 201, made.content
    return RecipeLock.objects.get(pk=made.json()["digest"])


def rendered(lock: RecipeLock) -> bytes:
    return outputs.rendered(read_lock(bytes(lock.document)))


def test_a_studio_sees_what_its_picture_owes_and_counts_it(
    market: Market, carol: Studio, dave: Studio, lock: RecipeLock
) -> None:
    data = rendered(lock)

    told = sent(carol, data).json()

    assert told["lock"] == f"http://testserver/api/v1/recipes/locks/{lock.digest}"
    assert (told["container"], told["recipe"], told["site"], told["is_elsewhere"]) == (
        "png",
        lock.digest,
        outputs.SITE,
        False,
    )
    assert (told["owed"], told["counted"]) == ([{"amount_minor": 5, "currency": "USD"}], None)
    packs = {one["pack"]: one for one in told["packs"]}
    world = packs["alice/yunhai"]
    assert {one["evidence"] for one in world["mentions"]} == {"release", "name"}
    assert [one["weight_ppm"] for one in world["mentions"]] == [None, 800_000]
    assert (world["verdict"], world["unit"], world["unit_minor"], world["so_far"]) == ("licensed", "image", 5, 0)
    assert (packs["bob/ink"]["verdict"], packs["bob/ink"]["unit_minor"]) == ("licensed", None)
    assert told["checked"]["licensed"] is True
    assert told["checked"]["text"].startswith("|sea: a pier @alice/yunhai:1.0.0*0.8\n")

    counted = sent(carol, data, "/usage/pictures").json()
    again = sent(carol, data, "/usage/pictures").json()
    assert (counted["is_new"], again["is_new"], again["use"]) == (True, False, counted["use"])
    assert (counted["use"]["source"], counted["use"]["counts"]) == ("upload", {"image": 1})
    assert sent(carol, data).json()["counted"] == counted["use"]
    assert sent(carol, data).json()["packs"][0]["so_far"] == 1
    assert UsageEvent.objects.count() == UsageBatch.objects.count() == 1

    for who in (dave, ANYBODY):
        other = sent(who, data).json()
        assert (other["lock"], other["counted"], other["owed"]) == (None, None, [])
        assert {one["pack"] for one in other["packs"]} == {"alice/yunhai", "bob/ink"}
        assert {one["grant"] for one in other["packs"]} == {None}
    refused = sent(dave, data, "/usage/pictures")
    assert (refused.status_code, refused.json()["code"]) == (422, "picture-not-counted")
    assert sent(ANYBODY, data, "/usage/pictures").status_code == 401


def test_the_use_that_is_asked_for_is_the_one_that_is_checked(market: Market, carol: Studio) -> None:
    data = json.dumps(outputs.prompt("x.safetensors")).encode()
    assert sent(carol, data).json()["checked"] is None
    entry = {"pack": "alice/yunhai@1.0.0", "release": market.world.digest}
    said = {"format": "worldloom/provenance/1", "recipe": "0" * 64, "site": "https://a.example", "packs": [entry]}
    whole = outputs.with_exif({"worldloom": said})

    hobby = sent(ANYBODY, whole, currency="USD").json()
    film = sent(ANYBODY, whole, use=USE | {"commercial": "full"}).json()

    assert (hobby["container"], hobby["is_elsewhere"]) == ("webp", True)
    assert [(one["verdict"], one["price_minor"], one["currency"]) for one in hobby["packs"]] == [("offered", 0, "USD")]
    assert [(one["verdict"], one["currency"]) for one in film["packs"]] == [("offered", "CNY")]


def test_refusals_say_what_is_wrong(market: Market, carol: Studio, lock: RecipeLock) -> None:
    workflow = json.dumps(outputs.prompt("x.safetensors")).encode()
    unlicensed = locked(market.cast.studio, market.cast.carol, metered(market.world, "second"))
    late = int((timezone.now() - timedelta(days=9)).timestamp())
    for answer, status, code in (
        (sent(carol, b"hello"), 422, "import-refused"),
        (carol.send("POST", "/recipes/import", {"file": "#"}), 422, "invalid-request"),
        (carol.send("POST", "/recipes/import", {}), 422, "invalid-request"),
        (sent(carol, b"", name="x"), 422, "invalid-request"),
        (carol.call("POST", "/recipes/import", b" " * (MOST_BYTES * 3 // 2)), 413, "too-large"),
        (sent(carol, workflow, "/usage/pictures"), 422, "picture-not-counted"),
        (sent(carol, outputs.png({"prompt": outputs.prompt()}), "/usage/pictures"), 422, "picture-not-counted"),
        (sent(carol, rendered(unlicensed), "/usage/pictures"), 422, "use-unlicensed"),
        (sent(carol, rendered(lock), "/usage/pictures", at=late), 422, "use-refused"),
        (sent(carol, rendered(lock)[:-9], "/usage/pictures"), 422, "import-refused"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.content
    assert UsageEvent.objects.count() == 0
