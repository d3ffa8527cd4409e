"""Olga revokes a license of which a bank took a part, and sees what of a refund is owed: narrow, in both languages."""

from collections.abc import Callable
from typing import Any

import pytest

from marketplace.checkout import hearing
from marketplace.checkout import operations as checkout
from marketplace.checkout.disputes import Dispute, DisputeRevocation
from marketplace.checkout.models import OrderLine
from marketplace.licensing.models import Grant
from marketplace.licensing.queries import status_of
from tests.browser.conftest import violations
from tests.browser.test_desk import fits, line, signed_in  # noqa: F401
from tests.cast import later

pytestmark = pytest.mark.browser


@pytest.fixture
def dispute(line: OrderLine) -> Dispute:  # noqa: F811
    """The bank sends a refund of 20.00 back, takes the whole price, and gives 15.00 of it back."""
    told = {"charge_reference": line.order.outcome.reference, "now": later(days=2)}
    intent = checkout.refund_line(line=line, amount_minor=20_00, reason="a broken file", now=later(days=1))
    hearing.hear_refund(refund_reference=intent.outcome.reference, amount_minor=20_00, state="failed", **told)
    for state, back in (("opened", {}), ("won", {"returned_minor": 15_00})):
        hearing.hear_dispute(dispute_reference="du_1", state=state, amount_minor=line.price_minor, **told, **back)
    return Dispute.objects.get()


@pytest.mark.parametrize(("width", "locale", "scheme"), [(390, "zh-CN", "dark"), (1360, "en-US", "light")])
def test_olga_revokes_what_a_bank_took_a_part_of(
    dispute: Dispute, open_page: Callable[..., Any], width: int, locale: str, scheme: str
) -> None:
    settings = {"java_script_enabled": False, "viewport": {"width": width, "height": 844}, "locale": locale}
    page = signed_in(open_page, f"/desk/disputes/{dispute.pk}", color_scheme=scheme, **settings)
    assert fits(page, width)
    page.locator("details:has(form[action*='/revoke/']) > summary").click()
    page.locator("input[name=words]").fill("passed on to another studio")
    page.locator("button.danger").click()
    page.wait_for_url(f"**/desk/disputes/{dispute.pk}")
    assert "passed on to another studio" in page.locator("main").inner_text()
    assert fits(page, width)
    assert (status_of(Grant.objects.get()), DisputeRevocation.objects.count()) == ("revoked", 1)
    page.goto(page.url.split("/desk")[0] + "/desk/refunds/asked")
    assert fits(page, width)


def test_its_pages_are_for_everybody(dispute: Dispute, open_page: Callable[..., Any]) -> None:
    page = signed_in(open_page, f"/desk/disputes/{dispute.pk}")
    assert violations(page) == []
    page.goto(page.url.split("/desk")[0] + "/desk/refunds/asked")
    assert violations(page) == []
