"""The kit of a lock: what Carol's render machines need, and nothing that she has no license for."""

import hashlib
import io
import json
import zipfile
from dataclasses import replace

import pytest

from assets.storage.base import BlobMissing
from marketplace.compositions.keeping import NotYourRecipe
from marketplace.compositions.kit import Kit, NotRunnable, kit_of, record
from marketplace.compositions.lockfile import read_lock
from marketplace.compositions.masks import add_mask
from marketplace.compositions.models import RecipeLock
from marketplace.compositions.queries import lock_in
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Download, Grant, GrantStatus
from tests import packs
from tests.cast import later
from tests.compositions.stage import THREE, Stage

SITE = "https://worldloom.example"


def bought(scene: Stage, text: str = THREE, **more: object) -> tuple[RecipeLock, list[Grant]]:
    """A lock of which Carol holds all licenses."""
    grants = scene.buy(*(scene.offer(release, "studio") for release in (scene.sea_11, scene.night, scene.ink)))
    return scene.lock(text, **more), grants


def kit(scene: Stage, row: RecipeLock, **more: object) -> Kit:
    return kit_of(row, **({"studio": scene.cast.studio, "site": SITE, "now": later(hours=3)} | more))  # type: ignore[arg-type]


def opened(found: Kit) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(b"".join(found.chunks())))


@pytest.mark.django_db
def test_a_kit_has_the_models_under_the_names_that_its_workflows_use(scene: Stage) -> None:
    mask = add_mask(data=packs.picture(), person=scene.cast.carol, now=later(hours=1))
    text = THREE.replace("[box 0,0.5,1,1]", "[mask crowd.png]")
    row, grants = bought(scene, text, masks={"crowd.png": mask.sha256})
    found = kit(scene, row)
    zipped = opened(found)
    names = zipped.namelist()
    prompt = json.loads(zipped.read("workflows/comfyui-api.json"))["prompt"]

    assert (found.file_name, zipped.testzip()) == (f"worldloom-{row.digest[:12]}-kit.zip", None)
    loras = {
        node["inputs"]["lora_name"]
        for node in prompt.values()
        if node["class_type"] in ("LoraLoader", "CreateHookLora")
    }
    assert {f"models/loras/{name}" for name in loras} == {name for name in names if name.startswith("models/")}
    files = {file.name: file for ref in lock_in(row).refs for file in ref.files}
    assert len(loras) == 3
    for name in loras:
        assert hashlib.sha256(zipped.read(f"models/loras/{name}")).hexdigest() == files[name].sha256
    (picture,) = (node["inputs"]["image"] for node in prompt.values() if node["class_type"] == "LoadImageMask")
    assert zipped.read(f"input/{picture}") == bytes(mask.png)
    assert read_lock(zipped.read("recipe.lock.json")).digest == row.digest
    assert hashlib.sha256(zipped.read("recipe.lock.json")).hexdigest() == row.digest
    assert zipped.read("recipe.txt").decode().startswith("|sky: clouds at dusk @alice/sea\n")
    assert {name for name in names if name.startswith("licenses/")} == {f"licenses/{grant.pk}.jws" for grant in grants}
    assert zipped.read(f"licenses/{grants[0].pk}.jws").decode() == grants[0].certificate
    assert sorted(name for name in names if name.startswith("workflows/")) == [
        "workflows/a1111.txt",
        "workflows/clip.otio",
        "workflows/comfyui-api.json",
        "workflows/comfyui-prompt.json",
        "workflows/comfyui.json",
        "workflows/diffusers.py",
    ]
    readme = zipped.read("README.txt").decode()
    assert f"sky: alice/sea@1.1.0, license {grants[0].pk}" in readme
    assert "workflows/a1111.txt (approximate)\n  A model of one layer changes the whole picture" in readme


@pytest.mark.django_db
def test_the_same_lock_is_the_same_kit_and_its_downloads_are_noted(scene: Stage) -> None:
    row, grants = bought(scene)
    first, again = kit(scene, row), kit(scene, row, now=later(days=1))

    assert b"".join(first.chunks()) == b"".join(again.chunks())
    assert first.digest == again.digest
    assert Download.objects.count() == 0
    record(first, by="carol", now=later(hours=3))
    assert {(one.grant_id, one.by, one.downloaded_at) for one in Download.objects.all()} == {
        (grant.pk, "carol", later(hours=3)) for grant in grants
    }


@pytest.mark.django_db
def test_without_a_license_that_holds_there_is_no_kit(scene: Stage) -> None:
    row, grants = bought(scene)
    open_row = scene.lock(THREE.replace("@alice/sea", "@alice/sea:1.0.0"))

    with pytest.raises(
        NotRunnable, match="The layer “sky” has no license for alice/sea@1.0.0 that holds now"
    ) as refused:
        kit(scene, open_row)
    assert refused.value.missing == (("sky", "alice/sea@1.0.0"),)
    with pytest.raises(NotYourRecipe):
        kit(scene, row, studio=scene.cast.daves_studio)
    licensing.set_status(grant=grants[1], status=GrantStatus.SUSPENDED, reason="dispute", now=later(hours=4))
    with pytest.raises(NotRunnable, match="The layer “people” has no license for bob/night@1.0.0"):
        kit(scene, row, now=later(hours=5))
    assert Download.objects.count() == 0
    # What offers do later does not matter: the lock and its licenses are enough.
    licensing.set_status(grant=grants[1], status=GrantStatus.ACTIVE, reason="won", now=later(hours=6))
    for release in (scene.sea_11, scene.night, scene.ink):
        scene.withdraw(release)
    assert opened(kit(scene, row, now=later(hours=7))).testzip() is None


@pytest.mark.django_db
def test_what_cannot_be_sent_fails_before_the_first_byte(scene: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    row, _grants = bought(scene)
    lock = lock_in(row)
    gone = replace(lock.refs[0].files[0], sha256="0" * 64)
    sky = replace(lock.layers[0], refs=(replace(lock.layers[0].refs[0], files=(gone,)),))
    monkeypatch.setattr(
        "marketplace.compositions.kit.lock_in", lambda row: replace(lock, layers=(sky, *lock.layers[1:]))
    )
    with pytest.raises(BlobMissing):
        kit(scene, row)
