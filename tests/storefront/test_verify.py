"""Anybody asks; the answer is one sentence that claims no more than what was registered."""

from pathlib import Path

import numpy as np
import pytest
from django.test import Client
from PIL import Image

from assets.originality import pictures
from ledger.schemas import FOREIGN_TYPE, SCHEMAS
from marketplace.intake.operations import publish_folder
from marketplace.storefront import words
from tests import packs
from tests.cast import NOON
from tests.storefront.market import Market, browser_of


def verdict(client: Client, digest: str) -> tuple[int, str]:
    response = client.get("/verify", {"digest": digest})
    return response.status_code, response.content.decode()


def cover(market: Market) -> str:
    return str(market.world.assets.get(is_cover=True).asset.blob_id)


def test_a_registered_file_matches_what_alice_registered(client: Client, sealed: Market) -> None:
    status, page = verdict(client, cover(sealed))

    assert status == 200
    assert "This file matches what was registered by Alice on Nov 22, 2026." in page
    assert 'class="verdict ok"' in page
    assert "authentic" not in page.lower()
    assert "/packs/alice/yunhai?version=1.0.0" in page
    assert "c2sp.org/tlog-proof@v1" in page
    assert "python verify.py" in page


def test_a_match_that_is_not_sealed_yet_is_no_green_one(client: Client, market: Market) -> None:
    _status, page = verdict(client, cover(market))

    assert "This file matches what was registered by Alice" in page
    assert 'class="verdict neutral"' in page
    assert "c2sp.org/tlog-proof@v1" not in page


def test_a_manifest_matches_its_release(client: Client, sealed: Market) -> None:
    _status, page = verdict(client, f" SHA256:{sealed.world.digest.upper()}\n")

    assert "This matches the manifest of “Sea of Clouds” 1.0.0, registered by Alice on Nov 22, 2026." in page


def test_what_is_unknown_is_not_called_false(client: Client, sealed: Market) -> None:
    status, page = verdict(client, "ab" * 32)

    assert status == 200
    assert "This is not registered here." in page
    assert "says nothing against the file" in page


@pytest.mark.parametrize("digest", ["", "xyz", "0" * 63, "0" * 65, "\x00", "<script>alert(1)</script>", "g" * 64])
def test_what_is_no_digest_is_refused_in_a_sentence(client: Client, db: None, digest: str) -> None:
    status, page = verdict(client, digest)

    assert status == 422
    assert 'role="alert"' in page
    assert "<script>alert" not in page


def test_the_log_is_static_files_that_stay(sealed: Market, client: Client) -> None:
    checkpoint = client.get("/log/checkpoint")
    assert checkpoint["Content-Type"] == "text/plain; charset=utf-8"
    assert "max-age=5" in checkpoint["Cache-Control"]
    size = int(checkpoint.content.decode().split("\n")[1])

    for address in (f"/log/tile/0/000.p/{size}", f"/log/tile/entries/000.p/{size}"):
        tile = client.get(address)
        assert (tile.status_code, tile["Content-Type"]) == (200, "application/octet-stream")
        assert "immutable" in tile["Cache-Control"]
    assert f"{size:,}" in client.get("/log/").content.decode()


def test_no_other_file_is_behind_the_log(sealed: Market, client: Client) -> None:
    for path in (
        "0/001",
        "9/000",
        "../checkpoint",
        "0/../../../keys/log",
        "entries/%2e%2e/000",
        "0/000.p/999",
        "0/000.p/0000",
        "x/000",
    ):
        assert client.get(f"/log/tile/{path}").status_code == 404, path


def test_every_type_of_entry_has_words() -> None:
    assert set(words.ENTRY_TYPES) == {*SCHEMAS, FOREIGN_TYPE}


def test_the_log_has_a_page_before_its_first_seal(client: Client, db: None) -> None:
    assert client.get("/log/checkpoint").status_code == 404
    assert "Nothing is sealed yet" in client.get("/log/").content.decode()


def test_the_verifier_is_there_to_be_read(client: Client, db: None) -> None:
    response = client.get("/verify.py")

    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert response.content.startswith(b'"""Verify a Worldloom bundle offline')


def test_previews_are_public_immutable_and_nothing_else_is(market: Market) -> None:
    client = browser_of(None)
    shown = market.world.assets.get(is_cover=True).asset
    image = shown.previews.filter(media_type="image/webp").order_by("width").first()

    sent = client.get(f"/media/{image.blob_id}.webp")
    assert (sent.status_code, sent["Content-Type"]) == (200, "image/webp")
    assert "immutable" in sent["Cache-Control"]
    assert sent["ETag"] == f'"{image.blob_id}"'
    assert b"".join(sent.streaming_content)[8:12] == b"WEBP"  # type: ignore[arg-type]
    again = client.get(f"/media/{image.blob_id}.webp", headers={"If-None-Match": sent["ETag"]})
    assert again.status_code == 304

    content = market.world.assets.get(path="style.safetensors").asset
    for other in (content.blob_id, shown.blob_id, "0" * 64):
        assert client.get(f"/media/{other}.webp").status_code == 404


def looks_of(picture: Image.Image) -> str:
    """The PDQ hashes that the browser would send for a picture."""
    luma = pictures._luma(picture)
    turns = pictures._turns(luma, (0, luma.shape[0], 0, luma.shape[1]))
    return "".join(pictures.pdq_of_grid(turn).tobytes().hex() for turn in turns)


def scenery(seed: int) -> Image.Image:
    """A picture with enough to see."""
    chance = np.random.default_rng(seed)
    small = Image.fromarray(chance.integers(0, 255, (12, 12, 3), dtype=np.uint8))
    return small.resize((600, 600), Image.Resampling.BICUBIC)


def test_a_re_saved_picture_looks_like_what_alice_published_and_is_no_match(
    client: Client, market: Market, tmp_path: Path
) -> None:
    folder = packs.write(tmp_path / "shan", handle="shan")
    scenery(1).save(folder / "cover.png")
    publish_folder(folder=folder, creator=market.cast.alice, now=NOON)
    resaved = scenery(1).resize((300, 300)).transpose(Image.Transpose.FLIP_LEFT_RIGHT)

    page = client.get("/verify", {"digest": "ab" * 32, "looks": looks_of(resaved)}).content.decode()

    assert "This is not registered here." in page
    assert "It looks like" in page
    assert "alice/shan 1.0.0" in page
    assert "a lead, not a match" in page
    assert "verdict ok" not in page

    other = client.get("/verify", {"digest": "ab" * 32, "looks": looks_of(scenery(2))}).content.decode()
    assert "It looks like" not in other


@pytest.mark.parametrize("looks", ["", "xyz", "ab" * 31, "ab" * 32 * 9, "AB" * 32])
def test_what_is_no_print_of_a_picture_looks_like_nothing(client: Client, market: Market, looks: str) -> None:
    response = client.get("/verify", {"digest": "ab" * 32, "looks": looks})

    assert response.status_code == 200
    assert "It looks like" not in response.content.decode()
