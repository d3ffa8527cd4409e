"""Handing a pack over whose releases have tokens: they move on chain first, then the log says it of every release.

Nobody but its holder can move a token. So the two agree before, each signing for the log, and the log follows the chain
as soon as every token is confirmed where it should be: they never disagree for longer than that takes.
"""

import logging
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

import ledger.operations
from ledger.operations import Hands
from marketplace.catalog.models import Transfer, TransferProposal
from marketplace.catalog.token_models import Handover
from marketplace.catalog.tokens import checked_wallet
from marketplace.catalog.transferring import (
    State,
    UnableToTransfer,
    answerable,
    complete,
    held,
    signed_now,
    signer_then,
    tokens_of,
)
from marketplace.people.models import Creator

LOGGER = logging.getLogger(__name__)


@transaction.atomic
def take_over(*, proposal: TransferProposal, by: Creator, wallet: str, hands: Hands, now: datetime) -> Handover:
    """This will accept a pack with tokens: they are to move to `wallet`, and the pack is the new owner's with them.

    The new owner signs now, as `transfer_pack` says. Where the tokens are in that wallet already, all is done at
    once. Twice is once. Raise UnableToTransfer, UnableToSignFor or UnableToCount.
    """
    pack, row = answerable(proposal, by)
    known = Handover.objects.filter(pk=row.pk).first()
    lower = checked_wallet(wallet)
    if known is not None and lower in (known.wallet, None):
        return known
    if known is not None:
        raise UnableToTransfer(pack, _("You named another wallet before: decline, and have it proposed again."))
    if row.due_at <= now:
        raise UnableToTransfer(pack, _("The proposal is over: its owner may propose it again."))
    if lower is None:
        text = _("This is no address of a wallet: 0x and 40 digits, as the wallet shows it.")
        raise UnableToTransfer(pack, text)
    if not tokens_of(pack):
        raise UnableToTransfer(pack, _("It has no token: it needs no wallet."))
    kid, signatures = signed_now(pack, row.owner, row.new_owner, signs=row.new_owner, hands=hands)
    made = Handover.objects.create(proposal=row, wallet=lower, kid=kid, signatures=signatures, accepted_at=now)
    if not hands.is_rehearsal:
        _finish(row.pk, now)
    return made


@transaction.atomic
def take_without_tokens(*, proposal: TransferProposal, by: Creator, hands: Hands, now: datetime) -> Transfer:
    """This will accept a pack whose tokens stay where they are: their key is lost, or another has them for good.

    The log says who owns, whatever the chain says, so no token may keep a pack from changing hands. From here on each
    of them is named as being with another. Raise UnableToTransfer, UnableToSignFor or UnableToCount.
    """
    pack, row = answerable(proposal, by)
    known = Handover.objects.filter(pk=row.pk).first()
    if row.state == State.ACCEPTED:
        return Transfer.objects.get(pk=row.pk)
    if row.due_at <= now:
        raise UnableToTransfer(pack, _("The proposal is over: its owner may propose it again."))
    if known is not None:
        raise UnableToTransfer(pack, _("You named a wallet before: decline, and have it proposed again."))
    if not tokens_of(pack):
        raise UnableToTransfer(pack, _("It has no token: it needs no wallet."))
    Handover.objects.create(proposal=row, wallet="", accepted_at=now)
    new_owner = row.new_owner
    return complete(pack, row, lambda: ledger.operations.any_signer(creator=new_owner, hands=hands, now=now), now)


def finish_handovers(*, now: datetime) -> int:
    """This will state the transfers whose tokens have all arrived, and return how many packs changed hands."""
    count = 0
    waiting = TransferProposal.objects.filter(state=State.OPEN).exclude(handover=None).order_by("proposed_at", "id")
    for pk in list(waiting.values_list("pk", flat=True)):
        try:
            with transaction.atomic():
                count += _finish(pk, now) is not None
        except (UnableToTransfer, ledger.operations.UnableToSignFor, ledger.operations.UnableToCount) as refusal:
            LOGGER.error("The tokens of proposal %s have moved, but the log cannot say so: %s", pk, refusal)
    return count


def _finish(pk: object, now: datetime) -> Transfer | None:
    row = TransferProposal.objects.select_related("pack", "owner", "new_owner", "handover").get(pk=pk)
    pack, accepted = held(row.pack), row.handover
    TransferProposal.objects.select_for_update().get(pk=pk)
    row.refresh_from_db(fields=["state"])
    tokens = tokens_of(pack)
    if row.state != State.OPEN or not tokens or any(move.holder != accepted.wallet for _, move in tokens):
        return None
    signed = (accepted.kid, accepted.signatures)
    return complete(pack, row, lambda: signer_then(pack, row, row.new_owner, signed, now), now)
