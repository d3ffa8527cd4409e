"""A year's totals as the operator's desk shows them: the figures of the forms, and whether they are reportable."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from django.conf import settings
from django.db.models import Min
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from marketplace.payouts.models import RoyaltyRun
from marketplace.payouts.rules import format_amount, parse_amount
from marketplace.payouts.year_forms import columns_of, rows_of
from marketplace.ui.formats import Names, say

FORM_NAMES: Names = {"dac7": gettext_lazy("DAC7"), "1099-k": gettext_lazy("Form 1099-K")}
REPORTABLE: Names = {
    "yes": gettext_lazy("Reportable"),
    "no": gettext_lazy("Not reportable"),
    "undecided": gettext_lazy("Undecided"),
    "unknown": gettext_lazy("Unknown"),
}
TONES = {"yes": "accent", "undecided": "warn", "unknown": "warn"}
FIGURES: dict[str, Sequence[tuple[str, object]]] = {
    "dac7": (
        ("consideration", gettext_lazy("Consideration")),
        ("fees", gettext_lazy("Fees")),
        ("taken_back", pgettext_lazy("money", "Taken back")),
        ("awarded", gettext_lazy("Awarded by claims")),
    ),
    "1099-k": (
        ("box_1a_gross", gettext_lazy("Gross")),
        ("taken_back", pgettext_lazy("money", "Taken back")),
    ),
}
"""Form → the columns that are amounts, as a page shows them: what a whole year came to."""

_SALES = {"dac7": "activities", "1099-k": "box_3_transactions"}
_WHYS: Names = {
    "the creator has told no tax details": gettext_lazy("No tax details were told."),
    "resident in no member state of the European Union": gettext_lazy("Not resident in the European Union."),
    "not a US person by what the creator told": gettext_lazy("Not a US person by what was told."),
    "not in US dollars: convert it, and add it to the row in USD": gettext_lazy(
        "Not in US dollars: convert it, and add it to the row in USD."
    ),
    "more than both thresholds": gettext_lazy("More than both thresholds."),
}


@dataclass(frozen=True, slots=True)
class YearRow:
    """What a creator's year came to in one currency; `figures` are (what it is, minor units) as in `FIGURES`."""

    handle: str
    legal_name: str
    country: str
    currency: str
    sales: int
    figures: Sequence[tuple[object, int]]
    reportable: str
    why: str

    @property
    def verdict(self) -> str:
        """Whether it is to be reported, in words."""
        return say(REPORTABLE, self.reportable)

    @property
    def tone(self) -> str:
        """How the verdict looks."""
        return TONES.get(self.reportable, "")


def years_with_royalties(now: datetime) -> list[int]:
    """Return the years in UTC since the first royalty, the newest first; at least the running one."""
    first = RoyaltyRun.objects.aggregate(at=Min("ran_at"))["at"]
    oldest = min(first.astimezone(UTC).year, now.year) if first else now.year
    return list(range(now.year, oldest - 1, -1))


def year_rows(form: str, year: int, *, limit: int) -> list[YearRow]:
    """Return the first rows of a form for a page, by handle and currency; raises UnableToUnseal.

    Tax numbers, addresses and accounts are in the file alone.
    """
    names = columns_of(form)
    return [_row(form, dict(zip(names, cells, strict=True))) for cells in islice(rows_of(form, year), limit)]


def _row(form: str, cells: dict[str, str]) -> YearRow:
    currency = cells["currency"]
    return YearRow(
        handle=cells["handle"],
        legal_name=cells["legal_name"],
        country=cells["country"],
        currency=currency,
        sales=int(cells[_SALES[form]]),
        figures=[(label, _minor(cells[name], currency)) for name, label in FIGURES[form]],
        reportable=cells["reportable"],
        why=why_text(form, cells),
    )


def _minor(text: str, currency: str) -> int:
    return -parse_amount(text[1:], currency) if text.startswith("-") else parse_amount(text, currency)


def why_text(form: str, cells: dict[str, str]) -> str:
    """This will say in the visitor's language why a row is reportable or not."""
    if cells["why"] in _WHYS:
        return say(_WHYS, cells["why"])
    if form == "dac7":
        return _("Resident in the European Union; WORLDLOOM_DAC7_ACTIVITY says whether licensing is reported.")
    most = format_amount(settings.TAX_1099K_GROSS_MINOR, "USD")
    return _("Not more than %(most)s USD and %(sales)s transactions: both must be passed.") % {
        "most": most,
        "sales": settings.TAX_1099K_SALES,
    }
