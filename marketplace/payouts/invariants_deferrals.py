"""What must be true of what was paid ahead: questions whose every answer is a problem (invariants.py).

They share no code with what writes: what is left of a part is said here again.
"""

# What of a part was sold, and what went back of it: with disputes that are open, and without.
_PARTS = """
    SELECT p.id, p.deferral_id, p.number, p.due_at, p.amount_minor, p.fee_minor,
           coalesce(k.amount, 0) AS sold, coalesce(k.fee, 0) AS sold_fee, coalesce(t.amount, 0) AS taken,
           coalesce(t.fee, 0) AS taken_fee, coalesce(t.asked, 0) AS asked
      FROM payouts_deferral_part p
      LEFT JOIN (SELECT r.part_id, sum(s.gross_minor) AS amount, sum(s.fee_minor) AS fee
                   FROM payouts_recognized_part r JOIN payouts_sale s ON s.id = r.sale_id GROUP BY r.part_id) k
             ON k.part_id = p.id
      LEFT JOIN (SELECT v.part_id, sum(v.amount_minor) AS amount, sum(v.fee_minor) AS fee,
                        sum(v.amount_minor) FILTER (WHERE r.kind = 'dispute' AND o.id IS NULL) AS asked
                   FROM payouts_deferral_taken v JOIN payouts_deferral_reversal r ON r.id = v.reversal_id
                   LEFT JOIN payouts_deferral_reversal_outcome o ON o.reversal_id = r.id
                  WHERE coalesce(o.outcome, 'lost') = 'lost' GROUP BY v.part_id) t ON t.part_id = p.id
"""

DEFERRALS = [
    (
        "Transaction {idem_key} is of kind {kind}, and no refund or dispute of what was paid ahead names it then.",
        """
        SELECT t.idem_key, t.kind FROM payouts_transaction t
          LEFT JOIN (SELECT transaction_id AS id, opened_at AS at,
                            CASE kind WHEN 'refund' THEN 'ahead_refund' ELSE 'ahead_dispute_opened' END AS kind
                       FROM payouts_deferral_reversal
                      UNION ALL
                     SELECT transaction_id, closed_at,
                            CASE outcome WHEN 'failed' THEN 'ahead_refund_failed' ELSE 'ahead_dispute_' || outcome END
                       FROM payouts_deferral_reversal_outcome) f ON f.id = t.id
         WHERE starts_with(t.kind, 'ahead_') AND (f.kind IS DISTINCT FROM t.kind OR f.at <> t.occurred_at)
            OR f.kind <> t.kind
        """,
    ),
    (
        "Of payment {source}, whose tax is {tax_minor}, the parts are {parts} with a fee of {fees}.",
        """
        SELECT d.source, d.tax_minor, coalesce(sum(p.amount_minor), 0) AS parts, coalesce(sum(p.fee_minor), 0) AS fees
          FROM payouts_deferral d LEFT JOIN payouts_deferral_part p ON p.deferral_id = d.id GROUP BY d.id
        HAVING coalesce(sum(p.amount_minor), 0) <> d.gross_minor - d.tax_minor
            OR coalesce(sum(p.fee_minor), 0) <> d.fee_minor
        """,
    ),
    (
        "Payment {source} is {gross_minor} with a tax of {tax_minor}, and its transaction says otherwise.",
        """
        SELECT d.source, d.gross_minor, d.tax_minor FROM payouts_deferral d
          LEFT JOIN LATERAL (
              SELECT sum(p.amount_minor) FILTER (WHERE a.kind = 'psp_clearing') AS paid,
                     -sum(p.amount_minor) FILTER (WHERE a.kind = 'deferred_subscription') AS put_aside,
                     -sum(p.amount_minor) FILTER (WHERE a.kind = 'tax_payable' AND a.detail = d.tax_of) AS tax,
                     bool_and(a.currency = d.currency) AS in_currency
                FROM payouts_posting p JOIN payouts_account a ON a.id = p.account_id
               WHERE p.transaction_id = d.transaction_id) t ON true
         WHERE t.paid IS DISTINCT FROM d.gross_minor OR t.put_aside IS DISTINCT FROM d.gross_minor - d.tax_minor
            OR coalesce(t.tax, 0) <> d.tax_minor OR t.in_currency IS NOT TRUE
        """,
    ),
    (
        "Of part {number} of payment {source}, {amount_minor} with a fee of {fee_minor}, there would be {left} left"
        " with a fee of {fee_left}.",
        f"""
        SELECT p.number, d.source, p.amount_minor, p.fee_minor, p.amount_minor - p.sold - p.taken AS left,
               p.fee_minor - p.sold_fee - p.taken_fee AS fee_left
          FROM ({_PARTS}) p JOIN payouts_deferral d ON d.id = p.deferral_id
         WHERE p.fee_minor - p.sold_fee - p.taken_fee NOT BETWEEN 0 AND p.amount_minor - p.sold - p.taken
        """,
    ),
    (
        "Part {number} of payment {source} does not wait as it should: {left} is left, {asked} of it is disputed.",
        f"""
        SELECT p.number, d.source, p.amount_minor - p.sold - p.taken AS left, p.asked
          FROM ({_PARTS}) p JOIN payouts_deferral d ON d.id = p.deferral_id
          LEFT JOIN payouts_deferral_waiting w ON w.part_id = p.id
         WHERE (w.part_id IS NOT NULL) <> (p.amount_minor - p.sold - p.taken > 0 AND p.asked = 0)
            OR w.due_at <> p.due_at
        """,
    ),
    (
        "Sale {sale} is of part {number} of payment {source}, and is not as that is.",
        """
        SELECT s.source AS sale, p.number, d.source FROM payouts_recognized_part r
          JOIN payouts_sale s ON s.id = r.sale_id JOIN payouts_deferral_part p ON p.id = r.part_id
          JOIN payouts_deferral d ON d.id = p.deferral_id
         WHERE s.paid_from <> 'deferred_subscription' OR s.tax_minor <> 0 OR s.split_id <> d.split_id
            OR s.subject <> d.subject OR s.currency <> d.currency OR r.recognized_at < p.due_at
            OR s.source <> concat(d.source, ':', p.number, CASE WHEN r.number > 1 THEN concat(':', r.number) END)
        """,
    ),
    (
        "{key} says {deferred_minor} of parts and {sales_minor} of sales, and took {parts} and {sales}.",
        """
        SELECT r.key, r.deferred_minor, r.sales_minor, coalesce(t.amount, 0) AS parts, coalesce(s.amount, 0) AS sales
          FROM payouts_deferral_reversal r
          LEFT JOIN (SELECT reversal_id, sum(amount_minor) AS amount FROM payouts_deferral_taken
                      GROUP BY reversal_id) t ON t.reversal_id = r.id
          LEFT JOIN (SELECT x.reversal_id, sum(v.amount_minor) AS amount FROM payouts_deferral_reversal_sale x
                       JOIN payouts_reversal v ON v.id = x.of_sale_id GROUP BY x.reversal_id) s ON s.reversal_id = r.id
         WHERE coalesce(t.amount, 0) <> r.deferred_minor OR coalesce(s.amount, 0) <> r.sales_minor
        """,
    ),
    (
        "{key} and the reversal of a sale that belongs to it, {of_sale}, did not end alike.",
        """
        SELECT r.key, v.key AS of_sale FROM payouts_deferral_reversal r
          JOIN payouts_deferral_reversal_sale x ON x.reversal_id = r.id JOIN payouts_reversal v ON v.id = x.of_sale_id
          LEFT JOIN payouts_deferral_reversal_outcome o ON o.reversal_id = r.id
          LEFT JOIN payouts_reversal_outcome w ON w.reversal_id = v.id
         WHERE o.outcome IS DISTINCT FROM w.outcome OR v.kind <> r.kind
        """,
    ),
    (
        "Of the tax of payment {source}, {tax_minor}, there would be {left} left.",
        """
        SELECT d.source, d.tax_minor, d.tax_minor - sum(r.tax_minor) AS left FROM payouts_deferral d
          JOIN payouts_deferral_reversal r ON r.deferral_id = d.id
          LEFT JOIN payouts_deferral_reversal_outcome o ON o.reversal_id = r.id
         WHERE coalesce(o.outcome, 'lost') = 'lost'
         GROUP BY d.id HAVING sum(r.tax_minor) > d.tax_minor
        """,
    ),
    (
        "{key} moved {moved} of what was paid ahead, and says {said}.",
        """
        SELECT r.key, r.said, coalesce(t.moved, 0) AS moved
          FROM (SELECT key, transaction_id, CASE kind WHEN 'refund' THEN deferred_minor ELSE 0 END AS said
                  FROM payouts_deferral_reversal
                 UNION ALL
                SELECT r.key, o.transaction_id,
                       CASE o.outcome WHEN 'won' THEN 0 WHEN 'lost' THEN r.deferred_minor ELSE -r.deferred_minor END
                  FROM payouts_deferral_reversal_outcome o JOIN payouts_deferral_reversal r ON r.id = o.reversal_id) r
          LEFT JOIN (SELECT p.transaction_id, sum(p.amount_minor) AS moved FROM payouts_posting p
                       JOIN payouts_account a ON a.id = p.account_id AND a.kind = 'deferred_subscription'
                      GROUP BY p.transaction_id) t ON t.transaction_id = r.transaction_id
         WHERE coalesce(t.moved, 0) <> r.said
        """,
    ),
    (
        "In {currency} {kept} is paid for times to come, and the payments have {left} left.",
        f"""
        SELECT currency, coalesce(b.kept, 0) AS kept, coalesce(l.left_minor, 0) AS left
          FROM (SELECT a.currency, -sum(p.amount_minor) AS kept FROM payouts_posting p
                  JOIN payouts_account a ON a.id = p.account_id
                 WHERE a.kind = 'deferred_subscription' GROUP BY a.currency) b
          FULL JOIN (SELECT currency, sum(minor) AS left_minor
                       FROM (SELECT d.currency, p.amount_minor - p.sold - p.taken + p.asked AS minor
                               FROM ({_PARTS}) p JOIN payouts_deferral d ON d.id = p.deferral_id
                              UNION ALL
                             SELECT a.currency, -p.amount_minor FROM payouts_posting p
                               JOIN payouts_account a ON a.id = p.account_id AND a.kind = 'deferred_subscription'
                               JOIN payouts_transaction t ON t.id = p.transaction_id
                               LEFT JOIN payouts_deferral d ON d.transaction_id = t.id
                               LEFT JOIN payouts_sale s ON s.transaction_id = t.id
                               LEFT JOIN payouts_recognized_part r ON r.sale_id = s.id
                              WHERE t.kind IN ('subscription_paid', 'sale') AND d.id IS NULL AND r.id IS NULL) one
                      GROUP BY currency) l USING (currency)
         WHERE coalesce(b.kept, 0) <> coalesce(l.left_minor, 0)
        """,
    ),
]
"""(sentence, question), as INVARIANTS."""
