"""Which registered packs made this: matched by the best evidence, checked as a recipe, and counted once."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ledger.models import Entry
from marketplace.catalog.models import Release, ReleaseAsset
from marketplace.catalog.naming import flat_name
from marketplace.compositions.importing.counting import count_picture, counted_as, nonce_of
from marketplace.compositions.importing.queries import PERSONAL, Imported, look
from marketplace.compositions.importing.refusals import UnableToCountPicture, UnableToImport
from marketplace.compositions.lockfile import Lock, read_lock
from marketplace.compositions.models import RecipeLock
from marketplace.compositions.notation.reading import read
from marketplace.compositions.usage.refusals import UnableToCount, UnlicensedUse
from marketplace.compositions.uses import UsageBatch, UsageEvent
from marketplace.licensing import operations as licensing
from tests.cast import later
from tests.compositions.importing import outputs
from tests.compositions.stage import FILM, Stage
from tests.compositions.usage.rendering import farm_of

HASH = "Steps: 20, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 512x512"
METERED = (
    "|sea: clouds at dusk @alice/sea:1.1.0*0.8\n|pets: cats @bob/night [box 0,0.5,1,1]\n- style: ink @mo/ink\n! low"
)


def file_of(release: Release) -> ReleaseAsset:
    return release.assets.get(path="style.safetensors")


def flat(release: Release) -> str:
    row = file_of(release)
    return flat_name(
        creator=release.pack.creator.handle,
        pack=release.pack.handle,
        version=release.version,
        path=row.path,
        sha256=row.asset.blob_id,
    )


def seen(data: bytes, scene: Stage | None = None, **more: Any) -> Imported:
    """What Carol sees; or nobody, without a stage."""
    mine: dict[str, Any] = {}
    if scene is not None:
        mine = {"studios": [scene.cast.studio], "studio": scene.cast.studio}
    return look(data, **({"site": outputs.SITE, "now": later(hours=3)} | mine | more))


def evidence(found: Imported) -> list[tuple[str, str, str]]:
    return [(str(one.release), one.evidence, one.element) for one in found.matched.found]


@pytest.fixture
def metered(scene: Stage) -> RecipeLock:
    """Carol's lock of three packs: the sea costs five cents an image, the night is bought, the ink is free to use."""
    by_image = scene.offering(scene.sea_11, "enterprise", 5, model="metered", unit="image")
    scene.buy(by_image, scene.offer(scene.night, "studio"), scene.offer(scene.ink, "studio"))
    return scene.lock(METERED)


def lock_in(row: RecipeLock) -> Lock:
    return read_lock(bytes(row.document))


def test_a_picture_of_our_own_lock_is_known_with_what_it_owes(scene: Stage, metered: RecipeLock) -> None:
    found = seen(outputs.rendered(lock_in(metered)), scene)

    assert (found.lock, found.is_elsewhere, found.claims.recipe) == (metered, False, metered.digest)
    assert found.matched.contradictions == found.matched.unknown[1:] == ()
    assert {str(one) for one in found.matched.releases} == {"alice/sea@1.1.0", "bob/night@1.0.0", "mo/ink@1.0.0"}
    assert found.text == (
        "|sea: clouds at dusk @alice/sea:1.1.0*0.8\n"
        "|pets: cats @bob/night:1.0.0 [box 0,0.5,1,1]\n"
        "- style: ink @mo/ink:1.0.0\n! low\n"
    )
    assert found.checked is not None
    assert found.checked.licensed
    told = {str(one.release): (one.verdict, one.unit, one.unit_minor, one.so_far) for one in found.owed}
    assert told == {
        "alice/sea@1.1.0": ("licensed", "image", 5, 0),
        "bob/night@1.0.0": ("licensed", "", None, 0),
        "mo/ink@1.0.0": ("licensed", "", None, 0),
    }
    assert found.totals == [("USD", 5)]
    assert found.counted is None


def test_the_lock_of_others_is_not_told_but_its_packs_are(scene: Stage, metered: RecipeLock) -> None:
    data = outputs.rendered(lock_in(metered))

    dave = seen(data, studios=[scene.cast.daves_studio], studio=scene.cast.daves_studio)
    nobody = seen(data)
    abroad = seen(data, scene, site="https://other.example")

    for found in (dave, nobody):
        assert (found.lock, found.counted) == (None, None)
        assert {str(one) for one in found.matched.releases} == {"alice/sea@1.1.0", "bob/night@1.0.0", "mo/ink@1.0.0"}
        assert found.recipe is not None
        assert [layer.label for layer in found.recipe.layers] == ["pets", "sea"] or found.recipe.layers
        assert {one.verdict for one in found.owed} <= {"offered", "refused"}
    assert dave.checked is not None
    assert dave.checked.studio == scene.cast.daves_studio
    assert dave.totals == []
    assert (abroad.is_elsewhere, abroad.lock) == (False, metered)
    assert seen(data, site="https://other.example").is_elsewhere


def test_models_are_matched_by_flat_name_digits_or_not_at_all(scene: Stage) -> None:
    sha = file_of(scene.night).asset.blob_id
    text = (
        f"a pier <lora:{flat(scene.sea)[:-12]}:0.7> <lora:market:0.5> <lora:style:1> <lora:unheard-of:1> "
        f"<lora:mo__ink__1.0.0__style-000000000000:1> <lora:nobody__x__1.0.0__y-000000000000:1>\n{HASH}, "
        f'Model hash: {file_of(scene.ink).asset.blob_id[:10]}, Model: my-base, Lora hashes: "market: {sha[:12]}"'
    )

    found = seen(outputs.png(parameters=text), scene)

    assert evidence(found) == [
        ("alice/sea@1.0.0", "name", ""),
        ("bob/night@1.0.0", "digits", ""),
        ("mo/ink@1.0.0", "digits", ""),
    ]
    assert [(one.layer, one.weight_ppm) for one in found.matched.found] == [(0, 700_000), (0, 500_000), (-1, None)]
    (guess,) = found.matched.guesses
    assert (guess.name, {str(one.pack) for one in guess.releases}) == (
        "style",
        {"alice/sea", "bob/night", "mo/ink"},
    )
    assert list(found.matched.unknown) == ["nobody__x__1.0.0__y-000000000000", "unheard-of"]
    assert [str(one) for one in found.matched.contradictions] == [
        "mo__ink__1.0.0__style-000000000000 calls itself a file of mo/ink@1.0.0, but no file of that release has these "
        "digits."
    ]
    assert found.text == (
        "%cfg=7\n%sampler=euler\n%seed=1\n%size=512x512\n%steps=20\n"
        "|layer1: a pier @alice/sea:1.0.0*0.7 @bob/night:1.0.0*0.5 @mo/ink:1.0.0\n"
    )


def test_files_in_comfyui_are_found_in_folders_and_their_elements_named(scene: Stage) -> None:
    nodes = outputs.prompt(f"loras\\{flat(scene.sea_11)}", f"x/{flat(scene.ink)}", "some-other.safetensors")
    found = seen(outputs.with_exif({"prompt": nodes}), scene)

    assert evidence(found) == [("alice/sea@1.1.0", "name", ""), ("mo/ink@1.0.0", "name", "")]
    assert list(found.matched.unknown) == ["base.safetensors", "some-other.safetensors"]
    assert found.text.splitlines()[-2:] == [
        "|layer1: a pier @alice/sea:1.1.0*0.8 @mo/ink:1.0.0*0.8",
        "! lowres",
    ]
    assert found.checked is not None
    assert found.checked.use == replace(PERSONAL, starts=found.checked.use.starts, ends=found.checked.use.ends)
    assert [(str(one.release), one.verdict, one.price_minor) for one in found.owed] == [
        ("alice/sea@1.1.0", "offered", 0),
        ("mo/ink@1.0.0", "offered", 0),
    ]


def test_the_same_bytes_in_several_packs_are_unclear_and_in_versions_the_newest(scene: Stage) -> None:
    scene.publish(scene.cast.bob, "copy", seed=77)
    newer = scene.publish(scene.cast.bob, "copy", version="1.2.0", seed=77)
    digits = file_of(newer).asset.blob_id[:10]
    text = f"a pier\n{HASH}, Hashes: " + json.dumps({"lora:copy": digits})

    assert evidence(seen(outputs.png(parameters=text), scene)) == [("bob/copy@1.2.0", "digits", "")]

    scene.publish(scene.cast.bob, "other", seed=77)
    found = seen(outputs.png(parameters=text), scene)
    (unclear,) = found.matched.unclear
    assert (found.matched.found, found.recipe, found.owed) == ((), None, ())
    assert (unclear.name, {str(one.pack) for one in unclear.releases}) == ("copy", {"bob/copy", "bob/other"})


def test_an_entry_that_was_changed_is_said_as_a_contradiction(scene: Stage, metered: RecipeLock) -> None:
    entries = outputs.entries_of(lock_in(metered))
    entry = entries["worldloom"]
    sea = entry["packs"][0]
    forged = entry | {
        "recipe": "0" * 64,
        "packs": [
            {"pack": "bob/night@1.0.0", "release": sea["release"]},
            {"pack": "mo/ink@1.0.0", "release": "1" * 64},
            {"pack": "who/knows@2.0.0", "release": "2" * 64},
        ],
    }

    found = seen(outputs.png({**entries, "worldloom": forged}), scene)

    assert [str(one) for one in found.matched.contradictions] == [
        "The picture says that bob/night@1.0.0 painted it, under the digest of alice/sea@1.1.0.",
        "The picture says that mo/ink@1.0.0 painted it, under a digest that this release does not have.",
        "The workflow loads mo/ink@1.0.0, of which the entry “worldloom” says nothing.",
        "The workflow loads bob/night@1.0.0, of which the entry “worldloom” says nothing.",
    ]
    assert "who/knows@2.0.0" in found.matched.unknown
    own = entry | {"packs": [*entry["packs"], {"pack": "alice/sea@1.0.0", "release": scene.sea.digest}]}
    told = seen(outputs.png({**entries, "worldloom": own}), scene)
    assert (told.lock, [str(one) for one in told.matched.contradictions]) == (
        metered,
        ["It names alice/sea@1.0.0, which is not in the lock that it names."],
    )
    assert found.lock is None
    alone = seen(outputs.png({"worldloom": entry | {"recipe": "0" * 64}}), scene)
    assert evidence(alone) == [
        ("alice/sea@1.1.0", "release", ""),
        ("bob/night@1.0.0", "release", ""),
        ("mo/ink@1.0.0", "release", ""),
    ]
    assert alone.text == "|layer1: @alice/sea:1.1.0 @bob/night:1.0.0 @mo/ink:1.0.0\n"


def test_hostile_words_and_many_models_still_make_a_recipe(scene: Stage) -> None:
    words = "@who {a|b} [box] \\ __x__ ${y} 100% | l: x\n- style\u202e \x00 " + "long " * 2_000
    nodes = outputs.prompt(*[flat(scene.sea), flat(scene.night), flat(scene.ink)] * 4, text=words, negative=words)
    nodes["2"]["_meta"] = {"title": "style: x"}
    nodes["4"]["inputs"] |= {"seed": 2**64 - 1, "sampler_name": "res_multistep", "steps": -1}

    found = seen(outputs.png({"prompt": nodes}), scene)

    assert found.recipe is not None
    assert read(found.text) == found.recipe
    assert found.recipe.layers[0].label == "layer1"
    assert [len(layer.refs) for layer in found.recipe.layers] == [3]
    assert found.recipe.settings == (("cfg", "5.5"), ("scheduler", "normal"), ("size", "832x1216"))


def test_a_license_that_does_not_hold_is_said_beside_what_would(scene: Stage) -> None:
    (ink,) = scene.buy(scene.offer(scene.ink, "enterprise"))
    data = outputs.png({"prompt": outputs.prompt(flat(scene.ink), flat(scene.sea))})

    (held, sea) = seen(data, scene).owed
    licensing.set_status(grant=ink, status="suspended", reason="disputed", now=later(hours=2))
    (suspended, _sea) = seen(data, scene).owed
    nobody = seen(data).owed

    assert [(one.verdict, one.other) for one in (held, sea)] == [("licensed", None), ("offered", None)]
    assert (suspended.verdict, suspended.other, suspended.price_minor) == ("offered", ink, 0)
    assert suspended.other.state == "suspended"  # type: ignore[union-attr]
    assert {one.other for one in nobody} == {None}


def test_weights_of_zero_paint_nothing_and_others_are_bounded(scene: Stage) -> None:
    nodes = outputs.prompt(flat(scene.sea), flat(scene.ink))
    nodes["10"]["inputs"]["strength_model"], nodes["11"]["inputs"]["strength_model"] = 0, -9.5

    found = seen(outputs.png({"prompt": nodes}), scene)

    assert [(str(one.release), one.is_silent) for one in found.matched.found] == [
        ("alice/sea@1.0.0", True),
        ("mo/ink@1.0.0", False),
    ]
    assert "|layer1: a pier @mo/ink:1.0.0*-4\n" in found.text
    assert [str(one.release) for one in found.owed] == ["mo/ink@1.0.0"]


def test_a_picture_counts_once_whoever_chooses_it(scene: Stage, metered: RecipeLock) -> None:
    cast, data = scene.cast, outputs.rendered(lock_in(metered))
    picture = seen(data, scene).claims.sha256
    asked = {"studio": cast.studio, "lock": metered.digest, "picture": picture}

    first = count_picture(person=cast.carol, now=later(hours=4), **asked)
    again = count_picture(person=cast.carol, now=later(days=40), **asked)

    assert (first.is_new, again.is_new, again.use) == (True, False, first.use)
    use, batch = UsageEvent.objects.get(), UsageBatch.objects.get()
    assert (use.counts, bytes(use.outputs).hex(), use.happened_at) == ({"image": 1}, picture, later(hours=4))
    assert (use.nonce, batch.source, batch.said_by) == (nonce_of(cast.studio, picture), "upload", cast.carol)
    assert Entry.objects.filter(type="usage").count() == 1
    shown = seen(data, scene, now=later(hours=5))
    assert shown.counted == first.use
    assert {str(one.release): one.so_far for one in shown.owed}["alice/sea@1.1.0"] == 1
    assert seen(data + b"behind the end", scene, now=later(hours=5)).counted is None


def test_what_a_renderer_signed_before_is_not_counted_again(scene: Stage, metered: RecipeLock) -> None:
    cast, data = scene.cast, outputs.rendered(lock_in(metered))
    picture, other = seen(data, scene).claims.sha256, "ab" * 32
    farm = farm_of(cast.studio, cast.carol)
    farm.send(farm.event(metered, later(hours=3), outputs=[other, picture]), now=later(hours=3))

    told = count_picture(
        studio=cast.studio, person=cast.carol, lock=metered.digest, picture=picture, now=later(days=33)
    )

    assert (told.is_new, told.use.batch.source) == (False, "api")
    assert seen(data, scene, now=later(hours=4)).counted == told.use
    assert UsageEvent.objects.count() == 1
    across = (other + picture)[32:96]
    assert counted_as(metered, across, now=later(hours=4)) is None
    assert counted_as(metered, other, now=later(hours=4)) == told.use


def test_what_may_not_be_counted_is_refused_and_nothing_is_written(scene: Stage, metered: RecipeLock) -> None:
    cast = scene.cast
    asked = {"studio": cast.studio, "person": cast.carol, "lock": metered.digest, "picture": "cd" * 32}
    unlicensed = scene.lock("|sea: clouds @alice/sea:1.0.0")
    for more, kind, said in (
        ({"person": cast.dave}, UnableToCountPicture, "Dave has no seat in Lantern Films"),
        ({"lock": "0" * 64}, UnableToCountPicture, "names no lock of Lantern Films"),
        ({"studio": cast.daves_studio, "person": cast.dave}, UnableToCountPicture, "names no lock of Quill"),
        ({"at": later(hours=4) - timedelta(days=8)}, UnableToCount, "more than 7 days ago"),
        ({"at": later(hours=5)}, UnableToCount, "yet to come"),
        ({"at": later(minutes=30)}, UnlicensedUse, "had not begun"),
        ({"lock": unlicensed.digest}, UnlicensedUse, "its lock has no license for the layer “sea”"),
    ):
        with pytest.raises(kind) as refused:
            count_picture(**({**asked, "now": later(hours=4)} | more))
        assert said in str(refused.value)
    assert UsageEvent.objects.count() == UsageBatch.objects.count() == 0
    assert not Entry.objects.filter(type="usage").exists()


def test_looking_writes_nothing_and_asks_a_bounded_number_of_questions(
    scene: Stage, metered: RecipeLock, django_assert_max_num_queries: Any
) -> None:
    data = outputs.rendered(lock_in(metered))
    with django_assert_max_num_queries(24):
        seen(data, scene, use=FILM)
    with pytest.raises(UnableToImport):
        seen(outputs.png(), scene)
    assert UsageEvent.objects.count() == 0


def test_real_recipes_rendered_by_comfyui_are_found_again(scene: Stage) -> None:
    texts = (
        "|a: x @alice/sea\n",
        "|a: x @alice/sea:1.0.0*-0.5 @bob/night/ink\n|b: y [rest]\n- style @mo/ink\n",
        "|前景: 猫 @bob/night [box 0,0,0.5,0.5] {strength=0.5}\n|背景: 山 @alice/sea {from=0.2}\n! 低质\n",
    )
    scene.buy(*(scene.offer(one, "studio") for one in (scene.sea, scene.sea_11, scene.night, scene.ink)))
    for text in texts:
        lock = lock_in(scene.lock(text))
        for written in (outputs.png, outputs.with_exif):
            for form in ("comfyui-api", "comfyui", "comfyui-prompt"):
                found = seen(written(outputs.entries_of(lock, form)))
                assert {one.digest for one in found.matched.releases} == {ref.release for ref in lock.refs}
                assert found.matched.contradictions == ()
                mine = seen(written(outputs.entries_of(lock, form)), scene)
                assert mine.checked is not None
                assert mine.checked.licensed
