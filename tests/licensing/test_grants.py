"""Offers, grants, their certificates, and what happens to them."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from jwcrypto import jwk, jws

import ledger.operations
import ledger.queries
from ledger.models import Entry
from marketplace.licensing import operations as licensing
from marketplace.licensing import queries, rules
from marketplace.licensing.bundles import NotDownloadable, prepare
from marketplace.licensing.models import Grant, GrantStatus, Offer, OfferWithdrawal
from marketplace.licensing.offering import commitment_of
from marketplace.licensing.terms.ready import READY
from marketplace.licensing.words import text_of
from marketplace.payouts.rules import Money
from tests.api.studios import Market
from tests.cast import NOON, later

SITE = "http://127.0.0.1:8000"


def certificate_of(grant: Grant) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, by another library and the public key that the log holds."""
    kid = json.loads(jws.base64url_decode(grant.certificate.split(".")[0]))["kid"]
    entry = ledger.queries.find_key(kid)
    assert entry is not None
    assert entry.statement["use"] == "certificates"
    key = jwk.JWK.from_json(json.dumps(entry.statement["public_jwk"]))
    assert key.thumbprint() == kid
    token = jws.JWS()
    token.deserialize(grant.certificate, key, alg="ES256")
    return token.jose_header, json.loads(token.payload)


def test_a_certificate_is_verified_with_the_key_in_the_log(market: Market, grant: Grant) -> None:
    header, claims = certificate_of(grant)

    assert header == {"alg": "ES256", "cty": "vc", "kid": header["kid"], "typ": "vc+jwt"}
    assert claims == {
        "@context": ["https://www.w3.org/ns/credentials/v2", f"{SITE}/credentials/license/v2"],
        "id": f"urn:uuid:{grant.pk}",
        "type": ["VerifiableCredential", "WorldloomLicense"],
        "issuer": SITE,
        "validFrom": "2026-11-22T13:00:00Z",
        "credentialSubject": {
            "licensee": "Lantern Films",
            "licensee_country": "",
            "licensee_registration": "",
            "licensee_salt": grant.licensee_salt,
            "receipt": "order-line:1",
            "offer": str(grant.offer_id),
            "release": market.world.digest,
            "pack": "alice/yunhai",
            "version": "1.0.0",
            "project": "",
            "project_name": "",
            "terms": grant.terms_id,
            "terms_name": "studio",
            "terms_texts": {
                "en": hashlib.sha256(grant.terms.text_en.encode()).hexdigest(),
                "zh-Hans": hashlib.sha256(grant.terms.text_zh_hans.encode()).hexdigest(),
            },
            "seats": 30,
            "starts": "2026-11-22T13:00:00Z",
            "ends": "",
            "kind": "new",
            "replaces": "",
            "exclusive": False,
            "log": "localhost/worldloom",
        },
        "credentialStatus": [
            {
                "id": f"{SITE}/credentials/status/{purpose}/0#{grant.status_index}",
                "type": "BitstringStatusListEntry",
                "statusPurpose": purpose,
                "statusListIndex": str(grant.status_index),
                "statusListCredential": f"{SITE}/credentials/status/{purpose}/0",
            }
            for purpose in ("revocation", "suspension")
        ],
        "iss": SITE,
        "iat": int(later(hours=1).timestamp()),
        "jti": f"urn:uuid:{grant.pk}",
    }


def altered(certificate: str) -> Iterator[str]:
    """Certificates with one letter changed, in each part."""
    for part in range(3):
        parts = certificate.split(".")
        middle = len(parts[part]) // 2
        letter = "A" if parts[part][middle] != "A" else "B"
        parts[part] = parts[part][:middle] + letter + parts[part][middle + 1 :]
        yield ".".join(parts)


def test_an_altered_certificate_is_no_certificate(grant: Grant) -> None:
    entry = ledger.queries.find_key(certificate_of(grant)[0]["kid"])
    assert entry is not None
    key = jwk.JWK.from_json(json.dumps(entry.statement["public_jwk"]))

    for wrong in altered(grant.certificate):
        with pytest.raises((jws.InvalidJWSSignature, jws.InvalidJWSObject)):
            jws.JWS().deserialize(wrong, key, alg="ES256")


def test_the_log_holds_commitments_not_names_nor_prices(market: Market, grant: Grant) -> None:
    entry = Entry.objects.get(type="grant")
    licensee = rules.licensee_document("Lantern Films", grant.licensee_salt)

    assert entry.statement == {
        "grant": str(grant.pk),
        "release": market.world.digest,
        "offer": str(grant.offer_id),
        "terms": grant.terms_id,
        "licensee_commitment": hashlib.sha256(licensee).hexdigest(),
        "certificate": hashlib.sha256(grant.certificate.encode()).hexdigest(),
    }
    offer = market.offer()
    stated = Entry.objects.get(type="offer", subject=f"offer:{offer.pk}").statement
    assert stated["price_commitment"] == commitment_of(offer.prices.get())
    for one in Entry.objects.all():
        assert b"Lantern" not in bytes(one.body)
        assert b"10001" not in bytes(one.body)


def test_one_source_is_one_grant(market: Market, grant: Grant) -> None:
    again = licensing.grant(offer=market.offer(), studio=market.cast.studio, source="order-line:1", now=later(days=1))

    assert again == grant
    assert (again.granted_at, Grant.objects.count(), Entry.objects.filter(type="grant").count()) == (
        later(hours=1),
        1,
        1,
    )


def test_a_grant_is_suspended_restored_and_revoked_for_good(grant: Grant) -> None:
    def mark(status: str) -> GrantStatus | None:
        return licensing.set_status(grant=grant, status=status, reason="because", now=later(days=1))

    assert queries.status_of(grant) == "active"
    assert mark("active") is None
    for status in ("suspended", "active", "suspended", "revoked"):
        assert mark(status) is not None
        assert mark(status) is None
        assert queries.status_of(grant) == status
    with pytest.raises(licensing.UnableToGrant, match="is revoked, which is for good"):
        mark("active")

    assert queries.status_of(grant) == "revoked"
    stated = [entry.statement for entry in Entry.objects.filter(type="grant-status").order_by("id")]
    assert stated == [
        {"grant": str(grant.pk), "status": status} for status in ("suspended", "active", "suspended", "revoked")
    ]


def test_the_same_offer_again_is_the_offer_that_is_there(market: Market) -> None:
    before = (Offer.objects.count(), Entry.objects.count())

    def offer(price: int, currency: str = "USD") -> Offer:
        return licensing.offer(
            release=market.world, terms=READY["studio"], price=Money(price, currency), now=later(days=1)
        )

    assert offer(10_001) == market.offer()
    with pytest.raises(licensing.UnableToOffer, match="already offered under “studio” in USD at another price"):
        offer(10_002)
    with pytest.raises(licensing.UnableToOffer, match="between 0 and 9007199254740991"):
        offer(-1, "EUR")
    assert (Offer.objects.count(), Entry.objects.count()) == before


def test_several_offers_are_made_or_none(market: Market) -> None:
    before = Offer.objects.count()
    wanted = [(READY["studio"], Money(5, "EUR")), (READY["studio"], Money(6, "EUR"))]

    with pytest.raises(licensing.UnableToOffer):
        licensing.offer_all(release=market.world, offers=wanted, now=later(days=1))

    assert Offer.objects.count() == before


def test_a_withdrawn_offer_is_not_live_and_its_grants_stay(market: Market, grant: Grant) -> None:
    offer = market.offer()
    first = licensing.withdraw_offer(offer=offer, now=later(days=1))
    again = licensing.withdraw_offer(offer=offer, now=later(days=2))

    assert first == again
    assert OfferWithdrawal.objects.get().withdrawn_at == later(days=1)
    assert queries.offer(offer.pk) is None
    assert queries.offers([offer.pk])[offer.pk].withdrawal == first
    assert "studio" not in [one.terms.name for one in queries.live_offers(market.world)]
    assert queries.status_of(grant) == "active"


def test_unknown_terms_are_named_with_those_that_are_known() -> None:
    with pytest.raises(licensing.UnableToOffer, match="“nope” names no terms: use one of personal, studio, enterprise"):
        licensing.ready_terms("nope")


def test_the_words_of_terms_are_fixed_when_they_are_first_offered(market: Market) -> None:
    text = market.offer("personal").terms

    assert text.text_en == text_of(READY["personal"], "en")
    assert text.text_zh_hans == text_of(READY["personal"], "zh-hans")
    assert queries.terms_of(text) == READY["personal"]
    assert text.created_at == NOON
    assert rules.digest(bytes(text.document)) == text.digest


def test_a_license_downloads_whatever_became_of_its_offer_its_release_and_its_creator(
    market: Market, sealed: Grant
) -> None:
    before = prepare(sealed, site=SITE, now=later(hours=3)).digest
    licensing.withdraw_offer(offer=sealed.offer, now=later(hours=4))
    licensing.take_down(release=market.world, claim=uuid4(), now=later(hours=5))
    alice = market.cast.alice.person
    alice.is_active = False
    alice.save()

    assert prepare(sealed, site=SITE, now=later(days=900)).digest == before
    licensing.set_status(grant=sealed, status="revoked", reason="lost", now=later(days=901))
    with pytest.raises(NotDownloadable, match="is revoked"):
        prepare(sealed, site=SITE, now=later(days=901))


def test_what_has_ended_is_not_downloaded_again(market: Market) -> None:
    held = licensing.grant(
        offer=market.offer(),
        studio=market.cast.studio,
        source="order-line:1",
        starts_at=later(days=1),
        ends_at=later(days=2),
        now=later(hours=1),
    )
    ledger.operations.register_keys(now=NOON)
    ledger.operations.seal(now=later(hours=2))

    # What is licensed from tomorrow on can be fetched today.
    assert prepare(held, site=SITE, now=later(hours=3)).papers["certificate.jws"] == held.certificate.encode()
    with pytest.raises(NotDownloadable, match="has ended, so its files cannot be downloaded again"):
        prepare(held, site=SITE, now=later(days=2))
