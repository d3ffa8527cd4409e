"""Licenses and chains: an offer as it is sold on one, and a license as a contract is shown it."""

from typing import Any
from uuid import UUID

from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from ledger.chain.base import ChainUnavailable
from marketplace.api import chain_license_shapes as shapes
from marketplace.api import documentation, questions
from marketplace.api.asked import grant_of
from marketplace.api.door import Door, PublicDoor
from marketplace.licensing import chain_offers
from marketplace.licensing import queries as licensing
from marketplace.licensing.chain_proofs import ChainProof, UnableToProveOnChain, prove_on_chain
from marketplace.licensing.models import ChainOffer


class OfferOnChain(PublicDoor):
    """Read an offer as it is sold on a chain."""

    @extend_schema(
        operation_id="offers_chain",
        summary="Read an offer as it is sold on a chain",
        tags=["licensing"],
        responses=documentation.answers(shapes.OfferOnChainShape, "not-found", "invalid-request"),
        examples=[shapes.OFFER],
    )
    def get(self, request: Request, offer_id: UUID) -> Response:
        """This will read the offer that its licensor and the marketplace signed for `LicenseMarket.buy`.

        What is bought without a licensee's commitment is for the wallet, which names a studio later.
        """
        questions.query(request, {})
        offer = licensing.offer(offer_id)
        if offer is None:
            raise Http404(_("No offer has the id %s.") % offer_id)
        row = chain_offers.open_chain_offers([offer], timezone.now()).get(offer.pk)
        return Response({"offer": str(offer.pk), "signed": _signed(row) if row else None})


class GrantOnChain(Door):
    """Show a license to a contract."""

    @extend_schema(
        operation_id="grants_chain",
        summary="Read how a license is shown to a contract",
        tags=["licensing"],
        responses=documentation.answers(shapes.GrantOnChainShape, "api-key-missing", "not-found", "invalid-request"),
        examples=[shapes.GRANT],
    )
    def get(self, request: Request, grant_id: UUID) -> Response:
        """This will prove to `LicenseMarket.verifyGrant` that an anchored log has the license.

        Whether it still stands is in later entries of the log, as its certificate's status says.
        """
        questions.query(request, {})
        grant = grant_of(request, grant_id, timezone.now())
        try:
            proof = _proof(prove_on_chain(grant))
        except (UnableToProveOnChain, ChainUnavailable):
            proof = None
        return Response({"grant": str(grant.pk), "proof": proof})


def _signed(row: ChainOffer) -> dict[str, Any]:
    return {
        "chain_id": row.chain_id,
        "contract": row.market,
        "digest": "0x" + row.digest,
        "licensor": row.licensor,
        "release": "0x" + row.offer.release.digest,
        "terms": "0x" + row.offer.terms_id,
        "split": "0x" + row.split_digest,
        "token": row.token,
        "symbol": row.symbol,
        "price": str(int(row.price_units)),
        "price_minor": row.price_minor,
        "currency": row.currency,
        "fee_bps": row.fee_bps,
        "supply": row.supply,
        "sold": row.sales.count(),
        "not_before": row.not_before,
        "deadline": row.deadline,
        "nonce": str(row.nonce),
        "licensor_signature": row.licensor_signature,
        "market_signature": row.market_signature,
        "allow": "0x" + chain_offers.allow_data(row).hex(),
    }


def _proof(proof: ChainProof) -> dict[str, Any]:
    return {
        "chain_id": proof.chain_id,
        "contract": proof.market,
        "entry": "0x" + proof.entry.hex(),
        "root": "0x" + proof.root.hex(),
        "index": proof.index,
        "proof": ["0x" + one.hex() for one in proof.hashes],
        "anchored_in": proof.anchored_in,
        "data": "0x" + proof.data().hex(),
    }
