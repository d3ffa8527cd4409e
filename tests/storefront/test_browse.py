"""What a visitor finds: home, catalog, pack, creator."""

import json
import re
from urllib.parse import quote

import pytest
from django.test import Client

from marketplace.licensing import operations as licensing
from marketplace.licensing.terms.document import terms_from
from marketplace.licensing.terms.ready import READY
from marketplace.licensing.terms.words import HEADINGS, rights_in
from marketplace.payouts.rules import Money
from tests.cast import later
from tests.storefront.market import Market

HOSTILE = (
    "\x00",
    "'; DROP TABLE people_person; --",
    "<script>alert(1)</script>",
    "%",
    "\ufffd",
    "a" * 5000,
    "云" * 300,
)


def text(response: object) -> str:
    return response.content.decode()  # type: ignore[attr-defined]


def test_a_visitor_finds_a_world_by_its_chinese_name_and_sees_from_what_price(client: Client, market: Market) -> None:
    page = text(client.get("/browse", {"q": "云海"}))

    assert "Sea of Clouds" in page
    assert "Ink Harbor" in page  # its Chinese title is 云海 too
    assert "2 packs" in page
    assert "<b>Free</b>" in page
    assert "from <b>$100.01</b>" in page


def test_filters_stand_in_the_address_and_take_themselves_away(client: Client, market: Market) -> None:
    page = text(client.get("/browse", {"kind": "style", "creator": "bob"}))

    assert "Ink Harbor" in page
    assert "Sea of Clouds" not in re.sub(r"<select.*?</select>", "", page, flags=re.DOTALL)
    assert 'href="/browse?creator=bob"' in page
    assert 'href="/browse?kind=style"' in page


def test_nothing_found_says_what_to_do(client: Client, market: Market) -> None:
    page = text(client.get("/browse", {"q": "zeppelin"}))

    assert "Nothing fits" in page
    assert "Show all packs" in page


@pytest.mark.parametrize("name", ["q", "kind", "element", "base_model", "ai_training", "creator", "sort", "cursor"])
def test_hostile_filters_narrow_or_find_nothing_and_break_nothing(client: Client, db: None, name: str) -> None:
    for value in HOSTILE:
        response = client.get("/browse", {name: value})

        assert response.status_code == 200, value
        assert "<script>alert" not in text(response)


def test_the_empty_market_has_a_home_and_a_catalog(client: Client, db: None) -> None:
    assert "No packs yet" in text(client.get("/"))
    assert "No pack is on sale yet" in text(client.get("/browse"))


def test_home_shows_what_the_ledger_proves(client: Client, sealed: Market) -> None:
    page = text(client.get("/"))

    assert re.search(r"Files sealed</dt><dd>6\b", page)
    assert re.search(r"Licenses granted</dt><dd>0\b", page)
    assert "Nothing yet" in page


def test_a_pack_shows_split_parents_files_and_what_every_license_allows(client: Client, sealed: Market) -> None:
    world = text(client.get("/packs/alice/yunhai"))
    derived = text(client.get("/packs/bob/ink"))

    assert "70%" in world
    assert "30%" in world
    assert "pays 20%" in world
    assert "owed 20%" in derived
    assert "style.safetensors" in world
    assert "rank 4 · 6 tensors" in world
    assert world.count('name="offer"') == 3
    assert "No commercial use" in world
    assert "up to US$1,000,000 a year" in world
    assert "Provenance verified" in world
    assert "checked" in world


def test_licenses_are_compared_in_every_dimension_and_where_they_differ_it_shows(
    client: Client, market: Market
) -> None:
    def rows() -> list[tuple[str, str]]:
        table = text(client.get("/packs/alice/yunhai")).partition('id="compare"')[2].partition("</table>")[0]
        return re.findall(r'<tr( class="same")?><th scope="row">(.*?)</th>', table)

    always = {"Commercial use", "Changes", "AI training", "Passing on", "Sublicenses", "Transfer", "People", "Credit"}
    assert [name for _same, name in rows()] == [HEADINGS[right.dimension] for right in rights_in(READY["personal"])]
    assert {name for same, name in rows() if not same} <= always

    narrow = {"base": "studio", "name": "East <Asia>", "territory": ["JP", "KR"], "approval_required": True}
    licensing.offer(release=market.world, terms=terms_from(narrow), price=Money(5_000, "USD"), now=later(days=1))
    assert {"Territory", "Approval"} <= {name for same, name in rows() if not same}
    page = text(client.get("/packs/alice/yunhai"))
    assert "What East &lt;Asia&gt; allows" in page
    assert "Only in Japan and South Korea" in page
    assert '<li class="duty">' in page
    assert "East <Asia>" not in page


def test_what_is_pending_is_said_to_be_pending(client: Client, market: Market) -> None:
    page = text(client.get("/packs/alice/yunhai"))

    assert "Proof being sealed" in page
    assert "Provenance verified" not in page
    assert page.count('class="pending"') == 2


def test_linked_data_is_json_that_cannot_end_its_element(client: Client, market: Market) -> None:
    page = text(client.get("/packs/alice/yunhai"))
    (found,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page)

    document = json.loads(found)
    assert document["name"] == "Sea of Clouds"
    assert [offer["price"] for offer in document["offers"]] == ["0.00", "100.01", "900.00"]
    assert "<" not in found


def test_titles_are_in_the_language_of_the_page(client: Client, market: Market) -> None:
    page = text(client.get("/packs/alice/yunhai", headers={"Accept-Language": "zh-CN"}))

    assert '<html lang="zh-Hans"' in page
    assert '<h1 lang="zh-Hans">云海</h1>' in page


def test_what_is_not_there_is_not_found(client: Client, market: Market) -> None:
    for address in (
        "/packs/alice/none",
        "/packs/nobody/yunhai",
        "/packs/alice/yunhai?version=9.9.9",
        "/packs/alice/yunhai?version=" + quote("1.0.0' OR 1=1"),
        "/packs/alice/yunhai?version=%00",
        "/creators/nobody",
        "/terms/" + "0" * 64,
        "/styleguide",
    ):
        assert client.get(address).status_code == 404, address


def test_a_creators_page_lists_their_packs(client: Client, market: Market) -> None:
    page = text(client.get("/creators/alice"))

    assert "Sea of Clouds" in page
    assert "Ink Harbor" not in page
    assert "1 pack<" in page


def test_terms_are_shown_in_both_languages(client: Client, market: Market) -> None:
    page = text(client.get(f"/terms/{market.offer('studio').terms_id}"))
    address = f"/api/v1/terms/{market.offer('studio').terms_id}"
    assert f'<a href="{address}/odrl">ODRL 2.2</a><span class="muted small">Nothing is lost</span>' in page
    assert f'<a href="{address}/rsl">RSL 1.0</a>' in page
    assert "Civitai has no license that allows as little as these terms do" in page

    assert '<section class="card terms-text" lang="en"' in page
    assert '<section class="card terms-text" lang="zh-Hans"' in page


def test_a_theme_is_kept_and_forgotten_and_leads_nowhere_else(client: Client, db: None) -> None:
    dark = client.post("/set-theme", {"theme": "dark", "next": "/browse"})
    assert (dark.status_code, dark["Location"], dark.cookies["theme"].value) == (302, "/browse", "dark")

    assert client.post("/set-theme", {"theme": "system", "next": "https://evil.example/"})["Location"] == "/"
    assert client.cookies["theme"].value == ""
    assert "theme" not in client.post("/set-theme", {"theme": "<script>"}).cookies
    assert client.get("/set-theme").status_code == 405
