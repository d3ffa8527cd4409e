"""How much reversals may take of what, and give back of it, to the unit: questions as INVARIANTS."""

# The places of reversals and of their ends in the order of events.
_PLACES = """
    SELECT p.transaction_id, min(p.id) AS at FROM payouts_posting p
     WHERE p.transaction_id IN (SELECT transaction_id FROM payouts_reversal
                                 UNION SELECT transaction_id FROM payouts_reversal_outcome)
     GROUP BY p.transaction_id
"""

# What each of them changed of what remains of its sale's tax and fee and of the pot of its takedowns.
_CHANGES = f"""
    WITH places AS MATERIALIZED ({_PLACES})
    SELECT r.sale_id, c.at, r.id AS reversal_id, NULL::bigint AS outcome_id, -r.tax_minor AS tax, -r.fee_minor AS fee,
           CASE r.kind WHEN 'takedown' THEN r.net_minor ELSE -r.pot_minor END AS pot
      FROM payouts_reversal r JOIN places c ON c.transaction_id = r.transaction_id
     UNION ALL
    SELECT r.sale_id, c.at, r.id, o.id, o.tax_minor, o.fee_minor,
           CASE r.kind WHEN 'takedown' THEN -o.pot_minor ELSE o.pot_minor END
      FROM payouts_reversal_outcome o JOIN payouts_reversal r ON r.id = o.reversal_id
      JOIN places c ON c.transaction_id = o.transaction_id
"""

_TOOK = (
    "SELECT reversal_id, line_id, sum(amount_minor) AS minor FROM payouts_reversal_line GROUP BY reversal_id, line_id"
)
_GAVE = "SELECT outcome_id, line_id, sum(amount_minor) AS minor FROM payouts_returned_line GROUP BY outcome_id, line_id"

# The parts of a sale in the order in which equal remainders are served: tax, fee, lines by payee, pot. Each with what
# it was at first, and what each change is of it, be it nothing.
_PARTS = f"""
    WITH changes AS MATERIALIZED ({_CHANGES})
    SELECT c.*, 0 AS place, NULL::uuid AS payee_id, s.tax_minor AS first, c.tax AS change
      FROM changes c JOIN payouts_sale s ON s.id = c.sale_id
     UNION ALL
    SELECT c.*, 1, NULL, s.fee_minor, c.fee FROM changes c JOIN payouts_sale s ON s.id = c.sale_id
     UNION ALL
    SELECT c.*, 2, l.payee_id, l.amount_minor,
           CASE WHEN c.outcome_id IS NULL THEN -coalesce(v.minor, 0) ELSE coalesce(b.minor, 0) END
      FROM changes c JOIN payouts_royalty_line l ON l.sale_id = c.sale_id
      LEFT JOIN ({_TOOK}) v ON c.outcome_id IS NULL AND v.reversal_id = c.reversal_id AND v.line_id = l.id
      LEFT JOIN ({_GAVE}) b ON b.outcome_id = c.outcome_id AND b.line_id = l.id
     UNION ALL
    SELECT c.*, 3, NULL, 0, c.pot FROM changes c
"""

# What each reversal found of each part, and what is due of it: a takedown takes the lines whole, and so does of all
# parts a dispute that made a loss; others divide their amount over the parts by largest remainder.
_DUE = f"""
    SELECT cut.*, CASE WHEN kind = 'takedown' THEN CASE place WHEN 2 THEN remained ELSE 0 END
                       WHEN loss_minor > 0 THEN remained
                       ELSE part + CASE WHEN row_number() OVER odd <= asked - sum(part) OVER (PARTITION BY reversal_id)
                                        THEN 1 ELSE 0 END END AS due,
           CASE WHEN kind = 'takedown' AND place = 3 THEN 0 ELSE -change END AS taken
      FROM (SELECT w.*, r.key, r.kind, asked, loss_minor,
                   coalesce(div(asked * remained, nullif(sum(remained) OVER whole, 0)), 0) AS part,
                   coalesce(mod(asked * remained, nullif(sum(remained) OVER whole, 0)), 0) AS rest
              FROM (SELECT p.*, first + coalesce(sum(change) OVER before, 0) AS remained
                      FROM ({_PARTS}) p
                    WINDOW before AS (PARTITION BY sale_id, place, payee_id ORDER BY at, reversal_id
                                       ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) w
              JOIN (SELECT id, key, kind, loss_minor, (amount_minor - loss_minor)::numeric AS asked
                      FROM payouts_reversal) r ON r.id = w.reversal_id
             WHERE w.outcome_id IS NULL
            WINDOW whole AS (PARTITION BY w.reversal_id)) cut
    WINDOW odd AS (PARTITION BY reversal_id ORDER BY rest DESC, place, payee_id)
"""

# What ends gave back of each line, and what is due: all that was taken of it, unless a pot has it; of a takedown that
# is lifted, what is left of its pot by largest remainder over what it took of the lines.
_BACK = f"""
    SELECT w.*, coalesce(g.minor, 0) AS given,
           CASE WHEN outcome <> 'lifted' THEN took
                ELSE part + CASE WHEN row_number() OVER odd <= pot - sum(part) OVER (PARTITION BY id)
                                 THEN 1 ELSE 0 END END AS due
      FROM (SELECT o.id, o.outcome, r.key, r.kind, r.pot_minor AS pot_asked, o.pot_minor AS pot,
                   v.line_id, v.minor AS took, l.payee_id, div(o.pot_minor * v.minor, r.net_minor) AS part,
                   mod(o.pot_minor * v.minor, r.net_minor) AS rest
              FROM payouts_reversal_outcome o JOIN payouts_reversal r ON r.id = o.reversal_id
              JOIN ({_TOOK}) v ON v.reversal_id = r.id JOIN payouts_royalty_line l ON l.id = v.line_id
             WHERE o.outcome IN ('won', 'failed', 'lifted') AND r.net_minor > 0) w
      LEFT JOIN ({_GAVE}) g ON g.outcome_id = w.id AND g.line_id = w.line_id
    WINDOW odd AS (PARTITION BY w.id ORDER BY rest DESC, w.payee_id)
"""

PARTS = [
    (
        "{key} took {taken} of {part} of sale {source}, of which {remained} remained; its part is {due}.",
        f"""
        SELECT d.key, s.source, d.remained, d.due, d.taken,
               CASE place WHEN 0 THEN 'the tax' WHEN 1 THEN 'the fee' WHEN 2 THEN 'the line of ' || payee_id
                          ELSE 'what was taken down' END AS part
          FROM ({_DUE}) d JOIN payouts_sale s ON s.id = d.sale_id
         WHERE d.due <> d.taken ORDER BY d.at, place, payee_id
        """,
    ),
    (
        "{key} was {outcome} and gave {given} back of the line of {payee_id}, of which it took {took}.",
        f"""
        SELECT key, outcome, given, payee_id, took FROM ({_BACK}) b
         WHERE CASE WHEN kind = 'takedown' OR pot = pot_asked THEN given <> due ELSE given < due END
        """,
    ),
]
"""(sentence, question), as INVARIANTS."""
