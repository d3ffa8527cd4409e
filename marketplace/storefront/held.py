"""Questions that only the pages about held licenses ask; none writes."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext as _

from marketplace.catalog.models import Release
from marketplace.checkout.asking import Ask, QuotedLine, UnableToBuy
from marketplace.checkout.charge_queries import charges_with_limits
from marketplace.checkout.models import OrderLine, PaymentOutcome
from marketplace.checkout.operations import quote
from marketplace.checkout.rating import month_of
from marketplace.licensing import pricing_queries
from marketplace.licensing import queries as licensing
from marketplace.licensing.bargains import QuoteRequest
from marketplace.licensing.exclusivity import UnableToGrantExclusively
from marketplace.licensing.granting import UnableToGrant
from marketplace.licensing.holdings import UsageReport
from marketplace.licensing.models import Download, Grant, Offer
from marketplace.licensing.pricing import UnableToPrice
from marketplace.licensing.terms.model import Terms
from marketplace.people.models import Person, Seat, Studio

PACKS_LIMIT = 200
DOWNLOADS_SHOWN = 20
CHAIN_LIMIT = 200
REFUSALS = (UnableToBuy, UnableToGrant, UnableToGrantExclusively, UnableToPrice)
"""Why an order is not possible, whoever says so."""

_CHAIN = """
WITH RECURSIVE former(id, replaces_id, steps) AS (
  SELECT id, replaces_id, 0 FROM licensing_grant WHERE id = %(grant)s
  UNION ALL
  SELECT one.id, one.replaces_id, steps + 1 FROM licensing_grant one JOIN former ON former.replaces_id = one.id
), later(id, steps) AS (
  SELECT id, 0 FROM licensing_grant WHERE id = %(grant)s
  UNION ALL
  SELECT one.id, steps + 1 FROM licensing_grant one JOIN later ON one.replaces_id = later.id
)
SELECT id FROM (SELECT id, steps FROM former UNION SELECT id, steps FROM later) near ORDER BY steps, id LIMIT %(limit)s
"""


def packs_held(studios: Iterable[Studio]) -> list[Release]:
    """This will list one release of each pack that studios hold licenses of, by the pack's name."""
    held = Grant.objects.filter(studio__in=list(studios)).values("release")
    rows = Release.objects.filter(pk__in=held).order_by("pack", "-published_at").distinct("pack")
    found = rows.select_related("pack__creator").defer("manifest")[:PACKS_LIMIT]
    return sorted(found, key=lambda release: str(release.pack))


def buying_studios(person: Person) -> list[Studio]:
    """This will list the studios whose licenses a person looks after, by name."""
    rows = Studio.objects.filter(seats__person=person, seats__role__in=[Seat.OWNER, Seat.BUYER])
    return list(rows.order_by("name", "id"))


def history_of(grant: Grant, now: datetime) -> list[Grant]:
    """This will list the licenses that led to this one and followed it, this one among them, the oldest first.

    Each has its `.state`. A license may be renewed for years: it is two queries however many there are, and those that
    are told are the 200 next to it.
    """
    if grant.replaces_id is None and not Grant.objects.filter(replaces=grant).exists():
        return []
    with connection.cursor() as cursor:
        cursor.execute(_CHAIN, {"grant": grant.pk, "limit": CHAIN_LIMIT})
        ids = [row[0] for row in cursor.fetchall()]
    rows = licensing.with_state(Grant.objects.filter(pk__in=ids), now)
    return list(rows.select_related("terms").defer("certificate").order_by("granted_at", "starts_at", "id"))


def downloads_of(grant: Grant) -> Sequence[Download]:
    """This will list the newest downloads under a license."""
    return list(Download.objects.filter(grant=grant).order_by("-id")[:DOWNLOADS_SHOWN])


def reports_of(grant: Grant) -> list[UsageReport]:
    """This will list what was reported under a license, the newest first, each with `.bill` once it is billed, or
    `.charge` where a month with a least or a most counts it."""
    bills = OrderLine.objects.filter(kind=OrderLine.USAGE).select_related("order")
    rows = UsageReport.objects.filter(grant=grant).prefetch_related(Prefetch("order_lines", bills, to_attr="bills"))
    found = list(rows.order_by("-reported_at", "-id"))
    counted = charges_with_limits(grant)
    for row in found:
        row.bill = row.bills[0] if row.bills else None  # type: ignore[attr-defined]
        row.charge = None if row.bills else counted.get(month_of(row.reported_at))  # type: ignore[attr-defined]
    return found


def members_of(studio: Studio) -> QuerySet[Seat]:
    """This will list who sits in a studio, by name."""
    return Seat.objects.filter(studio=studio).select_related("person").order_by("person__display_name", "id")


class Choice:
    """Another offer of the same pack: what it would cost instead of a license, or why that cannot be."""

    def __init__(self, offer: Offer, terms: Terms, line: QuotedLine | None, refusal: str = "") -> None:
        self.offer, self.terms, self.line, self.refusal = offer, terms, line, refusal


def upgrades_of(grant: Grant, now: datetime) -> list[Choice]:
    """This will price every other live offer of a license's pack in its place, with the credit that it brings."""
    newest = Release.objects.filter(pack=grant.release.pack_id).order_by("-published_at", "-id").first()
    releases = {release.pk: release for release in (grant.release, newest) if release is not None}
    rows = Offer.objects.filter(release__in=releases, withdrawal=None).exclude(pk=grant.offer_id)
    related = rows.select_related("terms", "release__split", "release__pack__creator", "release__pack__owner")
    offers = pricing_queries.with_prices(related.order_by("currency", "price_minor", "id"), now)
    return [_choice(grant, offer, now) for offer in offers]


def _choice(grant: Grant, offer: Offer, now: datetime) -> Choice:
    terms = licensing.terms_of(offer.terms)
    if offer.model == "on-request":
        return Choice(offer, terms, None)
    if offer.model == "pay-what-you-want":
        return Choice(offer, terms, None, _("You name its price: license it anew."))
    seats = min(grant.seats, terms.seats) if grant.seats and terms.seats else 0
    ask = Ask(offer, seats=seats, project=grant.project, kind=OrderLine.UPGRADE, replaces=grant)
    try:
        quoted = quote(studio=grant.studio, offers=[ask], now=now)
    except REFUSALS as error:
        return Choice(offer, terms, None, str(error))
    return Choice(offer, terms, quoted.lines[0])


def shared_count(studio: Studio) -> int:
    """This will count the licenses of a studio that are for all of its projects."""
    return Grant.objects.filter(studio=studio, project=None).count()


def grants_of_quotes(requests: Sequence[QuoteRequest]) -> dict[UUID, Grant | None]:
    """This will find which quotes were bought, and the license that came of each, None while its payment is open."""
    lines = OrderLine.objects.filter(quote__in=[one.pk for one in requests])
    rows = list(lines.exclude(order__outcome__outcome=PaymentOutcome.DECLINED))
    grants = {grant.source: grant for grant in Grant.objects.filter(source__in=[line.source for line in rows])}
    return {line.quote_id: grants.get(line.source) for line in rows if line.quote_id is not None}
