"""How creators are paid in a currency: by one of the house's rails, or on chain into a wallet of their own."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.payouts.bookkeeping.books import lock_currency
from marketplace.payouts.claims.places import book_of, coin_of, wallets_of
from marketplace.payouts.claims.tables import ChainAccount, PayoutWay
from marketplace.payouts.rails.configured import rail_names
from marketplace.payouts.rules import CURRENCIES
from marketplace.people.models import Creator


class UnableToChooseWay(Exception):
    """A creator cannot be paid in that way; nothing was written."""

    code = "unable-to-choose-way"

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(_("You cannot be paid in that way: %(why)s.") % {"why": why})


@transaction.atomic
def choose_way(*, creator: Creator, currency: str, on_chain: bool, now: datetime, rail: str = "") -> PayoutWay | None:
    """From the next payout on pay a creator in a currency on chain, or by a rail; return the choice that stands.

    `rail` is the name of one that is set up, nothing for the house's first. What is on its way, or published for
    claims, stays where it is. None where nothing was chosen before and nothing but the first is asked for. The same
    again returns the first. Raises UnableToChooseWay for a currency that we do not sell in, or that no token on our
    chain stands for, for a creator without a wallet of their own, and for a rail that is not set up.
    """
    if currency not in CURRENCIES:
        raise UnableToChooseWay(_("“%(currency)s” is not a currency we sell in") % {"currency": currency[:20]})
    lock_currency(currency)
    stands = PayoutWay.objects.filter(creator=creator, currency=currency).order_by("pk").last()
    if (on_chain, rail) == ((stands.on_chain, stands.rail) if stands else (False, "")):
        return stands
    if rail and (on_chain or rail not in rail_names()):
        raise UnableToChooseWay(_("nobody is paid like that here"))
    if on_chain and (why := _why_not(creator, currency, now)):
        raise UnableToChooseWay(why)
    return PayoutWay.objects.create(creator=creator, currency=currency, on_chain=on_chain, rail=rail, chosen_at=now)


def _why_not(creator: Creator, currency: str, now: datetime) -> str | None:
    coin = coin_of(currency)
    if coin is None:
        return _("nothing on our chain stands for %(currency)s") % {"currency": currency}
    address = wallets_of([creator.pk], now=now).get(creator.pk)
    if address is None:
        return _("you have no wallet that counts yet")
    book = book_of(coin)
    if book and ChainAccount.objects.filter(book=book, address=address).exclude(creator=creator).exists():
        return _("your wallet was paid as another creator’s before")
    return None


def is_on_chain(creator: Creator, currency: str) -> bool:
    """Whether a creator is paid on chain in a currency."""
    stands = PayoutWay.objects.filter(creator=creator, currency=currency).order_by("pk").last()
    return stands is not None and stands.on_chain


CHAIN = "chain"
"""What being paid on chain is called beside the names of rails."""


def way_of(creator: Creator, currency: str) -> str:
    """Return how a creator is paid next in a currency: the name of a rail, or CHAIN."""
    stands, names = PayoutWay.objects.filter(creator=creator, currency=currency).order_by("pk").last(), rail_names()
    if stands is not None and stands.on_chain:
        return CHAIN
    return stands.rail if stands is not None and stands.rail in names else names[0]


def ways_in(currency: str) -> list[str]:
    """Return the ways among which a creator may choose in a currency, the house's first before others."""
    return [*rail_names(), *([CHAIN] if coin_of(currency) is not None else [])]
