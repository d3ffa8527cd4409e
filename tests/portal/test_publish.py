"""Alice publishes by form and by folder; Dave may not; a refusal says everything and leaves nothing behind."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from ledger.models import Entry
from marketplace.catalog.models import Pack, Release
from marketplace.licensing.models import Offer
from marketplace.payouts.models import SplitShare
from marketplace.people.models import Creator, Person
from marketplace.portal import words
from marketplace.portal.views.publish import SAMPLE
from tests import packs
from tests.cast import Cast, on_stage

ADDRESS, FOLDER = "/portal/publish", "/portal/publish/folder"


@pytest.fixture
def cast(db: None) -> Cast:
    return on_stage()


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def alice(cast: Cast) -> Client:
    return signed_in(cast.alice.person)


def upload(name: str, data: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data)


def answers(**changes: Any) -> dict[str, Any]:
    """What Alice writes: a world with one element, offered under two licenses."""
    given: dict[str, Any] = {
        "kind": "world",
        "handle": "yunhai",
        "version": "1.0.0",
        "title_en": "Sea of Clouds",
        "title_zh": "云海",
        "summary_en": "A world above the weather.\r\nTwo lines.",
        "tags": "clouds, 云海，ink",
        "base_model": "sd15",
        "made_by": "human",
        "ai_training": "with-license",
        "cover": upload("cover.png", packs.picture()),
        "previews": [upload("cover.png", packs.picture()), upload("pier.png", packs.picture("#aa3311"))],
        "content": [upload("style.safetensors", packs.lora()), upload("prompts.txt", b"a pier above the clouds\n")],
        "element-0-name": "ink",
        "element-0-kind": "style",
        "element-0-title_en": "Ink",
        "element-0-files": "style.safetensors\r\npier.png",
        "element-0-triggers": "yunhai ink",
        "offer-personal-price": "16.00",
        "offer-personal-currency": "USD",
        "offer-studio-price": "180",
        "offer-studio-currency": "USD",
        "offer-enterprise-price": "",
        "offer-enterprise-currency": "USD",
    }
    for key, value in changes.items():
        given[key.replace("__", "-")] = value
    return {key: value for key, value in given.items() if value is not None}


def leftovers() -> list[str]:
    """Every file that an upload could leave: blobs, staged files, Django's own temporary ones."""
    kept = [
        path.name
        for name in ("blobs", "staging")
        for path in (settings.DATA_FOLDER / name).rglob("*")
        if path.is_file()
    ]
    return sorted(kept + [path.name for path in Path(tempfile.gettempdir()).glob("*.upload*")])


def assert_silence(before: list[str]) -> None:
    assert (Pack.objects.count(), Release.objects.count(), Offer.objects.count()) == (0, 0, 0)
    assert Entry.objects.count() == 0
    assert leftovers() == before


def refused(client: Client, given: dict[str, Any], address: str = ADDRESS) -> str:
    """Sends what must be refused, and gives the page."""
    before = leftovers()
    answer = client.post(address, given)
    assert answer.status_code == 422
    assert_silence(before)
    return answer.content.decode()


def shares(release: Release) -> dict[str, int]:
    rows = SplitShare.objects.filter(split=release.split)
    return {Creator.objects.get(pk=row.payee_id).handle: row.share_ppb for row in rows}


def test_alice_publishes_by_form_what_the_command_would(alice: Client) -> None:
    answer = alice.post(ADDRESS, answers())

    assert (answer.status_code, answer["Location"]) == (302, "/packs/alice/yunhai")
    release = Release.objects.get()
    assert (str(release), release.title) == ("alice/yunhai@1.0.0", {"en": "Sea of Clouds", "zh-Hans": "云海"})
    assert release.summary == {"en": "A world above the weather.\nTwo lines."}
    assert (release.tags, release.ai_training) == (["clouds", "云海", "ink"], "with-license")
    assert [(row.path, row.role, row.is_cover) for row in release.assets.all()] == [
        ("cover.png", "preview", True),
        ("pier.png", "preview", False),
        ("style.safetensors", "content", False),
        ("prompts.txt", "content", False),
    ]
    element = release.elements.get()
    assert (element.name, element.paths, element.triggers) == ("ink", ["style.safetensors", "pier.png"], ["yunhai ink"])
    assert shares(release) == {"alice": 1_000_000_000}
    assert [(o.terms.name, o.price_minor, o.currency) for o in Offer.objects.all()] == [
        ("personal", 1600, "USD"),
        ("studio", 18000, "USD"),
    ]
    assert "Published. Sea of Clouds 1.0.0" in alice.get("/packs/alice/yunhai").content.decode()


def test_uploads_go_through_temporary_files_that_are_gone_afterwards(alice: Client) -> None:
    before = leftovers()
    assert settings.FILE_UPLOAD_HANDLERS == ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]

    alice.post(ADDRESS, answers())

    assert [name for name in leftovers() if name.endswith(".upload")] == [n for n in before if n.endswith(".upload")]


def test_makers_share_to_the_seventh_decimal_and_parents_come_first(cast: Cast, alice: Client) -> None:
    alice.post(ADDRESS, answers())
    bob = signed_in(cast.bob.person)
    given = answers(
        handle="ink",
        content=[upload("bob.safetensors", packs.lora(7))],
        element__0__files="bob.safetensors",
        share__0__creator="bob",
        share__0__share="66.6666667",
        share__3__creator="mo",
        share__3__share="33.3333333%",
        parent__0__release="alice/yunhai@1.0.0",
        parent__0__share="20",
    )

    assert bob.post(ADDRESS, given).status_code == 302

    # Four fifths of 666 666 667 and 333 333 333: 533 333 333.6 and 266 666 666.4; the odd part goes to the larger rest.
    assert shares(Release.objects.get(pack__handle="ink")) == {
        "alice": 200_000_000,
        "bob": 533_333_334,
        "mo": 266_666_666,
    }


@pytest.mark.parametrize(
    "text, share_ppb",
    [("12.5", 125_000_000), ("100", 1_000_000_000), ("0.0000001", 1), ("33.3333333 %", 333_333_333), ("0", 0)],
)
def test_a_percentage_is_read_exactly(text: str, share_ppb: int) -> None:
    assert words.parse_percent(text) == share_ppb
    assert words.parse_percent(words.percent_input(share_ppb)) == share_ppb


@pytest.mark.parametrize("text", ["", "-1", "+1", "1,5", "1e1", "100.0000001", "1.00000001", "٣", "12.", ".5", "012"])
def test_anything_else_is_no_percentage(text: str) -> None:
    assert words.parse_percent(text) is None


def test_dave_who_has_no_name_to_sell_under_may_not(cast: Cast) -> None:
    dave = signed_in(cast.dave)
    before = leftovers()

    assert dave.get(ADDRESS)["Location"] == "/portal/"
    assert dave.post(ADDRESS, answers())["Location"] == "/portal/"

    assert_silence(before)
    assert "First choose the name that you sell under." in dave.get("/portal/").content.decode()


def test_a_stranger_is_asked_to_sign_in(db: None) -> None:
    assert Client().post(ADDRESS, {"handle": "x"})["Location"] == "/sign-in?next=/portal/publish"


def test_a_hostile_file_is_refused_with_its_finding_by_its_field(alice: Client) -> None:
    broken = b"\xff" * 8 + packs.lora()[8:]

    page = refused(
        alice, answers(content=[upload("evil.safetensors", broken), upload("p.txt", b"a pier\n")], element__0__files="")
    )

    assert 'href="#id_content"' in page
    assert page.count("evil.safetensors: ") >= 2
    assert 'value="yunhai"' in page


def test_a_pickle_and_a_picture_that_is_none_are_both_named(alice: Client) -> None:
    page = refused(
        alice,
        answers(
            cover=upload("c.png", b"<svg/>"),
            previews=None,
            content=[upload("m.ckpt", b"\x80\x02}q\x00.")],
            element__0__files="",
        ),
    )

    assert 'href="#id_cover"' in page
    assert 'href="#id_content"' in page


def test_every_finding_of_the_form_and_of_the_draft_shows_at_once(alice: Client) -> None:
    page = refused(
        alice,
        answers(
            handle="Yun Hai",
            version="one",
            title_en="",
            title_zh="",
            cover=None,
            previews=None,
            share__0__creator="alice",
            share__0__share="70",
            share__1__creator="nobody",
            share__1__share="twenty",
            parent__0__release="alice/cloud",
            parent__0__share="0",
            element__1__name="No Slug",
            element__1__kind="style",
            element__1__title_en="x",
            offer__studio__price="1.999",
        ),
    )

    for sentence in (
        "“Yun Hai” cannot be a pack&#x27;s handle",
        "“one” is not a version",
        "A title is missing",
        "A cover is missing",
        "“twenty” is not a share",
        "“alice/cloud” names no release",
        "“0” is not a share",
        "“No Slug” cannot name an element",
        "“1.999” is not a price in USD",
    ):
        assert sentence in page, sentence


def test_shares_that_do_not_add_up_are_refused_in_percent(alice: Client) -> None:
    page = refused(
        alice,
        answers(share__0__creator="alice", share__0__share="60", share__1__creator="bob", share__1__share="39.9999999"),
    )

    assert "The shares add up to 99.9999999%: they must add up to 100%." in page
    assert "parts per billion" not in page


def test_a_maker_whom_nobody_knows_and_a_parent_that_is_not_published_are_named(alice: Client) -> None:
    page = refused(
        alice,
        answers(
            share__0__creator="zoe",
            share__0__share="100",
            parent__0__release="zoe/none@1.0.0",
            parent__0__share="10",
        ),
    )

    assert "The split names zoe, but no creator has that handle." in page
    assert "The parent zoe/none@1.0.0 is not published" in page


def test_the_net_of_each_price_is_shown_after_a_refusal(alice: Client) -> None:
    page = refused(
        alice,
        answers(
            version="x",
            share__0__creator="alice",
            share__0__share="70",
            share__1__creator="mo",
            share__1__share="30",
            offer__personal__price="0.99",
        ),
    )

    # 99 less 9 is 90, of which 70 % is 63; 18000 less 1800 is 16200, of which 70 % is 11340.
    assert "<output>$0.63</output>" in page
    assert "<output>$113.40</output>" in page


def test_a_version_is_published_once(alice: Client) -> None:
    alice.post(ADDRESS, answers())
    before = leftovers()

    answer = alice.post(ADDRESS, answers(content=[upload("other.safetensors", packs.lora(9))], element__0__files=""))

    assert answer.status_code == 422
    assert "alice/yunhai@1.0.0 is already published with other content: raise the version." in answer.content.decode()
    assert Release.objects.count() == 1
    assert leftovers() == before


def test_the_next_version_starts_from_the_one_before_and_keeps_its_files(alice: Client) -> None:
    alice.post(ADDRESS, answers())
    page = alice.get(ADDRESS + "?from=yunhai").content.decode()
    assert 'value="1.1.0"' in page
    assert 'value="180.00"' in page
    assert 'name="keep" value="style.safetensors" checked' in page

    given = answers(
        version="1.1.0", base="yunhai", cover=None, previews=None, keep=["cover.png", "style.safetensors"],
        content=[upload("more.txt", b"a bridge in the fog\n")], element__0__files="style.safetensors",
    )  # fmt: skip
    assert alice.post(ADDRESS, given).status_code == 302

    first, second = Release.objects.order_by("published_at")
    sha256 = {row.path: row.asset.blob_id for row in first.assets.all()}
    assert [(row.path, row.role, row.is_cover) for row in second.assets.all()] == [
        ("more.txt", "content", False),
        ("cover.png", "preview", True),
        ("style.safetensors", "content", False),
    ]
    assert second.assets.get(path="cover.png").asset.blob_id == sha256["cover.png"]


def test_nobody_keeps_files_of_somebody_else(cast: Cast, alice: Client) -> None:
    alice.post(ADDRESS, answers())

    answer = signed_in(cast.bob.person).post(
        ADDRESS, answers(base="yunhai", keep=["style.safetensors"], content=None, element__0__files="")
    )

    assert answer.status_code == 422
    assert Release.objects.count() == 1


def folder(*names: str, toml: str = SAMPLE) -> dict[str, Any]:
    data = {
        "pack.toml": toml.encode(),
        "cover.webp": packs.picture(form="WEBP"),
        "wanderer.safetensors": packs.lora(),
        ".DS_Store": b"junk",
    }
    return {"folder": [upload(name, data[name]) for name in names or data]}


def test_the_sample_folder_is_published_as_its_toml_says(alice: Client) -> None:
    assert alice.post(FOLDER, folder())["Location"] == "/packs/alice/sea-of-clouds"

    release = Release.objects.get()
    assert [row.path for row in release.assets.all()] == ["cover.webp", "wanderer.safetensors"]
    assert Offer.objects.get().price_minor == 18000


@pytest.mark.parametrize(
    "given, sentence",
    [
        ((), "Exactly one file must be called pack.toml; 0 of the files that came are."),
        (("pack.toml", "cover.webp"), "wanderer.safetensors is listed in pack.toml but did not come with the folder."),
    ],
)
def test_a_folder_that_is_not_whole_is_refused(alice: Client, given: tuple[str, ...], sentence: str) -> None:
    sent = folder(*given) if given else {"folder": [upload("cover.webp", packs.picture(form="WEBP"))]}

    assert sentence in refused(alice, sent, FOLDER)


def test_a_toml_that_is_none_and_a_parent_that_gets_nothing_are_refused(alice: Client) -> None:
    assert "pack.toml is not TOML" in refused(alice, folder(toml="handle = "), FOLDER)
    assert "pack.toml is not UTF-8 at byte 0." in refused(alice, {"folder": [upload("pack.toml", b"\xff\xfe")]}, FOLDER)
    alice.post(FOLDER, folder())
    free = SAMPLE.replace("1.0.0", "1.1.0") + '[[derived_from]]\nrelease = "alice/sea-of-clouds@1.0.0"\nshare_ppb = 0\n'

    answer = alice.post(FOLDER, folder(toml=free))

    assert answer.status_code == 422
    assert Release.objects.count() == 1
