"""What stands on chain: open to everybody, with the facts of the page /chain."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from ledger import chain_facts
from ledger.chain.base import ChainUnavailable
from marketplace.api import documentation, questions
from marketplace.api.chain_shapes import EXAMPLES, ChainShape
from marketplace.api.door import PublicDoor
from marketplace.payouts.claims import queries as claims
from marketplace.payouts.claims.standing import standings_of

SHOWN = 10
NOTHING: dict[str, Any] = {
    "chain_id": None,
    "contracts": [],
    "former": [],
    "tokens": [],
    "accounts": [],
    "anchors": [],
    "payout_roots": [],
    "open_calls": 0,
}


class Chain(PublicDoor):
    """Read what stands on chain."""

    @extend_schema(
        operation_id="chain_read",
        summary="Read which contracts stand on which chain",
        tags=["proof"],
        responses=documentation.answers(ChainShape, "invalid-request"),
        examples=EXAMPLES,
    )
    def get(self, request: Request) -> Response:
        """This will name the contracts with their code, the tokens, who holds which role, and the newest anchors."""
        questions.query(request, {})
        try:
            known = chain_facts.facts()
        except ChainUnavailable:
            known = None
        return Response(_told(known, request) if known else NOTHING)


def _told(known: chain_facts.ChainFacts, request: Request) -> dict[str, Any]:
    codes = chain_facts.codes(known)
    return {
        "chain_id": known.chain_id,
        "contracts": [_contract(one, codes.get(one.name)) for one in known.contracts],
        "former": [{"name": name, "address": address} for name, address in known.former],
        "tokens": [
            {"currency": one.currency, "symbol": one.symbol, "decimals": one.decimals, "address": one.address}
            for one in known.tokens
        ],
        "accounts": [{"role": role, "address": address} for role, address in known.accounts.items()],
        "anchors": [
            {
                "root": bytes(one.intent.checkpoint.root).hex(),
                "size": one.intent.checkpoint.size,
                "transaction": one.transaction,
                "block_number": one.block_number,
                "block_time": one.block_time,
            }
            for one in chain_facts.newest_anchors(known.chain_id, limit=SHOWN)
        ],
        "payout_roots": _roots(known.chain_id, request),
        "open_calls": chain_facts.open_calls(known.chain_id),
    }


def _contract(one: chain_facts.ContractFacts, code: chain_facts.Code | None) -> dict[str, Any]:
    return {
        "name": one.name,
        "address": one.address,
        "transaction": one.transaction,
        "block_number": one.block_number,
        "source_sha256": one.source_sha256,
        "code_keccak256": code.keccak if code else None,
        "is_ours": code.is_ours if code else None,
    }


def _roots(chain_id: int, request: Request) -> list[dict[str, Any]]:
    found = [root for root in claims.roots(limit=SHOWN) if root.book.chain_id == chain_id]
    standings = standings_of(found, now=timezone.now())
    return [
        {
            "root": root.root,
            "number": root.number,
            "token": root.book.token,
            "total_units": str(int(root.total_units)),
            "accounts": root.accounts,
            "state": standings[root.pk].state,
            "counts_at": standings[root.pk].counts_at,
            "transaction": standings[root.pk].transaction or None,
            "list": request.build_absolute_uri(f"/chain/payouts/{root.pk}.json"),
            "list_sha256": root.document_sha256,
        }
        for root in found
    ]
