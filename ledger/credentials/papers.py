"""X.509 certificates (RFC 5280) as C2PA asks for them: a root, an issuing authority below it, and leaves that sign.

Subjects name a role or a creator's public handle, no other person. Times are cut to whole seconds.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

Authority = Literal["platform", "creators"]
AUTHORITIES: tuple[Authority, ...] = ("platform", "creators")

ORGANIZATION = "Worldloom"
ROOT_DAYS, ISSUING_DAYS, LEAF_DAYS = 30 * 365, 15 * 365, 6 * 365
RENEWED_DAYS = 5 * 365
"""A leaf is renewed when it is valid for less than this, so what it signed verifies for at least as long."""

_CLAIM_SIGNING = ObjectIdentifier("1.3.6.1.4.1.62558.2.1")  # c2pa-kp-claimSigning
_DOCUMENT_SIGNING = ObjectIdentifier("1.3.6.1.5.5.7.3.36")  # RFC 9336
# Validators that know no claimSigning take emailProtection, and CAWG's base profile takes documentSigning.
_USAGES: dict[Authority, tuple[ObjectIdentifier, ...]] = {
    "platform": (ExtendedKeyUsageOID.EMAIL_PROTECTION, _CLAIM_SIGNING),
    "creators": (_DOCUMENT_SIGNING,),
}
_NAMES: dict[Authority, str] = {"platform": "Content Credentials", "creators": "Creators"}
_SKEW = timedelta(hours=1)


def usages() -> tuple[str, ...]:
    """Return the OIDs of all extended key usages that leaves of ours have."""
    return tuple(sorted({oid.dotted_string for oids in _USAGES.values() for oid in oids}))


def root(authority: Authority, key: EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    """Return a certificate that vouches for itself, valid for 30 years."""
    name = _name(f"{ORGANIZATION} {_NAMES[authority]} Root")
    return _authority(name, key.public_key(), name, key, 1, now, now + timedelta(days=ROOT_DAYS))


def issuing(
    authority: Authority,
    key: EllipticCurvePublicKey,
    above: x509.Certificate,
    by: EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    """Return the certificate of the authority that issues leaves: 15 years, never longer than the root's."""
    end = min(now + timedelta(days=ISSUING_DAYS), above.not_valid_after_utc)
    return _authority(_name(f"{ORGANIZATION} {_NAMES[authority]} Issuing"), key, above.subject, by, 0, now, end)


def leaf(
    authority: Authority,
    key: EllipticCurvePublicKey | Ed25519PublicKey,
    common_name: str,
    above: x509.Certificate,
    by: EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    """Return the certificate of a key that signs: 6 years, never longer than the issuing authority's."""
    end = min(now + timedelta(days=LEAF_DAYS), above.not_valid_after_utc)
    built = (
        _begun(_name(common_name), key, above.subject, by, now, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage(_USAGES[authority]), critical=False)
    )
    return built.sign(by, SHA256())


def pem(certificates: Sequence[x509.Certificate]) -> str:
    """Return the certificates as PEM, one after the other."""
    return "".join(one.public_bytes(Encoding.PEM).decode("ascii") for one in certificates)


def _authority(
    subject: x509.Name,
    key: EllipticCurvePublicKey,
    issuer: x509.Name,
    by: EllipticCurvePrivateKey,
    below: int,
    now: datetime,
    end: datetime,
) -> x509.Certificate:
    built = (
        _begun(subject, key, issuer, by, now, end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=below), critical=True)
        .add_extension(_key_usage(signs=False), critical=True)
    )
    return built.sign(by, SHA256())


def _begun(
    subject: x509.Name,
    key: EllipticCurvePublicKey | Ed25519PublicKey,
    issuer: x509.Name,
    by: EllipticCurvePrivateKey,
    now: datetime,
    end: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before((now - _SKEW).replace(microsecond=0))
        .not_valid_after(end.replace(microsecond=0))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
    )


def _key_usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=not signs,
        crl_sign=not signs,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    attributes = [
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANIZATION),
        x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64]),
    ]
    return x509.Name(attributes)
