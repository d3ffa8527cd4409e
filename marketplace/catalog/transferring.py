"""Handing a pack over: proposed by its owner, accepted by the next, signed by both in the log."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

import ledger.operations
import ledger.queries
from ledger.chain.base import ChainUnavailable
from ledger.custody import current_key, own_key
from ledger.operations import Hands
from ledger.rules import signing_input
from ledger.signing.base import Signer
from ledger.signing.jwk import encode_base64url
from ledger.signing.jws import decode_base64url
from marketplace.catalog import token_queries
from marketplace.catalog.models import Pack, Release, Transfer, TransferProposal
from marketplace.catalog.token_models import TokenEvent
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
    pack = held(pack)
    if pack.owner_id != by.pk:
        raise UnableToTransfer(pack, _("Only its owner may hand a pack over."))
    if new_owner.pk == by.pk:
        raise UnableToTransfer(pack, _("It is yours already: name another creator."))
    _expire(pack.transfer_proposals.all(), now)
    there = pack.transfer_proposals.filter(state=State.OPEN).first()
    if there is not None:
        if there.new_owner_id == new_owner.pk:
            return there
        raise UnableToTransfer(pack, _("It is proposed to another creator: withdraw that first."))
    if _is_made_now(pack):
        raise UnableToTransfer(pack, _("Its token is being made: wait until the chain has answered."))
    kid, signatures = signed_now(pack, by, new_owner, signs=by, hands=hands)
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
    key that is kept here, or through `hands`. A pack with tokens is taken over in handing_over.py, since they come
    first. Twice is once. Raise UnableToTransfer, UnableToSignFor or UnableToCount.
    """
    pack, row = answerable(proposal, by)
    if row.state == State.ACCEPTED:
        return Transfer.objects.get(pk=row.pk)
    if row.due_at <= now:
        raise UnableToTransfer(pack, _("The proposal is over: its owner may propose it again."))
    if tokens_of(pack):
        raise UnableToTransfer(pack, _("It has tokens, which come first: say which wallet of yours gets them."))
    new_owner = row.new_owner
    return complete(pack, row, lambda: ledger.operations.any_signer(creator=new_owner, hands=hands, now=now), now)


def answerable(proposal: TransferProposal, by: Creator) -> tuple[Pack, TransferProposal]:
    """This will lock a pack and its proposal for `by`, to whom it is proposed; UnableToTransfer once it is over."""
    pack = held(proposal.pack)
    row = TransferProposal.objects.select_for_update().select_related("owner", "new_owner").get(pk=proposal.pk)
    if by.pk != row.new_owner_id:
        raise UnableToTransfer(pack, _("Only the creator to whom it is proposed may accept it."))
    if row.state not in (State.OPEN, State.ACCEPTED):
        raise UnableToTransfer(pack, _("The proposal is over: its owner may propose it again."))
    return pack, row


def complete(pack: Pack, row: TransferProposal, new_owners_signer: Callable[[], Signer], now: datetime) -> Transfer:
    """This will state the transfer of each release, signed by both, and give the pack to its new owner."""
    # In one order, so that two who hand packs to each other do not wait in a ring.
    find: dict[Creator, Callable[[], Signer]] = {
        row.owner: lambda: signer_then(pack, row, row.owner, (row.kid, row.signatures), now),
        row.new_owner: new_owners_signer,
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
    row = TransferProposal.objects.select_for_update(of=("self",)).select_related("pack").get(pk=proposal.pk)
    state = {row.owner_id: State.WITHDRAWN, row.new_owner_id: State.DECLINED}.get(by.pk)
    if state is None:
        raise UnableToTransfer(row.pack, _("Only its owner or the creator to whom it is proposed may end it."))
    if row.state == State.ACCEPTED:
        raise UnableToTransfer(row.pack, _("It was accepted, which is for good."))
    if row.state == State.OPEN and state == State.DECLINED and _has_moved(row):
        raise UnableToTransfer(row.pack, _("A token of it is in your wallet: give it back first, and then decline."))
    return row if row.state != State.OPEN else _end(row, state, now)


def expire_proposals(*, now: datetime) -> int:
    """This will end the proposals that nobody answered in time, and return how many."""
    return _expire(TransferProposal.objects.all(), now)


def _expire(rows: QuerySet[TransferProposal], now: datetime) -> int:
    due = rows.filter(state=State.OPEN, due_at__lte=now)
    # Once a token is where it should go, only time and the chain stand between the two.
    going = [row.pk for row in due.exclude(handover=None).select_related("pack", "handover") if _has_moved(row)]
    return due.exclude(pk__in=going).update(state=State.EXPIRED, ended_at=now)


def _has_moved(row: TransferProposal) -> bool:
    """Whether a token of the pack is in the wallet that the new owner named."""
    accepted = getattr(row, "handover", None)
    tokens = tokens_of(row.pack) if accepted is not None else []
    return any(move.holder == accepted.wallet for _, move in tokens)


def proposal_of(pack: Pack) -> TransferProposal | None:
    """This will find the proposal that waits for an answer."""
    return pack.transfer_proposals.select_related("owner", "new_owner").filter(state=State.OPEN).first()


def proposals_to(creator: Creator, now: datetime) -> Sequence[TransferProposal]:
    """This will list the proposals that wait for a creator's answer, the oldest first."""
    rows = TransferProposal.objects.select_related("pack__creator", "owner", "new_owner")
    return list(rows.filter(new_owner=creator, state=State.OPEN, due_at__gt=now).order_by("proposed_at", "id"))


def tokens_of(pack: Pack) -> list[tuple[Release, TokenEvent]]:
    """This will list a pack's tokens; UnableToTransfer while nobody can tell, since they come first."""
    try:
        return token_queries.tokens_of(pack)
    except ChainUnavailable as error:
        raise UnableToTransfer(pack, error.reason) from error


def _is_made_now(pack: Pack) -> bool:
    """Whether the chain makes the token of one of its releases at this moment."""
    try:
        asked = pack.releases.exclude(token_asks=None)
        return any(token_queries.state_of(release).step == "signed" for release in asked)
    except ChainUnavailable as error:
        raise UnableToTransfer(pack, error.reason) from error


def held(pack: Pack) -> Pack:
    """This will lock a pack: who owns it stays so until the caller's transaction ends."""
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


def _messages(pack: Pack, owner: Creator, new_owner: Creator) -> dict[str, bytes]:
    """Return what is signed of each release's `transfer` entry, by the release's digest."""
    return {
        body["release"]: signing_input(type="transfer", log=settings.LOG_ORIGIN, body=body)
        for body in _bodies(pack, owner, new_owner)
    }


def signed_now(
    pack: Pack, owner: Creator, new_owner: Creator, *, signs: Creator, hands: Hands
) -> tuple[str, dict[str, str]]:
    """This will have a creator's own key sign the transfer of each release: its kid, and base64url by digest.

    Nothing where the key is kept here: that signs when the transfer is stated. Raise UnableToSignFor or UnableToCount.
    """
    if own_key(signs) is None:
        return "", {}
    signer = ledger.operations.elsewhere(creator=signs, hands=hands)
    messages = _messages(pack, owner, new_owner)
    return signer.kid, {digest: encode_base64url(signer.sign(message)) for digest, message in messages.items()}


def signer_then(
    pack: Pack, row: TransferProposal, creator: Creator, signed: tuple[str, dict[str, str]], now: datetime
) -> Signer:
    """This will give the signer of what `signed_now` had signed; UnableToTransfer when the key is another since."""
    kid, signatures = signed
    key = current_key(creator)
    if kid != (key.kid if key is not None and key.custody == key.OWN else ""):
        if creator.pk == row.owner_id:
            raise UnableToTransfer(pack, _("The owner has another signing key since: they must propose it again."))
        raise UnableToTransfer(pack, _("The new owner has another signing key since: it must be proposed again."))
    if key is None or not kid:
        return ledger.operations.signer_of(creator=creator, now=now)
    messages = _messages(pack, row.owner, row.new_owner)
    given = {messages[digest]: decode_base64url(sig) for digest, sig in signatures.items() if digest in messages}
    return ledger.operations.presented(creator=creator, signatures=given)


def _end(row: TransferProposal, state: str, now: datetime) -> TransferProposal:
    row.state, row.ended_at = state, now
    row.save(update_fields=["state", "ended_at"])
    return row
