"""What PostgreSQL says of the same books, asked in plain SQL so that no query of the product is in between."""

from collections import Counter

from django.db import connection

from tests.payouts.machine.money import KINDS

_BUCKET = {kind: bucket for bucket, kind in KINDS.items()}

_ACCOUNTS = """
SELECT a.kind, a.owner_id, a.currency, a.balance_minor, coalesce(sum(p.amount_minor), 0)::bigint
  FROM payouts_account a LEFT JOIN payouts_posting p ON p.account_id = a.id
 GROUP BY a.id
"""


def rows(sql, *params):
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def accounts():
    """Returns what creators have, by bucket, creator and currency, and the house's debits, by kind and currency."""
    has, house = Counter(), Counter()
    for kind, owner_id, currency, balance, posted in rows(_ACCOUNTS):
        if owner_id is None:
            house[kind, currency] += posted
        else:
            assert balance == (posted if kind == "creator_receivable" else -posted)
            has[_BUCKET[kind], owner_id, currency] = balance
    return has, house


def lines():
    """Returns the royalty lines as (sale's source, creator), in their order."""
    return rows(
        "SELECT s.source, l.payee_id FROM payouts_royalty_line l JOIN payouts_sale s ON s.id = l.sale_id ORDER BY l.id"
    )


def left():
    """Returns what remains of each line, (source, creator): its amount less what was taken, plus what was returned."""
    return {
        (source, payee): int(amount)
        for source, payee, amount in rows(
            """
            SELECT s.source, l.payee_id, l.amount_minor
                   - (SELECT coalesce(sum(v.amount_minor), 0) FROM payouts_reversal_line v WHERE v.line_id = l.id)
                   + (SELECT coalesce(sum(b.amount_minor), 0) FROM payouts_returned_line b WHERE b.line_id = l.id)
              FROM payouts_royalty_line l JOIN payouts_sale s ON s.id = l.sale_id
            """
        )
    }


def statements():
    """Returns each statement: (month, currency) → creator → opening and closing, and the months without any too."""
    told = {
        (period, currency): {} for period, currency in rows("SELECT period, currency FROM payouts_statement_period")
    }
    for period, currency, creator, opening, closing in rows(
        """
        SELECT p.period, p.currency, s.creator_id, s.opening_minor, s.closing_minor
          FROM payouts_statement s JOIN payouts_statement_period p ON p.id = s.period_id
        """
    ):
        told[period, currency][creator] = (opening, closing)
    return told


def held():
    """Returns what is held of each line."""
    return Counter(
        {
            (source, payee): int(amount)
            for source, payee, amount in rows(
                """
                SELECT s.source, l.payee_id, sum(k.amount_minor)
                  FROM payouts_claim_hold_line k JOIN payouts_royalty_line l ON l.id = k.line_id
                  JOIN payouts_sale s ON s.id = l.sale_id
                 WHERE NOT EXISTS (SELECT FROM payouts_claim_hold_end e WHERE e.hold_id = k.id)
                 GROUP BY s.source, l.payee_id
                """
            )
        }
    )


def payouts():
    """Returns each payout as creator, currency, amount and the last that is known of it."""
    return sorted(
        rows(
            """
            SELECT p.creator_id, p.currency, p.amount_minor,
                   coalesce((SELECT o.state FROM payouts_payout_outcome o
                              WHERE o.payout_id = p.id AND o.state <> 'paid' ORDER BY o.id DESC LIMIT 1), 'open')
              FROM payouts_payout p
            """
        )
    )


def key_of(creator, currency, place):
    """Returns the key of a creator's payout: the first, second, … that was ever reserved for them in the currency."""
    found = rows(
        """
        SELECT p.idem_key FROM payouts_payout p WHERE p.creator_id = %s AND p.currency = %s
         ORDER BY (SELECT min(q.id) FROM payouts_posting q WHERE q.transaction_id = p.transaction_id)
        """,
        creator,
        currency,
    )
    return found[place][0]


def transfers():
    """Returns what the rail has sent: (creator, currency) → minor units."""
    sent = Counter()
    for creator, currency, amount in rows("SELECT creator_id, currency, amount_minor FROM payouts_recorded_transfer"):
        sent[creator, currency] += amount
    return sent


def checks():
    """How each creator's checks stand: (creator, kind) → state."""
    found = rows("SELECT creator_id, kind, state FROM payouts_creator_check ORDER BY id")
    return {(creator, kind): state for creator, kind, state in found}
