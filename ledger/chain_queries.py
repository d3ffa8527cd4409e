"""Questions about what we do to the chain. None of them asks the network."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from ledger.chain.rules import confirmations
from ledger.chain_models import ChainAttempt, ChainCall, ChainHead, ChainOutcome, ChainSetback, ChainSighting


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a call stands: waiting, sent, mined, confirmed or refused.

    `transaction` is 0x hex, of the attempt that is in a block or else the newest; with the block come its time, the
    gas and the fee in wei. `confirmations` counts up to the newest block that we know of, and `wanted` of them make it
    final. `attempts` is how many transactions were signed. `reason` says why it is refused, found done, or waits.
    """

    state: str
    transaction: str = ""
    block_number: int | None = None
    block_time: datetime | None = None
    confirmations: int = 0
    wanted: int = 1
    gas_used: int | None = None
    fee_wei: int | None = None
    attempts: int = 0
    reason: str = ""


def call_of(key: str) -> ChainCall | None:
    """Return the call with this key, or None."""
    return ChainCall.objects.select_related("outcome__sighting__attempt").filter(key=key).first()


def calls_about(subject: str) -> list[ChainCall]:
    """Return the calls about a subject, in the order asked."""
    rows = ChainCall.objects.filter(subject=subject).select_related("outcome__sighting__attempt")
    return list(rows.order_by("id"))


def standing_of(call: ChainCall) -> Standing:
    """Return where a call stands; five small queries at most."""
    return standings_of([call])[0]


def standings_of(calls: Sequence[ChainCall]) -> list[Standing]:
    """Return where calls stand, in their order; five queries however many they are."""
    ids = [call.pk for call in calls]
    outcomes = {one.call_id: one for one in ChainOutcome.objects.filter(call__in=ids)}
    attempts: dict[int, list[ChainAttempt]] = {}
    for attempt in ChainAttempt.objects.filter(slot__call__in=ids).order_by("id").select_related("slot"):
        attempts.setdefault(attempt.slot.call_id, []).append(attempt)
    sightings = {}
    for sighting in ChainSighting.objects.filter(attempt__slot__call__in=ids).order_by("id"):
        sightings[sighting.attempt_id] = sighting
    setbacks = {one.call_id: one for one in ChainSetback.objects.filter(call__in=ids).order_by("id")}
    heads = dict(ChainHead.objects.values_list("chain_id", "number"))
    return [
        _standing(
            outcomes.get(call.pk),
            attempts.get(call.pk, []),
            sightings,
            setbacks.get(call.pk),
            heads.get(call.chain_id, 0),
        )
        for call in calls
    ]


def _standing(
    outcome: ChainOutcome | None,
    attempts: list[ChainAttempt],
    sightings: dict[int, ChainSighting],
    setback: ChainSetback | None,
    head: int,
) -> Standing:
    wanted = max(1, int(settings.CHAIN_CONFIRMATIONS))
    last_slot = [one for one in attempts if one.slot_id == attempts[-1].slot_id]
    in_blocks = [
        (one, sightings[one.pk])
        for one in last_slot
        if one.pk in sightings and sightings[one.pk].status != ChainSighting.GONE
    ]
    count, newest = len(attempts), attempts[-1].digest if attempts else ""
    if outcome is not None and outcome.sighting_id is None:
        return Standing(state=outcome.state, wanted=wanted, attempts=count, reason=outcome.reason)
    if not in_blocks:
        state = "sent" if attempts else "waiting"
        is_fresh = setback is not None and (not attempts or setback.noticed_at >= attempts[-1].made_at)
        reason = setback.reason if setback is not None and is_fresh else ""
        return Standing(state=state, transaction=newest, wanted=wanted, attempts=count, reason=reason)
    attempt, seen = max(in_blocks, key=lambda pair: pair[1].pk)
    depth = confirmations(int(seen.block_number or 0), head)
    return Standing(
        state=outcome.state if outcome else "mined",
        transaction=attempt.digest,
        block_number=seen.block_number,
        block_time=seen.block_time,
        confirmations=max(depth, wanted) if outcome else depth,
        wanted=wanted,
        gas_used=seen.gas_used,
        fee_wei=int(seen.gas_used or 0) * int(seen.gas_price_wei or 0),
        attempts=count,
        reason="it reverted in its block" if seen.status == ChainSighting.REVERTED else "",
    )
