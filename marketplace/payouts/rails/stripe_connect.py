"""The rail of Stripe Connect: a transfer to the creator's account there, and from it a payout to their bank.

What was asked for and what came of it is in attempts.py; the bank's part goes on in connected/going_on.py.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.conf import settings

from marketplace.payouts.attempts import PayoutAttempt
from marketplace.payouts.bookkeeping.attempting import ask_for, begin_transfers, record_ends
from marketplace.payouts.connected.accounts import STRIPE, UnableToConnect, refresh
from marketplace.payouts.connected.balances import balances_checked
from marketplace.payouts.connected.charges import learn_charges
from marketplace.payouts.connected.stops import CONNECT_STOPS
from marketplace.payouts.currencies import WORLD
from marketplace.payouts.models import AccountKind, Payout
from marketplace.payouts.rails.base import Page
from marketplace.provider.calls import perform_all
from marketplace.provider.client import ProviderRefused, ProviderUnavailable

AT_ONCE = 500
"""Transfers whose intents and whose answers are each one commit."""


class StripeConnectRail:
    """Sends payouts as transfers to accounts that creators have with Stripe, out of our balance there."""

    name = STRIPE
    funds = AccountKind.PSP_BALANCE
    stops = CONNECT_STOPS

    def step(self, currency: str) -> int:
        """Return in which steps of our minor units Stripe transfers and its banks pay; see `PagedRail.step`."""
        known = WORLD[currency]
        ours = 10 ** max(0, known.exponent - known.stripe_exponent)
        theirs = 10 ** max(0, known.stripe_exponent - known.exponent)
        return max(1, max(known.charge_step, known.payout_step) * ours // theirs)

    def send_page(self, *, payouts: Sequence[Payout], now: datetime) -> Page:
        """Transfer what payouts say to accounts that are not below zero; see `PagedRail.send_page`."""
        answered = refused = 0
        left: tuple[Payout, str] | None = None
        for first in range(0, len(payouts), AT_ONCE):
            batch = balances_checked(payouts[first : first + AT_ONCE], now=now)
            if not batch:
                continue
            learn_charges(payouts=batch, now=now)
            page = _transferred(batch, self.funds, self.step(batch[0].currency), now)
            answered, refused = answered + page.answered, refused + page.refused
            if page.silent is not None:
                left = (page.silent, page.why)
            if page.is_over:
                break
        return Page(answered, refused, *(left or (None, "")))


class _Batch(NamedTuple):
    """As `Page`; with `is_over` the provider is away, or our balance with it is short, and the rest waits."""

    answered: int
    refused: int
    silent: Payout | None
    why: str
    is_over: bool


def _transferred(payouts: Sequence[Payout], funds: AccountKind, step_minor: int, now: datetime) -> _Batch:
    attempts = begin_transfers(payouts=payouts, step_minor=step_minor, now=now)
    ends = perform_all([ask_for(attempt) for attempt in attempts], now=now, threads=settings.CONNECT_THREADS)
    ended = list(zip(attempts, ends, strict=True))
    sent, refused = record_ends(ended=ended, funds=funds, now=now)
    _ask_anew_of(ended, now)
    short = any(isinstance(end, ProviderRefused) and end.provider_code == "balance_insufficient" for end in ends)
    unheard = [(attempt, end) for attempt, end in ended if isinstance(end, ProviderUnavailable)]
    is_over = short or any(end.kind == "unasked" for _attempt, end in unheard)
    first = unheard[0] if unheard else None
    return _Batch(sent + refused, refused, first[0].payout if first else None, str(first[1]) if first else "", is_over)


def _ask_anew_of(ended: Sequence[tuple[PayoutAttempt, object]], now: datetime) -> None:
    """Ask how accounts stand that a transfer was refused for, so that the next one waits for them."""
    for attempt, end in ended:
        if isinstance(end, ProviderRefused) and end.provider_code not in ("", "balance_insufficient"):
            try:
                refresh(account=attempt.account, now=now)
            except UnableToConnect:
                continue  # it is asked again with the next settlement
