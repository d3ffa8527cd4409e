"""One sender's calls, taken a step further: look at what is in the chain, sign what waits, send, look again.

Every step reads what is recorded and what the chain says, and nothing else, so that a process killed between any two of
them is followed by one that does the rest. What keeps a call from happening twice: a call has one nonce at a time, its
signed bytes are committed before they leave the house, and it takes another nonce only when the chain shows, as deep as
makes a block final for us, which other transaction used the first one.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Prefetch

from ledger.chain import rules
from ledger.chain.base import Account, ChainUnavailable, Draft, Message, Moment, Refusal, Seen, SignedBytes
from ledger.chain_asking import fill
from ledger.chain_models import (
    ChainAttempt,
    ChainCall,
    ChainDue,
    ChainHead,
    ChainOutcome,
    ChainSetback,
    ChainSighting,
    ChainSlot,
    ChainSlotLoss,
)

IN_FLIGHT = 64
"""So many nonces of one sender wait for blocks at a time: nodes keep few from one address."""

HELD = 256
"""So many calls that were held before are looked at again in each round."""

ROUNDS = 40
REVERTS_AT_MOST = 2


@dataclass
class _Live:
    """A slot that is neither lost nor decided, its attempts by number, what was last seen of it, and what is now."""

    slot: ChainSlot
    attempts: list[ChainAttempt]
    last: ChainSighting | None
    now: tuple[ChainAttempt, Seen] | None = None

    @property
    def newest(self) -> ChainAttempt:
        return self.attempts[-1]


class Rounds:
    """The calls of one key on one chain. The caller holds the sender's lock, and no transaction is open."""

    def __init__(self, account: Account, *, roles: Sequence[str], now: datetime) -> None:
        """Take the account's calls: those of the roles whose key it is. With none, its old transactions are seen to."""
        self._account = account
        self._here = {"chain_id": account.chain_id, "sender": account.address}
        self._calls = ChainCall.objects.filter(chain_id=account.chain_id, role__in=roles, due__isnull=False)
        self._role = roles[0] if roles else ""
        self._now = now
        self._depth = max(1, int(settings.CHAIN_CONFIRMATIONS))
        self._ceiling_wei = int(settings.CHAIN_MAX_FEE_GWEI) * rules.GWEI
        self._max_gas = int(settings.CHAIN_MAX_GAS)
        self._submitted: set[str] = set()

    @property
    def sent(self) -> int:
        """How many transactions were handed over."""
        return len(self._submitted)

    def run(self) -> None:
        """Go on until nothing more can be done now. Raise ChainUnavailable where what the chain says is no use."""
        for _ in range(ROUNDS):
            moment, live, lost = self._look()
            replaced = self._replace(moment, live)
            taken = self._take(moment, live)
            sent = self._submit()
            if not (sent and taken) and not lost:
                break
        if sent or replaced:
            self._look()

    # --- what is in the chain ---------------------------------------------------------------------------------------

    def _look(self) -> tuple[Moment, list[_Live], int]:
        """Record what became of our transactions; return the moment, what is still open, and how many slots went."""
        moment = self._account.moment(depth=self._depth)
        self._check_memory(moment)
        live = self._live()
        # The moment comes first and the receipts after it: a nonce that was used by then, by none of ours, is lost.
        within = [one for one in live if one.slot.nonce < moment.mined_nonce]
        digests = [attempt.digest for one in within for attempt in one.attempts]
        seen = dict(zip(digests, self._account.seen(digests, moment), strict=True))
        losses = []
        for one in within:
            hits = [(attempt, hit) for attempt in one.attempts if (hit := seen[attempt.digest]) is not None]
            if len(hits) > 1:
                raise ChainUnavailable(f"two transactions of nonce {one.slot.nonce} are said to be in the chain")
            one.now = hits[0] if hits else None
            if not hits and one.slot.nonce < moment.settled_nonce:
                losses.append(self._loss_of(one, moment))
        open_still, lost = self._record(moment, live, losses)
        return moment, open_still, lost

    def _check_memory(self, moment: Moment) -> None:
        """Refuse a chain that has taken back what was final: nothing that we know of it can be relied on."""
        later = ChainSlot.objects.filter(**self._here, nonce__gte=moment.settled_nonce)
        forgotten = later.exclude(call__due__isnull=False, loss=None).order_by("nonce").first()
        if forgotten is not None:
            raise ChainUnavailable(
                f"the chain counts {moment.settled_nonce} transactions of {self._account.address}, but nonce "
                f"{forgotten.nonce} was final: it answers from the past, or was begun anew (then use a new key)"
            )

    def _live(self) -> list[_Live]:
        ordered = Prefetch("attempts", ChainAttempt.objects.order_by("number"))
        slots = ChainSlot.objects.filter(**self._here, loss=None, call__due__isnull=False)
        rows = list(slots.order_by("nonce").select_related("call").prefetch_related(ordered))
        sightings = ChainSighting.objects.filter(attempt__slot__in=rows).order_by("id").select_related("attempt")
        last = {one.attempt.slot_id: one for one in sightings}
        return [_Live(slot, list(slot.attempts.all()), last.get(slot.pk)) for slot in rows]

    def _loss_of(self, one: _Live, moment: Moment) -> ChainSlotLoss:
        """Find out which transaction used a nonce of ours; ChainUnavailable when it was one of ours after all."""
        slot = one.slot
        winner = self._account.winner(slot.nonce, after=max(0, slot.head - 64), at=moment)
        if winner.digest in {attempt.digest for attempt in one.attempts}:
            raise ChainUnavailable(
                f"the receipt of {winner.digest}, which is in block {winner.block_number}, is hidden"
            )
        return ChainSlotLoss(
            slot=slot, winner=winner.digest, reverted=False, block_number=winner.block_number, lost_at=self._now
        )

    def _record(self, moment: Moment, live: list[_Live], losses: list[ChainSlotLoss]) -> tuple[list[_Live], int]:
        with transaction.atomic(durable=True):
            ChainHead.objects.update_or_create(
                chain_id=self._account.chain_id, defaults={"number": moment.head, "seen_at": self._now}
            )
            ended = {loss.slot_id for loss in losses}
            for one in live:
                sighting = self._sighting(one)
                if one.now is None or not rules.is_final(one.now[1].block_number, moment.head, depth=self._depth):
                    continue
                ended.add(one.slot.pk)
                if one.now[1].success:
                    self._decide(one.slot.call, ChainOutcome.CONFIRMED, sighting=sighting)
                else:
                    losses.append(self._reverted(one, one.now[1]))
            ChainSlotLoss.objects.bulk_create(losses)
        return [one for one in live if one.slot.pk not in ended], len(losses)

    def _sighting(self, one: _Live) -> ChainSighting | None:
        """Return the newest sighting, having added one if something changed."""
        if one.now is None:
            if one.last is not None and one.last.status != ChainSighting.GONE:
                one.last = ChainSighting.objects.create(
                    attempt=one.last.attempt, status=ChainSighting.GONE, seen_at=self._now
                )
                self._submitted.difference_update(attempt.digest for attempt in one.attempts)
            return one.last
        attempt, seen = one.now
        status = ChainSighting.MINED if seen.success else ChainSighting.REVERTED
        if one.last is None or (one.last.attempt_id, one.last.status, one.last.block_hash) != (
            attempt.pk,
            status,
            seen.block_hash,
        ):
            one.last = ChainSighting.objects.create(
                attempt=attempt,
                status=status,
                block_number=seen.block_number,
                block_hash=seen.block_hash,
                block_time=datetime.fromtimestamp(seen.block_time, UTC),
                gas_used=seen.gas_used,
                gas_price_wei=seen.gas_price_wei,
                seen_at=self._now,
            )
        return one.last

    def _reverted(self, one: _Live, seen: Seen) -> ChainSlotLoss:
        """The contract refused in the block what it would have taken before it: that nonce is spent for nothing."""
        assert one.now is not None
        call = one.slot.call
        if ChainSlotLoss.objects.filter(slot__call=call, reverted=True).count() + 1 >= REVERTS_AT_MOST:
            self._decide(call, ChainOutcome.REFUSED, reason=f"it reverted in {REVERTS_AT_MOST} blocks")
        return ChainSlotLoss(
            slot=one.slot,
            winner=one.now[0].digest,
            reverted=True,
            block_number=seen.block_number,
            lost_at=self._now,
        )

    def _decide(self, call: ChainCall, state: str, *, sighting: ChainSighting | None = None, reason: str = "") -> None:
        ChainOutcome.objects.create(call=call, state=state, sighting=sighting, reason=reason, decided_at=self._now)

    # --- what is to be sent -----------------------------------------------------------------------------------------

    def _replace(self, moment: Moment, live: list[_Live]) -> int:
        """Sign anew, with higher fees, what has waited for a block beyond our patience; return how many."""
        before = self._now - timedelta(seconds=int(settings.CHAIN_PATIENCE_SECONDS))
        stuck = [one for one in live if one.now is None and one.newest.made_at <= before and self._role]
        made = []
        for one in stuck:
            old = one.newest
            # Those behind another wait for that one, not for a better price, unless the price is gone up.
            dear = old.max_fee_wei < moment.fees.base_wei + moment.fees.tip_wei
            if one.slot.nonce != moment.mined_nonce and not dear:
                continue
            bid = rules.raised(rules.Bid(old.max_fee_wei, old.max_tip_wei), moment.fees, ceiling_wei=self._ceiling_wei)
            if bid is None:
                self._hold(one.slot.call, self._too_dear())
                continue
            made.append(self._attempt(one.slot, old.number + 1, old.gas, bid))
        with transaction.atomic(durable=True):
            ChainAttempt.objects.bulk_create(made)
        self._fill_a_gap(moment, live, is_stuck=bool(stuck))
        return len(made)

    def _fill_a_gap(self, moment: Moment, live: list[_Live], *, is_stuck: bool) -> None:
        """Ask for an empty transaction where a foreign one has vanished before ours, or ours would wait for ever."""
        nonces = [one.slot.nonce for one in live if one.now is None]
        if not is_stuck or moment.next_nonce >= min(nonces):
            return
        fill(
            role=self._role,
            chain_id=self._account.chain_id,
            sender=self._account.address,
            nonce=moment.next_nonce,
            now=self._now,
        )

    def _take(self, moment: Moment, live: list[_Live]) -> int:
        """Give nonces to calls that can go now, and sign them, committed; return how many."""
        room = IN_FLIGHT - len(live)
        waiting = self._waiting(room) if room > 0 else []
        if not waiting:
            return 0
        bid = rules.bid(moment.fees, ceiling_wei=self._ceiling_wei)
        if bid is None:
            for call in waiting:
                self._hold(call, self._too_dear())
            return 0
        unmined = [one.slot.call_id for one in live if one.now is None]
        gas = self._passed(moment, waiting, first_unmined=min(unmined, default=None))
        ready = [call for call in waiting if call.pk in gas][:room]
        if not ready:
            return 0
        with transaction.atomic(durable=True):
            locked = ChainDue.objects.select_for_update().filter(call__in=ready)
            due = set(locked.values_list("call_id", flat=True))
            taken = ChainSlot.objects.filter(**self._here, nonce__gte=moment.next_nonce)
            nonces = rules.free_nonces(moment.next_nonce, set(taken.values_list("nonce", flat=True)), len(due))
            before = Counter(ChainSlot.objects.filter(call__in=ready).values_list("call_id", flat=True))
            slots = [
                ChainSlot(
                    call=call,
                    number=before[call.pk] + 1,
                    nonce=nonce,
                    head=moment.head,
                    taken_at=self._now,
                    **self._here,
                )
                for call, nonce in zip((call for call in ready if call.pk in due), nonces, strict=True)
            ]
            ChainSlot.objects.bulk_create(slots)
            ChainAttempt.objects.bulk_create([self._attempt(slot, 1, gas[slot.call_id], bid) for slot in slots])
        return len(slots)

    def _waiting(self, room: int) -> list[ChainCall]:
        """Return calls without a nonce in the order asked; what was held before is looked at after the others."""
        has_slot = Exists(ChainSlot.objects.filter(call=OuterRef("pk"), loss=None))
        was_held = Exists(ChainSetback.objects.filter(call=OuterRef("pk")))
        rows = self._calls.exclude(has_slot).order_by("id")
        found = list(rows.exclude(was_held)[:room])
        if len(found) < room:
            found += rows.filter(was_held)[:HELD]
        return sorted(found, key=lambda call: call.pk)

    def _passed(self, moment: Moment, waiting: list[ChainCall], *, first_unmined: int | None) -> dict[int, int]:
        """Return the gas of each call that would succeed now, by its id; deal with those that would not."""
        limit = min(self._max_gas, moment.gas_limit)
        found = self._account.estimates([_message(call) for call in waiting], limit=limit)
        gas = {
            call.pk: min(answer + answer // 4, limit)
            for call, answer in zip(waiting, found, strict=True)
            if not isinstance(answer, Refusal)
        }
        # A call may need what one before it does: it is refused only when none of those is still to be mined.
        first = min([*gas, *([first_unmined] if first_unmined is not None else [])], default=None)
        for call, answer in zip(waiting, found, strict=True):
            if isinstance(answer, Refusal):
                self._refused(moment, call, answer, is_behind=first is not None and first < call.pk)
        return gas

    def _refused(self, moment: Moment, call: ChainCall, refusal: Refusal, *, is_behind: bool) -> None:
        """Decide what a refusal means. It is final when the contract says the same in the newest final block."""
        if refusal.name in call.later or not refusal.is_sure:
            self._hold(call, refusal.reason)
            return
        is_done = refusal.name != "" and refusal.name in call.done
        if is_behind and not is_done:
            self._hold(call, "it waits for an earlier call")
            return
        limit = min(self._max_gas, moment.gas_limit)
        settled = self._account.refusal_at(_message(call), moment.settled, limit=limit)
        if (
            settled is None
            or not settled.is_sure
            or settled.name in call.later
            or is_done != (settled.name in call.done)
        ):
            self._hold(call, refusal.reason)
            return
        state = ChainOutcome.CONFIRMED if is_done else ChainOutcome.REFUSED
        with transaction.atomic(durable=True):
            if ChainDue.objects.select_for_update().filter(call=call).exists():
                self._decide(call, state, reason=refusal.name if is_done else refusal.reason)

    def _hold(self, call: ChainCall, reason: str) -> None:
        newest = call.setbacks.order_by("-id").first()
        if newest is None or newest.reason != reason:
            ChainSetback.objects.create(call=call, reason=reason, noticed_at=self._now)

    def _too_dear(self) -> str:
        return f"a unit of gas costs more than {settings.CHAIN_MAX_FEE_GWEI} gwei"

    def _attempt(self, slot: ChainSlot, number: int, gas: int, bid: rules.Bid) -> ChainAttempt:
        signed = self._account.sign(
            Draft(
                nonce=slot.nonce,
                message=_message(slot.call),
                gas=gas,
                max_fee_wei=bid.max_fee_wei,
                max_tip_wei=bid.max_tip_wei,
            )
        )
        return ChainAttempt(
            slot=slot,
            number=number,
            digest=signed.digest,
            raw=signed.raw,
            gas=gas,
            max_fee_wei=bid.max_fee_wei,
            max_tip_wei=bid.max_tip_wei,
            made_at=self._now,
        )

    def _submit(self) -> int:
        """Hand over what is in no block, each once in this run: as new, or again, which the chain does not mind."""
        absent = [one for one in self._live() if one.last is None or one.last.status == ChainSighting.GONE]
        ready = [one.newest for one in absent if one.newest.digest not in self._submitted]
        refused = self._account.submit([SignedBytes(bytes(attempt.raw), attempt.digest) for attempt in ready])
        for attempt in ready:
            if attempt.digest in refused:
                self._hold(attempt.slot.call, f"the endpoint refuses it: {refused[attempt.digest]}")
        self._submitted.update(attempt.digest for attempt in ready)
        return len(ready)


def _message(call: ChainCall) -> Message:
    return Message(call.artifact, call.contract, bytes(call.data))
