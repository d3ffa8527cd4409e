"""Offers of every price model, for stories that need one."""

from marketplace.licensing import operations as licensing
from marketplace.licensing.bargains import QuoteRequest
from marketplace.licensing.models import Offer
from marketplace.licensing.terms.ready import READY
from marketplace.payouts.rules import Money
from tests.api.studios import Market
from tests.cast import NOON, later


def sell(
    market: Market, model: str, minor: int = 0, *, terms: str = "enterprise", unit: str = "", share_ppb: int = 0
) -> Offer:
    """Alice's world at another price model, in dollars."""
    return licensing.offer(
        release=market.world,
        terms=READY[terms],
        price=Money(minor, "USD"),
        model=model,
        unit=unit,
        share_ppb=share_ppb,
        now=NOON,
    )


def named(market: Market, request: str, minor: int) -> None:
    """Alice names her price for a request, good for a year."""
    row = QuoteRequest.objects.get(pk=request)
    licensing.answer_quote(
        request=row,
        person=market.cast.alice.person,
        side="creator",
        price_minor=minor,
        valid_until=later(days=365),
        now=later(days=1),
    )
