"""Royalty lines by the million, for less: two indexes fewer, and a queue that knows what its sales are worth."""

import django.contrib.postgres.indexes
import django.db.models.deletion
from django.db import migrations, models

from marketplace.database.guards import said_anew

# Sales that wait as this is migrated; triggers that guard the queue are of no use to the one who lays it.
NETS = """
ALTER TABLE payouts_awaiting_allocation DISABLE TRIGGER USER;
UPDATE payouts_awaiting_allocation w SET net_minor = s.net_minor FROM payouts_sale s WHERE s.id = w.sale_id;
ALTER TABLE payouts_awaiting_allocation ENABLE TRIGGER USER;
"""

# As in 0010, with the net.
QUEUE = """
CREATE OR REPLACE FUNCTION payouts_queue_sales() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    marked text[];
    one text;
BEGIN
    INSERT INTO payouts_awaiting_allocation (sale_id, currency, net_minor, frozen)
    SELECT id, currency, net_minor, false FROM new_rows WHERE net_minor > 0;
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
"""

# As in 0010, but what a sale is worth is read from the queue as it is taken out of it, and not looked up once more.
# From where to where the sales lie is said so that a batch is looked for among its neighbours, not in the whole queue.
# Only what is refused is looked at again, to say what is wrong with it.
LINES = """
CREATE OR REPLACE FUNCTION payouts_check_royalty_lines() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    off_sale uuid;
    nobody uuid;
    allocated bigint;
    taken bigint;
    agreed bigint;
BEGIN
    EXECUTE 'WITH sums AS MATERIALIZED (
                 SELECT sale_id, run_id, sum(amount_minor) AS amount_minor FROM new_rows GROUP BY sale_id, run_id
             ), runs AS MATERIALIZED (
                 SELECT r.id, r.currency FROM payouts_royalty_run r
                  WHERE r.id IN (SELECT DISTINCT run_id FROM sums)
             ), gone AS (
                 DELETE FROM payouts_awaiting_allocation w USING sums n
                  WHERE w.sale_id = n.sale_id
                    AND w.sale_id BETWEEN (SELECT f.sale_id FROM sums f ORDER BY f.sale_id LIMIT 1)
                                      AND (SELECT l.sale_id FROM sums l ORDER BY l.sale_id DESC LIMIT 1)
                 RETURNING n.run_id, w.currency, n.amount_minor = w.net_minor AS is_whole
             )
             SELECT (SELECT count(*) FROM sums), count(*), count(*) FILTER (WHERE g.is_whole AND r.currency = g.currency)
               FROM gone g LEFT JOIN runs r ON r.id = g.run_id' INTO allocated, taken, agreed;
    IF agreed <> allocated THEN
        EXECUTE 'SELECT n.sale_id
                   FROM (SELECT sale_id, run_id, sum(amount_minor) AS amount_minor
                           FROM new_rows GROUP BY sale_id, run_id) n
                   LEFT JOIN payouts_sale s ON s.id = n.sale_id
                   LEFT JOIN payouts_royalty_run r ON r.id = n.run_id
                  WHERE (n.amount_minor = s.net_minor AND r.currency = s.currency) IS NOT TRUE LIMIT 1' INTO off_sale;
        IF off_sale IS NOT NULL OR taken = allocated THEN
            RAISE EXCEPTION 'the royalty lines of sale % do not add up to its net amount', off_sale
                USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_lines_sum_to_net', TABLE = TG_TABLE_NAME;
        END IF;
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


# A payee's lines are those of the sales of the splits that name the payee: no line needs an entry in an index by payee.
# It is written out in the statement that asks, so that the planner sees through it. What asked by an index asks by it.
PAYEES = """
CREATE FUNCTION payouts_lines_of(payee uuid) RETURNS SETOF payouts_royalty_line LANGUAGE sql STABLE AS $$
    SELECT l.* FROM payouts_split_share h JOIN payouts_sale s ON s.split_id = h.split_id
      JOIN payouts_royalty_line l ON l.sale_id = s.id AND l.payee_id = h.payee_id
     WHERE h.payee_id = payee
$$;

CREATE OR REPLACE FUNCTION payouts_check_payee_has_no_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM payouts_lines_of(OLD.id)) THEN
        RAISE EXCEPTION 'creator % has royalty lines', OLD.id
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'payouts_line_names_payee',
                  TABLE = 'payouts_royalty_line';
    END IF;
    RETURN OLD;
END $$;
""" + said_anew(
    "payouts_balances_of(uuid)",
    "payouts_royalty_line l WHERE l.run_id = r.id AND l.payee_id = creator",
    "payouts_lines_of(creator) l WHERE l.run_id = r.id",
)

# A run numbers its lines by the thousand. Ids in the order of time are those of one run; between runs they never were.
NUMBERS = "ALTER TABLE payouts_royalty_line ALTER COLUMN id SET CACHE 1000"


class Migration(migrations.Migration):
    dependencies = [("payouts", "0013_split_claims")]
    operations = [
        migrations.AddField(
            model_name="awaitingallocation",
            name="net_minor",
            field=models.BigIntegerField(default=0),
            preserve_default=False,
        ),
        migrations.RunSQL(NETS, migrations.RunSQL.noop),
        migrations.RemoveIndex(model_name="royaltyline", name="payouts_line_by_payee"),
        migrations.AddIndex(
            model_name="sale", index=models.Index(fields=["split", "id"], name="payouts_sale_by_split")
        ),
        migrations.AlterField(
            model_name="sale",
            name="split",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="sales",
                to="payouts.split",
            ),
        ),
        migrations.AlterField(
            model_name="royaltyline",
            name="run",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="lines",
                to="payouts.royaltyrun",
            ),
        ),
        migrations.AddIndex(
            model_name="royaltyline",
            index=django.contrib.postgres.indexes.BrinIndex(
                autosummarize=True, fields=["run"], name="payouts_line_by_run", pages_per_range=32
            ),
        ),
        *(migrations.RunSQL(sql, migrations.RunSQL.noop) for sql in (QUEUE, LINES, PAYEES, NUMBERS)),
    ]
