"""The page of a license that anybody checks, and the papers that only its holder fetches."""

import io
import json
from uuid import uuid4

import pypdf
import pytest
from django.test import Client

import ledger.operations
from marketplace.licensing import erasing
from marketplace.licensing import operations as licensing
from marketplace.licensing.holdings import Project
from marketplace.licensing.models import Grant
from marketplace.ui import typesetting
from tests.cast import NOON, later
from tests.storefront.market import Market, browser_of


@pytest.fixture
def grant(market: Market) -> Grant:
    return licensing.grant(
        offer=market.offer("studio"), studio=market.cast.studio, source="order-line:1", now=later(hours=2)
    )


def page_of(client: Client, grant: Grant) -> str:
    response = client.get(f"/certificates/{grant.pk}")
    assert response.status_code == 200
    assert response["X-Robots-Tag"] == "noindex"
    assert "no-cache" in response["Cache-Control"]
    return str(response.content.decode())


def test_anybody_sees_what_is_licensed_and_whether_it_holds(client: Client, grant: Grant) -> None:
    ledger.operations.seal(now=later(hours=3))
    page = page_of(client, grant)
    assert "This license holds today, and has no end." in page
    for said in ("Sea of Clouds", "alice/yunhai 1.0.0", grant.certificate_sha256, grant.terms_id, str(grant.pk)):
        assert said in page
    assert "Sealed into the public log as entry" in page
    assert f"/terms/{grant.terms_id}" in page


def test_it_does_not_say_whose_license_it_is(client: Client, market: Market, grant: Grant) -> None:
    project = Project.objects.create(
        studio=market.cast.studio, name="Night Ferry", created_by=market.cast.carol, created_at=NOON
    )
    secret = licensing.grant(
        offer=market.offer("studio"), studio=market.cast.studio, source="order-line:2", project=project, now=NOON
    )
    for browser in (client, browser_of(market.cast.dave)):
        page = page_of(browser, secret)
        for hidden in ("Lantern", "Night Ferry", "order-line", secret.licensee_salt, str(project.pk), "100.01"):
            assert hidden not in page


def test_it_says_when_a_license_does_not_hold(client: Client, market: Market, grant: Grant) -> None:
    ended = licensing.grant(
        offer=market.offer("studio"),
        studio=market.cast.studio,
        source="order-line:2",
        now=NOON,
        ends_at=later(hours=9),
    )
    assert "This license ended on Nov 22, 2026, 21:00 UTC." in page_of(client, ended)
    licensing.set_status(grant=grant, status="suspended", reason="dispute", now=later(hours=4))
    assert "This license is suspended while its payment is disputed." in page_of(client, grant)
    licensing.set_status(grant=grant, status="revoked", reason="refund", now=later(hours=5))
    page = page_of(client, grant)
    assert "This license is revoked: it holds no longer, whoever shows its certificate." in page
    assert 'class="verdict bad"' in page


def test_there_is_no_page_for_what_was_never_granted(client: Client, db: None) -> None:
    assert client.get(f"/certificates/{uuid4()}").status_code == 404


def test_carol_fetches_the_papers_and_dave_does_not(market: Market, grant: Grant) -> None:
    carol, dave = browser_of(market.cast.carol), browser_of(market.cast.dave)
    signed = carol.get(f"/licenses/{grant.pk}/certificate.jws")
    assert (signed.status_code, signed["Content-Type"]) == (200, "application/jose")
    assert signed.content.decode() == grant.certificate
    assert signed["Cache-Control"] == "private, no-store"
    printed = carol.get(f"/licenses/{grant.pk}/certificate.pdf")
    assert printed["Content-Type"] == "application/pdf"
    assert printed["Content-Disposition"] == f'inline; filename="{grant.pk}.pdf"'
    reader = pypdf.PdfReader(io.BytesIO(printed.content))
    assert reader.attachments["certificate.jws"] == [grant.certificate.encode()]
    for form in ("pdf", "jws"):
        assert dave.get(f"/licenses/{grant.pk}/certificate.{form}").status_code == 404
        assert Client().get(f"/licenses/{grant.pk}/certificate.{form}").status_code == 302


def test_what_cannot_be_printed_is_said_in_a_sentence(
    market: Market, grant: Grant, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    carol = browser_of(market.cast.carol)
    monkeypatch.setattr(typesetting, "HOME", tmp_path)
    typesetting._fonts.cache_clear()
    answer = carol.get(f"/licenses/{grant.pk}/certificate.pdf")
    assert answer.status_code == 503
    assert "python -m embedded.frontend" in answer.content.decode()
    erasing.erase_licensee(studio=market.cast.studio)
    for form in ("pdf", "jws"):
        answer = carol.get(f"/licenses/{grant.pk}/certificate.{form}")
        assert answer.status_code == 403
        assert "was erased, so its papers cannot be made again." in answer.content.decode()
    assert "This license holds today" in page_of(Client(), grant)


def test_credits_come_in_four_forms(market: Market, grant: Grant) -> None:
    project = Project.objects.create(
        studio=market.cast.studio, name="Night Ferry", created_by=market.cast.carol, created_at=NOON
    )
    carol, dave = browser_of(market.cast.carol), browser_of(market.cast.dave)
    address = f"/projects/{project.pk}/credits"
    kinds = {
        "txt": "text/plain; charset=utf-8",
        "csv": "text/csv; charset=utf-8; header=present",
        "json": "application/json",
        "spdx.json": "application/spdx+json",
    }
    for form, kind in kinds.items():
        answer = carol.get(f"{address}.{form}")
        assert (answer.status_code, answer["Content-Type"]) == (200, kind)
        assert answer["Content-Disposition"] == f'attachment; filename="credits-{project.pk}.{form}"'
        assert "“Sea of Clouds” by Alice" in answer.content.decode()
        assert f"http://127.0.0.1:8000/certificates/{grant.pk}" in answer.content.decode()
        assert dave.get(f"{address}.{form}").status_code == 404
        assert Client().get(f"{address}.{form}").status_code == 302
    assert json.loads(carol.get(f"{address}.json").content)["of"]["name"] == "Night Ferry"
    assert carol.get(f"{address}.xml").status_code == 404
