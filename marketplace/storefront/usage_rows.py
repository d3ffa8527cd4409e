"""What uses cost, as CSV: a month's charges line by line, and each use of a charge."""

from collections.abc import Iterable, Iterator
from datetime import date

from marketplace.checkout import charge_queries
from marketplace.checkout.charges import UsageCharge
from marketplace.compositions.usage.queries import outputs_of
from marketplace.payouts.rules import format_amount
from marketplace.people.models import Studio
from marketplace.ui.sheets import lines_of, moment_cell

PAGE = 200
CHARGES = (
    *("month", "charge", "studio", "project", "license", "pack", "version", "terms", "unit", "uses", "counted"),
    *("unit_price", "used", "at_least", "at_most", "charged", "line", "line_pack", "line_amount", "line_fee"),
    *("line_state", "currency"),
)
USES = ("received_at", "made_at", "nonce", "recipe", "title", "unit", "counted", "known_by", "outputs")


def charge_lines(studios: Iterable[Studio], month: date) -> Iterator[str]:
    """This will write the charges of a month, a line of the file for each line of a charge."""
    return lines_of(CHARGES, _charges(list(studios), month))


def _charges(studios: list[Studio], month: date) -> Iterator[list[object]]:
    after: str | None = ""
    while after is not None:
        found, after = charge_queries.charges_of(studios, month, after=after, size=PAGE)
        states = charge_queries.states_of(line for charge in found for line in charge.lines.all())
        for charge in found:
            head = _head(charge)
            for line in charge.lines.all():
                amounts = (_amount(line.amount_minor, charge), _amount(line.fee_minor, charge))
                yield [*head, line.kind, line.release, *amounts, states[line.pk], charge.currency]


def _head(charge: UsageCharge) -> list[object]:
    grant, price = charge.grant, charge.price
    return [
        *(f"{charge.month:%Y-%m}", charge.pk, grant.studio.name, grant.project.name if grant.project else ""),
        *(grant.pk, grant.release.pack, grant.release.version, grant.terms.name, charge.unit),
        *(charge.events, charge.quantity, _amount(charge.unit_minor, charge), _amount(charge.used_minor, charge)),
        *(_limit(price.month_minimum_minor, charge), _limit(price.month_cap_minor, charge)),
        _amount(charge.amount_minor, charge),
    ]


def _amount(minor: int, charge: UsageCharge) -> str:
    return format_amount(minor, charge.currency)


def _limit(minor: int | None, charge: UsageCharge) -> str:
    return _amount(minor, charge) if minor else ""


def use_lines(charge: UsageCharge) -> Iterator[str]:
    """This will write each use of a charge, the newest first; the digests of its outputs stand in one cell."""
    return lines_of(USES, _uses(charge))


def _uses(charge: UsageCharge) -> Iterator[list[object]]:
    after: str | None = ""
    while after is not None:
        found, after = charge_queries.uses_in(charge, after=after, size=PAGE)
        for use in found:
            yield [
                *(moment_cell(use.received_at), moment_cell(use.happened_at), use.nonce, use.lock_id, use.lock.title),
                *(charge.unit, use.counts.get(charge.unit, 0), use.batch.source, " ".join(outputs_of(use))),
            ]
