"""What the database itself refuses about frozen revenue, whoever asks: each refusal carries the name of what was broken."""

from django.db import migrations

FACTS = ["subject_freeze", "subject_thaw", "claim_hold_line", "claim_hold_end"]

APPEND_ONLY = "".join(
    f"""
CREATE TRIGGER payouts_{table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payouts_{table}
    FOR EACH STATEMENT EXECUTE FUNCTION
    payouts_refuse('payouts_{table}_append_only', 'facts are added, never changed');
"""
    for table in FACTS
)

# A sale of a frozen subject has no royalty lines yet, unless it is disputed: a reversal follows lines. EXECUTE plans
# each run afresh, and a run asks only where something is frozen at all.
ALLOCATION = """
CREATE FUNCTION payouts_check_frozen_sales_wait() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    frozen text[] := ARRAY(SELECT f.subject FROM payouts_subject_freeze f
                            WHERE NOT EXISTS (SELECT FROM payouts_subject_thaw t WHERE t.freeze_id = f.id));
    bad text;
BEGIN
    IF cardinality(frozen) = 0 THEN
        RETURN NULL;
    END IF;
    EXECUTE 'SELECT s.source FROM payouts_sale s
              WHERE s.id IN (SELECT sale_id FROM new_rows) AND s.subject = ANY ($1)
                AND NOT EXISTS (SELECT FROM payouts_dispute d WHERE d.sale_id = s.id) LIMIT 1' INTO bad USING frozen;
    IF bad IS NOT NULL THEN
        RAISE EXCEPTION 'sale % is of a frozen subject and waits for its allocation', bad
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_frozen_sale_waits', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_frozen_sale_waits AFTER INSERT ON payouts_royalty_line
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payouts_check_frozen_sales_wait();
"""

# What a transaction posts on accounts of claim holds is what hold lines and their ends say of it. A freeze moves the
# money of its lines from their buckets and nothing else, and neither it nor a thaw gives anything to somebody else.
# Asked when lines and ends are written, and at the end of whatever posted a transaction that may move holds.
HOLDS = """
CREATE FUNCTION payouts_check_holds(ids uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    SELECT coalesce(w.transaction_id, r.transaction_id) AS id, coalesce(w.kind, r.kind) AS kind,
           coalesce(w.owner_id, r.owner_id) AS owner_id, coalesce(w.moved, 0) AS said, coalesce(r.moved, 0) AS posted
      INTO bad
      FROM (SELECT m.transaction_id, l.payee_id AS owner_id, s.currency, m.kind, sum(m.moved) AS moved
              FROM (SELECT transaction_id, line_id, 'creator_claim_hold' AS kind, -amount_minor AS moved
                      FROM payouts_claim_hold_line WHERE transaction_id = ANY (ids)
                     UNION ALL
                    SELECT k.transaction_id, k.line_id, k.bucket, k.amount_minor FROM payouts_claim_hold_line k
                      JOIN payouts_transaction t ON t.id = k.transaction_id AND t.kind = 'claim_held'
                     WHERE k.transaction_id = ANY (ids)
                     UNION ALL
                    SELECT e.transaction_id, k.line_id, 'creator_claim_hold', k.amount_minor
                      FROM payouts_claim_hold_end e JOIN payouts_claim_hold_line k ON k.id = e.hold_id
                     WHERE e.transaction_id = ANY (ids)
                     UNION ALL
                    SELECT e.transaction_id, k.line_id, e.bucket, -k.amount_minor
                      FROM payouts_claim_hold_end e JOIN payouts_claim_hold_line k ON k.id = e.hold_id
                     WHERE e.transaction_id = ANY (ids) AND e.bucket = 'creator_pending') m
              JOIN payouts_royalty_line l ON l.id = m.line_id JOIN payouts_sale s ON s.id = l.sale_id
             GROUP BY m.transaction_id, l.payee_id, s.currency, m.kind) w
      FULL JOIN (SELECT p.transaction_id, a.owner_id, a.currency, a.kind, sum(p.amount_minor) AS moved
                   FROM payouts_posting p JOIN payouts_account a ON a.id = p.account_id
                   JOIN payouts_transaction t ON t.id = p.transaction_id
                  WHERE p.transaction_id = ANY (ids) AND (a.kind = 'creator_claim_hold' OR t.kind = 'claim_held'
                                                            OR t.kind = 'claim_released' AND a.kind = 'creator_pending')
                  GROUP BY p.transaction_id, a.owner_id, a.currency, a.kind) r
        ON r.transaction_id = w.transaction_id AND r.owner_id = w.owner_id AND r.currency = w.currency
           AND r.kind = w.kind
     WHERE w.moved IS DISTINCT FROM r.moved LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'transaction % moves % on % of creator % and its holds say %',
                        bad.id, bad.posted, bad.kind, bad.owner_id, bad.said
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_holds_equal_postings',
                  TABLE = 'payouts_claim_hold_line';
    END IF;
    SELECT p.transaction_id AS id, a.owner_id INTO bad
      FROM payouts_posting p JOIN payouts_account a ON a.id = p.account_id
      JOIN payouts_transaction t ON t.id = p.transaction_id AND t.kind = 'claim_released'
     WHERE p.transaction_id = ANY (ids)
     GROUP BY p.transaction_id, a.owner_id HAVING a.owner_id IS NULL OR sum(p.amount_minor) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'transaction % gives what was held to somebody else', bad.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_hold_returns_to_its_creator',
                  TABLE = 'payouts_claim_hold_end';
    END IF;
END $$;

CREATE FUNCTION payouts_check_hold_transaction() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM payouts_check_holds(ARRAY[NEW.id]);
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER payouts_transaction_equals_holds AFTER INSERT ON payouts_transaction
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.kind IN ('claim_held', 'claim_released', 'dispute_opened', 'dispute_won', 'payout_failed'))
    EXECUTE FUNCTION payouts_check_hold_transaction();

CREATE FUNCTION payouts_check_hold_lines() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    SELECT t.id, t.kind INTO bad FROM payouts_transaction t
     WHERE t.id IN (SELECT transaction_id FROM new_rows)
       AND t.kind NOT IN ('claim_held', 'dispute_won', 'payout_failed') LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'transaction % is of kind % and holds nothing', bad.id, bad.kind
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_hold_names_its_movement', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT n.id, f.subject INTO bad
      FROM new_rows n JOIN payouts_subject_freeze f ON f.id = n.freeze_id
      JOIN payouts_royalty_line l ON l.id = n.line_id JOIN payouts_sale s ON s.id = l.sale_id
     WHERE s.subject <> f.subject OR EXISTS (SELECT FROM payouts_subject_thaw t WHERE t.freeze_id = f.id) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'hold % is not under a standing freeze of its subject, %', bad.id, bad.subject
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_hold_is_under_its_freeze', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT l.id, l.amount_minor, sum(k.amount_minor) AS held INTO bad
      FROM payouts_royalty_line l JOIN payouts_claim_hold_line k ON k.line_id = l.id
     WHERE l.id IN (SELECT line_id FROM new_rows)
       AND NOT EXISTS (SELECT FROM payouts_claim_hold_end e WHERE e.hold_id = k.id)
     GROUP BY l.id HAVING sum(k.amount_minor) > l.amount_minor LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'royalty line % is of % and % of it would be held', bad.id, bad.amount_minor, bad.held
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_hold_within_line', TABLE = TG_TABLE_NAME;
    END IF;
    PERFORM payouts_check_holds(ARRAY(SELECT DISTINCT transaction_id FROM new_rows));
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_hold_equals_posting AFTER INSERT ON payouts_claim_hold_line
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payouts_check_hold_lines();

CREATE FUNCTION payouts_check_hold_ends() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    SELECT t.id, t.kind INTO bad FROM payouts_transaction t
     WHERE t.id IN (SELECT transaction_id FROM new_rows) AND t.kind NOT IN ('claim_released', 'dispute_opened') LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'transaction % is of kind % and ends no hold', bad.id, bad.kind
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_end_names_its_movement', TABLE = TG_TABLE_NAME;
    END IF;
    PERFORM payouts_check_holds(ARRAY(SELECT DISTINCT transaction_id FROM new_rows));
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_end_equals_posting AFTER INSERT ON payouts_claim_hold_end
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payouts_check_hold_ends();
"""

# A subject that is not frozen any more has nothing held, when whatever thawed it has ended.
THAWS = """
CREATE FUNCTION payouts_check_thaw() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE thawed text;
BEGIN
    SELECT f.subject INTO thawed FROM payouts_subject_freeze f WHERE f.id = NEW.freeze_id;
    IF NOT EXISTS (SELECT FROM payouts_subject_freeze f WHERE f.subject = thawed
                      AND NOT EXISTS (SELECT FROM payouts_subject_thaw t WHERE t.freeze_id = f.id))
       AND EXISTS (SELECT FROM payouts_sale s JOIN payouts_royalty_line l ON l.sale_id = s.id
                     JOIN payouts_claim_hold_line k ON k.line_id = l.id
                    WHERE s.subject = thawed AND s.subject <> ''
                      AND NOT EXISTS (SELECT FROM payouts_claim_hold_end e WHERE e.hold_id = k.id)) THEN
        RAISE EXCEPTION '% is thawed and some of its revenue is still held', thawed
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_thaw_gives_all_back', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER payouts_thaw_gives_all_back AFTER INSERT ON payouts_subject_thaw
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION payouts_check_thaw();
"""


class Migration(migrations.Migration):
    dependencies = [("payouts", "0003_freezes")]
    operations = [
        migrations.RunSQL(sql, reverse_sql=migrations.RunSQL.noop) for sql in (APPEND_ONLY, ALLOCATION, HOLDS, THAWS)
    ]
