"""What must be true of reversals, freezes and what remains: questions whose every answer is a problem (invariants.py).

They share no code with what writes: what remains of a line, and what is held of it, is said here again.
"""

# What is held of royalty lines for claims, and has not been given back or taken by a reversal.
_HELD = """
    SELECT k.line_id, sum(k.amount_minor) AS amount_minor
      FROM payouts_claim_hold_line k LEFT JOIN payouts_claim_hold_end e ON e.hold_id = k.id
     WHERE e.id IS NULL GROUP BY k.line_id
"""

# What reversals have of each royalty line: what they took less what their ends gave back.
_TAKEN = """
    SELECT line_id, sum(amount_minor) AS amount_minor
      FROM (SELECT line_id, amount_minor FROM payouts_reversal_line
             UNION ALL
            SELECT line_id, -amount_minor FROM payouts_returned_line) moved
     GROUP BY line_id
"""

# Each royalty line with what remains of it, what of that is held, and whether its run is released.
_LEFT = f"""
    SELECT l.id, l.sale_id, l.run_id, l.payee_id, r.currency, l.amount_minor,
           l.amount_minor - coalesce(v.amount_minor, 0) AS remains, coalesce(k.amount_minor, 0) AS held,
           h.id IS NOT NULL AS is_released
      FROM payouts_royalty_line l JOIN payouts_royalty_run r ON r.id = l.run_id
      LEFT JOIN payouts_hold_release h ON h.run_id = r.id
      LEFT JOIN ({_TAKEN}) v ON v.line_id = l.id
      LEFT JOIN ({_HELD}) k ON k.line_id = l.id
"""

# Reversals with what stands of their tax, fee and pot, and whether they are open disputes.
_STANDING = """
    SELECT r.id, r.sale_id, r.kind, r.net_minor, r.amount_minor, r.pot_minor AS pot_asked,
           r.tax_minor - coalesce(o.tax_minor, 0) AS tax, r.fee_minor - coalesce(o.fee_minor, 0) AS fee,
           CASE r.kind WHEN 'takedown' THEN r.net_minor - coalesce(o.pot_minor, 0)
                ELSE coalesce(o.pot_minor, 0) - r.pot_minor END AS pot,
           r.kind = 'dispute' AND o.id IS NULL AS is_open
      FROM payouts_reversal r
      LEFT JOIN payouts_reversal_outcome o ON o.reversal_id = r.id
"""

_FROZEN = """
    SELECT f.subject FROM payouts_subject_freeze f
     WHERE NOT EXISTS (SELECT FROM payouts_subject_thaw t WHERE t.freeze_id = f.id)
"""

REMAINING = [
    (
        "Of the {amount_minor} that {payee_id} earned from sale {source}, {remains} would remain.",
        f"""
        SELECT w.amount_minor, w.payee_id, s.source, w.remains FROM ({_LEFT}) w JOIN payouts_sale s ON s.id = w.sale_id
         WHERE w.remains NOT BETWEEN 0 AND w.amount_minor
        """,
    ),
    (
        "Of sale {source}, {tax} of tax, {fee} of the fee and {pot} of what was taken down would remain.",
        f"""
        SELECT s.source, s.tax_minor - sum(r.tax) AS tax, s.fee_minor - sum(r.fee) AS fee, sum(r.pot) AS pot
          FROM ({_STANDING}) r JOIN payouts_sale s ON s.id = r.sale_id
         GROUP BY s.id HAVING s.tax_minor - sum(r.tax) NOT BETWEEN 0 AND s.tax_minor
            OR s.fee_minor - sum(r.fee) NOT BETWEEN 0 AND s.fee_minor OR sum(r.pot) NOT BETWEEN 0 AND s.net_minor
        """,
    ),
    (
        "{key} took {taken} of lines and says {net_minor}.",
        """
        SELECT r.key, coalesce(v.amount_minor, 0) AS taken, r.net_minor
          FROM payouts_reversal r
          LEFT JOIN (SELECT reversal_id, sum(amount_minor) AS amount_minor FROM payouts_reversal_line
                      GROUP BY reversal_id) v ON v.reversal_id = r.id
         WHERE coalesce(v.amount_minor, 0) <> r.net_minor
        """,
    ),
    (
        "{key} took of a line of another sale.",
        """
        SELECT DISTINCT r.key FROM payouts_reversal r JOIN payouts_reversal_line v ON v.reversal_id = r.id
          JOIN payouts_royalty_line l ON l.id = v.line_id WHERE l.sale_id <> r.sale_id
         UNION
        SELECT DISTINCT r.key FROM payouts_reversal r JOIN payouts_reversal_outcome o ON o.reversal_id = r.id
          JOIN payouts_returned_line b ON b.outcome_id = o.id
          JOIN payouts_royalty_line l ON l.id = b.line_id WHERE l.sale_id <> r.sale_id
        """,
    ),
    (
        "{key} is a {kind} that was {outcome}, which gave {given} back of what it took, {taken}.",
        """
        SELECT r.key, r.kind, o.outcome, o.tax_minor + o.fee_minor + o.pot_minor + coalesce(b.amount_minor, 0) AS given,
               r.amount_minor - r.loss_minor AS taken
          FROM payouts_reversal r JOIN payouts_reversal_outcome o ON o.reversal_id = r.id
          LEFT JOIN (SELECT outcome_id, sum(amount_minor) AS amount_minor FROM payouts_returned_line
                      GROUP BY outcome_id) b ON b.outcome_id = o.id
         WHERE NOT CASE r.kind || ' ' || o.outcome
               WHEN 'dispute lost' THEN o.tax_minor + o.fee_minor + o.pot_minor + coalesce(b.amount_minor, 0) = 0
               WHEN 'dispute won' THEN o.tax_minor + o.fee_minor + o.pot_minor + coalesce(b.amount_minor, 0)
                                       = r.amount_minor - r.loss_minor AND o.tax_minor = r.tax_minor
                                       AND o.fee_minor = r.fee_minor AND o.pot_minor <= r.pot_minor
               WHEN 'refund failed' THEN o.tax_minor + o.fee_minor + o.pot_minor + coalesce(b.amount_minor, 0)
                                         = r.amount_minor - r.loss_minor AND o.tax_minor = r.tax_minor
                                         AND o.fee_minor = r.fee_minor AND o.pot_minor <= r.pot_minor
               WHEN 'takedown lifted' THEN o.tax_minor + o.fee_minor = 0 AND o.pot_minor <= r.net_minor
                                           AND coalesce(b.amount_minor, 0) = o.pot_minor
               WHEN 'takedown awarded' THEN o.tax_minor + o.fee_minor + coalesce(b.amount_minor, 0) = 0
                                            AND o.pot_minor <= r.net_minor
               ELSE false END
        """,
    ),
    (
        "{payee_id} has {kept} pending in {currency} and unreleased lines of {lines}.",
        f"""
        SELECT payee_id, currency, coalesce(a.balance_minor, 0) AS kept, coalesce(l.amount_minor, 0) AS lines
          FROM (SELECT payee_id, currency, sum(remains - held) AS amount_minor FROM ({_LEFT}) w
                 WHERE NOT is_released GROUP BY payee_id, currency) l
          FULL JOIN (SELECT owner_id AS payee_id, currency, balance_minor FROM payouts_account
                      WHERE kind = 'creator_pending') a USING (payee_id, currency)
         WHERE coalesce(a.balance_minor, 0) <> coalesce(l.amount_minor, 0)
        """,
    ),
    (
        "{owner_id} has {kept} available less owed in {currency}; released lines less payouts are {made}.",
        f"""
        SELECT owner_id, currency, sum(kept) AS kept, sum(made) AS made
          FROM (SELECT owner_id, currency, 0 AS made,
                       CASE kind WHEN 'creator_receivable' THEN -balance_minor ELSE balance_minor END AS kept
                  FROM payouts_account WHERE kind IN ('creator_available', 'creator_reserve', 'creator_receivable')
                 UNION ALL
                SELECT payee_id, currency, remains - held, 0 FROM ({_LEFT}) w WHERE is_released
                 UNION ALL
                SELECT a.owner_id, a.currency, -p.amount_minor, 0
                  FROM payouts_transaction t JOIN payouts_posting p ON p.transaction_id = t.id
                  JOIN payouts_account a ON a.id = p.account_id
                 WHERE t.kind IN ('write_off', 'transfer_reversed', 'chain_claim_published')
                   AND a.kind IN ('creator_available', 'creator_reserve', 'creator_receivable')
                 UNION ALL
                SELECT p.creator_id, p.currency, -p.amount_minor, 0 FROM payouts_payout p
                 WHERE NOT EXISTS (SELECT FROM payouts_payout_outcome f
                                    WHERE f.payout_id = p.id AND f.state IN ('failed', 'returned'))
                 UNION ALL
                SELECT p.creator_id, p.currency, -r.amount_minor, 0
                  FROM payouts_transfer_reversal r
                  JOIN payouts_transaction t ON t.id = r.transaction_id AND t.kind = 'transfer_reversed'
                  JOIN payouts_attempt a ON a.id = r.transfer_id JOIN payouts_payout p ON p.id = a.payout_id
                 WHERE EXISTS (SELECT FROM payouts_payout_outcome f
                                WHERE f.payout_id = p.id AND f.state IN ('failed', 'returned'))) moved
         GROUP BY owner_id, currency HAVING sum(kept) <> sum(made)
        """,
    ),
    (
        "{payee_id} has {kept} on hold in {currency} and open disputes took {taken}.",
        """
        SELECT payee_id, currency, coalesce(a.balance_minor, 0) AS kept, coalesce(v.amount_minor, 0) AS taken
          FROM (SELECT l.payee_id, s.currency, sum(v.amount_minor) AS amount_minor
                  FROM payouts_reversal r JOIN payouts_reversal_line v ON v.reversal_id = r.id
                  JOIN payouts_royalty_line l ON l.id = v.line_id JOIN payouts_sale s ON s.id = l.sale_id
                 WHERE r.kind = 'dispute'
                   AND NOT EXISTS (SELECT FROM payouts_reversal_outcome o WHERE o.reversal_id = r.id)
                 GROUP BY l.payee_id, s.currency) v
          FULL JOIN (SELECT owner_id AS payee_id, currency, balance_minor FROM payouts_account
                      WHERE kind = 'creator_dispute_hold') a USING (payee_id, currency)
         WHERE coalesce(a.balance_minor, 0) <> coalesce(v.amount_minor, 0)
        """,
    ),
    (
        "In {currency} {posted} is in dispute suspense and open disputes are {open}.",
        """
        SELECT currency, coalesce(p.amount_minor, 0) AS posted, coalesce(d.amount_minor, 0) AS open
          FROM (SELECT currency, sum(amount_minor) AS amount_minor
                  FROM (SELECT s.currency, r.amount_minor
                          FROM payouts_reversal r JOIN payouts_sale s ON s.id = r.sale_id
                         WHERE r.kind = 'dispute'
                           AND NOT EXISTS (SELECT FROM payouts_reversal_outcome o WHERE o.reversal_id = r.id)
                         UNION ALL
                        SELECT w.currency, r.amount_minor - r.sales_minor
                          FROM payouts_deferral_reversal r JOIN payouts_deferral w ON w.id = r.deferral_id
                         WHERE r.kind = 'dispute'
                           AND NOT EXISTS (SELECT FROM payouts_deferral_reversal_outcome o WHERE o.reversal_id = r.id)
                       ) one GROUP BY currency) d
          FULL JOIN (SELECT a.currency, sum(p.amount_minor) AS amount_minor
                       FROM payouts_posting p JOIN payouts_account a ON a.id = p.account_id
                      WHERE a.kind = 'dispute_suspense' GROUP BY a.currency) p USING (currency)
         WHERE coalesce(d.amount_minor, 0) <> coalesce(p.amount_minor, 0)
        """,
    ),
    (
        "In {currency} {posted} is kept of what was taken down, and sales say {kept}.",
        f"""
        SELECT currency, coalesce(p.amount_minor, 0) AS posted, coalesce(r.amount_minor, 0) AS kept
          FROM (SELECT s.currency, sum(r.pot + CASE WHEN r.is_open THEN r.pot_asked ELSE 0 END) AS amount_minor
                  FROM ({_STANDING}) r JOIN payouts_sale s ON s.id = r.sale_id GROUP BY s.currency) r
          FULL JOIN (SELECT a.currency, -sum(p.amount_minor) AS amount_minor
                       FROM payouts_posting p JOIN payouts_account a ON a.id = p.account_id
                      WHERE a.kind = 'taken_down' GROUP BY a.currency) p USING (currency)
         WHERE coalesce(p.amount_minor, 0) <> coalesce(r.amount_minor, 0)
        """,
    ),
    (
        "In {currency} sales worth {posted} are unallocated in the books and {waiting} await their allocation.",
        """
        SELECT currency, coalesce(p.amount_minor, 0) AS posted, coalesce(w.amount_minor, 0) AS waiting
          FROM (SELECT s.currency, sum(s.net_minor) AS amount_minor
                  FROM payouts_awaiting_allocation w JOIN payouts_sale s ON s.id = w.sale_id GROUP BY s.currency) w
          FULL JOIN (SELECT a.currency, -sum(p.amount_minor) AS amount_minor
                       FROM payouts_posting p JOIN payouts_account a ON a.id = p.account_id
                      WHERE a.kind = 'royalty_unallocated' GROUP BY a.currency) p USING (currency)
         WHERE coalesce(w.amount_minor, 0) <> coalesce(p.amount_minor, 0)
        """,
    ),
]

FREEZES = [
    (
        "{payee_id} has {kept} held for claims in {currency} and the holds of lines are {held}.",
        f"""
        SELECT payee_id, currency, coalesce(a.balance_minor, 0) AS kept, coalesce(k.amount_minor, 0) AS held
          FROM (SELECT payee_id, currency, sum(held) AS amount_minor FROM ({_LEFT}) w GROUP BY payee_id, currency) k
          FULL JOIN (SELECT owner_id AS payee_id, currency, balance_minor FROM payouts_account
                      WHERE kind = 'creator_claim_hold') a USING (payee_id, currency)
         WHERE coalesce(a.balance_minor, 0) <> coalesce(k.amount_minor, 0)
        """,
    ),
    (
        "Transaction {idem_key} holds {posted} of {owner_id} for claims and its lines say {said}.",
        """
        SELECT t.idem_key, owner_id, coalesce(p.amount_minor, 0) AS posted, coalesce(k.amount_minor, 0) AS said
          FROM (SELECT k.id, l.payee_id AS owner_id, sum(k.amount_minor) AS amount_minor
                  FROM (SELECT transaction_id AS id, line_id, amount_minor FROM payouts_claim_hold_line
                         UNION ALL
                        SELECT e.transaction_id, k.line_id, -k.amount_minor
                          FROM payouts_claim_hold_end e JOIN payouts_claim_hold_line k ON k.id = e.hold_id) k
                  JOIN payouts_royalty_line l ON l.id = k.line_id GROUP BY k.id, l.payee_id) k
          FULL JOIN (SELECT p.transaction_id AS id, a.owner_id, -sum(p.amount_minor) AS amount_minor
                       FROM payouts_posting p JOIN payouts_account a ON a.id = p.account_id
                      WHERE a.kind = 'creator_claim_hold' GROUP BY p.transaction_id, a.owner_id) p USING (id, owner_id)
          JOIN payouts_transaction t USING (id)
         WHERE p.amount_minor IS DISTINCT FROM k.amount_minor
        """,
    ),
    (
        "Of the {remains} that {payee_id} has left from sale {source}, {held} is held for a claim on {subject}.",
        f"""
        SELECT w.remains, w.payee_id, s.source, s.subject, w.held
          FROM ({_LEFT}) w JOIN payouts_sale s ON s.id = w.sale_id
         WHERE w.held NOT BETWEEN CASE WHEN s.subject IN ({_FROZEN}) AND NOT w.is_released THEN w.remains ELSE 0 END
                              AND CASE WHEN s.subject IN ({_FROZEN}) THEN w.remains ELSE 0 END
        """,
    ),
    (
        "{owner_id} has {available} available in {currency}, and of what is not frozen there are {others}.",
        f"""
        SELECT a.owner_id, a.currency, a.balance_minor AS available, coalesce(o.minor, 0) AS others
          FROM payouts_account a
          LEFT JOIN (SELECT owner_id, currency, sum(minor) AS minor
                       FROM (SELECT w.payee_id AS owner_id, w.currency, w.remains - w.held AS minor
                               FROM ({_LEFT}) w JOIN payouts_sale s ON s.id = w.sale_id
                              WHERE w.is_released AND s.subject NOT IN ({_FROZEN})
                             UNION ALL
                             SELECT b.owner_id, b.currency, -p.amount_minor
                               FROM payouts_transaction t JOIN payouts_posting p ON p.transaction_id = t.id
                               JOIN payouts_account b ON b.id = p.account_id AND b.kind = 'creator_receivable'
                              WHERE t.kind IN ('write_off', 'transfer_reversed')) one
                      GROUP BY owner_id, currency) o ON o.owner_id = a.owner_id AND o.currency = a.currency
         WHERE EXISTS ({_FROZEN}) AND a.kind = 'creator_available' AND a.balance_minor > coalesce(o.minor, 0)
        """,
    ),
    (
        "Sale {source} was allocated while {subject} was frozen.",
        """
        SELECT DISTINCT s.source, s.subject FROM payouts_subject_freeze f
          LEFT JOIN payouts_subject_thaw t ON t.freeze_id = f.id
          JOIN payouts_sale s ON s.subject = f.subject JOIN payouts_royalty_line l ON l.sale_id = s.id
          JOIN payouts_royalty_run r ON r.id = l.run_id
          LEFT JOIN payouts_reversal v ON v.sale_id = s.id AND v.opened_at = r.ran_at
         WHERE v.id IS NULL AND r.id > coalesce(f.allocated_through_id, 0)
           AND (t.id IS NULL OR r.id <= t.allocated_through_id)
        """,
    ),
]
