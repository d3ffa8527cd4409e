"""What must be true of payouts, of what became of them, and of reserves, as in invariants.py."""

# What came back part by part was posted part by part.
_OR_IN_PARTS = "AND (count(DISTINCT t.id) > 0 OR payouts_came_back(p.id) <> p.amount_minor)"

PAYOUTS = [
    (
        "Payouts of {owner_id} in transaction {transaction_id} take {paid} and it reserved {reserved}.",
        """
        SELECT owner_id, transaction_id, coalesce(w.amount_minor, 0) AS paid, coalesce(p.amount_minor, 0) AS reserved
          FROM (SELECT creator_id AS owner_id, transaction_id, sum(amount_minor) AS amount_minor
                  FROM payouts_payout GROUP BY creator_id, transaction_id) w
          FULL JOIN (SELECT a.owner_id, t.id AS transaction_id, sum(p.amount_minor) AS amount_minor
                       FROM payouts_transaction t JOIN payouts_posting p ON p.transaction_id = t.id
                       JOIN payouts_account a ON a.id = p.account_id
                      WHERE t.kind = 'payout_reserve' AND a.kind = 'creator_available'
                      GROUP BY a.owner_id, t.id) p USING (owner_id, transaction_id)
         WHERE w.amount_minor IS DISTINCT FROM p.amount_minor
        """,
    ),
    *(
        (
            f"Payout {{idem_key}} is {state} {{outcomes}} times and posted as {state} {{posted}} times.",
            f"""
            SELECT p.idem_key, count(DISTINCT o.id) AS outcomes, count(DISTINCT t.id) AS posted
              FROM payouts_payout p
              LEFT JOIN payouts_payout_outcome o ON o.payout_id = p.id AND o.state = '{state}'
              LEFT JOIN payouts_transaction t ON t.source = p.idem_key AND t.kind = 'payout_{state}'
             GROUP BY p.id HAVING count(DISTINCT o.id) <> count(DISTINCT t.id) {or_in_parts} OR count(DISTINCT t.id) > 1
            """,
        )
        for state, or_in_parts in (("sent", ""), ("failed", ""), ("returned", _OR_IN_PARTS))
    ),
    (
        "Payout {idem_key} was {states}, in this order, which is not how a payout goes.",
        """
        SELECT p.idem_key, string_agg(o.state, ', ' ORDER BY o.id) AS states
          FROM payouts_payout p JOIN payouts_payout_outcome o ON o.payout_id = p.id
         GROUP BY p.id
        HAVING string_agg(o.state, ', ' ORDER BY o.id)
               NOT IN ('sent', 'sent, paid', 'sent, failed', 'failed', 'sent, returned', 'sent, paid, returned')
        """,
    ),
    (
        "Payouts name transaction {idem_key}, which is of kind {kind} and reserves nothing.",
        """
        SELECT t.idem_key, t.kind FROM payouts_transaction t
         WHERE t.kind <> 'payout_reserve' AND EXISTS (SELECT FROM payouts_payout p WHERE p.transaction_id = t.id)
        """,
    ),
    (
        "In {currency} {posted} is in flight to creators and open payouts are {open}.",
        """
        SELECT currency, coalesce(p.amount_minor, 0) AS posted, coalesce(w.amount_minor, 0) AS open
          FROM (SELECT currency, sum(amount_minor) AS amount_minor FROM payouts_payout
                 WHERE NOT EXISTS (SELECT FROM payouts_payout_outcome o WHERE o.payout_id = payouts_payout.id)
                 GROUP BY currency) w
          FULL JOIN (SELECT a.currency, -sum(p.amount_minor) AS amount_minor
                       FROM payouts_posting p JOIN payouts_account a ON a.id = p.account_id
                      WHERE a.kind = 'payout_in_flight' GROUP BY a.currency) p USING (currency)
         WHERE coalesce(w.amount_minor, 0) <> coalesce(p.amount_minor, 0)
        """,
    ),
    (
        "{owner_id} has {count} payouts on their way in {currency} at once.",
        """
        SELECT p.creator_id AS owner_id, p.currency, count(*) AS count FROM payouts_payout p
         WHERE NOT EXISTS (SELECT FROM payouts_payout_outcome o WHERE o.payout_id = p.id)
         GROUP BY p.creator_id, p.currency HAVING count(*) > 1
        """,
    ),
    (
        "Payout {idem_key} of {amount_minor} moved {moved} out of or back to the house's account as {kind}.",
        """
        SELECT p.idem_key, p.amount_minor, t.kind, coalesce(sum(q.amount_minor), 0) AS moved
          FROM payouts_payout p JOIN payouts_transaction t ON t.source = p.idem_key
               AND t.kind IN ('payout_sent', 'payout_returned')
          LEFT JOIN (SELECT q.transaction_id, q.amount_minor, a.currency
                       FROM payouts_posting q JOIN payouts_account a ON a.id = q.account_id
                      WHERE a.kind IN ('bank', 'psp_balance')) q
                 ON q.transaction_id = t.id AND q.currency = p.currency
         GROUP BY p.id, t.id
        HAVING coalesce(sum(q.amount_minor), 0)
               <> CASE t.kind WHEN 'payout_sent' THEN -p.amount_minor ELSE p.amount_minor END
        """,
    ),
    (
        "Payout {idem_key} in {currency} names a release in {released}.",
        """
        SELECT p.idem_key, p.currency, r.currency AS released
          FROM payouts_payout p JOIN payouts_hold_release h ON h.id = p.released_through_id
          JOIN payouts_royalty_run r ON r.id = h.run_id
         WHERE r.currency <> p.currency
        """,
    ),
    (
        "Payout {idem_key} came back to {back} and was sent from {gone}.",
        """
        SELECT p.idem_key, b.kind AS back, g.kind AS gone
          FROM payouts_payout p
          JOIN payouts_transaction s ON s.source = p.idem_key AND s.kind = 'payout_sent'
          JOIN payouts_transaction r ON r.source = p.idem_key AND r.kind = 'payout_returned'
          JOIN payouts_posting gone ON gone.transaction_id = s.id AND gone.amount_minor < 0
          JOIN payouts_posting back ON back.transaction_id = r.id AND back.amount_minor > 0
          JOIN payouts_account g ON g.id = gone.account_id JOIN payouts_account b ON b.id = back.account_id
         WHERE g.id <> b.id
        """,
    ),
]

# What each release freed of each creator's money after debts, and what of it was kept in reserve.
_FREED = """
    SELECT h.id AS release_id, a.owner_id AS creator_id, a.currency, -sum(q.amount_minor) AS freed,
           coalesce(-sum(q.amount_minor) FILTER (WHERE a.kind = 'creator_reserve'), 0) AS kept
      FROM payouts_hold_release h JOIN payouts_posting q ON q.transaction_id = h.transaction_id
      JOIN payouts_account a ON a.id = q.account_id AND a.kind IN ('creator_available', 'creator_reserve')
     WHERE {where} GROUP BY h.id, a.owner_id, a.currency
"""
_OF_CREATORS = _FREED.format(where="a.owner_id IN (SELECT creator_id FROM payouts_reserve_line)")
_OF_RELEASES = _FREED.format(
    where="h.id IN (SELECT release_id FROM payouts_reserve_line WHERE policy_id IS NULL AND risk_id IS NULL)"
)

# What was kept for a risk follows invariants_risk.py.
_RISKY = """
    SELECT FROM payouts_reserve_line k
     WHERE k.release_id = f.release_id AND k.creator_id = f.creator_id AND k.risk_id IS NOT NULL
"""

# Every policy that may ever have counted for a creator.
_IN_SCOPE = """
    SELECT FROM payouts_policy n
     WHERE (n.creator_id = f.creator_id OR n.creator_id IS NULL) AND n.currency IN (f.currency, '')
"""

RESERVES = [
    (
        "Transaction {idem_key} moves {posted} on the reserve of {creator_id} and its reserves say {said}.",
        """
        SELECT t.idem_key, creator_id, coalesce(p.amount_minor, 0) AS posted, coalesce(w.amount_minor, 0) AS said
          FROM (SELECT m.id, m.creator_id, m.currency, sum(m.amount_minor) AS amount_minor
                  FROM (SELECT h.transaction_id AS id, r.creator_id, r.currency, r.amount_minor
                          FROM payouts_reserve_line r JOIN payouts_hold_release h ON h.id = r.release_id
                         UNION ALL
                        SELECT e.transaction_id, r.creator_id, r.currency, -e.amount_minor
                          FROM payouts_reserve_end e JOIN payouts_reserve_line r ON r.id = e.reserve_id
                         WHERE e.amount_minor > 0) m
                 GROUP BY m.id, m.creator_id, m.currency) w
          FULL JOIN (SELECT p.transaction_id AS id, a.owner_id AS creator_id, a.currency,
                            -sum(p.amount_minor) AS amount_minor
                       FROM payouts_posting p JOIN payouts_account a ON a.id = p.account_id
                       JOIN payouts_transaction k ON k.id = p.transaction_id
                      WHERE a.kind = 'creator_reserve' AND k.kind IN ('hold_release', 'reserve_release')
                      GROUP BY p.transaction_id, a.owner_id, a.currency) p USING (id, creator_id, currency)
          LEFT JOIN payouts_transaction t USING (id)
         WHERE w.amount_minor IS DISTINCT FROM p.amount_minor
        """,
    ),
    (
        "{owner_id} has {kept} in reserve in {currency} and their reserves come to {lines} at most.",
        """
        SELECT a.owner_id, a.currency, a.balance_minor AS kept, coalesce(r.amount_minor, 0) AS lines
          FROM payouts_account a
          LEFT JOIN (SELECT r.creator_id AS owner_id, r.currency, sum(r.amount_minor) AS amount_minor
                       FROM payouts_reserve_line r
                      WHERE NOT EXISTS (SELECT FROM payouts_reserve_end e WHERE e.reserve_id = r.id)
                      GROUP BY r.creator_id, r.currency) r USING (owner_id, currency)
         WHERE a.kind = 'creator_reserve' AND a.balance_minor > coalesce(r.amount_minor, 0)
        """,
    ),
    (
        "A reserve of {amount_minor} kept for {creator_id} until {until} ended at {ended_at} with {released}.",
        """
        SELECT r.creator_id, r.amount_minor, r.until, e.ended_at, e.amount_minor AS released
          FROM payouts_reserve_end e JOIN payouts_reserve_line r ON r.id = e.reserve_id
         WHERE e.ended_at < r.until OR e.amount_minor > r.amount_minor
        """,
    ),
    (
        "{creator_id} had {kept} of {freed} kept in reserve under policy {policy_id}, which says {ppb} ppb.",
        """
        SELECT r.creator_id, r.amount_minor AS kept, coalesce(g.amount_minor, 0) + r.amount_minor AS freed,
               r.policy_id, p.reserve_ppb AS ppb
          FROM payouts_reserve_line r
          JOIN payouts_policy p ON p.id = r.policy_id JOIN payouts_hold_release h ON h.id = r.release_id
          LEFT JOIN (SELECT q.transaction_id, a.owner_id, -sum(q.amount_minor) AS amount_minor
                       FROM payouts_posting q JOIN payouts_account a ON a.id = q.account_id
                      WHERE a.kind = 'creator_available' GROUP BY q.transaction_id, a.owner_id) g
                 ON g.transaction_id = h.transaction_id AND g.owner_id = r.creator_id
         WHERE r.risk_id IS NULL AND r.amount_minor
               <> div((coalesce(g.amount_minor, 0) + r.amount_minor)::numeric * p.reserve_ppb, 1000000000)
            OR p.currency NOT IN (r.currency, '') OR p.creator_id <> r.creator_id
        """,
    ),
    # That a policy stood is known without a clock where an earlier release went by it, and none has followed it.
    (
        "{creator_id} had {kept} of {freed} kept in reserve, and policy {policy_id}, which stood then, says {due}.",
        f"""
        SELECT f.creator_id, f.kept, f.freed, p.id AS policy_id, div(f.freed * p.reserve_ppb, 1000000000) AS due
          FROM ({_OF_CREATORS}) f
          JOIN LATERAL (SELECT p.* FROM payouts_reserve_line e JOIN payouts_policy p ON p.id = e.policy_id
                         WHERE e.creator_id = f.creator_id AND e.currency = f.currency
                           AND e.release_id < f.release_id
                         ORDER BY e.release_id DESC LIMIT 1) p ON true
          LEFT JOIN payouts_reserve_line r ON r.release_id = f.release_id AND r.creator_id = f.creator_id
         WHERE (f.kept <> div(f.freed * p.reserve_ppb, 1000000000) OR r.policy_id IS NULL AND f.kept > 0)
           AND NOT EXISTS ({_IN_SCOPE} AND n.id > p.id) AND NOT EXISTS ({_RISKY})
        """,
    ),
    # What the settings said then is not kept; of all whom no policy was ever for they said the same.
    (
        "Release {release_id} kept reserves under no policy that no one share of what it freed explains.",
        f"""
        SELECT f.release_id FROM ({_OF_RELEASES}) f
          LEFT JOIN payouts_reserve_line r ON r.release_id = f.release_id AND r.creator_id = f.creator_id
         WHERE NOT EXISTS ({_IN_SCOPE}) AND NOT EXISTS ({_RISKY})
         GROUP BY f.release_id
        HAVING max(ceil(f.kept * 1000000000 / f.freed)) >= min(ceil((f.kept + 1) * 1000000000 / f.freed))
            OR min(r.until) <> max(r.until)
        """,
    ),
    (
        "A reserve of {amount_minor} of {creator_id} that was kept at {released_at} lasts until {until}.",
        """
        SELECT r.amount_minor, r.creator_id, h.released_at, r.until
          FROM payouts_reserve_line r JOIN payouts_hold_release h ON h.id = r.release_id
          LEFT JOIN payouts_policy p ON p.id = r.policy_id
         WHERE r.until > h.released_at + 36500 * interval '24 hours'
            OR r.risk_id IS NULL AND (r.until <> h.released_at + p.reserve_days * interval '24 hours'
                                      OR r.until < h.released_at + interval '24 hours')
        """,
    ),
    (
        "The hold period of run {run_id} lasts until {available_at} and was ended at {released_at}.",
        """
        SELECT r.id AS run_id, r.available_at, h.released_at
          FROM payouts_hold_release h JOIN payouts_royalty_run r ON r.id = h.run_id
         WHERE h.released_at < r.available_at
        """,
    ),
]

POLICIES = [*PAYOUTS, *RESERVES]
"""(sentence, question), as INVARIANTS."""
