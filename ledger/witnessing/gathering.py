"""Gather witnesses' cosignatures before a checkpoint is published, and hear of a fork before one is signed."""

import logging
from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from ledger import keyring, queries
from ledger.log.checkpoint import TreeHead, UnableToReadNote, UnableToVerifyNote, sign_checkpoint
from ledger.log.cosignature import CosignatureLine, find_cosignature
from ledger.log.merkle import EMPTY_ROOT, UnableToVerifyProof, verify_consistency
from ledger.log.tiles import TileMissing, TileReader
from ledger.models import Checkpoint, Cosignature
from ledger.stating import state_once
from ledger.witnessing import client
from ledger.witnessing.client import Contradicts, Cosigned, Post, Remembers, Said, Silent
from ledger.witnessing.policy import Policy, PolicyWitness, UnableToReadPolicy, configured

LOGGER = logging.getLogger(__name__)
CLOCK_TOLERANCE_SECONDS = 300
GRACE_SECONDS = 2.0
ROUNDS = 3

_checked: dict[str, tuple[str, int, bytes]] = {}
"""By origin, under which policy which checkpoint this process has last shown to the witnesses."""

_complained: dict[str, str] = {}
"""What was last logged of a witness, by its address: the same is not said every second."""


class UnableToWitness(Exception):
    """A checkpoint that is sealed and stays unpublished, because too few witnesses cosigned it."""

    code = "unable-to-witness"

    def __init__(self, size: int, quorum: str, said: Mapping[str, str]) -> None:
        super().__init__(size, quorum, said)
        self.size = size
        self.quorum = quorum
        self.said = said

    def __str__(self) -> str:
        return _(
            "The checkpoint of %(size)d leaves is sealed and not published: the quorum %(quorum)s of its witnesses is "
            "not met (%(said)s); the next run asks again. If a witness is gone for good, name another in the policy."
        ) % {
            "size": self.size,
            "quorum": self.quorum,
            "said": "; ".join(f"{name}: {reason}" for name, reason in self.said.items()),
        }


class LogForked(Exception):
    """A witness holds a history of this log that ours does not continue. Nothing was signed or published."""

    code = "log-forked"

    def __init__(self, witness: str, reason: str) -> None:
        super().__init__(witness, reason)
        self.witness = witness
        self.reason = reason

    @property
    def advice(self) -> str:
        """What to do, in the middle of a sentence."""
        return _(
            "restore the newest backup, which the witness has seen, or start a new log with an empty log folder and "
            "another WORLDLOOM_LOG_ORIGIN; only if the witness itself is at fault, take it out of the policy"
        )

    def __str__(self) -> str:
        return _("The log is forked: %(reason)s; %(advice)s.") % {"reason": self.reason, "advice": self.advice}


@dataclass
class _Round:
    """What is offered to the witnesses, and what came of it: cosignatures and refusals by the witness's name."""

    head: TreeHead
    note: str
    since: datetime | None
    now: datetime
    post: Post
    cosigned: dict[str, CosignatureLine] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


def gather(checkpoint: Checkpoint, *, now: datetime, post: Post = client.post) -> str:
    """Return the checkpoint's note for publication, with the cosignatures of witnesses, which are stored.

    Its tiles must be written. Without a policy nobody is asked. Raise UnableToWitness when the policy's quorum is not
    met, LogForked when a witness contradicts us: in both cases nothing may be published; UnableToReadPolicy.
    """
    policy = configured()
    if policy is None:
        return checkpoint.cosigned_note
    stored = _stored(policy, checkpoint)
    if stored and policy.is_met_by(stored):
        return checkpoint.cosigned_note
    head = TreeHead(settings.LOG_ORIGIN, checkpoint.size, bytes(checkpoint.root))
    offer = _Round(head, checkpoint.note, checkpoint.sealed_at, now, post, cosigned=stored)
    try:
        _ask(policy, offer, until_met=True)
    finally:
        _store(policy, checkpoint, offer)
    _checked[head.origin] = (policy.digest, head.size, head.root)
    if not policy.is_met_by(offer.cosigned):
        said = {name: offer.refused[name] for name in policy.witnesses if name in offer.refused}
        raise UnableToWitness(head.size, policy.quorum, said)
    _complain(policy, offer)
    return checkpoint.cosigned_note


def _complain(policy: Policy, offer: _Round) -> None:
    for name, witness in policy.witnesses.items():
        reason = offer.refused.get(name, "")
        if reason and _complained.get(witness.url) != reason:
            LOGGER.warning("Witness %s did not cosign the checkpoint of %d leaves: %s", name, offer.head.size, reason)
        _complained[witness.url] = reason


def check_sizes(*, now: datetime, post: Post = client.post) -> None:
    """Ask the witnesses that answer what they last saw, unless the newest checkpoint is the one they were shown last.

    To be called before anything is signed: LogForked when a witness remembers leaves that the database does not hold.
    It states the policy in the log, once a text, and puts its file beside the log's. Raise UnableToReadPolicy.
    """
    policy = configured()
    if policy is None:
        (queries.log_folder().prefix / "policy").unlink(missing_ok=True)
        return
    newest = queries.latest_checkpoint()
    mark = (policy.digest, newest.size, bytes(newest.root)) if newest else (policy.digest, 0, EMPTY_ROOT)
    if _checked.get(settings.LOG_ORIGIN) == mark:
        return
    _show(policy, newest, now, post)
    _state(policy, now)
    _checked[settings.LOG_ORIGIN] = mark


def ask_all(*, now: datetime, post: Post = client.post) -> dict[str, str]:
    """Show the newest checkpoint to every witness of the policy; return by name why those refuse that do.

    Cosignatures are stored, nothing is published. Raise LogForked, UnableToReadPolicy.
    """
    policy = configured()
    return _show(policy, queries.latest_checkpoint(), now, post).refused if policy else {}


def _show(policy: Policy, newest: Checkpoint | None, now: datetime, post: Post) -> _Round:
    _check_own_key(policy)
    if newest is not None:
        head = TreeHead(settings.LOG_ORIGIN, newest.size, bytes(newest.root))
        offer = _Round(head, newest.note, newest.sealed_at, now, post)
    else:
        # Every tree continues the empty one, so nothing is promised by signing it, and who has seen more says so.
        head = TreeHead(settings.LOG_ORIGIN, 0, EMPTY_ROOT)
        (key, sign), *also = keyring.log_signers(now=now)
        offer = _Round(head, sign_checkpoint(head, key, sign, also), None, now, post)
    try:
        _ask(policy, offer, until_met=False)
    finally:
        # What is out stays as it is: bundles under a checkpoint are the same bytes for ever.
        if newest is not None and not _is_out(newest):
            _store(policy, newest, offer)
    return offer


def _is_out(checkpoint: Checkpoint) -> bool:
    try:
        out = queries.published()
    except (UnableToReadNote, UnableToVerifyNote):
        return True  # and the sealer says so in a moment
    return out is not None and out.head.size >= checkpoint.size


def _check_own_key(policy: Policy) -> None:
    ours = {key.public_key for key in keyring.log_keys()}
    if policy.logs and not any(log.key.public_key in ours for log in policy.logs):
        raise UnableToReadPolicy(settings.WITNESS_POLICY, "has a log line for our origin with another key than ours")
    for witness in policy.witnesses.values():
        if witness.key.public_key in ours:
            raise UnableToReadPolicy(settings.WITNESS_POLICY, f"names our own key as the witness {witness.name}")


def _state(policy: Policy, now: datetime) -> None:
    body = {"policy": policy.digest, "witnesses": len(policy.witnesses)}
    with transaction.atomic():
        state_once(type="policy", subject=f"policy:{policy.digest}", body=body, now=now)
    folder = queries.log_folder()
    if folder.read("policy") != policy.text:
        folder.write("policy", policy.text, durable=True)


def _stored(policy: Policy, checkpoint: Checkpoint) -> dict[str, CosignatureLine]:
    """Return the stored cosignatures that are by witnesses of the policy."""
    found = {}
    for name, witness in policy.witnesses.items():
        try:
            line = find_cosignature(checkpoint.cosigned_note, witness.key)
        except (UnableToReadNote, UnableToVerifyNote):
            continue
        if line is not None:
            found[name] = line
    return found


def _store(policy: Policy, checkpoint: Checkpoint, offer: _Round) -> None:
    rows = [
        Cosignature(
            checkpoint=checkpoint,
            name=policy.witnesses[name].key.name,
            key_id=policy.witnesses[name].key.key_id.hex(),
            line=found.line,
            received_at=offer.now,
        )
        for name, found in offer.cosigned.items()
    ]
    Cosignature.objects.bulk_create(rows, ignore_conflicts=True)


def _ask(policy: Policy, offer: _Round, *, until_met: bool) -> None:
    """Ask all witnesses at once; `until_met` waits for those that are slow only until the quorum is met.

    Raise LogForked as soon as one contradicts us.
    """
    asked = [one for one in policy.witnesses.values() if one.name not in offer.cosigned]
    offer.refused |= {one.name: _("it has no address in the policy") for one in asked if not one.url}
    asked = [one for one in asked if one.url]
    if not asked:
        return
    pool = ThreadPoolExecutor(len(asked), thread_name_prefix="witness")
    try:
        _hear(policy, offer, pool, asked, until_met)
    finally:
        # Those that are slow end by their own timeouts, and nobody waits for them.
        pool.shutdown(wait=False, cancel_futures=True)


def _hear(
    policy: Policy, offer: _Round, pool: ThreadPoolExecutor, asked: Iterable[PolicyWitness], until_met: bool
) -> None:
    reader = TileReader(queries.log_folder(), offer.head.size)
    running: dict[Future[Said], tuple[PolicyWitness, int, int]] = {}

    def send(witness: PolicyWitness, old_size: int, rounds: int) -> None:
        proof = _prove(reader, offer.head, old_size)
        future = pool.submit(
            client.add_checkpoint,
            witness.url,
            witness.key,
            old_size=old_size,
            size=offer.head.size,
            proof=proof,
            note=offer.note,
            post=offer.post,
        )
        running[future] = witness, old_size, rounds

    for witness in asked:
        send(witness, _last_size(witness, reader, offer.head), 1)
    give_up: float | None = None
    while running:
        if give_up is None and until_met and policy.is_met_by(offer.cosigned):
            give_up = monotonic() + GRACE_SECONDS
        done, _waiting = wait(running, None if give_up is None else give_up - monotonic(), FIRST_COMPLETED)
        if not done:
            offer.refused |= {one.name: _("it is slow") for one, _old, _rounds in running.values()}
            return
        for future in done:
            witness, _old_size, rounds = running.pop(future)
            again = _weigh(witness, future.result(), offer)
            if again is not None and rounds < ROUNDS:
                try:
                    send(witness, again, rounds + 1)
                except TileMissing as error:
                    offer.refused[witness.name] = str(error)
            elif again is not None:
                offer.refused[witness.name] = _("it says another size each time")


def _prove(reader: TileReader, head: TreeHead, old_size: int) -> list[bytes]:
    """Return the consistency proof from a size that the database sealed, which holds between its own roots.

    TileMissing when files are damaged: no witness is to take that for a fork.
    """
    if not 0 < old_size < head.size:
        return []
    proof = reader.consistency_proof(old_size)
    old_root = Checkpoint.objects.filter(size=old_size).values_list("root", flat=True).first()
    try:
        verify_consistency(old_size, head.size, proof, bytes(old_root or b""), head.root)
    except UnableToVerifyProof:
        raise TileMissing(str(queries.log_folder().prefix)) from None
    return proof


def _last_size(witness: PolicyWitness, reader: TileReader, head: TreeHead) -> int:
    """Return the size that the witness should remember, 0 when we do not know, or cannot prove anything from it."""
    ours = Cosignature.objects.filter(name=witness.key.name, key_id=witness.key.key_id.hex())
    size: int = ours.order_by("-id").values_list("checkpoint__size", flat=True).first() or 0
    try:
        _prove(reader, head, size)
    except TileMissing:
        return 0
    return size if size <= head.size else 0


def _weigh(witness: PolicyWitness, said: Said, offer: _Round) -> int | None:
    """Take down what a witness said; return the size from which to prove when it must be asked again."""
    if isinstance(said, Cosigned):
        if fault := _clock_fault(said.cosignature, offer):
            offer.refused[witness.name] = fault
        else:
            offer.cosigned[witness.name] = said.cosignature
    elif isinstance(said, Silent):
        offer.refused[witness.name] = said.reason
    elif isinstance(said, Contradicts):
        reason = _("the witness %(witness)s contradicts our tree of %(size)d leaves: %(said)s")
        values = {"witness": witness.name, "size": offer.head.size, "said": said.reason}
        raise LogForked(witness.name, reason % values)
    elif said.size == 0 or Checkpoint.objects.filter(size=said.size).exists():
        if said.size <= offer.head.size:
            return said.size
        offer.refused[witness.name] = _("it has seen a later checkpoint of ours, of %(size)d leaves") % {
            "size": said.size
        }
    else:
        raise LogForked(witness.name, _unknown_size(witness, said, offer))
    return None


def _unknown_size(witness: PolicyWitness, said: Remembers, offer: _Round) -> str:
    values = {"witness": witness.name, "seen": said.size, "sealed": offer.head.size}
    if said.size > offer.head.size:
        return (
            _(
                "the witness %(witness)s cosigned %(seen)d leaves but the database holds %(sealed)d, as if it were "
                "restored from an older backup"
            )
            % values
        )
    return _("the witness %(witness)s cosigned a tree of %(seen)d leaves that the database never sealed") % values


def _clock_fault(cosignature: CosignatureLine, offer: _Round) -> str:
    """Return what is wrong with the time that a cosignature states, nothing when it may be true."""
    at, now = cosignature.timestamp, int(offer.now.timestamp())
    if at > now + CLOCK_TOLERANCE_SECONDS:
        return _("its cosignature is of the future, by %(seconds)d seconds") % {"seconds": at - now}
    since = int(offer.since.timestamp()) if offer.since else 0
    if at < since - CLOCK_TOLERANCE_SECONDS:
        return _("its cosignature is older than the checkpoint, by %(seconds)d seconds") % {"seconds": since - at}
    return ""
