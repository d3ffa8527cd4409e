"""When a payout is made anew after the provider refused one for good: later each time, unless something changed."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _

from marketplace.payouts.attempts import PayoutTryAgain
from marketplace.payouts.models import Payout
from marketplace.payouts.terms import AHEAD
from marketplace.people.models import Creator

# Only where the newest payout failed is it counted how often that was so: since one was sent, since the account
# changed, and since an operator last said that it may be tried.
BACKS_OFF = f"""
      FROM (SELECT q.id FROM payouts_payout q WHERE q.creator_id = who.owner_id AND q.currency = who.currency
             ORDER BY q.reserved_at DESC, q.id DESC LIMIT 1) newest
      JOIN payouts_payout_outcome last ON last.payout_id = newest.id AND last.state = 'failed'
     CROSS JOIN LATERAL (
         SELECT max(f.at) + CASE count(*) WHEN 0 THEN NULL WHEN 1 THEN interval '1 hour' WHEN 2 THEN interval '6 hours'
                                 ELSE interval '24 hours' END AS until
           FROM payouts_payout q JOIN payouts_payout_outcome f ON f.payout_id = q.id AND f.state = 'failed'
          WHERE q.creator_id = who.owner_id AND q.currency = who.currency
            AND EXISTS (SELECT FROM payouts_attempt t WHERE t.payout_id = q.id)
            AND f.at <= %(now)s + interval '{AHEAD.days} days'
            AND NOT EXISTS (SELECT FROM payouts_payout_outcome s JOIN payouts_payout p ON p.id = s.payout_id
                             WHERE p.creator_id = who.owner_id AND p.currency = who.currency
                               AND s.state = 'sent' AND s.id > f.id)
            AND NOT EXISTS (SELECT FROM payouts_connected_account a
                              JOIN payouts_connected_state c ON c.account_id = a.id AND c.at > f.at
                             WHERE a.creator_id = who.owner_id)
            AND NOT EXISTS (SELECT FROM payouts_try_again g JOIN payouts_payout p ON p.id = g.payout_id
                              JOIN payouts_payout_outcome o ON o.payout_id = p.id AND o.id >= f.id
                             WHERE p.creator_id = who.owner_id AND p.currency = who.currency)) back
     WHERE back.until > %(now)s
"""
"""SQL for until when no payout is made anew to `who` (owner_id, currency), to be selected from: at most one row.

After the first that was refused for good an hour, after the second six, then a day each. What was refused under a clock
that was more than a day ahead counts for nothing.
"""

_OF = f"""
SELECT found.until, found.payout_id, found.reference
  FROM (SELECT %(creator)s::uuid AS owner_id, %(currency)s::text AS currency) who,
       LATERAL (SELECT back.until, last.payout_id, last.reference {BACKS_OFF}) found (until, payout_id, reference)
"""


class UnableToTryAgain(Exception):
    """No payout waits because the one before was refused; nothing was written."""

    code = "unable-to-try-again"

    def __init__(self) -> None:
        super().__init__(_("No payout waits because the one before was refused."))


class Refused(NamedTuple):
    """The newest payout, which was refused for good for `why`, and until when none is made anew."""

    until: datetime
    payout_id: UUID
    why: str


def refused_last(creator_id: UUID, currency: str, *, now: datetime) -> Refused | None:
    """Return until when no payout is made anew to a creator in a currency; None where nothing waits for that."""
    with connection.cursor() as cursor:
        cursor.execute(_OF, {"creator": creator_id, "currency": currency, "now": now})
        row = cursor.fetchone()
    return Refused(*row) if row else None


@transaction.atomic
def try_again(*, creator: Creator, payout: UUID, by: str, now: datetime) -> PayoutTryAgain:
    """Let the next payout be made with the next settlement, though this one was refused; for operators.

    The same again returns the first. Raises UnableToTryAgain where the payout is not one that the next waits for.
    """
    if before := PayoutTryAgain.objects.filter(payout=payout, payout__creator=creator).first():
        return before
    found = Payout.objects.filter(pk=payout, creator=creator).first()
    waits = refused_last(creator.pk, found.currency, now=now) if found else None
    if found is None or waits is None or waits.payout_id != found.pk:
        raise UnableToTryAgain
    made, _new = PayoutTryAgain.objects.get_or_create(payout=found, defaults={"by": by, "at": now})
    return made
