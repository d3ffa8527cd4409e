"""Closing offers on the chain: whatever ends or changes an offer here asks for it in the same transaction."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import QuerySet

from ledger.chain.base import ChainUnavailable
from ledger.chain.suite import suite
from ledger.chain_asking import ask_chain
from marketplace.licensing.chain_offer_models import ChainOffer, ChainOfferClosing

PRICE, TAKEN_DOWN, WITHDRAWN = ChainOfferClosing.PRICE, ChainOfferClosing.TAKEN_DOWN, ChainOfferClosing.WITHDRAWN


def open_now(rows: QuerySet[ChainOffer], now: datetime) -> QuerySet[ChainOffer]:
    """This will leave those that nobody closed and whose time is not over; a deadline is the last second."""
    return rows.filter(closing=None, deadline__gte=now.replace(microsecond=0))


def close_on_chain(*, offers: Iterable[object], reason: str, now: datetime) -> int:
    """This will close what is sold on the chain of these offers, and tell how many that is.

    The row stands at once, and the chain hears of it through the outbox: until that is confirmed, somebody may still
    buy there. Called inside the transaction that changes the offer, so that one is never without the other.
    """
    rows = open_now(ChainOffer.objects.filter(offer__in=list(offers)), now).select_for_update(of=("self",))
    return sum(close_one(chain_offer=row, reason=reason, now=now) for row in rows.order_by("pk"))


def close_one(*, chain_offer: ChainOffer, reason: str, now: datetime) -> bool:
    """This will close one offer on the chain; doing it twice changes nothing."""
    _row, made = ChainOfferClosing.objects.get_or_create(
        chain_offer=chain_offer, defaults={"reason": reason, "closed_at": now}
    )
    if made and reason != ChainOfferClosing.CANCELLED and _is_ours(chain_offer.chain_id):
        ask_to_close(chain_offer, number=1, now=now)
    return made


def subject_of(chain_offer: ChainOffer) -> str:
    """This will name the offer as calls about it do."""
    return f"chain-offer:{chain_offer.digest}"


def ask_to_close(chain_offer: ChainOffer, *, number: int, now: datetime) -> None:
    """This will ask the chain to close it; a key that is not the offer key there yet waits until it is."""
    ask_chain(
        key=f"withdraw-offer:{chain_offer.digest}:{number}",
        role="offers",
        contract="LicenseMarket",
        function="withdrawOffer",
        args=(chain_offer.licensor, chain_offer.nonce),
        subject=subject_of(chain_offer),
        now=now,
        address=chain_offer.market,
        chain_id=chain_offer.chain_id,
        later=("NotOfferKey",),
    )


def _is_ours(chain_id: int) -> bool:
    """Whether the contracts are on that chain; with a record that cannot be read they may be, and the call waits."""
    try:
        known = suite()
    except ChainUnavailable:
        return True
    return known is not None and known.chain_id == chain_id
