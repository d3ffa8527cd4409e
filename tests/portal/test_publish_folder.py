"""Alice publishes a folder by its pack.toml, through the browser."""

from typing import Any

import pytest
from django.test import Client

from marketplace.catalog.models import Release
from marketplace.licensing.models import Offer
from marketplace.portal.views.publish import SAMPLE
from tests import packs
from tests.cast import on_stage
from tests.portal.sending import FOLDER, published, refused, signed_in, upload


@pytest.fixture
def alice(db: None) -> Client:
    return signed_in(on_stage().alice.person)


def folder(*names: str, toml: str = SAMPLE) -> dict[str, Any]:
    data = {
        "pack.toml": toml.encode(),
        "cover.webp": packs.picture(form="WEBP"),
        "wanderer.safetensors": packs.lora(),
        ".DS_Store": b"junk",
    }
    return {"folder": [upload(name, data[name]) for name in names or data]}


def test_the_sample_folder_is_published_as_its_toml_says(alice: Client) -> None:
    release = published(alice, folder(), FOLDER)

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
    published(alice, folder(), FOLDER)
    free = SAMPLE.replace("1.0.0", "1.1.0") + '[[derived_from]]\nrelease = "alice/sea-of-clouds@1.0.0"\nshare_ppb = 0\n'

    answer = alice.post(FOLDER, folder(toml=free))

    assert answer.status_code == 422
    assert Release.objects.count() == 1
