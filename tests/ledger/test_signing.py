"""Keys in files: made once, closed to others, and signatures that other libraries accept."""

import base64
import contextlib
import json
import os
import stat
import subprocess
import sys

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP384R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jws
from joserfc.jwk import import_key
from jwcrypto import jwk as jwcrypto_jwk
from jwcrypto import jws as jwcrypto_jws

from ledger.signing.base import ALGORITHM_OF, UnableToLoadKey
from ledger.signing.checking import verifies
from ledger.signing.files import FileKeys
from ledger.signing.jwk import public_jwk, thumbprint
from ledger.signing.jws import sign_compact


@pytest.fixture
def keys(tmp_path) -> FileKeys:
    return FileKeys(tmp_path / "keys")


def test_each_use_has_its_own_key_and_keeps_it(keys, tmp_path):
    log, certificates = keys.signer("log"), keys.signer("certificates")
    assert (log.algorithm, certificates.algorithm) == ("Ed25519", "ES256")
    assert log.kid != certificates.kid
    assert FileKeys(tmp_path / "keys").signer("log").kid == log.kid
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == ["certificates.pem", "log.pem"]


def test_only_their_owner_may_read_the_files(keys, tmp_path):
    keys.signer("log")
    path = tmp_path / "keys" / "log.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.chmod(0o640)
    with pytest.raises(UnableToLoadKey, match=r"is open to other users, so close it with `chmod 600 .*log\.pem`"):
        keys.signer("log")


def test_signatures_verify_with_the_public_half(keys):
    log, certificates = keys.signer("log"), keys.signer("certificates")
    log.public_key.verify(log.sign(b"checkpoint"), b"checkpoint")
    with pytest.raises(InvalidSignature):
        log.public_key.verify(log.sign(b"checkpoint"), b"another")
    raw = certificates.sign(b"certificate")
    assert len(raw) == 64
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    certificates.public_key.verify(der, b"certificate", ECDSA(SHA256()))


def test_processes_that_start_together_end_with_the_same_key(tmp_path):
    script = (
        "import sys; from pathlib import Path; from ledger.signing.files import FileKeys;"
        "print(FileKeys(Path(sys.argv[1])).signer('log').kid)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "keys")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    kids = {process.communicate(timeout=60)[0] for process in running}
    assert len(kids) == 1
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["log.pem"]


def test_losing_the_race_keeps_the_winners_key(keys, tmp_path, monkeypatch):
    link = os.link

    def somebody_was_first(source, target):
        FileKeys(tmp_path / "keys")._folder.joinpath("log.pem").write_bytes(winner)
        target.chmod(0o600)
        link(source, target)

    other = FileKeys(tmp_path / "other")
    kid = other.signer("log").kid
    winner = (tmp_path / "other" / "log.pem").read_bytes()
    monkeypatch.setattr("os.link", somebody_was_first)
    assert keys.signer("log").kid == kid
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["log.pem"]


def pem_of(key) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    ("use", "content", "reason"),
    [
        ("log", b"not a key", "is not an unencrypted private key in PEM"),
        ("log", pem_of(generate_private_key(SECP384R1())), "does not hold a key for Ed25519"),
        ("certificates", pem_of(generate_private_key(SECP384R1())), "does not hold a key for ES256"),
    ],
)
def test_files_that_hold_something_else_are_refused(keys, tmp_path, use, content, reason):
    keys.signer(use)
    path = tmp_path / "keys" / f"{use}.pem"
    path.write_bytes(content)
    with pytest.raises(UnableToLoadKey, match=reason) as refused:
        keys.signer(use)
    assert refused.value.use == use
    assert path.read_bytes() == content


def test_thumbprints_are_those_of_rfc_8037_appendix_a():
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    assert thumbprint(jwk) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_keys_of_other_curves_have_no_jwk_here():
    with pytest.raises(ValueError, match="only Ed25519, P-256 and ML-DSA-44"):
        public_jwk(generate_private_key(SECP384R1()).public_key())


def test_certificates_are_accepted_by_two_other_libraries(keys):
    signer = keys.signer("certificates")
    token = sign_compact({"jti": "g", "licensee": "织界影业"}, typ="worldloom-license+jwt", signer=signer)
    opened = jws.deserialize_compact(token, import_key(signer.public_jwk), algorithms=["ES256"])
    assert json.loads(opened.payload) == {"jti": "g", "licensee": "织界影业"}
    assert opened.headers() == {"alg": "ES256", "kid": signer.kid, "typ": "worldloom-license+jwt"}
    other = jwcrypto_jws.JWS()
    other.deserialize(token, jwcrypto_jwk.JWK(**signer.public_jwk))
    assert other.payload == opened.payload
    assert jwcrypto_jwk.JWK(**signer.public_jwk).thumbprint() == signer.kid


def test_a_cosignature_key_signs_as_fips_204_says(keys):
    signer = keys.signer("cosignatures")
    assert signer.public_jwk.keys() == {"kty", "alg", "pub"}
    assert (signer.public_jwk["kty"], signer.public_jwk["alg"]) == ("AKP", "ML-DSA-44")
    raw = base64.urlsafe_b64decode(signer.public_jwk["pub"] + "==")
    signature = signer.sign(b"checkpoint")
    assert (len(raw), len(signature)) == (1312, 2420)
    MLDSA44PublicKey.from_public_bytes(raw).verify(signature, b"checkpoint")
    assert not verifies(signer.public_key, b"another", signature)


def test_without_ml_dsa_in_the_library_there_is_no_cosignature_key(keys, monkeypatch):
    assert keys.offers("cosignatures")
    monkeypatch.setattr("ledger.signing.files._has_mldsa", lambda: False)
    assert [use for use in ALGORITHM_OF if keys.offers(use)] == ["log", "certificates", "claims"]


def test_the_next_key_waits_beside_the_one_that_signs(keys, tmp_path):
    first = keys.signer("log")
    following = keys.prepare("log", after=first.kid)
    assert keys.prepare("log", after=first.kid).kid == following.kid
    assert [one.kid for one in keys.signers("log")] == [first.kid, following.kid]
    assert names_in(tmp_path) == sorted(["log.pem", "log.next.pem", f"log.{following.kid}.pem"])
    keys.select("log", following.kid)
    keys.select("log", following.kid)
    assert [one.kid for one in keys.signers("log")] == [following.kid, first.kid]
    assert names_in(tmp_path) == sorted(["log.pem", f"log.{first.kid}.pem", f"log.{following.kid}.pem"])
    with pytest.raises(UnableToLoadKey, match="nobody is not in"):
        keys.select("log", "nobody")


def names_in(tmp_path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "keys").iterdir() if not path.name.startswith("."))


STEPS = ["os.open", "os.link", "os.fsync", "pathlib.Path.replace", "pathlib.Path.unlink"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("number", range(4))
def test_a_rotation_killed_at_any_step_loses_no_key_and_is_gone_on_with(keys, tmp_path, monkeypatch, step, number):
    first = keys.signer("log")
    owner, _, name = step.rpartition(".")
    target = os if owner == "os" else type(tmp_path)
    real, calls = getattr(target, name), iter(range(100))

    def killed(*arguments, **named):
        if next(calls) == number:
            raise KeyboardInterrupt
        return real(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(target, name, killed)
        with contextlib.suppress(KeyboardInterrupt):
            keys.select("log", keys.prepare("log", after=first.kid).kid)
    left = {one.kid for one in keys.signers("log")}
    assert first.kid in left
    if keys.signer("log").kid == first.kid:
        keys.select("log", keys.prepare("log", after=first.kid).kid)
    following = keys.signer("log")
    assert left <= {first.kid, following.kid} == {one.kid for one in keys.signers("log")}
    after = keys.prepare("log", after=following.kid)
    assert after.kid not in (first.kid, following.kid)
    assert {one.kid for one in keys.signers("log")} == {first.kid, following.kid, after.kid}


def test_a_lost_current_key_is_not_replaced_while_others_are_there(keys, tmp_path):
    first = keys.signer("log")
    keys.select("log", keys.prepare("log", after=first.kid).kid)
    (tmp_path / "keys" / "log.pem").unlink()
    with pytest.raises(
        UnableToLoadKey, match=r"log\.pem is gone while log\..*\.pem is there: restore it from a backup"
    ):
        keys.signer("log")
    assert not (tmp_path / "keys" / "log.pem").exists()


def test_a_former_key_that_others_may_read_is_refused_too(keys, tmp_path):
    first = keys.signer("log")
    keys.select("log", keys.prepare("log", after=first.kid).kid)
    (tmp_path / "keys" / f"log.{first.kid}.pem").chmod(0o604)
    with pytest.raises(UnableToLoadKey, match="is open to other users"):
        keys.signers("log")


@pytest.mark.parametrize("length", [0, 63, 65, 128])
def test_a_raw_signature_of_another_length_never_verifies(keys, length):
    for use in ("log", "certificates"):
        signer = keys.signer(use)
        assert not verifies(signer.public_key, b"x", (signer.sign(b"x") * 2)[:length])
        assert not verifies(signer.public_key, b"x", bytes(64))
        assert not verifies(signer.public_key, b"x", b"\xff" * 64)


def test_a_signer_shows_no_secret(keys):
    assert repr(keys.signer("log")) == f"FileSigner(Ed25519, {keys.signer('log').kid})"


def test_a_rotation_that_another_process_ends_meanwhile_hides_no_key(keys, monkeypatch):
    old = keys.signer("log")
    upcoming = keys.prepare("log", after=old.kid)
    listed = FileKeys._others

    def ended_by_another(self, use):
        found = list(listed(self, use))
        monkeypatch.undo()
        keys.select("log", upcoming.kid)
        return iter(found)

    monkeypatch.setattr(FileKeys, "_others", ended_by_another)

    assert {one.kid for one in keys.signers("log")} == {old.kid, upcoming.kid}
    assert keys.signer("log").kid == upcoming.kid
    assert not any(path.name == "log.next.pem" for path in listed(keys, "log"))
