"""Writes about licenses that are held: granting, what happens to them, passing them on."""

import secrets
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from procrastinate.contrib.django import app

import ledger.operations
from marketplace.licensing import exclusivity, issuing, queries, rules
from marketplace.licensing.chain_offer_models import LicenseeCommitment
from marketplace.licensing.holdings import Project, SeatAssignment
from marketplace.licensing.models import Grant, GrantStatus, Offer, OfferWithdrawal
from marketplace.people.models import Studio
from marketplace.ui.formats import sentence

FOLLOWS = (Grant.RENEWAL, Grant.UPGRADE, Grant.TRANSFER)
FINAL = (GrantStatus.REVOKED, GrantStatus.SUPERSEDED)


class UnableToGrant(Exception):
    """The license could not be granted, changed or passed on."""

    code = "grant-refused"

    def __init__(self, offer: Offer, reason: str) -> None:
        super().__init__(reason)
        self.offer, self.reason = offer, reason


def check_grant(
    *,
    offer: Offer,
    studio: Studio,
    now: datetime,
    seats: int = 0,
    project: Project | None = None,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    kind: str = Grant.NEW,
    replaces: Grant | None = None,
) -> rules.Period:
    """This will see that a license could be granted now, and tell its time; writes nothing.

    It is asked when an order is placed, before anything is charged. Raises UnableToGrant, and UnableToGrantExclusively
    where another studio has exclusively what it would cover.
    """
    _check_party(offer, studio, project, kind, replaces)
    wanted = _seats(offer, seats)
    if replaces is not None:
        _check_replaced(offer, replaces, kind, wanted, now)
    period = _period(offer, starts_at=starts_at, ends_at=ends_at, replaces=replaces, kind=kind, at=now)
    exclusivity.check_exclusivity(
        offer=offer, studio=studio, upgrades=replaces if kind == Grant.UPGRADE else None, **period._asdict()
    )
    return period


@transaction.atomic
def grant(
    *,
    offer: Offer,
    studio: Studio,
    source: str,
    now: datetime,
    ordered_at: datetime | None = None,
    seats: int = 0,
    project: Project | None = None,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    kind: str = Grant.NEW,
    replaces: Grant | None = None,
    price_minor: int | None = None,
    currency: str | None = None,
    committed: LicenseeCommitment | None = None,
) -> Grant:
    """This will grant a license to a studio, sign its certificate and state both; once for each `source`.

    `source` names what was paid, as in `order-line:<uuid>`. Whether an offer is still sold is decided when the order
    is placed, at `ordered_at`: an offer withdrawn while the buyer was paying is honored. `seats` 0 are those of the
    terms. It begins at `starts_at`, without one now, or when its terms do; a renewal where what it `replaces` ends. It
    ends at `ends_at` or when its terms do, whichever is first; where its order took exclusivity, it has that time.
    It names its licensee by the name and salt that were `committed` to before, where they were and are not erased.
    Raises UnableToGrant and UnableToGrantExclusively.
    """
    there = Grant.objects.filter(source=source).first()
    if there is not None:
        return there
    _check_party(offer, studio, project, kind, replaces)
    wanted = _seats(offer, seats)
    if replaces is not None and ordered_at is None:
        _check_replaced(offer, replaces, kind, wanted, now)
    period = exclusivity.taken_for(source) or _period(
        offer, starts_at=starts_at, ends_at=ends_at, replaces=replaces, kind=kind, at=ordered_at or now, now=now
    )
    made = _drawn(
        offer,
        studio,
        project=project,
        source=source,
        seats=wanted,
        kind=kind,
        replaces=replaces,
        price_minor=offer.price_minor if price_minor is None else price_minor,
        currency=currency or offer.currency,
        ordered_at=ordered_at,
        granted_at=now,
        **period._asdict(),
    )
    if committed is not None and committed.licensee_salt:
        made.licensee_name, made.licensee_salt = committed.licensee_name, committed.licensee_salt
    return _written(made, now)


def _drawn(offer: Offer, studio: Studio, **given: Any) -> Grant:
    """Makes the row of a license, which fixes what it is of and who holds it; it is not saved yet."""
    return Grant(
        id=uuid4(),
        offer=offer,
        release=offer.release,
        terms=offer.terms,
        studio=studio,
        licensee_name=studio.legal_name or studio.name,
        licensee_country=studio.country,
        licensee_registration=studio.registration,
        licensee_salt=secrets.token_hex(32),
        status_index=_next_status_index(),
        **given,
    )


def _written(made: Grant, now: datetime) -> Grant:
    """Signs, saves and states a license with all that goes along; the one that is there where another was faster."""
    is_exclusive = exclusivity.terms_of(made.offer).exclusive
    period: Any = {"starts_at": made.starts_at, "ends_at": made.ends_at}
    if is_exclusive:
        upgrades = made.replaces if made.kind == Grant.UPGRADE else None
        exclusivity.take_exclusivity(
            offer=made.offer, studio=made.studio, source=made.source, now=now, upgrades=upgrades, **period
        )
    elif made.ordered_at is None:
        exclusivity.check_exclusivity(offer=made.offer, studio=made.studio, **period)
    # The log must know the key before it hears of anything that the key signed.
    ledger.operations.register_keys(now=now)
    made.certificate = issuing.certificate_for(made)
    made.certificate_sha256 = rules.digest(made.certificate.encode())
    try:
        with transaction.atomic():
            made.save(force_insert=True)
    except IntegrityError:
        if there := Grant.objects.filter(source=made.source).first():
            return there
        raise
    if is_exclusive:
        exclusivity.give_to_grant(source=made.source, grant=made)
    app.configure_task("licensing.sign_copies", queue="intake").defer(grant_id=str(made.pk))
    _state(made)
    if made.replaces is not None:
        _follow(made, made.replaces, now)
    return made


def _state(made: Grant) -> None:
    """States a grant; what was passed on names what it replaces, since the log's law then asks for no live offer."""
    lawful: dict[str, Any]
    if made.kind == Grant.TRANSFER:
        lawful = {"replaces": str(made.replaces_id)}
    else:
        lawful = _order_before_withdrawal(made.offer, made.ordered_at)
    ledger.operations.state(
        type="grant",
        subject=f"grant:{made.pk}",
        body={
            "grant": str(made.pk),
            "release": made.release.digest,
            "offer": str(made.offer_id),
            "terms": made.terms_id,
            "licensee_commitment": rules.digest(rules.licensee_document(made.licensee_name, made.licensee_salt)),
            "certificate": made.certificate_sha256,
            **lawful,
        },
        now=made.granted_at,
    )


def _order_before_withdrawal(offer: Offer, ordered_at: datetime | None) -> dict[str, Any]:
    """Says when the order was placed, where its offer was withdrawn since: the log's law asks for it."""
    # The grant's row is written and holds the offer's (FOR KEY SHARE): one who withdraws it now waits.
    if ordered_at is None or not OfferWithdrawal.objects.filter(offer=offer).exists():
        return {}
    return {"ordered_at": int(ordered_at.timestamp())}


def _follow(made: Grant, replaces: Grant, now: datetime) -> None:
    """Gives the seats of what is replaced to what follows it; an upgrade ends it, a renewal lets it run to its end."""
    if made.kind != Grant.TRANSFER:
        kept = list(SeatAssignment.objects.filter(grant=replaces, released_at=None).order_by("id"))
        SeatAssignment.objects.bulk_create(
            SeatAssignment(grant=made, person_id=one.person_id, assigned_by_id=one.assigned_by_id, assigned_at=now)
            for one in (kept[: made.seats] if made.seats else kept)
        )
    # What was revoked while its upgrade was being paid stays revoked.
    if made.kind != Grant.RENEWAL and queries.status_of(replaces) not in FINAL:
        supersede(grant=replaces, reason=_REASON[made.kind], now=now)


_REASON = {
    Grant.UPGRADE: gettext_noop("The license was upgraded to another."),
    Grant.TRANSFER: gettext_noop("The license was passed on."),
}


def _check_party(offer: Offer, studio: Studio, project: Project | None, kind: str, replaces: Grant | None) -> None:
    if project is not None and project.studio_id != studio.pk:
        raise UnableToGrant(offer, _("The project “%s” is not this studio's: choose one of yours.") % project.name)
    if (kind in FOLLOWS) != (replaces is not None) or kind not in (Grant.NEW, *FOLLOWS):
        raise UnableToGrant(offer, _("A license is new, or follows another that it names as the one it replaces."))
    if replaces is not None and kind != Grant.TRANSFER and replaces.studio_id != studio.pk:
        raise UnableToGrant(offer, _("The license %s is not this studio's: choose one of yours.") % replaces.pk)


def _check_replaced(offer: Offer, replaces: Grant, kind: str, seats: int, now: datetime) -> None:
    """Raises UnableToGrant where a license cannot be renewed, upgraded or passed on now."""
    if offer.release.pack_id != replaces.release.pack_id:
        raise UnableToGrant(offer, _("The license %s is of another pack: renew or upgrade it there.") % replaces.pk)
    if queries.status_of(replaces) != GrantStatus.ACTIVE:
        raise UnableToGrant(
            offer, _("The license %s is not active, so it cannot be renewed, upgraded or passed on.") % replaces.pk
        )
    if kind == Grant.RENEWAL and replaces.ends_at is None:
        raise UnableToGrant(offer, _("The license %s does not end, so there is nothing to renew.") % replaces.pk)
    if kind == Grant.UPGRADE and replaces.ends_at is not None and replaces.ends_at <= now:
        raise UnableToGrant(offer, _("The license %s has ended: buy a new one.") % replaces.pk)
    assigned = SeatAssignment.objects.filter(grant=replaces, released_at=None).count()
    if kind != Grant.TRANSFER and 0 < seats < assigned:
        raise UnableToGrant(
            offer,
            _("%(assigned)d seats are assigned, and you ask for %(seats)d: release seats first, or ask for more.")
            % {"assigned": assigned, "seats": seats},
        )


def _seats(offer: Offer, wanted: int) -> int:
    """Tells how many seats a license gets: those of its terms, or fewer where fewer are asked for; 0 is unlimited."""
    most = exclusivity.terms_of(offer).seats
    if wanted < 0 or (0 < most < wanted):
        raise UnableToGrant(
            offer,
            _("“%(terms)s” has at most %(most)d seats, and you ask for %(seats)d: ask for fewer.")
            % {"terms": offer.terms.name, "most": most, "seats": wanted},
        )
    return wanted or most


def _period(
    offer: Offer,
    *,
    starts_at: datetime | None,
    ends_at: datetime | None,
    replaces: Grant | None,
    kind: str,
    at: datetime,
    now: datetime | None = None,
) -> rules.Period:
    """Tells the time of a license that is ordered `at` and granted `now`; raises UnableToGrant where it has none."""
    former_end = replaces.ends_at if replaces is not None and kind == Grant.RENEWAL else None
    if starts_at is None and former_end is not None:
        starts_at = max(former_end, at)
    terms = exclusivity.terms_of(offer)
    try:
        earliest = at - rules.BACKDATED_AT_MOST
        return rules.period_of(terms, starts_at=starts_at, ends_at=ends_at, now=now or at, at=at, earliest=earliest)
    except rules.NoTime as error:
        raise UnableToGrant(offer, sentence(error)) from None


def _next_status_index() -> int:
    """Takes the next bit of the status lists; one that a failed sale took stays unused."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('licensing_status_index')")
        return int(cursor.fetchone()[0])


@transaction.atomic
def set_status(*, grant: Grant, status: str, reason: str, now: datetime) -> GrantStatus | None:
    """This will add what happened to a grant (active, suspended, revoked, superseded) and state it; no change adds
    nothing.

    Revoked and superseded are for good: they free its seats and end its exclusivity.
    """
    # One at a time a grant, so that two messages about it cannot both count as the change.
    Grant.objects.select_for_update().get(pk=grant.pk)
    newest = queries.status_of(grant)
    if newest == status:
        return None
    if newest == GrantStatus.REVOKED:
        raise UnableToGrant(grant.offer, _("The license %s is revoked, which is for good.") % grant.pk)
    if newest == GrantStatus.SUPERSEDED:
        raise UnableToGrant(grant.offer, _("The license %s was replaced by another, which is for good.") % grant.pk)
    row = GrantStatus.objects.create(grant=grant, status=status, reason=reason, since=now)
    if status in FINAL:
        SeatAssignment.objects.filter(grant=grant, released_at=None).update(released_at=now)
        exclusivity.end_exclusivity(grant=grant, now=now)
    ledger.operations.state(
        type="grant-status",
        subject=f"grant:{grant.pk}",
        body={"grant": str(grant.pk), "status": status},
        now=now,
    )
    return row


def supersede(*, grant: Grant, reason: str, now: datetime) -> GrantStatus | None:
    """This will end a grant for good because another takes its place."""
    return set_status(grant=grant, status=GrantStatus.SUPERSEDED, reason=reason, now=now)
