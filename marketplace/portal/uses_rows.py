"""What uses earn a creator, as CSV: the works of a month, and each use."""

from collections.abc import Iterator, Mapping
from datetime import date
from uuid import UUID

from marketplace.catalog.models import Release
from marketplace.checkout import charge_queries
from marketplace.payouts.rules import format_amount
from marketplace.people.models import Creator
from marketplace.ui.formats import choose_title
from marketplace.ui.sheets import lines_of, moment_cell

PAGE = 200
WORKS = (
    *("month", "pack", "version", "title", "sold_as", "licenses", "unit", "counted", "price", "fee", "you_earn"),
    "currency",
)
USES = ("received_at", "packs", "recipe", "studio", "counted", "earns_about")
RECIPE_SHOWN = 8
"""How much of a recipe's id is told: whose lock it is, is the studio's own matter."""


def releases_of(creator: Creator, month: date) -> tuple[list[charge_queries.Earned], Mapping[UUID, Release]]:
    """This will find what a month earns a creator, and the releases that it is of."""
    rows = charge_queries.earned_in(creator, month)
    related = Release.objects.select_related("pack__creator").defer("manifest")
    return rows, related.in_bulk({row.release_id for row in rows})


def work_lines(creator: Creator, month: date) -> Iterator[str]:
    """This will write what the uses of a month earn, work by work."""
    rows, releases = releases_of(creator, month)
    return lines_of(WORKS, (_work(month, row, releases[row.release_id]) for row in rows))


def _work(month: date, row: charge_queries.Earned, release: Release) -> list[object]:
    amounts = (format_amount(minor, row.currency) for minor in (row.amount_minor, row.fee_minor, row.earned_minor))
    return [
        *(f"{month:%Y-%m}", release.pack, release.version, choose_title(release.title, language="en")[0]),
        *(row.kind, row.charges, row.unit, row.quantity, *amounts, row.currency),
    ]


def use_lines(creator: Creator, month: date) -> Iterator[str]:
    """This will write each use in a month of recipes with works of a creator, the newest first."""
    return lines_of(USES, _uses(creator, month))


def _uses(creator: Creator, month: date) -> Iterator[list[object]]:
    after: str | None = ""
    while after is not None:
        seen, after = charge_queries.uses_seen(creator, month, after=after, size=PAGE)
        for one in seen:
            use, packs = one.event, dict.fromkeys(str(pack.release) for pack in one.packs)
            about = (f"{format_amount(minor, currency)} {currency}" for currency, minor in sorted(one.about.items()))
            yield [
                *(moment_cell(use.received_at), " ".join(packs), use.lock_id[:RECIPE_SHOWN]),
                *(use.studio.name, " ".join(f"{n} {unit}" for unit, n in sorted(use.counts.items())), " ".join(about)),
            ]
