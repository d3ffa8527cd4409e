"""What must be true of what is kept back for risks, as in invariants.py."""

# Of each release and creator at a level of risk: what was freed after debts, and how much of it must be kept until
# when, by the level and by the policy where it was one's; what the settings said is not kept, and can only add.
_STEPS = """
WITH risky AS (
    SELECT r.release_id, r.creator_id, r.currency, min(r.risk_id) AS risk_id, max(r.risk_id) AS last_id,
           min(r.policy_id) AS policy_id, sum(r.amount_minor) AS kept
      FROM payouts_reserve_line r WHERE r.risk_id IS NOT NULL GROUP BY r.release_id, r.creator_id, r.currency
), freed AS (
    SELECT k.*, h.released_at, n.ran_at, -sum(q.amount_minor) AS freed
      FROM risky k JOIN payouts_hold_release h ON h.id = k.release_id JOIN payouts_royalty_run n ON n.id = h.run_id
      JOIN payouts_posting q ON q.transaction_id = h.transaction_id
      JOIN payouts_account a ON a.id = q.account_id AND a.owner_id = k.creator_id
           AND a.kind IN ('creator_available', 'creator_reserve')
     GROUP BY k.release_id, k.creator_id, k.currency, k.risk_id, k.last_id, k.policy_id, k.kept, h.released_at, n.ran_at
), held AS (
    SELECT f.*, v.reserve_ppb, v.reserve_days,
           greatest(f.released_at, f.ran_at + v.hold_days * interval '24 hours') AS held_until
      FROM freed f JOIN payouts_risk_assessment v ON v.id = f.risk_id
), steps AS (
    SELECT release_id, creator_id, freed AS minor, held_until AS until FROM held WHERE held_until > released_at
     UNION ALL
    SELECT release_id, creator_id, div(freed * reserve_ppb, 1000000000),
           held_until + reserve_days * interval '24 hours' FROM held WHERE reserve_ppb > 0
     UNION ALL
    SELECT h.release_id, h.creator_id, div(h.freed * p.reserve_ppb, 1000000000),
           h.released_at + p.reserve_days * interval '24 hours'
      FROM held h JOIN payouts_policy p ON p.id = h.policy_id
)
"""

RISKS = [
    (
        "Of {freed} of {creator_id}, {kept} is kept until {until} for risk {risk_id}, which asks for {due}.",
        f"""{_STEPS}
        SELECT h.creator_id, h.freed, h.risk_id, s.until, coalesce(r.minor, 0) AS kept, s.minor AS due
          FROM held h JOIN steps s USING (release_id, creator_id)
          LEFT JOIN LATERAL (SELECT sum(r.amount_minor) AS minor FROM payouts_reserve_line r
                              WHERE r.release_id = h.release_id AND r.creator_id = h.creator_id
                                AND r.until >= s.until) r ON true
         WHERE coalesce(r.minor, 0) < s.minor OR h.risk_id <> h.last_id
        """,
    ),
    (
        "For risk {risk_id} of {creator_id}, {kept} is kept until {until}, and nothing asks for more than {due}.",
        f"""{_STEPS}
        SELECT h.creator_id, h.risk_id, r.until, r.kept, coalesce(s.minor, 0) AS due
          FROM held h
          JOIN LATERAL (SELECT r.until, sum(l.amount_minor) AS kept
                          FROM payouts_reserve_line r
                          JOIN payouts_reserve_line l ON l.release_id = r.release_id
                               AND l.creator_id = r.creator_id AND l.until >= r.until
                         WHERE r.release_id = h.release_id AND r.creator_id = h.creator_id
                         GROUP BY r.until) r ON true
          LEFT JOIN LATERAL (SELECT max(s.minor) AS minor FROM steps s
                              WHERE s.release_id = h.release_id AND s.creator_id = h.creator_id
                                AND s.until >= r.until) s ON true
         WHERE r.kept > h.freed OR h.policy_id IS NOT NULL AND r.kept > coalesce(s.minor, 0)
        """,
    ),
]
"""(sentence, question), as INVARIANTS."""
