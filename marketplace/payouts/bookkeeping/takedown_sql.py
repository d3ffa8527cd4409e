"""Takedowns as statements over whole sets of sales: a subject may have a million of them."""

from marketplace.payouts.numbers import held_of, taken_of

OPEN = f"""
INSERT INTO payouts_reversal (id, sale_id, kind, key, reason, amount_minor, tax_minor, fee_minor, net_minor, pot_minor,
                              loss_minor, opened_at, transaction_id)
SELECT gen_random_uuid(), id, 'takedown', 'takedown:' || id || ':' || before || ':' || %(reason)s, %(reason)s,
       remains, 0, 0, remains, 0, 0, %(now)s, %(transaction)s
  FROM (SELECT s.id, (SELECT count(*) FROM payouts_reversal r
                       WHERE r.sale_id = s.id AND r.kind = 'takedown' AND r.reason = %(reason)s) AS before,
               CASE WHEN EXISTS (SELECT FROM payouts_awaiting_allocation w WHERE w.sale_id = s.id) THEN s.net_minor
                    ELSE coalesce((SELECT sum(l.amount_minor - {taken_of("l.id")}) FROM payouts_royalty_line l
                                    WHERE l.sale_id = s.id), 0)::bigint END AS remains
          FROM payouts_sale s
         WHERE s.subject = %(subject)s AND s.currency = %(currency)s
           AND (%(sale)s::uuid IS NULL OR s.id = %(sale)s::uuid)) sold
 WHERE remains > 0
"""
"""Writes what is taken of each sale; its lines follow when all of them are there."""

# What is asked of one payee by several lines is served in the order of the lines: the first from the reserve, then from
# available, and the rest is owed. Each line asks from `asked` on, for `rest`.
TAKE = f"""
WITH line AS (
    SELECT r.id AS reversal_id, l.id AS line_id, l.payee_id, l.amount_minor - {taken_of("l.id")} AS remains,
           {held_of("l.id")} AS held,
           EXISTS (SELECT FROM payouts_hold_release h WHERE h.run_id = l.run_id) AS is_released
      FROM payouts_reversal r JOIN payouts_royalty_line l ON l.sale_id = r.sale_id
     WHERE r.transaction_id = %(transaction)s
), asking AS (
    SELECT line.*, CASE WHEN is_released THEN remains - held ELSE 0 END AS rest,
           sum(CASE WHEN is_released THEN remains - held ELSE 0 END)
           OVER (PARTITION BY payee_id ORDER BY line_id ROWS UNBOUNDED PRECEDING)
           - CASE WHEN is_released THEN remains - held ELSE 0 END AS asked
      FROM line
), there AS (
    SELECT owner_id, coalesce(sum(balance_minor) FILTER (WHERE kind = 'creator_reserve'), 0) AS reserve,
           coalesce(sum(balance_minor) FILTER (WHERE kind = 'creator_available'), 0) AS available
      FROM payouts_account WHERE currency = %(currency)s AND kind IN ('creator_reserve', 'creator_available')
     GROUP BY owner_id
), served AS (
    SELECT a.*, least(a.rest, greatest(0, coalesce(t.reserve, 0) - a.asked)) AS reserve,
           least(a.rest, greatest(0, coalesce(t.reserve, 0) + coalesce(t.available, 0) - a.asked)) AS there
      FROM asking a LEFT JOIN there t ON t.owner_id = a.payee_id
), taken AS (
    SELECT reversal_id, line_id,
           unnest(ARRAY['creator_claim_hold', 'creator_pending', 'creator_reserve', 'creator_available',
                        'creator_receivable']) AS bucket,
           unnest(ARRAY[held, remains - held - rest, reserve, there - reserve, rest - there])::bigint AS amount_minor
      FROM served
)
INSERT INTO payouts_reversal_line (reversal_id, line_id, amount_minor, bucket)
SELECT reversal_id, line_id, amount_minor, bucket FROM taken WHERE amount_minor > 0 ORDER BY line_id
"""

TAKEN = """
SELECT l.payee_id, v.bucket, sum(v.amount_minor)::bigint
  FROM payouts_reversal r JOIN payouts_reversal_line v ON v.reversal_id = r.id
  JOIN payouts_royalty_line l ON l.id = v.line_id
 WHERE r.transaction_id = %(transaction)s GROUP BY l.payee_id, v.bucket
"""

END_HOLDS = """
INSERT INTO payouts_claim_hold_end (hold_id, bucket, transaction_id)
SELECT k.id, 'taken_down', %(transaction)s
  FROM payouts_reversal r JOIN payouts_reversal_line v ON v.reversal_id = r.id AND v.bucket = 'creator_claim_hold'
  JOIN payouts_claim_hold_line k ON k.line_id = v.line_id
 WHERE r.transaction_id = %(transaction)s
   AND NOT EXISTS (SELECT FROM payouts_claim_hold_end e WHERE e.hold_id = k.id)
"""
"""A takedown takes all that remains of a line, so all that is held of it."""

# What is left of each standing takedown of the subject: what refunds and disputes had of a sale's pot, they had of its
# takedowns in their order.
_OWN = """
each_of AS (
    SELECT r.id, r.reason, r.net_minor, r.kind = 'takedown' AND o.id IS NULL AS stands,
           sum(CASE r.kind WHEN 'takedown' THEN r.net_minor - coalesce(o.pot_minor, 0)
                           ELSE coalesce(o.pot_minor, 0) - r.pot_minor END) OVER (PARTITION BY r.sale_id) AS pot_minor,
           sum(CASE WHEN r.kind = 'takedown' AND o.id IS NULL THEN r.net_minor ELSE 0 END)
           OVER (PARTITION BY r.sale_id ORDER BY r.key DESC ROWS UNBOUNDED PRECEDING) - r.net_minor AS later
      FROM payouts_sale s JOIN payouts_reversal r ON r.sale_id = s.id
      LEFT JOIN payouts_reversal_outcome o ON o.reversal_id = r.id
     WHERE s.subject = %(subject)s AND s.currency = %(currency)s
), own AS (
    SELECT id, least(net_minor, greatest(0, pot_minor - later))::bigint AS own_minor
      FROM each_of WHERE stands AND reason = %(reason)s
)
"""

SUM_OF_POTS = f"WITH {_OWN} SELECT coalesce(sum(own_minor), 0)::bigint FROM own"

AWARD = f"""
WITH {_OWN}
INSERT INTO payouts_reversal_outcome (reversal_id, outcome, tax_minor, fee_minor, pot_minor, closed_at, transaction_id)
SELECT id, 'awarded', 0, 0, own_minor, %(now)s, CASE WHEN own_minor > 0 THEN %(transaction)s::uuid END FROM own
"""

# By largest remainder over what the takedown took of each line, ties to the lower payee id. While the subject is frozen
# (%(freeze)s) it is held; of what was released, only what no debt takes, save what was in a hold when it was taken.
# Several takedowns may have taken of one line, so lines are counted row by row: a debt is met by one after the other.
LIFT = f"""
WITH {_OWN}, ended AS (
    INSERT INTO payouts_reversal_outcome (reversal_id, outcome, tax_minor, fee_minor, pot_minor, closed_at,
                                          transaction_id)
    SELECT id, 'lifted', 0, 0, own_minor, %(now)s, CASE WHEN own_minor > 0 THEN %(transaction)s::uuid END FROM own
    RETURNING id, reversal_id, pot_minor
), took AS (
    SELECT o.id, o.pot_minor AS own_minor, v.line_id, sum(v.amount_minor) AS took,
           coalesce(sum(v.amount_minor) FILTER (WHERE v.bucket = 'creator_claim_hold'), 0) AS was_held
      FROM ended o JOIN payouts_reversal_line v ON v.reversal_id = o.reversal_id
     GROUP BY o.id, o.pot_minor, v.line_id
), whole AS (
    SELECT took.*, sum(took) OVER (PARTITION BY id) AS net FROM took
), cut AS (
    SELECT w.id, w.line_id, l.payee_id, l.run_id, w.was_held, w.own_minor,
           div(w.own_minor * w.took, w.net) AS part, mod(w.own_minor * w.took, w.net) AS remainder
      FROM whole w JOIN payouts_royalty_line l ON l.id = w.line_id
), ranked AS (
    SELECT cut.*, row_number() OVER (PARTITION BY id ORDER BY remainder DESC, payee_id) AS place,
           own_minor - sum(part) OVER (PARTITION BY id) AS left_over
      FROM cut
), part AS (
    SELECT id, line_id, payee_id, part + (place <= left_over)::int AS amount,
           least(part + (place <= left_over)::int, was_held) AS was_held,
           EXISTS (SELECT FROM payouts_hold_release h WHERE h.run_id = ranked.run_id) AS is_released
      FROM ranked
), asking AS (
    SELECT part.*, CASE WHEN is_released AND %(freeze)s::bigint IS NOT NULL THEN amount - was_held ELSE 0 END AS other,
           sum(CASE WHEN is_released AND %(freeze)s::bigint IS NOT NULL THEN amount - was_held ELSE 0 END)
           OVER (PARTITION BY payee_id ORDER BY line_id, id ROWS UNBOUNDED PRECEDING) AS through
      FROM part
), met AS (
    SELECT a.*, least(a.other, greatest(0, coalesce(d.balance_minor, 0) - (a.through - a.other))) AS met
      FROM asking a LEFT JOIN payouts_account d
           ON d.owner_id = a.payee_id AND d.currency = %(currency)s AND d.kind = 'creator_receivable'
), given AS (
    SELECT id, line_id,
           unnest(ARRAY['creator_claim_hold', CASE WHEN is_released THEN 'creator_available'
                                                   ELSE 'creator_pending' END])
           AS bucket,
           unnest(CASE WHEN %(freeze)s::bigint IS NULL THEN ARRAY[0, amount] ELSE ARRAY[amount - met, met] END)::bigint
           AS amount_minor
      FROM met
)
INSERT INTO payouts_returned_line (outcome_id, line_id, amount_minor, bucket)
SELECT id, line_id, amount_minor, bucket FROM given WHERE amount_minor > 0 ORDER BY line_id, id
"""

RETURNED = """
SELECT l.payee_id, b.bucket, sum(b.amount_minor)::bigint
  FROM payouts_reversal_outcome o JOIN payouts_returned_line b ON b.outcome_id = o.id
  JOIN payouts_royalty_line l ON l.id = b.line_id
 WHERE o.transaction_id = %(transaction)s GROUP BY l.payee_id, b.bucket
"""

HOLD_RETURNED = """
INSERT INTO payouts_claim_hold_line (freeze_id, line_id, amount_minor, bucket, transaction_id)
SELECT %(freeze)s, b.line_id, sum(b.amount_minor)::bigint,
       CASE WHEN EXISTS (SELECT FROM payouts_hold_release h WHERE h.run_id = l.run_id)
            THEN 'creator_available' ELSE 'creator_pending' END, %(transaction)s
  FROM payouts_reversal_outcome o JOIN payouts_returned_line b ON b.outcome_id = o.id
  JOIN payouts_royalty_line l ON l.id = b.line_id
 WHERE o.transaction_id = %(transaction)s AND b.bucket = 'creator_claim_hold'
 GROUP BY b.line_id, l.run_id
"""
