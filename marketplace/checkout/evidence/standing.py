"""How far a dispute is: open or decided, when its evidence is due, and what was sent; none of it writes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from marketplace.checkout.disputes import Dispute, DisputeStep
from marketplace.checkout.evidence.tables import EvidenceBundle, EvidenceSubmission

OPEN, WON, LOST, PART = "open", "won", "lost", "part-won"
ALARM = timedelta(days=3)
"""How long before evidence is due operators are written, and pages warn."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One dispute with what was made and sent. `due_by` is None where the gateway names no day.

    `returned_minor` is what came back of it, `fee_currency` is of the fee.
    """

    dispute: Dispute
    state: str
    due_by: datetime | None
    ended_at: datetime | None
    fee_minor: int
    fee_currency: str
    returned_minor: int
    bundle: EvidenceBundle | None
    submission: EvidenceSubmission | None

    @property
    def sent(self) -> str:
        """Whether evidence was sent: "" | "open" (nobody knows) | "accepted" | "refused"."""
        if self.submission is None:
            return ""
        outcome = getattr(self.submission, "outcome", None)
        return outcome.outcome if outcome else "open"

    @property
    def waits(self) -> bool:
        """Whether the house still has to say something."""
        return self.state == OPEN and self.sent in ("", "refused")

    def left(self, now: datetime) -> timedelta | None:
        """This will tell how long is left to send evidence; None where nothing waits or no day is named."""
        return self.due_by - now if self.waits and self.due_by else None

    def is_urgent(self, now: datetime) -> bool:
        """This will tell whether evidence is due within three days, or was."""
        left = self.left(now)
        return left is not None and left <= ALARM


def standings_of(disputes: Iterable[Dispute]) -> list[Standing]:
    """This will tell of each dispute how far it is, in their order; three queries however many."""
    rows = list(disputes)
    steps: dict[object, list[DisputeStep]] = {}
    for step in DisputeStep.objects.filter(dispute__in=rows).order_by("id"):
        steps.setdefault(step.dispute_id, []).append(step)
    bundles = {one.dispute_id: one for one in EvidenceBundle.objects.filter(dispute__in=rows).order_by("number")}
    sent = EvidenceSubmission.objects.filter(dispute__in=rows).select_related("outcome", "by").order_by("number")
    submissions = {one.dispute_id: one for one in sent}
    return [_standing(one, steps.get(one.pk, []), bundles.get(one.pk), submissions.get(one.pk)) for one in rows]


def standing_of(dispute: Dispute) -> Standing:
    """This will tell how far one dispute is."""
    return standings_of([dispute])[0]


def _standing(
    dispute: Dispute,
    steps: Sequence[DisputeStep],
    bundle: EvidenceBundle | None,
    submission: EvidenceSubmission | None,
) -> Standing:
    end = next((step for step in steps if step.state in (DisputeStep.WON, DisputeStep.LOST)), None)
    due = next((step.due_by for step in reversed(steps) if step.due_by), dispute.due_by)
    fee_minor, fee_currency = max(((step.fee_minor, step.fee_currency) for step in steps), default=(0, ""))
    state = end.state if end else OPEN
    returned_minor = sum(step.amount_minor for step in steps if step.state in DisputeStep.CAME_BACK)
    if state == WON and returned_minor < dispute.amount_minor:
        state = PART
    ended_at = end.at if end else None
    fee_currency = fee_currency or dispute.currency
    return Standing(dispute, state, due, ended_at, fee_minor, fee_currency, returned_minor, bundle, submission)
