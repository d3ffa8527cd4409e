"""What must be true of what the vault on a chain took in and gave out: questions as INVARIANTS.

That the vault itself has what its events say is asked of the chain, and not here.
"""

_SAME = "PARTITION BY m.chain_id, m.vault, m.token, m.flow ORDER BY m.event_id"

VAULT = [
    (
        "Move {source} of the vault has running totals of {amount} and {fee}, and all moves so far make {made} and"
        " {made_fee}.",
        f"""
        SELECT * FROM (
            SELECT m.source, m.amount_total_units AS amount, m.fee_total_units AS fee,
                   sum(m.amount_units) OVER so_far AS made, sum(m.fee_units) OVER so_far AS made_fee
              FROM payouts_vault_move m WINDOW so_far AS ({_SAME})) told
         WHERE amount <> made OR fee <> made_fee
        """,
    ),
    (
        "In {detail} {booked} minor units are booked as {flow}, and {units} units of the token make {due}.",
        """
        SELECT * FROM (
            SELECT m.detail, m.flow, sum(m.amount_minor) AS booked, sum(m.amount_units) AS units,
                   div(sum(m.amount_units), min(m.unit)) AS due
              FROM payouts_vault_move m GROUP BY m.chain_id, m.vault, m.token, m.detail, m.flow) told
         WHERE booked <> due
        """,
    ),
    (
        "In {detail} fees of {booked} minor units are booked, and {units} units of the token make {due}.",
        """
        SELECT * FROM (
            SELECT m.detail, sum(m.fee_minor) AS booked, sum(m.fee_units) AS units,
                   div(sum(m.fee_units), min(m.unit)) AS due
              FROM payouts_vault_move m GROUP BY m.chain_id, m.vault, m.token, m.detail) told
         WHERE booked <> due
        """,
    ),
    (
        "The vault of chain {chain_id} counts {token} in more than one way.",
        """
        SELECT m.chain_id, m.token FROM payouts_vault_move m GROUP BY m.chain_id, m.vault, m.token
        HAVING count(DISTINCT (m.unit, m.currency, m.detail)) > 1
        """,
    ),
    (
        "Move {source} of the vault is {due}, and its transaction posted {posted}.",
        """
        SELECT m.source, d.legs AS due, p.legs AS posted FROM payouts_vault_move m
          LEFT JOIN LATERAL (
              SELECT string_agg(concat_ws(' ', due.kind, due.amount, m.currency, nullif(due.detail, '')), ', '
                                ORDER BY due.kind COLLATE "C", due.detail COLLATE "C") AS legs
                FROM (SELECT 'chain_escrow', CASE m.flow WHEN 'in' THEN 1 ELSE -1 END * m.amount_minor, m.detail
                       UNION ALL
                      SELECT 'chain_claims', m.fee_minor - m.amount_minor, m.detail WHERE m.flow = 'in'
                       UNION ALL SELECT 'chain_claims', m.amount_minor, m.detail WHERE m.flow = 'out'
                       UNION ALL SELECT 'platform_fee', -m.fee_minor, '' WHERE m.flow = 'in'
                       UNION ALL SELECT 'chain_escrow', m.amount_minor, 'treasury:' || substr(m.detail, 7)
                                  WHERE m.flow = 'house') AS due (kind, amount, detail)
               WHERE due.amount <> 0) d ON true
          LEFT JOIN LATERAL (
              SELECT string_agg(concat_ws(' ', a.kind, p.amount_minor, a.currency, nullif(a.detail, '')), ', '
                                ORDER BY a.kind COLLATE "C", a.detail COLLATE "C") AS legs
                FROM payouts_posting p JOIN payouts_account a ON a.id = p.account_id
               WHERE p.transaction_id = m.transaction_id) p ON true
         WHERE d.legs IS DISTINCT FROM p.legs
        """,
    ),
    (
        "Of {detail} {booked} is booked as claims that are open, and what came in and went out leaves {left}.",
        """
        SELECT a.detail, -sum(p.amount_minor) AS booked, min(m.open) AS left
          FROM (SELECT detail, currency,
                       sum(CASE flow WHEN 'in' THEN amount_minor - fee_minor WHEN 'out' THEN -amount_minor ELSE 0 END)
                           AS open
                  FROM payouts_vault_move GROUP BY detail, currency) m
          JOIN payouts_account a ON a.kind = 'chain_claims' AND a.detail = m.detail AND a.currency = m.currency
          JOIN payouts_posting p ON p.account_id = a.id
         GROUP BY a.id, a.detail HAVING -sum(p.amount_minor) <> min(m.open)
        """,
    ),
]
"""(sentence, question), as INVARIANTS."""

VAULT_FACTS = """
    SELECT m.transaction_id AS id,
           CASE m.flow WHEN 'out' THEN 'chain_claimed' WHEN 'house' THEN 'bank_transfer'
                       ELSE CASE m.subject WHEN '' THEN 'chain_paid' ELSE 'chain_sale' END END AS kind,
           m.recorded_at AS at
      FROM payouts_vault_move m WHERE m.transaction_id IS NOT NULL
"""
"""Which transactions moves of the vault explain, as the facts of `invariants_facts`."""
