"""Olga looks at what books and gateway do not agree about in a real browser: without scripts, wide and on a phone."""

from collections.abc import Callable
from typing import Any

import pytest

from marketplace.checkout import operations as checkout
from marketplace.checkout.models import PaymentOutcome
from marketplace.checkout.reconciling.equating import prove
from marketplace.checkout.reconciling.tables import ProviderLine, SuspenseCleared
from marketplace.licensing import queries as licensing
from marketplace.people import operations as people
from tests.browser.conftest import violations
from tests.browser.test_desk import fits, signed_in
from tests.cast import CARD, NOON, later, person
from tests.checkout.reconciling.ledgers import Told
from tests.storefront.market import Market

pytestmark = pytest.mark.browser


@pytest.fixture
def told(market: Market) -> Told:
    """Carol's studio bought two licenses; the gateway says another amount of one, and has lines of its own."""
    people.name_operator(person=person("olga"), now=NOON)
    orders = [
        checkout.buy(
            studio=market.cast.studio,
            buyer=market.cast.carol,
            offers=[offer],
            method=CARD,
            idempotency_key=str(offer.pk),
            now=later(hours=3),
        )
        for offer in licensing.live_offers(market.derived)[:2]
    ]
    told = Told()
    paid = PaymentOutcome.objects.get(order=orders[0])
    told.line("charge", paid.reference, orders[0].total_minor - 1, 65)
    told.line("charge", "ch_of_another_site", 9_00)
    told.line("climate_order_purchase", "climorder_1", -7_00)
    prove(port=told, now=later(hours=5))
    return told


@pytest.mark.parametrize(("width", "locale"), [(390, "zh-CN"), (1360, "en-US")])
def test_olga_clears_what_she_understood(told: Told, open_page: Callable[..., Any], width: int, locale: str) -> None:
    settings = {"java_script_enabled": False, "viewport": {"width": width, "height": 844}, "locale": locale}
    page = signed_in(open_page, "/desk/books", **settings)
    page.locator(".portal-nav a[href='/desk/reconciliation']").click()
    assert fits(page, width)
    page.locator("a[href='?set=suspense']").click()
    row = ProviderLine.objects.get(source="climorder_1")
    page.locator(f"a[href='/desk/reconciliation/lines/{row.pk}']").click()
    assert fits(page, width)
    page.locator("#id_to").select_option("dispute_loss")
    page.locator("#id_reason").fill("trees")
    page.locator("main button.primary").click()
    page.wait_for_url(f"**/desk/reconciliation/lines/{row.pk}")
    assert SuspenseCleared.objects.get().reason == "trees"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_its_pages_are_for_everybody(told: Told, open_page: Callable[..., Any], scheme: str) -> None:
    page = signed_in(open_page, "/desk/reconciliation", color_scheme=scheme)
    assert violations(page) == []
    page.goto(f"{page.url.split('/desk')[0]}/desk/reconciliation/lines/{ProviderLine.objects.last().pk}")
    assert violations(page) == []
