"""Carol reads her locks: what is fixed in them, whether they can be run, and what she takes away."""

import io
import json
import zipfile
from hashlib import sha256

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

import ledger.operations
from marketplace.checkout.charges import RecipeQuote
from marketplace.compositions.exports.forms import FORMS
from marketplace.compositions.models import RecipeLock
from marketplace.compositions.usage import accepting
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Download, Grant, GrantStatus
from tests.cast import person
from tests.compositions.stage import FILM, THREE, Stage
from tests.storefront.market import browser_of
from tests.storefront.test_recipe_quotes_page import ASKED, buy_address, page


@pytest.fixture
def carol(scene: Stage) -> Client:
    return browser_of(scene.cast.carol)


def licensed(scene: Stage) -> RecipeLock:
    """A lock of Carol's whose three packs she holds."""
    now = timezone.now()
    scene.buy(*(scene.offer(one, "studio") for one in (scene.sea_11, scene.night, scene.ink)), now=now)
    return scene.lock(now=timezone.now(), title="Lantern pier")


def test_a_lock_shows_layers_licenses_shares_exports_and_its_proof(scene: Stage, carol: Client) -> None:
    row = licensed(scene)
    ledger.operations.register_keys(now=timezone.now())
    ledger.operations.seal(now=timezone.now())

    found = page(carol, f"/recipes/locks/{row.digest}")

    assert "Lantern pier" in found
    assert "Every layer is licensed" in found
    assert found.index("clouds at dusk") < found.index("a crowd with lanterns") < found.index("ink wash")
    for pack in ("alice/sea@1.1.0", "bob/night@1.0.0", "mo/ink@1.0.0"):
        assert pack in found
    for grant in Grant.objects.all():
        assert f"/licenses/{grant.pk}" in found
    assert "$100.01 once" in found
    assert "From 0%, 50% to 100%, 100%" in found
    assert "Sealed into the public log as entry" in found
    assert f'data-value="{row.digest}"' in found
    for name, form in FORMS.items():
        assert form.label in found
        assert f"/recipes/locks/{row.digest}/exports/{name}" in found
    assert "Boxes become columns from left to right" in found
    assert "0 uses so far in" in found
    assert "Run it here" not in found


def test_what_is_taken_away_is_what_the_lock_says(scene: Stage, carol: Client) -> None:
    row = licensed(scene)

    document = carol.get(f"/recipes/locks/{row.digest}/lock.json")
    assert sha256(document.content).hexdigest() == row.digest
    for name in FORMS:
        sent = carol.get(f"/recipes/locks/{row.digest}/exports/{name}")
        assert sent.status_code == 200
        assert sent["Content-Disposition"].startswith(f'attachment; filename="worldloom-{row.digest[:12]}-')
        assert sent["Cache-Control"] == "private, no-store"
    assert json.loads(carol.get(f"/recipes/locks/{row.digest}/exports/comfyui-api").content)["prompt"]
    assert carol.get(f"/recipes/locks/{row.digest}/exports/nothing").status_code == 404
    assert not Download.objects.exists()

    assert carol.head(f"/recipes/locks/{row.digest}/kit").status_code == 200
    assert not Download.objects.exists()
    kit = carol.get(f"/recipes/locks/{row.digest}/kit")
    names = zipfile.ZipFile(io.BytesIO(b"".join(kit.streaming_content))).namelist()  # type: ignore[attr-defined]
    assert "recipe.lock.json" in names
    assert sum(name.startswith("licenses/") for name in names) == 3
    assert Download.objects.count() == 3


def test_a_lock_without_licenses_says_which_and_leads_to_a_quote(scene: Stage, carol: Client) -> None:
    row = scene.lock(now=timezone.now())

    found = page(carol, f"/recipes/locks/{row.digest}")

    assert "Cannot be run now" in found
    assert "“people”: bob/night@1.0.0" in found
    assert "Download the kit" not in found
    refused = carol.get(f"/recipes/locks/{row.digest}/kit")
    assert refused.status_code == 403
    assert "has no license for alice/sea@1.1.0 that holds now" in refused.content.decode()
    assert not Download.objects.exists()

    quote = carol.post(f"/recipes/locks/{row.digest}/quote")
    assert RecipeQuote.objects.count() == 1
    bought = carol.post(buy_address(quote["Location"]), {"card": "4242 4242 4242 4242"})
    new = bought["Location"].rpartition("lock=")[2]
    assert new != row.digest
    assert "Every layer is licensed" in page(carol, f"/recipes/locks/{new}")


def test_a_license_that_is_suspended_stops_the_lock(scene: Stage, carol: Client) -> None:
    row = licensed(scene)
    grant = Grant.objects.get(release=scene.ink)
    licensing.set_status(grant=grant, status=GrantStatus.SUSPENDED, reason="disputed", now=timezone.now())
    found = page(carol, f"/recipes/locks/{row.digest}")
    assert "The license does not hold now" in found
    assert "“style”: mo/ink@1.0.0" in found
    assert carol.get(f"/recipes/locks/{row.digest}/kit").status_code == 403


def test_the_compose_form_locks_once(scene: Stage, carol: Client) -> None:
    licensed(scene)
    before = RecipeLock.objects.count()
    sent = ASKED | {"text": THREE + "# other\n", "title": "Pier"}
    first, second = (carol.post("/recipes/locks/make", sent) for _again in range(2))
    assert first.status_code == 302, first.content.decode()
    assert first["Location"] == second["Location"]
    assert RecipeLock.objects.count() == before + 1

    refused = carol.post("/recipes/locks/make", ASKED | {"text": "|sky: clouds @nobody/nothing\n"})
    assert refused.status_code == 422
    assert "Not locked" in refused.content.decode()
    assert RecipeLock.objects.count() == before + 1
    assert browser_of(person("erin")).post("/recipes/locks/make", sent).status_code == 422


def test_locks_are_listed_and_nobody_else_sees_them(scene: Stage, carol: Client) -> None:
    row = licensed(scene)
    found = page(carol, "/recipes/locks")
    assert f"/recipes/locks/{row.digest}" in found
    assert "Lantern pier" in found
    for cursor in ("nonsense~", "%00~%00", "2026-11-29T08:00:00%2B00:00~%00", "~" + "f" * 64):
        assert row.digest in page(carol, f"/recipes/locks?cursor={cursor}")
    assert row.digest not in page(carol, f"/recipes/locks?cursor=2026-11-22T00:00:00%2B00:00~{'0' * 64}")
    dave = browser_of(scene.cast.dave)
    assert "No locks yet" in page(dave, "/recipes/locks")
    for path in ("", "/lock.json", "/kit", "/exports/comfyui"):
        assert dave.get(f"/recipes/locks/{row.digest}{path}").status_code == 404
    assert dave.post(f"/recipes/locks/{row.digest}/quote").status_code == 404
    assert "No locks yet" in page(browser_of(person("erin")), "/recipes/locks")
    assert Client().get(f"/recipes/locks/{row.digest}").status_code == 302


def test_uses_of_this_month_stand_on_the_lock_and_it_asks_few_questions(scene: Stage, carol: Client) -> None:
    metered = scene.offering(scene.night, "enterprise", 5, model="metered", unit="image")
    scene.buy(metered, *(scene.offer(one, "studio") for one in (scene.sea_11, scene.ink)), now=timezone.now())
    row = scene.lock(now=timezone.now(), prefer=[metered.pk], use=FILM)
    now = timezone.now()
    event = {"nonce": "6d1f0c8e-7d6b-4c5e-9f52-0b4f6f1a2b3c", "recipe": row.digest, "at": int(now.timestamp())}
    accepting.accept_own(
        studio=scene.cast.studio,
        events=[event | {"counts": {"image": 4}, "outputs": ["cd" * 32]}],
        source="upload",
        person=scene.cast.carol,
        now=now,
    )
    with CaptureQueriesContext(connection) as asked:
        found = page(carol, f"/recipes/locks/{row.digest}")
    assert "$0.05 for each image" in found
    assert "1 use so far in" in found
    assert '<dt>image</dt><dd class="num">4</dd>' in found
    assert len(asked) <= 25
