"""Pictures on pages: AVIF beside WebP, colors while they load, drawings of files, the right type for each address."""

import base64
import io
import re

import pytest
from django.test import Client
from PIL import Image

from assets.models import Asset, PreviewImage
from assets.operations import make_all_previews, make_previews
from marketplace.catalog.models import ReleaseAsset
from marketplace.storefront import pictures
from tests.assets import makers as make
from tests.assets.door import send
from tests.cast import NOON
from tests.storefront.market import Market

FIELD = "ff0000" * 4 + "00ff00" * 4 + "0000ff" * 4


def address(media_type: str, asset: Asset) -> str:
    image = PreviewImage.objects.filter(asset=asset, media_type=media_type).order_by("width").first()
    assert image is not None
    return pictures.address(image)


def test_a_color_field_is_a_picture_of_four_by_three_pixels() -> None:
    uri = pictures.field(FIELD)

    kind, _comma, data = uri.partition(",")
    picture = Image.open(io.BytesIO(base64.b64decode(data)))
    assert kind == "data:image/png;base64"
    assert picture.size == (4, 3)
    assert [picture.getpixel((0, row)) for row in range(3)] == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]


def test_only_webp_stands_where_every_browser_looks() -> None:
    rows = [
        PreviewImage(width=width, height=width, media_type=kind, blob_id=f"{width:064d}", color_field=FIELD)
        for width in (960, 480)
        for kind in ("image/avif", "image/webp")
    ]

    shown = pictures.shown(rows)

    assert shown["src"] == f"/media/{480:064d}.webp"
    assert shown["srcset"] == f"/media/{480:064d}.webp 480w, /media/{960:064d}.webp 960w"
    assert shown["avif"] == f"/media/{480:064d}.avif 480w, /media/{960:064d}.avif 960w"
    assert shown["field"] == pictures.field(FIELD)
    assert pictures.shown([]) == {"src": "", "srcset": "", "avif": "", "field": ""}


def test_a_pack_shows_its_cover_in_both_types_over_its_colors(client: Client, sealed: Market) -> None:
    cover = ReleaseAsset.objects.get(release=sealed.world, is_cover=True).asset
    make_previews(asset=cover, now=NOON)

    page = client.get("/packs/alice/yunhai").content.decode()

    gallery = page.partition('<ul class="gallery">')[2].partition("</ul>")[0]
    first = re.search(r"<picture>(.*?)</picture>", gallery, re.DOTALL)
    assert first is not None
    source, picture = re.findall(r"<(?:source|img)[^>]*>", first[1])
    assert 'type="image/avif"' in source
    assert address("image/avif", cover) in source
    assert address("image/webp", cover) in picture
    assert 'class="field" src="data:image/png;base64,' in gallery


@pytest.mark.parametrize("media_type", ["image/webp", "image/avif"])
def test_an_address_answers_with_its_own_type_for_ever(client: Client, sealed: Market, media_type: str) -> None:
    cover = ReleaseAsset.objects.get(release=sealed.world, is_cover=True).asset
    make_previews(asset=cover, now=NOON)

    answer = client.get(address(media_type, cover))

    other = {"image/webp": "image/avif", "image/avif": "image/webp"}[media_type]
    digest = address(other, cover).partition(".")[0]
    assert client.get(digest + address(media_type, cover)[-5:]).status_code == 404
    assert answer.headers["Content-Type"] == media_type
    assert "immutable" in answer.headers["Cache-Control"]
    assert Image.open(io.BytesIO(b"".join(answer))).get_format_mimetype() == media_type  # type: ignore[arg-type]


def test_what_is_drawn_of_weights_is_shown_beside_the_files_with_words(client: Client, sealed: Market) -> None:
    weights = ReleaseAsset.objects.get(release=sealed.world, path="style.safetensors").asset
    make_all_previews(assets=[weights], now=NOON)

    page = client.get("/packs/alice/yunhai").content.decode()

    assert 'alt="How strongly style.safetensors changes each layer, and its singular values by rank"' in page
    assert 'width="960" height="540"' in page
    assert client.get(address("image/avif", weights)).status_code == 200


def test_a_drawing_that_no_release_shows_stays_hidden(client: Client, db: None) -> None:
    (weights,) = send([("mine.safetensors", make.lora())])
    make_all_previews(assets=[weights], now=NOON)

    assert client.get(address("image/webp", weights)).status_code == 404


def test_a_copy_of_a_content_picture_stays_hidden(client: Client, sealed: Market) -> None:
    cover = ReleaseAsset.objects.get(release=sealed.world, is_cover=True).asset
    make_previews(asset=cover, now=NOON)
    (secret,) = send([("secret.png", make.picture(size=(50, 40)))])
    make_previews(asset=secret, now=NOON)

    assert client.get(address("image/webp", cover)).status_code == 200
    assert client.get(address("image/webp", secret)).status_code == 404
