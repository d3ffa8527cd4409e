"""How long an offer may be tried for nothing: told by its owner, and found again."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.licensing.models import Offer
from marketplace.licensing.offering import UnableToOffer
from marketplace.licensing.pricing import PERIODS
from marketplace.licensing.trial_models import MOST_DAYS, OfferTrial


@transaction.atomic
def set_trial(*, offer: Offer, days: int, now: datetime) -> OfferTrial | None:
    """This will let studios try an offer for so many days from now on; 0 ends that, for those who come later.

    No change adds nothing and returns None. Raises UnableToOffer for an offer without periods, or one that is
    withdrawn, and for more than 90 days.
    """
    Offer.objects.select_for_update(no_key=True).get(pk=offer.pk)
    if offer.model not in PERIODS:
        raise UnableToOffer(offer.release, _("Only what is sold by the month or by the year can be tried."))
    if not 0 <= days <= MOST_DAYS:
        raise UnableToOffer(offer.release, _("A trial is of 0 to %d days.") % MOST_DAYS)
    if hasattr(offer, "withdrawal"):
        raise UnableToOffer(offer.release, _("The offer is withdrawn: make a new one."))
    if days == trial_days(offer):
        return None
    return OfferTrial.objects.create(offer=offer, days=days, since=now)


def trial_days(offer: Offer) -> int:
    """This will tell for how many days an offer may be tried now; 0 where it may not."""
    newest = OfferTrial.objects.filter(offer=offer).order_by("-id").first()
    return newest.days if newest else 0


def trials_of(offers: Iterable[UUID]) -> dict[UUID, int]:
    """This will tell it of many offers in one query: offer → days; those that may not be tried are left out."""
    rows = OfferTrial.objects.filter(offer__in=list(offers)).order_by("offer_id", "-id").distinct("offer_id")
    return {row.offer_id: row.days for row in rows if row.days}
