"""Royalty lines by the million: what a line names is checked once a statement, and what is frozen leaves the queue's index."""

import django.db.models.deletion
from django.db import migrations, models

import marketplace.payouts.ids

# All that is promised of a line, in passes over the statement's lines instead of three look-ups a line. Nothing that
# a line names can go: sales and runs are facts, and a creator with lines has accounts. EXECUTE plans each statement
# afresh: a plan kept from ten sales would crawl through a hundred thousand.
LINES = """
CREATE OR REPLACE FUNCTION payouts_check_royalty_lines() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    off_sale uuid;
    nobody uuid;
    allocated bigint;
    taken bigint;
BEGIN
    EXECUTE 'WITH sums AS MATERIALIZED (
                 SELECT sale_id, run_id, sum(amount_minor) AS amount_minor FROM new_rows GROUP BY sale_id, run_id
             ), gone AS (
                 DELETE FROM payouts_awaiting_allocation w USING sums n WHERE w.sale_id = n.sale_id RETURNING 1
             )
             SELECT (SELECT n.sale_id FROM sums n LEFT JOIN payouts_sale s ON s.id = n.sale_id
                       LEFT JOIN payouts_royalty_run r ON r.id = n.run_id
                      WHERE (n.amount_minor = s.net_minor AND r.currency = s.currency) IS NOT TRUE LIMIT 1),
                    (SELECT count(*) FROM sums), (SELECT count(*) FROM gone)' INTO off_sale, allocated, taken;
    IF off_sale IS NOT NULL THEN
        RAISE EXCEPTION 'the royalty lines of sale % do not add up to its net amount', off_sale
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_lines_sum_to_net', TABLE = TG_TABLE_NAME;
    END IF;
    IF taken <> allocated THEN
        RAISE EXCEPTION '% sales are allocated and % of them were waiting for it', allocated, taken
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_sale_allocated_once', TABLE = TG_TABLE_NAME;
    END IF;
    EXECUTE 'SELECT n.payee_id FROM (SELECT DISTINCT payee_id FROM new_rows) n
              WHERE NOT EXISTS (SELECT FROM people_creator c WHERE c.id = n.payee_id) LIMIT 1' INTO nobody;
    IF nobody IS NOT NULL THEN
        RAISE EXCEPTION 'a royalty line is of %, who is no creator', nobody
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'payouts_line_names_payee', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
"""

PAYEES = """
CREATE FUNCTION payouts_check_payee_has_no_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM payouts_royalty_line WHERE payee_id = OLD.id) THEN
        RAISE EXCEPTION 'creator % has royalty lines', OLD.id
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'payouts_line_names_payee',
                  TABLE = 'payouts_royalty_line';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER payouts_payee_stays BEFORE DELETE OR UPDATE OF id ON people_creator
    FOR EACH ROW EXECUTE FUNCTION payouts_check_payee_has_no_lines();
"""

# What is frozen is marked in the queue, so that a run never comes by it. A sale does not wait for a freeze, so one
# that is booked in the moment of a freeze may be left unmarked: runs look at the freezes as well. But none may be
# left marked, or it would wait for ever: whoever marks a new sale shares a lock with others that do, looks again, and
# a thaw waits for all of them.
QUEUE = """
CREATE FUNCTION payouts_is_frozen(name text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM payouts_subject_freeze f WHERE f.subject = name
                      AND NOT EXISTS (SELECT FROM payouts_subject_thaw t WHERE t.freeze_id = f.id))
$$;

CREATE OR REPLACE FUNCTION payouts_queue_sales() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    marked text[];
    one text;
BEGIN
    INSERT INTO payouts_awaiting_allocation (sale_id, currency, frozen)
    SELECT id, currency, false FROM new_rows WHERE net_minor > 0;
    marked := ARRAY(SELECT DISTINCT n.subject FROM new_rows n
                      JOIN payouts_subject_freeze f ON f.subject = n.subject AND n.net_minor > 0
                     WHERE NOT EXISTS (SELECT FROM payouts_subject_thaw t WHERE t.freeze_id = f.id)
                     ORDER BY n.subject);
    IF cardinality(marked) > 0 THEN
        FOREACH one IN ARRAY marked LOOP
            PERFORM pg_advisory_xact_lock_shared(458950, hashtext(one));
        END LOOP;
        UPDATE payouts_awaiting_allocation w SET frozen = true FROM new_rows n
         WHERE n.id = w.sale_id AND n.subject = ANY (marked) AND payouts_is_frozen(n.subject);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION payouts_mark_frozen_sales() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE payouts_awaiting_allocation w SET frozen = true FROM payouts_sale s
     WHERE s.subject = NEW.subject AND s.subject <> '' AND w.sale_id = s.id AND NOT w.frozen;
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_freeze_marks_sales AFTER INSERT ON payouts_subject_freeze
    FOR EACH ROW EXECUTE FUNCTION payouts_mark_frozen_sales();

CREATE FUNCTION payouts_unmark_thawed_sales() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    thawed text := (SELECT subject FROM payouts_subject_freeze WHERE id = NEW.freeze_id);
BEGIN
    PERFORM pg_advisory_xact_lock(458950, hashtext(thawed));
    IF NOT payouts_is_frozen(thawed) THEN
        UPDATE payouts_awaiting_allocation w SET frozen = false FROM payouts_sale s
         WHERE s.subject = thawed AND s.subject <> '' AND w.sale_id = s.id AND w.frozen;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_thaw_unmarks_sales AFTER INSERT ON payouts_subject_thaw
    FOR EACH ROW EXECUTE FUNCTION payouts_unmark_thawed_sales();
"""

# Sales that wait as this is migrated; triggers that guard the queue are of no use to the one who lays it.
MARK = """
ALTER TABLE payouts_awaiting_allocation DISABLE TRIGGER USER;
UPDATE payouts_awaiting_allocation w SET frozen = true FROM payouts_sale s
 WHERE s.id = w.sale_id AND s.subject IN (SELECT f.subject FROM payouts_subject_freeze f
          WHERE NOT EXISTS (SELECT FROM payouts_subject_thaw t WHERE t.freeze_id = f.id));
ALTER TABLE payouts_awaiting_allocation ENABLE TRIGGER USER;
"""

_BY_TRIGGER = {"db_constraint": False, "db_index": False, "on_delete": django.db.models.deletion.PROTECT}


class Migration(migrations.Migration):
    dependencies = [("payouts", "0009_postings")]
    operations = [
        migrations.AlterField(
            model_name="sale",
            name="id",
            field=models.UUIDField(
                default=marketplace.payouts.ids.time_ordered_id, editable=False, primary_key=True, serialize=False
            ),
        ),
        migrations.AddField(
            model_name="awaitingallocation",
            name="frozen",
            field=models.BooleanField(default=False, db_default=False),
        ),
        migrations.AddIndex(
            model_name="awaitingallocation",
            index=models.Index(
                fields=["currency", "sale"], condition=models.Q(("frozen", False)), name="payouts_awaiting_in_order"
            ),
        ),
        migrations.AlterField(
            model_name="royaltyline",
            name="run",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="lines",
                to="payouts.royaltyrun",
            ),
        ),
        migrations.AlterField(
            model_name="royaltyline",
            name="sale",
            field=models.ForeignKey(related_name="lines", to="payouts.sale", **_BY_TRIGGER),
        ),
        migrations.AlterField(
            model_name="royaltyline",
            name="payee",
            field=models.ForeignKey(related_name="+", to="people.creator", **_BY_TRIGGER),
        ),
        *(migrations.RunSQL(sql, reverse_sql=migrations.RunSQL.noop) for sql in (LINES, PAYEES, QUEUE, MARK)),
    ]
