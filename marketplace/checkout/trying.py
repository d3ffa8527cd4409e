"""Trials: whether a studio may try what an offer sells, and what the first line of such an order says."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from marketplace.checkout.asking import Ask, UnableToBuy
from marketplace.checkout.models import OrderLine
from marketplace.checkout.subscription_models import TrialLine
from marketplace.licensing import pricing, trials
from marketplace.licensing.pricing import Priced
from marketplace.people.models import Studio
from marketplace.ui.words import Words, gettext_noop


def days_for(studio: Studio, ask: Ask) -> int:
    """This will tell for how many days a studio tries what it asks for; 0 where it pays at once.

    A studio tries a pack once. What is priced otherwise than by the offer alone (a code, a quote, a collection) is paid
    at once.
    """
    if ask.offer.model not in pricing.PERIODS or ask.kind != OrderLine.BUY:
        return 0
    if ask.quote is not None or ask.collection is not None or ask.code.strip() or ask.fixed is not None:
        return 0
    days = trials.trial_days(ask.offer)
    return days if days and not _tried(studio, ask) else 0


def _tried(studio: Studio, ask: Ask) -> bool:
    rows = TrialLine.objects.filter(studio=studio, pack=ask.offer.release.pack_id)
    return rows.exclude(line__order__outcome__outcome="declined").exists()


def as_trial(priced: Priced, days: int) -> Priced:
    """This will price the first time of a subscription that is tried: nothing, and what comes later is said."""
    words = Words(gettext_noop("Nothing for the first %(days)d days; then that is charged"), {"days": days})
    return Priced(0, 0, priced.currency, (*priced.lines, words), priced.unit_minor)


def ends_of(starts_at: datetime, days: int) -> datetime:
    """This will tell when a trial ends."""
    return starts_at + timedelta(days=days)


def keep_trials(studio: Studio, tried: Sequence[tuple[OrderLine, int]]) -> None:
    """This will write which lines of an order are trials, in its transaction; raises UnableToBuy where another order
    of the studio was faster."""
    if not tried:
        return
    Studio.objects.select_for_update(no_key=True).get(pk=studio.pk)
    for line, days in tried:
        pack = line.offer.release.pack_id
        rows = TrialLine.objects.filter(studio=studio, pack=pack)
        if rows.exclude(line__order__outcome__outcome="declined").exists():
            raise UnableToBuy(_("Your studio tries this pack already: look at the price again, then order."))
        assert line.ends_at is not None
        TrialLine.objects.create(line=line, studio=studio, pack_id=pack, days=days, ends_at=line.ends_at)
