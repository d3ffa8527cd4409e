"""What the page of a transfer says of the pack's tokens: where they are, where they go, and how they get there."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from ledger.chain.abi import call_data
from ledger.chain.base import ChainUnavailable
from ledger.chain.suite import checked
from marketplace.catalog import token_queries, token_words
from marketplace.catalog.models import Release, TransferProposal
from marketplace.catalog.token_models import Handover, TokenEvent
from marketplace.ui import onchain

_MOVE = "safeTransferFrom(address,address,uint256)"


def tokens_in(row: TransferProposal, viewer: UUID) -> dict[str, Any] | None:
    """This will gather what one of the two creators is shown of the tokens of a pack; None where it has none.

    `steps` are the transactions that the old wallet still has to send, for the owner alone.
    """
    try:
        place, tokens = token_queries.token_place(), token_queries.tokens_of(row.pack)
    except ChainUnavailable:
        return None  # whoever accepts is told why it cannot be done now
    if place is None or not tokens:
        return None
    accepted = Handover.objects.filter(pk=row.pk).first()
    wallet = accepted.wallet if accepted else ""
    left = [(release, move) for release, move in tokens if move.holder != wallet]
    return {
        "count": len(tokens),
        "left": len(left),
        "wallet": checked(wallet) if wallet else "",
        "rows": [
            {"release": release, "holder": checked(move.holder), "moved": move.holder == wallet}
            for release, move in tokens
        ],
        "steps": _steps(left, wallet) if wallet and left and viewer == row.owner_id else "",
        "holder": checked(left[0][1].holder) if left else "",
        "chain": onchain.wallet_chain(place[0].chain_id),
        "network": onchain.network_name(place[0].chain_id),
    }


def _steps(left: Sequence[tuple[Release, TokenEvent]], wallet: str) -> str:
    """Write the transactions that give each token to the new owner's wallet; one that cannot take it refuses."""
    steps = []
    for release, move in left:
        data = call_data(
            token_queries.CONTRACT, _MOVE, checked(move.holder), checked(wallet), token_words.token_id(release)
        )
        label = _("Give away the token of version %(version)s") % {"version": release.version}
        steps.append({"to": move.event.address, "data": data, "label": label})
    return onchain.steps(steps)
