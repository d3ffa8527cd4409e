"""When and how creators are paid, what they wish, and when their payouts are held."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.payouts.bookkeeping.books import lock_currency, lock_every_currency
from marketplace.payouts.policies import PayoutHold, PayoutHoldEnd, PayoutPolicy, PayoutPreference
from marketplace.payouts.rules import CURRENCIES, MAX_AMOUNT_MINOR, WHOLE_PPB, format_amount
from marketplace.payouts.terms import Schedule, terms_of
from marketplace.people.models import Creator

MAX_DAYS = 3650
"""The most days for which anything is held or kept back: ten years."""

MAX_KEY, MAX_REASON = 200, 400


class UnableToSetPolicy(Exception):
    """Payouts cannot be made under such a policy; nothing was written."""

    code = "unable-to-set-policy"

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(_("The payout policy cannot be set: %(why)s.") % {"why": why})


class UnableToWish(Exception):
    """A creator cannot be paid as they wish; nothing was written."""

    code = "unable-to-wish"

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(_("You cannot be paid like that: %(why)s.") % {"why": why})


class UnableToHoldPayouts(Exception):
    """Payouts cannot be held, or let go, under that name; nothing was written."""

    code = "unable-to-hold-payouts"

    def __init__(self, key: str, why: str) -> None:
        self.key, self.why = key, why
        super().__init__(_("“%(key)s” cannot hold payouts: %(why)s.") % {"key": key, "why": why})


@transaction.atomic
def set_policy(
    *,
    creator: Creator | None,
    currency: str,
    hold_days: int | None,
    reserve_ppb: int,
    reserve_days: int,
    threshold_minor: int,
    schedule: Schedule,
    reason: str,
    by: str,
    now: datetime,
) -> PayoutPolicy:
    """From now on, pay a creator, or everybody for None, in a currency, or in all for "", under these terms.

    `threshold_minor` is the least that is paid out, in minor units of each currency; `reserve_ppb` of what is released
    is kept back for `reserve_days` more, both zero for none. `hold_days` is for how many days royalties are held that
    are allocated from now on, and is None for a single creator. What is held or reserved already stays as it is.
    `reason` is told to the creators. The same again returns the policy that stands. Raises UnableToSetPolicy.
    """
    said = {
        "hold_days": hold_days,
        "reserve_ppb": reserve_ppb,
        "reserve_days": reserve_days,
        "threshold_minor": threshold_minor,
        "schedule": schedule.kind,
        "day": schedule.day,
        "reason": reason,
    }
    if why := _why_not(creator=creator, currency=currency, schedule=schedule, by=by, said=said):
        raise UnableToSetPolicy(why)
    stands = PayoutPolicy.objects.filter(creator=creator, currency=currency).order_by("pk").last()
    if stands is not None and all(getattr(stands, name) == value for name, value in said.items()):
        return stands
    return PayoutPolicy.objects.create(creator=creator, currency=currency, set_by=by, set_at=now, **said)


def _why_not(
    *, creator: Creator | None, currency: str, schedule: Schedule, by: str, said: Mapping[str, Any]
) -> str | None:
    """Return why there cannot be such a policy, as a part of a sentence, or None where there can."""
    hold_days, ppb, days = said["hold_days"], said["reserve_ppb"], said["reserve_days"]
    if currency and currency not in CURRENCIES:
        return _("“%(currency)s” is not a currency we sell in") % {"currency": currency}
    if creator is not None and hold_days is not None:
        return _("the hold period is the same for all creators; keep a reserve of this one for longer instead")
    if creator is None and (hold_days is None or not 0 <= hold_days <= MAX_DAYS):
        return _("the hold period is 0 to %(most)d days") % {"most": MAX_DAYS}
    has_reserve = 1 <= ppb <= WHOLE_PPB and 1 <= days <= MAX_DAYS
    if not has_reserve and (ppb, days) != (0, 0):
        return _("a reserve is up to the whole, for 1 to %(most)d days; say both as zero for none") % {"most": MAX_DAYS}
    if not 1 <= said["threshold_minor"] <= MAX_AMOUNT_MINOR:
        return _("the least that is paid out is above zero")
    if not schedule.is_known:
        return _("there is no such schedule")
    if not 0 < len(said["reason"]) <= MAX_REASON or not 0 < len(by) <= MAX_KEY:
        return _("say why, in at most %(most)d characters, and who sets it") % {"most": MAX_REASON}
    return None


@transaction.atomic
def wish(
    *, creator: Creator, currency: str, threshold_minor: int, schedule: Schedule, now: datetime
) -> PayoutPreference:
    """Pay a creator more rarely, or only larger amounts, than the policy says, as they wish.

    A later policy that is stricter counts before the wish. The same again returns the wish that stands. Raises
    UnableToWish where the wish is less than the policy asks, or for a currency we do not sell in.
    """
    if currency not in CURRENCIES:
        raise UnableToWish(_("“%(currency)s” is not a currency we sell in") % {"currency": currency})
    [terms] = terms_of(currency=currency, owner_ids=[creator.pk])
    if not schedule.is_known:
        raise UnableToWish(_("there is no such schedule"))
    if schedule.rank < terms.schedule.rank:
        raise UnableToWish(_("that is more often than we pay out; choose a rarer schedule"))
    if not terms.threshold_minor <= threshold_minor <= MAX_AMOUNT_MINOR:
        least = format_amount(terms.threshold_minor, currency)
        raise UnableToWish(_("we pay out %(least)s %(currency)s or more") % {"least": least, "currency": currency})
    said = {"threshold_minor": threshold_minor, "schedule": schedule.kind, "day": schedule.day}
    stands = PayoutPreference.objects.filter(creator=creator, currency=currency).order_by("pk").last()
    if stands is not None and all(getattr(stands, name) == value for name, value in said.items()):
        return stands
    return PayoutPreference.objects.create(creator=creator, currency=currency, wished_at=now, **said)


@transaction.atomic
def hold_payouts(*, creator: Creator, currency: str, key: str, reason: str, by: str, now: datetime) -> PayoutHold:
    """Neither reserve nor send payouts to a creator, in a currency, or in all for "", until the hold has its end.

    A payout that is open stays open and is sent afterwards. `reason` is told to the creator. The same key with the
    same content returns the first hold, also after its end: a key holds once. Raises UnableToHoldPayouts for other
    content under the key, and for what has no key, reason or currency of ours.
    """
    if currency and currency not in CURRENCIES:
        raise UnableToHoldPayouts(key, _("“%(currency)s” is not a currency we sell in") % {"currency": currency})
    if not (0 < len(key) <= MAX_KEY and 0 < len(reason) <= MAX_REASON and 0 < len(by) <= MAX_KEY):
        raise UnableToHoldPayouts(
            key[:MAX_KEY], _("name it, say why in at most %(most)d characters, and who holds") % {"most": MAX_REASON}
        )
    _lock(currency)  # a settlement has reserved before it, or sees it
    hold, is_new = PayoutHold.objects.get_or_create(
        key=key,
        defaults={"creator": creator, "currency": currency, "reason": reason, "held_by": by, "held_at": now},
    )
    if not is_new and (hold.creator_id, hold.currency, hold.reason) != (creator.pk, currency, reason):
        raise UnableToHoldPayouts(key, _("the same name was used before for another hold"))
    return hold


@transaction.atomic
def release_payouts(*, key: str, by: str, now: datetime) -> PayoutHoldEnd:
    """End a hold; what waited is paid with the next settlements. The same again returns the first end.

    Raises UnableToHoldPayouts for a key that holds nothing.
    """
    hold = PayoutHold.objects.filter(key=key).first()
    if hold is None:
        raise UnableToHoldPayouts(key[:MAX_KEY], _("there is no such hold"))
    _lock(hold.currency)
    end, _is_new = PayoutHoldEnd.objects.get_or_create(hold=hold, defaults={"ended_by": by[:MAX_KEY], "ended_at": now})
    return end


def _lock(currency: str) -> None:
    if currency:
        lock_currency(currency)
    else:
        lock_every_currency()
