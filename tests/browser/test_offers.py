"""Alice writes terms of her own in a real browser, reads them as she writes, and signs her offer there."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger.models import CreatorKey, Entry
from marketplace.intake.operations import publish_folder
from marketplace.licensing.models import Offer, OfferPrice
from marketplace.licensing.queries import terms_of
from marketplace.licensing.terms.model import only
from tests import packs
from tests.browser.conftest import violations
from tests.browser.test_signing import KEYS, signed_in
from tests.cast import NOON, on_stage
from tests.ledger.keyholders import findings

pytestmark = pytest.mark.browser

NEW = "/portal/packs/alice/yunhai/offers/new"


@pytest.mark.deep
def test_she_reads_her_terms_as_she_writes_them_and_her_own_key_signs(
    emptied: None, open_page: Callable[..., Any], tmp_path: Path
) -> None:
    cast = on_stage()
    publish_folder(folder=packs.write(tmp_path / "a", handle="yunhai"), creator=cast.alice, now=NOON)
    page = signed_in(open_page, KEYS)
    page.get_by_role("button", name="Make a key in this browser").click()
    page.get_by_text("It is in this browser").wait_for()

    page.goto(f"{NEW}?base=studio")
    assert violations(page) == []
    page.get_by_text("Change what they say").click()
    page.locator("#id_territory_kind").select_option("only")
    page.get_by_text("Which countries").first.click()
    page.locator("#id_territory_codes").select_option(["CN", "JP"])
    page.locator("#id_price").fill("12.00")
    page.locator("#terms-preview").get_by_text("Only in China and Japan").first.wait_for()
    page.locator("#terms-preview").get_by_text("You get $10.80").first.wait_for()
    page.locator("#id_share_alike").fill("CC-BY-SA-4.0")
    page.locator("#terms-preview").get_by_text("These terms contradict themselves").wait_for()
    assert violations(page) == []
    page.get_by_role("button", name="Sign and offer it").click()
    page.locator("sign-here [role=status].error").get_by_text("Share-alike is about changed works").wait_for()
    assert Offer.objects.count() == 1
    page.locator("#id_share_alike").fill("")
    page.get_by_role("button", name="Sign and offer it").click()
    page.wait_for_url("**/portal/packs/alice/yunhai/offers?version=1.0.0")
    made = Offer.objects.exclude(terms__name="studio").get()
    assert (terms_of(made.terms).territory, made.price_minor) == (only("CN", "JP"), 1200)
    kid = CreatorKey.objects.get(custody="own").kid
    stated = json.loads(bytes(Entry.objects.get(type="offer", subject=f"offer:{made.pk}").body))
    assert [one["kid"] for one in stated["signatures"]] == [kid]

    page.goto(f"/portal/offers/{made.pk}")
    assert violations(page) == []
    page.get_by_label("Price", exact=True).first.fill("15.00")
    page.get_by_role("button", name="Sign and set the price").click()
    page.get_by_text("$15.00").first.wait_for()
    assert list(OfferPrice.objects.filter(offer=made).values_list("price_minor", flat=True)) == [1200, 1500]
    assert findings() == []
