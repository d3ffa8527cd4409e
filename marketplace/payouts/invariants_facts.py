"""What must be true of transactions and of the rows that say why they were posted: questions as INVARIANTS.

What the house gives up, credits, moves between its own accounts or pays in fees has no such rows; nor has what is
published on a chain (docs/decisions/0027).
"""

from marketplace.payouts.invariants_vault import VAULT_FACTS
from marketplace.payouts.numbers import number_of

# Every row that says why a transaction was posted: of which kind that one is, and when it was, where the row says so.
_FACTS = f"""
    SELECT transaction_id AS id, 'sale' AS kind, sold_at AS at FROM payouts_sale
     UNION ALL SELECT transaction_id, 'psp_settled', settled_at FROM payouts_provider_settlement
     UNION ALL SELECT gave_id, 'exchange', exchanged_at FROM payouts_exchange
     UNION ALL SELECT got_id, 'exchange', exchanged_at FROM payouts_exchange
     UNION ALL SELECT transaction_id, 'royalty_run', ran_at FROM payouts_royalty_run
     UNION ALL SELECT transaction_id, 'hold_release', released_at FROM payouts_hold_release
     UNION ALL SELECT transaction_id, 'reserve_release', ended_at FROM payouts_reserve_end
     UNION ALL SELECT transaction_id, CASE kind WHEN 'dispute' THEN 'dispute_opened' ELSE kind END, opened_at
                 FROM payouts_reversal
     UNION ALL SELECT transaction_id,
                      CASE outcome WHEN 'failed' THEN 'refund_failed' WHEN 'lifted' THEN 'takedown_lifted'
                                   WHEN 'awarded' THEN 'sale' ELSE 'dispute_' || outcome END, closed_at
                 FROM payouts_reversal_outcome
     UNION ALL SELECT transaction_id, 'payout_reserve', reserved_at FROM payouts_payout
     UNION ALL SELECT t.id, t.kind, o.at
                 FROM payouts_payout_outcome o JOIN payouts_payout p ON p.id = o.payout_id
                 JOIN payouts_transaction t ON t.source = p.idem_key AND t.kind = 'payout_' || o.state
     UNION ALL SELECT t.id, t.kind, NULL FROM payouts_transaction t
                WHERE t.kind = 'claim_held'
                  AND t.id IN (SELECT transaction_id FROM payouts_claim_hold_line)
     UNION ALL SELECT t.id, t.kind, NULL FROM payouts_transaction t
                WHERE t.kind = 'claim_released'
                  AND t.id IN (SELECT transaction_id FROM payouts_claim_hold_end)
     UNION ALL {VAULT_FACTS}
"""

# What refunds and disputes and their ends move of the house: the money goes back to the account that the sale's sits
# in, and the tax to its jurisdiction. A dispute is of the provider's account, and its tax is moved when it is lost.
_STEPS = f"""
    SELECT step.*, s.currency, s.tax_of,
           CASE WHEN s.paid_from = 'buyer_credit' AND step.is_refund THEN 'buyer_credit'
                WHEN {number_of("v.transaction_id")} < {number_of("step.transaction_id")} THEN 'psp_balance'
                ELSE 'psp_clearing' END AS money
      FROM (SELECT r.key, r.sale_id, r.transaction_id, r.kind = 'refund' AS is_refund, -r.amount_minor AS money_minor,
                   CASE r.kind WHEN 'refund' THEN r.tax_minor ELSE 0 END AS tax_minor,
                   CASE r.kind WHEN 'refund' THEN r.fee_minor ELSE 0 END AS fee_minor,
                   CASE r.kind WHEN 'refund' THEN r.pot_minor ELSE 0 END AS pot_minor,
                   CASE r.kind WHEN 'refund' THEN 0 ELSE r.amount_minor END AS suspense_minor,
                   CASE r.kind WHEN 'refund' THEN r.loss_minor ELSE 0 END AS loss_minor
              FROM payouts_reversal r WHERE r.kind <> 'takedown'
             UNION ALL
            SELECT r.key, r.sale_id, o.transaction_id, r.kind = 'refund',
                   CASE o.outcome WHEN 'lost' THEN 0 ELSE r.amount_minor END,
                   CASE o.outcome WHEN 'lost' THEN r.tax_minor WHEN 'failed' THEN -r.tax_minor ELSE 0 END,
                   CASE o.outcome WHEN 'lost' THEN r.fee_minor WHEN 'failed' THEN -r.fee_minor ELSE 0 END,
                   CASE o.outcome WHEN 'failed' THEN -o.pot_minor ELSE r.pot_minor - o.pot_minor END,
                   CASE o.outcome WHEN 'failed' THEN 0 ELSE -r.amount_minor END,
                   CASE o.outcome WHEN 'lost' THEN r.loss_minor WHEN 'failed' THEN -r.loss_minor ELSE 0 END
              FROM payouts_reversal r JOIN payouts_reversal_outcome o ON o.reversal_id = r.id
             WHERE r.kind <> 'takedown') step
      JOIN payouts_sale s ON s.id = step.sale_id LEFT JOIN payouts_provider_settlement v ON v.sale_id = s.id
"""

FACTS = [
    (
        "Transaction {idem_key} is of kind {kind} and {why}.",
        f"""
        SELECT t.idem_key, t.kind,
               CASE WHEN f.id IS NULL THEN 'there is no such ' || t.kind
                    WHEN f.kind <> t.kind THEN 'what names it is of kind ' || f.kind
                    ELSE 'what names it was at ' || f.at || ', and not at ' || t.occurred_at END AS why
          FROM payouts_transaction t LEFT JOIN ({_FACTS}) f ON f.id = t.id
         WHERE f.id IS NULL AND t.kind IN ('sale', 'psp_settled', 'exchange', 'royalty_run', 'hold_release',
                                           'reserve_release', 'refund', 'refund_failed', 'dispute_opened',
                                           'dispute_won', 'dispute_lost', 'takedown', 'takedown_lifted', 'claim_held',
                                           'claim_released', 'payout_reserve', 'payout_sent', 'payout_failed',
                                           'payout_returned', 'chain_sale', 'chain_paid')
            OR f.kind <> t.kind OR f.at <> t.occurred_at
        """,
    ),
    (
        "For {key} the house is to move {due}, and transaction {idem_key} moved {posted}.",
        f"""
        SELECT x.key, d.legs AS due, t.idem_key, p.legs AS posted
          FROM ({_STEPS}) x JOIN payouts_transaction t ON t.id = x.transaction_id
          LEFT JOIN LATERAL (
              SELECT string_agg(concat_ws(' ', due.kind, due.amount, x.currency, nullif(due.detail, '')), ', '
                                ORDER BY due.kind COLLATE "C") AS legs
                FROM (VALUES (x.money, x.money_minor, ''), ('tax_payable', x.tax_minor, x.tax_of),
                             ('platform_fee', x.fee_minor, ''), ('taken_down', x.pot_minor, ''),
                             ('dispute_suspense', x.suspense_minor, ''), ('dispute_loss', x.loss_minor, '')
                     ) AS due (kind, amount, detail) WHERE due.amount <> 0) d ON true
          LEFT JOIN LATERAL (
              SELECT string_agg(concat_ws(' ', a.kind, p.amount_minor, a.currency, nullif(a.detail, '')), ', '
                                ORDER BY a.kind COLLATE "C", a.detail) AS legs
                FROM payouts_posting p JOIN payouts_account a ON a.id = p.account_id AND a.owner_id IS NULL
               WHERE p.transaction_id = x.transaction_id) p ON true
         WHERE p.legs IS DISTINCT FROM d.legs
        """,
    ),
]
"""(sentence, question), as INVARIANTS."""
