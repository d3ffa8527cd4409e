"""Certificates that strangers check with the libraries they have, and every way to forge one."""

import base64
import hashlib
import hmac
import json
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from django.test import Client
from joserfc import jws as joserfc_jws
from joserfc.jwk import KeySet
from jwcrypto import jwk, jws

import ledger.operations
import ledger.queries
from ledger.attestations import keyset, modelsigning
from ledger.signing.base import Signer
from ledger.signing.files import FileSigner
from ledger.signing.jws import UnableToReadJws, UnableToVerifyJws, encode_base64url, sign_compact
from marketplace.licensing import certificates
from marketplace.licensing import operations as licensing
from marketplace.licensing.holdings import Project
from marketplace.licensing.models import Grant
from marketplace.people.models import Studio
from tests.api.studios import Market
from tests.cast import NOON, later
from tests.ledger.attestations.test_modelsigning import HOME, node

JOSE_JS = """
import {compactVerify, createLocalJWKSet} from "jose";
const [keys, token] = process.argv.slice(1);
const {payload, protectedHeader} = await compactVerify(token, createLocalJWKSet(JSON.parse(keys)));
console.log(JSON.stringify([protectedHeader.typ, JSON.parse(new TextDecoder().decode(payload)).id]));
"""


def key_of(kid: str) -> Mapping[str, str] | None:
    return keyset.find(kid, uses=("certificates",))


def parts(certificate: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    header, payload, signature = certificate.split(".")
    read = [json.loads(base64.urlsafe_b64decode(part + "==")) for part in (header, payload)]
    return read[0], read[1], signature


def spelled(header: bytes, payload: bytes, signer: Signer | None = None, key: bytes = b"") -> str:
    """A JWS of these very bytes, signed as its maker likes."""
    signing_input = f"{encode_base64url(header)}.{encode_base64url(payload)}"
    signature = signer.sign(signing_input.encode()) if signer else b""
    if key:
        signature = hmac.digest(key, signing_input.encode(), hashlib.sha256)
    return f"{signing_input}.{encode_base64url(signature)}"


@pytest.fixture
def signer(grant: Grant) -> Signer:
    return ledger.queries.signer("certificates")


def test_three_libraries_verify_it_with_the_published_keys(grant: Grant) -> None:
    answer = Client().get("/.well-known/jwks.json")
    kid = parts(grant.certificate)[0]["kid"]
    assert answer.headers["Content-Type"] == "application/jwk-set+json"
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert {key["use"] for key in answer.json()["keys"]} == {"sig"}

    token = jws.JWS()
    token.deserialize(grant.certificate, jwk.JWKSet.from_json(answer.content.decode()).get_key(kid), alg="ES256")
    assert token.jose_header["typ"] == "vc+jwt"
    verified = joserfc_jws.deserialize_compact(grant.certificate, KeySet.import_key_set(answer.json()))
    assert json.loads(verified.payload)["id"] == f"urn:uuid:{grant.pk}"
    script = [node(), "--input-type=module", "-e", JOSE_JS, answer.content.decode(), grant.certificate]
    said = subprocess.run(script, cwd=HOME, capture_output=True, text=True, check=True, timeout=60).stdout
    assert json.loads(said) == ["vc+jwt", f"urn:uuid:{grant.pk}"]


def test_the_key_set_is_sent_again_only_when_it_changed(grant: Grant) -> None:
    first = Client().get("/.well-known/jwks.json")
    again = Client().get("/.well-known/jwks.json", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_key_is_there_until_it_is_revoked(grant: Grant, signer: Signer) -> None:
    """Former keys too: what they signed must verify. Keys for the log and of creators are none of them."""
    (named,) = [key for key in keyset.key_set()["keys"] if key["kid"] == signer.kid]
    assert named == {"kid": signer.kid, "alg": "ES256", "use": "sig", **signer.public_jwk}
    assert len(keyset.key_set()["keys"]) == 2
    pem = Client().get(f"/keys/{signer.kid}.pem")
    assert pem.content == modelsigning.pem(signer.public_key)
    former = FileSigner("ES256", generate_private_key(SECP256R1()))
    body = {"kid": former.kid, "alg": "ES256", "use": "certificates", "public_jwk": former.public_jwk}
    ledger.operations.state(type="key", subject=f"key:{former.kid}", body=body, now=NOON, signers=[former])
    assert keyset.key_set()["keys"][0]["kid"] == former.kid

    ledger.operations.state(
        type="key-revocation",
        subject=f"key:{former.kid}",
        body={"kid": former.kid, "reason": "compromised"},
        now=later(days=1),
        signers=[signer],
    )
    assert former.kid not in {key["kid"] for key in keyset.key_set()["keys"]}
    assert Client().get(f"/keys/{former.kid}.pem").status_code == 404
    assert Client().get(f"/keys/{ledger.queries.signer('log').kid}.pem").status_code == 404


def test_the_words_of_a_certificate_are_explained(grant: Grant) -> None:
    """What was signed under the first version of the context keeps it, and its words mean the same in the next."""
    claims = parts(grant.certificate)[1]
    context = Client().get("/credentials/license/v2").json()["@context"]
    assert claims["@context"][1] == "http://127.0.0.1:8000/credentials/license/v2"
    assert claims["credentialSubject"].keys() | {"WorldloomLicense", "@protected"} == context.keys()
    first = Client().get("/credentials/license/v1").json()["@context"]
    assert first.items() <= context.items()
    assert first.keys() == {*certificates.FIRST_WORDS, "terms_texts", "WorldloomLicense", "@protected"}
    assert context["project"] == "http://127.0.0.1:8000/credentials/license/v2#project"
    assert Client().get("/credentials/license/v3").status_code == 404


def test_it_says_who_is_licensed_for_what_and_for_how_long(market: Market) -> None:
    studio, offer = market.cast.studio, market.offer()
    Studio.objects.filter(pk=studio.pk).update(
        legal_name="灯笼影业有限公司", country="CN", registration="91310000MA1FL0LX4B"
    )
    studio.refresh_from_db()
    project = Project.objects.create(studio=studio, name="夜航", created_by=market.cast.carol, created_at=NOON)
    grant = licensing.grant(
        offer=offer,
        studio=studio,
        source="order-line:7",
        seats=5,
        project=project,
        starts_at=later(days=1),
        ends_at=later(days=31),
        now=later(hours=1),
    )
    subject = dict(certificates.verified(grant.certificate, key_of=key_of).subject)
    texts, salt = subject.pop("terms_texts"), subject.pop("licensee_salt")
    assert (len(salt), texts.keys()) == (64, {"en", "zh-Hans"})
    assert subject == {
        "licensee": "灯笼影业有限公司",
        "licensee_country": "CN",
        "licensee_registration": "91310000MA1FL0LX4B",
        "receipt": "order-line:7",
        "offer": str(offer.pk),
        "release": market.world.digest,
        "pack": "alice/yunhai",
        "version": "1.0.0",
        "project": str(project.pk),
        "project_name": "夜航",
        "terms": offer.terms_id,
        "terms_name": "studio",
        "seats": 5,
        "starts": "2026-11-23T12:00:00Z",
        "ends": "2026-12-23T12:00:00Z",
        "kind": "new",
        "replaces": "",
        "exclusive": False,
        "log": "localhost/worldloom",
    }
    assert not [name for name in subject if "price" in name]


def test_ours_reads_both_shapes(grant: Grant, signer: Signer) -> None:
    read = certificates.verified(grant.certificate, key_of=key_of)
    assert (read.kid, read.grant, read.subject["licensee"]) == (signer.kid, str(grant.pk), "Lantern Films")
    assert [(one.purpose, one.index) for one in read.statuses] == [
        ("revocation", grant.status_index),
        ("suspension", grant.status_index),
    ]
    first = {name: read.subject[name] for name in (*certificates.FIRST_WORDS, "terms_texts")}
    former = first | {"iss": read.issuer, "iat": read.issued_at, "jti": read.grant}
    token = sign_compact(former, typ="worldloom-license+jwt", signer=signer)
    was = certificates.verified(token, key_of=key_of)
    assert (was.kid, was.grant, was.subject, was.statuses) == (read.kid, read.grant, first, ())

    claims = parts(grant.certificate)[1] | {"credentialSubject": first}
    second = certificates.verified(sign_compact(claims, typ="vc+jwt", cty="vc", signer=signer), key_of=key_of)
    assert (second.grant, second.subject) == (read.grant, first)


def test_what_is_wrong_with_it_is_said_in_one_sentence(grant: Grant, signer: Signer) -> None:
    header, claims, signature = parts(grant.certificate)
    head, body = rfc8785.dumps(header), rfc8785.dumps(claims)
    daves = FileSigner("ES256", generate_private_key(SECP256R1()))
    raised = rfc8785.dumps(claims | {"credentialSubject": claims["credentialSubject"] | {"seats": 0}})
    wrong = {
        f"{encode_base64url(head)}.{encode_base64url(raised)}.{signature}": "altered",
        spelled(head, body, daves): "altered",
        spelled(rfc8785.dumps(header | {"kid": daves.kid}), body, daves): "other-key",
        grant.certificate + "=": "misspelled",
        grant.certificate[:-30]: "altered",
        grant.certificate.replace(".", ".\n", 1): "misspelled",
        "ab" * 32: "misspelled",
        "": "misspelled",
        spelled(head, body + b"\n", signer): "unreadable",
        spelled(head, b"{}", signer): "unreadable",
        spelled(rfc8785.dumps(header | {"alg": "none"}), body): "other-kind",
        ledger.operations.__name__ + "..": "misspelled",
    }
    for token, problem in wrong.items():
        with pytest.raises(certificates.UnableToTrust) as refusal:
            certificates.checked(token, key_of=key_of)
        assert (problem, refusal.value.problem) == (refusal.value.problem, problem), token
        assert str(refusal.value) == certificates.PROBLEMS[problem]
    assert certificates.checked(grant.certificate, key_of=key_of, release=grant.release.digest).grant == str(grant.pk)
    with pytest.raises(certificates.UnableToTrust, match=r"^This certificate is genuine, but for another file: it"):
        certificates.checked(grant.certificate, key_of=key_of, release="ab" * 32)


def test_dave_forges_one(grant: Grant, signer: Signer) -> None:
    header, claims, signature = parts(grant.certificate)
    head, body = rfc8785.dumps(header), rfc8785.dumps(claims)
    daves = FileSigner("ES256", generate_private_key(SECP256R1()))
    others = rfc8785.dumps(claims | {"credentialSubject": claims["credentialSubject"] | {"licensee": "Dave"}})
    log = ledger.queries.signer("log")
    unsigned, unverified = UnableToReadJws, UnableToVerifyJws
    forged = {
        "altered": (f"{encode_base64url(head)}.{encode_base64url(others)}.{signature}", unverified),
        "by Dave under our kid": (spelled(head, body, daves), unverified),
        "by Dave under his kid": (spelled(rfc8785.dumps(header | {"kid": daves.kid}), body, daves), unverified),
        "by the log's key": (spelled(rfc8785.dumps(header | {"kid": log.kid}), body, log), unverified),
        "by the claims' key": (
            sign_compact(claims, typ="vc+jwt", cty="vc", signer=ledger.queries.signer("claims")),
            unverified,
        ),
        "with no kid": (
            spelled(rfc8785.dumps({k: v for k, v in header.items() if k != "kid"}), body, signer),
            unverified,
        ),
        "with his key in the header": (
            spelled(rfc8785.dumps(header | {"jwk": daves.public_jwk}), body, daves),
            unverified,
        ),
        "none": (spelled(rfc8785.dumps(header | {"alg": "none"}), body), unverified),
        "None": (spelled(rfc8785.dumps(header | {"alg": "None"}), body), unverified),
        "HS256 under our public key": (
            spelled(rfc8785.dumps(header | {"alg": "HS256"}), body, key=modelsigning.pem(signer.public_key)),
            unverified,
        ),
        "ES256 without a signature": (spelled(head, body), unverified),
        "of another type": (spelled(rfc8785.dumps(header | {"typ": "JWT"}), body, signer), unverified),
        "with crit": (spelled(rfc8785.dumps(header | {"crit": ["exp"]}), body, signer), unverified),
        "two ids": (
            spelled(head, rfc8785.dumps(claims | {"jti": "urn:uuid:00000000-0000-4000-8000-000000000000"}), signer),
            unverified,
        ),
        "duplicate names": (spelled(head, b'{"id":"urn:uuid:1",' + body[1:], signer), unsigned),
        "duplicate in the header": (spelled(b'{"alg":"none",' + head[1:], body, signer), unsigned),
        "blanks in the JSON": (spelled(head, body + b"\n", signer), unsigned),
        "no license": (spelled(head, b"{}", signer), unsigned),
        "a list": (spelled(head, b"[]", signer), unsigned),
        "deep": (spelled(head, b"[" * 50_000, signer), unsigned),
        "two parts": (grant.certificate.rpartition(".")[0], unsigned),
        "four parts": (f"{grant.certificate}.", unsigned),
        "too long": ("A" * 200_000 + "..", unsigned),
    }
    for name, (token, refusal) in forged.items():
        with pytest.raises(refusal):
            print(name, certificates.verified(token, key_of=key_of))
    assert certificates.verified(grant.certificate, key_of=key_of).grant == str(grant.pk)


def spellings(original: str) -> list[str]:
    """Padding, blanks and stray bits: lenient decoders take them for the same bytes."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    others = [f"{original}=", f"{original}==", f" {original}", f"{original}\n", f"{original[:9]}\n{original[9:]}"]
    if len(original) % 4:
        stray = original[:-1] + letters[letters.index(original[-1]) ^ 1]
        assert base64.urlsafe_b64decode(stray + "==") == base64.urlsafe_b64decode(original + "==")
        others.append(stray)
    return others


def test_base64url_has_one_spelling(grant: Grant) -> None:
    for part in range(3):
        for other in spellings(grant.certificate.split(".")[part]):
            split = grant.certificate.split(".")
            split[part] = other
            with pytest.raises(UnableToReadJws):
                certificates.verified(".".join(split), key_of=key_of)


def test_no_letter_of_it_can_be_changed(grant: Grant) -> None:
    token = grant.certificate
    for at in range(0, len(token), 7):
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        with pytest.raises((UnableToReadJws, UnableToVerifyJws)):
            certificates.verified(changed, key_of=key_of)
