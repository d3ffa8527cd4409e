"""Every write about licenses: offers (offering.py), licenses (granting.py), what goes with them (holding.py)."""

from datetime import datetime

from django.conf import settings
from django.db import transaction

import ledger.operations
import ledger.queries
from marketplace.licensing import queries, statuslists
from marketplace.licensing.bargaining import UnableToBargain as UnableToBargain
from marketplace.licensing.bargaining import add_code as add_code
from marketplace.licensing.bargaining import answer_quote as answer_quote
from marketplace.licensing.bargaining import ask_quote as ask_quote
from marketplace.licensing.bargaining import end_code as end_code
from marketplace.licensing.bargaining import make_collection as make_collection
from marketplace.licensing.bargaining import withdraw_collection as withdraw_collection
from marketplace.licensing.exclusivity import UnableToGrantExclusively as UnableToGrantExclusively
from marketplace.licensing.exclusivity import check_exclusivity as check_exclusivity
from marketplace.licensing.exclusivity import earlier_grants as earlier_grants
from marketplace.licensing.exclusivity import end_exclusivity as end_exclusivity
from marketplace.licensing.exclusivity import lock_packs as lock_packs
from marketplace.licensing.exclusivity import take_exclusivity as take_exclusivity
from marketplace.licensing.granting import UnableToGrant as UnableToGrant
from marketplace.licensing.granting import check_grant as check_grant
from marketplace.licensing.granting import grant as grant
from marketplace.licensing.granting import set_status as set_status
from marketplace.licensing.granting import supersede as supersede
from marketplace.licensing.holding import UnableToAssignSeat as UnableToAssignSeat
from marketplace.licensing.holding import UnableToOpenProject as UnableToOpenProject
from marketplace.licensing.holding import UnableToPassOn as UnableToPassOn
from marketplace.licensing.holding import UnableToReportUse as UnableToReportUse
from marketplace.licensing.holding import assign_seat as assign_seat
from marketplace.licensing.holding import open_project as open_project
from marketplace.licensing.holding import release_seat as release_seat
from marketplace.licensing.holding import report_use as report_use
from marketplace.licensing.holding import transfer as transfer
from marketplace.licensing.models import Download, Grant, StatusList
from marketplace.licensing.offering import UnableToOffer as UnableToOffer
from marketplace.licensing.offering import Wanted as Wanted
from marketplace.licensing.offering import change_price as change_price
from marketplace.licensing.offering import offer as offer
from marketplace.licensing.offering import offer_all as offer_all
from marketplace.licensing.offering import ready_terms as ready_terms
from marketplace.licensing.offering import take_down as take_down
from marketplace.licensing.offering import withdraw_offer as withdraw_offer


@transaction.atomic
def ensure_status_list(*, purpose: str, number: int, now: datetime) -> StatusList:
    """This will give the signed status list of a purpose as it is now, signing it when something changed.

    The same bits are signed once by each key, so that readers are told when they have the newest.
    """
    signer = ledger.queries.signer("certificates")
    listed = queries.listed(purpose=purpose, number=number)
    name = statuslists.address(settings.SITE_URL, purpose, number)
    there = StatusList.objects.filter(address=name, changes=listed.changes, kid=signer.kid).first()
    if there is not None:
        return there
    ledger.operations.register_keys(now=now)
    credential = statuslists.write(
        site=settings.SITE_URL, purpose=purpose, number=number, set_bits=listed.bits, now=now, signer=signer
    )
    row, _made = StatusList.objects.get_or_create(
        address=name, changes=listed.changes, kid=signer.kid, defaults={"credential": credential, "issued_at": now}
    )
    return row


def record_download(*, grant: Grant, by: str, now: datetime) -> Download:
    """This will note that somebody fetched what a grant covers."""
    return Download.objects.create(grant=grant, by=by[:120], downloaded_at=now)
