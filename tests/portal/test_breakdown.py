"""What Alice and Bob earned by pack, by license and by what others made from theirs, to the unit."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from marketplace.checkout import operations as checkout
from marketplace.licensing import queries as licensing
from marketplace.payouts import operations as payouts
from marketplace.payouts.models import RoyaltyLine, Sale
from marketplace.payouts.year_queries import Month, years_of
from marketplace.portal import breakdown_queries
from marketplace.portal.breakdown_queries import Span, span_in
from tests.cast import CARD, later
from tests.portal.family import cast as cast
from tests.portal.family import family as family
from tests.portal.family import staged as staged

HOLD = timedelta(days=settings.PAYOUT_HOLD_DAYS)


def sell(cast, release, key, at):
    (offer,) = licensing.live_offers(release)
    order = checkout.buy(studio=cast.studio, buyer=cast.carol, offers=[offer], method=CARD, idempotency_key=key, now=at)
    payouts.allocate_royalties(now=at)
    return Sale.objects.get(source=order.lines.get().source)


@pytest.fixture
def sold(cast, family):
    """Alice's own sale, and Bob's twice, of which the second is disputed."""
    world, derived = family
    sales = [sell(cast, world, "1", later(hours=1)), sell(cast, derived, "2", later(hours=2))]
    sales.append(sell(cast, derived, "3", later(hours=3)))
    payouts.open_dispute(source=sales[2].source, now=later(hours=4))
    return sales


def lines(creator):
    return dict(RoyaltyLine.objects.filter(payee=creator).values_list("sale__source", "amount_minor"))


def signed_in(creator):
    client = Client()
    client.force_login(creator.person)
    return client


def test_parts_add_up_to_the_lines_and_tell_what_stands(cast, family, sold):
    mine = lines(cast.alice)
    own, first, second = (mine[sale.source] for sale in sold)
    by_pack = breakdown_queries.parts_of(cast.alice, "pack", Span())
    assert {part.key: (part.sales, part.earned_minor, part.reversed_minor) for part in by_pack} == {
        str(family[0].pack_id): (1, own, 0),
        str(family[1].pack_id): (2, first + second, second),
    }
    for way in ("pack", "license"):
        parts = breakdown_queries.parts_of(cast.alice, way, Span())
        assert sum(part.earned_minor for part in parts) == own + first + second
        assert sum(part.stands_minor for part in parts) == own + first
    [derived] = breakdown_queries.parts_of(cast.alice, "derived", Span())
    assert (derived.key, derived.sales, derived.stands_minor) == (str(family[1].pk), 2, first)
    assert derived.gross_minor == sold[1].gross_minor + sold[2].gross_minor
    assert breakdown_queries.parts_of(cast.bob, "derived", Span()) == [], "Bob's pack is his own"


def test_a_derived_work_names_what_it_was_made_from(cast, family, sold):
    [root] = breakdown_queries.roots_of(cast.alice, [family[1].pk])[family[1].pk]
    assert (root.release, root.share_ppb) == (family[0], 200_000_000)
    assert breakdown_queries.roots_of(cast.bob, [family[1].pk]) == {}


def test_a_span_has_what_was_credited_in_it(cast, sold):
    at = later(hours=1)
    this, other = Span(at.year, at.month), Span(at.year + 1)
    assert breakdown_queries.parts_of(cast.alice, "pack", this) == breakdown_queries.parts_of(
        cast.alice, "pack", Span()
    )
    assert breakdown_queries.parts_of(cast.alice, "pack", other) == []
    assert breakdown_queries.years_with_earnings(cast.alice) == [at.year]


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("2026-11", Span(2026, 11)),
        ("2026", Span(2026)),
        ("all", Span()),
        ("", Span()),
        ("2026-13", Span()),
        ("2026-1", Span()),
        ("99999", Span()),
        ("9999", Span()),
        ("0000", Span()),
        ("２０２６", Span()),
        ("2026-11-01", Span()),
    ],
)
def test_what_is_no_span_is_all_of_time(text, span):
    assert span_in(text) == span


def test_the_page_shows_each_way_and_its_sheet(cast, family, sold):
    client = signed_in(cast.alice)
    page = client.get(reverse("earnings-works"), {"by": "derived"}).content.decode()
    assert "Ink Harbor" in page
    assert "20%" in page
    for way in ("pack", "license", "nonsense"):
        assert client.get(reverse("earnings-works"), {"by": way, "span": "2026"}).status_code == 200
    rows = (
        b"".join(client.get(reverse("earnings-works-csv"), {"by": "derived"}).streaming_content).decode().splitlines()
    )
    [cells] = [row.split(",") for row in rows[1:]]
    assert cells[:6] == ["derived", str(family[1].pk), "bob/ink@1.0.0", "alice/yunhai@1.0.0", "USD", "2"]


def test_dave_has_earned_nothing_and_sees_nothing(cast, sold):
    client = Client()
    assert client.get(reverse("earnings-works")).status_code == 302
    client.force_login(cast.carol)
    assert client.get(reverse("earnings-works")).status_code == 302, "Carol sells nothing"


def test_a_page_asks_few_questions(cast, sold, django_assert_max_num_queries):
    client = signed_in(cast.alice)
    with django_assert_max_num_queries(25):
        client.get(reverse("earnings-works"), {"by": "derived"})


def test_a_year_adds_up_to_what_buyers_paid(cast, sold):
    """Consideration and fees of all creators are the sales' gross, and a lost dispute takes back in its own month."""
    year = later(hours=1).year
    payouts.close_dispute(source=sold[2].source, outcome="lost", now=later(days=40))
    found = {one.creator_id: one for one in years_of(later(days=40).year)} | {
        one.creator_id: one for one in years_of(year)
    }
    whole = [one.of(tuple(range(1, 13))) for one in years_of(year)]
    assert sum(month.gross_minor for month in whole) == sum(sale.gross_minor for sale in sold)
    assert sum(month.fee_minor for month in whole) == sum(sale.fee_minor for sale in sold)
    alice = found[cast.alice.pk].of(tuple(range(1, 13)))
    assert (alice.sales, alice.credited_minor) == (3, sum(lines(cast.alice).values()))
    assert isinstance(alice, Month)
    taken = [one.of(tuple(range(1, 13))) for one in years_of(later(days=40).year)]
    assert sum(month.reversed_minor for month in taken) == sold[2].net_minor
    assert sum(month.reversed_fee_minor for month in taken) == sold[2].fee_minor
