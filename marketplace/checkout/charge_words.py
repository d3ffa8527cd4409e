"""What a line of a charge is for, in words: nothing here writes."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from marketplace.catalog.models import Release
from marketplace.checkout.charges import UsageCharge, UsageChargeLine
from marketplace.compositions.compositions import facts_of
from marketplace.licensing.months import limits_of
from marketplace.licensing.pricing import money
from marketplace.ui.words import Values, Words, Written
from marketplace.ui.words import gettext_noop as _


class Fee(NamedTuple):
    """What a composition's contract gives a release, by its digest, for each unit, in minor units of a currency."""

    release: str
    unit: str
    currency: str
    fee_minor: int

    def is_for(self, charge: UsageCharge) -> bool:
        """Whether it is paid out of a charge; where no unit is named, it is for each."""
        return self.currency == charge.currency and self.unit in ("", charge.unit)


def contract_fees(releases: Iterable[Release | UUID]) -> dict[UUID, list[Fee]]:
    """This will read the contract fees of compositions, in their order; one query, and others have none."""
    return {key: _fees(facts) for key, facts in facts_of(releases).items()}


def _fees(facts: Mapping[str, Any]) -> list[Fee]:
    return [
        Fee(
            str(one["release"]),
            str(facts.get("unit") or ""),
            str(one.get("currency") or facts.get("currency")),
            int(one["amount_minor"]),
        )
        for one in facts.get("fees") or ()
    ]


def explained(line: UsageChargeLine, fees: Mapping[UUID, list[Fee]]) -> list[Words]:
    """This will say what a line of a charge is for; the charge has its `price` and its grant's release.

    `fees` are those that `contract_fees` gives for the charge's release.
    """
    charge = line.charge
    said: Values = {
        "month": Written("month", f"{charge.month:%Y-%m}"),
        "quantity": Written("number", charge.quantity),
        "unit": charge.unit,
        "price": money(charge.unit_minor, charge.currency),
    }
    if line.kind == UsageChargeLine.CONTRACT:
        return _contract(line, said, fees)
    used = Words(_("%(quantity)s × %(price)s for %(unit)s in %(month)s"), said)
    limits = [words for words in limits_of(charge.price).said(charge.currency) if _counts(charge)]
    if line.kind == UsageChargeLine.POOL:
        amount = {"amount": money(charge.amount_minor, charge.currency)}
        rest = Words(_("What contracts leave of %(amount)s, shared out by the split of the composition"), amount)
        return [used, *limits, rest]
    return [used, *limits]


def _counts(charge: UsageCharge) -> bool:
    return charge.amount_minor != charge.used_minor


def _contract(line: UsageChargeLine, said: Values, fees: Mapping[UUID, list[Fee]]) -> list[Words]:
    charge = line.charge
    mine = [fee for fee in fees.get(charge.grant.release_id, []) if fee.is_for(charge)]
    fee_minor = mine[line.position].fee_minor if line.position < len(mine) else 0
    values: Values = {**said, "price": money(fee_minor, charge.currency)}
    used = Words(_("By contract %(quantity)s × %(price)s for %(unit)s in %(month)s"), values)
    if fee_minor * charge.quantity == line.amount_minor:
        return [used]
    amount = {"amount": money(charge.amount_minor, charge.currency)}
    return [used, Words(_("Its part of %(amount)s, which is less than all contracts come to"), amount)]
