"""A license that was bought here, shown to a contract: its entry, and the proof that an anchored log has it."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

import ledger.queries
from ledger.chain.abi import call_data
from ledger.chain.suite import suite
from ledger.models import AnchorReceipt, Entry
from marketplace.licensing.models import Grant


class UnableToProveOnChain(Exception):
    """The license cannot be shown to a contract yet, or there is none to show it to."""

    code = "chain-proof-unavailable"

    def __init__(self, grant: Grant, reason: str) -> None:
        super().__init__(reason)
        self.grant, self.reason = grant, reason


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainProof:
    """What `LicenseMarket.verifyGrant` takes: the entry's exact bytes, and where it stands under an anchored root."""

    chain_id: int
    market: str
    entry: bytes
    root: bytes
    index: int
    hashes: tuple[bytes, ...]
    anchored_in: str

    @property
    def args(self) -> tuple[Any, ...]:
        """The arguments in the contract's order."""
        return (self.entry, self.root, self.index, list(self.hashes))

    def data(self) -> bytes:
        """This will write the call for any tool that asks a contract (`eth_call`): it costs and changes nothing."""
        return call_data("LicenseMarket", "verifyGrant", *self.args)


def prove_on_chain(grant: Grant) -> ChainProof:
    """This will prove a license to a contract, under the newest anchor in the book that the contract reads.

    Raises UnableToProveOnChain where there are no contracts, and for a minute, until its entry is sealed and anchored.
    What became of the license afterwards is in later entries: whoever asks the contract looks there as well.
    """
    known = suite()
    if known is None:
        raise UnableToProveOnChain(grant, _("There are no contracts on a chain here."))
    entry = Entry.objects.filter(type="grant", subject=f"grant:{grant.pk}").order_by("id").first()
    leaf = ledger.queries.leaf_of(entry) if entry else None
    anchors = AnchorReceipt.objects.filter(
        intent__chain_id=known.chain_id, intent__contract__iexact=known.address("ProvenanceAnchor")
    )
    anchor = leaf and (
        anchors.filter(intent__checkpoint__size__gt=leaf.index)
        .select_related("intent__checkpoint")
        .order_by("-intent__checkpoint__size")
        .first()
    )
    proof = ledger.queries.proof_for(entry, checkpoint=anchor.intent.checkpoint) if entry and anchor else None
    if entry is None or not anchor or proof is None:
        raise UnableToProveOnChain(grant, _("Its entry in the log is not anchored yet: that takes a minute or so."))
    return ChainProof(
        chain_id=known.chain_id,
        market=known.address("LicenseMarket"),
        entry=bytes(entry.body),
        root=bytes(anchor.intent.checkpoint.root),
        index=proof.index,
        hashes=proof.hashes,
        anchored_in=anchor.transaction,
    )
