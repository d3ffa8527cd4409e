"""Somebody scans the code on a printed certificate, and pastes the one that is attached to it."""

from collections.abc import Callable
from typing import Any

import pytest

from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Grant
from tests.browser.conftest import violations
from tests.cast import later
from tests.storefront.market import Market

pytestmark = pytest.mark.browser


@pytest.fixture
def grant(market: Market) -> Grant:
    return licensing.grant(
        offer=market.offer("studio"), studio=market.cast.studio, source="order-line:1", now=later(hours=2)
    )


def test_a_scanned_code_leads_to_the_license_and_a_pasted_certificate_to_its_holder(
    grant: Grant, open_page: Callable[..., Any]
) -> None:
    page = open_page(f"/certificates/{grant.pk}", viewport={"width": 390, "height": 844})
    assert page.locator("h1").inner_text() == "This license holds today, and has no end."
    assert "Lantern Films" not in page.locator("main").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_label("The text of certificate.jws").fill(grant.certificate)
    page.get_by_role("button", name="Check this certificate").click()
    page.wait_for_url("**/verify/certificate")
    assert "Lantern Films" in page.locator("h1").inner_text()


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_it(grant: Grant, open_page: Callable[..., Any], locale: str, scheme: str) -> None:
    page = open_page(f"/certificates/{grant.pk}", locale=locale, color_scheme=scheme)
    assert violations(page) == []
