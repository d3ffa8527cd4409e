"""A license that is shown to a contract: the call, for any tool that asks one."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from ledger.chain.base import ChainUnavailable
from marketplace.licensing.chain_proofs import ChainProof, UnableToProveOnChain, prove_on_chain
from marketplace.storefront.views.licenses import find_held
from marketplace.ui import onchain


@never_cache
@login_required
@require_safe
def chain_license(request: HttpRequest, grant: UUID) -> HttpResponse:
    """This will give the call by which a contract proves a license, once an anchored log has it."""
    held, proof, why = find_held(request, grant), None, ""
    try:
        proof = prove_on_chain(held)
    except (UnableToProveOnChain, ChainUnavailable) as refusal:
        why = str(refusal)
    context = {
        "here": "licenses",
        "grant": held,
        "release": held.release,
        "why": why,
        "panel": _panel(proof) if proof else None,
        "call": f"cast call {proof.market} 0x{proof.data().hex()}" if proof else "",
    }
    return render(request, "storefront/chain_license.html", context)


def _panel(proof: ChainProof) -> dict[str, object]:
    rows = [
        (_("Entry in the log"), f"{proof.index}"),
        (_("Anchored root"), proof.root.hex()[:16] + "…"),
        (_("Anchored in"), proof.anchored_in[:18] + "…"),
    ]
    return onchain.panel(
        chain_id=proof.chain_id,
        contracts=[("LicenseMarket", proof.market)],
        rows=rows,
        state="confirmed",
        state_label=_("Anchored"),
    )
