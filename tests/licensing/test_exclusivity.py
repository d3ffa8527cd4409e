"""Exclusive is exclusive: against others' exclusive and ordinary licenses, in part or in whole, and at once."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from psycopg.types.multirange import Int4Multirange

from ledger.models import Entry
from marketplace.licensing import operations as licensing
from marketplace.licensing.exclusivity import NUMBERS, is_in, numbers_of, standing
from marketplace.licensing.holdings import Exclusivity
from marketplace.licensing.models import Grant, Offer
from marketplace.licensing.terms.model import EVERYTHING, NOTHING, Scope, Terms, all_but, only
from marketplace.licensing.terms.ready import READY
from marketplace.licensing.terms.vocabulary import FIELDS, TERRITORIES
from marketplace.payouts.rules import Money
from marketplace.people import operations as people
from marketplace.people.models import Studio
from tests.api.studios import Market
from tests.cast import NOON, later, person

EXCLUSIVE = replace(READY["exclusive"], name="films only", fields=only("film", "television"), duration_days=30)
FILM = replace(READY["studio"], name="film", fields=only("film", "game"))
GAME = replace(READY["studio"], name="game", fields=only("game"))


def offered(market: Market, terms: Terms) -> Offer:
    return licensing.offer(release=market.world, terms=terms, price=Money(5_000, "USD"), now=later(hours=1))


def granted(offer: Offer, studio: Studio, source: str = "order-line:1", **more: Any) -> Grant:
    return licensing.grant(offer=offer, studio=studio, source=source, **({"now": later(hours=2)} | more))


def test_the_numbers_of_words_never_change() -> None:
    assert list(NUMBERS["fields"].items()) == [
        ("advertising", 0), ("animation", 1), ("architecture", 2), ("comics", 3), ("education", 4), ("film", 5),
        ("game", 6), ("live-events", 7), ("merchandise", 8), ("music", 9), ("news", 10), ("personal", 11),
        ("publishing", 12), ("research", 13), ("social-media", 14), ("software", 15), ("television", 16),
    ]  # fmt: skip
    territory = NUMBERS["territory"]
    assert [territory[code] for code in ("AD", "CN", "DE", "US", "ZW")] == [3, 65, 82, 538, 672]
    assert set(NUMBERS["fields"]) == FIELDS
    assert set(territory) == TERRITORIES
    assert len(set(territory.values())) == len(territory)


def test_the_database_knows_the_same_numbers(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT dimension, word, number FROM licensing_scopenumber")
        there = set(cursor.fetchall())

    assert there == {(about, word, number) for about, words in NUMBERS.items() for word, number in words.items()}


@pytest.mark.parametrize("scope", [NOTHING, EVERYTHING, only("film", "game"), all_but("film"), all_but(*FIELDS)])
def test_python_and_the_database_write_the_same_sets(db: None, scope: Scope) -> None:
    said = "all_but" if scope.all_but else "only"
    document = f'{{"fields": {{"{said}": {sorted(scope.codes)}}}}}'.replace("'", '"')
    with connection.cursor() as cursor:
        cursor.execute("SELECT licensing_numbers_of(%s::jsonb, 'fields')", [document])
        (written,) = cursor.fetchone()
        cursor.execute("SELECT %s::int4multirange = %s::int4multirange", [written, numbers_of("fields", scope)])
        assert cursor.fetchone() == (True,)

    assert {word for word, number in NUMBERS["fields"].items() if is_in(number, written)} == scope.within(FIELDS)
    assert is_in(1_000, written) == scope.all_but


def test_terms_of_the_first_format_cover_everything(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT licensing_numbers_of('{}', 'territory')")
        assert cursor.fetchone() == (Int4Multirange([numbers_of("territory", EVERYTHING)[0]]),)


def test_an_exclusive_license_takes_what_its_terms_cover_for_its_time(market: Market) -> None:
    held = granted(offered(market, EXCLUSIVE), market.cast.studio)

    row = Exclusivity.objects.get()
    assert (row.grant, row.studio, row.source, row.pack) == (held, held.studio, held.source, market.world.pack)
    assert (row.during.lower, row.during.upper) == (later(hours=2), later(days=30, hours=2))
    assert (held.starts_at, held.ends_at, held.seats) == (row.during.lower, row.during.upper, 0)
    assert {word for word, number in NUMBERS["fields"].items() if is_in(number, row.fields)} == {"film", "television"}
    assert row.ended_at is None


def test_nobody_else_is_licensed_what_somebody_has_exclusively(market: Market) -> None:
    film, game = offered(market, FILM), offered(market, GAME)
    first = granted(film, market.cast.daves_studio, "order-line:0", now=later(hours=1))
    granted(offered(market, EXCLUSIVE), market.cast.studio)
    before = (Grant.objects.count(), Entry.objects.count())

    with pytest.raises(licensing.UnableToGrantExclusively) as refused:
        granted(film, market.cast.daves_studio, "order-line:2")
    with pytest.raises(licensing.UnableToGrantExclusively):
        licensing.check_grant(offer=film, studio=market.cast.daves_studio, now=later(hours=3))

    assert str(refused.value) == (
        "Quill cannot license alice/yunhai for films in all territories: it is taken exclusively until Dec 22, 2026;"
        " choose another pack, or other fields, territories or days."
    )
    assert "Lantern" not in str(refused.value)
    assert (Grant.objects.count(), Entry.objects.count()) == before
    # What was there stays, what does not overlap is sold, before it and after it too, and its own studio may.
    assert (
        licensing.earlier_grants(
            offer=offered(market, EXCLUSIVE), studio=market.cast.studio, starts_at=later(hours=2), ends_at=None
        )
        == 1
    )
    granted(game, market.cast.daves_studio, "order-line:3")
    granted(film, market.cast.studio, "order-line:4")
    granted(film, market.cast.daves_studio, "order-line:5", starts_at=later(days=30, hours=2))
    assert first in Grant.objects.filter(statuses=None)


def test_an_order_from_before_is_honored(market: Market) -> None:
    film = offered(market, FILM)
    granted(offered(market, EXCLUSIVE), market.cast.studio, now=later(hours=3))

    late = granted(film, market.cast.daves_studio, "order-line:2", ordered_at=later(hours=2), now=later(hours=4))

    assert late.ordered_at == later(hours=2)
    with pytest.raises(IntegrityError, match="overlaps what another studio has exclusively"), transaction.atomic():
        granted(film, market.cast.daves_studio, "order-line:3", ordered_at=later(hours=4), now=later(hours=5))
    assert Grant.objects.count() == 2


def test_two_exclusive_licenses_never_overlap(market: Market) -> None:
    offer = offered(market, EXCLUSIVE)
    wide = offered(market, replace(EXCLUSIVE, name="wide", fields=all_but("game"), duration_days=0))
    china = offered(market, replace(EXCLUSIVE, name="in China", territory=only("CN", "TW"), fields=EVERYTHING))
    games = offered(market, replace(EXCLUSIVE, name="games", fields=only("game"), duration_days=0))
    granted(offer, market.cast.studio)

    for one in (offer, wide, china):
        with pytest.raises(licensing.UnableToGrantExclusively, match="is taken exclusively until Dec 22, 2026"):
            granted(one, market.cast.daves_studio, "order-line:2")
    with pytest.raises(licensing.UnableToGrantExclusively, match="Lantern Films already has alice/yunhai exclusively"):
        granted(offer, market.cast.studio, "order-line:3")
    granted(games, market.cast.daves_studio, "order-line:4")
    granted(wide, market.cast.daves_studio, "order-line:5", starts_at=later(days=31))

    assert Grant.objects.count() == Exclusivity.objects.count() == 3


def test_exclusivity_ends_when_it_is_not_paid_and_when_its_license_is_revoked(market: Market) -> None:
    offer, studios = offered(market, EXCLUSIVE), (market.cast.studio, market.cast.daves_studio)

    def take(studio: Studio, source: str, now: datetime) -> Exclusivity:
        return licensing.take_exclusivity(
            offer=offer, studio=studio, source=source, starts_at=now, ends_at=None, now=now
        )

    first = take(studios[0], "order-line:1", later(hours=2))
    assert take(studios[0], "order-line:1", later(hours=3)) == first
    with pytest.raises(licensing.UnableToGrantExclusively, match="without end"):
        take(studios[1], "order-line:2", later(hours=3))
    assert licensing.end_exclusivity(source="order-line:1", now=later(hours=4)) == 1
    assert licensing.end_exclusivity(source="order-line:1", now=later(hours=5)) == 0

    held = granted(offer, studios[1], "order-line:2", now=later(hours=5))
    licensing.set_status(grant=held, status="suspended", reason="disputed", now=later(hours=6))
    with pytest.raises(licensing.UnableToGrantExclusively):
        take(studios[0], "order-line:3", later(hours=6))
    licensing.set_status(grant=held, status="revoked", reason="lost", now=later(hours=7))
    take(studios[0], "order-line:3", later(hours=8))

    ended = dict(Exclusivity.objects.values_list("source", "ended_at"))
    assert ended == {"order-line:1": later(hours=4), "order-line:2": later(hours=7), "order-line:3": None}


def test_what_was_taken_when_it_was_ordered_is_given_when_it_is_paid(market: Market) -> None:
    offer = offered(market, EXCLUSIVE)
    period = licensing.check_grant(offer=offer, studio=market.cast.studio, now=later(hours=2))
    licensing.take_exclusivity(
        offer=offer, studio=market.cast.studio, source="order-line:1", now=later(hours=2), **period._asdict()
    )

    held = granted(offer, market.cast.studio, ordered_at=later(hours=2), now=later(days=2))

    assert (held.starts_at, held.ends_at) == (later(hours=2), later(days=30, hours=2))
    assert Exclusivity.objects.get().grant == held


def test_the_database_refuses_whoever_does_not_ask(market: Market) -> None:
    offer = offered(market, EXCLUSIVE)
    held = granted(offer, market.cast.studio)
    row = Exclusivity.objects.get()
    copy = {"pack": row.pack, "territory": row.territory, "during": row.during, "taken_at": NOON}

    with pytest.raises(IntegrityError, match="licensing_exclusive_is_exclusive"), transaction.atomic():
        Exclusivity.objects.create(
            **copy, fields=numbers_of("fields", only("film")), studio=market.cast.daves_studio, source="x"
        )
    with pytest.raises(IntegrityError, match="is exclusive in its terms only"):
        grant_alone(held)

    assert standing(terms=EXCLUSIVE, pack=row.pack_id, starts_at=NOON, ends_at=None) == row


@transaction.atomic
def grant_alone(held: Grant) -> None:
    """Adds a row beside a license whose exclusivity somebody made away with."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("DELETE FROM licensing_exclusivity")
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
        Grant.objects.bulk_create([_copy_of(held)])
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def _copy_of(held: Grant) -> Grant:
    given = {field.attname: getattr(held, field.attname) for field in Grant._meta.concrete_fields}
    certificate = held.certificate + "="
    del given["id"]
    return Grant(
        **given
        | {
            "source": "order-line:2",
            "status_index": None,
            "certificate": certificate,
            "certificate_sha256": sha256(certificate.encode()).hexdigest(),
        }
    )


def studios_of(number: int) -> list[Studio]:
    return [
        people.open_studio(person=person(f"buyer{place}"), name=f"Studio {place}", now=NOON) for place in range(number)
    ]


def test_of_twenty_at_once_exactly_one_has_it(
    committed: None, market: Market, at_once: Callable[..., list[Any]]
) -> None:
    offer, buyers = offered(market, EXCLUSIVE), studios_of(20)

    def buying(studio: Studio) -> Callable[[], Grant]:
        return lambda: granted(offer, studio, f"order-line:{studio.pk}")

    said = at_once(*(buying(studio) for studio in buyers))

    won = [one for one in said if isinstance(one, Grant)]
    assert len(won) == 1
    assert [type(one) for one in said if one not in won] == [licensing.UnableToGrantExclusively] * 19
    assert Grant.objects.get() == Exclusivity.objects.get().grant == won[0]
    assert Entry.objects.filter(type="grant").count() == 1


def test_ordinary_and_exclusive_buyers_at_once_wait_for_each_other_and_never_in_a_circle(
    committed: None, market: Market, at_once: Callable[..., list[Any]]
) -> None:
    exclusive, film = offered(market, EXCLUSIVE), offered(market, FILM)
    buyers = studios_of(12)

    def buying(place: int, studio: Studio) -> Callable[[], Grant]:
        return lambda: granted(film if place % 2 else exclusive, studio, f"order-line:{studio.pk}")

    said = at_once(*(buying(place, studio) for place, studio in enumerate(buyers)))

    taken = [one for one in said[::2] if isinstance(one, Grant)]
    assert len(taken) == 1
    assert all(isinstance(one, Grant | licensing.UnableToGrantExclusively) for one in said)
    assert Exclusivity.objects.get().grant == taken[0]
    assert Grant.objects.filter(terms=film.terms).count() == sum(isinstance(one, Grant) for one in said[1::2])


def test_several_packs_are_locked_in_one_order(
    committed: None, market: Market, at_once: Callable[..., list[Any]]
) -> None:
    derived = licensing.offer(
        release=market.derived, terms=READY["personal"], price=Money(5_000, "USD"), now=later(hours=2)
    )
    world = offered(market, EXCLUSIVE)
    seen: list[int] = []

    def both(offers: list[Offer]) -> Callable[[], None]:
        def lock() -> None:
            for _time in range(20):
                with transaction.atomic():
                    licensing.lock_packs(offers=offers)
                    seen.append(1)

        return lock

    said = at_once(both([world, derived]), both([derived, world]), both([derived]), both([world]))

    assert said == [None] * 4
    assert len(seen) == 80
