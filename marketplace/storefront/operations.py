"""What a visitor does at the counter: license a basket, for a studio and a project that are there or opened on the
way."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.checkout import operations as checkout
from marketplace.checkout.billing_details import say_details
from marketplace.checkout.models import Order
from marketplace.checkout.placing import SAVED
from marketplace.checkout.taxes import ordering as taxes
from marketplace.licensing import operations as licensing
from marketplace.licensing.holdings import Project
from marketplace.people import operations as people
from marketplace.people import queries as known
from marketplace.people.models import Person, Seat, Studio
from marketplace.storefront.baskets import Wanted


def buy(*, person: Person, wanted: Wanted, card: str, idempotency_key: str, now: datetime) -> Order:
    """This will license a basket, and return the order; the same key again returns the same order.

    Raises what `checkout.operations.buy` and the verbs of people and projects raise. An order that is refused before
    it is placed opens no studio and no project.
    """
    if not Order.objects.filter(idempotency_key=idempotency_key, studio__seats__person=person).exists():
        quoted = quote(person=person, wanted=wanted, now=now)
        if quoted.needs_method and not card.startswith(SAVED):
            checkout.gateway().method(card)
    studio, asks = _asks(person=person, wanted=wanted, now=now)
    return checkout.buy(studio=studio, buyer=person, offers=asks, method=card, idempotency_key=idempotency_key, now=now)


def quote(*, person: Person, wanted: Wanted, now: datetime) -> checkout.Quoted:
    """This will say what the basket would cost; what has to be opened or declared for that is undone again."""
    with transaction.atomic():
        studio, asks = _asks(person=person, wanted=wanted, now=now)
        quoted = checkout.quote(studio=studio, offers=asks, now=now, with_taxes=False)
        party = taxes.party_of(studio, now) if quoted.total_minor else None
        transaction.set_rollback(True)
    # A tax service must not be waited for in a transaction.
    return taxes.quoted_with(quoted, party)


@transaction.atomic
def _asks(*, person: Person, wanted: Wanted, now: datetime) -> tuple[Studio, list[checkout.Ask]]:
    basket = wanted.basket
    studio = basket.studio or choose_studio(person=person, studio_id=wanted.studio_id, name=wanted.studio_name, now=now)
    if wanted.people is not None and wanted.revenue_usd is not None:
        people.declare_size(studio=studio, by=person, people=wanted.people, revenue_usd=wanted.revenue_usd, now=now)
    if wanted.country and not studio.country and taxes.details_of(studio) is None:
        say_details(studio=studio, by=person, country=wanted.country, vat_id=wanted.vat_id, now=now)
    project = basket.project or _project(person, studio, wanted, now)
    asks = [
        checkout.Ask(
            offer,
            seats=wanted.seats.get(offer.pk, 0),
            project=project,
            pays_minor=wanted.pays.get(offer.pk),
            starts_at=wanted.starts_at,
            code=wanted.code,
            quote=basket.quote,
            collection=basket.collection,
            kind=basket.kind,
            replaces=basket.replaces,
            expect_minor=wanted.expects.get(offer.pk),
        )
        for offer in basket.offers
    ]
    return studio, asks


def _project(person: Person, studio: Studio, wanted: Wanted, now: datetime) -> Project | None:
    """Finds the project that was chosen, or opens the one that was named; one of that name is taken as it is."""
    if wanted.basket.studio is not None:
        return None
    if wanted.project_name:
        there = Project.objects.filter(studio=studio, name=wanted.project_name).first()
        return there or licensing.open_project(studio=studio, by=person, name=wanted.project_name, now=now)
    if wanted.project_id is None:
        return None
    chosen = Project.objects.filter(studio=studio, pk=wanted.project_id).first()
    if chosen is None:
        raise checkout.UnableToBuy(_("The project is not one of %s: choose one of its own.") % studio.name)
    return chosen


@transaction.atomic
def choose_studio(*, person: Person, studio_id: UUID | None, name: str, now: datetime) -> Studio:
    """This will find the studio that a person buys for, or open the one they name."""
    if studio_id:
        studio = known.buying_studio(person, studio_id)
        if studio is None:
            raise checkout.UnableToBuy(_("You cannot buy for this studio: ask its owner for a buyer's seat."))
        return studio
    # One at a time a person, so that a form sent twice opens one studio.
    Person.objects.select_for_update().get(pk=person.pk)
    mine = known.studios_of(person).filter(seats__person=person, seats__role__in=[Seat.OWNER, Seat.BUYER])
    return mine.filter(name=name.strip()).first() or people.open_studio(person=person, name=name, now=now)
