"""What goes with licenses that are held: projects, exclusivity, seats, use, notices. More tables of models.py."""

import uuid

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import Q

from marketplace.licensing.multiranges import IntegerMultirangeField
from marketplace.people.models import Person, Studio


class Project(models.Model):
    """What a studio makes: licenses may be for it alone, and its credits are told together."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    studio = models.ForeignKey(Studio, on_delete=models.PROTECT, related_name="projects")
    name = models.CharField(max_length=120)
    created_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["studio", "name"], name="licensing_project_is_named_once"),
            models.CheckConstraint(condition=~Q(name=""), name="licensing_project_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.name


class Exclusivity(models.Model):
    """Nobody else is licensed this pack in these fields and territories during this time.

    It is taken when the order is placed (`source` names its line), so that nobody pays for what another has, and has
    its grant once that is paid. It ends when the payment is declined or the grant is revoked. `fields` and
    `territory` are sets of numbers (exclusivity.py). `chain` is the source that it began with: an upgrade, of the same
    chain, may overlap what it takes the place of.
    """

    pack = models.ForeignKey("catalog.Pack", on_delete=models.PROTECT, related_name="exclusivities")
    fields = IntegerMultirangeField()
    territory = IntegerMultirangeField()
    during = DateTimeRangeField()
    studio = models.ForeignKey(Studio, on_delete=models.PROTECT, related_name="+")
    source = models.CharField(max_length=80, unique=True)
    chain = models.CharField(max_length=80)
    grant = models.OneToOneField("licensing.Grant", on_delete=models.PROTECT, null=True, related_name="exclusivity")
    taken_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="licensing_exclusive_is_exclusive",
                expressions=[
                    ("pack", RangeOperators.EQUAL),
                    ("fields", RangeOperators.OVERLAPS),
                    ("territory", RangeOperators.OVERLAPS),
                    ("during", RangeOperators.OVERLAPS),
                    ("chain", RangeOperators.NOT_EQUAL),
                ],
                condition=Q(ended_at=None),
            )
        ]

    def __str__(self) -> str:
        return self.source


class SeatAssignment(models.Model):
    """A person has one of a grant's seats until it is released."""

    grant = models.ForeignKey("licensing.Grant", on_delete=models.PROTECT, related_name="assignments")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    assigned_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    assigned_at = models.DateTimeField()
    released_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["grant", "person"], condition=Q(released_at=None), name="licensing_one_seat_a_person"
            )
        ]

    def __str__(self) -> str:
        return f"{self.person_id} of {self.grant_id}"


class UsageReport(models.Model):
    """What a licensee says it used or earned: units of a metered offer, or revenue in minor units of its currency."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    grant = models.ForeignKey("licensing.Grant", on_delete=models.PROTECT, related_name="usage")
    key = models.CharField(max_length=200)
    quantity = models.BigIntegerField()
    from_day = models.DateField()
    until_day = models.DateField()
    note = models.CharField(max_length=200, blank=True)
    reported_by = models.CharField(max_length=120)
    reported_at = models.DateTimeField()

    class Meta:
        ordering = ["reported_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["grant", "key"], name="licensing_use_is_reported_once"),
            models.CheckConstraint(condition=Q(quantity__gte=0), name="licensing_use_is_not_negative"),
            models.CheckConstraint(condition=Q(until_day__gte=models.F("from_day")), name="licensing_use_has_a_time"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} under {self.grant_id}"


class Notice(models.Model):
    """We told the studio that a license ends, ended, or was renewed; each once."""

    grant = models.ForeignKey("licensing.Grant", on_delete=models.PROTECT, related_name="notices")
    kind = models.CharField(max_length=20)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["grant", "kind"], name="licensing_notice_is_given_once")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.grant_id}"
