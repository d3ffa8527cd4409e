"""Writes about what goes with licenses: projects, seats, passing them on, reported use."""

from datetime import date, datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from marketplace.licensing import exclusivity, granting, queries
from marketplace.licensing.holdings import Project, SeatAssignment, UsageReport
from marketplace.licensing.models import Grant, GrantStatus
from marketplace.people.models import Person, Seat, Studio

MANAGERS = (Seat.OWNER, Seat.BUYER)
QUANTITY_LIMIT = 2**53 - 1
"""Amounts must be able to stand in RFC 8785 documents, which hold integers as IEEE 754 doubles can."""


class UnableToOpenProject(Exception):
    """The project could not be opened."""

    code = "project-refused"

    def __init__(self, studio: Studio, reason: str) -> None:
        super().__init__(reason)
        self.studio, self.reason = studio, reason


class UnableToAssignSeat(Exception):
    """A license's seat could not be given to a person, or taken back."""

    code = "seat-not-assigned"

    def __init__(self, grant: Grant, reason: str) -> None:
        super().__init__(reason)
        self.grant, self.reason = grant, reason


class UnableToPassOn(Exception):
    """The license could not be passed on to another studio."""

    code = "transfer-of-license-refused"

    def __init__(self, grant: Grant, reason: str) -> None:
        super().__init__(reason)
        self.grant, self.reason = grant, reason


class UnableToReportUse(Exception):
    """The use could not be written down."""

    code = "usage-refused"

    def __init__(self, grant: Grant, reason: str) -> None:
        super().__init__(reason)
        self.grant, self.reason = grant, reason


def manages(person: Person, studio: Studio) -> bool:
    """This will tell whether a person buys for a studio, and so looks after its licenses."""
    return Seat.objects.filter(studio=studio, person=person, role__in=MANAGERS).exists()


@transaction.atomic
def open_project(*, studio: Studio, by: Person, name: str, now: datetime) -> Project:
    """This will add a project of a studio, for which it may license alone; only its owners and buyers may."""
    name = name.strip()
    if not manages(by, studio):
        raise UnableToOpenProject(studio, _("Only owners and buyers of %s can open projects.") % studio.name)
    if not name or len(name) > 120 or not name.isprintable():
        raise UnableToOpenProject(studio, _("A project needs a name of 1 to 120 characters on one line."))
    try:
        with transaction.atomic():
            return Project.objects.create(studio=studio, name=name, created_by=by, created_at=now)
    except IntegrityError:
        raise UnableToOpenProject(
            studio, _("%(studio)s already has a project “%(name)s”.") % {"studio": studio.name, "name": name}
        ) from None


@transaction.atomic
def assign_seat(*, grant: Grant, person: Person, by: Person, now: datetime) -> SeatAssignment:
    """This will give a person of the studio one of a license's seats; to whoever has one already it changes nothing."""
    held = _locked(grant, by)
    if there := SeatAssignment.objects.filter(grant=held, person=person, released_at=None).first():
        return there
    if held.ends_at is not None and held.ends_at <= now:
        raise UnableToAssignSeat(held, _("The license %s has ended, so its seats cannot be assigned.") % held.pk)
    if queries.status_of(held) in granting.FINAL:
        raise UnableToAssignSeat(held, _("The license %s is over, so its seats cannot be assigned.") % held.pk)
    if not Seat.objects.filter(studio=held.studio, person=person).exists():
        raise UnableToAssignSeat(
            held,
            _("%(person)s is not in %(studio)s: an owner must seat them in the studio first.")
            % {"person": person.email, "studio": held.studio.name},
        )
    taken = SeatAssignment.objects.filter(grant=held, released_at=None).count()
    if held.seats and taken >= held.seats:
        raise UnableToAssignSeat(
            held,
            _("All %d seats of the license are assigned: release one, or license more.") % held.seats,
        )
    return SeatAssignment.objects.create(grant=held, person=person, assigned_by=by, assigned_at=now)


@transaction.atomic
def release_seat(*, grant: Grant, person: Person, by: Person, now: datetime) -> bool:
    """This will free a person's seat at once; tells whether there was one."""
    held = _locked(grant, by)
    return SeatAssignment.objects.filter(grant=held, person=person, released_at=None).update(released_at=now) == 1


def _locked(grant: Grant, by: Person) -> Grant:
    """Takes the license, one who changes its seats at a time; raises UnableToAssignSeat for others than managers."""
    # As the database's own check of seats does, so that both wait in one line.
    held = Grant.objects.select_for_update(no_key=True, of=("self",)).select_related("studio", "offer").get(pk=grant.pk)
    if not manages(by, held.studio):
        raise UnableToAssignSeat(held, _("Only owners and buyers of %s can assign its seats.") % held.studio.name)
    return held


@transaction.atomic
def transfer(*, grant: Grant, to: Studio, by: Person, now: datetime) -> Grant:
    """This will pass a license on to another studio, where its terms allow that; gives the license that the other has.

    The former one is superseded: its seats are free and its project stays behind. Terms, end and what was paid for it
    stay as they are, and exclusivity goes along. Raises UnableToPassOn and writes nothing.
    """
    # As statuses are added: of two who pass it on at once, the second finds it superseded.
    held = Grant.objects.select_for_update(of=("self",)).get(pk=grant.pk)
    _check_transfer(held, to, by, now)
    source = f"transfer:{held.pk}"
    starts_at = max(held.starts_at, now)
    taken = exclusivity.Exclusivity.objects.filter(grant=held, ended_at=None).first()
    if taken is not None:
        exclusivity.end_exclusivity(grant=held, now=now)
        exclusivity.take_exclusivity(
            offer=held.offer, studio=to, source=source, starts_at=starts_at, ends_at=taken.during.upper, now=now
        )
    return granting.grant(
        offer=held.offer,
        studio=to,
        source=source,
        now=now,
        # It is as old as what it replaces: exclusivity that somebody took since does not undo it.
        ordered_at=held.ordered_at or held.granted_at,
        seats=held.seats,
        starts_at=starts_at,
        ends_at=held.ends_at,
        kind=Grant.TRANSFER,
        replaces=held,
        price_minor=held.price_minor,
        currency=held.currency,
    )


def _check_transfer(held: Grant, to: Studio, by: Person, now: datetime) -> None:
    if not manages(by, held.studio):
        raise UnableToPassOn(held, _("Only owners and buyers of %s can pass its licenses on.") % held.studio.name)
    if not exclusivity.terms_of(held.offer).transferable:
        raise UnableToPassOn(held, _("The terms “%s” do not let a license be passed on.") % held.terms.name)
    if to.pk == held.studio_id:
        raise UnableToPassOn(held, _("%s holds this license already.") % to.name)
    if queries.status_of(held) != GrantStatus.ACTIVE or (held.ends_at is not None and held.ends_at <= now):
        raise UnableToPassOn(held, _("The license %s is not active, so it cannot be passed on.") % held.pk)
    # Orders are kept above, so they are found by the name of that relation.
    if Grant.objects.filter(pk=held.pk, order_lines__isnull=False, order_lines__order__outcome=None).exists():
        raise UnableToPassOn(held, _("An order for the license %s is still being paid: wait until it is.") % held.pk)


@transaction.atomic
def report_use(
    *,
    grant: Grant,
    key: str,
    quantity: int,
    from_day: date,
    until_day: date,
    by: str,
    now: datetime,
    note: str = "",
) -> UsageReport:
    """This will write down what a licensee used or earned in some days, once for each `key`; it is billed later.

    `quantity` counts units of a metered offer, or is revenue in minor units of the offer's currency; `by` says who
    reports. The same report under the same key again is the one that is there.
    """
    # Of two reports of the same days at once, the second waits and is refused.
    held = Grant.objects.select_for_update(no_key=True, of=("self",)).select_related("offer").get(pk=grant.pk)
    there = UsageReport.objects.filter(grant=held, key=key).first()
    if there is not None:
        if (there.quantity, there.from_day, there.until_day) == (quantity, from_day, until_day):
            return there
        raise UnableToReportUse(held, _("The key “%s” already stands for another report: use a new one.") % key)
    _check_report(held, key, quantity, from_day, until_day, now)
    return UsageReport.objects.create(
        grant=held,
        key=key,
        quantity=quantity,
        from_day=from_day,
        until_day=until_day,
        note=note.strip()[:200],
        reported_by=by[:120],
        reported_at=now,
    )


def _check_report(held: Grant, key: str, quantity: int, from_day: date, until_day: date, now: datetime) -> None:
    """Raises UnableToReportUse for what cannot be a report of this license."""
    if held.offer.model not in ("metered", "revenue-share"):
        raise UnableToReportUse(held, _("This license is not priced by its use: there is nothing to report."))
    if not key or len(key) > 200 or not key.isprintable():
        raise UnableToReportUse(held, _("A report needs a key of 1 to 200 characters, so that it is taken once."))
    if not 0 <= quantity <= QUANTITY_LIMIT:
        raise UnableToReportUse(held, _("What is reported must be between 0 and %d.") % QUANTITY_LIMIT)
    if until_day < from_day:
        raise UnableToReportUse(held, _("The last day of the report is before its first."))
    if until_day > now.date():
        raise UnableToReportUse(held, _("Use is reported afterwards: the last day may not be after today."))
    first, last = held.starts_at.date(), held.ends_at.date() if held.ends_at else until_day
    if from_day < first or until_day > last:
        raise UnableToReportUse(
            held,
            _("The license holds from %(first)s to %(last)s: report use in that time.")
            % {"first": first, "last": last},
        )
    # Units add up, whatever their days; revenue of the same days twice would be owed twice.
    same_days = UsageReport.objects.filter(grant=held, from_day__lte=until_day, until_day__gte=from_day)
    if held.offer.model == "revenue-share" and same_days.exists():
        raise UnableToReportUse(held, _("Some of these days are reported already: report the days after them."))
