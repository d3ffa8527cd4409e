"""What a license proves, cut so that OpenSSL alone checks it: keys as PEM, what is signed, and signatures as files."""

import base64
import json
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ledger.signing.jws import decode_base64url


def of_papers(papers: Mapping[str, bytes]) -> dict[str, bytes]:
    """This will give the files by name, from the papers of a license with its proofs.

    The checkpoint is a signed note by Ed25519 (c2sp.org/signed-note), the certificate a JWS by ES256 (RFC 7515), whose
    signature OpenSSL wants as DER (RFC 3279, section 2.2.3).
    """
    return _checkpoint(papers) | _certificate(papers)


def _checkpoint(papers: Mapping[str, bytes]) -> dict[str, bytes]:
    origin, key_id, encoded = papers["log.vkey"].decode().strip().split("+", 2)
    public = base64.b64decode(encoded)[1:]
    head, _separator, signatures = papers["checkpoint"].decode().rpartition("\n\n")
    lines = [line.split(" ", 2) for line in signatures.splitlines()]
    named = [base64.b64decode(line[2]) for line in lines if line[1] == origin]
    signed = next(one for one in named if one[:4].hex() == key_id)  # others are by other keys of the log
    return {
        "openssl/log.pem": Ed25519PublicKey.from_public_bytes(public).public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        ),
        "openssl/checkpoint.txt": f"{head}\n".encode(),
        "openssl/checkpoint.sig": signed[4:],
    }


def _certificate(papers: Mapping[str, bytes]) -> dict[str, bytes]:
    header, payload, signature = papers["certificate.jws"].decode().split(".")
    jwk = json.loads(papers["entries/key.json"])["body"]["public_jwk"]
    x, y = (int.from_bytes(decode_base64url(jwk[name])) for name in ("x", "y"))
    raw = decode_base64url(signature)
    r, s = int.from_bytes(raw[:32]), int.from_bytes(raw[32:])
    key = EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key()
    return {
        "openssl/certificate.pem": key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "openssl/certificate.txt": f"{header}.{payload}".encode(),
        "openssl/certificate.sig": encode_dss_signature(r, s),
    }
