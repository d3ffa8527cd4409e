"""Who sells at law: named by the operator, by the buyer's country, or the one that is there from the beginning."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.checkout.tax_models import SellerOfRecord, SellerPlace

NAME, PREFIX = "Worldloom 织界", "WL"
MOST_LINES = 8


class UnableToNameSeller(Exception):
    """The seller of record cannot be so; nothing was written."""

    code = "seller-refused"


@transaction.atomic
def set_seller(
    *,
    code: str,
    name: str,
    address: Sequence[str],
    country: str,
    tax_ids: Sequence[str],
    prefix: str,
    prices_include_tax: bool,
    valid_from: datetime,
    by: str,
    now: datetime,
) -> SellerOfRecord:
    """This will name a seller, or say anew what one is, from a moment on; raises UnableToNameSeller.

    Two sellers never share a prefix: papers of both would have one number.
    """
    if not name.strip() or len(name) > 200:
        raise UnableToNameSeller(_("A seller has a name of at most 200 characters."))
    if len(address) > MOST_LINES or len(tax_ids) > MOST_LINES:
        raise UnableToNameSeller(_("An address, and tax numbers, have at most %d lines.") % MOST_LINES)
    texts = (name, *address, *tax_ids)
    if any(not text.isprintable() or len(text) > 200 for text in texts) or any(len(text) > 80 for text in tax_ids):
        raise UnableToNameSeller(_("A line is too long, or has signs that cannot be printed."))
    if not _is_word(code.replace("-", "a").lower(), 40) or code != code.lower() or code.strip("-") != code:
        raise UnableToNameSeller(_("A seller’s code is of small letters, digits and hyphens."))
    if not _is_word(prefix, 12) or prefix != prefix.upper():
        raise UnableToNameSeller(_("The prefix of numbers is of up to 12 capital letters and digits."))
    if SellerOfRecord.objects.filter(prefix=prefix).exclude(code=code).exists():
        raise UnableToNameSeller(_("Another seller’s papers have the prefix %s: choose another one.") % prefix)
    if len(country) != 2 or not _is_word(country, 2) or country != country.upper():
        raise UnableToNameSeller(_("Name the seller’s country by its two letters, such as DE."))
    return SellerOfRecord.objects.create(
        code=code,
        name=name.strip(),
        address=[line.strip() for line in address if line.strip()],
        country=country,
        tax_ids=[line.strip() for line in tax_ids if line.strip()],
        prefix=prefix,
        prices_include_tax=prices_include_tax,
        valid_from=valid_from,
        by=by,
        at=now,
    )


def place_seller(*, country: str, code: str, valid_from: datetime, by: str, now: datetime) -> SellerPlace:
    """This will let a seller sell to buyers of a country from a moment on; raises UnableToNameSeller."""
    if len(country) != 2 or not _is_word(country, 2) or country != country.upper():
        raise UnableToNameSeller(_("Name the buyers’ country by its two letters, such as DE."))
    if not SellerOfRecord.objects.filter(code=code).exists():
        raise UnableToNameSeller(_("There is no seller “%s”: name it first.") % code)
    return SellerPlace.objects.create(country=country, code=code, valid_from=valid_from, by=by, at=now)


def _is_word(text: str, most: int) -> bool:
    return 0 < len(text) <= most and text.isascii() and text.isalnum()


def seller_for(country: str, at: datetime) -> SellerOfRecord:
    """This will find who sells to buyers of a country at a moment; the country may be unknown.

    Where nobody was named yet it is the house itself, without address and tax numbers, in a row that is not there
    yet: `kept` writes it with the first order or paper.
    """
    if country:
        place = SellerPlace.objects.filter(country=country, valid_from__lte=at).order_by("-valid_from", "-id").first()
        if place is not None and (found := newest(place.code, at)) is not None:
            return found
    return newest(SellerOfRecord.DEFAULT, at) or SellerOfRecord(
        code=SellerOfRecord.DEFAULT, name=NAME, prefix=PREFIX, valid_from=at, by="", at=at
    )


def newest(code: str, at: datetime) -> SellerOfRecord | None:
    """This will find what counts of a seller at a moment."""
    rows = SellerOfRecord.objects.filter(code=code, valid_from__lte=at)
    return rows.order_by("-valid_from", "-id").first()


def kept(seller: SellerOfRecord) -> SellerOfRecord:
    """This will write the house's own row, if that is what it is, before something points at it."""
    if seller.pk is None:
        seller.save(force_insert=True)
    return seller
