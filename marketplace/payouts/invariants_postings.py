"""What must be true of postings, of the sums kept of them, and of what the provider did: questions as INVARIANTS."""

POSTINGS = [
    (
        "Transaction {idem_key} of kind {kind} moved {account} by {amount_minor}, which that kind does not.",
        """
        SELECT t.idem_key, t.kind, a.kind AS account, p.amount_minor
          FROM payouts_posting p JOIN payouts_account a ON a.id = p.account_id
          JOIN payouts_transaction t ON t.id = p.transaction_id
         WHERE NOT concat(t.kind, CASE WHEN p.amount_minor > 0 THEN ' +' ELSE ' -' END, a.kind) = ANY (payouts_moves())
        """,
    ),
    (
        "Posting {id} names an account or a transaction that there is not.",
        """
        SELECT p.id FROM payouts_posting p
          LEFT JOIN payouts_account a ON a.id = p.account_id LEFT JOIN payouts_transaction t ON t.id = p.transaction_id
         WHERE a.id IS NULL OR t.id IS NULL
        """,
    ),
    (
        "The checkpoint of {kind} in {currency} through {through} says {said} and its postings make {made}.",
        """
        SELECT a.kind, a.currency, c.through, c.sum_minor AS said, c.before + coalesce(p.made, 0) AS made
          FROM (SELECT account_id, through, sum_minor, postings,
                       lag(through, 1, 0::bigint) OVER one AS since, lag(sum_minor, 1, 0) OVER one AS before,
                       lag(postings, 1, 0::bigint) OVER one AS counted
                  FROM payouts_summed_checkpoint WINDOW one AS (PARTITION BY account_id ORDER BY through)) c
          JOIN payouts_account a ON a.id = c.account_id
          LEFT JOIN LATERAL (SELECT sum(p.amount_minor) AS made, count(*) AS postings FROM payouts_posting p
                              WHERE p.account_id = c.account_id AND p.id > c.since AND p.id <= c.through) p ON true
         WHERE c.sum_minor <> c.before + coalesce(p.made, 0) OR c.postings <> c.counted + p.postings
        """,
    ),
    (
        "In {currency} {made} of {kind} {detail} is left, which is less than nothing.",
        """
        SELECT a.kind, a.currency, a.detail, -sum(p.amount_minor) AS made
          FROM payouts_account a JOIN payouts_posting p ON p.account_id = a.id
         WHERE a.kind IN ('deferred_subscription', 'buyer_credit', 'taken_down', 'chain_claims', 'royalty_unallocated',
                          'payout_in_flight', 'tax_payable')
         GROUP BY a.id HAVING sum(p.amount_minor) > 0
        """,
    ),
    (
        "Exchange {reference} gave {gave_minor} for {got_minor} and its transactions do not say so.",
        """
        SELECT e.reference, e.gave_minor, e.got_minor FROM payouts_exchange e
          LEFT JOIN LATERAL (
              SELECT sum(p.amount_minor) FILTER (WHERE p.transaction_id = e.gave_id AND a.currency = e.gave_currency)
                         AS gave,
                     -sum(p.amount_minor) FILTER (WHERE p.transaction_id = e.got_id AND a.currency = e.got_currency)
                         AS got
                FROM payouts_posting p JOIN payouts_account a ON a.id = p.account_id AND a.kind = 'fx_position'
               WHERE p.transaction_id IN (e.gave_id, e.got_id)) f ON true
         WHERE f.gave IS DISTINCT FROM e.gave_minor OR f.got IS DISTINCT FROM e.got_minor
        """,
    ),
    (
        "The settlement {reference} kept {fee_minor} of sale {source} and its transaction says otherwise.",
        """
        SELECT v.reference, v.fee_minor, s.source
          FROM payouts_provider_settlement v JOIN payouts_sale s ON s.id = v.sale_id
          JOIN payouts_transaction t ON t.id = v.transaction_id
          LEFT JOIN LATERAL (SELECT sum(p.amount_minor) AS amount_minor FROM payouts_posting p
                               JOIN payouts_account a ON a.id = p.account_id AND a.kind = 'psp_fee'
                              WHERE p.transaction_id = t.id) f ON true
         WHERE t.kind <> 'psp_settled' OR t.source <> s.source OR coalesce(f.amount_minor, 0) <> v.fee_minor
        """,
    ),
    (
        "The settlement {reference} of sale {source} leaves {uncleared} of it to be collected.",
        """
        SELECT v.reference, s.source, sum(p.amount_minor) AS uncleared
          FROM (SELECT sale_id, transaction_id FROM payouts_provider_settlement
                 UNION ALL SELECT id, transaction_id FROM payouts_sale
                 UNION ALL SELECT sale_id, transaction_id FROM payouts_reversal WHERE kind <> 'takedown'
                 UNION ALL SELECT r.sale_id, o.transaction_id FROM payouts_reversal_outcome o
                             JOIN payouts_reversal r ON r.id = o.reversal_id AND r.kind <> 'takedown') x
          JOIN payouts_provider_settlement v ON v.sale_id = x.sale_id JOIN payouts_sale s ON s.id = x.sale_id
          JOIN payouts_posting p ON p.transaction_id = x.transaction_id
          JOIN payouts_account a ON a.id = p.account_id AND a.kind = 'psp_clearing'
         GROUP BY v.id, s.id HAVING sum(p.amount_minor) <> 0
        """,
    ),
]
"""(sentence, question), as INVARIANTS."""
