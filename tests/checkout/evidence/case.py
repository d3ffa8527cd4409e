"""Carol's order, disputed by her bank, with the log sealed."""

import io
import zipfile
from datetime import datetime
from typing import Any

import ledger.operations
from marketplace.checkout import hearing
from marketplace.checkout.disputes import Dispute
from marketplace.checkout.evidence.tables import EvidenceBundle
from marketplace.checkout.models import Order
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Grant
from tests.cast import later


def seal(now: datetime | None = None) -> None:
    ledger.operations.register_keys(now=now or later(hours=3))
    ledger.operations.seal(now=now or later(hours=3))


def disputed(order: Order, reference: str = "dp_1", **more: Any) -> Dispute:
    """Lets the bank take an order's money back, all of it unless told otherwise."""
    told = {
        "charge_reference": order.outcome.reference,
        "dispute_reference": reference,
        "state": "opened",
        "amount_minor": order.total_minor,
        "due_by": later(days=14),
        "reason": "fraudulent",
        "now": later(days=4),
    }
    hearing.hear_dispute(**(told | more))
    return Dispute.objects.get(reference=reference)


def decided(dispute: Dispute, state: str, now: datetime | None = None, **more: Any) -> None:
    hearing.hear_dispute(
        charge_reference=dispute.charge_reference,
        dispute_reference=dispute.reference,
        state=state,
        amount_minor=dispute.amount_minor,
        now=now or later(days=9),
        **more,
    )


def fetched(grant: Grant, times: int = 1, by: str = "Carol") -> None:
    for number in range(times):
        licensing.record_download(grant=grant, by=by, now=later(hours=4, minutes=number))


def opened(bundle: EvidenceBundle) -> zipfile.ZipFile:
    import assets.queries

    return zipfile.ZipFile(io.BytesIO(b"".join(assets.queries.read_chunks(bundle.sha256))))
