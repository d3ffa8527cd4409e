"""Compositions at the door: their files may not say otherwise than their recipe and their draft."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from marketplace.catalog.models import Release
from marketplace.catalog.operations import UnableToPublish
from marketplace.compositions.drafting import draft_of
from marketplace.intake.models import Submission
from marketplace.intake.operations import publish_folder
from marketplace.intake.rules import write_pack
from marketplace.payouts.queries import shares_of
from tests import packs
from tests.cast import later
from tests.compositions.composed import about
from tests.compositions.conftest import scene  # noqa: F401
from tests.compositions.stage import Stage
from tests.intake.stage import traces

Change = Callable[[dict[str, Any], dict[str, Any]], None]
TEXT = "|pier: a pier @alice/sea/ink*0.8\n|crowd: lanterns @bob/night [box 0,0.5,1,1]\n- style: @mo/ink\n"


@pytest.fixture
def folder(scene: Stage, tmp_path: Path) -> Path:  # noqa: F811
    """Bob's composition as a folder with a pack.toml, written as a program writes it."""
    drafted = draft_of(recipe=TEXT, creator=scene.cast.bob, about=about(), now=later(minutes=5))
    there = tmp_path / "composed"
    there.mkdir()
    for path, data in drafted.files.items():
        (there / path).write_bytes(data)
    (there / "cover.png").write_bytes(packs.picture("#224466"))
    write_toml(there, write_pack(drafted.draft, []))
    return there


def write_toml(there: Path, pack: dict[str, Any]) -> None:
    """Writes a pack.toml, and keeps what it says beside it, to be changed."""
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in pack.items() if plain(value)]
    for name in ("title", "summary"):
        lines += [f"[{name}]", *(f"{key} = {json.dumps(text)}" for key, text in pack[name].items())]
    for name in ("files", "derived_from"):
        for row in pack[name]:
            lines += [f"[[{name}]]", *(f"{key} = {json.dumps(value)}" for key, value in row.items())]
    (there / "pack.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (there.parent / "pack.json").write_text(json.dumps(pack), encoding="utf-8")


def plain(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and value and isinstance(value[0], str))


def change(folder: Path, changed: Change) -> None:
    said = json.loads((folder / "composition.json").read_text())
    pack = json.loads((folder.parent / "pack.json").read_text())
    changed(said, pack)
    (folder / "composition.json").write_text(json.dumps(said, indent=1), encoding="utf-8")
    write_toml(folder, pack)


def refused(stage: Stage, folder: Path) -> list[tuple[str, str]]:
    """Why it is not published, each with its place; and nothing of it is left."""
    before = traces(), Submission.objects.count()
    with pytest.raises(Exception) as error:
        publish_folder(folder=folder, creator=stage.cast.bob, now=later(minutes=6))
    assert (traces(), Submission.objects.count()) == before
    assert not Release.objects.filter(pack__handle="pier-night").exists()
    return [(one.where, one.message) for one in error.value.findings]  # type: ignore[attr-defined]


def test_a_folder_publishes_what_the_verb_does(scene: Stage, folder: Path) -> None:  # noqa: F811
    (folder / "recipe.txt").write_text("# by Bob\n" + (folder / "recipe.txt").read_text(), encoding="utf-8")

    release = publish_folder(folder=folder, creator=scene.cast.bob, now=later(minutes=6))

    assert (str(release), release.pack.kind) == ("bob/pier-night@1.0.0", "composition")
    assert {payee.handle: share for payee, share in shares_of(release.split_id)} == {
        "alice": 208_695_652, "bob": 530_434_783, "mo": 260_869_565,
    }  # fmt: skip


def _share(said: dict[str, Any], pack: dict[str, Any]) -> None:
    """Bob writes himself a larger part of the picture, and owes accordingly."""
    said["packs"][0]["share_ppb"] -= 100_000_000
    said["packs"][1]["share_ppb"] += 100_000_000


def _weight(said: dict[str, Any], pack: dict[str, Any]) -> None:
    said["recipe"]["layers"][0]["refs"][0]["weight_ppm"] = 500_000


def _owes_less(said: dict[str, Any], pack: dict[str, Any]) -> None:
    pack["derived_from"][0]["share_ppb"] -= 1
    pack["derived_from"][1]["share_ppb"] += 1


def _owes_nothing(said: dict[str, Any], pack: dict[str, Any]) -> None:
    del pack["derived_from"][2]


def _other_digest(said: dict[str, Any], pack: dict[str, Any]) -> None:
    said["packs"][2]["release"] = "ab" * 32


def _one_less(said: dict[str, Any], pack: dict[str, Any]) -> None:
    said["packs"][1]["share_ppb"] += said["packs"].pop()["share_ppb"]


def _policy(said: dict[str, Any], pack: dict[str, Any]) -> None:
    said["policy"] = "equal"


def _newest(said: dict[str, Any], pack: dict[str, Any]) -> None:
    said["recipe"]["style"]["refs"][0]["version"] = ""


def _world(said: dict[str, Any], pack: dict[str, Any]) -> None:
    pack["kind"] = "world"


def _public(said: dict[str, Any], pack: dict[str, Any]) -> None:
    pack["files"] = [{**row, "role": "preview"} if row["path"] == "recipe.txt" else row for row in pack["files"]]


def _stranger(said: dict[str, Any], pack: dict[str, Any]) -> None:
    pack["derived_from"].append({"release": "alice/reef@1.0.0", "share_ppb": 1})


def _both(said: dict[str, Any], pack: dict[str, Any]) -> None:
    pack["derived_from"][0]["mode"] = "absolute"


CASES = (
    (_share, "", "composition.json", "composition.json has “pier: alice/sea@1.1.0/ink "),
    (_weight, "*0.5", "composition.json", "composition.json has “pier: alice/sea@1.1.0/ink "),
    (_weight, "", "recipe.txt", "recipe.txt says something else than the recipe in composition.json"),
    (_owes_less, "", "derived_from", "alice/sea@1.1.0 has a share of 208695651 parts per billion"),
    (_owes_nothing, "", "derived_from", "alice/sea@1.1.0 has a share of 208695652 parts per billion, but of what"),
    (_other_digest, "", "composition.json", "composition.json has “style: mo/ink@1.0.0 abababababab"),
    (_one_less, "", "composition.json", "composition.json has “crowd: bob/night@1.0.0 "),
    (_policy, "", "composition.json", "composition.json says the policy equal, but its recipe says weight-area."),
    (_newest, ":", "recipe.txt", "mo/ink@1.0.0 in the layer “style” must be named with its exact version: write @"),
    (_world, "", "files", "composition.json is a composition, which only packs of the kind “composition” have"),
    (_public, "", "files", "A composition has the files composition.json and recipe.txt, both content: add rec"),
    (_stranger, "", "derived_from", "alice/reef@1.0.0 paints no layer of the composition: take it out"),
    (_both, "", "derived_from", "Some sources of the composition have relative shares and some absolute ones"),
)


def test_files_that_say_otherwise_are_refused(scene: Stage, folder: Path, tmp_path: Path) -> None:  # noqa: F811
    scene.publish(scene.cast.alice, "reef", seed=77)
    for number, (changed, text, where, sentence) in enumerate(CASES):
        there = shutil.copytree(folder, tmp_path / str(number) / "composed")
        shutil.copy(folder.parent / "pack.json", there.parent)
        change(there, changed)
        recipe = there / "recipe.txt"
        if text == "*0.5":
            recipe.write_text(recipe.read_text().replace("*0.8", "*0.5"))
        elif text == ":":
            recipe.write_text(recipe.read_text().replace("@mo/ink:1.0.0", "@mo/ink"))

        said = refused(scene, there)

        assert (said[0][0], said[0][1][: len(sentence)]) == (where, sentence)


def test_a_composition_needs_its_files_and_a_recipe(scene: Stage, folder: Path) -> None:  # noqa: F811
    recipe = (folder / "recipe.txt").read_text(encoding="utf-8")
    (folder / "recipe.txt").write_text(recipe + ("# " + "云" * 1_000 + "\n") * 350, encoding="utf-8")
    assert refused(scene, folder) == [
        ("recipe.txt: offset 1048576", "recipe.txt: the recipe is larger than 1048576 bytes.")
    ]
    (folder / "recipe.txt").write_text(recipe, encoding="utf-8")
    (folder / "composition.json").write_text('["a prompt"]')
    assert refused(scene, folder) == [
        ("files", "A composition has the files composition.json and recipe.txt, both content: add composition.json.")
    ]
    (folder / "composition.json").write_text("{")
    with pytest.raises(Exception, match="composition.json"):
        publish_folder(folder=folder, creator=scene.cast.bob, now=later(minutes=6))


def test_what_it_started_from_is_paid_beside(scene: Stage, folder: Path) -> None:  # noqa: F811
    first = publish_folder(folder=folder, creator=scene.cast.bob, now=later(minutes=6))

    def beside(said: dict[str, Any], pack: dict[str, Any]) -> None:
        pack |= {"handle": "pier-again"}
        pack["derived_from"].append({"release": str(first), "share_ppb": 50_000_000})

    change(folder, beside)
    release = publish_folder(folder=folder, creator=scene.cast.mo, now=later(minutes=7))

    # Mo keeps 350 000 000, and has 260 869 565 by ink and 260 869 565 of a billion of what Bob's composition gets.
    assert {payee.handle: share for payee, share in shares_of(release.split_id)} == {
        "alice": 208_695_652 + 10_434_782 + 1,
        "bob": 130_434_783 + 26_521_739,
        "mo": 350_000_000 + 260_869_565 + 13_043_478,
    }
    change(folder, beside)
    with pytest.raises(UnableToPublish, match="named twice"):
        publish_folder(folder=folder, creator=scene.cast.mo, now=later(minutes=7))
