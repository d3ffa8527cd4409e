"""verify.sh agrees with verify.py: on what both check, the same yes and the same no."""

import subprocess
from pathlib import Path

import pytest

from ledger import verify
from tests.ledger.makers import BundleMaker, MemoryLog, verifier_key, write_folder

SCRIPT = Path(verify.__file__).with_name("verify.sh")
KEY = str(verifier_key())
NEW = BundleMaker(credential=True).members()
OLD = BundleMaker().members()


def sh(*arguments: str) -> tuple[int, str]:
    ran = subprocess.run(["bash", str(SCRIPT), *arguments], capture_output=True, text=True, check=False, timeout=60)
    return ran.returncode, ran.stdout


def entry_by_both(folder: Path, kind: str, entry: bytes, proof: bytes, key: str) -> bool:
    """Whether an entry is proven, by both verifiers."""
    members = {f"entries/{kind}.json": entry, f"proofs/{kind}.tlog-proof": proof}
    write_folder(folder, members)
    code, said = sh("entry", *(str(folder / name) for name in members), key)
    assert said.startswith("OK: " if code == 0 else "FAILED: "), said
    try:
        verify.check(len(entry) <= verify.ENTRY_LIMIT_BYTES, kind, "is too long")
        text = proof.decode()
        note = text.partition("\n\n")[2]
        _origin, size, root = verify.open_log(key, note)
        verify.check_proof(verify.Bundle(folder), kind, entry, note, size, root)
    except (verify.Failed, ValueError):
        assert code == 1, said
        return False
    assert code == 0, said
    return True


def certificate_by_both(folder: Path, certificate: bytes, entry: bytes) -> bool:
    write_folder(folder, {"certificate.jws": certificate, "key.json": entry})
    code, said = sh("certificate", str(folder / "certificate.jws"), str(folder / "key.json"))
    assert said.startswith("OK: " if code == 0 else "FAILED: "), said
    try:
        verify.open_certificate(certificate.decode(), verify.parse_json(entry, "key.json")["body"])
    except (verify.Failed, ValueError):
        assert code == 1, said
        return False
    assert code == 0, said
    return True


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


@pytest.mark.parametrize("kind", ["release", "grant", "key"])
def test_both_find_the_entries_of_a_bundle_in_the_log(kind, tmp_path):
    assert entry_by_both(tmp_path, kind, NEW[f"entries/{kind}.json"], NEW[f"proofs/{kind}.tlog-proof"], KEY)


ENTRY, PROOF = NEW["entries/grant.json"], NEW["proofs/grant.tlog-proof"]
HASHES = PROOF.split(b"\n")[2:5]
ORIGIN = KEY.partition("+")[0]
OTHER = str(verifier_key(origin="elsewhere.example"))


@pytest.mark.parametrize(
    ("entry", "proof", "key"),
    [
        (flipped(ENTRY, 10), PROOF, KEY),
        (ENTRY + b"\n", PROOF, KEY),
        (b"", PROOF, KEY),
        (b"x" * 4097, PROOF, KEY),
        *((ENTRY, flipped(PROOF, PROOF.index(part) + 3), KEY) for part in (b"c2sp", b"index", HASHES[0], HASHES[2])),
        (ENTRY, flipped(PROOF, PROOF.index(b"index 1") + 6), KEY),
        (ENTRY, flipped(PROOF, PROOF.index(b"\n8\n") + 1), KEY),
        (ENTRY, flipped(PROOF, PROOF.rindex(b"\n\n") - 10), KEY),
        (ENTRY, flipped(PROOF, PROOF.index(ORIGIN.encode())), KEY),
        (ENTRY, flipped(PROOF, PROOF.rindex(b" ") + 20), KEY),
        (ENTRY, flipped(PROOF, PROOF.rindex(b" ") + 2), KEY),
        (ENTRY, PROOF[:-1], KEY),
        (ENTRY, PROOF + b"\n", KEY),
        (ENTRY, PROOF.replace(b"\n", b"\r\n"), KEY),
        (ENTRY, PROOF.replace(b"index 1", b"index 01"), KEY),
        (ENTRY, PROOF.replace(b"index 1", b"index -1"), KEY),
        (ENTRY, PROOF.replace(b"index 1", b"index 9"), KEY),
        (ENTRY, PROOF.replace(b"index 1", b"extra AAAA\nindex 1"), KEY),
        (ENTRY, PROOF.replace(HASHES[0] + b"\n", b""), KEY),
        (ENTRY, PROOF.replace(HASHES[0], HASHES[0] + b"\n" + HASHES[0]), KEY),
        (ENTRY, PROOF.replace(HASHES[0], HASHES[0][:-1]), KEY),
        (ENTRY, PROOF.replace(HASHES[0], b"AAAA"), KEY),
        (ENTRY, PROOF.replace(HASHES[0], HASHES[0] + b"\0"), KEY),
        (ENTRY, b"", KEY),
        (ENTRY, NEW["proofs/key.tlog-proof"], KEY),
        (ENTRY, PROOF, OTHER),
        (ENTRY, PROOF, KEY[:-2] + "AA"),
        (ENTRY, PROOF, KEY[:-1]),
        (ENTRY, PROOF, KEY.replace("+", "+0", 1)),
        (ENTRY, PROOF, ""),
        (ENTRY, PROOF, "+"),
    ],
)
def test_both_refuse_what_was_changed(entry, proof, key, tmp_path):
    assert not entry_by_both(tmp_path, "grant", entry, proof, key)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 70])
def test_both_walk_trees_of_any_shape(size, tmp_path):
    log = MemoryLog([b"entry %d" % number for number in range(size)])
    for index in {0, size // 2, size - 1}:
        assert entry_by_both(tmp_path, "grant", log.entries[index], log.proof(index).encode(), KEY)


def test_a_cosigned_checkpoint_is_as_good_for_both(tmp_path):
    line = "— witness.example AAAAAAAA\n"
    assert entry_by_both(tmp_path, "grant", ENTRY, PROOF + line.encode(), KEY)
    assert not entry_by_both(tmp_path, "grant", ENTRY, PROOF + line.encode().replace(b"AAAAAAAA", b"AAAAA"), KEY)


CERTIFICATE, KEY_ENTRY = NEW["certificate.jws"], NEW["entries/key.json"]
HEADER, PAYLOAD, SIGNATURE = CERTIFICATE.split(b".")
FORMER = OLD["certificate.jws"]


@pytest.mark.parametrize("certificate", [CERTIFICATE, FORMER])
def test_both_accept_either_certificate(certificate, tmp_path):
    assert certificate_by_both(tmp_path, certificate, KEY_ENTRY)


@pytest.mark.parametrize(
    ("certificate", "entry"),
    [
        *((flipped(CERTIFICATE, at), KEY_ENTRY) for at in (5, len(HEADER) + 50, len(CERTIFICATE) - 10)),
        (flipped(FORMER, len(FORMER) - 10), KEY_ENTRY),
        (CERTIFICATE + b"\n", KEY_ENTRY),
        (CERTIFICATE + b"=", KEY_ENTRY),
        (CERTIFICATE + b"\0", KEY_ENTRY),
        (CERTIFICATE[:-1], KEY_ENTRY),
        (CERTIFICATE[:-1] + b"_", KEY_ENTRY),
        (HEADER + b"." + PAYLOAD, KEY_ENTRY),
        (HEADER + b"." + PAYLOAD + b".", KEY_ENTRY),
        (FORMER.split(b".")[0] + b"." + PAYLOAD + b"." + SIGNATURE, KEY_ENTRY),
        (b"", KEY_ENTRY),
        (CERTIFICATE, NEW["entries/grant.json"]),
        (CERTIFICATE, KEY_ENTRY.replace(b'"certificates"', b'"claims"')),
        (CERTIFICATE, KEY_ENTRY.replace(b'"x":"', b'"x":"A')),
        (CERTIFICATE, KEY_ENTRY.replace(b'"kid":"', b'"kid":"A', 1)),
    ],
)
def test_both_refuse_a_changed_certificate(certificate, entry, tmp_path):
    assert not certificate_by_both(tmp_path, certificate, entry)


def test_s_and_r_of_every_length_become_der(tmp_path):
    """High bits need a zero before them: ECDSA over P-256 makes one in every other number."""
    for number in range(6):
        members = BundleMaker(claims={"seats": number}).members()
        assert certificate_by_both(tmp_path, members["certificate.jws"], members["entries/key.json"])


def test_wrong_usage_is_another_exit_status(tmp_path):
    for arguments in ([], ["entry"], ["certificate", "nowhere", "nowhere"], ["frobnicate"]):
        assert sh(*arguments) == (2, "")


def test_only_bash_coreutils_and_openssl_are_called():
    words = {line.split()[0] for line in SCRIPT.read_text().splitlines() if line.strip()}
    assert not words & {"python", "python3", "perl", "jq", "xxd", "awk", "node"}
