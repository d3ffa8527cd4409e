"""What must be true of the books at any moment, each as a question whose every answer is a problem.

The database refuses most of these when they are written; they are asked again here because triggers can be
switched off, disks can lie, and a second opinion that shares no code with the first is worth having.
"""

from itertools import groupby

from marketplace.payouts.division_queries import DIVISIONS
from marketplace.payouts.invariants_policies import POLICIES
from marketplace.payouts.invariants_postings import POSTINGS
from marketplace.payouts.invariants_statements import STATEMENTS
from marketplace.payouts.models import Split, SplitShare
from marketplace.payouts.rules import split_digest

# What is held of royalty lines for claims, and has not been given back or taken by a dispute.
_HELD = """
    SELECT k.line_id, k.amount_minor FROM payouts_claim_hold_line k
     WHERE NOT EXISTS (SELECT FROM payouts_claim_hold_end e WHERE e.hold_id = k.id)
"""

# The part of each line that a claim holds, or that an open or lost dispute took from its payee's pending account or
# from such a hold.
_TAKEN_FROM_PENDING = f"""
    SELECT line_id, sum(amount_minor) AS amount_minor
      FROM (SELECT v.line_id, v.amount_minor FROM payouts_reversal_line v
              LEFT JOIN payouts_dispute_outcome o ON o.dispute_id = v.dispute_id
             WHERE v.bucket IN ('creator_pending', 'creator_claim_hold') AND o.outcome IS DISTINCT FROM 'won'
             UNION ALL {_HELD}) taken
     GROUP BY line_id
"""

_FROZEN = """
    SELECT f.subject FROM payouts_subject_freeze f
     WHERE NOT EXISTS (SELECT FROM payouts_subject_thaw t WHERE t.freeze_id = f.id)
"""

_BOOKS = [
    (
        "Transaction {idem_key} is off by {off} minor units of {currency}.",
        """
        SELECT t.idem_key, a.currency, sum(p.amount_minor) AS off
          FROM payouts_posting p JOIN payouts_account a ON a.id = p.account_id
          JOIN payouts_transaction t ON t.id = p.transaction_id
         GROUP BY t.idem_key, a.currency HAVING sum(p.amount_minor) <> 0
        """,
    ),
    (
        "Transaction {idem_key} has no postings.",
        """
        SELECT t.idem_key FROM payouts_transaction t
         WHERE NOT EXISTS (SELECT FROM payouts_posting p WHERE p.transaction_id = t.id)
        """,
    ),
    (
        "Transaction {idem_key} does not say what its content digest says.",
        """
        SELECT t.idem_key FROM payouts_transaction t
          JOIN (SELECT p.transaction_id, string_agg(p.line, '' ORDER BY p.line COLLATE "C") AS lines
                  FROM (SELECT p.transaction_id, a.kind || ':' || coalesce(a.owner_id::text, '') || ':' || a.currency
                               || CASE a.detail WHEN '' THEN '' ELSE ':' || a.detail END
                               || ' ' || p.amount_minor || E'\n' AS line
                          FROM payouts_posting p JOIN payouts_account a ON a.id = p.account_id) p
                 GROUP BY p.transaction_id) legs ON legs.transaction_id = t.id
         WHERE t.content_sha256 <> encode(sha256(convert_to(
                   t.kind || E'\n' || t.source || E'\n' || legs.lines, 'UTF8')), 'hex')
        """,
    ),
    (
        "Account {kind} of {owner_id} in {currency} keeps {kept} and its postings make {made}.",
        """
        SELECT a.kind, a.owner_id, a.currency, a.balance_minor AS kept,
               coalesce(p.moved, 0) * CASE a.kind WHEN 'creator_receivable' THEN 1 ELSE -1 END AS made
          FROM payouts_account a
          LEFT JOIN (SELECT account_id, sum(amount_minor) AS moved FROM payouts_posting GROUP BY account_id) p
                 ON p.account_id = a.id
         WHERE a.balance_minor IS NOT NULL
           AND a.balance_minor <> coalesce(p.moved, 0) * CASE a.kind WHEN 'creator_receivable' THEN 1 ELSE -1 END
        """,
    ),
    (
        "Creator {owner_id} owes {owed} in {currency} and has {available} available.",
        """
        SELECT w.owner_id, w.currency, w.balance_minor AS owed, a.balance_minor AS available
          FROM payouts_account w JOIN payouts_account a USING (owner_id, currency)
         WHERE w.kind = 'creator_receivable' AND a.kind = 'creator_available'
           AND w.balance_minor > 0 AND a.balance_minor > 0
        """,
    ),
]

_ROYALTIES = [
    (
        "Sale {source} has a net of {net_minor} and royalty lines of {lines}.",
        """
        SELECT s.source, s.net_minor, coalesce(l.amount_minor, 0) AS lines
          FROM payouts_sale s
          LEFT JOIN (SELECT sale_id, sum(amount_minor) AS amount_minor
                       FROM payouts_royalty_line GROUP BY sale_id) l ON l.sale_id = s.id
          LEFT JOIN payouts_awaiting_allocation w ON w.sale_id = s.id
         WHERE coalesce(l.amount_minor, 0) <> CASE WHEN w.sale_id IS NULL THEN s.net_minor ELSE 0 END
        """,
    ),
    (
        "Sale {source} is not what its transaction posted.",
        """
        SELECT s.source FROM payouts_sale s
          LEFT JOIN (SELECT p.transaction_id,
                            string_agg(concat_ws(' ', a.kind, p.amount_minor, a.currency, nullif(a.detail, '')), ', '
                                       ORDER BY a.kind COLLATE "C") AS legs
                       FROM payouts_posting p JOIN payouts_account a ON a.id = p.account_id
                      GROUP BY p.transaction_id) t ON t.transaction_id = s.transaction_id
          LEFT JOIN LATERAL (
              SELECT string_agg(concat_ws(' ', due.kind, due.amount, s.currency, nullif(due.detail, '')), ', '
                                ORDER BY due.kind COLLATE "C") AS legs
                FROM (VALUES (s.paid_from, s.gross_minor, ''), ('platform_fee', -s.fee_minor, ''),
                             ('royalty_unallocated', -s.net_minor, ''), ('tax_payable', -s.tax_minor, s.tax_of)
                     ) AS due (kind, amount, detail) WHERE due.amount <> 0) d ON true
         WHERE t.legs IS DISTINCT FROM d.legs
        """,
    ),
    (
        "A royalty line of {payee_id} from sale {source} has another share than the sale's split.",
        """
        SELECT l.payee_id, s.source FROM payouts_royalty_line l JOIN payouts_sale s ON s.id = l.sale_id
          LEFT JOIN payouts_split_share h ON h.split_id = s.split_id AND h.payee_id = l.payee_id
         WHERE h.share_ppb IS DISTINCT FROM l.share_ppb
            OR abs(l.amount_minor::numeric * 1000000000 - s.net_minor::numeric * h.share_ppb) >= 1000000000
        """,
    ),
    (
        "Run {run_id} gave {payee_id} lines of {lines} and posted {posted}.",
        """
        SELECT run_id, payee_id, coalesce(l.amount_minor, 0) AS lines, coalesce(p.amount_minor, 0) AS posted
          FROM (SELECT run_id, payee_id, sum(amount_minor) AS amount_minor
                  FROM payouts_royalty_line GROUP BY run_id, payee_id) l
          FULL JOIN (SELECT r.id AS run_id, a.owner_id AS payee_id, -sum(p.amount_minor) AS amount_minor
                       FROM payouts_royalty_run r JOIN payouts_posting p ON p.transaction_id = r.transaction_id
                       JOIN payouts_account a ON a.id = p.account_id
                      WHERE a.kind = 'creator_pending' GROUP BY r.id, a.owner_id) p USING (run_id, payee_id)
         WHERE l.amount_minor IS DISTINCT FROM p.amount_minor
        """,
    ),
    (
        "{payee_id} has {kept} pending in {currency} and unreleased lines of {lines}.",
        f"""
        SELECT payee_id, currency, coalesce(a.balance_minor, 0) AS kept, coalesce(l.amount_minor, 0) AS lines
          FROM (SELECT l.payee_id, r.currency, sum(l.amount_minor - coalesce(v.amount_minor, 0)) AS amount_minor
                  FROM payouts_royalty_line l JOIN payouts_royalty_run r ON r.id = l.run_id
                  LEFT JOIN ({_TAKEN_FROM_PENDING}) v ON v.line_id = l.id
                 WHERE NOT EXISTS (SELECT FROM payouts_hold_release h WHERE h.run_id = r.id)
                 GROUP BY l.payee_id, r.currency) l
          FULL JOIN (SELECT owner_id AS payee_id, currency, balance_minor FROM payouts_account
                      WHERE kind = 'creator_pending') a USING (payee_id, currency)
         WHERE coalesce(a.balance_minor, 0) <> coalesce(l.amount_minor, 0)
        """,
    ),
]

_AVAILABLE = [
    (
        "{owner_id} has {kept} available less owed in {currency}; released lines less payouts are {made}.",
        f"""
        SELECT owner_id, currency, sum(kept) AS kept, sum(made) AS made
          FROM (SELECT owner_id, currency, 0 AS made,
                       CASE kind WHEN 'creator_receivable' THEN -balance_minor ELSE balance_minor END AS kept
                  FROM payouts_account WHERE kind IN ('creator_available', 'creator_reserve', 'creator_receivable')
                 UNION ALL
                SELECT l.payee_id, r.currency, l.amount_minor, 0
                  FROM payouts_royalty_line l JOIN payouts_royalty_run r ON r.id = l.run_id
                  JOIN payouts_hold_release h ON h.run_id = r.id
                  LEFT JOIN payouts_dispute d ON d.sale_id = l.sale_id
                  LEFT JOIN payouts_dispute_outcome o ON o.dispute_id = d.id
                 WHERE d.id IS NULL OR o.outcome = 'won'
                 UNION ALL
                SELECT l.payee_id, r.currency, -held.amount_minor, 0
                  FROM ({_HELD}) held JOIN payouts_royalty_line l ON l.id = held.line_id
                  JOIN payouts_royalty_run r ON r.id = l.run_id
                  JOIN payouts_hold_release h ON h.run_id = r.id
                 UNION ALL
                SELECT p.creator_id, p.currency, -p.amount_minor, 0 FROM payouts_payout p
                 WHERE NOT EXISTS (SELECT FROM payouts_payout_outcome f
                                    WHERE f.payout_id = p.id AND f.state IN ('failed', 'returned'))) moved
         GROUP BY owner_id, currency HAVING sum(kept) <> sum(made)
        """,
    ),
]

_DISPUTES = [
    (
        "The dispute of sale {source} took {taken} and the sale's lines are {lines}.",
        """
        SELECT s.source, coalesce(v.amount_minor, 0) AS taken, s.net_minor AS lines
          FROM payouts_dispute d JOIN payouts_sale s ON s.id = d.sale_id
          LEFT JOIN (SELECT dispute_id, sum(amount_minor) AS amount_minor FROM payouts_reversal_line
                      GROUP BY dispute_id) v ON v.dispute_id = d.id
         WHERE coalesce(v.amount_minor, 0) <> s.net_minor
        """,
    ),
    (
        "{payee_id} has {kept} on hold in {currency} and open disputes took {taken}.",
        """
        SELECT payee_id, currency, coalesce(a.balance_minor, 0) AS kept, coalesce(v.amount_minor, 0) AS taken
          FROM (SELECT l.payee_id, s.currency, sum(v.amount_minor) AS amount_minor
                  FROM payouts_reversal_line v JOIN payouts_royalty_line l ON l.id = v.line_id
                  JOIN payouts_sale s ON s.id = l.sale_id
                 WHERE NOT EXISTS (SELECT FROM payouts_dispute_outcome o WHERE o.dispute_id = v.dispute_id)
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
          FROM (SELECT s.currency, sum(s.gross_minor) AS amount_minor
                  FROM payouts_dispute d JOIN payouts_sale s ON s.id = d.sale_id
                 WHERE NOT EXISTS (SELECT FROM payouts_dispute_outcome o WHERE o.dispute_id = d.id)
                 GROUP BY s.currency) d
          FULL JOIN (SELECT a.currency, sum(p.amount_minor) AS amount_minor
                       FROM payouts_posting p JOIN payouts_account a ON a.id = p.account_id
                      WHERE a.kind = 'dispute_suspense' GROUP BY a.currency) p USING (currency)
         WHERE coalesce(d.amount_minor, 0) <> coalesce(p.amount_minor, 0)
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

_FREEZES = [
    (
        "{payee_id} has {kept} held for claims in {currency} and the holds of lines are {held}.",
        f"""
        SELECT payee_id, currency, coalesce(a.balance_minor, 0) AS kept, coalesce(k.amount_minor, 0) AS held
          FROM (SELECT l.payee_id, s.currency, sum(held.amount_minor) AS amount_minor
                  FROM ({_HELD}) held JOIN payouts_royalty_line l ON l.id = held.line_id
                  JOIN payouts_sale s ON s.id = l.sale_id
                 GROUP BY l.payee_id, s.currency) k
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
        "Of the {amount_minor} that {payee_id} earned from sale {source}, {held} is held for a claim on {subject}.",
        f"""
        SELECT l.amount_minor, l.payee_id, s.source, s.subject, coalesce(k.amount_minor, 0) AS held
          FROM payouts_royalty_line l JOIN payouts_sale s ON s.id = l.sale_id
          LEFT JOIN (SELECT line_id, sum(amount_minor) AS amount_minor FROM ({_HELD}) held GROUP BY line_id) k
                 ON k.line_id = l.id
          LEFT JOIN payouts_dispute d ON d.sale_id = s.id
          LEFT JOIN payouts_dispute_outcome o ON o.dispute_id = d.id
         WHERE coalesce(k.amount_minor, 0) NOT BETWEEN
               CASE WHEN s.subject IN ({_FROZEN}) AND (d.id IS NULL OR o.outcome = 'won')
                         AND NOT EXISTS (SELECT FROM payouts_hold_release h WHERE h.run_id = l.run_id)
                    THEN l.amount_minor ELSE 0 END
           AND CASE WHEN s.subject IN ({_FROZEN}) AND (d.id IS NULL OR o.outcome = 'won')
                    THEN l.amount_minor ELSE 0 END
        """,
    ),
    (
        "Sale {source} was allocated while {subject} was frozen.",
        """
        SELECT DISTINCT s.source, s.subject FROM payouts_subject_freeze f
          LEFT JOIN payouts_subject_thaw t ON t.freeze_id = f.id
          JOIN payouts_sale s ON s.subject = f.subject JOIN payouts_royalty_line l ON l.sale_id = s.id
          JOIN payouts_royalty_run r ON r.id = l.run_id
          LEFT JOIN payouts_dispute d ON d.sale_id = s.id AND d.opened_at = r.ran_at
         WHERE d.id IS NULL AND r.id > coalesce(f.allocated_through_id, 0)
           AND (t.id IS NULL OR r.id <= t.allocated_through_id)
        """,
    ),
]

INVARIANTS = [*_BOOKS, *POSTINGS, *_ROYALTIES, *_AVAILABLE, *POLICIES, *_DISPUTES, *_FREEZES, *DIVISIONS, *STATEMENTS]
"""(sentence, question): the sentence is filled with the columns of each row that the question returns."""


def split_problems() -> list[str]:
    """Return a sentence for each split whose digest is not that of its shares; streams, whatever their number."""
    shares = SplitShare.objects.order_by("split_id", "payee_id").values_list("split_id", "payee_id", "share_ppb")
    problems = [
        f"Split {digest} is not the digest of its shares."
        for digest, rows in groupby(shares.iterator(chunk_size=5000), key=lambda row: row[0])
        if split_digest([(payee_id, share_ppb) for _, payee_id, share_ppb in rows]) != digest
    ]
    empty = Split.objects.filter(shares=None).values_list("digest", flat=True)
    return problems + [f"Split {digest} has no shares." for digest in empty]
