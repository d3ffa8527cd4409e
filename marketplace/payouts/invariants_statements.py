"""What must hold of closed months: they follow each other, are what was posted, and stand in the log."""

from itertools import groupby

from ledger.models import Entry
from marketplace.payouts.bookkeeping.closing import leaf_of
from marketplace.payouts.statement_papers.tree import root_of
from marketplace.payouts.statements import Statement, StatementPeriod

# Whoever has no statement in the month before had nothing at its end.
_BEFORE = "to_char(to_date(d.period, 'YYYY-MM') - interval '1 month', 'YYYY-MM')"

STATEMENTS = [
    (
        "{period} in {currency} begins after posting {after}, and what came before it ended with {ended}.",
        """
        SELECT period, currency, after, ended
          FROM (SELECT period, currency, after, coalesce(lag(through) OVER w, 0) AS ended,
                       lag(period) OVER w AS previous
                  FROM payouts_statement_period WINDOW w AS (PARTITION BY currency ORDER BY period)) told
         WHERE after <> ended
            OR period <> coalesce(to_char(to_date(previous, 'YYYY-MM') + interval '1 month', 'YYYY-MM'), period)
        """,
    ),
    (
        "{period} in {currency} was closed at {closed_at}, before it was over.",
        """
        SELECT period, currency, closed_at FROM payouts_statement_period
         WHERE closed_at < (to_date(period, 'YYYY-MM') + interval '1 month') AT TIME ZONE 'UTC'
        """,
    ),
    (
        "{period} in {currency} ends within transaction {transaction_id}.",
        """
        SELECT d.period, d.currency, p.transaction_id
          FROM payouts_statement_period d JOIN payouts_posting p ON p.id = d.through
         WHERE d.through > d.after
           AND EXISTS (SELECT FROM payouts_posting q JOIN payouts_account a ON a.id = q.account_id
                        WHERE q.transaction_id = p.transaction_id AND q.id > d.through
                          AND a.owner_id IS NOT NULL AND a.currency = d.currency)
        """,
    ),
    (
        "The statement of {creator_id} for {period} in {currency} moves {told} and {posted} was posted.",
        """
        SELECT creator_id, period, currency, told, coalesce(posted, 0) AS posted
          FROM (SELECT period_id, creator_id, closing_minor - opening_minor AS told FROM payouts_statement) s
          FULL JOIN (SELECT d.id AS period_id, a.owner_id AS creator_id, -sum(p.amount_minor) AS posted
                       FROM payouts_statement_period d JOIN payouts_account a ON a.currency = d.currency
                       JOIN payouts_posting p ON p.account_id = a.id AND p.id > d.after AND p.id <= d.through
                      WHERE a.owner_id IS NOT NULL GROUP BY d.id, a.owner_id) m USING (period_id, creator_id)
          JOIN payouts_statement_period d ON d.id = period_id
         WHERE coalesce(told, 0) <> coalesce(posted, 0)
        """,
    ),
    (
        "The statement of {creator_id} for {period} in {currency} opens with {opening_minor} after {closed}.",
        f"""
        SELECT s.creator_id, d.period, d.currency, s.opening_minor, coalesce(b.closing_minor, 0) AS closed
          FROM payouts_statement s JOIN payouts_statement_period d ON d.id = s.period_id
          LEFT JOIN payouts_statement_period e ON e.currency = d.currency AND e.period = {_BEFORE}
          LEFT JOIN payouts_statement b ON b.period_id = e.id AND b.creator_id = s.creator_id
         WHERE s.opening_minor <> coalesce(b.closing_minor, 0)
        """,
    ),
    (
        "{creator_id} closed before {period} in {currency} with {closing_minor} and has no statement for it.",
        f"""
        SELECT b.creator_id, d.period, d.currency, b.closing_minor
          FROM payouts_statement_period d
          JOIN payouts_statement_period e ON e.currency = d.currency AND e.period = {_BEFORE}
          JOIN payouts_statement b ON b.period_id = e.id AND b.closing_minor <> 0
         WHERE NOT EXISTS (SELECT FROM payouts_statement s WHERE s.period_id = d.id AND s.creator_id = b.creator_id)
        """,
    ),
    (
        "{period} in {currency} counts {statements} statements and has {found}.",
        """
        SELECT d.period, d.currency, d.statements, count(s.id) AS found
          FROM payouts_statement_period d LEFT JOIN payouts_statement s ON s.period_id = d.id
         GROUP BY d.id HAVING count(s.id) <> d.statements OR coalesce(max(s.place) + 1, 0) <> d.statements
        """,
    ),
]


def statement_problems() -> list[str]:
    """Return a sentence for each month whose root is not that of its statements, or not the one in the log."""
    periods = {period.pk: period for period in StatementPeriod.objects.all()}
    rows = Statement.objects.order_by("period_id", "place").iterator(chunk_size=5000)
    roots = {
        pk: root_of(leaf_of(row, periods[pk].period, periods[pk].currency) for row in group)
        for pk, group in groupby(rows, key=lambda row: row.period_id)
        if pk in periods
    }
    stated = {
        entry.subject: entry.statement["root"] for entry in Entry.objects.filter(type="royalty-statement").iterator()
    }
    empty = root_of(())
    problems = []
    for period in periods.values():
        if roots.get(period.pk, empty) != period.root:
            problems.append(f"The root of {period.period} in {period.currency} is not that of its statements.")
        if stated.get(f"royalties:{period.period}:{period.currency}") != period.root:
            problems.append(f"The root of {period.period} in {period.currency} is not the one that the log has.")
    return problems
