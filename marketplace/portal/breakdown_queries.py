"""What a creator earned, by pack, by license, or by works that others made from theirs; nothing here writes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection

from marketplace.catalog.models import Pack, Release
from marketplace.people.models import Creator

WAYS = ("pack", "license", "derived")
"""How earnings can be parted."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one pack, license or derived work earned a creator in one currency, in minor units.

    `gross_minor` and `fee_minor` are of the sales as they were made, `earned_minor` is the creator's part of their
    net, and `reversed_minor` what refunds, disputes and takedowns have taken of that and not given back. `key` is the
    pack's or the release's id, or the name of the terms; it is empty for what was sold outside the catalog.
    """

    key: str
    currency: str
    sales: int
    gross_minor: int
    fee_minor: int
    earned_minor: int
    reversed_minor: int

    @property
    def stands_minor(self) -> int:
        """What the creator has of it, or had before it was paid out."""
        return self.earned_minor - self.reversed_minor


@dataclass(frozen=True, slots=True)
class Span:
    """A month or a year in UTC, by the moment at which royalties were credited; all of time without a year."""

    year: int = 0
    month: int = 0

    @property
    def text(self) -> str:
        if not self.year:
            return "all"
        return f"{self.year:04}-{self.month:02}" if self.month else f"{self.year:04}"

    @property
    def bounds(self) -> tuple[datetime | None, datetime | None]:
        if not self.year:
            return None, None
        if not self.month:
            return datetime(self.year, 1, 1, tzinfo=UTC), datetime(self.year + 1, 1, 1, tzinfo=UTC)
        next_year, next_month = (self.year + 1, 1) if self.month == 12 else (self.year, self.month + 1)
        return datetime(self.year, self.month, 1, tzinfo=UTC), datetime(next_year, next_month, 1, tzinfo=UTC)


def span_in(text: str) -> Span:
    """Read "2026-11", "2026" or "all"; anything else is all of time."""
    year, _dash, month = text.partition("-")
    if not (year.isascii() and year.isdigit() and len(year) == 4 and year >= "1000" and year < "9999"):
        return Span()
    if not month:
        return Span(int(year))
    if month.isascii() and month.isdigit() and len(month) == 2 and 1 <= int(month) <= 12:
        return Span(int(year), int(month))
    return Span()


# A sale's subject names the release that was sold; what is billed for uses names the one that was used.
_LINES = """
WITH line AS (
    SELECT l.id, l.amount_minor, s.currency, s.gross_minor, s.fee_minor, s.source, s.subject,
           coalesce((SELECT sum(v.amount_minor) FROM payouts_reversal_line v WHERE v.line_id = l.id), 0)
           - coalesce((SELECT sum(b.amount_minor) FROM payouts_returned_line b WHERE b.line_id = l.id), 0)
               AS reversed_minor
      FROM payouts_lines_of(%(creator)s) l JOIN payouts_sale s ON s.id = l.sale_id
      JOIN payouts_royalty_run r ON r.id = l.run_id
     WHERE (%(begins)s::timestamptz IS NULL OR r.ran_at >= %(begins)s)
       AND (%(ends)s::timestamptz IS NULL OR r.ran_at < %(ends)s)
), sold AS (
    SELECT line.*, r.id AS release_id, r.pack_id, p.owner_id, coalesce(t.name, '') AS terms
      FROM line LEFT JOIN catalog_release r ON line.subject = 'release:' || r.digest
      LEFT JOIN catalog_pack p ON p.id = r.pack_id
      LEFT JOIN checkout_orderline o
             ON o.id = CASE WHEN line.source LIKE 'order-line:%%' THEN substr(line.source, 12, 36)::uuid END
      LEFT JOIN licensing_offer f ON f.id = o.offer_id LEFT JOIN licensing_termstext t ON t.digest = f.terms_id
)
"""

_SUMS = """
SELECT coalesce({key}::text, '') AS key, currency, count(*)::int AS sales, sum(gross_minor)::bigint AS gross_minor,
       sum(fee_minor)::bigint AS fee_minor, sum(amount_minor)::bigint AS earned_minor,
       sum(reversed_minor)::bigint AS reversed_minor
  FROM sold WHERE {which}
 GROUP BY 1, 2 ORDER BY sum(amount_minor - reversed_minor) DESC, 1, 2
"""
_WAYS = {
    "pack": ("pack_id", "true"),
    "license": ("terms", "true"),
    "derived": ("release_id", "owner_id <> %(creator)s"),
}


def parts_of(creator: Creator, way: str, span: Span) -> list[Part]:
    """Return the parts of what a creator earned in a span, what stands of most first; one query."""
    key, which = _WAYS[way]
    begins, ends = span.bounds
    with connection.cursor() as cursor:
        cursor.execute(_LINES + _SUMS.format(key=key, which=which), _params(creator, begins, ends))
        return [Part(*row) for row in cursor.fetchall()]


def _params(creator: Creator, begins: datetime | None, ends: datetime | None) -> dict[str, Any]:
    return {"creator": creator.pk, "begins": begins, "ends": ends}


# A creator's own releases above another's, by any number of steps; a parent is published first, so this ends.
_ROOTS = """
WITH RECURSIVE above AS (
    SELECT d.release_id AS work, d.parent_id, d.share_ppb, d.mode FROM catalog_derivation d
     WHERE d.release_id = ANY (%(works)s)
     UNION
    SELECT above.work, d.parent_id, NULL::bigint, d.mode
      FROM above JOIN catalog_derivation d ON d.release_id = above.parent_id
)
SELECT DISTINCT ON (above.work, r.id) above.work, r.id, above.share_ppb, above.mode
  FROM above JOIN catalog_release r ON r.id = above.parent_id JOIN catalog_pack p ON p.id = r.pack_id
 WHERE p.owner_id = %(creator)s ORDER BY above.work, r.id, above.share_ppb NULLS LAST
"""


@dataclass(frozen=True, slots=True)
class Root:
    """A creator's release that another's work was made from: directly, with its share in ppb, or further up."""

    release: Release
    share_ppb: int | None
    mode: str


def roots_of(creator: Creator, works: Iterable[UUID]) -> dict[UUID, list[Root]]:
    """Return work → the creator's releases that it was made from; two queries."""
    with connection.cursor() as cursor:
        cursor.execute(_ROOTS, {"works": list(works), "creator": creator.pk})
        rows: Sequence[tuple[UUID, UUID, int | None, str]] = cursor.fetchall()
    releases = Release.objects.select_related("pack__creator").in_bulk({row[1] for row in rows})
    found: dict[UUID, list[Root]] = {}
    for work, release_id, share_ppb, mode in rows:
        found.setdefault(work, []).append(Root(releases[release_id], share_ppb, mode))
    return found


def packs_named(keys: Iterable[str]) -> dict[str, Pack]:
    """Return key → pack, with its creator; one query."""
    rows = Pack.objects.select_related("creator").filter(pk__in=[key for key in keys if key])
    return {str(row.pk): row for row in rows}


def latest_of(packs: Iterable[Pack]) -> dict[str, Release]:
    """Return key of a pack → the release of it that was published last; one query."""
    rows = Release.objects.filter(pack__in=list(packs)).order_by("pack", "-published_at", "-id").distinct("pack")
    return {str(row.pack_id): row for row in rows}


def releases_named(keys: Iterable[str]) -> dict[str, Release]:
    """Return key → release, with its pack and creator; one query."""
    rows = Release.objects.select_related("pack__creator").filter(pk__in=[key for key in keys if key])
    return {str(row.pk): row for row in rows}


def years_with_earnings(creator: Creator) -> list[int]:
    """Return the years in UTC in which anything was credited to a creator, the latest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT extract(year FROM r.ran_at AT TIME ZONE 'UTC')::int AS year
              FROM payouts_account a JOIN payouts_posting p ON p.account_id = a.id
              JOIN payouts_royalty_run r ON r.transaction_id = p.transaction_id
             WHERE a.owner_id = %s AND a.kind = 'creator_pending'
             ORDER BY year DESC
            """,
            [creator.pk],
        )
        return [year for (year,) in cursor.fetchall()]
