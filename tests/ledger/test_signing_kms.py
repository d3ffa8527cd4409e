"""Keys in a KMS: what we ask of the service, and what we do not believe of its answers."""

import shlex
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from ledger.signing import kms as adapter
from ledger.signing.base import UnableToLoadKey, UnableToSign
from ledger.signing.checking import raw_ecdsa, verifies
from ledger.signing.kms import KmsKeys
from tests.ledger.kms_server import ACCESS_KEY, Kms, running

SPECS = {"log": "ECC_NIST_EDWARDS25519", "certificates": "ECC_NIST_P256", "cosignatures": "ML_DSA_44"}


@pytest.fixture(scope="module")
def service() -> Iterator[Kms]:
    with running() as kms:
        yield kms


@pytest.fixture
def kms(service: Kms, monkeypatch: pytest.MonkeyPatch) -> Kms:
    """An empty service, and repeats that do not wait."""
    service.__init__(service.endpoint)  # type: ignore[misc]
    monkeypatch.setattr("botocore.endpoint.time", types.SimpleNamespace(sleep=lambda _seconds: None))
    adapter._public.clear()
    return service


def keys_of(kms: Kms, **keys: list[str]) -> KmsKeys:
    return KmsKeys(kms.settings(**keys))


@pytest.mark.parametrize(
    ("use", "bytes_", "kind"), [("log", 64, "RAW"), ("certificates", 64, "DIGEST"), ("cosignatures", 2420, "RAW")]
)
def test_each_algorithm_is_signed_as_everywhere_else(kms: Kms, use: Any, bytes_: int, kind: str) -> None:
    key = kms.create(SPECS[use])
    signer = keys_of(kms, **{use: [key]}).signer(use)
    signature = signer.sign(b"checkpoint")
    assert len(signature) == bytes_
    assert verifies(signer.public_key, b"checkpoint", signature)
    assert signer.public_key == kms.keys[key].private.public_key()
    (asked, _first), (verb, request) = kms.asked
    assert (asked, verb, request["MessageType"]) == ("GetPublicKey", "Sign", kind)
    assert request["KeyId"] == f"arn:aws:kms:us-east-1:111122223333:key/{key}"
    assert "s3cr3t" not in repr(signer)


def test_a_certificate_longer_than_the_service_takes_is_signed_by_its_digest(kms: Kms) -> None:
    signer = keys_of(kms, certificates=[kms.create(SPECS["certificates"])]).signer("certificates")
    assert verifies(signer.public_key, b"c" * 5000, signer.sign(b"c" * 5000))
    log = keys_of(kms, log=[kms.create(SPECS["log"])]).signer("log")
    with pytest.raises(UnableToSign, match="the service takes 4096 bytes and this has 5000"):
        log.sign(b"c" * 5000)


def test_an_alias_that_moves_does_not_change_the_key(kms: Kms) -> None:
    first, second = kms.create(SPECS["log"]), kms.create(SPECS["log"])
    kms.aliases["alias/log"] = first
    signer = keys_of(kms, log=["alias/log"]).signer("log")
    kms.aliases["alias/log"] = second
    assert verifies(signer.public_key, b"x", signer.sign(b"x"))
    assert signer.public_key == kms.keys[first].private.public_key()


def test_the_public_half_is_asked_for_once_a_process(kms: Kms) -> None:
    keys = keys_of(kms, log=[kms.create(SPECS["log"])])
    assert keys.signer("log").kid == KmsKeys(kms.settings(log=keys._names["log"])).signer("log").kid
    assert [verb for verb, _asked in kms.asked] == ["GetPublicKey"]


@pytest.mark.parametrize("fault", ["throttle", "broken", "cut"])
def test_two_faults_are_ridden_out_and_three_are_named(kms: Kms, fault: str) -> None:
    signer = keys_of(kms, certificates=[kms.create(SPECS["certificates"])]).signer("certificates")
    kms.faults.extend([fault] * 2)
    assert verifies(signer.public_key, b"x", signer.sign(b"x"))
    kms.faults.extend([fault] * 3)
    words = {
        "throttle": r"takes no more requests for now \(ThrottlingException\)",
        "broken": r"the service failed \(KMSInternalException\)",
        "cut": r"the service does not answer \(ConnectionClosedError\)",
    }
    with pytest.raises(UnableToSign, match=words[fault]) as failed:
        signer.sign(b"x")
    assert (failed.value.use, failed.value.code) == ("certificates", "signing-failed")
    assert [verb for verb, _asked in kms.asked].count("Sign") == 6


def test_a_service_that_hangs_is_given_up(kms: Kms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "READ_TIMEOUT_S", 0.2)
    signer = keys_of(kms, log=[kms.create(SPECS["log"])]).signer("log")
    kms.faults.extend(["slow"] * 3)
    with pytest.raises(UnableToSign, match=r"the service does not answer \(ReadTimeoutError\)"):
        signer.sign(b"x")


def test_a_service_that_is_not_there_is_named(kms: Kms) -> None:
    named = kms.settings(log=["key"]) | {"endpoint": "http://127.0.0.1:9"}
    with pytest.raises(UnableToLoadKey, match=r"does not answer \(EndpointConnectionError\)"):
        KmsKeys(named).signer("log")


def test_an_answer_that_is_not_the_protocols_is_refused(kms: Kms) -> None:
    signer = keys_of(kms, log=[kms.create(SPECS["log"])]).signer("log")
    kms.faults.append("garbage")
    with pytest.raises(UnableToSign, match="the service answers without a signature"):
        signer.sign(b"x")
    kms.faults.append("garbage")
    with pytest.raises(UnableToLoadKey, match="is not a key for signatures of ES256"):
        keys_of(kms, claims=[kms.create("ECC_NIST_P256")]).signer("claims")


def other_key_signs(_signature: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.hashes import SHA256

    return generate_private_key(SECP256R1()).sign(b"x", ECDSA(SHA256()))


@pytest.mark.parametrize(
    ("lie", "words"),
    [
        (lambda _der: b"", "answers without a signature"),
        (lambda der: der[:-1], "no signature in DER"),
        (lambda der: der + b"\0", "no signature in DER"),
        (lambda der: b"\x31" + der[1:], "no signature in DER"),
        (lambda der: raw_ecdsa(der), "no signature in DER"),
        (lambda der: b"\x30\x81" + der[1:2] + der[2:], "no signature in DER"),
        (lambda _der: bytes.fromhex("30060201010201ff"), "no signature in DER"),
        (lambda _der: encode_dss_signature(1 << 256, 1), "longer than the curve's"),
        (lambda _der: encode_dss_signature(0, 0), "does not verify"),
        (other_key_signs, "does not verify"),
    ],
)
def test_what_is_no_signature_of_the_key_is_refused(kms: Kms, lie: Any, words: str) -> None:
    signer = keys_of(kms, certificates=[kms.create(SPECS["certificates"])]).signer("certificates")
    kms.lie = lie
    with pytest.raises(UnableToSign, match=words):
        signer.sign(b"x")


@pytest.mark.parametrize("lie", [lambda raw: raw[:63], lambda raw: raw + b"\0", lambda raw: bytes(64)])
def test_an_ed25519_signature_of_another_length_or_key_is_refused(kms: Kms, lie: Any) -> None:
    signer = keys_of(kms, log=[kms.create(SPECS["log"])]).signer("log")
    kms.lie = lie
    with pytest.raises(UnableToSign, match="does not verify"):
        signer.sign(b"x")


def test_keys_that_are_of_no_use_are_named_before_they_sign(kms: Kms) -> None:
    p256, p384 = kms.create("ECC_NIST_P256"), kms.create("ECC_NIST_P384")
    agreeing = kms.create("ECC_NIST_P256", "KEY_AGREEMENT")
    disabled, deleted = kms.create("ECC_NIST_P256"), kms.create("ECC_NIST_P256")
    kms.keys[disabled].state, kms.keys[deleted].state = "Disabled", "PendingDeletion"
    refusals = [
        (keys_of(kms, log=[p256]), "log", r"is not a key for signatures of Ed25519 \(ECC_NIST_EDWARDS25519\)"),
        (keys_of(kms, claims=[p384]), "claims", r"is not a key for signatures of ES256 \(ECC_NIST_P256\)"),
        (keys_of(kms, claims=[agreeing]), "claims", "is not a key for signatures of ES256"),
        (keys_of(kms, claims=[disabled]), "claims", r"the key is disabled \(DisabledException\)"),
        (keys_of(kms, claims=[deleted]), "claims", "the key is about to be deleted, or not ready"),
        (
            keys_of(kms, claims=["none"]),
            "claims",
            "the service has no key none; make it, or correct WORLDLOOM_KMS_CLAIMS",
        ),
        (keys_of(kms), "claims", "no setting names it: set WORLDLOOM_KMS_CLAIMS"),
        (KmsKeys(kms.settings(claims=[p256]) | {"access_key": "EVE"}), "claims", "refuses these credentials"),
    ]
    for keys, use, words in refusals:
        with pytest.raises(UnableToLoadKey, match=words):
            keys.signer(use)
    assert {verb for verb, _asked in kms.asked} == {"GetPublicKey"}


def test_a_key_that_is_disabled_later_says_so_when_it_should_sign(kms: Kms) -> None:
    key = kms.create("ECC_NIST_P256")
    signer = keys_of(kms, claims=[key]).signer("claims")
    kms.keys[key].state = "Disabled"
    with pytest.raises(UnableToSign, match="The 'claims' key did not sign: the key is disabled"):
        signer.sign(b"x")


def test_the_next_key_is_the_one_listed_behind(kms: Kms) -> None:
    first, second = kms.create("ECC_NIST_P256"), kms.create("ECC_NIST_P256")
    alone, both = keys_of(kms, claims=[first]), keys_of(kms, claims=[first, second])
    kid = alone.signer("claims").kid
    with pytest.raises(UnableToLoadKey, match="no key is listed behind the one that signs: add one to WORLDLOOM_KMS_C"):
        alone.prepare("claims", after=kid)
    following = both.prepare("claims", after=kid)
    assert following == both.signers("claims")[1]
    assert both.signer("claims").kid == kid
    with pytest.raises(UnableToLoadKey, match="create one with KeySpec ECC_NIST_P256 and KeyUsage SIGN_VERIFY there"):
        keys_of(kms, claims=[first, "none"]).prepare("claims", after=kid)
    assert [keys_of(kms).offers("cosignatures"), keys_of(kms, cosignatures=["x"]).offers("cosignatures")] == [
        False,
        True,
    ]


def test_keys_made_as_the_manual_says_sign(kms: Kms) -> None:
    client = boto3.client(
        "kms",
        endpoint_url=kms.endpoint,
        region_name="us-east-1",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key="s3cr3t",
    )
    manual = (Path(__file__).resolve().parents[2] / "docs" / "operate.md").read_text()
    lines = [line for line in manual.splitlines() if line.startswith("aws kms create-key ")]
    assert len(lines) == 4
    for line in lines:
        words = shlex.split(line)[3:]
        named = dict(zip(words[::2], words[1::2], strict=True))
        arguments = {"".join(part.title() for part in name[2:].split("-")): value for name, value in named.items()}
        use = arguments["Description"].removeprefix("worldloom ")
        made = client.create_key(**arguments)["KeyMetadata"]["KeyId"]
        signer = keys_of(kms, **{use: [made]}).signer(use)
        assert verifies(signer.public_key, b"x", signer.sign(b"x"))
