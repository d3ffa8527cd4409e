"""Licenses of payments of which a bank has taken a part for good: they go on, unless an operator revokes them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from marketplace.checkout import line_money
from marketplace.checkout.disputes import Dispute, DisputePart, DisputeRevocation, took_for_good
from marketplace.checkout.models import Order
from marketplace.checkout.taking_back import held, revoke
from marketplace.licensing.models import Grant, GrantStatus
from marketplace.licensing.queries import status_of
from marketplace.people.models import Person

REVOKED = gettext_noop("A part of the payment was taken back, and the license with it.")
MOST_WORDS = 200


class UnableToRevokeLicense(Exception):
    """The license is not revoked for a dispute; nothing was written."""

    code = "unable-to-revoke-license"

    def __init__(self, part: DisputePart, why: str) -> None:
        super().__init__(why)
        self.part, self.why = part, why


@dataclass(frozen=True, slots=True)
class Licensed:
    """A license that stands behind a part of a dispute: how it stands, what of its price stays paid, and who revoked
    it and why, where an operator did."""

    part: DisputePart
    grant: Grant
    status: str
    left_minor: int
    revocation: DisputeRevocation | None

    @property
    def goes_on(self) -> bool:
        """Whether it can be revoked."""
        return self.status != GrantStatus.REVOKED


def licenses_of(dispute: Dispute) -> Iterator[Licensed]:
    """This will list the licenses of a dispute by which a bank has taken money for good; nothing while it is open."""
    if not dispute.steps.filter(took_for_good()).exists():
        return
    for part in dispute.parts.select_related("line__replaces", "line__offer__release__pack__creator"):
        if (grant := held(part.line)) is not None:
            left_minor = line_money.left_of_line(part.line) or 0
            said = DisputeRevocation.objects.filter(part=part).select_related("by").first()
            yield Licensed(part, grant, status_of(grant), left_minor, said)


@transaction.atomic
def revoke_license(*, part: DisputePart, words: str, by: Person, now: datetime) -> DisputeRevocation:
    """This will revoke the license of a part of a dispute by which a bank has taken money for good.

    The operator says why, in words that are kept at the desk. Subscriptions of it end. Raises UnableToRevokeLicense
    where no money was taken for good, where there is no license any more, and for no words or more than 200 characters.
    """
    words = words.strip()
    if not 0 < len(words) <= MOST_WORDS:
        raise UnableToRevokeLicense(part, _("Say why, in at most %d characters.") % MOST_WORDS)
    Order.objects.select_for_update(no_key=True).values_list("pk").get(pk=part.line.order_id)
    if not part.dispute.steps.filter(took_for_good()).exists():
        raise UnableToRevokeLicense(part, _("No money was taken for good: the license stands as it did."))
    grant = held(part.line)
    if grant is None or status_of(grant) == GrantStatus.REVOKED:
        raise UnableToRevokeLicense(part, _("There is no license any more that could be revoked."))
    revoke(grant, REVOKED, now)
    return DisputeRevocation.objects.create(part=part, grant=grant, words=words, by=by, at=now)
