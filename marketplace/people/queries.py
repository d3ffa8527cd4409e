"""Questions about people; none writes."""

from uuid import UUID

from django.db.models import F, Prefetch, QuerySet

from marketplace.people import rules
from marketplace.people.models import ApiKey, Creator, Operator, Person, Seat, Studio


def creator_of(person: Person) -> Creator | None:
    """This will find the name that a person sells under, if they do."""
    return Creator.objects.filter(person_id=person.pk).first()


def creator_named(handle: str) -> Creator | None:
    """This will find a creator by handle."""
    return Creator.objects.filter(handle=handle).first()


def studios_of(person: Person) -> QuerySet[Studio]:
    """This will list the studios in which a person sits, by name."""
    return Studio.objects.filter(seats__person=person).order_by("name", "id")


def buying_studio(person: Person, studio_id: UUID | str | None = None) -> Studio | None:
    """This will find a studio that the person may buy for: the one asked for, else the first by name."""
    mine = studios_of(person).filter(seats__person=person, seats__role__in=[Seat.OWNER, Seat.BUYER])
    return (mine.filter(pk=studio_id) if studio_id else mine).first()


def api_key(secret: str) -> ApiKey | None:
    """This will find a studio's live key behind a secret; a mistyped one is refused by its checksum, unsought."""
    return _live_keys(secret).filter(studio__isnull=False).select_related("studio").first()


def creator_key(secret: str, *uses: str) -> ApiKey | None:
    """This will find a creator's live key for one of some uses behind a secret, as `api_key` finds a studio's."""
    return _live_keys(secret).filter(creator__isnull=False, use__in=uses).select_related("creator__person").first()


def _live_keys(secret: str) -> QuerySet[ApiKey]:
    if not rules.is_key(secret):
        return ApiKey.objects.none()
    return ApiKey.objects.select_related("created_by").filter(
        digest=rules.key_digest(secret), revoked_at=None, created_by__is_active=True
    )


def keys_of(creator: Creator) -> QuerySet[ApiKey]:
    """This will list a creator's keys, the live ones first, the newest of them on top."""
    return ApiKey.objects.filter(creator=creator).order_by(F("revoked_at").desc(nulls_first=True), "-created_at", "id")


def consoles_of(person: Person) -> list[Studio]:
    """This will list a person's studios with `.mine` (their own seat), seats and keys; three queries however many."""
    seats = Seat.objects.select_related("person").order_by("created_at", "id")
    keys = ApiKey.objects.order_by("revoked_at", "-created_at", "id")
    studios = list(studios_of(person).prefetch_related(Prefetch("seats", seats), Prefetch("api_keys", keys)))
    for studio in studios:
        studio.mine = next(seat for seat in studio.seats.all() if seat.person_id == person.pk)  # type: ignore[attr-defined]
    return studios


def is_operator(person: Person) -> bool:
    """This will tell whether a person runs this house."""
    return Operator.objects.filter(person_id=person.pk, end=None).exists()


def operators() -> list[Person]:
    """This will list the people who run this house, by e-mail address."""
    return list(Person.objects.filter(operatorships__isnull=False, operatorships__end=None).order_by("email"))
