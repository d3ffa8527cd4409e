"""What a picture names, held against the lock that it names; and embeddings, which only words name."""

import json
from typing import Any

from marketplace.compositions.importing.claims import EMBEDDING, HASH, Mention
from marketplace.compositions.importing.counting import count_picture
from marketplace.compositions.importing.infotext import read
from marketplace.compositions.importing.workflows import from_prompt
from marketplace.compositions.models import RecipeLock
from tests.cast import later
from tests.compositions.importing import outputs
from tests.compositions.importing.test_importing import HASH as SETTINGS
from tests.compositions.importing.test_importing import evidence, file_of, flat, lock_in, seen
from tests.compositions.stage import Stage

GLOW, DULL = "alice__glow__1.0.0__glow-30a8f9238731", "alice__dull__1.0.0__dull-d19b50dd31ae"
LOADS_NIGHT = "The workflow loads bob/night@1.0.0, of which the entry “worldloom” says nothing."
NOT_LOADED = "The workflow does not load alice/sea@1.1.0, with which the lock that it names paints."


def by_image(scene: Stage) -> RecipeLock:
    scene.buy(scene.offering(scene.sea_11, "enterprise", 5, model="metered", unit="image"))
    return scene.lock("|sea: clouds @alice/sea:1.1.0*0.8\n|pets: cats [box 0,0.5,1,1]\n")


def against(found: Any) -> list[str]:
    return [str(one) for one in found.matched.contradictions]


def test_a_workflow_that_was_changed_is_not_said_to_be_its_lock(scene: Stage) -> None:
    lock = by_image(scene)
    entries = outputs.entries_of(lock_in(lock))
    text = json.dumps(entries["prompt"]).replace(flat(scene.sea_11), flat(scene.night))
    swapped = seen(outputs.png({**entries, "prompt": json.loads(text)}), scene)
    alone = seen(outputs.png({"prompt": json.loads(text)}), scene)
    foreign = seen(outputs.png({**entries, "prompt": outputs.prompt("other.safetensors")}), scene)

    assert (swapped.lock, alone.lock, foreign.lock) == (lock, lock, lock)
    assert against(swapped) == [LOADS_NIGHT, NOT_LOADED]
    assert against(alone) == ["It names bob/night@1.0.0, which is not in the lock that it names.", NOT_LOADED]
    assert against(foreign) == [NOT_LOADED]
    assert [(str(one.release), one.verdict) for one in swapped.owed] == [("alice/sea@1.1.0", "licensed")]
    assert [(str(one.release), one.verdict, one.price_minor) for one in swapped.beside] == [
        ("bob/night@1.0.0", "offered", 10_001)
    ]
    assert swapped.totals == [("USD", 5)]
    assert evidence(alone) == [("bob/night@1.0.0", "name", ""), ("alice/sea@1.1.0", "lock", "")]


def test_where_nothing_but_the_lock_is_named_its_packs_are_known_by_it(scene: Stage) -> None:
    lock = by_image(scene)
    found = seen(outputs.png(parameters=f"a pier\n{SETTINGS}, Worldloom recipe: {lock.digest}"), scene)
    entry = seen(outputs.png({"worldloom": outputs.entries_of(lock_in(lock))["worldloom"]}), scene)

    assert (evidence(found), against(found), found.beside) == ([("alice/sea@1.1.0", "lock", "")], [], ())
    assert (evidence(entry), against(entry)) == ([("alice/sea@1.1.0", "release", "")], [])
    assert found.totals == [("USD", 5)]
    asked = {"studio": scene.cast.studio, "person": scene.cast.carol, "lock": lock.digest, "now": later(hours=4)}
    count_picture(picture=entry.claims.sha256, **asked)
    again = seen(outputs.png({"worldloom": outputs.entries_of(lock_in(lock))["worldloom"]}), scene, now=later(hours=5))
    assert (again.totals, again.counted is not None) == ([], True)


def test_embeddings_have_weights_and_work_against_where_they_are_not_wanted() -> None:
    nodes = outputs.prompt(text=f"a cat, (embedding:{GLOW}:0.7), embedding:other", negative=f"low, embedding:{DULL}")
    found = from_prompt(nodes)

    assert found.mentions[-3:] == (
        Mention(EMBEDDING, GLOW, 700_000, 0),
        Mention(EMBEDDING, "other", None, 0),
        Mention(EMBEDDING, DULL, -1_000_000, 0),
    )


def test_a1111_names_embeddings_bare_and_parts_regions_with_words_of_its_own() -> None:
    text = (
        f"ink ADDCOMM\nfields, ({GLOW}:0.7) BREAK\na sky\nNegative prompt: ({DULL}:1.2)\n"
        f'{SETTINGS}, TI hashes: "{GLOW}: 30a8f9238731, {DULL}: d19b50dd31ae"'
    )
    found = read(text)

    assert found.mentions == (
        Mention(EMBEDDING, GLOW, 700_000, 0),
        Mention(EMBEDDING, DULL, -1_200_000, 0),
        Mention(HASH, GLOW, None, -1, "30a8f9238731"),
        Mention(HASH, DULL, None, -1, "d19b50dd31ae"),
    )
    assert found.layers[0].prompt.split() == ["ink", "fields,", f"({GLOW}:0.7)", "a", "sky"]


def test_what_words_name_is_a_pack_and_no_word_any_more(scene: Stage) -> None:
    glow, dull = (flat(one).removesuffix(".safetensors") for one in (scene.sea, scene.ink))
    said = f"a cat, ({glow}:0.7), on a pier\nNegative prompt: {dull}, low\n{SETTINGS}"
    bare = seen(outputs.png(parameters=said), scene)
    nodes = outputs.prompt(text=f"(embedding:{glow}:0.7), a cat, on a pier", negative=f"low, embedding:{dull}")
    drawn = seen(outputs.png({"prompt": nodes}), scene)
    hashed = seen(
        outputs.png(parameters=f'a cat\n{SETTINGS}, TI hashes: "{glow}: {file_of(scene.sea).asset.blob_id[:12]}"'),
        scene,
    )

    for found in (bare, drawn):
        assert "|layer1: a cat, on a pier @alice/sea:1.0.0*0.7 @mo/ink:1.0.0*-1\n! low\n" in found.text
        assert found.matched.contradictions == ()
    assert evidence(hashed) == [("alice/sea@1.0.0", "name", "")]
