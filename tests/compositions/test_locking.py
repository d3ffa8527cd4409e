"""Carol fixes a recipe: what it says stays the same for years, whatever happens to the shelves."""

import json
from dataclasses import replace
from typing import Any

import pytest
import rfc8785

from ledger.models import Entry
from marketplace.compositions import queries
from marketplace.compositions.lockfile import Lock, UnreadableLock, read_lock
from marketplace.compositions.models import LockedPack, RecipeLock
from marketplace.compositions.notation.document import from_document
from marketplace.compositions.notation.findings import UnreadableRecipe
from marketplace.compositions.notation.writing import write
from marketplace.compositions.operations import NotYourRecipe, UnableToLock, add_mask, keep
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import GrantStatus
from marketplace.licensing.terms.using import use_from
from tests.cast import later
from tests.compositions.stage import FILM, Stage
from tests.packs import picture

TEXT = """%seed=7
%size=768x512
%var.who=fishermen
%words.light=dusk|dawn
|sky: clouds at __light__, {high|low} @alice/sea/ink:1.0.0*0.8
|people: ${who} with lanterns @bob/night [box 0,0.5,1,1] {strength=1.2}
|haze: fog [mask fog.png] @alice/sea/ink:1.0.0
|ours: a pier
- style: ink wash @mo/ink
! rain
"""


def test_a_lock_is_the_same_lock_until_something_is_bought(scene: Stage) -> None:
    mask = add_mask(data=picture("#000000"), person=scene.cast.carol, now=later(hours=1))
    recipe = keep(person=scene.cast.carol, title="Pier", text=TEXT, studio=scene.cast.studio, now=later(hours=1))
    masks = {"fog.png": mask.sha256}
    row = scene.lock(TEXT, recipe_row=recipe, masks=masks)
    found = queries.lock_in(row)
    assert (row.title, row.studio, row.recipe, found.digest) == ("Pier", scene.cast.studio, recipe, row.digest)
    _is_all_fixed(found, scene, mask.area_ppm)
    assert sorted(LockedPack.objects.values_list("layer", "grant", "offer__terms__name")) == [
        ("haze", None, "studio"),
        ("people", None, "studio"),
        ("sky", None, "studio"),
        ("style", None, "studio"),
    ]
    # The same again, by whoever of the studio and whenever, is the same lock, stated once.
    assert scene.lock(TEXT, masks=masks, now=later(days=3)) == row
    assert [entry.subject for entry in Entry.objects.filter(type="recipe")] == [f"recipe:{row.digest}"]
    # It can be opened again as the recipe that it was.
    assert scene.lock(write(from_document(found.recipe)), masks=masks) == row
    assert use_from(found.use) == FILM
    # Nothing is licensed yet; what is bought makes another lock, which can be run.
    assert queries.unlicensed(found, now=later(hours=2)) == [
        ("sky", "alice/sea@1.0.0"),
        ("people", "bob/night@1.0.0"),
        ("haze", "alice/sea@1.0.0"),
        ("style", "mo/ink@1.0.0"),
    ]
    grants = scene.buy(*(scene.offer(one, "studio") for one in (scene.sea, scene.night, scene.ink)))
    licensed = scene.lock(TEXT, masks=masks, now=later(hours=3))
    assert licensed.digest != row.digest
    held = queries.lock_in(licensed)
    assert {ref.grant for ref in held.refs} == {str(grant.pk) for grant in grants}
    assert [ref.price_minor for ref in held.refs] == [10_001] * 4
    assert queries.is_runnable(held, now=later(hours=3))
    # Years later the offers are gone: the lock and its files are as they were, until a license is taken back.
    for release in (scene.sea, scene.night, scene.ink):
        scene.withdraw(release)
    assert queries.is_runnable(held, now=later(days=2_000))
    assert scene.lock(TEXT, masks=masks, now=later(days=2_000)) == licensed
    by_release = {grant.release_id: grant for grant in grants}
    licensing.set_status(
        grant=by_release[scene.night.pk], status=GrantStatus.SUSPENDED, reason="disputed", now=later(days=2_001)
    )
    assert queries.unlicensed(held, now=later(days=2_002)) == [("people", "bob/night@1.0.0")]
    assert queries.lock_of(row.digest, studio=scene.cast.daves_studio) is None
    listed, after = queries.locks_of(scene.cast.studio, size=1)
    rest, last = queries.locks_of(scene.cast.studio, size=1, after=after or "")
    assert ([listed[0].digest, rest[0].digest], last) == ([licensed.digest, row.digest], None)


def _is_all_fixed(found: Lock, scene: Stage, mask_area_ppm: int) -> None:
    sky, people, haze, ours = found.layers
    assert (found.width, found.height, found.seed, found.negative, found.base_model) == (768, 512, 7, "rain", "sd15")
    assert sky.prompt in [f"clouds at {light}, {height}" for light in ("dusk", "dawn") for height in ("high", "low")]
    assert people.prompt == "fishermen with lanterns"
    assert (people.region, people.box_ppm, people.area_ppm) == ("box", (0, 500_000, 1_000_000, 1_000_000), 500_000)
    assert people.options == (("strength", 1_200_000),)
    assert (haze.mask, haze.area_ppm) == ("fog.png", mask_area_ppm)
    assert (ours.prompt, ours.refs) == ("a pier", ())
    # 0.8 of the whole, half, the mask, and the style in full.
    weights = [800_000, 500_000, mask_area_ppm, 1_000_000]
    assert [ref.share_ppb for ref in found.refs] == [
        pytest.approx(weight * 1_000_000_000 / sum(weights), abs=1) for weight in weights
    ]
    assert sum(ref.share_ppb for ref in found.refs) == 1_000_000_000
    (ref,) = sky.refs
    assert (ref.pack, ref.version, ref.release, ref.element) == ("alice/sea", "1.0.0", scene.sea.digest, "ink")
    assert (ref.weight_ppm, ref.triggers, ref.price_minor, ref.currency, ref.model) == (
        *(800_000, ("inkwash",)),
        *(10_001, "USD", "one-off"),
    )
    (file,) = ref.files
    asset = scene.sea.assets.get(path="style.safetensors").asset
    assert (file.sha256, file.tensor_root, file.network) == (asset.blob_id, asset.facts["tensor_root"], "lora")
    assert file.name == f"alice__sea__1.0.0__style-{asset.blob_id[:12]}.safetensors"
    assert [file.path for file in people.refs[0].files] == ["style.safetensors"]


def test_what_cannot_be_locked_leaves_nothing(scene: Stage) -> None:
    carol, dave, studio = scene.cast.carol, scene.cast.dave, scene.cast.studio
    daves = licensing.open_project(studio=scene.cast.daves_studio, by=dave, name="D", now=later(hours=1))
    hers = keep(person=carol, title="Hers", text=TEXT, now=later(hours=1))
    entries = Entry.objects.count()
    refused: list[tuple[type[Exception], str, dict[str, Any]]] = [
        (UnableToLock, "line 1, column 7: There is no pack", {"text": "|a: x @alice/see"}),
        (UnableToLock, "line 1, column 5: a says “", {"text": "|a: @alice/sea", "use": replace(FILM, exclusive=True)}),
        (UnableToLock, "no mask with the SHA-256", {"text": "|a: x [mask m.png]", "masks": {"m.png": "0" * 64}}),
        (UnableToLock, "of another studio", {"text": "|a: x", "project": daves}),
        (UnreadableRecipe, "at-no-ref|follows @", {"text": "|a: x @"}),
        (NotYourRecipe, "has no seat in Lantern Films", {"text": "|a: x", "person": dave}),
        (NotYourRecipe, "of others", {"text": "|a: x", "person": dave, "studio": daves.studio, "recipe_row": hers}),
    ]
    for error, why, asked in refused:
        with pytest.raises(error, match=why) as raised:
            scene.lock(**asked)
        if isinstance(raised.value, UnableToLock) and "another studio" not in why:
            assert raised.value.findings
    assert (RecipeLock.objects.count(), LockedPack.objects.count(), Entry.objects.count()) == (0, 0, entries)
    # A recipe of one's own words needs no license and can be locked.
    own = scene.lock("|a: x", studio=studio)
    assert queries.is_runnable(queries.lock_in(own), now=later(hours=2))


def test_only_what_a_lock_wrote_is_read_as_one(scene: Stage) -> None:
    row = scene.lock("|sky: x @alice/sea\n- style @mo/ink", title="t")
    data = bytes(row.document)
    assert read_lock(data).document() == data
    whole = json.loads(data)

    def changed(change: Any) -> bytes:
        copy = json.loads(data)
        change(copy)
        return rfc8785.dumps(copy)

    ref: Any = lambda lock: lock["layers"][0]["refs"][0]  # noqa: E731
    bad = {
        "/format": changed(lambda lock: lock.update(format="worldloom/recipe-lock/2")),
        "/more": changed(lambda lock: lock.update(more=1)),
        "/seed": changed(lambda lock: lock.pop("seed")),
        "/width": changed(lambda lock: lock.update(width="1024")),
        "/layers/0/refs/0/release": changed(lambda lock: ref(lock).update(release="X" * 64)),
        "/layers/0/box_ppm": changed(lambda lock: lock["layers"][0].update(box_ppm=[1, 2])),
        "/layers": changed(lambda lock: ref(lock).update(share_ppb=1)),
        "/layers/0/refs/0/files/0/size_bytes": changed(lambda lock: ref(lock)["files"][0].update(size_bytes=True)),
    }
    for where, document in bad.items():
        with pytest.raises(UnreadableLock) as raised:
            read_lock(document)
        assert raised.value.where == where
    outside = changed(lambda lock: ref(lock)["files"][0].update(name="../" + ref(lock)["files"][0]["name"]))
    for document in (data + b"\n", json.dumps(whole).encode(), b"[]", b"{", b"[" * 100_000, b"\xff", outside):
        with pytest.raises(UnreadableLock):
            read_lock(document)
