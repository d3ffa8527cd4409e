"""Who is at the market, what is on sale, and the browsers they come with."""

from dataclasses import dataclass

from django.test import Client

from marketplace.catalog.models import Release
from marketplace.licensing import queries as licensing
from marketplace.licensing.models import Offer
from marketplace.people.models import Person
from tests.cast import Cast


@dataclass(frozen=True)
class Market:
    """Who is there, and what is on sale."""

    cast: Cast
    world: Release
    derived: Release

    def offer(self, terms: str) -> Offer:
        return next(offer for offer in licensing.live_offers(self.world) if offer.terms.name == terms)


def browser_of(person: Person | None) -> Client:
    """A browser in which somebody is signed in, or nobody."""
    client = Client()
    if person is not None:
        client.force_login(person)
    return client
