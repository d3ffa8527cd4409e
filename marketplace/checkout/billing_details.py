"""Whom a studio's invoices are made out to, and where it is for taxes: said by its owners and buyers, kept for good."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.checkout.tax_models import BillingDetails
from marketplace.checkout.taxes.vat import UnreadableVatId, read_vat_id
from marketplace.people.models import Person, Seat, Studio
from marketplace.ui.formats import country_text

MOST = {"name": 200, "street": 200, "postcode": 20, "city": 100, "region": 10, "email": 254, "reference": 80}
"""The most characters of each text."""


class UnableToSayDetails(Exception):
    """The billing details cannot be so; nothing was written. `field` is the one that is wrong, or empty."""

    code = "billing-details-refused"

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


@transaction.atomic
def say_details(
    *,
    studio: Studio,
    by: Person,
    country: str,
    now: datetime,
    name: str = "",
    street: str = "",
    postcode: str = "",
    city: str = "",
    region: str = "",
    vat_id: str = "",
    email: str = "",
    reference: str = "",
) -> BillingDetails:
    """This will keep whom a studio's papers are made out to from now on; papers that are written stay as they are.

    `country` is ISO 3166-1 alpha-2, `region` the second half of ISO 3166-2, `reference` stands on each paper, such as
    the number of an order of the studio's own. The same again adds nothing. Raises UnableToSayDetails.
    """
    if not Seat.objects.filter(studio=studio, person=by, role__in=[Seat.OWNER, Seat.BUYER]).exists():
        raise UnableToSayDetails("", _("Only owners and buyers of %s can say its billing details.") % studio.name)
    said = {"name": name, "street": street, "postcode": postcode, "city": city, "region": region.upper()}
    said = {field: text.strip() for field, text in (said | {"email": email, "reference": reference}).items()}
    for field, text in said.items():
        if len(text) > MOST[field] or not text.isprintable():
            raise UnableToSayDetails(
                field, _("This is longer than %d characters, or has signs that cannot be printed.") % MOST[field]
            )
    country = country.strip().upper()
    if len(country) != 2 or not country.isascii() or not country.isalpha():
        raise UnableToSayDetails("country", _("Name the country by its two letters, such as DE."))
    _check_email(said["email"])
    said |= {"country": country, "vat_id": _vat_id(vat_id, country)}
    newest = BillingDetails.objects.filter(studio=studio).order_by("-id").first()
    if newest is not None and all(getattr(newest, field) == text for field, text in said.items()):
        return newest
    return BillingDetails.objects.create(studio=studio, said_by=by, said_at=now, **said)


def _check_email(email: str) -> None:
    try:
        if email:
            validate_email(email)
    except ValidationError:
        raise UnableToSayDetails("email", _("This is no e-mail address: check it.")) from None


def _vat_id(text: str, country: str) -> str:
    try:
        return read_vat_id(text, country)
    except UnreadableVatId as error:
        raise UnableToSayDetails(
            "vat_id",
            _("“%(number)s” is no VAT id of this country (%(country)s): check its letters and digits.")
            % {"number": error.vat_id, "country": country_text(country)},
        ) from None
