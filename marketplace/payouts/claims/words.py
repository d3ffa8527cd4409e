"""How payouts on chain are spoken of."""

from django.utils.translation import gettext as _

from marketplace.payouts.claims.standing import COUNTS, VETOED, WAITS, RootStanding
from marketplace.ui.formats import moment_text


def root_state(standing: RootStanding) -> str:
    """This will say how far a root is."""
    if standing.state == COUNTS:
        return _("Counts: can be claimed")
    if standing.state == WAITS and standing.counts_at is not None:
        return _("Counts from %(when)s on") % {"when": moment_text(standing.counts_at)}
    if standing.state == VETOED:
        return _("Stopped by the guardian; the next root has the same amounts")
    return _("On its way to the chain")
