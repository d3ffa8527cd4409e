"""Issuing certificates: authorities made on first use, leaves issued and renewed before they are needed."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from django.db import connection, transaction

from ledger.credentials import keyfiles, papers
from ledger.credentials.papers import AUTHORITIES, Authority
from ledger.models import CredentialCertificate
from ledger.signing.base import Signer
from ledger.signing.jwk import public_jwk, thumbprint

_LOCK = 0x63327061
_LEAF, _KEPT = timedelta(days=papers.LEAF_DAYS), timedelta(days=papers.RENEWED_DAYS)


class UnableToIssue(Exception):
    """No certificate could be issued: the authority's key is not here."""

    code = "certificate-not-issued"

    def __init__(self, authority: str, reason: str) -> None:
        super().__init__(authority, reason)
        self.authority, self.reason = authority, reason

    def __str__(self) -> str:
        return f"The {self.authority} authority issues no certificate: {self.reason}."


@dataclass(frozen=True, slots=True)
class Issuer:
    """An issuing authority that is ready: its certificate and its key."""

    certificate: x509.Certificate
    key: EllipticCurvePrivateKey


@transaction.atomic
def ensure_authority(
    *, authority: Authority, now: datetime, replace: bool = False, new_root: bool = False
) -> CredentialCertificate:
    """Make the root and the issuing authority where they are missing, renew the latter; return its certificate.

    `replace` makes a new key for the issuing authority whose own is gone, `new_root` does the same for the root. Raise
    UnableToIssue when a key is needed that is not here.
    """
    _lock()
    newest = _newest(authority, "issuing")
    key = keyfiles.load(authority, "issuing")
    if key is None:
        if newest is not None and not replace:
            path = keyfiles.path_of(authority, "issuing")
            raise UnableToIssue(authority, f"{path} is not here: restore it, or replace it with `ledger_credentials`")
        key = keyfiles.make(authority, "issuing")
    if newest is not None and newest.kid == _kid(key.public_key()) and newest.not_after - now >= _LEAF:
        return newest
    above, by = _root(authority, now, new_root)
    return _keep(authority, "issuing", papers.issuing(authority, key.public_key(), above, by, now), now)


def chain_of(*, authority: Authority, signer: Signer, common_name: str, now: datetime) -> str:
    """Return the signer's leaf and the issuing certificate as PEM, the leaf renewed when it has under five years left.

    Raise UnableToIssue when it is due and the authority's key is not here.
    """
    leaf = _newest(authority, "leaf", signer.kid)
    if leaf is None or leaf.not_after - now < _KEPT or leaf.not_before > now:
        leaf = _issue(authority, signer, common_name, now)
    return leaf.pem + leaf.issuer.pem  # type: ignore[union-attr]


@transaction.atomic
def _issue(authority: Authority, signer: Signer, common_name: str, now: datetime) -> CredentialCertificate:
    issuer = ensure_authority(authority=authority, now=now)
    newest = _newest(authority, "leaf", signer.kid)
    if newest is not None and newest.not_after - now >= _KEPT and newest.not_before <= now:
        return newest
    by = keyfiles.load(authority, "issuing")
    assert by is not None
    made = papers.leaf(authority, signer.public_key, common_name, _read(issuer), by, now)  # type: ignore[arg-type]
    return _keep(authority, "leaf", made, now, issuer)


def roots(authority: Authority) -> str:
    """Return all root certificates of an authority as PEM, the newest first; empty before the first."""
    rows = CredentialCertificate.objects.filter(authority=authority, role="root").order_by("-id")
    return "".join(rows.values_list("pem", flat=True))


def certificates() -> list[CredentialCertificate]:
    """Return the authorities' certificates, roots before what they vouch for, the newest last."""
    rows = CredentialCertificate.objects.exclude(role="leaf").order_by("id")
    return sorted(rows, key=lambda row: (AUTHORITIES.index(row.authority), row.role != "root"))  # type: ignore[arg-type]


def _root(authority: Authority, now: datetime, new: bool) -> tuple[x509.Certificate, EllipticCurvePrivateKey]:
    newest, key = _newest(authority, "root"), keyfiles.load(authority, "root")
    if key is None:
        if newest is not None and not new:
            path = keyfiles.path_of(authority, "root")
            raise UnableToIssue(authority, f"its issuing certificate is due, so bring the root's key back to {path}")
        key = keyfiles.make(authority, "root")
    if newest is None or newest.kid != _kid(key.public_key()) or newest.not_after - now < _LEAF:
        newest = _keep(authority, "root", papers.root(authority, key, now), now)
    return _read(newest), key


def _newest(authority: str, role: str, kid: str = "") -> CredentialCertificate | None:
    rows = CredentialCertificate.objects.filter(authority=authority, role=role)
    if kid:
        rows = rows.filter(kid=kid)
    return rows.select_related("issuer").order_by("-id").first()


def _keep(
    authority: str, role: str, made: x509.Certificate, now: datetime, issuer: CredentialCertificate | None = None
) -> CredentialCertificate:
    return CredentialCertificate.objects.create(
        authority=authority,
        role=role,
        kid=_kid(made.public_key()),
        sha256=made.fingerprint(SHA256()).hex(),
        pem=papers.pem([made]),
        issuer=issuer,
        not_before=made.not_valid_before_utc,
        not_after=made.not_valid_after_utc,
        issued_at=now,
    )


def _kid(key: object) -> str:
    return thumbprint(public_jwk(key))  # type: ignore[arg-type]


def _read(row: CredentialCertificate) -> x509.Certificate:
    return x509.load_pem_x509_certificate(row.pem.encode("ascii"))


def _lock() -> None:
    """Wait for others who issue: one authority however many ask at once."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
