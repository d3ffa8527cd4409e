"""Alice's files are kept, once; Dave's leave no trace."""

import hashlib
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from PIL import Image

import ledger.operations
from assets import queries
from assets.inspectors import sandbox
from assets.inspectors.base import Finding, Refused
from assets.models import Blob, Fingerprint, PreviewImage
from assets.operations import UnableToAdmit, UnableToPreview, make_previews, sweep
from assets.storage.base import BlobDamaged, BlobMissing
from ledger.models import Entry
from tests.assets import makers as make
from tests.assets.conftest import Traces
from tests.assets.door import CAT, NOW, place_of, send
from tests.assets.hostile import HOSTILE

pytestmark = pytest.mark.django_db


def test_files_are_kept_in_the_order_they_came(traces: Traces) -> None:
    files = [("p.txt", b"a cat"), ("model.safetensors", make.lora()), ("art.png", make.picture())]

    assets = send(files)

    assert [asset.media_type for asset in assets] == ["text/plain", "application/vnd.safetensors", "image/png"]
    assert [asset.blob_id for asset in assets] == [hashlib.sha256(data).hexdigest() for _, data in files]
    assert [asset.blob.size_bytes for asset in assets] == [len(data) for _, data in files]
    assert [asset.facts["kind"] for asset in assets] == ["prompts", "weights", "picture"]
    assert {asset.inspected_at for asset in assets} == {NOW}
    assert traces.rows() == (3, 3, 0, 3)
    assert len(traces.files()) == 3
    entry = Entry.objects.get(subject=f"asset:{CAT}")
    assert entry.statement == {"sha256": CAT, "size_bytes": 5, "media_type": "text/plain"}
    assert entry.stated_at == NOW


def test_the_same_bytes_are_kept_and_stated_once(traces: Traces) -> None:
    (first,) = send([("p.txt", b"a cat")])
    inode = place_of(CAT).stat().st_ino

    again, twin = send([("other/name.txt", b"a cat"), ("twin.txt", b"a cat")], now=NOW + timedelta(days=1))

    assert again == twin == first
    assert again.inspected_at == NOW
    assert place_of(CAT).stat().st_ino == inode
    assert traces.rows() == (1, 1, 0, 1)
    assert len(traces.files()) == 1


def test_what_is_kept_leaves_its_fingerprints_once() -> None:
    (asset,) = send([("model.safetensors", make.lora())])
    send([("again.safetensors", make.lora()), ("p.txt", b"a cat")])

    kept = Fingerprint.objects.order_by("kind").values_list("asset_id", "member", "kind")
    assert list(kept) == [(asset.pk, "", kind) for kind in ("tensor-bag", "tensor-root", "weights-sketch")]
    root = Fingerprint.objects.get(kind="tensor-root")
    assert bytes(root.value).hex() == asset.facts["tensor_root"]


def test_a_file_whose_fingerprints_cannot_be_taken_stays_out(traces: Traces, monkeypatch: pytest.MonkeyPatch) -> None:
    died = Refused([Finding("inspection-did-not-finish", "it stopped.", "p.txt")])
    monkeypatch.setattr(sandbox, "examine_files", lambda files, key, box: [died for _file in files])

    with pytest.raises(UnableToAdmit, match="it stopped"):
        send([("p.txt", b"a cat")])

    assert traces.silent()


def test_the_same_bytes_may_be_two_types_and_one_fact(traces: Traces) -> None:
    data = b'["a cat"]'

    as_text, as_json = send([("p.txt", data), ("p.json", data)])

    assert (as_text.media_type, as_json.media_type) == ("text/plain", "application/json")
    assert traces.rows() == (1, 2, 0, 1)


def test_one_bad_file_keeps_all_out_and_every_finding_is_told(traces: Traces) -> None:
    with pytest.raises(UnableToAdmit) as refusal:
        send([("good.txt", b"a cat"), ("bad.txt", b"a\0cat"), ("model.ckpt", b"\x80\x02}.")])

    assert [finding.code for finding in refusal.value.findings] == ["text-forbidden-character", "pickle-refused"]
    assert [finding.where for finding in refusal.value.findings] == ["bad.txt: line 1", "model.ckpt: name"]
    assert str(refusal.value) == (
        "bad.txt: line 1 holds the hidden or control character U+0000; remove it. (and 1 more finding)"
    )
    assert traces.silent()


def test_every_hostile_file_goes_by_and_leaves_no_trace(traces: Traces) -> None:
    sent = [(hostile.name, hostile.data) for hostile in HOSTILE if hostile.data]

    with pytest.raises(UnableToAdmit) as refusal:
        send([*sent, ("good.txt", b"a cat")])

    assert [finding.code for finding in refusal.value.findings] == [h.code for h in HOSTILE if h.data]
    assert traces.silent()


def test_an_inspection_that_dies_keeps_the_file_out(traces: Traces, settings: pytest.FixtureRequest) -> None:
    settings.ASSET_INSPECTION_MEMORY_BYTES = 120 * 1024**2

    with pytest.raises(UnableToAdmit) as refusal:
        send([("large.png", make.picture("PNG", (4000, 4000)))])

    assert [finding.code for finding in refusal.value.findings] == ["inspection-did-not-finish"]
    assert traces.silent()


def test_a_failure_after_the_bytes_were_stored_leaves_no_row_and_the_sweep_heals(
    traces: Traces, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_kwargs: object) -> None:
        raise RuntimeError("the database went away")

    with monkeypatch.context() as broken:
        broken.setattr(ledger.operations, "state_once", fail)
        with pytest.raises(RuntimeError):
            send([("p.txt", b"a cat")])
    assert traces.rows() == (0, 0, 0, 0)
    assert len(traces.files()) == 1

    now = datetime.now(UTC)
    assert sweep(now=now).blobs == 0  # It may be somebody's who is about to commit.
    assert sweep(now=now + timedelta(hours=2)).blobs == 1
    assert traces.silent()


def test_killed_between_bytes_and_rows_the_sweep_heals_and_the_file_can_come_again(traces: Traces) -> None:
    program = (
        "import os, io, signal, datetime, django; django.setup()\n"
        "from assets import operations\n"
        "from assets.storage.folder import FolderStorage\n"
        "put = FolderStorage.put\n"
        "FolderStorage.put = lambda *a: (put(*a), os.kill(os.getpid(), signal.SIGKILL))\n"
        "now = datetime.datetime.now(datetime.UTC)\n"
        "with operations.receive(stream=io.BytesIO(b'a cat'), name='p.txt') as received:\n"
        "    operations.admit(received=[received], now=now)\n"
    )
    database = connection.settings_dict
    url = f"postgresql://{database['USER']}@/{database['NAME']}?host={database['HOST']}&port={database['PORT']}"
    known = {"DATABASE_URL": url, "WORLDLOOM_DATA": str(traces.folder)}
    environment = os.environ | known
    killed = subprocess.run([sys.executable, "-c", program], env=environment, cwd=Path(__file__).parents[2])

    assert killed.returncode == -9
    assert traces.rows() == (0, 0, 0, 0)
    staged, blob = (p for p in sorted(traces.files(), reverse=True) if p.startswith(("staging/", "blobs/")))
    assert (staged[:8], blob) == ("staging/", str(place_of(CAT).relative_to(traces.folder)))

    swept = sweep(now=datetime.now(UTC) + timedelta(hours=2))
    assert (swept.staged, swept.blobs) == (1, 1)
    assert not [path for path in traces.files() if path.startswith(("staging/", "blobs/"))]
    send([("p.txt", b"a cat")])
    assert traces.rows() == (1, 1, 0, 1)


def test_a_sweep_takes_old_leftovers_and_nothing_else(traces: Traces) -> None:
    send([("p.txt", b"a cat")])
    old, young = (make.written(traces.folder, f"staging/1-{name}", b"x") for name in ("old", "young"))
    unfinished = make.written(traces.folder, "blobs/unfinished/1-a", b"x")
    foreign = make.written(traces.folder, "blobs/aa/bb/notes.txt", b"x")
    for path in (old, unfinished, foreign, place_of(CAT)):
        os.utime(path, (0, 0))

    swept = sweep(now=datetime.now(UTC))

    assert (swept.staged, swept.unfinished, swept.blobs) == (1, 1, 0)
    assert (young.exists(), foreign.exists(), place_of(CAT).exists()) == (True, True, True)


@pytest.mark.parametrize("table", ["assets_blob", "assets_asset", "assets_previewimage"])
@pytest.mark.parametrize("verb", ["DELETE FROM {}", "UPDATE {} SET {}", "TRUNCATE {} CASCADE"])
def test_rows_are_only_ever_added(verb: str, table: str) -> None:
    send([("a.png", make.picture())])
    column = {"assets_blob": "size_bytes = 1", "assets_asset": "facts = '{}'", "assets_previewimage": "width = 1"}

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # A table with checks to come refuses TRUNCATE anyway.
    with pytest.raises(DatabaseError, match="only ever added"), transaction.atomic():
        connection.cursor().execute(verb.format(table, column[table]))


@pytest.mark.parametrize(
    ("sha256", "size_bytes", "constraint"),
    [("A" * 64, 1, "assets_blob_named_by_sha256"), ("0" * 63, 1, "assets_blob_named"), ("0" * 64, 0, "not_empty")],
)
def test_a_blob_is_named_by_a_digest_and_is_not_empty(sha256: str, size_bytes: int, constraint: str) -> None:
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Blob.objects.create(sha256=sha256, size_bytes=size_bytes, stored_at=NOW)


@pytest.mark.parametrize(
    ("width", "widths"), [(2000, [480, 960, 1600]), (1000, [480, 960, 1000]), (300, [300]), (480, [480])]
)
def test_previews_are_made_in_the_widths_that_the_picture_has(width: int, widths: list[int]) -> None:
    (asset,) = send([("a.png", make.picture(size=(width, 60)))])

    previews = make_previews(asset=asset, now=NOW)

    both = [(one, kind) for one in widths for kind in ("image/avif", "image/webp")]
    assert [(preview.width, preview.media_type) for preview in previews] == both
    for preview in previews:
        with Image.open(queries.open_blob(preview.blob_id)) as image:
            assert (image.get_format_mimetype(), image.size) == (preview.media_type, (preview.width, preview.height))


def test_previews_are_made_once_and_are_no_assets(traces: Traces) -> None:
    (asset,) = send([("a.png", make.picture(size=(700, 60)))])

    first = make_previews(asset=asset, now=NOW)
    again = make_previews(asset=asset, now=NOW)

    assert first == again
    assert traces.rows() == (5, 1, 4, 1)
    assert len(traces.files()) == 5
    assert list(asset.previews.order_by("width", "media_type")) == first


def test_only_a_picture_has_previews(traces: Traces) -> None:
    (asset,) = send([("p.txt", b"a cat")])

    with pytest.raises(UnableToPreview, match="not a picture"):
        make_previews(asset=asset, now=NOW)

    assert PreviewImage.objects.count() == 0


def test_a_preview_of_damaged_bytes_is_not_made(traces: Traces) -> None:
    (asset,) = send([("a.png", make.picture())])
    _damage(asset.blob_id)

    with pytest.raises(BlobDamaged):
        make_previews(asset=asset, now=NOW)

    assert traces.rows() == (1, 1, 0, 1)
    assert len(traces.files()) == 1


def test_bytes_are_found_and_read_by_their_digest() -> None:
    (asset,) = send([("p.txt", b"a cat")])

    assert queries.find(CAT) == asset
    assert queries.open_blob(CAT).read() == b"a cat"
    assert list(queries.read_chunks(CAT)) == [b"a cat"]
    assert queries.find("0" * 64) is None
    with pytest.raises(BlobMissing):
        queries.open_blob("0" * 64)


def test_damaged_bytes_are_never_handed_out_whole() -> None:
    data = make.picture("PNG", (1200, 900), compress_level=0)
    (asset,) = send([("a.png", data)])
    _damage(asset.blob_id)

    given = []
    with pytest.raises(BlobDamaged, match="digest"):
        given.extend(queries.read_chunks(asset.blob_id))
    assert sum(map(len, given)) < len(data)

    place_of(asset.blob_id).chmod(0o600)
    place_of(asset.blob_id).write_bytes(data[:-1])
    with pytest.raises(BlobDamaged, match=f"{len(data) - 1} bytes instead of {len(data)}"):
        queries.open_blob(asset.blob_id)

    place_of(asset.blob_id).unlink()
    with pytest.raises(BlobMissing):
        queries.open_blob(asset.blob_id)


def _damage(sha256: str) -> None:
    place = place_of(sha256)
    place.chmod(0o600)
    data = bytearray(place.read_bytes())
    data[len(data) // 2] ^= 1
    place.write_bytes(data)
