"""Digests and commitments: what the log holds of who is licensed and at what price. And when a license holds."""

import hashlib
import hmac
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from uuid import UUID

import rfc8785

from marketplace.licensing.terms.model import Terms
from marketplace.ui.words import Values, Words
from marketplace.ui.words import gettext_noop as _

LICENSEE_FORMAT = "worldloom/licensee/1"
PRICE_FORMAT = "worldloom/price/1"

# RFC 8785 writes integers as IEEE 754 doubles can hold them; a price must be able to stand in a commitment.
PRICE_LIMIT_MINOR = 2**53 - 1

BACKDATED_AT_MOST = timedelta(days=1)
"""How long before its order a license may begin: it is today in some place for a day longer."""


def licensee_document(name: str, salt: str) -> bytes:
    """This will write who is licensed; the log holds only its SHA-256, so erasing the salt erases the name."""
    return rfc8785.dumps({"format": LICENSEE_FORMAT, "name": name, "salt": salt})


def price_document(price_minor: int, currency: str, salt: str) -> bytes:
    """This will write a price; the log holds only its SHA-256."""
    return rfc8785.dumps({"format": PRICE_FORMAT, "price_minor": price_minor, "currency": currency, "salt": salt})


def digest(data: bytes) -> str:
    """This will name bytes: SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def drawn(seed: bytes, *about: str) -> tuple[UUID, str]:
    """This will draw an offer's id and salt, 32 bytes in hex, by HMAC-SHA-256: always the same from the same seed."""

    def draw(name: str) -> bytes:
        return hmac.digest(seed, "\n".join((name, *about)).encode(), "sha256")

    return UUID(bytes=draw("id")[:16], version=4), draw("salt").hex()


class Period(NamedTuple):
    """When a license holds: from `starts_at` until before `ends_at`, for ever without one."""

    starts_at: datetime
    ends_at: datetime | None


class NoTime(ValueError):
    """There is no time in which the license would hold; `template` and `values` say why in any language."""

    code = "grant-refused"

    def __init__(self, template: str, values: Values | None = None) -> None:
        self.template, self.values = template, values or {}
        super().__init__(str(Words(template, self.values)))


def first_moment(day: str) -> datetime:
    """This will tell when a day such as 2026-11-28 begins, in UTC."""
    return datetime.combine(date.fromisoformat(day), time(), UTC)


def period_of(
    terms: Terms,
    *,
    starts_at: datetime | None,
    ends_at: datetime | None,
    now: datetime,
    at: datetime,
    earliest: datetime,
) -> Period:
    """This will tell when a license under terms holds that was ordered `at` and is granted `now`; raises NoTime.

    Without `starts_at` it begins now, or when its terms begin. It ends at `ends_at`, after as many days of 24 hours as
    its terms give, or after their last day, whichever is first. What it was ordered for while there was time is given.
    """
    after = first_moment(terms.ends) + timedelta(days=1) if terms.ends else None
    begins = first_moment(terms.starts) if terms.starts else None
    if starts_at is None:
        starts_at = now if after is None or now < after else at
        starts_at = max(starts_at, begins) if begins else starts_at
    if starts_at < earliest:
        raise NoTime(_("The license would begin before it is ordered: let it begin today or later."))
    if begins and starts_at < begins:
        raise NoTime(_("These terms begin on %(day)s: let the license begin then or later."), {"day": terms.starts})
    lasting = starts_at + timedelta(days=terms.duration_days) if terms.duration_days else None
    ends = [moment for moment in (ends_at, lasting, after) if moment is not None]
    if ends and min(ends) <= starts_at:
        if after is not None and after <= starts_at:
            raise NoTime(_("These terms ended on %(day)s: choose another offer."), {"day": terms.ends})
        raise NoTime(_("The license would end before it begins: let it end later."))
    return Period(starts_at, min(ends) if ends else None)
