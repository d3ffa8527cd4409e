"""Bundles of format 2: a credential, the creator's signature, and what other tools check."""

import io
import json
from pathlib import Path

import pytest
import rfc8785

from ledger import verify
from tests.ledger.makers import ALICE, BOB, BundleMaker, sha256, verifier_key, write_folder, write_zip

KEY = str(verifier_key())
OTHERS = {
    "model.sigstore.json": b'{"for":"model_signing"}',
    "receipt.cose": b"\xd2\x84",
    "credentialed/characters/wanderer.png": b"\x89PNG with credentials",
}


def maker(**changed) -> BundleMaker:
    return BundleMaker(**{"anchor": {}, "credential": True, "creator_key": {}, "for_others": OTHERS} | changed)


GOOD = maker().members()


@pytest.fixture
def run(tmp_path, capsys):
    def verdict(members: dict[str, bytes], *options: str) -> tuple[int, str]:
        answers = set()
        for path in (write_zip(tmp_path / "b.zip", members), write_folder(tmp_path / "b", members)):
            answers.add((verify.main([str(path), *options]), capsys.readouterr().out.rstrip("\n")))
        assert len(answers) == 1
        return answers.pop()

    return verdict


def test_carol_checks_a_license_of_today(run):
    code, sentence = run(GOOD, "--key", KEY)
    assert code == 0
    assert sentence == (
        "OK: 3 files match what was registered: alice/yunhai 1.0.0, licensed to Carol Pictures, entry 1 of log "
        f"localhost/worldloom (key {KEY}, which you gave); not checked offline: whether the license was revoked later "
        "(now: http://127.0.0.1:8000/credentials/status/revocation/0), what README.txt says, what credentialed says, "
        "what model.sigstore.json says, what receipt.cose says, "
        f"the anchor of this tree in transaction 0x{'cd' * 32} of chain 1337."
    )
    assert json.loads(run(GOOD, "--json")[1])["signed_by"] == ALICE.kid


@pytest.mark.parametrize("credential", [False, True])
def test_either_certificate_goes_into_either_format(run, credential):
    assert run(BundleMaker(credential=credential).members())[0] == 0
    assert run(BundleMaker(credential=credential, creator_key={}, for_others={}).members())[0] == 0


def test_a_bundle_of_format_1_has_no_creators_key(run):
    assert run(BundleMaker(creator_key={}).members()) == (
        1,
        "FAILED: entries/creator-key.json: does not belong to the bundle.",
    )


@pytest.mark.parametrize("name", sorted(GOOD.keys() - {"anchor.json"}))
def test_no_byte_can_be_flipped(name, monkeypatch):
    content = GOOD[name]
    for at in range(0, len(content), 1 + len(content) // 200):
        flipped = GOOD | {name: content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]}
        monkeypatch.setattr(verify, "Bundle", lambda _path, members=flipped: Members(members))
        with pytest.raises(verify.Failed):
            verify.verify(Path("in memory"), KEY)


class Members(verify.Bundle):
    def __init__(self, members: dict[str, bytes]) -> None:
        self.streams = {name: lambda content=content: io.BytesIO(content) for name, content in members.items()}


@pytest.mark.parametrize("name", sorted(GOOD.keys() - {"anchor.json", "bundle.json"}))
def test_a_missing_member_is_named(name, run):
    gone = {key: value for key, value in GOOD.items() if key != name}
    assert run(gone) == (1, f"FAILED: {name}: is missing.")


def test_the_creators_key_cannot_be_left_out(run):
    gone = {name: content for name, content in GOOD.items() if "creator-key" not in name}
    assert run(gone) == (1, "FAILED: entries/creator-key.json: is missing.")


def contents(**changed) -> dict[str, bytes]:
    return {"bundle.json": rfc8785.dumps(json.loads(GOOD["bundle.json"]) | changed)}


LISTED = json.loads(GOOD["bundle.json"])["for_others"]


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        (GOOD | contents(format="worldloom/bundle/3"), "bundle.json: is of another format"),
        (GOOD | contents(for_others=[]), "bundle.json: 'for_others' is missing or of the wrong kind"),
        (GOOD | contents(more=1), "bundle.json: holds more than the digests of what other tools check"),
        (
            GOOD | contents(for_others=LISTED | {"files/evil": "00"}) | {"files/evil": b""},
            "bundle.json: holds more than the digests of what other tools check",
        ),
        (GOOD | {"credentialed/evil.png": b""}, "credentialed/evil.png: does not belong to the bundle"),
        (GOOD | {"receipt.cose": b"\xd2\x85"}, "receipt.cose: is not the one that bundle.json names"),
        (
            maker(creator_key={"holder": "00000000-0000-4000-8000-000000000b0b"}).members(),
            "entries/creator-key.json: does not register a key of the release's creator",
        ),
        (
            maker(creator_key={"kid": BOB.kid, "public_jwk": BOB.public_jwk}).members(),
            "entries/release.json: is not signed by the creator's key",
        ),
        (
            maker(creator_key={"public_jwk": BOB.public_jwk}).members(),
            "entries/creator-key.json: its kid is not its key's thumbprint",
        ),
        (maker(claims={"type": ["VerifiableCredential"]}).members(), "certificate.jws: is not a license"),
        (
            maker(claims={"jti": "urn:uuid:another"}).members(),
            "certificate.jws: its claim 'jti' is not that of the grant",
        ),
        (
            maker(claims={"credentialStatus": [1]}).members(),
            "certificate.jws: 'statusListCredential' is missing or of the wrong kind",
        ),
        (
            maker(claims={"credentialSubject": {"licensee": "Dave"}}).members(),
            "certificate.jws: 'terms_texts' is missing or of the wrong kind",
        ),
    ],
)
def test_what_does_not_belong_together_fails(members, sentence, run):
    assert run(members) == (1, f"FAILED: {sentence}.")


def test_a_file_is_hashed_once_and_not_summed_as_well(tmp_path, monkeypatch):
    """The zip's checksum of a file may be wrong: SHA-256 decides, and the verifier reads each byte once."""
    path = write_zip(tmp_path / "b.zip", GOOD)
    content = bytearray(path.read_bytes())
    at = content.rindex(b"files/characters/wanderer.png") - 46 + 16  # its CRC in the central directory
    content[at] ^= 1
    path.write_bytes(content)
    assert verify.verify(path, KEY)["ok"] is True
    assert sha256(GOOD["files/characters/wanderer.png"]) in GOOD["manifest.json"].decode()
