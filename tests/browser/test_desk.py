"""Olga refunds an order and reads a year's totals in a real browser: without scripts, on a phone, in both languages."""

from collections.abc import Callable
from typing import Any

import pytest

from marketplace.checkout import operations as checkout
from marketplace.checkout.models import OrderLine
from marketplace.checkout.refunds import RefundIntent
from marketplace.checkout.sandbox_models import SandboxRefund
from marketplace.licensing import queries as licensing
from marketplace.payouts.operations import allocate_royalties, open_dispute
from marketplace.people import operations as people
from tests.browser.conftest import violations
from tests.cast import CARD, NOON, PASSWORD, later, person
from tests.storefront.market import Market

pytestmark = pytest.mark.browser


@pytest.fixture
def line(market: Market) -> OrderLine:
    """Carol's studio licenses Bob's work, of which a fifth of the net is Alice's; Olga runs the house."""
    people.name_operator(person=person("olga"), now=NOON)
    offer = licensing.live_offers(market.derived)[0]
    cast = market.cast
    order = checkout.buy(
        studio=cast.studio, buyer=cast.carol, offers=[offer], method=CARD, idempotency_key="1", now=later(hours=3)
    )
    allocate_royalties(now=later(hours=4))
    return order.lines.get()


def signed_in(open_page: Callable[..., Any], address: str, **settings: Any) -> Any:
    page = open_page(f"/sign-in?next={address}", **settings)
    page.locator("input[name=email]").fill("olga@example.com")
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("main button.primary").click()
    page.wait_for_url(f"**{address}")
    return page


def fits(page: Any, width: int) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth") <= width)


@pytest.mark.parametrize(("width", "locale"), [(390, "zh-CN"), (1360, "en-US")])
def test_olga_refunds_a_part_without_javascript(
    line: OrderLine, open_page: Callable[..., Any], width: int, locale: str
) -> None:
    settings = {"java_script_enabled": False, "viewport": {"width": width, "height": 844}, "locale": locale}
    page = signed_in(open_page, "/desk/books", **settings)
    page.locator(".portal-nav a[href='/desk/refunds']").click()
    page.locator("#id_of").fill(line.source)
    page.locator("main button.primary").click()
    page.wait_for_url(f"**/desk/refunds/{line.pk}")
    assert fits(page, width)
    page.locator("#id_amount").fill("20.00")
    page.locator("#id_reason").fill("a broken file")
    page.locator("main button.primary").click()
    assert page.locator("#takes").is_visible()
    assert fits(page, width)
    assert not RefundIntent.objects.exists()

    page.locator("main button.danger").click()

    page.wait_for_url(f"**/desk/refunds/{line.pk}")
    assert [one.amount_minor for one in SandboxRefund.objects.all()] == [20_00]
    assert "a broken file" in page.locator("main").inner_text()
    assert fits(page, width)


def test_a_double_click_gives_back_once(line: OrderLine, open_page: Callable[..., Any]) -> None:
    page = signed_in(open_page, f"/desk/refunds/{line.pk}", locale="en-US")
    assert violations(page) == []
    page.locator("#id_amount").fill("20.00")
    page.locator("#id_reason").fill("a broken file")
    page.get_by_role("button", name="See what this takes").click()
    page.locator("#takes").wait_for()
    assert violations(page) == []
    page.get_by_role("button", name="Give $20.00 back").dblclick()
    page.locator("#before").wait_for()
    assert [one.amount_minor for one in SandboxRefund.objects.all()] == [20_00]
    assert violations(page) == []
    page.goto("/desk/refunds")
    assert violations(page) == []


@pytest.mark.parametrize("width", [390, 1360])
def test_the_books_have_each_region_once(line: OrderLine, open_page: Callable[..., Any], width: int) -> None:
    open_dispute(source=line.source, now=later(hours=5))
    page = signed_in(open_page, "/desk/books", viewport={"width": width, "height": 844}, locale="en-US")
    for name in ("What stands, by age", "USD"):
        assert page.get_by_role("region", name=name, exact=True).count() == 1
    assert fits(page, width)
    assert violations(page) == []
    page.locator("a[href*='/desk/books/aging?what=']").first.click()
    page.wait_for_url("**/desk/books/aging?what=*")
    assert page.locator("main [role=region]").count() == 1
    assert violations(page) == []


@pytest.mark.parametrize("width", [390, 1360])
def test_the_years_totals_fit_and_are_taken_along(line: OrderLine, open_page: Callable[..., Any], width: int) -> None:
    settings = {"viewport": {"width": width, "height": 844}, "locale": "en-US"}
    page = signed_in(open_page, "/desk/years", **settings)
    page.goto(f"/desk/years?form=1099-k&year={NOON.year}")
    assert "alice" in page.locator("main").inner_text()
    assert fits(page, width)
    assert violations(page) == []
    with page.expect_download() as download:
        page.locator("a[href*='years.csv']").click()
    assert download.value.suggested_filename == f"1099-k-{NOON.year}.csv"
