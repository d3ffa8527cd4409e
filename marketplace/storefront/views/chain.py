"""What stands on chain: which contracts, what we sent them, and how anybody checks it without us."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from ledger import chain_facts
from ledger.chain.base import ChainUnavailable
from ledger.chain_models import ChainCall
from ledger.chain_queries import Standing
from ledger.models import AnchorReceipt
from marketplace.payouts.claims import queries as claims
from marketplace.payouts.claims.standing import standings_of
from marketplace.payouts.claims.words import root_state
from marketplace.storefront import words_chain
from marketplace.ui import onchain
from marketplace.ui.formats import say

SHOWN = 10


@require_safe
def chain(request: HttpRequest) -> HttpResponse:
    """This will show the contracts with their code, the newest anchors, and how to check them."""
    try:
        known = chain_facts.facts()
    except ChainUnavailable:
        known = None
    context: dict[str, Any] = {"known": known}
    if known is not None:
        codes, anchors = chain_facts.codes(known), _anchors(known.chain_id)
        context |= {
            "network": onchain.network_name(known.chain_id),
            "network_note": onchain.network_note(known.chain_id),
            "contracts": [_contract(one, codes.get(one.name)) for one in known.contracts],
            "former": [(name, address, onchain.link("address", address)) for name, address in known.former],
            "is_answering": bool(codes),
            "others": [name for name, code in codes.items() if not code.is_ours],
            "roles": [(say(words_chain.ROLES, role), role, address) for role, address in known.accounts.items()],
            "calls": [_call(*pair) for pair in chain_facts.newest_calls(known.chain_id, limit=SHOWN)],
            "roots": _roots(known.chain_id),
            "open_calls": chain_facts.open_calls(known.chain_id),
            "anchors": anchors,
            "anchor_count": AnchorReceipt.objects.filter(intent__chain_id=known.chain_id).count(),
            "commands": _commands(known, anchors[0]["root"] if anchors else ""),
        }
    return render(request, "storefront/chain.html", context)


def _contract(one: chain_facts.ContractFacts, code: chain_facts.Code | None) -> dict[str, Any]:
    return {
        "name": one.name,
        "purpose": say(words_chain.PURPOSES, one.name),
        "address": one.address,
        "link": onchain.link("address", one.address),
        "block": one.block_number,
        "source_sha256": one.source_sha256,
        "code": code,
    }


def _call(call: ChainCall, standing: Standing) -> dict[str, Any]:
    return {
        "what": f"{call.artifact}.{call.function.split('(')[0]}",
        "asked_at": call.asked_at,
        "state": say(onchain.STATES, standing.state),
        "tone": onchain.TONES.get(standing.state, ""),
        "transaction": standing.transaction,
        "link": onchain.link("tx", standing.transaction),
        "confirmations": onchain.confirmations_text(standing),
        "fee": onchain.coin_text(standing.fee_wei) if standing.fee_wei is not None else "",
    }


def _roots(chain_id: int) -> list[dict[str, Any]]:
    found = [root for root in claims.roots(limit=SHOWN) if root.book.chain_id == chain_id]
    standings = standings_of(found, now=timezone.now())
    return [
        {
            "root": root,
            "total_minor": int(root.total_units / root.book.scale),
            "state": root_state(standings[root.pk]),
            "transaction": standings[root.pk].transaction,
            "link": onchain.link("tx", standings[root.pk].transaction),
        }
        for root in found
    ]


def _anchors(chain_id: int) -> list[dict[str, Any]]:
    return [
        {
            "receipt": row,
            "size": row.intent.checkpoint.size,
            "root": bytes(row.intent.checkpoint.root).hex(),
            "link": onchain.link("tx", row.transaction),
        }
        for row in chain_facts.newest_anchors(chain_id, limit=SHOWN)
    ]


def _commands(known: chain_facts.ChainFacts, root: str) -> list[tuple[str, str]]:
    """Say what to type to check with cast, of Foundry, and nothing of ours: (what it shows, the command)."""
    at = {contract.name: contract.address for contract in known.contracts}
    anchored = (
        f"cast call {at['ProvenanceAnchor']} 'anchorOf(bytes32)((uint64,uint64,uint64,uint64))' 0x{root or '$ROOT'}"
    )
    commands = [
        (_("The network’s number: it must be the one above"), "cast chain-id"),
        (_("The digest of a contract’s code"), f"cast codehash {at['ProvenanceAnchor']}"),
        (
            _("When a root was anchored (Unix seconds), in which block, over how many entries, as which anchor"),
            anchored,
        ),
    ]
    if "PayoutDistributor" in at and known.tokens:
        token = known.tokens[0].address
        status = "statusOf(address)((bytes32,bytes32,uint64,uint128))"
        commands += [
            (
                _("The payout roots of a token: which counts, which waits"),
                f"cast call {at['PayoutDistributor']} '{status}' {token}",
            ),
            (
                _("How much of a token the vault owes to splits and payees"),
                f"cast call {at['SplitVault']} 'heldOf(address)(uint256)' {token}",
            ),
        ]
    return [(text, f"{command} --rpc-url $RPC_URL") for text, command in commands]
