"""Every write about people."""

import secrets
import uuid
from datetime import datetime

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from marketplace.people import rules
from marketplace.people.models import ApiKey, Creator, Operator, OperatorEnd, Person, Seat, SizeDeclaration, Studio

# A creator's id follows from the handle, which is never given twice: ties in a split, which go by id, then fall the
# same way wherever the same people are set up.
CREATOR_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "creators.worldloom")
SIZE_LIMIT_PEOPLE, SIZE_LIMIT_USD = 10_000_000, 2**53 - 1


class UnableToSignUp(Exception):
    """The person could not be signed up; `field` names what to mend."""

    code = "sign-up-refused"

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field, self.reason = field, reason


class UnableToBecomeCreator(Exception):
    """The public name could not be taken."""

    code = "creator-refused"

    def __init__(self, handle: str, reason: str) -> None:
        super().__init__(reason)
        self.handle, self.reason = handle, reason


class UnableToSeat(Exception):
    """The person could not be given a place in the studio."""

    code = "seat-refused"

    def __init__(self, studio: Studio, reason: str) -> None:
        super().__init__(reason)
        self.studio, self.reason = studio, reason


class UnableToDeclare(Exception):
    """What a studio says of itself cannot be; `field` names what to mend."""

    code = "declaration-refused"

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field, self.reason = field, reason


class UnableToIssueKey(Exception):
    """The key could not be made or revoked."""

    code = "api-key-refused"

    def __init__(self, holder: Studio | Creator, reason: str) -> None:
        super().__init__(reason)
        self.holder, self.reason = holder, reason


@transaction.atomic
def sign_up(*, email: str, password: str, display_name: str, language: str = "en", now: datetime) -> Person:
    """This will add a person who can sign in, or raise UnableToSignUp and add nothing."""
    person = Person(
        email=rules.normal_email(email), display_name=display_name.strip(), language=language, joined_at=now
    )
    if not person.display_name:
        raise UnableToSignUp("display_name", _("A display name is needed: it is what others see."))
    if len(person.display_name) > 80:
        raise UnableToSignUp("display_name", _("The display name is longer than 80 characters."))
    try:
        validate_email(person.email)
    except ValidationError as error:
        raise UnableToSignUp("email", _("This is not an e-mail address: %s") % email.strip()) from error
    try:
        validate_password(password, user=person)
    except ValidationError as error:
        raise UnableToSignUp("password", " ".join(error.messages)) from error
    person.set_password(password)
    try:
        with transaction.atomic():
            person.save(force_insert=True)
    except IntegrityError as error:
        raise UnableToSignUp(
            "email", _("Somebody has already signed up as %s: sign in instead.") % person.email
        ) from error
    return person


@transaction.atomic
def become_creator(*, person: Person, handle: str, display_name: str = "", bio: str = "", now: datetime) -> Creator:
    """This will give a person a public name to sell under, once."""
    handle = handle.strip().lower()
    if not rules.is_handle(handle) or handle in rules.RESERVED_HANDLES:
        raise UnableToBecomeCreator(
            handle, _("“%s” cannot be a handle: use 1 to 40 of a–z, 0–9 and single inner hyphens.") % handle
        )
    if Creator.objects.filter(person=person).exists():
        raise UnableToBecomeCreator(handle, _("You already sell as %s.") % person.creator.handle)
    try:
        with transaction.atomic():
            return Creator.objects.create(
                id=uuid.uuid5(CREATOR_NAMESPACE, handle),
                person=person,
                handle=handle,
                display_name=display_name.strip()[:80] or person.display_name,
                bio=bio.strip()[:500],
                created_at=now,
            )
    except IntegrityError as error:
        raise UnableToBecomeCreator(handle, _("The handle “%s” is taken: choose another.") % handle) from error


@transaction.atomic
def open_studio(*, person: Person, name: str, now: datetime) -> Studio:
    """This will add a studio and seat the person in it as its owner."""
    if not name.strip():
        raise UnableToSignUp("studio", _("A studio needs a name: it is who the licenses are granted to."))
    if len(name.strip()) > 120:
        raise UnableToSignUp("studio", _("The name of the studio is longer than 120 characters."))
    studio = Studio.objects.create(name=name.strip(), created_at=now)
    Seat.objects.create(studio=studio, person=person, role=Seat.OWNER, created_at=now)
    return studio


@transaction.atomic
def give_seat(*, studio: Studio, by: Person, email: str, role: str, now: datetime) -> Seat:
    """This will seat another person; only the studio's owners may."""
    if not Seat.objects.filter(studio=studio, person=by, role=Seat.OWNER).exists():
        raise UnableToSeat(studio, _("Only an owner of %s can give seats in it.") % studio.name)
    if role not in dict(Seat.ROLES):
        raise UnableToSeat(studio, _("“%s” is not a role: use owner, buyer or member.") % role)
    person = Person.objects.filter(email=rules.normal_email(email), is_active=True).first()
    if person is None:
        raise UnableToSeat(studio, _("Nobody has signed up as %s: ask them to sign up first.") % email)
    try:
        with transaction.atomic():
            return Seat.objects.create(studio=studio, person=person, role=role, created_at=now)
    except IntegrityError as error:
        raise UnableToSeat(studio, _("%s already has a seat in this studio.") % person.email) from error


@transaction.atomic
def issue_key(*, studio: Studio, by: Person, name: str, now: datetime) -> tuple[ApiKey, str]:
    """This will make a key for the licensing API and return it with the secret, which is shown once and not kept."""
    if not Seat.objects.filter(studio=studio, person=by, role__in=[Seat.OWNER, Seat.BUYER]).exists():
        raise UnableToIssueKey(studio, _("Only owners and buyers of %s can make API keys.") % studio.name)
    return _issue(studio, by, name, ApiKey.LICENSING, now)


@transaction.atomic
def issue_creator_key(*, creator: Creator, name: str, use: str = ApiKey.UPLOADS, now: datetime) -> tuple[ApiKey, str]:
    """This will make a key with which a creator's programs upload, or read statements, and do nothing else.

    The secret is shown once and not kept.
    """
    return _issue(creator, creator.person, name, use, now)


def _issue(holder: Studio | Creator, by: Person, name: str, use: str, now: datetime) -> tuple[ApiKey, str]:
    if not name.strip() or len(name.strip()) > 80:
        raise UnableToIssueKey(holder, _("Give the key a name of 1 to 80 characters, so that it can be told apart."))
    secret = rules.make_key(secrets.token_bytes(32))
    key = ApiKey.objects.create(
        studio=holder if isinstance(holder, Studio) else None,
        creator=holder if isinstance(holder, Creator) else None,
        name=name.strip(),
        use=use,
        shown=secret[: rules.KEY_SHOWN_LENGTH],
        digest=rules.key_digest(secret),
        created_by=by,
        created_at=now,
    )
    return key, secret


@transaction.atomic
def revoke_key(*, key: ApiKey, by: Person, now: datetime) -> ApiKey:
    """This will end a key at once and for good; ending it twice changes nothing."""
    if key.creator is not None:
        if key.creator.person_id != by.pk:
            raise UnableToIssueKey(key.creator, _("Only %s can revoke this key.") % key.creator.display_name)
    elif not Seat.objects.filter(studio=key.studio, person=by, role__in=[Seat.OWNER, Seat.BUYER]).exists():
        assert key.studio is not None
        raise UnableToIssueKey(key.studio, _("Only owners and buyers of %s can revoke its keys.") % key.studio.name)
    ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now)
    key.refresh_from_db()
    return key


@transaction.atomic
def set_legal_entity(
    *, studio: Studio, by: Person, legal_name: str, country: str, registration: str, now: datetime
) -> Studio:
    """This will say which legal entity a studio is; licenses granted from `now` on name it, earlier ones stay.

    `country` is ISO 3166-1 alpha-2 or empty, `registration` a number in a public register or for tax, or empty.
    """
    if not Seat.objects.filter(studio=studio, person=by, role=Seat.OWNER).exists():
        raise UnableToSeat(studio, _("Only an owner of %s can say which legal entity it is.") % studio.name)
    legal_name, country, registration = legal_name.strip(), country.strip().upper(), registration.strip()
    for text, most in ((legal_name, 120), (registration, 80)):
        if len(text) > most or not text.isprintable():
            raise UnableToDeclare("legal_name", _("A legal name has at most 120 characters, a registration 80."))
    if not rules.is_country(country):
        raise UnableToDeclare(
            "country", _("“%s” is not a country: give its two letters, such as CN or FR.") % country[:10]
        )
    Studio.objects.filter(pk=studio.pk).update(legal_name=legal_name, country=country, registration=registration)
    studio.refresh_from_db()
    return studio


@transaction.atomic
def declare_size(*, studio: Studio, by: Person, people: int, revenue_usd: int, now: datetime) -> SizeDeclaration:
    """This will keep what a studio says of its size: people who work there, whole US dollars of its last year.

    Prices by size go by the newest declaration, from the next order on. The same again adds nothing.
    """
    if not Seat.objects.filter(studio=studio, person=by, role__in=[Seat.OWNER, Seat.BUYER]).exists():
        raise UnableToSeat(studio, _("Only owners and buyers of %s can declare its size.") % studio.name)
    if not 1 <= people <= SIZE_LIMIT_PEOPLE or not 0 <= revenue_usd <= SIZE_LIMIT_USD:
        raise UnableToDeclare(
            "people", _("A studio has at least one person, and earns zero or more: check the numbers.")
        )
    newest = SizeDeclaration.objects.filter(studio=studio).order_by("-id").first()
    if newest is not None and (newest.people, newest.revenue_usd) == (people, revenue_usd):
        return newest
    return SizeDeclaration.objects.create(
        studio=studio, people=people, revenue_usd=revenue_usd, declared_by=by, declared_at=now
    )


@transaction.atomic
def name_operator(*, person: Person, now: datetime) -> Operator:
    """This will make a person an operator of this house; the same again changes nothing."""
    Person.objects.select_for_update().get(pk=person.pk)
    standing = Operator.objects.filter(person=person, end=None).first()
    return standing or Operator.objects.create(person=person, named_at=now)


@transaction.atomic
def end_operator(*, person: Person, now: datetime) -> bool:
    """This will end that a person is an operator; tells whether they were one."""
    Person.objects.select_for_update().get(pk=person.pk)
    standing = Operator.objects.filter(person=person, end=None).first()
    if standing is None:
        return False
    OperatorEnd.objects.create(operator=standing, ended_at=now)
    return True
