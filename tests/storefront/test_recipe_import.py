"""A picture of another tool on its page: which packs it names, what is owed, and counted once."""

from typing import Any

import pytest
from django.core import signing
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from ledger.models import Entry
from marketplace.compositions.lockfile import Lock, read_lock
from marketplace.compositions.models import RecipeLock
from marketplace.compositions.uses import UsageBatch, UsageEvent
from tests.compositions.importing import outputs
from tests.compositions.importing.test_importing import HASH, METERED, flat
from tests.compositions.stage import Stage
from tests.storefront.market import browser_of


@pytest.fixture
def metered(scene: Stage) -> RecipeLock:
    by_image = scene.offering(scene.sea_11, "enterprise", 5, model="metered", unit="image")
    scene.buy(by_image, scene.offer(scene.night, "studio"), scene.offer(scene.ink, "studio"))
    return scene.lock(METERED)


def lock_in(row: RecipeLock) -> Lock:
    return read_lock(bytes(row.document))


def dropped(client: Client, data: bytes, name: str = "take 1.png", **more: Any) -> Any:
    return client.post("/recipes/import", {"file": SimpleUploadedFile(name, data), **more})


def test_carol_sees_what_her_picture_owes_and_counts_it_once(scene: Stage, metered: RecipeLock) -> None:
    carol = browser_of(scene.cast.carol)
    data = outputs.rendered(lock_in(metered), site="http://127.0.0.1:8000")

    page = dropped(carol, data)

    assert page.status_code == 200
    said = page.content.decode()
    for words in ("It names 3 packs of this site.", "It names your lock", "$0.05", "Count this picture", "take 1.png"):
        assert words in said
    assert "$0.05 for this picture (1 image); 0 counted so far" in said
    assert said.count("Nothing more is owed for this picture.") == 2
    assert "another site" not in said
    assert "All is licensed." in said
    told = page.context["told"]
    counted = carol.post("/recipes/import/count", {"told": told}, follow=True)
    assert "The picture is counted." in counted.content.decode()
    use = UsageEvent.objects.get()
    assert (use.counts, use.lock, use.batch.source, use.batch.said_by) == (
        {"image": 1},
        metered,
        UsageBatch.UPLOAD,
        scene.cast.carol,
    )
    again = carol.post("/recipes/import/count", {"told": told}, follow=True)
    assert "Counted already" in again.content.decode()
    shown = dropped(carol, data)
    assert "It is not counted again." in shown.content.decode()
    assert "told" not in shown.context
    assert UsageEvent.objects.count() == Entry.objects.filter(type="usage").count() == 1


def test_strangers_see_packs_and_offers_but_no_lock(scene: Stage, metered: RecipeLock) -> None:
    data = outputs.rendered(lock_in(metered), site="https://elsewhere.example")
    for who in (None, scene.cast.dave):
        page = dropped(browser_of(who), data)
        said = page.content.decode()
        assert "It names 3 packs of this site." in said
        assert "https://elsewhere.example, which is another site" in said
        assert "It names your lock" not in said
        assert "told" not in page.context
        assert "Open in compose" in said
    told = browser_of(scene.cast.carol)
    signed = dropped(told, data).context["told"]
    dave = browser_of(scene.cast.dave).post("/recipes/import/count", {"told": signed})
    assert (dave.status_code, "no lock of your studios" in dave.content.decode()) == (422, True)
    nobody = browser_of(None).post("/recipes/import/count", {"told": signed})
    assert (nobody.status_code, nobody.headers["Location"]) == (302, "/sign-in?next=/recipes/import/count")
    forged = signing.dumps({"studio": str(scene.cast.studio.pk)}, salt="other")
    for wrong in (forged, "", "x" * 99):
        page = told.post("/recipes/import/count", {"told": wrong})
        assert (page.status_code, "Choose the picture again" in page.content.decode()) == (422, True)
    assert UsageEvent.objects.count() == 0


def test_a_license_that_ended_is_said_when_it_is_counted(scene: Stage, metered: RecipeLock) -> None:
    lock = scene.lock("|sea: clouds @alice/sea:1.0.0")
    carol = browser_of(scene.cast.carol)
    page = dropped(carol, outputs.rendered(lock_in(lock)))

    refused = carol.post("/recipes/import/count", {"told": page.context["told"]})

    assert refused.status_code == 422
    assert "its lock has no license for the layer “sea”" in refused.content.decode()
    assert UsageEvent.objects.count() == 0


def test_foreign_files_are_said_with_guesses_unknowns_and_contradictions(scene: Stage) -> None:
    text = (
        f"a pier <lora:{flat(scene.sea)[:-12]}:0.7> <lora:style:1> <lora:unheard&of:1> "
        f"<lora:mo__ink__1.0.0__style-000000000000:1>\n{HASH}"
    )
    page = dropped(browser_of(scene.cast.carol), text.encode(), "parameters.txt")
    said = page.content.decode()

    assert page.status_code == 200
    for words in (
        "It names 1 pack of this site.",
        "It contradicts itself",
        "mo__ink__1.0.0__style-000000000000 calls itself a file of mo/ink@1.0.0",
        "Perhaps",
        "Not known here",
        "unheard&amp;of",
        "@alice/sea:1.0.0*0.7",
    ):
        assert words in said
    nothing = dropped(browser_of(None), outputs.png({"prompt": outputs.prompt("b.safetensors")}))
    for words in ("It names no pack of this site.", "No pack was found", "b.safetensors"):
        assert words in nothing.content.decode()


def test_what_cannot_be_read_is_one_sentence_and_keeps_the_page(scene: Stage) -> None:
    carol = browser_of(scene.cast.carol)
    assert "Drop a file here" in carol.get("/recipes/import").content.decode()
    for data, words in (
        (b"<script>", "no picture, no workflow"),
        (outputs.png(), "does not say how it was made"),
        (b"\0\0\0\x20ftypisom", "MP4 files are not read"),
        (outputs.rendered(lock_in(scene.lock()))[:-20], "is damaged at byte"),
    ):
        page = dropped(carol, data, "<b>.png")
        assert page.status_code == 422
        assert words in page.content.decode()
        assert "&lt;b&gt;.png" in page.content.decode()
    none = carol.post("/recipes/import", {})
    assert (none.status_code, "Choose a file first" in none.content.decode()) == (422, True)
    wrong = dropped(carol, outputs.rendered(lock_in(scene.lock())), commercial="much", fields_of_use="film")
    assert wrong.status_code == 422


def test_it_opens_in_compose_and_speaks_chinese(
    scene: Stage, metered: RecipeLock, django_assert_max_num_queries: Any
) -> None:
    carol = browser_of(scene.cast.carol)
    data = outputs.rendered(lock_in(metered))
    with django_assert_max_num_queries(25):
        page = dropped(carol, data)
    fields = [*page.context["fields"], ("text", page.context["text"])]
    composed = carol.post("/compose", dict(fields) | {"media": "video"})
    assert composed.status_code == 200
    assert "@alice/sea:1.1.0*0.8" in composed.content.decode()
    chinese = carol.post(
        "/recipes/import", {"file": SimpleUploadedFile("a.png", data)}, headers={"accept-language": "zh-Hans"}
    )
    assert chinese.status_code == 200
