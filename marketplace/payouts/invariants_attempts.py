"""What must be true of attempts to send payouts, and of what came back of transfers: questions as INVARIANTS."""

ATTEMPTS = [
    (
        "Payout {idem_key} of {amount_minor} is {state}, and transfers of {made} were made for it and not undone.",
        """
        SELECT p.idem_key, p.amount_minor, coalesce(o.state, 'open') AS state, t.made
          FROM (SELECT a.payout_id,
                       coalesce(sum(a.amount_minor - undone.minor) FILTER (WHERE e.state = 'done'), 0) AS made
                  FROM payouts_attempt a LEFT JOIN payouts_attempt_end e ON e.attempt_id = a.id
                  LEFT JOIN payouts_payout_outcome f ON f.payout_id = a.payout_id AND f.state = 'failed'
                 CROSS JOIN LATERAL (SELECT coalesce(sum(r.amount_minor), 0) AS minor FROM payouts_transfer_reversal r
                                      WHERE r.transfer_id = a.id AND (r.transaction_id IS NULL OR f.id IS NOT NULL)
                                    ) undone
                 WHERE a.kind = 'transfer' GROUP BY a.payout_id) t
          JOIN payouts_payout p ON p.id = t.payout_id
          LEFT JOIN payouts_payout_outcome o ON o.payout_id = p.id AND o.state IN ('sent', 'failed')
         WHERE t.made NOT BETWEEN CASE o.state WHEN 'sent' THEN p.amount_minor ELSE 0 END
                              AND CASE o.state WHEN 'sent' THEN p.amount_minor WHEN 'failed' THEN 0
                                               ELSE p.amount_minor - 1 END
        """,
    ),
    (
        "Payout {idem_key} was sent as {reference}, which no attempt of it is.",
        r"""
        SELECT p.idem_key, o.reference FROM payouts_payout_outcome o JOIN payouts_payout p ON p.id = o.payout_id
         WHERE o.state = 'sent' AND o.reference LIKE 'tr\_%'
           AND NOT EXISTS (SELECT FROM payouts_attempt a JOIN payouts_attempt_end e ON e.attempt_id = a.id
                            WHERE a.payout_id = p.id AND a.kind = 'transfer' AND e.reference = o.reference)
        """,
    ),
    (
        "Of transfer {key} {count} bank payouts are under way at once.",
        """
        SELECT t.key, count(*) AS count FROM payouts_attempt t
          JOIN payouts_attempt b ON b.of_id = t.id AND b.kind = 'bank'
          JOIN payouts_attempt_end e ON e.attempt_id = b.id AND e.state = 'done'
         WHERE NOT EXISTS (SELECT FROM payouts_bank_word w
                            WHERE w.attempt_id = b.id AND w.state IN ('failed', 'canceled'))
         GROUP BY t.id HAVING count(*) > 1
        """,
    ),
    (
        "Of transfer {key} of {amount_minor} came back {back}, and {banked} went to a bank.",
        """
        SELECT t.key, t.amount_minor, coalesce(r.back, 0) AS back, coalesce(b.banked, 0) AS banked
          FROM payouts_attempt t
          LEFT JOIN (SELECT transfer_id, sum(amount_minor) AS back FROM payouts_transfer_reversal
                      GROUP BY transfer_id) r ON r.transfer_id = t.id
          LEFT JOIN (SELECT b.of_id, sum(b.amount_minor) AS banked
                       FROM payouts_attempt b JOIN payouts_bank_word w ON w.attempt_id = b.id AND w.state = 'paid'
                      WHERE b.kind = 'bank' AND NOT EXISTS (SELECT FROM payouts_bank_word f
                                                             WHERE f.attempt_id = b.id AND f.state <> 'paid')
                      GROUP BY b.of_id) b ON b.of_id = t.id
         WHERE coalesce(r.back, 0) > t.amount_minor OR coalesce(b.banked, 0) > t.amount_minor
        """,
    ),
    (
        "Payout {idem_key} came back to the last unit, and is not said to have.",
        """
        SELECT p.idem_key FROM payouts_payout p
         WHERE p.id IN (SELECT a.payout_id FROM payouts_attempt a
                          JOIN payouts_transfer_reversal r ON r.transfer_id = a.id)
           AND p.amount_minor = payouts_came_back(p.id)
           AND EXISTS (SELECT FROM payouts_payout_outcome o WHERE o.payout_id = p.id AND o.state = 'sent')
           AND NOT EXISTS (SELECT FROM payouts_payout_outcome o WHERE o.payout_id = p.id AND o.state = 'returned')
           AND NOT EXISTS (SELECT FROM payouts_attempt b LEFT JOIN payouts_attempt_end e ON e.attempt_id = b.id
                            WHERE b.payout_id = p.id AND b.kind = 'bank' AND e.state IS DISTINCT FROM 'refused'
                              AND NOT EXISTS (SELECT FROM payouts_bank_word w
                                               WHERE w.attempt_id = b.id AND w.state <> 'paid'))
        """,
    ),
    (
        "Reversal {reference} of {amount_minor} is booked as {kind} of {moved}.",
        """
        SELECT r.reference, r.amount_minor, t.kind, coalesce(m.moved, 0) AS moved
          FROM payouts_transfer_reversal r JOIN payouts_transaction t ON t.id = r.transaction_id
          LEFT JOIN LATERAL (SELECT sum(p.amount_minor) AS moved
                               FROM payouts_posting p JOIN payouts_account a ON a.id = p.account_id
                              WHERE p.transaction_id = t.id AND a.kind = 'psp_balance') m ON true
         WHERE t.kind NOT IN ('transfer_reversed', 'payout_returned') OR coalesce(m.moved, 0) <> r.amount_minor
        """,
    ),
]
"""(sentence, question), as INVARIANTS."""
