"""What Carol sees of pictures: the small type, nothing that jumps, words for those who do not see them."""

from collections.abc import Callable
from typing import Any

import pytest

from assets.models import Asset
from assets.operations import make_all_previews
from tests.browser.conftest import violations
from tests.cast import NOON
from tests.storefront.market import Market

pytestmark = pytest.mark.browser

SHIFT = """() => new Promise(resolve => new PerformanceObserver(list => {
  resolve(list.getEntries().reduce((sum, entry) => sum + entry.value, 0));
}).observe({type: "layout-shift", buffered: true}) || setTimeout(() => resolve(0), 300))"""


@pytest.mark.deep
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pictures_are_avif_stand_still_and_are_described(
    market: Market, open_page: Callable[..., Any], scheme: str
) -> None:
    make_all_previews(assets=list(Asset.objects.all()), now=NOON)
    page = open_page("/packs/alice/yunhai", color_scheme=scheme, viewport={"width": 1280, "height": 900})
    drawing = page.get_by_role("img", name="How strongly style.safetensors changes each layer")
    drawing.scroll_into_view_if_needed()
    page.wait_for_load_state("networkidle")

    cover = page.locator(".gallery picture img").first
    types = page.evaluate(
        "async () => Promise.all([...document.querySelectorAll('picture img')].filter(i => i.complete && i.currentSrc)"
        ".map(async i => (await fetch(i.currentSrc)).headers.get('content-type')))"
    )
    assert set(types) == {"image/avif"}
    assert cover.evaluate("image => image.naturalWidth") > 0
    assert drawing.evaluate("image => image.naturalWidth") > 0
    assert page.evaluate(SHIFT) < 0.1
    assert violations(page) == []
