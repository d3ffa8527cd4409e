"""What a licensee downloads: the same bytes each time, whole, and in flat memory."""

import hashlib
import io
import json
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ledger.operations
import ledger.queries
from assets.storage.base import BlobMissing
from ledger import verify
from marketplace.licensing import bundles
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Grant
from tests.cast import later

SITE = "http://testserver"
PAPERS = {
    "README.txt",
    "bundle.json",
    "certificate.jws",
    "checkpoint",
    "entries/creator-key.json",
    "entries/grant.json",
    "entries/key.json",
    "entries/release.json",
    "licensee.json",
    "log.vkey",
    "manifest.json",
    "model.sigstore.json",
    "proofs/creator-key.tlog-proof",
    "proofs/grant.tlog-proof",
    "proofs/key.tlog-proof",
    "proofs/release.tlog-proof",
    "receipt.cose",
    "terms.en.txt",
    "terms.json",
    "terms.zh-Hans.txt",
}


def opened(grant: Grant) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(b"".join(bundles.stream(grant, site=SITE))))


def test_a_bundle_holds_its_papers_its_files_and_nothing_else(sealed: Grant) -> None:
    bundle = opened(sealed)
    manifest = json.loads(bundle.read("manifest.json"))

    assert bundle.testzip() is None
    names = [name for name in bundle.namelist() if not name.startswith("credentialed/")]
    assert sorted(names) == sorted(PAPERS | {f"files/{asset['path']}" for asset in manifest["assets"]})
    for asset in manifest["assets"]:
        data = bundle.read(f"files/{asset['path']}")
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (asset["sha256"], asset["size_bytes"])
    assert bundle.read("certificate.jws").decode() == sealed.certificate
    assert hashlib.sha256(bundle.read("terms.json")).hexdigest() == sealed.terms_id
    assert hashlib.sha256(bundle.read("manifest.json")).hexdigest() == sealed.release.digest


def test_the_verifier_that_strangers_run_accepts_it(sealed: Grant, tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    path.write_bytes(b"".join(bundles.stream(sealed, site=SITE)))
    release = json.loads(opened(sealed).read("entries/release.json"))

    found = verify.verify(path, str(ledger.queries.verifier_key()))

    assert (found["grant"], found["licensee"]) == (str(sealed.pk), "Lantern Films")
    assert found["signed_by"] == release["signatures"][0]["kid"]
    assert [one for one in found["unchecked"] if one != "what credentialed says"] == [
        "whether the license was revoked later (now: http://127.0.0.1:8000/credentials/status/revocation/0,"
        " http://127.0.0.1:8000/credentials/status/suspension/0)",
        "what README.txt says",
        "what model.sigstore.json says",
        "what receipt.cose says",
    ]


def test_copies_with_content_credentials_lie_beside_the_files(
    sealed: Grant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (picture, *_rest) = json.loads(bytes(sealed.release.manifest))["assets"]
    before = bundles.prepare(sealed, site=SITE).digest
    monkeypatch.setattr(bundles.credentialed, "copies", lambda _grant: {picture["path"]: picture["sha256"]})
    path = tmp_path / "bundle.zip"
    path.write_bytes(b"".join(bundles.stream(sealed, site=SITE)))

    with zipfile.ZipFile(path) as archive:
        copy, listed = archive.read(f"credentialed/{picture['path']}"), json.loads(archive.read("bundle.json"))
    assert hashlib.sha256(copy).hexdigest() == picture["sha256"]
    assert listed["for_others"][f"credentialed/{picture['path']}"] == picture["sha256"]
    assert "what credentialed says" in verify.verify(path)["unchecked"]
    assert bundles.prepare(sealed, site=SITE).digest != before


def test_the_same_license_gives_the_same_bytes(sealed: Grant) -> None:
    first, second = (bundles.prepare(Grant.objects.get(), site=SITE) for _ in range(2))

    assert b"".join(first.chunks()) == b"".join(second.chunks())
    assert first.digest == second.digest


def test_other_papers_give_another_name(sealed: Grant) -> None:
    first = bundles.prepare(sealed, site=SITE)
    licensing.set_status(grant=sealed, status="suspended", reason="disputed", now=later(days=1))
    licensing.set_status(grant=sealed, status="active", reason="won", now=later(days=1))
    ledger.operations.seal(now=later(days=1))

    assert bundles.prepare(sealed, site=SITE).digest != first.digest
    assert bundles.prepare(sealed, site="http://elsewhere").digest != first.digest


def test_a_bundle_waits_for_its_proof(grant: Grant) -> None:
    with pytest.raises(bundles.ProofPending, match=f"The proof of license {grant.pk} is being sealed"):
        bundles.stream(grant, site=SITE)


@pytest.mark.parametrize(
    ("status", "sentence"),
    [("suspended", "is suspended while its payment is disputed"), ("revoked", "is revoked, since its payment")],
)
def test_what_is_not_active_is_not_given(sealed: Grant, status: str, sentence: str) -> None:
    licensing.set_status(grant=sealed, status=status, reason="disputed", now=later(days=1))

    with pytest.raises(bundles.NotDownloadable, match=sentence):
        bundles.stream(sealed, site=SITE)


def test_a_lost_file_fails_before_the_first_byte(sealed: Grant, settings: Any) -> None:
    for path in (settings.DATA_FOLDER / "blobs").rglob("*"):
        if path.is_file():
            path.unlink()

    with pytest.raises(BlobMissing):
        bundles.stream(sealed, site=SITE)


class Large(io.RawIOBase):
    """Zeros that are nowhere."""

    def __init__(self, size_bytes: int) -> None:
        self.left = size_bytes

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        taken = min(self.left, size)
        self.left -= taken
        return bytes(taken)


def test_a_large_file_flows_through_in_flat_memory(sealed: Grant, monkeypatch: pytest.MonkeyPatch) -> None:
    chunk = 1024 * 1024
    size_bytes = 200 * chunk
    bundle = bundles.prepare(sealed, site=SITE)
    manifest = {"assets": [{"path": "large", "sha256": "0" * 64, "size_bytes": size_bytes}]}
    papers = {**bundle.papers, "manifest.json": json.dumps(manifest).encode()}
    source = Large(size_bytes)
    monkeypatch.setattr(bundles.assets.queries, "read_chunks", lambda _sha256: iter(lambda: source.read(chunk), b""))

    def chunks() -> Iterator[bytes]:
        return bundles.Bundle(sealed, papers).chunks()

    tracemalloc.start()
    sent = sum(len(chunk) for chunk in chunks())
    _now, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert sent > size_bytes
    assert peak_bytes < 8 * chunk
