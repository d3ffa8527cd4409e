"""Keeping the sums of the house's accounts readable, at no cost to sales (docs/decisions/0031-posting.md)."""

from datetime import datetime

from django.db import connection, transaction

_CLUSTER = "(SELECT system_identifier::text FROM pg_control_system())"

# The oldest transaction that runs in this database; others of the cluster write nothing here and are not waited for.
_RUNNING = """
    (SELECT coalesce(min(x.xid::text::bigint), pg_snapshot_xmax(pg_current_snapshot())::text::bigint)
       FROM pg_snapshot_xip(pg_current_snapshot()) AS x (xid)
      WHERE NOT EXISTS (SELECT FROM pg_stat_activity v
                         WHERE v.datname <> current_database() AND v.backend_xid = x.xid::xid))
"""

# A sample, unless the last two say already how far the postings have come: then the next checkpoint needs no other.
_SAMPLE = f"""
INSERT INTO payouts_posting_sample (id, sampled_at)
SELECT gen_random_uuid(), %(now)s
 WHERE EXISTS (SELECT FROM payouts_posting)
   AND (SELECT count(*) FROM payouts_posting_sample
         WHERE cluster = {_CLUSTER} AND through = (SELECT max(id) FROM payouts_posting)) < 2
"""

# Up to the newest sample before one that every running transaction has come after.
_SETTLED = f"""
    SELECT max(through) AS through FROM payouts_posting_sample
     WHERE cluster = {_CLUSTER}
       AND xid < (SELECT max(xid) FROM payouts_posting_sample
                   WHERE cluster = {_CLUSTER} AND xid <= {_RUNNING})
"""
_CHECKPOINTS = f"""
WITH settled AS ({_SETTLED})
INSERT INTO payouts_summed_checkpoint (account_id, through, sum_minor, postings, made_at)
SELECT a.id, settled.through, coalesce(c.sum_minor, 0) + p.sum_minor, coalesce(c.postings, 0) + p.postings, %(now)s
  FROM settled JOIN payouts_account a ON a.balance_minor IS NULL
  LEFT JOIN LATERAL (SELECT k.through, k.sum_minor, k.postings FROM payouts_summed_checkpoint k
                      WHERE k.account_id = a.id ORDER BY k.through DESC LIMIT 1) c ON true
 CROSS JOIN LATERAL (SELECT sum(q.amount_minor) AS sum_minor, count(*) AS postings FROM payouts_posting q
                      WHERE q.account_id = a.id AND q.id > coalesce(c.through, 0) AND q.id <= settled.through) p
 WHERE p.postings >= %(least)s
    ON CONFLICT DO NOTHING
"""


def take_checkpoints(*, now: datetime, least: int = 100) -> int:
    """Keep the sums of summed accounts up to where nothing can come any more; return how many were kept.

    An account has a new one when at least so many postings came since its last. The first two calls only find out how
    far the postings have come. No sale waits for it, and it waits for none: what is still being written now is counted
    by a later call. Not to be called inside a transaction.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(_SAMPLE, {"now": now})
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(_CHECKPOINTS, {"now": now, "least": least})
        return int(cursor.rowcount)


def settled_through() -> int:
    """Return the number up to which no posting can come any more, 0 where that is not known yet."""
    with connection.cursor() as cursor:
        cursor.execute(_SETTLED)
        return int(cursor.fetchone()[0] or 0)
