"""What must be true of payouts on chain: questions as INVARIANTS.

What the chain said that the books cannot follow is here as well, so that payouts stop and operators are told.
"""

CLAIMS = [
    (
        "Root {number} of {detail} gave {owner_id} {said} and its transaction took {posted}.",
        """
        SELECT r.number, b.detail, owner_id, coalesce(w.added, 0) AS said, coalesce(p.taken, 0) AS posted
          FROM (SELECT l.root_id, c.creator_id AS owner_id, sum(l.added_minor) AS added
                  FROM payouts_root_line l JOIN payouts_chain_account c ON c.id = l.account_id
                 GROUP BY l.root_id, c.creator_id) w
          FULL JOIN (SELECT r.id AS root_id, a.owner_id, sum(q.amount_minor) AS taken
                       FROM payouts_root r JOIN payouts_posting q ON q.transaction_id = r.transaction_id
                       JOIN payouts_account a ON a.id = q.account_id AND a.kind = 'creator_available'
                      GROUP BY r.id, a.owner_id) p USING (root_id, owner_id)
          JOIN payouts_root r ON r.id = root_id JOIN payouts_chain_book b ON b.id = r.book_id
         WHERE w.added IS DISTINCT FROM p.taken
        """,
    ),
    (
        "Root {number} of {detail} adds {added_minor} and its lines and transaction say {lines} and {kind}.",
        """
        SELECT r.number, b.detail, r.added_minor, coalesce(l.added, 0) AS lines, coalesce(t.kind, 'nothing') AS kind
          FROM payouts_root r JOIN payouts_chain_book b ON b.id = r.book_id
          LEFT JOIN (SELECT root_id, sum(added_minor) AS added FROM payouts_root_line GROUP BY root_id) l
                 ON l.root_id = r.id
          LEFT JOIN payouts_transaction t ON t.id = r.transaction_id
         WHERE r.added_minor <> coalesce(l.added, 0) OR t.kind <> 'chain_claim_published'
        """,
    ),
    (
        "Account {address} of {detail} was given {cumulative_minor} with root {number}, and its lines make {made}.",
        """
        SELECT c.address, b.detail, r.number, l.cumulative_minor, l.made
          FROM (SELECT l.*, sum(l.added_minor) OVER (PARTITION BY l.account_id ORDER BY l.root_id) AS made
                  FROM payouts_root_line l) l
          JOIN payouts_chain_account c ON c.id = l.account_id JOIN payouts_chain_book b ON b.id = c.book_id
          JOIN payouts_root r ON r.id = l.root_id
         WHERE l.cumulative_minor <> l.made OR r.book_id <> c.book_id
        """,
    ),
    (
        "Root {number} of {detail} is over {total_units} units, and all that was given by then is {made}.",
        """
        SELECT r.number, b.detail, r.total_units, r.made
          FROM (SELECT r.*, b.scale * sum(r.added_minor) OVER (PARTITION BY r.book_id ORDER BY r.id) AS made
                  FROM payouts_root r JOIN payouts_chain_book b ON b.id = r.book_id) r
          JOIN payouts_chain_book b ON b.id = r.book_id
         WHERE r.total_units <> r.made
        """,
    ),
    (
        "Account {address} of {detail} claimed {claimed} and was given {given}.",
        """
        SELECT c.address, b.detail, k.claimed, coalesce(l.given, 0) AS given
          FROM (SELECT account_id, sum(amount_minor) AS claimed FROM payouts_chain_claimed
                 WHERE posted_id IS NOT NULL GROUP BY account_id) k
          JOIN payouts_chain_account c ON c.id = k.account_id JOIN payouts_chain_book b ON b.id = c.book_id
          LEFT JOIN (SELECT account_id, max(cumulative_minor) AS given FROM payouts_root_line GROUP BY account_id) l
                 ON l.account_id = k.account_id
         WHERE k.claimed > coalesce(l.given, 0)
        """,
    ),
    (
        "The claim of {amount_minor} by {address} in {transaction} was booked with {posted}.",
        """
        SELECT k.amount_minor, k.address, k.transaction, coalesce(p.claimed, 0) AS posted
          FROM payouts_chain_claimed k JOIN payouts_chain_book b ON b.id = k.book_id
          LEFT JOIN payouts_transaction t ON t.id = k.posted_id AND t.kind = 'chain_claimed'
          LEFT JOIN LATERAL (SELECT sum(q.amount_minor) AS claimed FROM payouts_posting q
                               JOIN payouts_account a ON a.id = q.account_id AND a.kind = 'chain_claims'
                                AND a.detail = b.detail AND a.currency = b.currency
                              WHERE q.transaction_id = t.id) p ON true
         WHERE k.posted_id IS NOT NULL AND (k.amount_minor IS DISTINCT FROM p.claimed
                                            OR k.units <> k.amount_minor * b.scale)
        """,
    ),
    (
        "The chain paid {units} units to {address} in {transaction}, which is not booked: {why}.",
        """
        SELECT units, address, transaction, why FROM payouts_chain_claimed k
         WHERE why <> '' AND NOT EXISTS (SELECT FROM payouts_chain_case_end e WHERE e.claim_id = k.id)
        """,
    ),
    (
        "The payout root {root} of token {token} was proposed in {transaction}, is not ours and was not vetoed.",
        """
        SELECT s.root, s.token, s.transaction FROM payouts_root_seen s
         WHERE s.kind = 'proposed' AND s.ours_id IS NULL
           AND NOT EXISTS (SELECT FROM payouts_chain_case_end e WHERE e.root_id = s.id)
           AND NOT EXISTS (SELECT FROM ledger_chain_event_lost l WHERE l.event_id = s.event)
           AND NOT EXISTS (SELECT FROM payouts_root_seen v
                            WHERE v.kind = 'vetoed' AND v.token = s.token AND v.root = s.root AND v.event > s.event)
        """,
    ),
]
"""(sentence, question), as INVARIANTS."""
