"""A year's totals in the fields that tax offices ask for: DAC7 and Form 1099-K, a row a creator and currency.

The rows say what is reportable and why; whoever reports decides. docs/formats/year-totals.md has every column.
"""

from collections.abc import Iterable, Iterator, Sequence

from django.conf import settings

from marketplace.payouts.rules import format_amount
from marketplace.payouts.tax_rules import EU, TaxPerson
from marketplace.payouts.year_queries import Year, tax_details, years_of
from marketplace.people.models import Creator

QUARTERS = ((1, 2, 3), (4, 5, 6), (7, 8, 9), (10, 11, 12))
FORMS = ("dac7", "1099-k")

_WHO = ("creator", "handle", "kind", "legal_name", "street", "city", "postal_code", "region", "country")
DAC7_COLUMNS = (
    *_WHO,
    *("tins", "vat_id", "registration", "birth_date", "birth_place", "account", "account_holder", "currency"),
    *(f"{name}_q{q}" for q in (1, 2, 3, 4) for name in ("consideration", "activities", "fees", "taxes", "taken_back")),
    *("consideration", "activities", "fees", "taxes", "taken_back", "awarded", "reportable", "why"),
)
K1099_COLUMNS = (
    *_WHO,
    *("tin", "account", "currency", "box_1a_gross", "box_1b_card_not_present", "box_2_merchant_category"),
    *("box_3_transactions", "box_4_withheld"),
    *(f"box_5{letter}_month_{month}" for month, letter in enumerate("abcdefghijkl", 1)),
    *("taken_back", "reportable", "why"),
)


def columns_of(form: str) -> Sequence[str]:
    """Return the names of a form's columns."""
    return DAC7_COLUMNS if form == "dac7" else K1099_COLUMNS


def rows_of(form: str, year: int) -> Iterator[list[str]]:
    """Return the rows of a form for a calendar year in UTC, by handle and currency; raises UnableToUnseal."""
    years = years_of(year)
    creators = Creator.objects.in_bulk({one.creator_id for one in years})
    people = tax_details(creators)
    for one in sorted(years, key=lambda one: (creators[one.creator_id].handle, one.currency)):
        creator, person = creators[one.creator_id], people.get(one.creator_id)
        yield _dac7(creator, person, one) if form == "dac7" else _k1099(creator, person, one)


def _who(creator: Creator, person: TaxPerson | None) -> list[str]:
    names = ("kind", "legal_name", "street", "city", "postal_code", "region", "country")
    return [str(creator.pk), creator.handle, *(getattr(person, name) if person else "" for name in names)]


def _amounts(year: Year, amounts: Iterable[int]) -> list[str]:
    return [format_amount(amount_minor, year.currency) for amount_minor in amounts]


def _dac7(creator: Creator, person: TaxPerson | None, year: Year) -> list[str]:
    """Directive (EU) 2021/514, Annex V, Section III B: consideration by quarter, net of fees, commissions and taxes."""
    cells = _who(creator, person)
    numbers = "; ".join(f"{one.country} {one.number}" for one in person.numbers) if person else ""
    names = ("vat_id", "registration", "birth_date", "birth_place", "account", "account_holder")
    cells += [numbers, *(getattr(person, name) if person else "" for name in names), year.currency]
    for months in (*QUARTERS, tuple(range(1, 13))):
        part = year.of(months)
        consideration, fees, back = _amounts(
            year,
            (
                part.credited_minor + part.awarded_minor - part.reversed_minor,
                part.fee_minor - part.reversed_fee_minor,
                part.reversed_minor,
            ),
        )
        cells += [consideration, str(part.sales), fees, *_amounts(year, [0]), back]
    awarded = year.of(tuple(range(1, 13))).awarded_minor
    return [*cells, *_amounts(year, [awarded]), *_dac7_verdict(person)]


def _dac7_verdict(person: TaxPerson | None) -> tuple[str, str]:
    if person is None:
        return "unknown", "the creator has told no tax details"
    resident = {person.country, *(number.country for number in person.numbers)} & EU
    if not resident:
        return "no", "resident in no member state of the European Union"
    where = ", ".join(sorted(resident))
    return settings.DAC7_ACTIVITY, f"resident in {where}; WORLDLOOM_DAC7_ACTIVITY says whether licensing is reported"


def _k1099(creator: Creator, person: TaxPerson | None, year: Year) -> list[str]:
    """IRS Form 1099-K: gross amounts by month, which neither fees nor refunds reduce; no card was present."""
    whole = year.of(tuple(range(1, 13)))
    numbers = [number.number for number in person.numbers if number.country == "US"] if person else []
    gross = _amounts(year, [whole.gross_minor])[0]
    months = _amounts(year, (year.of((month,)).gross_minor for month in range(1, 13)))
    return [
        *_who(creator, person),
        *(numbers[0] if numbers else "", person.account if person else "", year.currency),
        *(gross, gross, settings.TAX_MERCHANT_CATEGORY, str(whole.sales), *_amounts(year, [0])),
        *months,
        *_amounts(year, [whole.reversed_minor + whole.reversed_fee_minor]),
        *_k1099_verdict(person, year, whole.gross_minor, whole.sales),
    ]


def _k1099_verdict(person: TaxPerson | None, year: Year, gross_minor: int, sales: int) -> tuple[str, str]:
    most_minor, most_sales = settings.TAX_1099K_GROSS_MINOR, settings.TAX_1099K_SALES
    if person is None:
        return "unknown", "the creator has told no tax details"
    if "US" not in {person.country, *(number.country for number in person.numbers)}:
        return "no", "not a US person by what the creator told"
    if year.currency != "USD":
        return "no", "not in US dollars: convert it, and add it to the row in USD"
    if gross_minor <= most_minor or sales <= most_sales:
        most = format_amount(most_minor, "USD")
        return "no", f"not more than {most} USD and {most_sales} transactions: both must be passed"
    return "yes", "more than both thresholds"
