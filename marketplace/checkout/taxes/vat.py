"""VAT ids: their form and check digits, and when the buyer accounts for the tax. Nothing is looked up anywhere."""

from stdnum.eu import vat as eu
from stdnum.exceptions import ValidationError
from stdnum.gb import vat as gb

from marketplace.payouts.tax_rules import EU

_PREFIX = {"GR": "EL"}


class UnreadableVatId(Exception):
    """The text is no VAT id of the country; pages say it with `vat_id` and `country`."""

    code = "vat-id-unreadable"

    def __init__(self, vat_id: str, country: str) -> None:
        super().__init__(f"“{vat_id}” is no VAT id of {country}.")
        self.vat_id, self.country = vat_id, country


def read_vat_id(text: str, country: str) -> str:
    """This will write a VAT id in its one form, with the country's letters and no blanks; an empty text stays empty.

    Ids of the EU's member states and of the United Kingdom are checked by their check digits, ids of other countries
    are kept as they were typed, with 4 to 20 letters, digits and hyphens. Raises UnreadableVatId.
    """
    typed = "".join(text.split()).upper()
    if not typed:
        return ""
    try:
        if country in EU:
            prefix = _PREFIX.get(country, country)
            whole = typed if typed.startswith(prefix) else prefix + typed
            return str(eu.validate(whole))
        if country == "GB":
            return "GB" + str(gb.validate(typed.removeprefix("GB")))
    except ValidationError:
        raise UnreadableVatId(text.strip()[:40], country) from None
    if not 4 <= len(typed) <= 20 or not typed.isascii() or not typed.replace("-", "").isalnum():
        raise UnreadableVatId(text.strip()[:40], country)
    return typed


def is_reverse_charged(*, seller_country: str, buyer_country: str, vat_id: str) -> bool:
    """This will tell whether a business buyer accounts for the VAT itself.

    Directive 2006/112/EC, articles 44 and 196: the buyer is a business in a member state, by its VAT id, and the
    seller is established elsewhere. Whether the id is registered, the tax office tells; here it was checked for form.
    """
    return bool(seller_country) and buyer_country in EU and buyer_country != seller_country and bool(vat_id)
