"""What a visitor does at the counter: buy one license, for a studio that is there or opened on the way."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.checkout import operations as checkout
from marketplace.licensing import queries as licensing
from marketplace.licensing.models import Grant, Offer
from marketplace.people import operations as people
from marketplace.people import queries as known
from marketplace.people.models import Person, Seat, Studio


def buy(
    *,
    person: Person,
    offer: Offer,
    studio_id: UUID | None,
    studio_name: str,
    card: str,
    idempotency_key: str,
    now: datetime,
) -> Grant:
    """This will license one offer, and return the grant; the same key again returns the same grant.

    Raises what `checkout.operations.buy` and `people.operations.open_studio` raise. A card that is none is refused
    before a studio is opened.
    """
    if offer.price_minor:
        checkout.gateway().method(card)
    studio = choose_studio(person=person, studio_id=studio_id, name=studio_name, now=now)
    order = checkout.buy(
        studio=studio, buyer=person, offers=[offer], method=card, idempotency_key=idempotency_key, now=now
    )
    return licensing.grants_from(line.source for line in order.lines.all())[0]


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
