"""`manage.py publish FOLDER --as alice`: what goes in, and what leaves nothing behind."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from assets.models import Asset, Blob, Upload
from ledger.models import Entry
from marketplace.catalog.models import Listing, Pack, Release
from marketplace.intake.models import Submission
from marketplace.intake.operations import publish_folder
from marketplace.licensing.models import Offer
from marketplace.payouts.models import Split
from tests import packs
from tests.cast import NOON, Cast, on_stage

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return on_stage()


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def assert_nothing_is_there(data: Path) -> None:
    for model in (Blob, Asset, Upload, Submission, Split, Pack, Release, Listing, Offer, Entry):
        assert model._default_manager.count() == 0, model
    assert [name for name in files_below(data) if name.startswith(("blobs/", "staging/", "incoming/"))] == []


def test_alice_publishes_a_folder(cast: Cast, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = packs.write(
        tmp_path / "yunhai", handle="yunhai", offers=[("studio", "180.00", "USD"), ("personal", "0", "CNY")]
    )

    call_command("publish", str(folder), "--as", "alice")

    release = Release.objects.get()
    assert capsys.readouterr().out == f"Published alice/yunhai@1.0.0: sha256 {release.digest}, 3 files.\n"
    assert release.title == {"en": "Sea of Clouds", "zh-Hans": "云海"}
    assert [(asset.path, asset.role, asset.is_cover) for asset in release.assets.all()] == [
        ("cover.png", "preview", True),
        ("style.safetensors", "content", False),
        ("prompts.txt", "content", False),
    ]
    assert [(offer.terms.name, offer.price_minor, offer.currency) for offer in release.offers.all()] == [
        ("personal", 0, "CNY"),
        ("studio", 18_000, "USD"),
    ]
    assert [
        image.width for image in release.assets.first().asset.previews.filter(media_type="image/webp").order_by("width")
    ] == [480, 640]
    call_command("publish", str(folder), "--as", "alice")
    assert capsys.readouterr().out.startswith("Already published, unchanged: alice/yunhai@1.0.0")


Change = Callable[[Path], Any]


def edit(old: str, new: str) -> Change:
    def change(folder: Path) -> None:
        path = folder / "pack.toml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda folder: (folder / "pack.toml").unlink(), "no .*pack.toml that can be read"),
        (lambda folder: (folder / "pack.toml").write_bytes(b"\xff\xfe"), "not UTF-8 at byte 0"),
        (lambda folder: (folder / "pack.toml").write_text("a = "), "not TOML"),
        (lambda folder: (folder / "cover.png").unlink(), "cover.png is listed in pack.toml but is no file"),
        (lambda folder: (folder / "prompts.txt").write_bytes(b""), "prompts.txt: .*empty"),
        (lambda folder: (folder / "style.safetensors").write_bytes(b"\x80\x04K\x01."), "style.safetensors: .*pickle"),
        (lambda folder: (folder / "style.safetensors").write_bytes(packs.lora() + b"PK\x03\x04"), "style.safetensors"),
        (lambda folder: (folder / "cover.png").write_bytes(packs.picture()[:-40]), "cover.png"),
        (edit("worldloom/pack/1", "worldloom/pack/9"), "format must be"),
        (edit('tags = ["clouds"]', 'tags = ["clouds"]\ncolor = "red"'), "“color” means nothing"),
        (edit('tags = ["clouds"]', "tags = [7]"), "“tags\\[1\\]” must be text"),
        (edit('version = "1.0.0"', 'version = "one"'), "“one” is not a version"),
        (edit('path = "prompts.txt"', 'path = "../pack.toml"'), r"\.\./pack\.toml: the path"),
        (edit('path = "prompts.txt"', 'path = "/etc/passwd"'), "/etc/passwd: the path is absolute"),
        (edit('path = "prompts.txt"', r'path = "a\u0000b"'), "hidden|control|character"),
        (edit('path = "prompts.txt"', f'path = "{"a/" * 3000}b"'), "longer than 200 bytes"),
        (edit('tags = ["clouds"]', r'tags = ["a\u0000"]'), "cannot stand among the tags"),
        (edit('tags = ["clouds"]', r'tags = ["\u001b[31m"]'), "cannot stand among the tags"),
        (edit('title = { en = "Sea of Clouds", zh-Hans = "云海" }', r'title = { en = "\u200B\u2060" }'), "title"),
        (edit('"Sea of Clouds"', r'"Sea \u202Eof Clouds"'), "invisible"),
        (edit('"A world above the weather."', f'"{"x" * 2001}"'), "2000"),
        (edit('files = ["style.safetensors"]', 'files = ["style.safetensors"]\ntriggers = [""]'), "among the triggers"),
        (edit('price = "100.01"', f'price = "{2**53}.00"'), "between 0 and 9007199254740991"),
        (edit('kind = "world"', f'kind = "world"\nmade_by = {"9" * 5000}'), "not TOML|digits"),
        (
            edit(
                'currency = "USD"', 'currency = "USD"\n[[offers]]\nterms = "studio"\nprice = "1.00"\ncurrency = "USD"'
            ),
            "twice",
        ),
        (edit('terms = "studio"', 'terms = "galactic"'), "“galactic” names no terms"),
        (edit('price = "100.01"', 'price = "100.011"'), "100.011"),
        (edit('price = "100.01"', 'price = "-1"'), "-1"),
        (edit('currency = "USD"', 'currency = "XXX"'), "XXX"),
    ],
)
def test_a_refused_folder_says_what_and_where_and_leaves_nothing(
    cast: Cast, tmp_path: Path, settings: Any, change: Change, says: str
) -> None:
    folder = packs.write(tmp_path / "yunhai", handle="yunhai")
    change(folder)

    with pytest.raises(CommandError, match=says):
        call_command("publish", str(folder), "--as", "alice")

    assert_nothing_is_there(settings.DATA_FOLDER)


@pytest.mark.parametrize(
    ("kwargs", "says"),
    [
        ({"split": [("alice", 999_999_999)]}, "add up to 999999999"),
        ({"split": [("alice", 500_000_000), ("nobody", 500_000_000)]}, "nobody, but no creator"),
        ({"split": [("alice", 500_000_000), ("alice", 500_000_000)]}, "alice twice"),
        ({"parents": [("mo/ink@1.0.0", 1)]}, "mo/ink@1.0.0 is not published"),
        ({"parents": [("alice/yunhai@1.0.0", 1)]}, "alice/yunhai@1.0.0 is not published"),
        ({"parents": [("mo/ink", 1)]}, "names no release"),
        ({"parents": [("mo/ink@1.0.0", 0)]}, "at least 1"),
        ({"handle": "Not A Slug"}, "cannot be a pack's handle"),
    ],
)
def test_a_refused_family_leaves_nothing(
    cast: Cast, tmp_path: Path, settings: Any, kwargs: dict[str, Any], says: str
) -> None:
    folder = packs.write(tmp_path / "yunhai", **{"handle": "yunhai", **kwargs})

    with pytest.raises(CommandError, match=says):
        call_command("publish", str(folder), "--as", "alice")

    assert_nothing_is_there(settings.DATA_FOLDER)


def test_a_link_out_of_the_folder_is_not_followed(cast: Cast, tmp_path: Path, settings: Any) -> None:
    folder = packs.write(tmp_path / "yunhai", handle="yunhai")
    secret = tmp_path / "secret.txt"
    secret.write_text("not yours\n")
    (folder / "prompts.txt").unlink()
    (folder / "prompts.txt").symlink_to(secret)

    with pytest.raises(CommandError, match="prompts.txt is listed in pack.toml but is no file in the folder"):
        call_command("publish", str(folder), "--as", "alice")

    assert_nothing_is_there(settings.DATA_FOLDER)


def test_nobody_publishes_under_an_unknown_handle(cast: Cast, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No creator has the handle “eve”"):
        call_command("publish", str(packs.write(tmp_path / "a", handle="a")), "--as", "eve")


def test_other_content_needs_another_version(cast: Cast, tmp_path: Path) -> None:
    publish_folder(folder=packs.write(tmp_path / "a", handle="yunhai", seed=1), creator=cast.alice, now=NOON)

    with pytest.raises(CommandError, match="already published with other content: raise the version"):
        call_command("publish", str(packs.write(tmp_path / "b", handle="yunhai", seed=2)), "--as", "alice")
    assert Release.objects.count() == 1

    folder = packs.write(tmp_path / "c", handle="yunhai", seed=2, version="1.1.0")
    second = publish_folder(folder=folder, creator=cast.alice, now=NOON)
    assert Pack.objects.count() == 1
    assert Listing.objects.get().release == second


def test_the_versions_of_a_pack_share_its_kind(cast: Cast, tmp_path: Path) -> None:
    publish_folder(folder=packs.write(tmp_path / "a", handle="yunhai"), creator=cast.alice, now=NOON)
    style = packs.write(tmp_path / "b", handle="yunhai", kind="style", version="2.0.0")

    with pytest.raises(CommandError, match="alice/yunhai is of the kind world"):
        call_command("publish", str(style), "--as", "alice")
    assert Release.objects.count() == 1


def test_paths_that_collide_are_refused(cast: Cast, tmp_path: Path, settings: Any) -> None:
    folder = packs.write(tmp_path / "yunhai", handle="yunhai")
    (folder / "COVER.png").write_bytes(packs.picture("#123456"))
    edit('path = "prompts.txt"', 'path = "COVER.png"')(folder)

    with pytest.raises(CommandError, match="COVER.png: a second file would have the name of cover.png"):
        call_command("publish", str(folder), "--as", "alice")

    assert_nothing_is_there(settings.DATA_FOLDER)


def test_when_the_last_step_fails_the_bytes_go_too(
    cast: Cast, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_given: object) -> None:
        raise RuntimeError("the power went")

    monkeypatch.setattr("marketplace.intake.entering.licensing.offer_all", fail)
    with pytest.raises(RuntimeError, match="power"):
        publish_folder(folder=packs.write(tmp_path / "a", handle="a"), creator=cast.alice, now=NOON)

    assert_nothing_is_there(settings.DATA_FOLDER)


def test_bytes_that_others_use_stay_when_a_publication_fails(
    cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    publish_folder(folder=packs.write(tmp_path / "a", handle="a", seed=3), creator=cast.alice, now=NOON)
    before = files_below(settings.DATA_FOLDER / "blobs")

    def fail(**_given: object) -> None:
        raise RuntimeError("the power went")

    monkeypatch.setattr("marketplace.intake.entering.licensing.offer_all", fail)
    with pytest.raises(RuntimeError):
        publish_folder(folder=packs.write(tmp_path / "b", handle="b", seed=3), creator=cast.alice, now=NOON)

    assert files_below(settings.DATA_FOLDER / "blobs") == before
