"""Shares and amounts of money in whole numbers: what is divided adds up again to the unit."""

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import Any, Protocol, TypeVar

import rfc8785

from marketplace.payouts.currencies import CURRENCIES as CURRENCIES
from marketplace.ui.words import Values, Words
from marketplace.ui.words import gettext_noop as _

WHOLE_PPB = 1_000_000_000
"""The whole of anything that is shared, in parts per billion."""

MAX_PAYEES = 256
"""The most payees that one split may name; a longer one is refused, never cut."""

MAX_AMOUNT_MINOR = 2**63 - 1
"""The largest amount that the books can hold (a PostgreSQL bigint)."""

SPLIT_FORMAT = "worldloom/split/1"


class SortablePayee(Hashable, Protocol):
    """Who is paid: anything with an order of its own, such as a creator's UUID."""

    def __lt__(self, other: Any, /) -> bool: ...


P = TypeVar("P", bound=SortablePayee)
K = TypeVar("K")


class UnknownCurrency(Exception):
    """The currency is not one that we sell in."""

    code = "unknown-currency"
    template = _("“%(currency)s” is not a currency we sell in; use one of %(currencies)s.")

    def __init__(self, currency: str) -> None:
        self.currency = currency
        self.values: Values = {"currency": currency, "currencies": ", ".join(CURRENCIES)}
        super().__init__(self.template % self.values)


class UnreadableAmount(Exception):
    """A text is not an amount of money in its currency."""

    code = "unreadable-amount"
    template = _("The amount “%(amount)s” %(currency)s cannot be read: %(why)s.")

    def __init__(self, text: str, currency: str, why: Words) -> None:
        self.text, self.currency, self.why = text, currency, why
        self.values: Values = {"amount": text, "currency": currency, "why": why}
        super().__init__(self.template % self.values)


class AmountBelowZero(Exception):
    """Only amounts of zero or more are divided; a dispute takes back whole lines instead."""

    code = "amount-below-zero"
    template = _("An amount of %(amount)s minor units cannot be divided; give zero or more.")

    def __init__(self, amount_minor: int) -> None:
        self.amount_minor = amount_minor
        self.values: Values = {"amount": amount_minor}
        super().__init__(self.template % self.values)


class ShareOutOfRange(Exception):
    """One share is not between 1 and the whole."""

    code = "share-out-of-range"
    template = _("The share of %(payee)s is %(share)s ppb; give a whole number from 1 to %(whole)s.")

    def __init__(self, payee: object, share_ppb: object) -> None:
        self.payee, self.share_ppb = payee, share_ppb
        shown = payee if isinstance(payee, Words) else str(payee)
        self.values: Values = {"payee": shown, "share": str(share_ppb), "whole": WHOLE_PPB}
        super().__init__(self.template % self.values)


class SharesDoNotSum(Exception):
    """Shares do not add up to the whole."""

    code = "shares-do-not-sum"
    template = _("The shares add up to %(sum)s ppb; they must add up to exactly %(whole)s.")

    def __init__(self, sum_ppb: int) -> None:
        self.sum_ppb = sum_ppb
        self.values: Values = {"sum": sum_ppb, "whole": WHOLE_PPB}
        super().__init__(self.template % self.values)


class ParentsTakeTooMuch(Exception):
    """The works that a release is derived from ask for more than the whole."""

    code = "parents-take-too-much"
    template = _("The works this one is derived from take %(sum)s ppb together; the most is %(whole)s.")

    def __init__(self, sum_ppb: int) -> None:
        self.sum_ppb = sum_ppb
        self.values: Values = {"sum": sum_ppb, "whole": WHOLE_PPB}
        super().__init__(self.template % self.values)


class DuplicatePayee(Exception):
    """One payee is named twice in the same split."""

    code = "duplicate-payee"
    template = _("The payee %(payee)s is named twice; add the shares together and name each payee once.")

    def __init__(self, payee: object) -> None:
        self.payee = payee
        self.values: Values = {"payee": str(payee)}
        super().__init__(self.template % self.values)


class TooManyPayees(Exception):
    """A split would name more payees than a split may."""

    code = "too-many-payees"
    template = _("The split would name %(count)s payees; %(limit)s is the most that one split may name.")

    def __init__(self, count: int) -> None:
        self.count, self.limit = count, MAX_PAYEES
        self.values: Values = {"count": count, "limit": MAX_PAYEES}
        super().__init__(self.template % self.values)


def exponent_of(currency: str) -> int:
    """Return how many digits the currency has after the point (ISO 4217), or raise UnknownCurrency."""
    try:
        return CURRENCIES[currency]
    except KeyError:
        raise UnknownCurrency(currency) from None


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units (cents, yen, fils) of one currency we sell in; never a fraction of a unit."""

    amount_minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.amount_minor) is not int:
            raise TypeError(f"Money counts minor units with an int, not {type(self.amount_minor).__name__}.")
        exponent_of(self.currency)

    def __str__(self) -> str:
        return f"{format_amount(self.amount_minor, self.currency)} {self.currency}"


_AMOUNT = re.compile(r"(0|[1-9][0-9]*)(?:\.([0-9]+))?")


def parse_amount(text: str, currency: str) -> int:
    """Return the minor units in a decimal text such as "12.00", "12.5" or "12".

    ASCII digits and one point at most; no sign, no grouping, no digit beyond the currency's last. Raises
    UnreadableAmount for anything else, or UnknownCurrency.
    """
    exponent = exponent_of(currency)
    if not isinstance(text, str):
        raise UnreadableAmount(repr(text), currency, Words(_('write it as text, such as "12.00"')))
    match = _AMOUNT.fullmatch(text)
    if match is None:
        why = Words(_('write digits with at most one point, such as "12.00"'))
        raise UnreadableAmount(text, currency, why)
    units, fraction = match.group(1), match.group(2) or ""
    if len(fraction) > exponent:
        template = _("%(currency)s has %(digits)s digits after the point and %(given)s are given")
        values: Values = {"currency": currency, "digits": exponent, "given": len(fraction)}
        raise UnreadableAmount(text, currency, Words(template, values))
    if len(units) > 19:  # before int(): a text of a million digits is refused without being converted
        raise UnreadableAmount(text, currency, Words(_("it is larger than the books can hold")))
    amount_minor = int(units + fraction.ljust(exponent, "0"))
    if amount_minor > MAX_AMOUNT_MINOR:
        raise UnreadableAmount(text, currency, Words(_("it is larger than the books can hold")))
    return amount_minor


def format_amount(amount_minor: int, currency: str) -> str:
    """Return the amount with all of the currency's digits, "12.00", as `parse_amount` reads it."""
    exponent = exponent_of(currency)
    sign = "-" if amount_minor < 0 else ""
    digits = str(abs(amount_minor)).rjust(exponent + 1, "0")
    return f"{sign}{digits[:-exponent]}.{digits[-exponent:]}" if exponent else f"{sign}{digits}"


def largest_remainder(amount: int, weights: Sequence[int]) -> list[int]:
    """Divide the amount by weight into parts that sum to it.

    Every part is rounded down; the units that are left go one each to the parts with the largest remainders
    and, between equal remainders, to the one that stands first.
    """
    whole = sum(weights)
    parts: list[int] = []
    rests: list[int] = []
    for weight in weights:
        part, rest = divmod(amount * weight, whole)
        parts.append(part)
        rests.append(rest)
    left = amount - sum(parts)
    for index in sorted(range(len(parts)), key=lambda i: (-rests[i], i))[:left]:
        parts[index] += 1
    return parts


def check_shares(shares: Sequence[tuple[P, int]]) -> tuple[tuple[P, int], ...]:
    """Return the shares in payee order, or raise what keeps them from being a split."""
    ordered = tuple(sorted(shares, key=lambda share: share[0]))
    for (payee, _mine), (following, _theirs) in pairwise(ordered):
        if payee == following:
            raise DuplicatePayee(payee)
    for payee, share_ppb in ordered:
        if type(share_ppb) is not int or not 1 <= share_ppb <= WHOLE_PPB:
            raise ShareOutOfRange(payee, share_ppb)
    if (sum_ppb := sum(share_ppb for _, share_ppb in ordered)) != WHOLE_PPB:
        raise SharesDoNotSum(sum_ppb)
    if len(ordered) > MAX_PAYEES:
        raise TooManyPayees(len(ordered))
    return ordered


def allocate(amount_minor: int, shares: Sequence[tuple[P, int]]) -> list[tuple[P, int]]:
    """Divide an amount of any size by a split; return (payee, part) in payee order, parts of zero included.

    Every part is the exact share rounded down; the units that are left go one each to the payees with the
    largest remainders, ties to the payee who sorts first. The parts sum to the amount, and none is a whole
    unit off.
    """
    if amount_minor < 0:
        raise AmountBelowZero(amount_minor)
    ordered = check_shares(shares)
    parts = largest_remainder(amount_minor, [share_ppb for _, share_ppb in ordered])
    return [(payee, part) for (payee, _), part in zip(ordered, parts, strict=True)]


def fold_split(
    own: Mapping[P, int], parents: Sequence[tuple[int, Sequence[tuple[P, int]]]]
) -> tuple[tuple[P, int], ...]:
    """Return the split of a derived work in payee order: its makers' shares folded with its parents' splits.

    `own` is payee → ppb, summing to the whole; `parents` are (share of this work in ppb, the parent's split).
    Makers divide what the parents leave; where the parents take the whole, `own` may be empty. Integers
    throughout: the parts per billion that are left after rounding down go to the largest remainders, ties to
    the payee who sorts first, and a payee whose share comes to zero is dropped. The result sums to exactly
    WHOLE_PPB.
    """
    for share_ppb, _split in parents:
        if type(share_ppb) is not int or not 1 <= share_ppb <= WHOLE_PPB:
            raise ShareOutOfRange(Words(_("a work this one is derived from")), share_ppb)
    taken_ppb = sum(share_ppb for share_ppb, _split in parents)
    if taken_ppb > WHOLE_PPB:
        raise ParentsTakeTooMuch(taken_ppb)
    numerators: dict[P, int] = {}  # over WHOLE_PPB squared
    kept_ppb = WHOLE_PPB - taken_ppb
    makers = check_shares(tuple(own.items())) if own or kept_ppb else ()
    for part_ppb, shares in ((kept_ppb, makers), *((ppb, check_shares(shares)) for ppb, shares in parents)):
        for payee, share_ppb in shares:
            numerators[payee] = numerators.get(payee, 0) + part_ppb * share_ppb
    payees = sorted(numerators)
    parts = largest_remainder(WHOLE_PPB, [numerators[payee] for payee in payees])
    folded = tuple((payee, part) for payee, part in zip(payees, parts, strict=True) if part)
    if len(folded) > MAX_PAYEES:
        raise TooManyPayees(len(folded))
    return folded


def split_document(shares: Sequence[tuple[P, int]]) -> dict[str, Any]:
    """Return the public document of a split (docs/formats/split.md); payees are text, in their order."""
    return {
        "format": SPLIT_FORMAT,
        "shares": [{"payee": str(payee), "share_ppb": ppb} for payee, ppb in check_shares(shares)],
    }


def split_digest(shares: Sequence[tuple[P, int]]) -> str:
    """Return the name of a split: SHA-256, in hex, of its document's RFC 8785 bytes."""
    return sha256(rfc8785.dumps(split_document(shares))).hexdigest()


def latest(lots: Sequence[tuple[K, int]], there_minor: int) -> list[tuple[K, int]]:
    """Return what is left of lots, in their order, when only this much of their sum is: the first were used first.

    The parts sum to `there_minor`, or to all that the lots are where that is less.
    """
    used_minor = max(0, sum(amount_minor for _, amount_minor in lots) - there_minor)
    left = []
    for key, amount_minor in lots:
        taken_minor = min(used_minor, amount_minor)
        used_minor -= taken_minor
        if amount_minor > taken_minor:
            left.append((key, amount_minor - taken_minor))
    return left
