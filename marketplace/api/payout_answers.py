"""Turning a creator's payouts into the shapes of payout_shapes.py."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

from django.db.models import Max, Sum
from django.urls import reverse

from marketplace.api.answers import Shape, Site
from marketplace.payouts.attempts import BankWord, PayoutAttemptEnd, TransferReversal
from marketplace.payouts.claims.ways import way_of, ways_in
from marketplace.payouts.connected.queries import Step, steps_of
from marketplace.payouts.held import bank_text, held_reasons
from marketplace.payouts.models import Payout, PayoutState
from marketplace.payouts.rails.configured import rail_names
from marketplace.payouts.when_queries import Kept, NextPayout, Ripening
from marketplace.people.models import Creator

_GONE = (BankWord.State.FAILED, BankWord.State.CANCELED)


def payouts(creator: Creator, rows: Sequence[Payout], site: Site) -> list[Shape]:
    """This will describe payouts of a creator, with what was said of them; their outcomes are fetched."""
    keys = [row.pk for row in rows]
    back, arrive = _came_back(keys), _arrivals(keys)
    return [_payout(creator, row, back.get(row.pk, 0), arrive.get(row.pk), site) for row in rows]


def whole(creator: Creator, row: Payout, site: Site) -> Shape:
    """This will describe a payout with its steps."""
    [found] = payouts(creator, [row], site)
    return {**found, "steps": [_step(step) for step in steps_of(row)]}


def _payout(creator: Creator, row: Payout, back_minor: int, arrives_on: date | None, site: Site) -> Shape:
    said = sorted(row.outcomes.all(), key=lambda one: one.pk)
    last = said[-1] if said else None
    state = str(last.state) if last else "open"
    is_back = state in (PayoutState.FAILED, PayoutState.RETURNED)
    return {
        "id": row.pk,
        "amount_minor": row.amount_minor,
        "currency": row.currency,
        "way": row.rail or rail_names()[0],
        "state": state,
        "state_at": last.at if last else row.reserved_at,
        "reserved_at": row.reserved_at,
        "reference": last.reference if last else "",
        "came_back_minor": row.amount_minor if is_back else back_minor,
        "arrives_on": None if is_back else arrives_on,
        "held_for": [] if last else held_reasons(creator, row.currency),
        "url": site(reverse("api-payout", args=[row.pk])),
    }


def _came_back(keys: Sequence[UUID]) -> dict[UUID, int]:
    rows = TransferReversal.objects.filter(transfer__payout__in=keys, transaction__isnull=False)
    return dict(rows.values_list("transfer__payout").annotate(Sum("amount_minor")))


def _arrivals(keys: Sequence[UUID]) -> dict[UUID, date]:
    """Return the last day that was promised for each payout, of what no bank has sent back."""
    rows = PayoutAttemptEnd.objects.filter(attempt__payout__in=keys, arrives_on__isnull=False)
    standing = rows.exclude(attempt__in=BankWord.objects.filter(state__in=_GONE).values("attempt"))
    return dict(standing.values_list("attempt__payout").annotate(Max("arrives_on")))


def _step(step: Step) -> Shape:
    return {
        "at": step.at,
        "number": step.number,
        "kind": step.what,
        "state": step.how,
        "amount_minor": step.amount_minor,
        "reference": step.reference,
        "reason": bank_text(step.word) if step.word and step.word.state in _GONE else step.reason,
        "arrives_on": step.arrives_on if step.how == "done" else None,
    }


def next_payout(creator: Creator, row: NextPayout, ripening: Sequence[Ripening], kept: Sequence[Kept]) -> Shape:
    """This will say when a creator is paid next in a currency, and what comes available when."""
    waiting: list[dict[str, Any]] = [
        {"amount_minor": one.amount_minor, "why": "hold-period", "until": _midnight(one.until), "reason": ""}
        for one in ripening
        if one.currency == row.currency
    ]
    waiting += [
        {"amount_minor": one.amount_minor, "why": "reserve", "until": one.until, "reason": one.reason}
        for one in kept
        if one.currency == row.currency
    ]
    day = f":{row.terms.day}" if row.terms.day else ""
    return {
        "currency": row.currency,
        "way": way_of(creator, row.currency),
        "ways": ways_in(row.currency),
        "available_minor": row.available_minor,
        "on_the_way_minor": row.on_the_way_minor,
        "threshold_minor": row.threshold_minor,
        "is_enough": row.is_enough,
        "schedule": f"{row.terms.kind}{day}",
        "next_at": row.next_at,
        "held_for": list(row.held_for),
        "hold_days": row.hold_days,
        "reserve_ppb": row.reserve_ppb,
        "reserve_days": row.reserve_days,
        "waiting": sorted(waiting, key=lambda one: one["until"]),
    }


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
