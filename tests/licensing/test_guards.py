"""Digests are those of what they name, and revoked is for good, whoever asks the database."""

import pytest
from django.db import IntegrityError, connection, transaction

from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Grant, GrantStatus, TermsText
from tests.cast import later

STATUS = "INSERT INTO licensing_grantstatus (grant_id, status, reason, since)"
GRANT = (
    "INSERT INTO licensing_grant (id, offer_id, release_id, terms_id, studio_id, licensee_name, licensee_salt, source,"
    " licensee_country, licensee_registration, seats, starts_at, kind, price_minor, currency, granted_at, certificate,"
    " certificate_sha256) SELECT gen_random_uuid(), offer_id, release_id, terms_id, studio_id, licensee_name,"
    " licensee_salt, 'order-line:2', '', '', seats, starts_at, kind, price_minor, currency, granted_at, {}"
    " FROM licensing_grant"
)
TERMS = (
    "INSERT INTO licensing_termstext (digest, name, document, text_en, text_zh_hans, created_at)"
    " SELECT {}, name, document, text_en, text_zh_hans, created_at FROM licensing_termstext LIMIT 1"
)


def refusal(sql: str) -> str:
    """The name of what the statement broke."""
    with pytest.raises(IntegrityError) as refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    name: str = refused.value.__cause__.diag.constraint_name
    return name


@pytest.mark.parametrize(
    ("constraint", "sql"),
    [
        ("licensing_certificate_digest_matches", GRANT.format("certificate, repeat('0', 64)")),
        ("licensing_certificate_digest_matches", GRANT.format("certificate || 'x', certificate_sha256")),
        ("licensing_grant_certificate_sha256_key", GRANT.format("certificate, certificate_sha256")),
        ("licensing_terms_digest_matches", TERMS.format("repeat('0', 64)")),
        ("licensing_terms_digest_matches", TERMS.format("encode(sha256('\\x00' || document), 'hex')")),
    ],
)
def test_digests_are_of_what_they_name(grant: Grant, constraint: str, sql: str) -> None:
    before = (Grant.objects.count(), TermsText.objects.count())
    assert refusal(sql) == constraint
    assert (Grant.objects.count(), TermsText.objects.count()) == before


@pytest.mark.parametrize("status", ["active", "suspended", "revoked"])
def test_nothing_follows_a_revocation(grant: Grant, status: str) -> None:
    licensing.set_status(grant=grant, status="suspended", reason="disputed", now=later(hours=2))
    licensing.set_status(grant=grant, status="active", reason="won", now=later(hours=3))
    licensing.set_status(grant=grant, status="revoked", reason="lost", now=later(hours=4))

    assert refusal(f"{STATUS} VALUES ('{grant.pk}', '{status}', '', now())") == "licensing_revoked_is_for_good"
    assert [row.status for row in GrantStatus.objects.all()] == ["suspended", "active", "revoked"]


def test_nothing_follows_a_revocation_in_one_statement_either(grant: Grant) -> None:
    rows = f"('{grant.pk}', 'revoked', '', now()), ('{grant.pk}', 'active', '', now())"
    assert refusal(f"{STATUS} VALUES {rows}") == "licensing_revoked_is_for_good"
    assert not GrantStatus.objects.exists()
