"""Pictures that come with Content Credentials are taken and keep their history; other things in their place are not."""

import struct
from pathlib import Path

import pytest

from assets import queries
from assets.inspectors.base import Refused
from assets.inspectors.dispatch import inspect_file
from assets.operations import sign_originals
from ledger.credentials.base import Origin
from tests.assets import makers as make
from tests.assets.door import NOW, send
from tests.cast import creator
from tests.ledger.credentials.pictures import FORMATS, ORIGINAL, read, said_of, signed

pytestmark = pytest.mark.django_db

CAMERA = Origin(sha256=ORIGINAL, media_type="image/png", how="itself")
NAMES = {"image/jpeg": "a.jpg", "image/png": "a.png", "image/webp": "a.webp", "image/avif": "a.avif"}
BOX = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")


def test_pictures_that_tools_signed_are_taken_and_a_licensed_copy_keeps_their_history() -> None:
    bob, alice = creator("bob"), creator("alice")
    files = [(NAMES[kind], signed(said_of(bob, title="bob/camera@1.0.0"), kind, CAMERA)) for kind in FORMATS]

    taken = send(files)
    copies = sign_originals(
        credentials={asset: said_of(alice, name=name) for asset, (name, _data) in zip(taken, files, strict=True)},
        now=NOW,
    )

    assert [asset.media_type for asset in taken] == list(FORMATS)
    for asset in taken:
        with queries.open_blob(copies[asset.pk]) as file:
            said = read(file.read(), asset.media_type)
        assert said.state == "Trusted"
        assert said.manifest is not None
        (ingredient,) = said.manifest["ingredients"]
        assert ingredient["relationship"] == "parentOf"
        assert ingredient["active_manifest"]


def box(body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + b"uuid" + body


def chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def webp_with(*chunks: bytes) -> bytes:
    body = make.picture("WEBP", (40, 30))[8:] + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("a.avif", make.picture("AVIF", (40, 30)) + box(bytes(16) + b"anything"), "picture-malformed"),
        ("a.avif", make.picture("AVIF", (40, 30)) + 2 * box(BOX + b"anything"), "picture-malformed"),
        ("a.avif", make.picture("AVIF", (40, 30)) + box(BOX + b"<script>1</script>"), "picture-active-metadata"),
        ("a.webp", webp_with(chunk(b"C2PA", b"anything"), chunk(b"EXIF", b"anything")), "picture-malformed"),
        ("a.webp", webp_with(chunk(b"C2PA", b"<script>1</script>")), "picture-active-metadata"),
    ],
)
def test_other_things_in_their_place_are_refused(name: str, data: bytes, code: str, tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        inspect_file(make.written(tmp_path, "f", data), name)

    assert [finding.code for finding in refused.value.findings] == [code]
