"""Anybody asks; the answer is one sentence that claims no more than what was registered."""

import pytest
from django.test import Client

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
