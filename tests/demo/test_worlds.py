"""The demo's folders: the same bytes each time, whole or not there, and every pack.toml says all that it must."""

import hashlib
import tomllib
from dataclasses import replace
from decimal import Decimal
from pathlib import Path, PurePosixPath

import pytest
from PIL import Image

from demo.worlds.contents import PACKS, Pack
from demo.worlds.write import SOURCES, write
from marketplace.licensing.terms.ready import READY

SMALL = next(pack for pack in PACKS if pack.name == "mo/brush-prompts")
TINY = replace(SMALL, pictures={"pictures/sampler.jpg": SMALL.pictures["pictures/sampler.jpg"]})
WHOLE_PPB = 1_000_000_000


def said(pack: Pack) -> dict:
    return tomllib.loads((SOURCES / pack.creator / pack.handle / "pack.toml").read_text(encoding="utf-8"))


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("worlds")
    write(folder, [SMALL])
    return folder


def test_two_runs_write_the_same_bytes(drawn: Path, tmp_path: Path) -> None:
    (world,) = write(tmp_path, [SMALL])

    assert (world.creator, world.handle, world.path) == ("mo", "brush-prompts", tmp_path / "mo" / "brush-prompts")
    assert digests(tmp_path) == digests(drawn)


def test_a_complete_folder_is_left_alone(drawn: Path) -> None:
    heard: list[str] = []

    write(drawn, [SMALL], progress=heard.append)

    assert heard == []


def test_an_empty_place_is_drawn_once(tmp_path: Path) -> None:
    heard: list[str] = []

    for _ in range(2):
        write(tmp_path, [TINY], progress=heard.append)

    assert heard == ["mo/brush-prompts"]


@pytest.mark.parametrize("damage", ["picture missing", "text changed", "never moved", "stamp torn"])
def test_an_interrupted_or_changed_folder_is_healed(tmp_path: Path, damage: str) -> None:
    write(tmp_path, [TINY])
    undisturbed = digests(tmp_path)
    place = tmp_path / "mo" / "brush-prompts"
    if damage == "picture missing":
        (place / "pictures" / "sampler.jpg").unlink()
    elif damage == "text changed":
        (place / "pack.toml").write_text("format = 1")
    elif damage == "never moved":
        place.rename(place.with_name(".brush-prompts.writing"))
    else:
        (tmp_path / "mo" / ".brush-prompts.stamp.json").write_text("{")

    write(tmp_path, [TINY])

    assert digests(tmp_path) == undisturbed


def test_pictures_are_what_their_names_say(drawn: Path) -> None:
    for path, size in (("cover.webp", (1600, 900)), ("sampler.jpg", (1080, 1080)), ("lone-pine.webp", (960, 1200))):
        with Image.open(drawn / "mo" / "brush-prompts" / "pictures" / path) as picture:
            assert picture.format == {".webp": "WEBP", ".jpg": "JPEG"}[PurePosixPath(path).suffix]
            assert picture.size == size


def test_eight_packs_by_four_creators_parents_first() -> None:
    published: list[str] = []
    for pack in PACKS:
        for parent in said(pack).get("derived_from", []):
            assert parent["release"] in published
        published.append(f"{pack.name}@{said(pack)['version']}")

    assert len(published) == 8
    assert {pack.creator for pack in PACKS} == {"alice", "bob", "hu", "mo"}
    assert {said(pack)["kind"] for pack in PACKS} == {"world", "characters", "style", "prompts"}


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.name)
def test_every_pack_toml_is_complete(pack: Pack) -> None:
    toml, home = said(pack), SOURCES / pack.creator / pack.handle
    texts = {path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file()} - {"pack.toml"}
    named = [file["path"] for file in toml["files"]]
    roles = {file["path"]: file["role"] for file in toml["files"]}

    assert (toml["format"], toml["handle"]) == ("worldloom/pack/1", pack.handle)
    assert len(named) == len(set(named))
    assert set(named) == texts | set(pack.pictures) | set(pack.models)
    assert roles[toml["cover"]] == "preview"
    assert {"preview", "content"} == set(roles.values())
    assert {file for element in toml["elements"] for file in element["files"]} == set(named)
    for words in (toml["title"], toml["summary"], *(element["title"] for element in toml["elements"])):
        assert set(words) == {"en", "zh-Hans"}
        assert all(words.values())
    assert sum(share["share_ppb"] for share in toml["split"]) == WHOLE_PPB
    assert sum(parent["share_ppb"] for parent in toml.get("derived_from", [])) < WHOLE_PPB
    assert len(toml["offers"]) == 3
    assert {offer["terms"] for offer in toml["offers"]} <= set(READY)
    assert all(Decimal(offer["price"]).as_tuple().exponent == -2 for offer in toml["offers"])


def test_the_demo_shows_several_ways_to_sell() -> None:
    offers = [(offer["terms"], offer.get("model", "one-off")) for pack in PACKS for offer in said(pack)["offers"]]

    assert {model for _terms, model in offers} == {"one-off", "per-seat", "monthly", "free", "on-request"}
    assert {terms for terms, _model in offers} == {"personal", "studio", "enterprise", "exclusive", "cc-by-nc-4.0"}


def test_the_derived_style_pays_twenty_and_ten_percent() -> None:
    toml = said(next(pack for pack in PACKS if pack.name == "bob/ink-neon"))

    assert toml["derived_from"] == [
        {"release": "mo/ink-style@1.0.0", "share_ppb": 200_000_000},
        {"release": "hu/neon-harbor@1.0.0", "share_ppb": 100_000_000},
    ]
    assert toml["split"] == [
        {"creator": "bob", "share_ppb": 800_000_000},
        {"creator": "alice", "share_ppb": 200_000_000},
    ]


def test_the_composition_in_waiting_has_three_layers() -> None:
    recipe = (SOURCES / "alice" / "yunhai-night" / "recipe.txt").read_text(encoding="utf-8").splitlines()

    assert [line.split("@")[1].strip() for line in recipe] == ["alice/yunhai", "hu/neon-harbor", "mo/ink-style"]
    assert recipe[-1].startswith("- style:")
