"""What a license's certificate says, out of the license itself."""

from datetime import UTC, datetime
from typing import Any

from django.conf import settings

import ledger.queries
from marketplace.licensing import certificates, rules
from marketplace.licensing.models import Grant
from marketplace.licensing.terms.document import read_terms


def certificate_for(grant: Grant) -> str:
    """This will write and sign the certificate of a license that has everything else and need not be saved yet.

    The log must know the key already (`ledger.operations.register_keys`).
    """
    return certificates.write(
        site=settings.SITE_URL,
        grant=str(grant.pk),
        subject=subject_of(grant, log=settings.LOG_ORIGIN),
        status_index=grant.status_index or 0,
        granted_at=grant.granted_at,
        signer=ledger.queries.signer("certificates"),
    )


def subject_of(grant: Grant, *, log: str) -> dict[str, Any]:
    """This will say what is licensed to whom, for what and for how long (docs/formats/certificate.md).

    It has no price: a licensee shows a certificate to people whom that is no business of.
    """
    release, terms, project = grant.release, grant.terms, grant.project
    return {
        "licensee": grant.licensee_name,
        "licensee_country": grant.licensee_country,
        "licensee_registration": grant.licensee_registration,
        "licensee_salt": grant.licensee_salt,
        "receipt": grant.source,
        "offer": str(grant.offer_id),
        "release": release.digest,
        "pack": str(release.pack),
        "version": release.version,
        "project": str(project.pk) if project else "",
        "project_name": project.name if project else "",
        "terms": terms.digest,
        "terms_name": terms.name,
        "terms_texts": {
            "en": rules.digest(terms.text_en.encode()),
            "zh-Hans": rules.digest(terms.text_zh_hans.encode()),
        },
        "seats": grant.seats,
        "starts": _moment(grant.starts_at),
        "ends": _moment(grant.ends_at) if grant.ends_at else "",
        "kind": grant.kind,
        "replaces": str(grant.replaces_id) if grant.replaces_id else "",
        "exclusive": read_terms(bytes(terms.document)).exclusive,
        "log": log,
    }


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
