"""What creators and operators ask about money; nothing here writes."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from marketplace.payouts.claims.lists import root_problems
from marketplace.payouts.invariants import INVARIANTS, split_problems
from marketplace.payouts.invariants_statements import statement_problems
from marketplace.payouts.models import AccountKind
from marketplace.payouts.numbers import held_of, number_of, taken_of
from marketplace.payouts.rows import rows_of
from marketplace.people.models import Creator

PAGE_LENGTH = 50


@dataclass(frozen=True, slots=True)
class Balance:
    """A creator's money in one currency, in minor units.

    `pending_minor` is in its hold period, the first of it until `next_available_at`; `reserved_minor` is kept back as
    security; `available_minor` goes into the next payout; `on_hold_minor` is disputed; `frozen_minor` is held for
    claims; `owed_minor` is owed back and taken from later earnings first; `on_the_way_minor` is in payouts that have
    not arrived; `paid_minor` has arrived. What came back of a payout in part, and what was recovered of it, is in
    neither.
    """

    currency: str
    pending_minor: int
    next_available_at: datetime | None
    reserved_minor: int
    available_minor: int
    on_hold_minor: int
    frozen_minor: int
    owed_minor: int
    on_the_way_minor: int
    paid_minor: int


@dataclass(frozen=True, slots=True)
class Line:
    """One royalty line, from its sale to the payout that covered it, or to the root under which it can be claimed.

    `disputed_minor` of its amount is held while disputes are open, `reversed_minor` was taken back for good: refunded,
    lost to a buyer's bank, or taken down. `held_minor` of what remains is held for a claim since `frozen_at`, for the
    reason that `frozen_for` names.
    """

    id: int
    source: str
    sold_at: datetime
    currency: str
    gross_minor: int
    net_minor: int
    split: str
    share_ppb: int
    amount_minor: int
    run_id: int
    allocated_at: datetime
    available_at: datetime
    released_at: datetime | None
    disputed_minor: int
    reversed_minor: int
    held_minor: int
    frozen_at: datetime | None
    frozen_for: str
    payout_id: UUID | None
    reserved_at: datetime | None
    paid_at: datetime | None
    root_id: int | None

    @property
    def remaining_minor(self) -> int:
        """What is left of the amount for its payee, wherever it is."""
        return self.amount_minor - self.disputed_minor - self.reversed_minor

    @property
    def state(self) -> str:
        """Where the amount is: pending, available, on-the-way, paid, on-chain, disputed, reversed, or frozen.

        A line of which a part is disputed is disputed; one of which a part remains is where that part is.
        """
        if self.disputed_minor:
            return "disputed"
        if not self.remaining_minor:
            return "reversed"
        if self.held_minor:
            return "frozen"
        if self.root_id:
            return "on-chain"
        if self.payout_id:
            return "paid" if self.paid_at else "on-the-way"
        return "available" if self.released_at else "pending"


@dataclass(frozen=True, slots=True)
class Frozen:
    """What a creator cannot have of one frozen subject in one currency, in minor units.

    `held_minor` is theirs, held to the unit; `waiting_minor` is the net of `waiting_sales` that they share in and
    that are not allocated while it is frozen. The reason is that of the oldest freeze that stands.
    """

    subject: str
    reason: str
    frozen_at: datetime
    currency: str
    held_minor: int
    waiting_sales: int
    waiting_minor: int


@dataclass(frozen=True, slots=True)
class PaidOut:
    """One payout and what became of it: open, sent, paid, failed or returned, since `state_at`."""

    id: UUID
    currency: str
    amount_minor: int
    reserved_at: datetime
    state: str
    state_at: datetime
    reference: str


@dataclass(frozen=True, slots=True)
class TrialRow:
    """The sum of all accounts of one kind and currency, on the side where it stands."""

    currency: str
    kind: str
    debit_minor: int
    credit_minor: int


def balances_of(creator: Creator) -> list[Balance]:
    """Return the creator's balances, one a currency that they ever earned in, by currency."""
    rows = rows_of("SELECT * FROM payouts_balances_of(%(creator)s)", {"creator": creator.pk})
    return [Balance(**row) for row in rows]


# The payout of a line is the first after its release that did not come back and met something of it: what was disputed,
# taken back or held when it was reserved comes with a later one, if at all. So it is with roots, and what came first of
# payout and root has it.
_LINES = f"""
WITH mine AS MATERIALIZED ({{mine}})
SELECT l.id, s.source, s.sold_at, s.currency, s.gross_minor, s.net_minor, s.split_id AS split, l.share_ppb,
       l.amount_minor, l.run_id, r.ran_at AS allocated_at, r.available_at, h.released_at,
       d.disputed_minor, d.taken_minor - d.disputed_minor AS reversed_minor,
       coalesce(k.amount_minor, 0) AS held_minor, z.frozen_at, coalesce(z.reason, '') AS frozen_for,
       CASE WHEN g.number < p.number THEN NULL ELSE p.id END AS payout_id,
       CASE WHEN p.id IS NULL OR g.number < p.number THEN g.published_at ELSE p.reserved_at END AS reserved_at,
       CASE WHEN g.number < p.number THEN NULL ELSE p.paid_at END AS paid_at,
       CASE WHEN p.number < g.number THEN NULL ELSE g.id END AS root_id
  FROM mine
  JOIN payouts_royalty_line l ON l.id = mine.id
  JOIN payouts_sale s ON s.id = l.sale_id
  JOIN payouts_royalty_run r ON r.id = l.run_id
  LEFT JOIN payouts_hold_release h ON h.run_id = r.id
  CROSS JOIN LATERAL (
      SELECT {taken_of("l.id")} AS taken_minor,
             coalesce((SELECT sum(v.amount_minor)
                         FROM payouts_reversal_line v JOIN payouts_reversal w ON w.id = v.reversal_id
                        WHERE v.line_id = l.id AND w.kind = 'dispute'
                          AND NOT EXISTS (SELECT FROM payouts_reversal_outcome o WHERE o.reversal_id = w.id)
                      ), 0)::bigint AS disputed_minor
  ) d
  LEFT JOIN LATERAL (
      SELECT sum(k.amount_minor)::bigint AS amount_minor FROM payouts_claim_hold_line k
       WHERE k.line_id = l.id AND NOT EXISTS (SELECT FROM payouts_claim_hold_end e WHERE e.hold_id = k.id)
  ) k ON true
  LEFT JOIN LATERAL (
      SELECT f.frozen_at, f.reason FROM payouts_subject_freeze f
       WHERE k.amount_minor > 0 AND f.subject = s.subject
         AND NOT EXISTS (SELECT FROM payouts_subject_thaw t WHERE t.freeze_id = f.id)
       ORDER BY f.id LIMIT 1
  ) z ON true
  LEFT JOIN LATERAL (
      SELECT p.id, p.reserved_at, paid.at AS paid_at, n.number
        FROM payouts_payout p
        CROSS JOIN LATERAL (SELECT {number_of("p.transaction_id")} AS number) n
        LEFT JOIN payouts_payout_outcome paid ON paid.payout_id = p.id AND paid.state = 'paid'
       WHERE p.creator_id = l.payee_id AND p.currency = s.currency AND p.released_through_id >= h.id
         AND NOT EXISTS (SELECT FROM payouts_payout_outcome f
                          WHERE f.payout_id = p.id AND f.state IN ('failed', 'returned'))
         AND l.amount_minor > {taken_of("l.id", "n.number")} + {held_of("l.id", "n.number")}
       ORDER BY p.released_through_id, n.number, p.id LIMIT 1
  ) p ON true
  LEFT JOIN LATERAL (
      SELECT r.id, r.published_at, n.number
        FROM payouts_chain_account c
        JOIN payouts_chain_book b ON b.id = c.book_id AND b.currency = s.currency
        JOIN payouts_root_line w ON w.account_id = c.id AND w.released_through_id >= h.id
        JOIN payouts_root r ON r.id = w.root_id
        CROSS JOIN LATERAL (SELECT {number_of("r.transaction_id")} AS number) n
       WHERE c.creator_id = l.payee_id
         AND l.amount_minor > {taken_of("l.id", "n.number")} + {held_of("l.id", "n.number")}
       ORDER BY w.released_through_id, n.number LIMIT 1
  ) g ON true
 ORDER BY s.id DESC
"""


# A payee has at most one line of a sale, so the newest of all are among the newest of each split that names the payee.
# Sales have their ids in the order of time.
_NEWEST = """
SELECT newest.id
  FROM payouts_split_share h
 CROSS JOIN LATERAL (
     SELECT l.id, s.id AS sale FROM payouts_sale s
       JOIN payouts_royalty_line l ON l.sale_id = s.id AND l.payee_id = h.payee_id
      WHERE s.split_id = h.split_id
        AND (%(before)s::bigint IS NULL
             OR s.id < (SELECT b.sale_id FROM payouts_royalty_line b WHERE b.id = %(before)s))
      ORDER BY s.id DESC LIMIT %(limit)s) newest
 WHERE h.payee_id = %(creator)s
 ORDER BY newest.sale DESC LIMIT %(limit)s
"""
_ONE = "SELECT l.id FROM payouts_royalty_line l WHERE l.id = %(line)s AND l.payee_id = %(creator)s"


def lines_of(creator: Creator, cursor: str | None = None, *, limit: int = PAGE_LENGTH) -> tuple[list[Line], str | None]:
    """Return one page of the creator's royalty lines, of the newest sales first, and the cursor of the next if any."""
    params = {"creator": creator.pk, "before": _before(cursor), "limit": limit + 1}
    lines = [Line(**row) for row in rows_of(_LINES.format(mine=_NEWEST), params)]
    return lines[:limit], str(lines[limit - 1].id) if len(lines) > limit else None


def line_of(creator: Creator, line_id: int) -> Line | None:
    """Return one of the creator's royalty lines; None where there is none of theirs."""
    rows = rows_of(_LINES.format(mine=_ONE), {"creator": creator.pk, "line": line_id})
    return Line(**rows[0]) if rows else None


def frozen_of(creator: Creator) -> list[Frozen]:
    """Return what the creator cannot have while subjects are frozen, one a subject and currency, oldest first."""
    rows = rows_of(
        """
        WITH frozen AS (
            SELECT DISTINCT ON (f.subject) f.subject, f.reason, f.frozen_at FROM payouts_subject_freeze f
             WHERE NOT EXISTS (SELECT FROM payouts_subject_thaw t WHERE t.freeze_id = f.id)
             ORDER BY f.subject, f.id
        ), held AS (
            SELECT s.subject, s.currency, sum(k.amount_minor)::bigint AS held_minor
              FROM payouts_claim_hold_line k JOIN payouts_royalty_line l ON l.id = k.line_id
              JOIN payouts_sale s ON s.id = l.sale_id
             WHERE l.payee_id = %(creator)s
               AND NOT EXISTS (SELECT FROM payouts_claim_hold_end e WHERE e.hold_id = k.id)
             GROUP BY s.subject, s.currency
        ), waiting AS (
            SELECT s.subject, s.currency, count(*) AS waiting_sales, sum(s.net_minor)::bigint AS waiting_minor
              FROM payouts_awaiting_allocation w JOIN payouts_sale s ON s.id = w.sale_id
              JOIN payouts_split_share h ON h.split_id = s.split_id AND h.payee_id = %(creator)s
             WHERE s.subject IN (SELECT subject FROM frozen)
             GROUP BY s.subject, s.currency
        )
        SELECT f.subject, f.reason, f.frozen_at, currency, coalesce(held_minor, 0) AS held_minor,
               coalesce(waiting_sales, 0) AS waiting_sales, coalesce(waiting_minor, 0) AS waiting_minor
          FROM held FULL JOIN waiting USING (subject, currency) JOIN frozen f USING (subject)
         ORDER BY f.frozen_at, f.subject, currency
        """,
        {"creator": creator.pk},
    )
    return [Frozen(**row) for row in rows]


def payouts_of(creator: Creator, *, limit: int = PAGE_LENGTH) -> list[PaidOut]:
    """Return the creator's latest payouts, newest first."""
    rows = rows_of(
        """
        SELECT p.id, p.currency, p.amount_minor, p.reserved_at, coalesce(o.state, 'open') AS state,
               coalesce(o.at, p.reserved_at) AS state_at, coalesce(o.reference, '') AS reference
          FROM payouts_payout p
          LEFT JOIN LATERAL (SELECT state, at, reference FROM payouts_payout_outcome
                              WHERE payout_id = p.id ORDER BY id DESC LIMIT 1) o ON true
         WHERE p.creator_id = %(creator)s ORDER BY p.reserved_at DESC, p.id DESC LIMIT %(limit)s
        """,
        {"creator": creator.pk, "limit": limit},
    )
    return [PaidOut(**row) for row in rows]


def shares_of(split: str) -> list[tuple[Creator, int]]:
    """Return a split's (payee, share in ppb), the largest share first."""
    rows = rows_of(
        "SELECT payee_id, share_ppb FROM payouts_split_share WHERE split_id = %(split)s"
        " ORDER BY share_ppb DESC, payee_id",
        {"split": split},
    )
    payees = Creator.objects.in_bulk([row["payee_id"] for row in rows])
    return [(payees[row["payee_id"]], row["share_ppb"]) for row in rows]


def paid_total() -> dict[str, int]:
    """Return currency → minor units that have arrived with creators, without what came back of them."""
    rows = rows_of(
        """
        SELECT p.currency, sum(p.amount_minor - payouts_came_back(p.id))::bigint AS paid_minor
          FROM payouts_payout p JOIN payouts_payout_outcome o ON o.payout_id = p.id AND o.state = 'paid'
         WHERE NOT EXISTS (SELECT FROM payouts_payout_outcome f
                            WHERE f.payout_id = p.id AND f.state IN ('failed', 'returned'))
         GROUP BY p.currency ORDER BY p.currency
        """
    )
    return {row["currency"]: row["paid_minor"] for row in rows}


def trial_balance() -> list[TrialRow]:
    """Return every kind of account with its net sum, by currency and kind; what comes to nothing is left out.

    Creators' accounts by the balances that are kept of them, the house's by their newest checkpoints and what came
    since: the cost does not grow with the history. `check_books` proves both from the postings.
    """
    rows = rows_of(
        """
        SELECT currency, kind, greatest(sum(made), 0) AS debit_minor, greatest(-sum(made), 0) AS credit_minor
          FROM (SELECT currency, kind, CASE WHEN balance_minor IS NULL THEN payouts_sum_of(id)
                                            WHEN kind = 'creator_receivable' THEN balance_minor
                                            ELSE -balance_minor END AS made
                  FROM payouts_account) one
         GROUP BY currency, kind HAVING sum(made) <> 0 ORDER BY currency, kind
        """
    )
    return [TrialRow(row["currency"], row["kind"], int(row["debit_minor"]), int(row["credit_minor"])) for row in rows]


def house_sums(currency: str | None = None) -> dict[tuple[str, str, str], int]:
    """Return (currency, kind, detail) → what an account of the house comes to: above zero is debit, below zero credit.

    In minor units, from the newest checkpoints and what came since, in one moment.
    """
    rows = rows_of(
        """
        SELECT currency, kind, detail, payouts_sum_of(id) AS made FROM payouts_account
         WHERE owner_id IS NULL AND (%(currency)s::text IS NULL OR currency = %(currency)s)
         ORDER BY currency, kind, detail
        """,
        {"currency": currency},
    )
    return {(row["currency"], row["kind"], row["detail"]): int(row["made"]) for row in rows}


def house_sum(kind: AccountKind, currency: str, detail: str = "") -> int:
    """Return what one account of the house comes to, as `house_sums` does; zero for one that was never used."""
    return house_sums(currency).get((currency, str(kind), detail), 0)


def check_books() -> list[str]:
    """Return what is wrong with the books, one sentence a problem; an empty list is what is wanted.

    Transactions balance and say what their content digest says; kept balances are the sums of their postings;
    royalty lines add up to their sales' nets; what is pending, held, taken down, in flight, in suspense and paid is
    what lines, reversals, freezes and payouts say, and no reversal took more than there was; nothing of a frozen
    subject is pending or was allocated meanwhile; no payout is taken or sent twice or goes on after its end; the
    digests of splits recompute, and those of divisions, which are folded again.
    """
    problems = []
    for sentence, sql in INVARIANTS:
        problems += [sentence.format(**row) for row in rows_of(sql)]
    return problems + split_problems() + statement_problems() + root_problems()


def _before(cursor: str | None) -> int | None:
    """Reads a cursor; one that nobody gave out is as good as none."""
    return int(cursor) if cursor and cursor.isascii() and cursor.isdigit() and len(cursor) < 19 else None
