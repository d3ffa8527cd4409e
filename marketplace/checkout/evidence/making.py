"""Making bundles of evidence: at the press of a button, and by itself when a dispute is opened."""

import io
import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from assets.keeping.receiving import receive
from assets.keeping.storing import put
from marketplace.checkout.disputes import Dispute, DisputeStep
from marketplace.checkout.evidence.members import members_of
from marketplace.checkout.evidence.tables import EvidenceBundle
from marketplace.people.models import Person

log = logging.getLogger(__name__)

AGAIN_AFTER = timedelta(minutes=10)
"""How long a bundle without its proofs waits for the log, before another one is made."""
MISSED_FOR = timedelta(days=7)
"""How long after it was opened a dispute that was decided at once still gets its evidence."""
AT_ONCE = 20


def make_bundle(*, dispute: Dispute, by: Person | None, now: datetime) -> EvidenceBundle:
    """This will make the evidence about a dispute, keep it, and state its digest; as long as the facts are the same it
    is the same bundle, and no other row is written.

    Raises FontsMissing where papers cannot be set.
    """
    members = members_of(dispute)
    content = members.zip(dispute)
    name = f"evidence-{dispute.pk}.zip"
    with receive(stream=io.BytesIO(content), name=name, limit_bytes=len(content)) as received, transaction.atomic():
        Dispute.objects.select_for_update(no_key=True).get(pk=dispute.pk)
        newest = dispute.bundles.order_by("-number").first()
        if newest is not None and newest.blob_id == received.sha256:
            return newest
        put([received], now)
        return EvidenceBundle.objects.create(
            dispute=dispute,
            number=newest.number + 1 if newest else 1,
            blob_id=received.sha256,
            size_bytes=received.size_bytes,
            is_proven=members.is_proven,
            by=by,
            made_at=now,
        )


def make_due_bundles(*, now: datetime) -> int:
    """This will make the evidence of disputes that have none, and again where the log did not have all of it yet;
    tells how many were made."""
    made = 0
    for dispute in _due(now)[:AT_ONCE]:
        try:
            make_bundle(dispute=dispute, by=None, now=now)
            made += 1
        except Exception:
            # One that cannot be made must not hold up those behind it.
            log.exception("there is no evidence about dispute %s", dispute.reference)
    return made


def _due(now: datetime) -> list[Dispute]:
    ended = DisputeStep.objects.filter(dispute=OuterRef("pk"), state__in=[DisputeStep.WON, DisputeStep.LOST])
    bundles = EvidenceBundle.objects.filter(dispute=OuterRef("pk"))
    good = bundles.filter(Q(is_proven=True) | Q(made_at__gt=now - AGAIN_AFTER))
    # What was decided before anybody looked has its evidence too, for who asks why.
    missed = Q(opened_at__gt=now - MISSED_FOR) & ~Exists(bundles)
    rows = Dispute.objects.filter((~Exists(ended) & ~Exists(good)) | missed)
    return list(rows.order_by("opened_at", "id"))
