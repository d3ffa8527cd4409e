"""What an account may claim on chain, with its proof: open to everybody, as the list of each root is."""

import re
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from ledger.chain.suite import checked
from marketplace.api import claim_shapes, documentation, questions
from marketplace.api.answers import Site
from marketplace.api.door import PublicDoor
from marketplace.api.errors import InvalidRequest
from marketplace.api.problems import Finding
from marketplace.payouts.claims.paying import call_of_claim
from marketplace.payouts.claims.queries import Claimable, accounts_at, claimable_by


class Claims(PublicDoor):
    """Read what an account may claim."""

    @extend_schema(
        operation_id="claims_read",
        summary="Read what an account may claim on chain",
        tags=["proof"],
        parameters=[claim_shapes.ACCOUNT],
        responses=documentation.answers(claim_shapes.ClaimsShape, "invalid-request"),
        examples=claim_shapes.EXAMPLES,
    )
    def get(self, request: Request, address: str) -> Response:
        """This will read what an account was given by payout roots, what of it can be claimed now, and the call for it.

        From what was confirmed: the chain is not asked.
        """
        questions.query(request, {})
        if not re.fullmatch(r"0x[0-9a-fA-F]{40}", address):
            raise InvalidRequest([Finding("path", "address", _("must be 0x and 40 hexadecimal digits."))])
        rows = claimable_by(accounts_at(address), now=timezone.now())
        site = request.build_absolute_uri
        return Response({"account": checked(address), "claims": [_told(row, site) for row in rows]})


def _told(row: Claimable, site: Site) -> dict[str, Any]:
    book, claim = row.book, row.claim
    return {
        "currency": book.currency,
        "chain_id": book.chain_id,
        "distributor": book.distributor,
        "token": book.token,
        "given_minor": row.given_minor,
        "claimed_minor": row.claimed_minor,
        "claimable_minor": row.claimable_minor,
        "waiting_minor": row.waiting_minor,
        "counts_at": row.waits.counts_at if row.waits else None,
        "root": claim.root.root if claim else None,
        "list": site(reverse("payout-root", args=[claim.root.pk])) if claim else None,
        "cumulative_units": str(claim.units) if claim else None,
        "proof": ["0x" + node.hex() for node in claim.proof] if claim else None,
        "call": {"to": book.distributor, "data": "0x" + call_of_claim(claim).hex()} if claim else None,
    }
