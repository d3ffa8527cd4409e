"""Questions that only creators' pages ask, put together from those of the apps below; none writes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.db import connection
from django.db.models import Count, Exists, OuterRef, Sum
from django.db.models.functions import TruncDate

from assets.models import Upload
from ledger.models import Entry
from marketplace.catalog import rules as catalog_rules
from marketplace.catalog.models import Pack, Release
from marketplace.checkout.models import OrderLine
from marketplace.intake import queries as submissions
from marketplace.intake.models import Submission, SubmittedFile
from marketplace.licensing.models import Grant, Offer
from marketplace.licensing.pricing_queries import with_prices
from marketplace.payouts import queries as books
from marketplace.payouts.freezes import SubjectFreeze
from marketplace.payouts.models import AwaitingAllocation, PayoutOutcome, RoyaltyLine, Sale, SplitShare
from marketplace.payouts.numbers import taken_of
from marketplace.people.models import Creator

CSV_PAGE = 500
UPLOADS_SHOWN = 400
_SOURCE = "order-line:"


def uploads_of(creator: Creator) -> list[Upload]:
    """This will list a creator's uploads that arrived whole and were not handed in yet, the newest first."""
    busy = SubmittedFile.objects.filter(upload=OuterRef("pk"))  # an outcome lets the uploads go that it leaves
    rows = Upload.objects.filter(~Exists(busy), owner_id=creator.person_id).exclude(sha256="")
    rows = rows.exclude(concatenation=Upload.PARTIAL).select_related("inspection")
    return list(rows.order_by("-created_at", "id")[:UPLOADS_SHOWN])


def refused_submission(creator: Creator, text: str) -> Submission | None:
    """This will find what a creator handed in before and nothing came of, by its id as an address names it."""
    try:
        found = submissions.submission_of(creator, UUID(text))
    except ValueError:
        return None
    return found if found and found.state in (Submission.State.REFUSED, Submission.State.WITHDRAWN) else None


@dataclass(frozen=True)
class Day:
    """What was sold on one day, and what a creator earned from it so far: currency → minor units."""

    day: date
    sales: int
    earned: Mapping[str, int]


@dataclass(frozen=True)
class Derived:
    """What a work of somebody else's earned a creator, in one currency, without what is disputed or taken back."""

    release_id: UUID
    currency: str
    sales: int
    amount_minor: int


@dataclass(frozen=True)
class Earned:
    """One royalty line with what was sold: `sold` and `payout_reference` are None and empty where nobody knows."""

    line: books.Line
    sold: OrderLine | None
    payout_reference: str

    @property
    def fee_minor(self) -> int:
        """What the platform kept of the price: its fee as the order fixed it, else all that is not net."""
        if self.sold and self.sold.source == self.line.source:
            return self.sold.fee_minor
        return self.line.gross_minor - self.line.net_minor


def sales_by_day(creator: Creator, *, until: date, days: int) -> list[Day]:
    """This will count the sales that a creator shares in, a day at a time, the oldest day first; three queries."""
    first = until - timedelta(days=days - 1)
    mine = SplitShare.objects.filter(payee=creator).values("split")
    sold = (
        Sale.objects.filter(split__in=mine, sold_at__date__gte=first, sold_at__date__lte=until)
        .values_list(TruncDate("sold_at"))
        .annotate(n=Count("pk"))
    )
    lines = (
        RoyaltyLine.objects.filter(payee=creator, sale__split__in=mine)
        .filter(sale__sold_at__date__gte=first, sale__sold_at__date__lte=until)
        .values_list(TruncDate("sale__sold_at"), "sale__currency")
        .annotate(total=Sum("amount_minor"))
        .order_by("sale__currency")
    )
    counts: dict[date, int] = dict(sold)
    earned: dict[date, dict[str, int]] = {}
    for day, currency, total in lines:
        earned.setdefault(day, {})[currency] = int(total)
    span = [first + timedelta(days=n) for n in range(days)]
    return [Day(day, counts.get(day, 0), earned.get(day, {})) for day in span]


def waiting_sales(creator: Creator) -> int:
    """This will count the sales that a creator shares in and that the next royalty run will share out."""
    mine = SplitShare.objects.filter(payee=creator).values("split")
    frozen = SubjectFreeze.objects.filter(thaw=None).values("subject")
    return AwaitingAllocation.objects.filter(sale__split__in=mine).exclude(sale__subject__in=frozen).count()


_DERIVED = f"""
SELECT f.release_id, s.currency, count(*)::int AS sales, sum(left_of.amount_minor)::bigint AS amount_minor
  FROM payouts_lines_of(%(creator)s) l
  JOIN payouts_sale s ON s.id = l.sale_id AND s.source LIKE 'order-line:%%'
  JOIN checkout_orderline o ON o.id = substr(s.source, 12, 36)::uuid
  JOIN licensing_offer f ON f.id = o.offer_id
  JOIN catalog_release r ON r.id = f.release_id
  JOIN catalog_pack p ON p.id = r.pack_id
  CROSS JOIN LATERAL (SELECT l.amount_minor - {taken_of("l.id")} AS amount_minor) left_of
 WHERE p.owner_id <> %(creator)s AND left_of.amount_minor > 0
 GROUP BY f.release_id, s.currency ORDER BY amount_minor DESC, f.release_id, s.currency LIMIT %(limit)s
"""


def earned_from_others(creator: Creator, *, limit: int = 12) -> list[tuple[Release, Derived]]:
    """This will list what works of others earned a creator, the most first: two queries."""
    with connection.cursor() as found:
        found.execute(_DERIVED, {"creator": creator.pk, "limit": limit})
        rows = [Derived(*row) for row in found.fetchall()]
    releases = Release.objects.select_related("pack__creator").in_bulk([row.release_id for row in rows])
    return [(releases[row.release_id], row) for row in rows]


def offers_of(releases: Iterable[Release], now: datetime) -> dict[UUID, list[Offer]]:
    """This will list all offers of releases, withdrawn ones too: release → offers, cheapest first; three queries.

    Each has `.now`, the price that counts.
    """
    rows = with_prices(Offer.objects.filter(release__in=list(releases)).select_related("terms", "withdrawal"), now)
    found: dict[UUID, list[Offer]] = {}
    for row in sorted(rows, key=lambda one: (one.currency, one.now.price_minor, str(one.pk))):  # type: ignore[attr-defined]
        found.setdefault(row.release_id, []).append(row)
    return found


def own_shares(creator: Creator, releases: Iterable[Release]) -> dict[str, int]:
    """This will tell a creator's share of the sales of releases, in one query: split → parts per billion."""
    splits = {release.split_id for release in releases}
    return dict(SplitShare.objects.filter(payee=creator, split__in=splits).values_list("split", "share_ppb"))


def granted(pack_ids: Iterable[UUID]) -> dict[UUID, int]:
    """This will count the licenses ever granted of packs, in one query."""
    rows = Grant.objects.filter(release__pack__in=list(pack_ids)).values_list("release__pack")
    return dict(rows.annotate(n=Count("pk")))


def pack_of(creator: Creator, handle: str, of: str = "") -> Pack | None:
    """This will find a pack that a creator owns, which may stand under another's name; to others it does not exist."""
    rows = Pack.objects.select_related("creator", "owner")
    return rows.filter(owner=creator, creator__handle=of or creator.handle, handle=handle).first()


def versions_of(pack: Pack) -> list[Release]:
    """This will list all versions of a pack, the highest first."""
    rows = pack.releases.select_related("pack__creator", "pack__owner")
    return sorted(rows, key=lambda row: catalog_rules.version_key(row.version), reverse=True)


def my_offer(creator: Creator, offer_id: UUID) -> Offer | None:
    """This will find an offer of a creator's own pack."""
    rows = Offer.objects.select_related("terms", "release__pack__creator", "release__pack__owner")
    return rows.filter(pk=offer_id, release__pack__owner=creator).first()


def earnings(creator: Creator, cursor: str = "", *, size: int = books.PAGE_LENGTH) -> tuple[list[Earned], str | None]:
    """This will list a creator's royalty lines with what was sold, newest first, and the cursor of the next page."""
    lines, after = books.lines_of(creator, cursor, limit=size)
    sold = _sold(line.source for line in lines)
    references = _references({line.payout_id for line in lines if line.payout_id})
    return [
        Earned(line, sold.get(line.source), references.get(line.payout_id, "") if line.payout_id else "")
        for line in lines
    ], after


def all_earnings(creator: Creator) -> Iterator[Earned]:
    """This will go through all royalty lines of a creator, newest first, a page in memory at a time."""
    cursor: str | None = ""
    while cursor is not None:
        rows, cursor = earnings(creator, cursor, size=CSV_PAGE)
        yield from rows


def _sold(sources: Iterable[str]) -> dict[str, OrderLine]:
    """Finds the order lines that sources name, also with a number behind: parts of what was paid ahead.

    A source of another kind has none.
    """
    keys = {source: UUID(source.split(":")[1]) for source in sources if source.startswith(_SOURCE)}
    rows = OrderLine.objects.select_related("offer__terms", "offer__release__pack__creator").in_bulk(keys.values())
    return {source: rows[key] for source, key in keys.items() if key in rows}


def _references(payouts: Iterable[UUID]) -> dict[UUID, str]:
    rows = PayoutOutcome.objects.filter(payout__in=list(payouts)).order_by("id").values_list("payout", "reference")
    return dict(rows)


def entries_of(creator: Creator) -> Iterator[bytes]:
    """This will write the ledger's entries about a creator's splits, releases and offers, a line of JSON each.

    `entry` is the exact text whose SHA-256, after a zero byte, is the leaf; `index` its place in the log, null until
    it is sealed (docs/formats/ledger-entry.md).
    """
    releases: Sequence[Release] = list(Release.objects.filter(pack__owner=creator).only("digest", "split_id"))
    subjects = [f"release:{row.digest}" for row in releases] + [f"split:{row.split_id}" for row in releases]
    offers = Offer.objects.filter(release__in=releases).values_list("pk", flat=True)
    subjects += [f"offer:{offer}" for offer in offers]
    rows = Entry.objects.filter(subject__in=subjects).select_related("leaf").order_by("id")
    for row in rows.iterator(chunk_size=500):
        leaf: Any = getattr(row, "leaf", None)
        said: dict[str, object] = {
            "type": row.type,
            "subject": row.subject,
            "stated_at": row.stated_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "digest": row.digest,
            "index": leaf.index if leaf else None,
            "entry": bytes(row.body).decode(),
        }
        yield orjson.dumps(said) + b"\n"
