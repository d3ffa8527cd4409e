"""The taxes of an order: whose they are, asked once, and written with its lines."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.conf import settings
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from marketplace.checkout.asking import Quoted, UnableToBuy, UnableToBuyYet
from marketplace.checkout.models import Order, OrderLine
from marketplace.checkout.tax_models import BillingDetails, OrderTax, OrderTaxation, SellerOfRecord
from marketplace.checkout.taxes import sellers
from marketplace.checkout.taxes.base import Place, SellerAbout, TaxAnswer, TaxAsked, TaxedLine, TaxPart, TaxService
from marketplace.checkout.taxes.rules import name_of, summed, without_tax
from marketplace.licensing.rules import PRICE_LIMIT_MINOR
from marketplace.people.models import Studio


class PlaceUnknown(UnableToBuy):
    """Nobody said where the buyer is, so nobody can say which taxes are due."""


@dataclass(frozen=True, slots=True)
class Party:
    """Who sells to whom, and where the buyer is: what the taxes of a studio's orders depend on."""

    seller: SellerOfRecord
    details: BillingDetails | None
    place: Place
    vat_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Taxed:
    """The taxes of an order: the party, the prices that were asked about, and the parts of each line."""

    party: Party
    service: str
    amounts: tuple[int, ...]
    answer: TaxAnswer

    @property
    def is_included(self) -> bool:
        """Whether the prices have the taxes in them."""
        return self.party.seller.prices_include_tax

    @property
    def tax_minor(self) -> int:
        """All taxes together."""
        return sum(part.tax_minor for parts in self.answer.lines for part in parts)

    @property
    def added_minor(self) -> int:
        """What comes on top of the prices."""
        return 0 if self.is_included else self.tax_minor


def service() -> TaxService:
    """This will load the tax adapter that settings name."""
    return import_string(settings.ADAPTERS["taxes"])()  # type: ignore[no-any-return]


def is_calculated() -> bool:
    """This will tell whether taxes are calculated here at all."""
    return service().name != "none"


def details_of(studio: Studio) -> BillingDetails | None:
    """This will find what a studio said last of whom its papers are made out to."""
    return BillingDetails.objects.filter(studio=studio).order_by("-id").first()


def party_of(studio: Studio, now: datetime, *, is_bought: bool = True) -> Party | None:
    """This will find who sells to a studio and where it is; None where no taxes are calculated.

    The place is that of the billing details, else the country of the legal entity. What renews or bills by itself
    where neither is known is taxed as if the buyer were where the seller is; whoever buys is asked: PlaceUnknown.
    """
    if not is_calculated():
        return None
    details = details_of(studio)
    country = details.country if details else studio.country
    seller = sellers.seller_for(country, now)
    if not country and is_bought:
        raise PlaceUnknown(_("Taxes go by where you are: say the country in your billing details first."))
    place = (
        Place(country or seller.country, details.region, details.postcode)
        if details
        else Place(country or seller.country)
    )
    return Party(seller, details, place, details.vat_id if details else "", now)


def asked_of(party: Party, lines: Sequence[TaxedLine], currency: str) -> Taxed:
    """This will ask for the taxes of lines, a remote service never in a transaction; raises TaxUnavailable."""
    seller = party.seller
    about = SellerAbout(seller.code, seller.country, seller.prices_include_tax)
    port = service()
    asked = TaxAsked(about, party.place, party.vat_id, currency, tuple(lines), party.at)
    return Taxed(party, port.name, tuple(line.amount_minor for line in lines), port.taxes(asked))


def quoted_with(priced: Quoted, party: Party | None) -> Quoted:
    """This will ask for the taxes of what an order would cost, outside any transaction, and add them."""
    if party is None or not priced.total_minor:
        return priced
    return with_taxes(priced, asked_of(party, _lines(priced), priced.currency))


def asked_ahead(priced: Callable[[], Quoted], *, studio: Studio, now: datetime, is_bought: bool) -> Taxed | None:
    """This will ask a remote service before the transaction that orders; None where nothing has to be asked then."""
    if not service().is_remote or not (found := priced()).total_minor:
        return None
    party = party_of(studio, now, is_bought=is_bought)
    return asked_of(party, _lines(found), found.currency) if party else None


def asked_ahead_for(lines: Sequence[TaxedLine], currency: str, *, studio: Studio, now: datetime) -> Taxed | None:
    """This will do so for a bill that the site writes by itself."""
    if not service().is_remote:
        return None
    party = party_of(studio, now, is_bought=False)
    return asked_of(party, lines, currency) if party else None


def taxed_lines(
    lines: Sequence[TaxedLine],
    currency: str,
    *,
    studio: Studio,
    now: datetime,
    is_bought: bool = False,
    ahead: Taxed | None = None,
) -> Taxed | None:
    """This will give the taxes of an order's lines, in the transaction that writes them: those asked for ahead, or of
    the table; None where none are calculated. Raises UnableToBuyYet where other prices were asked about.
    """
    if not is_calculated():
        return None
    if service().is_remote:
        if ahead is None or ahead.amounts != tuple(line.amount_minor for line in lines):
            raise UnableToBuyYet(_("The price changed while the taxes were asked for: look at it again, then order."))
        return ahead
    party = party_of(studio, now, is_bought=is_bought)
    return asked_of(party, lines, currency) if party else None


def taxed_quote(priced: Quoted, *, studio: Studio, now: datetime) -> Quoted:
    """This will add the taxes to a quote, outside any transaction."""
    return quoted_with(priced, party_of(studio, now)) if priced.total_minor else priced


def taxed_order(priced: Quoted, *, studio: Studio, now: datetime, is_bought: bool, ahead: Taxed | None) -> Quoted:
    """This will add the taxes to what is ordered, in the transaction that writes it."""
    if not priced.total_minor:
        return priced
    return with_taxes(
        priced,
        taxed_lines(_lines(priced), priced.currency, studio=studio, now=now, is_bought=is_bought, ahead=ahead),
    )


def _lines(priced: Quoted) -> list[TaxedLine]:
    return [TaxedLine(line.price_minor, line.ask.kind) for line in priced.lines]


def with_taxes(priced: Quoted, taxed: Taxed | None) -> Quoted:
    """This will put taxes into lines and total; raises UnableToBuy where that is more than the books can hold."""
    if taxed is None:
        return priced
    total_minor = sum(taxed.amounts) + taxed.added_minor
    if total_minor > PRICE_LIMIT_MINOR:
        raise UnableToBuy(_("The amount or the number of seats is more than the books can hold: give less."))
    return replace(
        priced,
        lines=tuple(replace(line, taxes=parts) for line, parts in zip(priced.lines, taxed.answer.lines, strict=True)),
        total_minor=total_minor,
        tax_minor=taxed.tax_minor,
        taxes=tuple(summed(taxed.answer.lines)),
        tax_included=taxed.is_included,
        taxed=taxed,
    )


def put_in(line: OrderLine, parts: Sequence[TaxPart], *, is_included: bool) -> None:
    """This will say in an order line, not saved yet, what its taxes are; the fee is of the price without them."""
    tax_minor = sum(part.tax_minor for part in parts)
    if not tax_minor:
        return
    line.tax_minor, line.tax_included, line.tax_of = tax_minor, is_included, name_of(parts)
    if is_included:
        line.fee_minor = without_tax(line.fee_minor, line.price_minor, tax_minor)


def write(order: Order, lines: Sequence[OrderLine], taxed: Taxed | None) -> None:
    """This will write the taxes of an order behind its lines, and who sold it to whom."""
    if taxed is None:
        return
    party = taxed.party
    OrderTaxation.objects.create(
        order=order,
        seller=sellers.kept(party.seller),
        details=party.details,
        service=taxed.service,
        country=party.place.country,
        region=party.place.region,
        vat_id=party.vat_id,
        answer=taxed.answer.kept,
        at=party.at,
    )
    OrderTax.objects.bulk_create(
        [
            OrderTax(
                line=line,
                position=place,
                jurisdiction=part.jurisdiction,
                name=part.name,
                rate_ppb=part.rate_ppb,
                base_minor=part.base_minor,
                tax_minor=part.tax_minor,
                reason=part.reason,
            )
            for line, parts in zip(lines, taxed.answer.lines, strict=True)
            for place, part in enumerate(parts)
        ],
        batch_size=1_000,
    )
