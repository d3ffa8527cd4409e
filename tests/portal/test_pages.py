"""What Alice and Bob see of their money, their packs and their place in the log; and what Dave does not."""

import csv
import io
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.conf import settings
from django.test import Client

import ledger.operations
from marketplace.catalog.models import Release
from marketplace.checkout import operations as checkout
from marketplace.intake.operations import publish_folder
from marketplace.licensing import queries as licensing
from marketplace.licensing.models import Offer, OfferWithdrawal
from marketplace.payouts import operations as payouts
from marketplace.payouts.models import PayoutOutcome, Sale
from marketplace.people.models import Person
from marketplace.portal import queries
from marketplace.portal.views.earnings import CSV_COLUMNS
from marketplace.ui.sheets import safe_cell
from tests import packs
from tests.cast import CARD, NOON, Cast, later
from tests.portal.family import cast as cast
from tests.portal.family import family as family
from tests.portal.family import staged as staged

MOST_QUERIES = 25
HOLD = timedelta(days=settings.PAYOUT_HOLD_DAYS)


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def sell(cast: Cast, release: Release, key: str, **after: int) -> Sale:
    """Carol licenses it for her studio."""
    (offer,) = licensing.live_offers(release)
    order = checkout.buy(
        studio=cast.studio, buyer=cast.carol, offers=[offer], method=CARD, idempotency_key=key, now=later(**after)
    )
    return Sale.objects.get(source=order.lines.get().source)


@pytest.fixture
def sold(cast: Cast, family: tuple[Release, Release]) -> list[Sale]:
    """One sale of each: Bob's is paid out by now, Alice's own is pending."""
    first = sell(cast, family[1], "1", hours=1)
    payouts.allocate_royalties(now=later(hours=2))
    payouts.release_holds(now=later(hours=2) + HOLD)
    second = sell(cast, family[0], "2", days=20)
    payouts.allocate_royalties(now=later(days=20, hours=1))
    return [first, second]


def page(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_visitor_reads_what_selling_means_with_an_example_that_adds_up(db: None) -> None:
    text = page(Client(), "/portal/")

    assert 'href="/sign-up?role=sell&next=/portal/"' in text
    # 180.00 less 10 % is 162.00, of which 80 %, 14 % and 6 %.
    for amount in ("$180.00", "$129.60", "$22.68", "$9.72", "$18.00"):
        assert amount in text


def test_dave_chooses_a_name_and_is_a_creator(cast: Cast) -> None:
    dave = signed_in(cast.dave)
    taken = dave.post("/portal/", {"handle": "Alice", "display_name": "", "bio": ""})
    assert taken.status_code == 422
    assert "The handle “alice” is taken: choose another." in taken.content.decode()

    assert dave.post("/portal/", {"handle": "dave", "display_name": "戴夫", "bio": "Maps."})["Location"] == "/portal/"

    text = page(dave, "/portal/")
    assert "戴夫" in text
    assert "Publish your first pack" in text


@pytest.mark.parametrize(
    "address", ["/portal/earnings", "/portal/earnings.csv", "/portal/publish", "/portal/entries.jsonl"]
)
def test_creators_pages_ask_who_one_is_and_for_a_name(cast: Cast, address: str) -> None:
    assert Client().get(address)["Location"] == f"/sign-in?next={address}"
    assert signed_in(cast.dave).get(address)["Location"] == "/portal/"


def test_the_dashboard_says_what_a_sale_leaves_and_what_others_works_earned(cast: Cast, sold: list[Sale]) -> None:
    text = page(signed_in(cast.alice.person), "/portal/")

    # 100.01 less the fee of 10.00 is 90.01: all of it for her own pack; a fifth of it, 18.00, for Bob's.
    assert text.count("$90.01") == 2  # what a sale leaves, and what is pending
    assert "$18.00" in text
    assert "Ink Harbor" in text
    assert "your share is 100%" in text
    assert "1 license granted" in text


def test_the_dashboards_figures_are_exact(cast: Cast, sold: list[Sale], family: tuple[Release, Release]) -> None:
    days = queries.sales_by_day(cast.alice, until=date(2026, 12, 12), days=30)
    assert len(days) == 30
    assert [(day.day, day.sales, dict(day.earned)) for day in days if day.sales] == [
        (date(2026, 11, 22), 1, {"USD": 1800}),
        (date(2026, 12, 12), 1, {"USD": 9001}),
    ]
    ((work, row),) = queries.earned_from_others(cast.alice)
    assert (work, row.sales, row.amount_minor, row.currency) == (family[1], 1, 1800, "USD")
    assert queries.earned_from_others(cast.bob) == []
    assert queries.waiting_sales(cast.alice) == 0
    sell(cast, family[1], "3", days=21)
    assert (queries.waiting_sales(cast.alice), queries.waiting_sales(cast.mo)) == (1, 0)


def test_a_disputed_sale_is_a_task_and_earns_nothing_from_others(cast: Cast, sold: list[Sale]) -> None:
    payouts.open_dispute(source=sold[0].source, now=later(days=21))

    text = page(signed_in(cast.alice.person), "/portal/")

    assert "$18.00 is on hold: a buyer&#x27;s bank disputes a sale." in text
    assert queries.earned_from_others(cast.alice) == []


def test_each_line_is_followed_from_sale_to_payout(cast: Cast, sold: list[Sale]) -> None:
    text = page(signed_in(cast.alice.person), "/portal/earnings")

    first, second = text.split("<tr>")[2:4]
    for words in (
        "Dec 12, 2026",
        "Sea of Clouds",
        "Enterprise",
        "$100.01",
        "$10.00",
        "$90.01",
        "100%",
        "Pending until Dec 26, 2026",
    ):
        assert words in first, words
    for words in (
        "Nov 22, 2026",
        "Ink Harbor",
        "by Bob",
        "20%",
        "$18.00",
        "Available, in the next payout",
        sold[0].split_id[:8],
    ):
        assert words in second, words


def test_the_csv_says_the_same_to_the_cent(cast: Cast, sold: list[Sale]) -> None:
    answer = signed_in(cast.alice.person).get("/portal/earnings.csv")
    data = b"".join(answer.streaming_content)

    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert data.startswith(b"\xef\xbb\xbfsold_at,pack,version,title,license,source,currency,gross,fee,net,")
    header, *rows = csv.reader(io.StringIO(data.decode("utf-8-sig")))
    assert header == CSV_COLUMNS
    assert rows == [
        [
            "2026-12-12T12:00:00Z", "alice/yunhai", "1.0.0", "Sea of Clouds", "enterprise", sold[1].source, "USD",
            "100.01", "10.00", "90.01", sold[1].split_id, "1000000000", "90.01",
            "pending", "2026-12-12T13:00:00Z", "2026-12-26T13:00:00Z", "", "", "", "", "", "",
            "0.00", "0.00", "90.01",
        ],
        [
            "2026-11-22T13:00:00Z", "bob/ink", "1.0.0", "Ink Harbor", "studio", sold[0].source, "USD",
            "100.01", "10.00", "90.01", sold[0].split_id, "200000000", "18.00",
            "available", "2026-11-22T14:00:00Z", "2026-12-06T14:00:00Z", "", "", "", "", "", "",
            "0.00", "0.00", "18.00",
        ],
    ]  # fmt: skip


def test_the_csv_tells_what_was_taken_back_and_what_remains(cast: Cast, sold: list[Sale]) -> None:
    """Of Alice's sale 20.00 are refunded, and Bob's is disputed: a fifth of its net is held of hers."""
    now = later(days=21)
    payouts.refund(source=sold[1].source, amount_minor=20_00, key="refund:1", reason="a broken file", now=now)
    payouts.open_dispute(source=sold[0].source, now=now)

    data = b"".join(signed_in(cast.alice.person).get("/portal/earnings.csv").streaming_content).decode("utf-8-sig")

    names = ("source", "amount", "state", "disputed", "reversed", "remains")
    assert [tuple(row[name] for name in names) for row in csv.DictReader(io.StringIO(data))] == [
        (sold[1].source, "90.01", "pending", "0.00", "18.00", "72.01"),
        (sold[0].source, "18.00", "disputed", "18.00", "0.00", "0.00"),
    ]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "＝1"])
def test_no_cell_is_read_as_a_formula(text: str) -> None:
    assert safe_cell(text) == "'" + text


def test_plain_cells_stay_as_they_are() -> None:
    assert [safe_cell(text) for text in ("", "12.00", "云海", "a=b")] == ["", "12.00", "云海", "a=b"]


def test_a_title_that_is_a_formula_is_made_harmless(cast: Cast, tmp_path: Path) -> None:
    folder = packs.write(tmp_path / "x", handle="x", title="=HYPERLINK(1)")
    sell(cast, publish_folder(folder=folder, creator=cast.alice, now=NOON), "1", hours=1)
    payouts.allocate_royalties(now=later(hours=2))

    data = b"".join(signed_in(cast.alice.person).get("/portal/earnings.csv").streaming_content)

    assert b",'=HYPERLINK(1)," in data


def test_pages_of_lines_follow_each_other_and_a_made_up_cursor_is_the_first(cast: Cast, sold: list[Sale]) -> None:
    rows, after = queries.earnings(cast.alice, size=1)
    assert ([row.line.source for row in rows], after is None) == ([sold[1].source], False)
    rows, after = queries.earnings(cast.alice, after or "", size=1)
    assert ([row.line.source for row in rows], after) == ([sold[0].source], None)
    assert page(signed_in(cast.alice.person), "/portal/earnings?cursor=nonsense").count("Pending until") == 1


def test_a_paid_line_names_its_payout(cast: Cast, tmp_path: Path) -> None:
    release = publish_folder(folder=packs.write(tmp_path / "a", handle="yunhai"), creator=cast.alice, now=NOON)
    sell(cast, release, "1", hours=1)
    payouts.allocate_royalties(now=later(hours=2))
    payouts.release_holds(now=later(hours=2) + HOLD)
    payouts.settle(now=later(hours=3) + HOLD)

    text = page(signed_in(cast.alice.person), "/portal/earnings")

    reference = PayoutOutcome.objects.get(state="paid").reference
    assert "Paid on Dec 6, 2026" in text
    assert text.count(reference) == 2


def test_a_page_asks_at_most_25_questions_however_many_packs(
    cast: Cast, sold: list[Sale], tmp_path: Path, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    client = signed_in(cast.alice.person)

    def asked(address: str) -> int:
        with django_assert_max_num_queries(MOST_QUERIES) as questions:
            page(client, address)
        return len(questions)

    addresses = ["/portal/", "/portal/earnings", "/portal/publish?from=yunhai", "/portal/packs/yunhai"]
    few = [asked(address) for address in addresses]
    for number in range(3):
        folder = packs.write(tmp_path / f"n{number}", handle=f"more-{number}", seed=number + 5)
        publish_folder(folder=folder, creator=cast.alice, now=NOON)
    assert [asked(address) for address in addresses] == few


def test_an_offer_is_withdrawn_when_its_pack_is_named(cast: Cast, family: tuple[Release, Release]) -> None:
    alice, offer = signed_in(cast.alice.person), Offer.objects.get(release=family[0])
    address = f"/portal/offers/{offer.pk}/withdraw"

    refused = alice.post(address, {"name": "yunha"})
    assert refused.status_code == 422
    assert "You typed “yunha”: type yunhai to withdraw the offer." in refused.content.decode()
    assert signed_in(cast.bob.person).post(address, {"name": "yunhai"}).status_code == 404
    assert signed_in(cast.dave).post(address, {"name": "yunhai"})["Location"] == "/portal/"
    assert OfferWithdrawal.objects.count() == 0

    assert alice.post(address, {"name": " yunhai "})["Location"] == "/portal/packs/alice/yunhai"

    assert OfferWithdrawal.objects.get().offer == offer
    assert "Withdrawn on" in page(alice, "/portal/packs/yunhai")
    assert "“Sea of Clouds” is not on sale" in page(alice, "/portal/")


def test_nobody_opens_the_portal_page_of_somebody_elses_pack(cast: Cast, family: tuple[Release, Release]) -> None:
    assert signed_in(cast.bob.person).get("/portal/packs/yunhai").status_code == 404


def test_the_ledger_export_holds_the_exact_entries(cast: Cast, family: tuple[Release, Release]) -> None:
    ledger.operations.register_keys(now=NOON)
    ledger.operations.seal(now=later(hours=1))

    answer = signed_in(cast.alice.person).get("/portal/entries.jsonl")
    rows = [orjson.loads(line) for line in b"".join(answer.streaming_content).splitlines()]

    assert sorted(row["type"] for row in rows) == ["dsse", "offer", "release", "split"]
    (release,) = [row for row in rows if row["type"] == "release"]
    assert orjson.loads(release["entry"])["body"]["pack"] == "alice/yunhai"
    assert all(isinstance(row["index"], int) for row in rows)
