"""Transactions that moved our balance wait for a line of the gateway in a queue, so that nobody reads all books."""

import django.db.models.deletion
from django.db import migrations, models

# The books are read forward only, and up to a sample below which no posting can come any more (see
# payouts_check_checkpoints). A transaction is queued once, whole, unless a line says it or it moved nothing.
READ = """
CREATE FUNCTION checkout_queue_movements() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE before bigint := coalesce((SELECT max(through) FROM checkout_books_read WHERE id <> NEW.id), 0);
BEGIN
    IF NEW.through <= before OR NOT EXISTS (
           SELECT FROM payouts_posting_sample s JOIN payouts_posting_sample after ON after.xid > s.xid
            WHERE s.through = NEW.through AND after.cluster = s.cluster
              AND s.cluster = (SELECT system_identifier::text FROM pg_control_system())
              AND after.xid <= (
                      SELECT coalesce(min(x.xid::text::bigint), pg_snapshot_xmax(pg_current_snapshot())::text::bigint)
                        FROM pg_snapshot_xip(pg_current_snapshot()) AS x (xid)
                       WHERE NOT EXISTS (SELECT FROM pg_stat_activity v
                                          WHERE v.datname <> current_database() AND v.backend_xid = x.xid::xid))) THEN
        RAISE EXCEPTION 'the books cannot be read through %: they were through %, or postings may still come',
                        NEW.through, before
            USING ERRCODE = 'check_violation', CONSTRAINT = 'checkout_books_are_read_in_order', TABLE = TG_TABLE_NAME;
    END IF;
    INSERT INTO checkout_movement_open (transaction_id)
    SELECT m.transaction_id
      FROM (SELECT DISTINCT p.transaction_id FROM payouts_account a
              JOIN payouts_posting p ON p.account_id = a.id AND p.id > before AND p.id <= NEW.through
             WHERE a.kind IN ('psp_clearing', 'psp_balance') AND a.owner_id IS NULL) m
     WHERE NOT EXISTS (SELECT FROM checkout_reconciled_transaction r WHERE r.transaction_id = m.transaction_id)
       AND EXISTS (SELECT FROM payouts_posting q
                     JOIN payouts_account b ON b.id = q.account_id AND b.kind IN ('psp_clearing', 'psp_balance')
                      AND b.owner_id IS NULL
                    WHERE q.transaction_id = m.transaction_id GROUP BY b.currency HAVING sum(q.amount_minor) <> 0)
        ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER checkout_books_are_read_in_order AFTER INSERT ON checkout_books_read
    FOR EACH ROW EXECUTE FUNCTION checkout_queue_movements();

CREATE FUNCTION checkout_unqueue_movements() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'DELETE FROM checkout_movement_open o USING new_rows n WHERE o.transaction_id = n.transaction_id';
    RETURN NULL;
END $$;
CREATE TRIGGER checkout_reconciled_is_open_no_more AFTER INSERT ON checkout_reconciled_transaction
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION checkout_unqueue_movements();

CREATE TRIGGER checkout_movement_open_kept_by_triggers BEFORE INSERT OR UPDATE OR DELETE ON checkout_movement_open
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION checkout_refuse_change();
CREATE TRIGGER checkout_movement_open_stays BEFORE TRUNCATE ON checkout_movement_open
    FOR EACH STATEMENT EXECUTE FUNCTION checkout_refuse_change();
CREATE TRIGGER checkout_books_read_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON checkout_books_read
    FOR EACH STATEMENT EXECUTE FUNCTION checkout_refuse_change();
"""
UNDO = """
DROP TRIGGER checkout_reconciled_is_open_no_more ON checkout_reconciled_transaction;
DROP FUNCTION checkout_unqueue_movements();
DROP FUNCTION checkout_queue_movements() CASCADE;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("checkout", "0026_matched_row_by_row"),
        ("payouts", "0031_refunds_beyond"),
    ]
    operations = [
        migrations.CreateModel(
            name="BooksRead",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("through", models.BigIntegerField(unique=True)),
                ("at", models.DateTimeField()),
            ],
            options={"db_table": "checkout_books_read"},
        ),
        migrations.CreateModel(
            name="MovementOpen",
            fields=[
                (
                    "transaction",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="payouts.transaction",
                    ),
                ),
            ],
            options={"db_table": "checkout_movement_open"},
        ),
        migrations.RunSQL(READ, UNDO),
    ]
