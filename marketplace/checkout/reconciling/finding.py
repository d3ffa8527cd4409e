"""What the books have of the things that the gateway's lines are about: questions over the tables of both."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from django.db import connection

from marketplace.checkout.reconciling.rules import Line, Movement

# What moves our balance with the gateway: what it collected and what it has settled are both there.
OURS = "('psp_clearing', 'psp_balance')"

LINE = """l.id, l.line_id, l.category, l.amount_minor, l.fee_minor, l.currency, l.source, l.exchanged_minor,
       l.exchanged_currency, l.rate, l.is_aside"""

# Each way in which a line names a transaction: by the gateway's reference, which our facts keep, then by the key that
# the books know the fact by. What was paid ahead goes back under the same key, with the sales that were made of it.
# What of a sale is still collected moves with its settlement; the rest (`by_itself`) is moved when its line comes.
# Of a dispute that was won in part, all came back in the books, and the rest was taken again: together its line. With a
# further part that rest came back, and less was taken again: together that part's line (checkout/won_in_parts.py).
_FOUND = """
WITH l AS MATERIALIZED (
    SELECT id, line_id, category, source FROM checkout_provider_line WHERE id = ANY (%s) AND source <> ''
), part AS MATERIALIZED (
    SELECT l.id, s.number, 'dispute:' || d.reference || ':' || p.line_id AS key
      FROM l JOIN checkout_dispute d ON d.reference = l.source JOIN checkout_disputepart p ON p.dispute_id = d.id
     CROSS JOIN LATERAL (
         SELECT b.number
           FROM (SELECT reference, row_number() OVER (ORDER BY id) AS number FROM checkout_disputestep
                  WHERE dispute_id = d.id AND state IN ('won', 'returned')) b
          WHERE b.reference IN ('', l.line_id) ORDER BY b.number DESC LIMIT 1) s
     WHERE l.category = 'dispute_reversal'
), keys AS MATERIALIZED (
    SELECT l.id, l.category,
           concat('refund:', o.intent_id, CASE WHEN o.outcome = 'overtaken' THEN ':overtaken' END) AS key
      FROM l JOIN checkout_refundoutcome o ON o.reference = l.source AND o.outcome <> 'refused'
     WHERE l.category IN ('refund', 'refund_failure')
     UNION ALL
    SELECT l.id, l.category, 'dispute:' || d.reference || ':' || p.line_id
      FROM l JOIN checkout_dispute d ON d.reference = l.source JOIN checkout_disputepart p ON p.dispute_id = d.id
     WHERE l.category = 'dispute'
     UNION ALL
    SELECT id, 'dispute_reversal', key FROM part WHERE number = 1
     UNION ALL
    SELECT id, 'dispute_rest', concat(key, ':rest', CASE WHEN number > 1 THEN '-' || number END) FROM part
     UNION ALL
    SELECT id, 'dispute_again', concat(key, ':rest', CASE WHEN number > 2 THEN '-' || number - 1 END)
      FROM part WHERE number > 1
), ahead AS MATERIALIZED (
    SELECT k.id, k.category, r.id AS reversal_id, r.transaction_id
      FROM keys k JOIN payouts_deferral_reversal r ON r.key = k.key
), reversals AS MATERIALIZED (
    SELECT k.id, k.category, r.id AS reversal_id, r.transaction_id, false AS by_itself
      FROM keys k JOIN payouts_reversal r ON r.key = k.key
     UNION ALL
    SELECT a.id, a.category, r.id, r.transaction_id, true
      FROM ahead a JOIN payouts_deferral_reversal_sale x ON x.reversal_id = a.reversal_id
      JOIN payouts_reversal r ON r.id = x.of_sale_id
), given AS MATERIALIZED (
    SELECT x.id, x.category, x.transaction_id, o.outcome, o.transaction_id AS back_id, x.by_itself
      FROM reversals x LEFT JOIN payouts_reversal_outcome o ON o.reversal_id = x.reversal_id
     UNION ALL
    SELECT a.id, a.category, a.transaction_id, o.outcome, o.transaction_id, true
      FROM ahead a LEFT JOIN payouts_deferral_reversal_outcome o ON o.reversal_id = a.reversal_id
), paid AS MATERIALIZED (
    SELECT l.id, 'order-line:' || n.id AS source
      FROM l JOIN checkout_paymentoutcome o ON o.reference = l.source AND o.outcome = 'succeeded'
      JOIN checkout_orderline n ON n.order_id = o.order_id
     WHERE l.category = 'charge'
), found AS (
    SELECT p.id, s.transaction_id, 'amount' AS role, false AS by_itself,
           CASE WHEN v.id IS NULL THEN s.source ELSE '' END AS sale
      FROM paid p JOIN payouts_sale s ON s.source = p.source AND s.paid_from = 'psp_clearing'
      LEFT JOIN payouts_provider_settlement v ON v.sale_id = s.id
     UNION ALL
    SELECT p.id, v.transaction_id, 'fee', false, ''
      FROM paid p JOIN payouts_sale s ON s.source = p.source JOIN payouts_provider_settlement v ON v.sale_id = s.id
     UNION ALL
    SELECT p.id, d.transaction_id, 'amount', true, '' FROM paid p JOIN payouts_deferral d ON d.source = p.source
     UNION ALL
    SELECT g.id, g.transaction_id, 'amount', g.by_itself, '' FROM given g
     WHERE g.category IN ('refund', 'dispute', 'dispute_rest')
     UNION ALL
    SELECT g.id, g.back_id, 'amount', g.by_itself, '' FROM given g
     WHERE (g.category, g.outcome) IN (('refund_failure', 'failed'), ('dispute_reversal', 'won'),
                                       ('dispute_again', 'failed'))
     UNION ALL
    SELECT l.id, t.id, 'fee', true, ''
      FROM l JOIN payouts_transaction t ON t.idem_key = 'dispute-fee:' || l.source WHERE l.category = 'dispute'
     UNION ALL
    SELECT l.id, t.id, 'amount', false, ''
      FROM l JOIN payouts_attempt_end e ON e.reference = l.source JOIN payouts_attempt a ON a.id = e.attempt_id
      JOIN payouts_transaction t ON t.idem_key = 'payout-sent:' || a.payout_id
     WHERE l.category = 'transfer' AND a.kind = 'transfer'
     UNION ALL
    SELECT l.id, r.transaction_id, 'amount', false, ''
      FROM l JOIN payouts_transfer_reversal r ON r.reference = l.source WHERE l.category = 'transfer_reversal'
     UNION ALL
    SELECT l.id, t.id, 'amount', false, ''
      FROM l JOIN payouts_transaction t ON t.idem_key = 'bank-transfer:' || l.source
     WHERE l.category IN ('payout', 'topup')
)
"""
_MOVED = f"""
SELECT f.id, f.transaction_id::text, f.role, a.currency, sum(p.amount_minor)::bigint,
       coalesce(sum(p.amount_minor) FILTER (WHERE f.by_itself AND a.kind = 'psp_clearing'), 0)::bigint, f.sale
  FROM found f JOIN payouts_posting p ON p.transaction_id = f.transaction_id
  JOIN payouts_account a ON a.id = p.account_id AND a.kind IN {OURS}
 WHERE NOT EXISTS (SELECT FROM checkout_reconciled_transaction r WHERE r.transaction_id = f.transaction_id)
 GROUP BY f.id, f.transaction_id, f.role, a.currency, f.sale
 ORDER BY f.id, f.role, f.sale, f.transaction_id
"""
# The lines that are open of all transfers of the payouts that these transactions sent.
_TOGETHER = f"""
SELECT t.id::text, {LINE}
  FROM payouts_transaction t
  JOIN payouts_attempt a ON t.idem_key = 'payout-sent:' || a.payout_id AND a.kind = 'transfer'
  JOIN payouts_attempt_end e ON e.attempt_id = a.id AND e.state = 'done'
  JOIN checkout_provider_line l ON l.source = e.reference AND l.category = 'transfer'
  JOIN checkout_provider_line_open o ON o.line_id = l.id
 WHERE t.id = ANY (%s::uuid[]) ORDER BY l.id
"""
# The open lines of transfers that were undone, where these lines are what came back of them: of payouts that were given
# up, so that the books moved nothing for either.
_UNDONE = f"""
WITH asked AS MATERIALIZED (
    SELECT DISTINCT r.transfer_id FROM checkout_provider_line l
      JOIN payouts_transfer_reversal r ON r.reference = l.source AND r.transaction_id IS NULL
     WHERE l.id = ANY (%s) AND l.category = 'transfer_reversal'
), named AS MATERIALIZED (
    SELECT a.transfer_id, e.reference, 'transfer' AS category
      FROM asked a JOIN payouts_attempt_end e ON e.attempt_id = a.transfer_id
     UNION ALL
    SELECT r.transfer_id, r.reference, 'transfer_reversal'
      FROM asked a JOIN payouts_transfer_reversal r ON r.transfer_id = a.transfer_id AND r.transaction_id IS NULL
)
SELECT n.transfer_id, {LINE}
  FROM named n JOIN checkout_provider_line l ON l.source = n.reference AND l.category = n.category
  JOIN checkout_provider_line_open o ON o.line_id = l.id
 ORDER BY l.id
"""
_STRAY = """
SELECT l.id FROM checkout_provider_line l
 WHERE l.id = ANY (%s) AND l.source <> ''
   AND (l.category = 'charge' AND EXISTS (SELECT FROM checkout_straypayment s WHERE s.reference = l.source)
     OR l.category IN ('refund', 'refund_failure')
        AND EXISTS (SELECT FROM checkout_strayreturn s WHERE s.reference = l.source AND s.outcome = 'succeeded'))
"""


def movements_of(lines: Sequence[Line]) -> dict[int, list[Movement]]:
    """Return number of a line → the transactions that name the same thing and are not matched with another line."""
    found: dict[int, list[Movement]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_FOUND + _MOVED, [[line.number for line in lines]])
        for number, *values in cursor.fetchall():
            found[number].append(Movement(*values))
    return found


def stray(lines: Iterable[Line]) -> set[int]:
    """Return the numbers of lines that are of money which came for no order, and of its way back."""
    with connection.cursor() as cursor:
        cursor.execute(_STRAY, [[line.number for line in lines]])
        return {number for (number,) in cursor.fetchall()}


def together(transactions: Iterable[str]) -> dict[str, list[Line]]:
    """Return transaction → the open lines of all transfers of the payout that it sent."""
    found: dict[str, list[Line]] = defaultdict(list)
    if named := list(transactions):
        with connection.cursor() as cursor:
            cursor.execute(_TOGETHER, [named])
            for transaction_id, *values in cursor.fetchall():
                found[transaction_id].append(Line(*values))
    return found


def undone(lines: Iterable[Line]) -> list[list[Line]]:
    """Return the open lines of each transfer of a payout that was given up, with those of what came back of it."""
    found: dict[int, list[Line]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_UNDONE, [[line.number for line in lines]])
        for transfer, *values in cursor.fetchall():
            found[transfer].append(Line(*values))
    return list(found.values())
