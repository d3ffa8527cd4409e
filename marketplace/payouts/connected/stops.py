"""Why an account with the provider cannot be paid now: as SQL for settlements, and as codes for who speaks of it."""

from uuid import UUID

from django.db import connection

NOTHING_STOPS = """
      FROM (VALUES ('')) stop (code) WHERE false
"""
"""SQL as CONNECT_STOPS, for a rail that stops nobody."""

CONNECT_STOPS = """
      FROM (VALUES (1)) one (n)
      LEFT JOIN LATERAL (SELECT a.id FROM payouts_connected_account a WHERE a.creator_id = who.owner_id
                          ORDER BY a.number DESC LIMIT 1) account ON true
      LEFT JOIN LATERAL (SELECT s.* FROM payouts_connected_state s WHERE s.account_id = account.id
                          ORDER BY s.id DESC LIMIT 1) state ON true
      LEFT JOIN LATERAL (SELECT b.available_minor + least(b.pending_minor, 0) AS minor FROM payouts_connected_balance b
                          WHERE b.account_id = account.id AND b.currency = who.currency
                          ORDER BY b.id DESC LIMIT 1) balance ON true
      LEFT JOIN LATERAL (SELECT w.attempt_id, w.bank FROM payouts_payout q
                           JOIN payouts_attempt t ON t.payout_id = q.id AND t.account_id = account.id
                           JOIN payouts_bank_word w ON w.attempt_id = t.id AND w.state = 'failed'
                          WHERE q.creator_id = who.owner_id AND q.currency = who.currency
                          ORDER BY w.id DESC LIMIT 1) failure ON true
     CROSS JOIN LATERAL (
         SELECT CASE WHEN account.id IS NULL THEN 'no-account'
                     WHEN state.closed THEN 'closed'
                     WHEN NOT coalesce(state.submitted, false) THEN 'onboarding'
                     WHEN NOT state.transfers OR NOT state.payouts THEN 'restricted'
                     WHEN state.currencies <> '' AND who.currency <> ALL (string_to_array(state.currencies, ' '))
                          THEN 'currency'
                     WHEN balance.minor < 0 THEN 'negative'
                     WHEN failure.bank = state.bank
                          AND NOT EXISTS (SELECT FROM payouts_bank_retry r WHERE r.attempt_id = failure.attempt_id)
                          THEN 'bank-failed' END AS code) stop
     WHERE stop.code IS NOT NULL
"""
"""SQL for what stops payouts to `who` (owner_id, currency) over accounts with the provider: at most one `stop.code`.

To an account without a bank account in the currency nothing is sent: Stripe would exchange it for the account's own,
and no bank payout could go on from there. A bank that sent a payout back stops the next until the creator names another
bank account or says that it is right.
"""


def stop_of(creator_id: UUID, currency: str) -> str:
    """Return the code of what stops payouts to a creator in a currency, or nothing."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT stop.code FROM (SELECT %s::uuid AS owner_id, %s::text AS currency) who,"
            f" LATERAL (SELECT stop.code {CONNECT_STOPS}) stop",
            [creator_id, currency],
        )
        row = cursor.fetchone()
    return row[0] if row else ""
