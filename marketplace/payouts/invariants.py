"""What must be true of the books at any moment, each as a question whose every answer is a problem.

The database refuses most of these when they are written; they are asked again here because triggers can be
switched off, disks can lie, and a second opinion that shares no code with the first is worth having.
"""

from itertools import groupby

from marketplace.payouts.claims.invariants import CLAIMS
from marketplace.payouts.division_queries import DIVISIONS
from marketplace.payouts.invariants_attempts import ATTEMPTS
from marketplace.payouts.invariants_deferrals import DEFERRALS
from marketplace.payouts.invariants_facts import FACTS
from marketplace.payouts.invariants_parts import PARTS
from marketplace.payouts.invariants_policies import POLICIES
from marketplace.payouts.invariants_postings import POSTINGS
from marketplace.payouts.invariants_reversals import FREEZES, REMAINING
from marketplace.payouts.invariants_risk import RISKS
from marketplace.payouts.invariants_statements import STATEMENTS
from marketplace.payouts.invariants_vault import VAULT
from marketplace.payouts.models import Split, SplitShare
from marketplace.payouts.rules import split_digest

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

# The sales some of whose lines may not be what their split gives. A payee's part is rounded down, and what is left of
# the sale goes one unit each to the largest remainders, of equal ones to the lower payee id. So a line is its part or
# one more (`odd`), and no line that has one more stands behind one that has not (`claim`): that can be told without
# sorting, and by it a sale without a suspicion is done with. A payee of nothing has no line; such sales are looked at.
_SUSPECT = """
    SELECT sale_id
      FROM (SELECT l.sale_id, h.payees,
                   l.amount_minor - s.net_minor / 1000000000 * h.share_ppb
                   - s.net_minor % 1000000000 * h.share_ppb / 1000000000 AS odd,
                   s.net_minor % 1000000000 * h.share_ppb % 1000000000 * 1000000 - h.place AS claim
              FROM payouts_royalty_line l JOIN payouts_sale s ON s.id = l.sale_id
              LEFT JOIN (SELECT split_id, payee_id, share_ppb, count(*) OVER (PARTITION BY split_id) AS payees,
                                row_number() OVER (PARTITION BY split_id ORDER BY payee_id) AS place
                           FROM payouts_split_share) h
                     ON h.split_id = s.split_id AND h.payee_id = l.payee_id AND h.share_ppb = l.share_ppb OFFSET 0) told
     GROUP BY sale_id
    HAVING max(CASE odd WHEN 0 THEN claim WHEN 1 THEN NULL ELSE 9000000000000000000 END)
           > min(CASE odd WHEN 1 THEN claim WHEN 0 THEN NULL ELSE -1 END)
        OR count(*) <> min(payees)
"""

_ROYALTY_LINES = f"""
    WITH due AS (
        SELECT sale_id, payee_id, share_ppb,
               part + CASE WHEN row_number() OVER odd <= sum(rest) OVER (PARTITION BY sale_id) / 1000000000
                           THEN 1 ELSE 0 END AS amount_minor
          FROM (SELECT s.id AS sale_id, h.payee_id, h.share_ppb,
                       div(s.net_minor::numeric * h.share_ppb, 1000000000) AS part,
                       mod(s.net_minor::numeric * h.share_ppb, 1000000000) AS rest
                  FROM ({_SUSPECT}) w JOIN payouts_sale s ON s.id = w.sale_id
                  JOIN payouts_split_share h ON h.split_id = s.split_id) cut
        WINDOW odd AS (PARTITION BY sale_id ORDER BY rest DESC, payee_id)
    ), there AS (
        SELECT l.sale_id, l.payee_id, l.share_ppb, l.amount_minor FROM payouts_royalty_line l
         WHERE l.sale_id IN (SELECT d.sale_id FROM due d)
    )
    SELECT payee_id, s.source,
           CASE WHEN l.share_ppb <> d.share_ppb OR d.share_ppb IS NULL THEN 'another share than the sale''s split'
                ELSE coalesce(l.amount_minor, 0) || ' and the sale''s split gives ' || d.amount_minor END AS found
      FROM due d FULL JOIN there l USING (sale_id, payee_id) JOIN payouts_sale s ON s.id = sale_id
     WHERE d.share_ppb IS NULL OR l.share_ppb <> d.share_ppb OR coalesce(l.amount_minor, 0) <> d.amount_minor
     ORDER BY s.source, payee_id
"""

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
        "Sale {source} waits as if {subject} were frozen, and it is not.",
        """
        SELECT s.source, s.subject FROM payouts_awaiting_allocation w JOIN payouts_sale s ON s.id = w.sale_id
         WHERE w.frozen AND NOT EXISTS (SELECT FROM payouts_subject_freeze f WHERE f.subject = s.subject
                                           AND NOT EXISTS (SELECT FROM payouts_subject_thaw t WHERE t.freeze_id = f.id))
        """,
    ),
    (
        "Sale {source} waits with {waits} in {waits_in}, and has a net of {net_minor} in {currency}.",
        """
        SELECT s.source, w.net_minor AS waits, w.currency AS waits_in, s.net_minor, s.currency
          FROM payouts_awaiting_allocation w JOIN payouts_sale s ON s.id = w.sale_id
         WHERE w.net_minor <> s.net_minor OR w.currency <> s.currency
        """,
    ),
    ("A royalty line of {payee_id} from sale {source} has {found}.", _ROYALTY_LINES),
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
]

INVARIANTS = [
    *_BOOKS,
    *POSTINGS,
    *FACTS,
    *_ROYALTIES,
    *POLICIES,
    *RISKS,
    *REMAINING,
    *PARTS,
    *FREEZES,
    *DEFERRALS,
    *DIVISIONS,
    *STATEMENTS,
    *VAULT,
    *CLAIMS,
    *ATTEMPTS,
]
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
