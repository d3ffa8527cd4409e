"""Plain arithmetic and decisions of a sale."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import rfc8785

WHOLE_PPB = 1_000_000_000


def platform_fee(gross_minor: int, fee_ppb: int) -> int:
    """This will take the platform's fee from a price, in minor units; rounded down, so the rest is the creators'."""
    if gross_minor < 0 or not 0 <= fee_ppb <= WHOLE_PPB:
        raise ValueError("A fee needs a price of at least 0 and a share between 0 and the whole.")
    return gross_minor * fee_ppb // WHOLE_PPB


def request_digest(*, offers: Sequence[str], method: str, more: Sequence[Mapping[str, Any]] = ()) -> str:
    """This will name what was asked for, so that one idempotency key cannot stand for two requests.

    `more` is what each offer was asked for with, none of them anything if it is left out. The order says nothing.
    """
    if not any(more):
        return hashlib.sha256(rfc8785.dumps({"offers": sorted(offers), "method": method})).hexdigest()
    items = sorted(rfc8785.dumps({"offer": offer, **with_}) for offer, with_ in zip(offers, more, strict=True))
    document = {"items": [item.decode() for item in items], "method": method}
    return hashlib.sha256(rfc8785.dumps(document)).hexdigest()


def card_digits(text: str) -> str | None:
    """This will read a card number as typed, with spaces or hyphens, or return None when it cannot be one.

    A number has 12 to 19 digits and the check digit of ISO/IEC 7812-1, Annex B (Luhn).
    """
    digits = re.sub(r"[ -]", "", text.strip())
    if not re.fullmatch(r"[0-9]{12,19}", digits):
        return None
    total = 0
    for place, digit in enumerate(int(sign) for sign in reversed(digits)):
        doubled = digit * 2 if place % 2 else digit
        total += doubled - 9 if doubled > 9 else doubled
    return digits if total % 10 == 0 else None


def is_idempotency_key(text: str) -> bool:
    """This will tell whether `text` may be an idempotency key: 1 to 200 visible ASCII characters."""
    return bool(re.fullmatch(r"[\x21-\x7e]{1,200}", text))
