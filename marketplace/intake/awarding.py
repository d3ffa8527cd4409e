"""What a release earned that a claim was upheld against: put aside for its buyers, or given to the claimant."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.intake import queries
from marketplace.intake.clocks import FOR_CLAIMANT
from marketplace.intake.models import Claim
from marketplace.payouts import operations as books
from marketplace.payouts.models import Sale
from marketplace.payouts.rules import WHOLE_PPB


class UnableToAward(Exception):
    """The claim gives nobody anything; nothing was written."""

    code = "claim-not-awarded"

    def __init__(self, claim: Claim, reason: str) -> None:
        super().__init__(reason)
        self.claim, self.reason = claim, reason


@transaction.atomic
def put_aside(*, claim: Claim, now: datetime) -> Mapping[str, int]:
    """This will take back what the release's creators still have of its sales, for refunds or an award.

    Tells currency → minor units taken now; what was paid out is owed by them. The same again takes nothing more than
    what came since. Raises UnableToAward where the claim was not decided for the claimant, or is against something
    that was never published.
    """
    return books.take_down(subject=_subject(claim), reason=_reason(claim), now=now)


@transaction.atomic
def award(*, claim: Claim, now: datetime) -> list[Sale]:
    """This will give what the release earned and nobody was refunded to the claimant, as a sale in each currency.

    Buyers keep their licenses, and a later refund gives back tax and fee alone. The same again returns the same sales.
    Raises what `put_aside` raises.
    """
    put_aside(claim=claim, now=now)
    split = books.ensure_split(own={claim.claimant: WHOLE_PPB}, parents=[], now=now)
    return books.award_takedown(subject=_subject(claim), reason=_reason(claim), split=split, now=now)


def _subject(claim: Claim) -> str:
    if claim.release is None:
        raise UnableToAward(claim, _("The claim is against a submission, which has earned nothing."))
    if not {step.kind for step in queries.steps_of(claim)} & set(FOR_CLAIMANT):
        raise UnableToAward(claim, _("The claim was not decided for the claimant: decide it first."))
    return f"release:{claim.release.digest}"


def _reason(claim: Claim) -> str:
    return f"claim:{claim.pk}"
