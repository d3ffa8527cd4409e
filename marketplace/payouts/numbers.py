"""The order of events in the books: the numbers of postings, never a clock."""


def number_of(transaction: str) -> str:
    """Return SQL for a transaction's place in the order of events; `transaction` is SQL for its id.

    Postings are numbered in that order: whatever moves a creator's balance holds the currency's lock until commit.
    """
    return f"(SELECT min(q.id) FROM payouts_posting q WHERE q.transaction_id = {transaction})"


def taken_of(line: str, through: str = "") -> str:
    """Return SQL for what reversals took of a royalty line and have not given back; `line` is SQL for its id.

    `through` is SQL for a posting's number: then as it was after the transaction of that posting.
    """
    reversed_by = f"AND {number_of('r.transaction_id')} <= {through}" if through else ""
    returned_by = f"AND {number_of('o.transaction_id')} <= {through}" if through else ""
    return f"""(coalesce((SELECT sum(v.amount_minor) FROM payouts_reversal_line v
                  JOIN payouts_reversal r ON r.id = v.reversal_id
                 WHERE v.line_id = {line} {reversed_by}), 0)::bigint
       - coalesce((SELECT sum(b.amount_minor) FROM payouts_returned_line b
                  JOIN payouts_reversal_outcome o ON o.id = b.outcome_id
                 WHERE b.line_id = {line} {returned_by}), 0)::bigint)"""


def held_of(line: str, through: str = "") -> str:
    """Return SQL for what of a royalty line is held for claims, as `taken_of` does."""
    ended, held_by = "e.id IS NULL", ""
    if through:
        ended = f"(e.id IS NULL OR {number_of('e.transaction_id')} > {through})"
        held_by = f"AND {number_of('k.transaction_id')} <= {through}"
    return f"""coalesce((SELECT sum(k.amount_minor) FROM payouts_claim_hold_line k
                  LEFT JOIN payouts_claim_hold_end e ON e.hold_id = k.id
                 WHERE k.line_id = {line} {held_by} AND {ended}), 0)::bigint"""
