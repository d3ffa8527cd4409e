"""Turning what goes with licenses into the shapes of `holding_shapes.py`."""

from collections.abc import Iterable

from django.urls import reverse

import ledger.queries
from marketplace.api.answers import Shape, Site, proof
from marketplace.licensing import queries as licensing
from marketplace.licensing.certificates import Certificate
from marketplace.licensing.holdings import Project, SeatAssignment, UsageReport
from marketplace.licensing.models import Grant
from marketplace.people.models import SizeDeclaration, Studio


def project(row: Project, site: Site) -> Shape:
    """This will describe a project; one that was just opened has no licenses yet."""
    return {
        "id": row.pk,
        "name": row.name,
        "opened_at": row.created_at,
        "licenses": getattr(row, "license_count", 0),
        "credits": site(reverse("api-project-credits", args=[row.pk])),
        "url": site(reverse("api-project", args=[row.pk])),
    }


def seats(row: Grant, taken: Iterable[SeatAssignment]) -> Shape:
    """This will say who has a license's seats."""
    return {
        "grant": row.pk,
        "seats": row.seats,
        "people": [
            {"email": one.person.email, "name": one.person.display_name, "assigned_at": one.assigned_at}
            for one in taken
        ],
    }


def passed_on(row: Grant) -> Shape:
    """This will say who holds a license now."""
    return {
        "grant": row.pk,
        "replaces": row.replaces_id,
        "licensee": row.licensee_name,
        "granted_at": row.granted_at,
    }


def usage(row: UsageReport) -> Shape:
    """This will show a report of use."""
    return {
        "grant": row.grant_id,
        "key": row.key,
        "quantity": row.quantity,
        "from_day": row.from_day,
        "until_day": row.until_day,
        "note": row.note,
        "reported_by": row.reported_by,
        "reported_at": row.reported_at,
    }


def certificate(row: Grant, site: Site) -> Shape:
    """This will show a license's certificate."""
    return {
        "grant": row.pk,
        "certificate": row.certificate,
        "certificate_sha256": row.certificate_sha256,
        "page": site(f"/certificates/{row.pk}"),
    }


def standing(row: Grant, site: Site) -> Shape:
    """This will say of a license, with `.state` as queries give it, what anybody may know."""
    entries = ledger.queries.entries_about(f"grant:{row.pk}")
    return {
        "grant": row.pk,
        "pack": str(row.release.pack),
        "version": row.release.version,
        "release": row.release.digest,
        "creator": row.release.pack.creator.display_name,
        "terms": row.terms.name,
        "terms_sha256": row.terms_id,
        "exclusive": licensing.terms_of(row.terms).exclusive,
        "starts_at": row.starts_at,
        "ends_at": row.ends_at,
        "granted_at": row.granted_at,
        "state": row.state,  # type: ignore[attr-defined]
        "certificate_sha256": row.certificate_sha256,
        "proof": proof(entries[0] if entries else None),
        "page": site(f"/certificates/{row.pk}"),
    }


def checked(paper: Certificate, row: Grant | None, site: Site) -> Shape:
    """This will say what a genuine certificate says, and whether its license holds."""
    said = {"issuer": paper.issuer, "grant": paper.grant, "issued_at": paper.issued_at, **paper.subject}
    return {"kid": paper.kid, "said": said, "standing": standing(row, site) if row else None}


def studio(row: Studio, size: SizeDeclaration | None) -> Shape:
    """This will describe a studio to itself."""
    return {
        "id": row.pk,
        "name": row.name,
        "legal_name": row.legal_name,
        "country": row.country,
        "registration": row.registration,
        "people": size.people if size else None,
        "revenue_usd": size.revenue_usd if size else None,
    }
