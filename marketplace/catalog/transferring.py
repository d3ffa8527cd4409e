"""Handing a pack over: proposed by its owner, accepted by the next, signed by both in the log."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

import ledger.operations
import ledger.queries
from ledger.custody import current_key, own_key
from ledger.operations import Hands
from ledger.rules import signing_input
from ledger.signing.base import Signer
from ledger.signing.jwk import encode_base64url
from ledger.signing.jws import decode_base64url
from marketplace.catalog.models import Pack, Release, Transfer, TransferProposal
from marketplace.people.models import Creator

State = TransferProposal.State
ANSWER = timedelta(days=14)


class UnableToTransfer(Exception):
    """The pack stays with its owner; nothing was stated."""

    code = "transfer-refused"

    def __init__(self, pack: Pack, reason: str) -> None:
        super().__init__(reason)
        self.pack, self.reason = pack, reason


@transaction.atomic
def propose_transfer(*, pack: Pack, new_owner: Creator, by: Creator, hands: Hands, now: datetime) -> TransferProposal:
    """This will propose to hand a pack with all its releases over to another creator, who has 14 days to accept.

    Where the owner's key is their own, it signs now: `hands` give its signature of each release's `transfer` entry.
    Raise UnableToTransfer, UnableToSignFor or UnableToCount.
    """
    pack = _held(pack)
    if pack.owner_id != by.pk:
        raise UnableToTransfer(pack, _("Only its owner may hand a pack over."))
    if new_owner.pk == by.pk:
        raise UnableToTransfer(pack, _("It is yours already: name another creator."))
    pack.transfer_proposals.filter(state=State.OPEN, due_at__lte=now).update(state=State.EXPIRED, ended_at=now)
    there = pack.transfer_proposals.filter(state=State.OPEN).first()
    if there is not None:
        if there.new_owner_id == new_owner.pk:
            return there
        raise UnableToTransfer(pack, _("It is proposed to another creator: withdraw that first."))
    kid, signatures = "", {}
    if own_key(by) is not None:
        signer = ledger.operations.elsewhere(creator=by, hands=hands)
        kid = signer.kid
        for body in _bodies(pack, by, new_owner):
            message = signing_input(type="transfer", log=settings.LOG_ORIGIN, body=body)
            signatures[body["release"]] = encode_base64url(signer.sign(message))
    return TransferProposal.objects.create(
        pack=pack,
        owner=by,
        new_owner=new_owner,
        kid=kid,
        signatures=signatures,
        proposed_at=now,
        due_at=now + ANSWER,
    )


@transaction.atomic
def transfer_pack(*, proposal: TransferProposal, by: Creator, hands: Hands, now: datetime) -> Transfer:
    """This will accept a proposal: the pack is the new owner's, and each release has its `transfer` entry.

    Both sign it: the owner as they did when they proposed, or with the key that is kept here; the new owner with the
    key that is kept here, or through `hands`. Twice is once. Raise UnableToTransfer, UnableToSignFor or UnableToCount.
    """
    pack = _held(proposal.pack)
    row = TransferProposal.objects.select_for_update().select_related("owner", "new_owner").get(pk=proposal.pk)
    if by.pk != row.new_owner_id:
        raise UnableToTransfer(pack, _("Only the creator to whom it is proposed may accept it."))
    if row.state == State.ACCEPTED:
        return Transfer.objects.get(pk=row.pk)
    if row.state != State.OPEN or row.due_at <= now:
        raise UnableToTransfer(pack, _("The proposal is over: its owner may propose it again."))
    # In one order, so that two who hand packs to each other do not wait in a ring.
    find: dict[Creator, Callable[[], Signer]] = {
        row.owner: lambda: _owners_signer(pack, row, now),
        row.new_owner: lambda: ledger.operations.any_signer(creator=row.new_owner, hands=hands, now=now),
    }
    signers = {one.pk: find[one]() for one in sorted(find, key=lambda one: one.pk)}
    for body in _bodies(pack, row.owner, row.new_owner):
        ledger.operations.state(
            type="transfer",
            subject=f"release:{body['release']}",
            body=body,
            now=now,
            signers=[signers[row.owner_id], signers[row.new_owner_id]],
        )
    made = Transfer.objects.create(
        proposal=row, pack=pack, owner=row.owner, new_owner=row.new_owner, transferred_at=now
    )
    pack.owner = row.new_owner
    pack.save(update_fields=["owner"])
    _end(row, State.ACCEPTED, now)
    return made


@transaction.atomic
def end_proposal(*, proposal: TransferProposal, by: Creator, now: datetime) -> TransferProposal:
    """This will end a proposal without a transfer: declined by the one, or withdrawn by the other. Twice is once."""
    row = TransferProposal.objects.select_for_update().get(pk=proposal.pk)
    state = {row.owner_id: State.WITHDRAWN, row.new_owner_id: State.DECLINED}.get(by.pk)
    if state is None:
        raise UnableToTransfer(row.pack, _("Only its owner or the creator to whom it is proposed may end it."))
    if row.state == State.ACCEPTED:
        raise UnableToTransfer(row.pack, _("It was accepted, which is for good."))
    return row if row.state != State.OPEN else _end(row, state, now)


def expire_proposals(*, now: datetime) -> int:
    """This will end the proposals that nobody answered in time, and return how many."""
    rows = TransferProposal.objects.filter(state=State.OPEN, due_at__lte=now)
    return rows.update(state=State.EXPIRED, ended_at=now)


def proposal_of(pack: Pack) -> TransferProposal | None:
    """This will find the proposal that waits for an answer."""
    return pack.transfer_proposals.select_related("owner", "new_owner").filter(state=State.OPEN).first()


def proposals_to(creator: Creator, now: datetime) -> Sequence[TransferProposal]:
    """This will list the proposals that wait for a creator's answer, the oldest first."""
    rows = TransferProposal.objects.select_related("pack__creator", "owner", "new_owner")
    return list(rows.filter(new_owner=creator, state=State.OPEN, due_at__gt=now).order_by("proposed_at", "id"))


def _held(pack: Pack) -> Pack:
    # Without a join to the owner: who waited here for a transfer would find no row once the owner is another.
    return Pack.objects.select_for_update(no_key=True).get(pk=pack.pk)


def _bodies(pack: Pack, owner: Creator, new_owner: Creator) -> list[dict[str, str]]:
    digests = Release.objects.filter(pack=pack).order_by("digest").values_list("digest", flat=True)
    return [
        {
            "release": digest,
            "owner": str(owner.pk),
            "new_owner": str(new_owner.pk),
            "previous": ledger.queries.made_owner_by(digest),
        }
        for digest in digests
    ]


def _owners_signer(pack: Pack, row: TransferProposal, now: datetime) -> Signer:
    key = current_key(row.owner)
    if row.kid != (key.kid if key is not None and key.custody == key.OWN else ""):
        raise UnableToTransfer(pack, _("The owner has another signing key since: they must propose it again."))
    if key is None or not row.kid:
        return ledger.operations.signer_of(creator=row.owner, now=now)
    messages = {
        body["release"]: signing_input(type="transfer", log=settings.LOG_ORIGIN, body=body)
        for body in _bodies(pack, row.owner, row.new_owner)
    }
    signed = {messages[digest]: decode_base64url(sig) for digest, sig in row.signatures.items() if digest in messages}
    return ledger.operations.presented(creator=row.owner, signatures=signed)


def _end(row: TransferProposal, state: str, now: datetime) -> TransferProposal:
    row.state, row.ended_at = state, now
    row.save(update_fields=["state", "ended_at"])
    return row
