"""The rows of the desk's page on reconciliation: the sets of what does not agree, filtered, with ages."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from marketplace.checkout.reconciling import rules
from marketplace.checkout.reconciling.equating import Look
from marketplace.checkout.reconciling.reading import sums
from marketplace.checkout.reconciling.rules import ALONE
from marketplace.checkout.reconciling.tables import DailyEquation, Reconciliation

SETS = ("ours", "theirs", "differs", "suspense")


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that does not agree: `number` is the line's where there is one, `line` the order line it is about."""

    set: str
    kind: str
    currency: str
    amount_minor: int
    at: datetime
    is_old: bool
    name: str
    source: str
    number: int | None = None
    order_line: UUID | None = None

    def days(self, now: datetime) -> int:
        """Return its age in whole days."""
        return max(0, (now - self.at).days)


def rows_of(found: Look, now: datetime) -> list[Row]:
    """Return all that does not agree, set by set, the oldest first in each."""
    rows = [
        Row("ours", one.kind, one.currency, one.amount_minor, one.at, one.is_old(now), one.key, one.source,
            order_line=order_line_in(one.source))
        for one in found.ours
    ]  # fmt: skip
    for one in found.opened:
        is_alone = one.state == ALONE
        rows.append(
            Row(
                "theirs" if is_alone else "differs",
                one.line.category,
                one.line.currency,
                one.net_minor if is_alone else one.off_minor,
                one.at,
                one.is_old(now) or not is_alone,
                one.line.line_id,
                one.line.source,
                one.line.number,
            )
        )
    rows += [
        Row("suspense", one.category, one.currency, one.amount_minor, one.at, True, one.line_id, one.source, one.number)
        for one in found.suspended
    ]
    return sorted(rows, key=lambda row: (SETS.index(row.set), row.at, row.name))


def order_line_in(source: str) -> UUID | None:
    """Return the order line that a source of the books names, where it names one."""
    kind, _, rest = source.partition(":")
    if kind != "order-line":
        return None
    try:
        return UUID(rest.split(":")[0])
    except ValueError:
        return None


def counted(rows: Sequence[Row]) -> dict[str, dict[str, tuple[int, int]]]:
    """Return set → currency → how many, and their sum."""
    return {name: sums((row.currency, row.amount_minor) for row in rows if row.set == name) for name in SETS}


def chosen(rows: Iterable[Row], *, name: str, currency: str, kind: str, old: bool) -> list[Row]:
    """Return the rows of a set that a filter leaves; what is empty filters nothing."""
    return [
        row
        for row in rows
        if row.set == name and currency in ("", row.currency) and kind in ("", row.kind) and (row.is_old or not old)
    ]


def newest_equations() -> list[DailyEquation]:
    """Return the equations of the newest reconciliation, one a currency."""
    newest = Reconciliation.objects.order_by("-pk").first()
    return list(newest.equations.select_related("reconciliation").order_by("currency")) if newest else []


def history(limit: int) -> list[DailyEquation]:
    """Return the last equation of each day and currency, the newest first."""
    latest = DailyEquation.objects.order_by("-day", "currency", "-reconciliation_id").distinct("day", "currency")
    return list(latest.select_related("reconciliation")[:limit])


def is_understood(category: str) -> bool:
    """Tell whether a category of lines has a meaning here."""
    return category in rules.CATEGORIES
