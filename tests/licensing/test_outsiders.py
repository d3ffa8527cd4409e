"""A bundle that Carol downloads, an unpacked folder, and the tools of others: nothing of ours takes part."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import cbor2
from django.test import Client

import ledger.queries
from marketplace.licensing import bundles
from marketplace.licensing.models import Grant
from tests.ledger.attestations.test_cose import verify as verify_receipt
from tests.ledger.attestations.test_modelsigning import by_model_signing, by_sigstore

SITE = "http://testserver"


def unpacked(grant: Grant, folder: Path) -> Path:
    """The bundle as a folder, and beside it what is published: the key that its README names, and the trusted root."""
    path = folder / "bundle.zip"
    path.write_bytes(b"".join(bundles.stream(grant, site=SITE)))
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder / "bundle")
    words = (folder / "bundle/README.txt").read_text().split()
    (address,) = [word.removeprefix(SITE) for word in words if word.startswith(f"{SITE}/keys/")]
    (folder / "bundle/key.pem").write_bytes(Client().get(address).content)
    (folder / "bundle/root.json").write_bytes(Client().get("/log/trusted-root.json").content)
    return folder / "bundle"


def test_their_tools_accept_what_carol_downloads(sealed: Grant, tmp_path: Path) -> None:
    folder = unpacked(sealed, tmp_path)
    signature = json.loads((folder / "model.sigstore.json").read_bytes())
    published = Client().get(f"/releases/{sealed.release.digest}/model.sigstore.json")
    assert published.headers["Content-Type"] == "application/vnd.dev.sigstore.bundle.v0.3+json"
    assert published.json() == signature
    assert by_model_signing(folder, signature) == (True, "Verification succeeded\n")
    assert by_sigstore(folder, signature) == ["OK"]

    receipt, entry = ((folder / name).read_bytes() for name in ("receipt.cose", "entries/grant.json"))
    log = ledger.queries.signer("log").public_key
    assert verify_receipt(receipt, entry, log) == {1: "localhost/worldloom", 2: f"grant:{sealed.pk}"}  # type: ignore[arg-type]
    assert cbor2.loads(receipt).tag == 18

    script = folder.parent / "verify.sh"
    script.write_bytes(Client().get("/verify.sh").content)
    key = str(ledger.queries.verifier_key())
    for kind in ("grant", "key", "release", "creator-key"):
        subprocess.run(
            ["bash", script, "entry", f"entries/{kind}.json", f"proofs/{kind}.tlog-proof", key], cwd=folder, check=True
        )
    subprocess.run(["bash", script, "certificate", "certificate.jws", "entries/key.json"], cwd=folder, check=True)
    verifier = folder.parent / "verify.py"
    verifier.write_bytes(Client().get("/verify.py").content)
    subprocess.run([sys.executable, verifier, folder.with_suffix(".zip"), "--key", key], check=True)


def test_nothing_is_signed_for_releases_that_are_not_there(sealed: Grant) -> None:
    assert Client().get(f"/releases/{'0' * 64}/model.sigstore.json").status_code == 404


def test_a_signature_is_public_once_the_log_proves_it(grant: Grant) -> None:
    assert Client().get(f"/releases/{grant.release.digest}/model.sigstore.json").status_code == 404
