"""Reading the prices of a draft."""

from collections.abc import Sequence

from marketplace.catalog import operations as catalog
from marketplace.catalog.rules import Draft, Finding, gettext_noop
from marketplace.intake.rules import DraftOffer
from marketplace.licensing import operations as licensing
from marketplace.licensing.terms.model import Terms
from marketplace.payouts.rules import Money, UnknownCurrency, UnreadableAmount, parse_amount


def priced(draft: Draft, offers: Sequence[DraftOffer]) -> list[tuple[Terms, Money]]:
    """This will read terms and prices, or raise UnableToOffer or UnableToPublish."""
    read: list[tuple[Terms, Money]] = []
    for row in offers:
        terms = licensing.ready_terms(row.terms)
        try:
            read.append((terms, Money(parse_amount(row.price, row.currency), row.currency)))
        except (UnreadableAmount, UnknownCurrency) as error:
            text = gettext_noop("The price of “%(terms)s” cannot be read: %(reason)s")
            finding = Finding("offers", text, {"terms": row.terms, "reason": error})
            raise catalog.UnableToPublish(draft, [finding]) from None
    return read
