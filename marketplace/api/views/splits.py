"""A split under its digest, and what the contracts say of it: open to everybody."""

from typing import Any

from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from ledger.chain.base import ChainUnavailable
from ledger.chain.suite import suite
from marketplace.api import documentation, questions, split_shapes
from marketplace.api.door import PublicDoor
from marketplace.payouts import vault_queries


class Split(PublicDoor):
    """Read who shares in what a split is named for."""

    @extend_schema(
        operation_id="splits_read",
        summary="Read a split, and what lies in its pot on chain",
        tags=["proof"],
        parameters=[documentation.digest("digest", "SHA-256 of the split's document.")],
        responses=documentation.answers(split_shapes.SplitShape, "not-found", "invalid-request"),
        examples=[split_shapes.SPLIT],
    )
    def get(self, request: Request, digest: str) -> Response:
        """This will read a split's shares, the name that the contract gives to them, and its pot in each token."""
        questions.query(request, {})
        split = questions.digest("digest", digest)
        shares = vault_queries.shares_of([split])[split]
        if not shares:
            raise Http404(_("No split has the digest %s.") % digest)
        told = [{"payee": str(payee), "share_ppb": share_ppb} for payee, share_ppb in shares]
        return Response({"split": split, "shares": told, "chain": _on_chain(split)})


def _on_chain(split: str) -> dict[str, Any] | None:
    try:
        known, found = suite(), vault_queries.split_on_chain(split)
    except ChainUnavailable:
        return None
    assert known is not None
    return {
        "chain_id": known.chain_id,
        "vault": known.address("SplitVault"),
        "name": found.vault_digest or None,
        "agrees": found.agrees,
        "receiver": found.receiver,
        "pots": [
            {
                "token": pot.token.address,
                "symbol": pot.token.symbol,
                "decimals": pot.token.decimals,
                "units": str(pot.amount_units),
                "parts": [{"payee": str(payee), "units": str(units)} for payee, units in pot.parts_units],
            }
            for pot in found.pots
        ],
    }
