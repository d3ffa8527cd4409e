"""Alice publishes by form and by folder; Dave may not; a refusal says everything and leaves nothing behind."""

import io
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from assets.models import Asset, Blob, Upload
from assets.operations import inspect_uploads, take_stream
from ledger.models import Entry
from marketplace.catalog.models import Pack, Release
from marketplace.intake.models import Submission
from marketplace.licensing.models import Offer
from marketplace.payouts.models import SplitShare
from marketplace.people.models import Creator
from marketplace.portal import words
from tests import packs
from tests.cast import Cast, on_stage
from tests.portal.sending import (
    ADDRESS,
    answers,
    assert_silence,
    examined,
    leftovers,
    published,
    refused,
    signed_in,
    upload,
)


@pytest.fixture
def cast(db: None) -> Cast:
    return on_stage()


@pytest.fixture
def alice(cast: Cast) -> Client:
    return signed_in(cast.alice.person)


def shares(release: Release) -> dict[str, int]:
    rows = SplitShare.objects.filter(split=release.split)
    return {Creator.objects.get(pk=row.payee_id).handle: row.share_ppb for row in rows}


def test_alice_publishes_by_form_what_the_command_would(alice: Client) -> None:
    release = published(alice, answers())

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
    assert "Sea of Clouds" in alice.get("/packs/alice/yunhai").content.decode()
    assert leftovers() == [name for name in leftovers() if len(name) == 64]


def test_uploads_go_through_temporary_files_that_are_gone_afterwards(alice: Client) -> None:
    before = leftovers()
    assert settings.FILE_UPLOAD_HANDLERS == ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]

    published(alice, answers())

    assert [name for name in leftovers() if name.endswith(".upload")] == [n for n in before if n.endswith(".upload")]


def test_makers_share_to_the_seventh_decimal_and_parents_come_first(cast: Cast, alice: Client) -> None:
    published(alice, answers(offer__enterprise__price="900.00"))
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

    published(bob, given)

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


def hostile() -> dict[str, Any]:
    broken = b"\xff" * 8 + packs.lora()[8:]
    return answers(content=[upload("evil.safetensors", broken), upload("p.txt", b"a pier\n")], element__0__files="")


def test_a_hostile_file_is_refused_with_its_finding_and_nothing_is_published(alice: Client) -> None:
    submission, page = examined(alice, hostile())

    assert submission.state == "refused"
    assert page.count("evil.safetensors: ") == 1
    assert (Pack.objects.count(), Release.objects.count(), Offer.objects.count(), Entry.objects.count()) == (0, 0, 0, 0)
    assert (Blob.objects.count(), Asset.objects.count()) == (0, 0)
    assert "evil.safetensors" not in list(Upload.objects.values_list("name", flat=True))


def test_alice_mends_what_was_refused_without_sending_the_rest_again(alice: Client) -> None:
    submission, _page = examined(alice, hostile())
    page = alice.get(f"{ADDRESS}?again={submission.pk}").content.decode()
    assert 'value="yunhai"' in page
    assert 'data-file="cover.png"' in page
    assert 'data-file="evil.safetensors"' not in page
    uploads = {upload.name: str(upload.pk) for upload in Upload.objects.all()}

    release = published(
        alice,
        answers(
            cover=None,
            previews=None,
            content=[upload("style.safetensors", packs.lora())],
            uploaded_cover=uploads["cover.png"],
            uploaded_content=uploads["p.txt"],
            element__0__files="style.safetensors",
        ),
    )

    assert [(row.path, row.is_cover) for row in release.assets.all()] == [
        ("style.safetensors", False),
        ("cover.png", True),
        ("p.txt", False),
    ]


def test_an_upload_that_was_refused_is_not_even_handed_in(alice: Client, cast: Cast) -> None:
    bad = take_stream(owner=cast.alice.person, stream=io.BytesIO(b"\x7fELF"), name="a.txt", now=timezone.now())
    inspect_uploads(uploads=[bad], now=timezone.now())

    answer = alice.post(ADDRESS, answers(uploaded_content=str(bad.pk)))

    assert answer.status_code == 422
    assert "a.txt: " in answer.content.decode()
    assert Submission.objects.count() == Release.objects.count() == 0


def test_nobody_hands_in_the_upload_of_another(alice: Client, cast: Cast) -> None:
    of_bob = take_stream(owner=cast.bob.person, stream=io.BytesIO(b"a pier\n"), name="b.txt", now=timezone.now())

    release = published(alice, answers(uploaded_content=str(of_bob.pk)))

    assert "b.txt" not in [row.path for row in release.assets.all()]
    assert list(Upload.objects.values_list("name", flat=True)) == ["b.txt"]


def test_a_pickle_and_a_picture_that_is_none_are_both_named(alice: Client) -> None:
    submission, page = examined(
        alice,
        answers(
            cover=upload("c.png", b"<svg/>"),
            previews=None,
            content=[upload("m.ckpt", b"\x80\x02}q\x00.")],
            element__0__files="",
        ),
    )

    assert submission.state == "refused"
    assert "c.png: " in page
    assert "m.ckpt: " in page


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
    published(alice, answers())
    before = leftovers()

    other = answers(content=[upload("other.safetensors", packs.lora(9))], element__0__files="")
    submission, page = examined(alice, other)

    assert submission.state == "refused"
    assert "alice/yunhai@1.0.0 is already published with other content: raise the version." in page
    assert Release.objects.count() == 1
    assert leftovers() == before


def test_the_next_version_starts_from_the_one_before_and_keeps_its_files(alice: Client) -> None:
    published(alice, answers())
    page = alice.get(ADDRESS + "?from=yunhai").content.decode()
    assert 'value="1.1.0"' in page
    assert 'value="180.00"' in page
    assert 'name="keep" value="style.safetensors" checked' in page

    given = answers(
        version="1.1.0", base="yunhai", cover=None, previews=None, keep=["cover.png", "style.safetensors"],
        content=[upload("more.txt", b"a bridge in the fog\n")], element__0__files="style.safetensors",
    )  # fmt: skip
    published(alice, given)

    first, second = Release.objects.order_by("published_at")
    sha256 = {row.path: row.asset.blob_id for row in first.assets.all()}
    assert [(row.path, row.role, row.is_cover) for row in second.assets.all()] == [
        ("more.txt", "content", False),
        ("cover.png", "preview", True),
        ("style.safetensors", "content", False),
    ]
    assert second.assets.get(path="cover.png").asset.blob_id == sha256["cover.png"]


def test_nobody_keeps_files_of_somebody_else(cast: Cast, alice: Client) -> None:
    published(alice, answers())

    answer = signed_in(cast.bob.person).post(
        ADDRESS, answers(base="yunhai", keep=["style.safetensors"], content=None, element__0__files="")
    )

    assert answer.status_code == 422
    assert Release.objects.count() == 1
