"""Anchor the log on chain: an intent, a call in the outbox to the chain, a receipt once that is final."""

import logging
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from ledger import queries
from ledger.chain.base import Chain, ChainIdentity, ChainUnavailable, UnableToAnchor
from ledger.chain_models import ChainCall, ChainOutcome, ChainSlot
from ledger.chain_queries import calls_about, standing_of
from ledger.index.keys import UNINDEXED
from ledger.models import AnchorIntent, AnchorReceipt, Checkpoint, Leaf
from ledger.sending import Delivery, ask_chain, deliver, withdraw_call
from ledger.stating import state
from marketplace.database.locks import alone

ANCHOR_LOCK = 0x574C_0003
ROLE = "anchorer"
TRY_AGAIN = timedelta(minutes=10)

LOGGER = logging.getLogger(__name__)


class UnableToReachChain(Exception):
    """The chain did not answer; the intent stays and the next run finishes it."""

    code = "chain-unreachable"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return _("The log cannot be anchored now: the chain did not answer (%(reason)s); the next run tries again.") % {
            "reason": self.reason
        }


def anchor(*, now: datetime) -> AnchorReceipt | None:
    """Anchor the newest published checkpoint on chain, unless only receipts and index roots came since the last.

    The call is committed before the chain hears of it, and the contract takes a root once, so that a crash anywhere
    anchors no root twice. One anchor is on its way at a time; return its receipt once its block is final, None before
    that, and when there is nothing to anchor or another process is at it. Raise UnableToReachChain when the chain does
    not answer, ledger.chain.base.UnableToAnchor when the contract refuses.
    """
    with alone(ANCHOR_LOCK, "anchor") as held:
        if not held:
            return None
        try:
            chain: Chain = import_string(settings.ADAPTERS["chain"])()
            identity = chain.identity()
            # Without a chain no intent: whatever is sealed in the meantime is then anchored at once, by its last root.
            served = chain.account(ROLE).chain_id
            if served != identity.chain_id:
                raise ChainUnavailable(
                    f"it serves chain {served}, but the contract was deployed on chain {identity.chain_id}"
                )
            intent = _intend(identity, now)
            if intent is None:
                return None
            delivery = deliver(now=now, role=ROLE)
            return _receive(chain, intent, delivery, now)
        except ChainUnavailable as error:
            raise UnableToReachChain(error.reason) from error


def _intend(identity: ChainIdentity, now: datetime) -> AnchorIntent | None:
    """Return the intent that is on its way to this contract, else a new one, with its call in the outbox, committed."""
    with transaction.atomic(durable=True):
        here = {"chain_id": identity.chain_id, "contract": identity.contract}
        ours = AnchorIntent.objects.filter(**here).select_related("checkpoint").order_by("-checkpoint__size")
        wanted = _worth_anchoring(ours.filter(receipt__isnull=False).first())
        newest = ours.first()
        if newest is not None and not hasattr(newest, "receipt") and not _is_overtaken(newest, wanted, now):
            _ask(newest, now)
            return newest
        if wanted is None:
            return None
        intent, _made = AnchorIntent.objects.get_or_create(checkpoint=wanted, **here, defaults={"intended_at": now})
        _ask(intent, now)
        return intent


def _worth_anchoring(last: AnchorIntent | None) -> Checkpoint | None:
    """Return the published checkpoint, unless nothing but what the log says about itself came since the last anchor."""
    # What is not public yet may still turn out to lack its witnesses, and the chain forgets nothing.
    out = queries.published()
    newest = Checkpoint.objects.filter(size=out.head.size).first() if out else None
    if newest is None:
        return None
    added = Leaf.objects.filter(index__gte=last.checkpoint.size if last else 0, index__lt=newest.size)
    # What the log adds about itself is not worth a transaction: it is anchored with the next fact.
    return newest if added.exclude(entry__type__in=UNINDEXED).exists() else None


def _is_overtaken(intent: AnchorIntent, wanted: Checkpoint | None, now: datetime) -> bool:
    """Say whether a larger checkpoint takes the place of an intent that nothing was signed for, and see to it."""
    call = _call_for(intent)
    if wanted is None or wanted.size <= intent.checkpoint.size or call is None:
        return False
    if call.was_refused():
        return True
    if ChainSlot.objects.filter(call=call).exists():
        return False
    return withdraw_call(key=call.key, reason="a larger checkpoint took its place", now=now)


def _ask(intent: AnchorIntent, now: datetime, *, was_done: bool = False) -> None:
    """Put the anchor into the outbox; anew some time after the contract refused it, or said falsely that it has it."""
    checkpoint, last, before = intent.checkpoint, _call_for(intent), now - TRY_AGAIN
    if last is not None and not last.was_refused(before=before) and not (was_done and last.asked_at <= before):
        return
    number = 1 if last is None else int(last.key.rpartition(":")[2]) + 1
    ask_chain(
        key=f"anchor:{intent.pk}:{number}",
        role=ROLE,
        contract="ProvenanceAnchor",
        function="anchor",
        args=(bytes(checkpoint.root), checkpoint.size, checkpoint.note_digest),
        subject=_subject(intent),
        now=now,
        address=intent.contract,
        chain_id=intent.chain_id,
        done=["AlreadyAnchored"],
        # Whoever may anchor can be named at any time; what was to be anchored then still is.
        later=["NotAnchorer"],
    )


def _call_for(intent: AnchorIntent) -> ChainCall | None:
    calls = calls_about(_subject(intent))
    return calls[-1] if calls else None


def _subject(intent: AnchorIntent) -> str:
    return f"anchor:{intent.pk}"


def _receive(chain: Chain, intent: AnchorIntent, delivery: Delivery, now: datetime) -> AnchorReceipt | None:
    """Record the receipt of an anchor that is final; raise what keeps one from being sent."""
    call = _call_for(intent)
    assert call is not None
    standing = standing_of(call)
    root = bytes(intent.checkpoint.root)
    if standing.state == ChainOutcome.REFUSED:
        # Our trees only grow, so that somebody else anchors with our key, or the contract is another log's.
        LOGGER.critical("The contract %s refuses an anchor of the log: %s", intent.contract, standing.reason)
        raise UnableToAnchor(root, standing.reason)
    if standing.state == ChainOutcome.CONFIRMED:
        if standing.block_time is not None:
            return _record(
                intent,
                now,
                transaction_hash=standing.transaction,
                block_number=int(standing.block_number or 0),
                block_time=standing.block_time,
                gas_used=int(standing.gas_used or 0),
            )
        return _record_found(chain, intent, now)
    if delivery.troubles:
        raise UnableToReachChain(delivery.troubles[0])
    if standing.state == "waiting" and standing.reason:
        raise UnableToAnchor(root, standing.reason)
    return None


def _record_found(chain: Chain, intent: AnchorIntent, now: datetime) -> AnchorReceipt:
    """Record the anchor that somebody else's transaction brought: a process with the same key and another database."""
    found = chain.find(root=bytes(intent.checkpoint.root))
    if found is None:
        # It was told to be there, and is not: by a false answer, or before a deep reorganization. It is asked for anew.
        _ask(intent, now, was_done=True)
        raise UnableToReachChain("it knew the anchor, and now it does not")
    return _record(
        intent,
        now,
        transaction_hash=found.transaction.lower(),
        block_number=found.block_number,
        block_time=datetime.fromtimestamp(found.block_time, UTC),
        gas_used=found.gas_used,
    )


def _record(
    intent: AnchorIntent,
    now: datetime,
    *,
    transaction_hash: str,
    block_number: int,
    block_time: datetime,
    gas_used: int,
) -> AnchorReceipt:
    checkpoint = intent.checkpoint
    with transaction.atomic(durable=True):
        recorded = AnchorReceipt.objects.create(
            intent=intent,
            transaction=transaction_hash,
            block_number=block_number,
            block_time=block_time,
            gas_used=gas_used,
            received_at=now,
        )
        body = {
            "size": checkpoint.size,
            "root": bytes(checkpoint.root).hex(),
            "chain_id": intent.chain_id,
            "contract": intent.contract,
            "transaction": transaction_hash,
            "block_number": block_number,
            "block_time": int(block_time.timestamp()),
        }
        state(type="anchor-receipt", subject=f"checkpoint:{checkpoint.size}", body=body, now=now)
    return recorded
