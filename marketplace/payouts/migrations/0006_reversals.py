"""Disputes become reversals, of parts as well: refunds, disputes and takedowns; what exists is kept."""

import uuid

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F

FACTS = ["reversal", "reversal_outcome", "reversal_line", "returned_line"]

APPEND_ONLY = "".join(
    f"""
CREATE TRIGGER payouts_{table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payouts_{table}
    FOR EACH STATEMENT EXECUTE FUNCTION
    payouts_refuse('payouts_{table}_append_only', 'facts are added, never changed');
"""
    for table in FACTS
)

# What is known of disputes, put aside while their tables go.
ASIDE = """
SET CONSTRAINTS ALL IMMEDIATE;
CREATE TEMPORARY TABLE old_dispute ON COMMIT DROP AS
    SELECT gen_random_uuid() AS reversal_id, d.* FROM payouts_dispute d;
CREATE TEMPORARY TABLE old_dispute_outcome ON COMMIT DROP AS SELECT * FROM payouts_dispute_outcome;
CREATE TEMPORARY TABLE old_reversal_line ON COMMIT DROP AS SELECT * FROM payouts_reversal_line;
"""

# A dispute was of a whole sale. What a won one gave back of a line is held where its transaction held it; the rest
# became pending where the transaction says so, else available.
BROUGHT = """
INSERT INTO payouts_reversal (id, sale_id, kind, key, reason, amount_minor, tax_minor, fee_minor, net_minor, pot_minor,
                              loss_minor, opened_at, transaction_id)
SELECT d.reversal_id, s.id, 'dispute', 'dispute:' || s.source, '', s.gross_minor, s.tax_minor, s.fee_minor, s.net_minor,
       0, 0, d.opened_at, d.transaction_id
  FROM old_dispute d JOIN payouts_sale s ON s.id = d.sale_id ORDER BY d.id;
INSERT INTO payouts_reversal_line (reversal_id, line_id, amount_minor, bucket)
SELECT d.reversal_id, v.line_id, v.amount_minor, v.bucket
  FROM old_reversal_line v JOIN old_dispute d ON d.id = v.dispute_id ORDER BY v.id;
INSERT INTO payouts_reversal_outcome (id, reversal_id, outcome, tax_minor, fee_minor, pot_minor, closed_at,
                                      transaction_id)
SELECT o.id, d.reversal_id, o.outcome, CASE o.outcome WHEN 'won' THEN s.tax_minor ELSE 0 END,
       CASE o.outcome WHEN 'won' THEN s.fee_minor ELSE 0 END, 0, o.closed_at, o.transaction_id
  FROM old_dispute_outcome o JOIN old_dispute d ON d.id = o.dispute_id JOIN payouts_sale s ON s.id = d.sale_id;
SELECT setval(pg_get_serial_sequence('payouts_reversal_outcome', 'id'), greatest(max(id), 1), max(id) IS NOT NULL)
  FROM payouts_reversal_outcome;
INSERT INTO payouts_returned_line (outcome_id, line_id, amount_minor, bucket)
SELECT id, line_id, amount_minor, bucket
  FROM (SELECT o.id, v.line_id, unnest(ARRAY[coalesce(k.amount_minor, 0), v.amount_minor - coalesce(k.amount_minor, 0)])
               AS amount_minor,
               unnest(ARRAY['creator_claim_hold', CASE WHEN EXISTS (
                   SELECT FROM payouts_posting p JOIN payouts_account a ON a.id = p.account_id
                    WHERE p.transaction_id = o.transaction_id AND a.kind = 'creator_pending'
               ) THEN 'creator_pending' ELSE 'creator_available' END]) AS bucket
          FROM old_dispute_outcome o
          JOIN (SELECT dispute_id, line_id, sum(amount_minor)::bigint AS amount_minor FROM old_reversal_line
                 GROUP BY dispute_id, line_id) v ON v.dispute_id = o.dispute_id
          LEFT JOIN payouts_claim_hold_line k ON k.transaction_id = o.transaction_id AND k.line_id = v.line_id
         WHERE o.outcome = 'won') given
 WHERE amount_minor > 0 ORDER BY id, line_id, bucket;
SET CONSTRAINTS ALL IMMEDIATE;
"""

# A sale of a frozen subject has no royalty lines yet, unless it is reversed: a reversal follows lines.
ALLOCATION = """
CREATE OR REPLACE FUNCTION payouts_check_frozen_sales_wait() RETURNS trigger LANGUAGE plpgsql AS $$
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
                AND NOT EXISTS (SELECT FROM payouts_reversal v WHERE v.sale_id = s.id) LIMIT 1' INTO bad USING frozen;
    IF bad IS NOT NULL THEN
        RAISE EXCEPTION 'sale % is of a frozen subject and waits for its allocation', bad
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_frozen_sale_waits', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
"""

# As before, with more that takes money and gives it back: a hold is of what remains of its line, and one of which a
# part is taken ends and is held anew in the same statement.
HOLDS = """
DROP TRIGGER payouts_transaction_equals_holds ON payouts_transaction;
CREATE CONSTRAINT TRIGGER payouts_transaction_equals_holds AFTER INSERT ON payouts_transaction
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.kind IN ('claim_held', 'claim_released', 'dispute_opened', 'dispute_won', 'refund', 'refund_failed',
                       'takedown', 'takedown_lifted', 'payout_failed', 'payout_returned'))
    EXECUTE FUNCTION payouts_check_hold_transaction();

CREATE OR REPLACE FUNCTION payouts_check_hold_lines() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    SELECT t.id, t.kind INTO bad FROM payouts_transaction t
     WHERE t.id IN (SELECT transaction_id FROM new_rows)
       AND t.kind NOT IN ('claim_held', 'dispute_opened', 'dispute_won', 'refund', 'refund_failed', 'takedown_lifted',
                          'payout_failed', 'payout_returned') LIMIT 1;
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
    SELECT l.id, l.remains, sum(k.amount_minor) AS held INTO bad
      FROM (SELECT l.id, l.amount_minor
                   - coalesce((SELECT sum(v.amount_minor) FROM payouts_reversal_line v WHERE v.line_id = l.id), 0)
                   + coalesce((SELECT sum(b.amount_minor) FROM payouts_returned_line b WHERE b.line_id = l.id), 0)
                   AS remains
              FROM payouts_royalty_line l WHERE l.id IN (SELECT line_id FROM new_rows)) l
      JOIN payouts_claim_hold_line k ON k.line_id = l.id
     WHERE NOT EXISTS (SELECT FROM payouts_claim_hold_end e WHERE e.hold_id = k.id)
     GROUP BY l.id, l.remains HAVING sum(k.amount_minor) > l.remains LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'of royalty line % remain % and % of it would be held', bad.id, bad.remains, bad.held
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_hold_within_line', TABLE = TG_TABLE_NAME;
    END IF;
    PERFORM payouts_check_holds(ARRAY(SELECT DISTINCT transaction_id FROM new_rows));
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION payouts_check_hold_ends() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    SELECT t.id, t.kind INTO bad FROM payouts_transaction t
     WHERE t.id IN (SELECT transaction_id FROM new_rows)
       AND t.kind NOT IN ('claim_released', 'dispute_opened', 'refund', 'takedown') LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'transaction % is of kind % and ends no hold', bad.id, bad.kind
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_end_names_its_movement', TABLE = TG_TABLE_NAME;
    END IF;
    PERFORM payouts_check_holds(ARRAY(SELECT DISTINCT transaction_id FROM new_rows));
    RETURN NULL;
END $$;
"""

# A reversal and its lines are written before the transaction that moves them, an end and what it gives back likewise: at
# the end of whatever posted the transaction, its postings are compared with them, once, whatever their number. So
# nothing can be added to a reversal afterwards. Whoever writes them holds the currency's lock, as whatever moves
# creators' balances does, so that two who take of one sale see each other.
REVERSALS = """
CREATE FUNCTION payouts_lock_currencies(sales uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE code text;
BEGIN
    FOR code IN SELECT DISTINCT currency FROM payouts_sale WHERE id = ANY (sales) ORDER BY currency LOOP
        PERFORM pg_advisory_xact_lock(458949, hashtext(code));
    END LOOP;
END $$;

CREATE FUNCTION payouts_check_sales_remain(sales uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    SELECT s.source, s.tax_minor - sum(r.tax_minor - coalesce(o.tax_minor, 0)) AS tax,
           s.fee_minor - sum(r.fee_minor - coalesce(o.fee_minor, 0)) AS fee,
           sum(CASE r.kind WHEN 'takedown' THEN r.net_minor - coalesce(o.pot_minor, 0)
                           ELSE coalesce(o.pot_minor, 0) - r.pot_minor END) AS pot INTO bad
      FROM payouts_sale s JOIN payouts_reversal r ON r.sale_id = s.id
      LEFT JOIN payouts_reversal_outcome o ON o.reversal_id = r.id
     WHERE s.id = ANY (sales) GROUP BY s.id
    HAVING s.tax_minor - sum(r.tax_minor - coalesce(o.tax_minor, 0)) NOT BETWEEN 0 AND s.tax_minor
        OR s.fee_minor - sum(r.fee_minor - coalesce(o.fee_minor, 0)) NOT BETWEEN 0 AND s.fee_minor
        OR sum(CASE r.kind WHEN 'takedown' THEN r.net_minor - coalesce(o.pot_minor, 0)
                           ELSE coalesce(o.pot_minor, 0) - r.pot_minor END) < 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'of sale % would remain % of tax, % of the fee and % of what was taken down',
                        bad.source, bad.tax, bad.fee, bad.pot
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_reversal_within_sale', TABLE = 'payouts_reversal';
    END IF;
END $$;

CREATE FUNCTION payouts_check_lines_remain(lines bigint[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    SELECT * INTO bad
      FROM (SELECT l.id, l.amount_minor, l.amount_minor
                   - coalesce((SELECT sum(v.amount_minor) FROM payouts_reversal_line v WHERE v.line_id = l.id), 0)
                   + coalesce((SELECT sum(b.amount_minor) FROM payouts_returned_line b WHERE b.line_id = l.id), 0)
                   AS remains
              FROM payouts_royalty_line l WHERE l.id = ANY (lines)) l
     WHERE remains NOT BETWEEN 0 AND amount_minor LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'of the % of royalty line % would remain %', bad.amount_minor, bad.id, bad.remains
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_reversal_within_line',
                  TABLE = 'payouts_reversal_line';
    END IF;
END $$;

CREATE FUNCTION payouts_check_not_posted(ids uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE bad text;
BEGIN
    SELECT idem_key INTO bad FROM payouts_transaction WHERE id = ANY (ids) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'transaction % is posted: nothing can be added to what it reverses or gives back', bad
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_reversal_precedes_its_posting',
                  TABLE = 'payouts_reversal';
    END IF;
END $$;

CREATE FUNCTION payouts_check_reversals() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE sales uuid[] := ARRAY(SELECT DISTINCT sale_id FROM new_rows);
BEGIN
    PERFORM payouts_lock_currencies(sales);
    PERFORM payouts_check_not_posted(ARRAY(SELECT DISTINCT transaction_id FROM new_rows));
    PERFORM payouts_check_sales_remain(sales);
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_reversal_within_sale AFTER INSERT ON payouts_reversal
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payouts_check_reversals();

CREATE FUNCTION payouts_check_reversal_lines() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad bigint;
BEGIN
    PERFORM payouts_lock_currencies(ARRAY(
        SELECT DISTINCT r.sale_id FROM payouts_reversal r WHERE r.id IN (SELECT reversal_id FROM new_rows)));
    PERFORM payouts_check_not_posted(ARRAY(
        SELECT DISTINCT r.transaction_id FROM payouts_reversal r WHERE r.id IN (SELECT reversal_id FROM new_rows)));
    SELECT n.line_id INTO bad FROM new_rows n JOIN payouts_reversal r ON r.id = n.reversal_id
      JOIN payouts_royalty_line l ON l.id = n.line_id WHERE l.sale_id <> r.sale_id LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'royalty line % is of another sale', bad
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_reversal_takes_of_its_sale',
                  TABLE = TG_TABLE_NAME;
    END IF;
    PERFORM payouts_check_lines_remain(ARRAY(SELECT DISTINCT line_id FROM new_rows));
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_reversal_within_line AFTER INSERT ON payouts_reversal_line
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payouts_check_reversal_lines();
"""

# A dispute is won or lost, a refund failed, a takedown is lifted or awarded. What is awarded goes to one sale that is
# paid from it; that sale stands before.
ENDS = """
CREATE FUNCTION payouts_check_reversal_outcomes() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    PERFORM payouts_lock_currencies(ARRAY(
        SELECT DISTINCT r.sale_id FROM payouts_reversal r WHERE r.id IN (SELECT reversal_id FROM new_rows)));
    PERFORM payouts_check_not_posted(ARRAY(SELECT DISTINCT transaction_id FROM new_rows WHERE outcome <> 'awarded'));
    SELECT r.key, r.kind, n.outcome INTO bad FROM new_rows n JOIN payouts_reversal r ON r.id = n.reversal_id
     WHERE NOT CASE r.kind || ' ' || n.outcome
               WHEN 'dispute lost' THEN n.tax_minor = 0 AND n.fee_minor = 0 AND n.pot_minor = 0
               WHEN 'dispute won' THEN n.tax_minor = r.tax_minor AND n.fee_minor = r.fee_minor
                                       AND n.pot_minor <= r.pot_minor
               WHEN 'refund failed' THEN n.tax_minor = r.tax_minor AND n.fee_minor = r.fee_minor
                                         AND n.pot_minor <= r.pot_minor
               WHEN 'takedown lifted' THEN n.tax_minor = 0 AND n.fee_minor = 0
               WHEN 'takedown awarded' THEN n.tax_minor = 0 AND n.fee_minor = 0
               ELSE false END LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% is a % and cannot be % so', bad.key, bad.kind, bad.outcome
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_outcome_fits_its_reversal', TABLE = TG_TABLE_NAME;
    END IF;
    PERFORM payouts_check_sales_remain(ARRAY(
        SELECT DISTINCT r.sale_id FROM payouts_reversal r WHERE r.id IN (SELECT reversal_id FROM new_rows)));
    SELECT w.transaction_id, w.pot_minor INTO bad
      FROM (SELECT o.transaction_id, sum(o.pot_minor) AS pot_minor FROM payouts_reversal_outcome o
             WHERE o.outcome = 'awarded'
               AND o.transaction_id IN (SELECT transaction_id FROM new_rows WHERE outcome = 'awarded')
             GROUP BY o.transaction_id) w
      LEFT JOIN payouts_sale s ON s.transaction_id = w.transaction_id AND s.paid_from = 'taken_down'
     WHERE s.gross_minor IS DISTINCT FROM w.pot_minor LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'transaction % is awarded % and no sale of that is paid from it', bad.transaction_id,
                        bad.pot_minor
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_award_equals_pots', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_outcome_fits_its_reversal AFTER INSERT ON payouts_reversal_outcome
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payouts_check_reversal_outcomes();

CREATE FUNCTION payouts_check_award() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.gross_minor IS DISTINCT FROM (SELECT sum(pot_minor) FROM payouts_reversal_outcome
                                          WHERE outcome = 'awarded' AND transaction_id = NEW.transaction_id) THEN
        RAISE EXCEPTION 'sale % is paid from takedowns that were not awarded to it', NEW.source
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_award_equals_pots', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER payouts_award_equals_pots AFTER INSERT ON payouts_sale
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.paid_from = 'taken_down')
    EXECUTE FUNCTION payouts_check_award();

CREATE FUNCTION payouts_check_returned_lines() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad bigint;
BEGIN
    PERFORM payouts_lock_currencies(ARRAY(
        SELECT DISTINCT r.sale_id FROM payouts_reversal_outcome o JOIN payouts_reversal r ON r.id = o.reversal_id
         WHERE o.id IN (SELECT outcome_id FROM new_rows)));
    PERFORM payouts_check_not_posted(ARRAY(
        SELECT DISTINCT o.transaction_id FROM payouts_reversal_outcome o
         WHERE o.id IN (SELECT outcome_id FROM new_rows)));
    SELECT n.line_id INTO bad FROM new_rows n JOIN payouts_reversal_outcome o ON o.id = n.outcome_id
      JOIN payouts_reversal r ON r.id = o.reversal_id JOIN payouts_royalty_line l ON l.id = n.line_id
     WHERE l.sale_id <> r.sale_id LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'royalty line % is of another sale', bad
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_reversal_takes_of_its_sale',
                  TABLE = TG_TABLE_NAME;
    END IF;
    PERFORM payouts_check_lines_remain(ARRAY(SELECT DISTINCT line_id FROM new_rows));
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_return_within_line AFTER INSERT ON payouts_returned_line
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payouts_check_returned_lines();
"""

# What a transaction of a reversal or of its end must post, account by account; the money of a sale stands in one of
# three kinds of accounts, and what is given back as available meets debts first.
POSTED = """
CREATE FUNCTION payouts_check_reversed(id_of uuid, kind_of text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    SELECT r.key, r.net_minor, coalesce(v.amount_minor, 0) AS taken INTO bad
      FROM payouts_reversal r
      LEFT JOIN (SELECT v.reversal_id, sum(v.amount_minor) AS amount_minor
                   FROM payouts_reversal_line v JOIN payouts_reversal r ON r.id = v.reversal_id
                  WHERE r.transaction_id = id_of GROUP BY v.reversal_id) v ON v.reversal_id = r.id
     WHERE r.transaction_id = id_of AND coalesce(v.amount_minor, 0) <> r.net_minor LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% takes % of lines and they are %', bad.key, bad.net_minor, bad.taken
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_reversal_lines_sum_to_net',
                  TABLE = 'payouts_reversal_line';
    END IF;
    SELECT r.key, coalesce(b.amount_minor, 0) AS given INTO bad
      FROM payouts_reversal_outcome o JOIN payouts_reversal r ON r.id = o.reversal_id
      LEFT JOIN (SELECT b.outcome_id, sum(b.amount_minor) AS amount_minor
                   FROM payouts_returned_line b JOIN payouts_reversal_outcome o ON o.id = b.outcome_id
                  WHERE o.transaction_id = id_of GROUP BY b.outcome_id) b ON b.outcome_id = o.id
     WHERE o.transaction_id = id_of
       AND CASE o.outcome WHEN 'lost' THEN coalesce(b.amount_minor, 0) <> 0
                          WHEN 'lifted' THEN coalesce(b.amount_minor, 0) <> o.pot_minor
                          ELSE coalesce(b.amount_minor, 0) <> r.net_minor + r.pot_minor - o.pot_minor END LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the end of % gives % back to lines', bad.key, bad.given
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_return_is_whole',
                  TABLE = 'payouts_returned_line';
    END IF;
    WITH begun AS (
        SELECT * FROM payouts_reversal WHERE transaction_id = id_of
    ), ended AS (
        SELECT o.id, o.outcome, o.tax_minor, o.fee_minor, o.pot_minor, r.id AS reversal_id, r.kind, r.amount_minor,
               r.tax_minor AS tax_asked, r.fee_minor AS fee_asked, r.pot_minor AS pot_asked, r.loss_minor
          FROM payouts_reversal_outcome o JOIN payouts_reversal r ON r.id = o.reversal_id
         WHERE o.transaction_id = id_of
    ), said AS (
        SELECT l.payee_id AS owner_id, v.bucket AS kind, v.amount_minor AS moved
          FROM begun JOIN payouts_reversal_line v ON v.reversal_id = begun.id
          JOIN payouts_royalty_line l ON l.id = v.line_id
         UNION ALL
        SELECT l.payee_id, 'creator_dispute_hold', -v.amount_minor
          FROM begun JOIN payouts_reversal_line v ON v.reversal_id = begun.id AND begun.kind = 'dispute'
          JOIN payouts_royalty_line l ON l.id = v.line_id
         UNION ALL
        SELECT NULL::uuid, leg.kind, leg.moved FROM begun CROSS JOIN LATERAL (VALUES
            ('dispute_suspense', CASE begun.kind WHEN 'dispute' THEN amount_minor END),
            ('tax_payable', CASE begun.kind WHEN 'refund' THEN tax_minor END),
            ('platform_fee', CASE begun.kind WHEN 'refund' THEN fee_minor END),
            ('taken_down', CASE begun.kind WHEN 'refund' THEN pot_minor WHEN 'takedown' THEN -net_minor END),
            ('funds', CASE WHEN begun.kind <> 'takedown' THEN -amount_minor END)) AS leg (kind, moved)
         UNION ALL
        SELECT l.payee_id, CASE b.bucket WHEN 'creator_available' THEN 'free' ELSE b.bucket END, -b.amount_minor
          FROM ended JOIN payouts_returned_line b ON b.outcome_id = ended.id
          JOIN payouts_royalty_line l ON l.id = b.line_id
         UNION ALL
        SELECT l.payee_id, 'creator_dispute_hold', v.amount_minor
          FROM ended JOIN payouts_reversal_line v ON v.reversal_id = ended.reversal_id AND ended.kind = 'dispute'
          JOIN payouts_royalty_line l ON l.id = v.line_id
         UNION ALL
        SELECT NULL::uuid, leg.kind, leg.moved FROM ended CROSS JOIN LATERAL (VALUES
            ('dispute_suspense', CASE ended.kind WHEN 'dispute' THEN -amount_minor END),
            ('funds', CASE WHEN outcome IN ('won', 'failed') THEN amount_minor END),
            ('tax_payable', CASE outcome WHEN 'lost' THEN tax_asked WHEN 'failed' THEN -tax_minor END),
            ('platform_fee', CASE outcome WHEN 'lost' THEN fee_asked WHEN 'failed' THEN -fee_minor END),
            ('dispute_loss', CASE outcome WHEN 'lost' THEN loss_minor END),
            ('taken_down', CASE outcome WHEN 'lost' THEN pot_asked WHEN 'won' THEN pot_asked - pot_minor
                                        WHEN 'failed' THEN -pot_minor
                                        WHEN 'lifted' THEN pot_minor END)) AS leg (kind, moved)
    ), posted AS (
        SELECT a.owner_id, CASE WHEN a.kind IN ('psp_clearing', 'psp_balance', 'buyer_credit') THEN 'funds'
                                WHEN kind_of IN ('dispute_won', 'refund_failed', 'takedown_lifted')
                                     AND a.kind IN ('creator_available', 'creator_receivable') THEN 'free'
                                ELSE a.kind END AS kind, p.amount_minor AS moved
          FROM payouts_posting p JOIN payouts_account a ON a.id = p.account_id WHERE p.transaction_id = id_of
    )
    SELECT owner_id, kind, sum(said) AS said, sum(posted) AS posted INTO bad
      FROM (SELECT owner_id, kind, moved AS said, 0 AS posted FROM said
             UNION ALL
            SELECT owner_id, kind, 0, moved FROM posted) both_sides
     GROUP BY owner_id, kind HAVING coalesce(sum(said), 0) <> coalesce(sum(posted), 0) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'transaction % posts % on % of % and what it reverses or gives back says %',
                        id_of, bad.posted, bad.kind, bad.owner_id, bad.said
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_reversal_equals_postings',
                  TABLE = 'payouts_reversal';
    END IF;
END $$;

CREATE FUNCTION payouts_check_reversing_transaction() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM payouts_check_reversed(NEW.id, NEW.kind);
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER payouts_reversal_equals_postings AFTER INSERT ON payouts_transaction
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.kind IN ('refund', 'refund_failed', 'dispute_opened', 'dispute_won', 'dispute_lost', 'takedown',
                       'takedown_lifted'))
    EXECUTE FUNCTION payouts_check_reversing_transaction();

CREATE FUNCTION payouts_check_names_its_posting() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wanted CONSTANT text := TG_ARGV[0]::jsonb ->> (to_jsonb(NEW) ->> TG_ARGV[1]);
    posted text;
BEGIN
    SELECT kind INTO posted FROM payouts_transaction WHERE id = NEW.transaction_id;
    IF posted IS DISTINCT FROM wanted THEN
        RAISE EXCEPTION 'transaction % is of kind %, not %', NEW.transaction_id, posted, wanted
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_reversal_names_its_posting',
                  TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER payouts_reversal_names_its_posting AFTER INSERT ON payouts_reversal
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION payouts_check_names_its_posting(
        '{"dispute": "dispute_opened", "refund": "refund", "takedown": "takedown"}', 'kind');
CREATE CONSTRAINT TRIGGER payouts_outcome_names_its_posting AFTER INSERT ON payouts_reversal_outcome
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.transaction_id IS NOT NULL)
    EXECUTE FUNCTION payouts_check_names_its_posting(
        '{"won": "dispute_won", "lost": "dispute_lost", "failed": "refund_failed", "lifted": "takedown_lifted",
          "awarded": "sale"}', 'outcome');
"""


def run(sql: str) -> migrations.RunSQL:
    return migrations.RunSQL(sql, reverse_sql=migrations.RunSQL.noop)


class Migration(migrations.Migration):
    dependencies = [("payouts", "0005_chart_and_policies")]
    operations = [
        run(ASIDE),
        migrations.DeleteModel(name="ReversalLine"),
        migrations.DeleteModel(name="DisputeOutcome"),
        migrations.DeleteModel(name="Dispute"),
        migrations.CreateModel(
            name="Reversal",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "sale",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="reversals", to="payouts.sale"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("refund", "refund"), ("dispute", "dispute"), ("takedown", "takedown")], max_length=8
                    ),
                ),
                ("key", models.CharField(max_length=200, unique=True)),
                ("reason", models.CharField(blank=True, default="", max_length=200)),
                ("amount_minor", models.BigIntegerField()),
                ("tax_minor", models.BigIntegerField()),
                ("fee_minor", models.BigIntegerField()),
                ("net_minor", models.BigIntegerField()),
                ("pot_minor", models.BigIntegerField(default=0)),
                ("loss_minor", models.BigIntegerField(default=0)),
                ("opened_at", models.DateTimeField()),
                (
                    "transaction",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="payouts.transaction"
                    ),
                ),
            ],
            options={
                "db_table": "payouts_reversal",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["refund", "dispute", "takedown"])),
                        name="payouts_reversal_kind_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "amount_minor",
                                F("tax_minor") + F("fee_minor") + F("net_minor") + F("pot_minor") + F("loss_minor"),
                            )
                        ),
                        name="payouts_reversal_adds_up",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("amount_minor__gt", 0),
                            ("fee_minor__gte", 0),
                            ("loss_minor__gte", 0),
                            ("net_minor__gte", 0),
                            ("pot_minor__gte", 0),
                            ("tax_minor__gte", 0),
                        ),
                        name="payouts_reversal_amounts_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind", "dispute"), ("loss_minor", 0), _connector="OR"),
                        name="payouts_reversal_loss_by_dispute",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "takedown"), _negated=True),
                            models.Q(("fee_minor", 0), ("pot_minor", 0), ("tax_minor", 0)),
                            _connector="OR",
                        ),
                        name="payouts_takedown_takes_lines",
                    ),
                ],
                "indexes": [],
            },
        ),
        migrations.CreateModel(
            name="ReversalOutcome",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "reversal",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="outcome", to="payouts.reversal"
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("won", "won"),
                            ("lost", "lost"),
                            ("failed", "failed"),
                            ("lifted", "lifted"),
                            ("awarded", "awarded"),
                        ],
                        max_length=7,
                    ),
                ),
                ("tax_minor", models.BigIntegerField(default=0)),
                ("fee_minor", models.BigIntegerField(default=0)),
                ("pot_minor", models.BigIntegerField(default=0)),
                ("closed_at", models.DateTimeField()),
                (
                    "transaction",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="payouts.transaction",
                    ),
                ),
            ],
            options={
                "db_table": "payouts_reversal_outcome",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("outcome__in", ["won", "lost", "failed", "lifted", "awarded"])),
                        name="payouts_reversal_outcome_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("fee_minor__gte", 0), ("pot_minor__gte", 0), ("tax_minor__gte", 0)),
                        name="payouts_reversal_outcome_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("transaction__isnull", False),
                                models.Q(("outcome__in", ["lifted", "awarded"]), ("pot_minor", 0), _negated=True),
                            ),
                            models.Q(("outcome__in", ["lifted", "awarded"]), ("pot_minor", 0), ("transaction", None)),
                            _connector="OR",
                        ),
                        name="payouts_reversal_outcome_moves_or_not",
                    ),
                ],
                "indexes": [],
            },
        ),
        migrations.CreateModel(
            name="ReversalLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "reversal",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="lines", to="payouts.reversal"
                    ),
                ),
                (
                    "line",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reversals",
                        to="payouts.royaltyline",
                    ),
                ),
                ("amount_minor", models.BigIntegerField()),
                ("bucket", models.CharField(max_length=24)),
            ],
            options={
                "db_table": "payouts_reversal_line",
                "constraints": [
                    models.UniqueConstraint(fields=("line", "reversal", "bucket"), name="payouts_reversal_once"),
                    models.CheckConstraint(
                        condition=models.Q(("amount_minor__gt", 0)), name="payouts_reversal_above_zero"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "bucket__in",
                                [
                                    "creator_pending",
                                    "creator_reserve",
                                    "creator_available",
                                    "creator_claim_hold",
                                    "creator_receivable",
                                ],
                            )
                        ),
                        name="payouts_reversal_bucket_known",
                    ),
                ],
                "indexes": [],
            },
        ),
        migrations.CreateModel(
            name="ReturnedLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "outcome",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="lines", to="payouts.reversaloutcome"
                    ),
                ),
                (
                    "line",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="returns",
                        to="payouts.royaltyline",
                    ),
                ),
                ("amount_minor", models.BigIntegerField()),
                ("bucket", models.CharField(max_length=24)),
            ],
            options={
                "db_table": "payouts_returned_line",
                "constraints": [
                    models.UniqueConstraint(fields=("line", "outcome", "bucket"), name="payouts_return_once"),
                    models.CheckConstraint(
                        condition=models.Q(("amount_minor__gt", 0)), name="payouts_return_above_zero"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("bucket__in", ["creator_pending", "creator_available", "creator_claim_hold"])
                        ),
                        name="payouts_return_bucket_known",
                    ),
                ],
                "indexes": [],
            },
        ),
        migrations.RemoveConstraint(model_name="claimholdend", name="payouts_end_bucket_known"),
        migrations.AddConstraint(
            model_name="claimholdend",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "bucket__in",
                        [
                            "creator_pending",
                            "creator_available",
                            "creator_dispute_hold",
                            "psp_clearing",
                            "psp_balance",
                            "buyer_credit",
                            "taken_down",
                        ],
                    )
                ),
                name="payouts_end_bucket_known",
            ),
        ),
        run(BROUGHT),
        *[run(sql) for sql in (APPEND_ONLY, ALLOCATION, HOLDS, REVERSALS, ENDS, POSTED)],
    ]
