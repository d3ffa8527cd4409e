"""Anybody who was handed a certificate asks whether it was issued here and still holds."""

import pytest
from django.test import Client

import ledger.operations
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Grant
from tests.cast import later
from tests.storefront.market import Market

CANONICAL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@pytest.fixture
def grant(market: Market) -> Grant:
    """Carol's studio license of Alice's world, not sealed yet."""
    return licensing.grant(
        offer=market.offer("studio"), studio=market.cast.studio, source="order-line:1", now=later(hours=2)
    )


def asked(client: Client, certificate: str, **bundle: str) -> tuple[int, str]:
    response = client.post("/verify/certificate", {"certificate": certificate, **bundle})
    return response.status_code, response.content.decode()


def sealed_at(hours: int) -> None:
    ledger.operations.seal(now=later(hours=hours))


def test_a_certificate_is_green_once_its_license_is_sealed(client: Client, grant: Grant) -> None:
    status, page = asked(client, grant.certificate)
    assert status == 200
    assert "This certificate was issued here, to Lantern Films for alice/yunhai 1.0.0." in page
    assert 'class="verdict neutral"' in page

    sealed_at(3)
    status, page = asked(client, f"\n {grant.certificate}\n")
    assert status == 200
    assert "This certificate was issued here: Lantern Films holds a license for alice/yunhai 1.0.0." in page
    assert 'class="verdict ok"' in page
    assert "/credentials/status/revocation/0" in page


def test_a_suspended_license_warns_and_a_revoked_one_is_red(client: Client, grant: Grant) -> None:
    sealed_at(3)
    licensing.set_status(grant=grant, status="suspended", reason="dispute", now=later(hours=4))
    _status, page = asked(client, grant.certificate)
    assert "This license is suspended while its payment is disputed: Lantern Films, alice/yunhai 1.0.0." in page
    assert 'class="verdict warn"' in page

    licensing.set_status(grant=grant, status="revoked", reason="dispute lost", now=later(hours=5))
    _status, page = asked(client, grant.certificate)
    assert "This license is revoked: Lantern Films no longer holds alice/yunhai 1.0.0 under it." in page
    assert 'class="verdict bad"' in page


def other_spelling(certificate: str) -> str:
    """The same bytes in base64url whose unused last bits are not zero."""
    last = CANONICAL.index(certificate[-1])
    return certificate[:-1] + CANONICAL[last ^ 1]


@pytest.mark.parametrize(
    "change", ["flipped", "other spelling", "padded", "inner blank", "cut", "digest", "empty", "long"]
)
def test_what_is_no_certificate_of_ours_is_refused_in_a_sentence(client: Client, grant: Grant, change: str) -> None:
    sealed_at(3)
    certificate = grant.certificate
    header, claims, signature = certificate.split(".")
    changed = {
        "flipped": f"{header}.{claims}.{CANONICAL[CANONICAL.index(signature[0]) ^ 1]}{signature[1:]}",
        "other spelling": other_spelling(certificate),
        "padded": f"{certificate}==",
        "inner blank": f"{header}. {claims}.{signature}",
        "cut": certificate[:-30],
        "digest": "ab" * 32,
        "empty": "",
        "long": certificate + "A" * 200_000,
    }[change]

    altered = "This certificate was altered: its signature is not by the key that it names, over these very words."
    said = {
        "flipped": altered,
        "cut": altered,
        "empty": "paste the whole text of certificate.jws.",
        "long": "paste the whole text of certificate.jws.",
    }.get(change, "This is no certificate: it is cut short, or not in the one canonical spelling of base64url;")

    status, page = asked(client, changed)

    assert status == 422
    assert said in page
    assert 'role="alert"' in page
    assert "holds a license" not in page
    assert "verdict ok" not in page


def test_a_certificate_signed_by_another_site_was_not_issued_here(
    client: Client, grant: Grant, settings: pytest.FixtureRequest, tmp_path: object
) -> None:
    from ledger.signing.files import FileKeys
    from ledger.signing.jws import parse_compact, sign_compact

    other = FileKeys(tmp_path / "others").signer("certificates")  # type: ignore[operator]
    claims = dict(parse_compact(grant.certificate).claims)

    status, page = asked(client, sign_compact(claims, typ="vc+jwt", cty="vc", signer=other))

    assert status == 422
    assert "This certificate was not issued here: it names a key that is not ours or that was revoked." in page


def test_another_licenses_certificate_is_told_apart(client: Client, market: Market, grant: Grant) -> None:
    other = licensing.grant(
        offer=market.offer("studio"), studio=market.cast.studio, source="order-line:2", now=later(hours=2)
    )
    sealed_at(3)
    _status, page = asked(client, grant.certificate, about=str(other.pk))
    assert "This certificate is genuine, but it is another license&#x27;s than the one that you asked about." in page
    _status, page = asked(client, grant.certificate, about=str(grant.pk))
    assert "holds a license for alice/yunhai 1.0.0." in page
    assert f"/certificates/{grant.pk}" in page


def test_a_license_that_ended_or_was_replaced_is_red(client: Client, market: Market, grant: Grant) -> None:
    ended = licensing.grant(
        offer=market.offer("studio"),
        studio=market.cast.studio,
        source="order-line:2",
        now=later(hours=2),
        ends_at=later(hours=9),
    )
    sealed_at(3)
    _status, page = asked(client, ended.certificate)
    assert "This license ended on Nov 22, 2026, 21:00 UTC: Lantern Films, alice/yunhai 1.0.0." in page
    licensing.set_status(grant=grant, status="superseded", reason="upgrade", now=later(hours=4))
    _status, page = asked(client, grant.certificate)
    assert "Another license took the place of this one: Lantern Films no longer holds alice/yunhai 1.0.0" in page
    assert 'class="verdict bad"' in page


def test_a_bundle_is_judged_by_its_files_first(client: Client, grant: Grant) -> None:
    sealed_at(3)
    release = grant.release.digest

    _status, page = asked(client, grant.certificate, manifest=release, files="3", wrong="", wrong_count="0")
    assert "This bundle matches what was registered: alice/yunhai 1.0.0, licensed to Lantern Films." in page
    assert "Your browser compared 3 files of the bundle with its manifest" in page

    _status, page = asked(
        client, grant.certificate, manifest=release, files="3", wrong="cover.png\n<b>x</b>.png", wrong_count="2"
    )
    assert "2 files in this bundle are not what was registered." in page
    assert "cover.png" in page
    assert "<b>x</b>" not in page
    assert 'class="verdict bad"' in page

    _status, page = asked(client, grant.certificate, manifest="ab" * 32, files="3", wrong="", wrong_count="0")
    assert "The manifest in this bundle is not the one that was licensed." in page


def test_asking_with_a_link_goes_to_the_page_that_takes_files(client: Client, db: None) -> None:
    response = client.get("/verify/certificate")
    assert (response.status_code, response["Location"]) == (302, "/verify")
