"""Who signs in, who sells, who buys."""

import uuid

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower


class PersonManager(BaseUserManager["Person"]):
    """Finds people by e-mail address, whatever the case it was typed in."""

    def get_by_natural_key(self, username: str | None) -> "Person":
        return self.get(email=(username or "").strip().lower())


class Person(AbstractBaseUser):
    """Who signs in."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(unique=True)
    display_name = models.CharField(max_length=80)
    language = models.CharField(max_length=10, default="en")
    is_active = models.BooleanField(default=True)
    joined_at = models.DateTimeField()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    objects = PersonManager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(email=Lower("email")), name="people_email_is_lower_case"),
            models.CheckConstraint(condition=~Q(display_name=""), name="people_person_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.display_name


class Creator(models.Model):
    """Who sells: the public name of one person."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.OneToOneField(Person, on_delete=models.PROTECT, related_name="creator")
    handle = models.CharField(max_length=40, unique=True)
    display_name = models.CharField(max_length=80)
    bio = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(handle__regex=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$"),
                name="people_handle_is_a_slug",
            ),
        ]

    def __str__(self) -> str:
        return self.handle


class Studio(models.Model):
    """Who buys: a legal entity, of one person or of many.

    `legal_name` is what licenses name, the name where it is empty; `country` is its seat (ISO 3166-1 alpha-2);
    `registration` is its number in a public register, or for tax.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)
    legal_name = models.CharField(max_length=120, blank=True)
    country = models.CharField(max_length=2, blank=True)
    registration = models.CharField(max_length=80, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="people_studio_has_a_name"),
            models.CheckConstraint(condition=Q(country__regex=r"^([A-Z]{2})?$"), name="people_country_is_a_code"),
        ]

    def __str__(self) -> str:
        return self.name


class SizeDeclaration(models.Model):
    """What a studio says of its size, by which some prices go; the newest row counts."""

    studio = models.ForeignKey(Studio, on_delete=models.PROTECT, related_name="sizes")
    people = models.PositiveIntegerField()
    revenue_usd = models.BigIntegerField()
    declared_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    declared_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(people__gte=1, revenue_usd__gte=0), name="people_size_is_possible")
        ]

    def __str__(self) -> str:
        return f"{self.studio}: {self.people} people, US${self.revenue_usd} a year"


class Seat(models.Model):
    """A person's place in a studio."""

    OWNER, BUYER, MEMBER = "owner", "buyer", "member"
    ROLES = [(OWNER, "owner"), (BUYER, "buyer"), (MEMBER, "member")]

    studio = models.ForeignKey(Studio, on_delete=models.PROTECT, related_name="seats")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="seats")
    role = models.CharField(max_length=10, choices=ROLES)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["studio", "person"], name="people_one_seat_a_person"),
            models.CheckConstraint(
                condition=Q(role__in=["owner", "buyer", "member"]), name="people_seat_role_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} ({self.role}) in {self.studio}"


class ApiKey(models.Model):
    """A program's key: a studio's to the licensing API, or a creator's to one thing; only its digest is kept."""

    LICENSING, UPLOADS, STATEMENTS, PAYOUTS = "licensing", "uploads", "statements", "payouts"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    studio = models.ForeignKey(Studio, on_delete=models.PROTECT, null=True, related_name="api_keys")
    creator = models.ForeignKey(Creator, on_delete=models.PROTECT, null=True, related_name="api_keys")
    name = models.CharField(max_length=80)
    use = models.CharField(max_length=12)
    shown = models.CharField(max_length=16)
    digest = models.CharField(max_length=64, unique=True)
    created_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(digest__regex=r"^[0-9a-f]{64}$"), name="people_key_is_hashed_at_rest"),
            models.CheckConstraint(
                condition=Q(studio__isnull=False, creator__isnull=True) | Q(studio__isnull=True, creator__isnull=False),
                name="people_key_is_of_a_studio_or_a_creator",
            ),
            models.CheckConstraint(
                condition=Q(studio__isnull=False, use="licensing")
                | Q(creator__isnull=False, use__in=["uploads", "statements", "payouts"]),
                name="people_key_is_for_one_use",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.shown}… of {self.studio or self.creator}"


class Operator(models.Model):
    """A person who runs this house, and sees its books; until it ends."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="operatorships")
    named_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"operator {self.person_id}"


class OperatorEnd(models.Model):
    """The person does not run this house any more."""

    operator = models.OneToOneField(Operator, on_delete=models.PROTECT, related_name="end")
    ended_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"end of {self.operator_id}"
