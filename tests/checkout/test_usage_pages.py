"""A studio sees each cent and each use of its recipes, a creator each use and what it earns; nobody sees more."""

import csv
import io
import re
from html import unescape

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from marketplace.checkout import billing
from marketplace.checkout.charges import UsageCharge
from marketplace.checkout.rating import rate_uses
from marketplace.licensing.months import MonthLimits
from marketplace.people.models import Person
from tests.checkout.shop import Shop
from tests.checkout.usage import FIRST, NOVEMBER, Works, composed, works_of
from tests.compositions.usage.rendering import locked


def browser_of(person: Person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def text(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, (address, answer.status_code)
    page = answer.content.decode().partition("<main")[2]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


@pytest.fixture
def works(shop: Shop) -> Works:
    """Carol used Bob's composition, with a contract of Alice's, and Alice's world; Dave the world alone."""
    works = works_of(shop)
    cast = shop.market.cast
    composed(works.derived, [{"release": works.world.digest, "amount_minor": 2}])
    composition = works.held(works.offer(7, "studio", release=works.derived))
    plain = works.held(works.offer(5, month=MonthLimits(0, 100)))
    daves = works.daves(works.offer(120, currency="JPY"))
    recipe = locked(works.carol.studio, cast.carol, composition, plain, title="pier")
    works.carol.send(*(works.carol.event(recipe, counts={"image": n}, outputs=["ab" * 32] * 2) for n in (4, 26)))
    works.dave.send(works.dave.event(locked(works.dave.studio, cast.dave, daves), counts={"image": 3}))
    rate_uses(month=NOVEMBER, now=FIRST)
    return works


def test_carol_sees_each_cent_and_each_use(works: Works, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    carol = browser_of(works.shop.market.cast.carol)
    with django_assert_max_num_queries(25):
        page = text(carol, "/usage")
    assert "November 2026 2 4 $3.10" in page
    assert "30 × $0.05 for image in November 2026 At most $1.00 a month To be billed $1.00" in page
    assert "By contract 30 × $0.02 for image in November 2026 To be billed $0.60" in page
    assert "30 × $0.07 for image in November 2026" in page
    assert "What contracts leave of $2.10, shared out by the split of the composition To be billed $1.50" in page
    assert "JPY" not in page
    assert "¥" not in page

    billing.bill_usage(now=FIRST)
    charge = UsageCharge.objects.get(grant__release=works.derived)
    with django_assert_max_num_queries(25):
        page = text(carol, f"/usage/charges/{charge.pk}")
    assert "30 × $0.07 (image) = $2.10" in page
    assert "Paid $0.60" in page
    assert "By contract · alice/yunhai@1.0.0 $0.60 $0.06 Alice $0.54" in page
    assert "The pool · bob/ink@1.0.0 $1.50 $0.15 Bob $1.08 , Alice $0.27" in page
    assert re.search(r"26 2 Signed by your renderer .* 4 2 Signed by your renderer", page)
    assert "2 30" in page  # both uses are of one recipe
    assert text(carol, "/usage?month=2026-10").count("Nothing was charged in this month.") == 1
    assert "November 2026" in text(carol, "/usage?month=%FF")


def test_nobody_sees_the_uses_of_others(works: Works) -> None:
    cast = works.shop.market.cast
    charge = UsageCharge.objects.get(grant__release=works.derived)
    for person in (cast.dave, cast.alice.person):
        assert browser_of(person).get(f"/usage/charges/{charge.pk}").status_code == 404
    assert "$" not in text(browser_of(cast.dave), "/usage")
    assert "Nothing was charged yet" in text(browser_of(cast.alice.person), "/usage")
    assert Client().get("/usage").status_code == Client().get("/portal/uses").status_code == 302
    assert UsageCharge.objects.count() == 3


def test_a_creator_sees_each_use_and_what_it_earns(
    works: Works, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    cast = works.shop.market.cast
    alice = browser_of(cast.alice.person)
    with django_assert_max_num_queries(25):
        page = text(alice, "/portal/uses?month=2026-11")
    # 0.90 of the world, 0.54 by contract and 0.27 of Bob's pool; 90 % of 360 yen.
    assert "What November 2026 earns you ¥324 · $1.71" in page
    assert "by Bob Pool of a composition 1 30 × image $1.50 $0.15 $0.27" in page
    assert "Contract of a composition 1 30 × image $0.60 $0.06 $0.54" in page
    assert "bob/ink@1.0.0, alice/yunhai@1.0.0" in page
    assert re.search(r"Lantern Films 26 × image \$1\.48 .* Lantern Films 4 × image \$0\.22", page)
    assert re.search(r"Quill 3 × image ¥324", page)
    for hidden in ("pier", "abab", "carol"):
        assert hidden not in page
    assert "What November 2026 earns you $1.08" in text(browser_of(cast.bob.person), "/portal/uses?month=2026-11")
    assert "No uses in this month" in text(browser_of(cast.mo.person), "/portal/uses?month=2026-11")


def test_a_month_is_named_in_chinese(works: Works) -> None:
    carol = browser_of(works.shop.market.cast.carol)
    carol.cookies["django_language"] = "zh-hans"
    assert "2026年11月" in text(carol, "/usage")


def sheet(client: Client, address: str) -> list[dict[str, str]]:
    answer = client.get(address)
    assert answer.status_code == 200, (address, answer.status_code)
    assert answer["Cache-Control"] == "private, no-store"
    data = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    return list(csv.DictReader(io.StringIO(data, newline="")))


def test_charges_and_their_uses_are_taken_away_as_csv(works: Works) -> None:
    cast = works.shop.market.cast
    carol = browser_of(cast.carol)
    charge = UsageCharge.objects.get(grant__release=works.derived)

    rows = sheet(carol, "/usage.csv?month=2026-11")

    told = [(row["pack"], row["line"], row["line_pack"], row["line_amount"], row["line_fee"]) for row in rows]
    assert sorted(told) == [
        ("alice/yunhai", "license", "alice/yunhai@1.0.0", "1.00", "0.10"),
        ("bob/ink", "contract", "alice/yunhai@1.0.0", "0.60", "0.06"),
        ("bob/ink", "pool", "bob/ink@1.0.0", "1.50", "0.15"),
    ]
    (capped,) = (row for row in rows if row["pack"] == "alice/yunhai")
    assert (capped["uses"], capped["counted"], capped["unit_price"], capped["used"], capped["at_most"]) == (
        *("2", "30", "0.05", "1.50", "1.00"),
    )
    assert (capped["charged"], capped["at_least"], capped["line_state"], capped["currency"]) == (
        *("1.00", "", "to-bill", "USD"),
    )
    assert sheet(carol, "/usage.csv") == rows
    assert sheet(carol, "/usage.csv?month=2026-10") == []

    uses = sheet(carol, f"/usage/charges/{charge.pk}/uses.csv")
    assert [(row["counted"], row["unit"], row["known_by"], row["outputs"]) for row in uses] == [
        ("26", "image", "api", f"{'ab' * 32} {'ab' * 32}"),
        ("4", "image", "api", f"{'ab' * 32} {'ab' * 32}"),
    ]
    assert {row["received_at"] for row in uses} == {"2026-11-22T15:00:00Z"}

    dave = browser_of(cast.dave)
    assert {row["currency"] for row in sheet(dave, "/usage.csv")} == {"JPY"}
    assert dave.get(f"/usage/charges/{charge.pk}/uses.csv").status_code == 404
    assert Client().get("/usage.csv").status_code == 302


def test_a_creator_takes_uses_away_as_csv(works: Works) -> None:
    alice = browser_of(works.shop.market.cast.alice.person)

    rows = sheet(alice, "/portal/uses.csv?month=2026-11")
    told = sorted((row["pack"], row["sold_as"], row["counted"], row["you_earn"], row["currency"]) for row in rows)
    assert told == [
        ("alice/yunhai", "contract", "30", "0.54", "USD"),
        ("alice/yunhai", "license", "3", "324", "JPY"),
        ("alice/yunhai", "license", "30", "0.90", "USD"),
        ("bob/ink", "pool", "30", "0.27", "USD"),
    ]

    uses = sheet(alice, "/portal/uses/each.csv?month=2026-11")
    assert sorted((row["studio"], row["counted"], row["earns_about"]) for row in uses) == [
        ("Lantern Films", "26 image", "1.48 USD"),
        ("Lantern Films", "4 image", "0.22 USD"),
        ("Quill", "3 image", "324 JPY"),
    ]
    assert {len(row["recipe"]) for row in uses} == {8}
    assert "pier" not in str(uses) + str(rows)
    assert sheet(alice, "/portal/uses.csv?month=2026-10") == sheet(alice, "/portal/uses/each.csv?month=2026-10") == []
    carol = browser_of(works.shop.market.cast.carol)
    assert carol.get("/portal/uses.csv").status_code in (302, 403, 404)
