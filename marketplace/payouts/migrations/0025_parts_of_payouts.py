"""Payouts that are transferred in parts, one a charge that is not available yet, and when charges are."""

from django.db import migrations, models

APPEND_ONLY = "".join(
    f"""
CREATE TRIGGER payouts_{table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payouts_{table}
    FOR EACH STATEMENT EXECUTE FUNCTION
    payouts_refuse('payouts_{table}_append_only', 'facts are added, never changed');
"""
    for table in ("sale_charge", "charge_available")
)

# Each part of a payout is tried again only when its last transfer was refused, whatever that drew on; and each
# transfer has a bank payout under way at a time.
ATTEMPTS = """
CREATE OR REPLACE FUNCTION payouts_check_attempts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    PERFORM 1 FROM payouts_payout WHERE id IN (SELECT payout_id FROM new_rows) ORDER BY id FOR NO KEY UPDATE;
    SELECT n.key INTO bad FROM new_rows n
     WHERE n.key <> 'payout:' || n.payout_id || ':' || n.number
        OR n.number > 1 AND NOT EXISTS (SELECT FROM payouts_attempt b
                                         WHERE b.payout_id = n.payout_id AND b.number = n.number - 1) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'attempt % is not the next of its payout', bad.key
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_attempts_follow', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT n.key INTO bad FROM new_rows n
      JOIN payouts_attempt b ON b.payout_id = n.payout_id AND b.kind = n.kind AND b.number < n.number
           AND b.part = n.part AND b.of_id IS NOT DISTINCT FROM n.of_id
      LEFT JOIN payouts_attempt_end e ON e.attempt_id = b.id
     WHERE n.kind <> 'recovery' AND e.state IS DISTINCT FROM 'refused'
       AND NOT (n.kind = 'bank' AND EXISTS (SELECT FROM payouts_bank_word w
                                             WHERE w.attempt_id = b.id AND w.state IN ('failed', 'canceled'))) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'attempt % is tried while the one before is not at its end', bad.key
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_attempt_waits', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT n.key INTO bad FROM new_rows n
      LEFT JOIN payouts_attempt t ON t.id = n.of_id AND t.kind = 'transfer' AND t.payout_id = n.payout_id
           AND t.account_id = n.account_id AND t.amount_minor >= n.amount_minor
      LEFT JOIN payouts_attempt_end e ON e.attempt_id = t.id AND e.state = 'done'
     WHERE n.of_id IS NOT NULL AND e.id IS NULL LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'attempt % goes on from no transfer of its payout', bad.key
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_attempt_of_its_transfer', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT n.payout_id, p.amount_minor, sum(a.amount_minor) AS sent INTO bad
      FROM (SELECT DISTINCT payout_id FROM new_rows WHERE kind = 'transfer') n JOIN payouts_payout p ON p.id = n.payout_id
      JOIN payouts_attempt a ON a.payout_id = n.payout_id AND a.kind = 'transfer'
      LEFT JOIN payouts_attempt_end e ON e.attempt_id = a.id
     WHERE e.state IS DISTINCT FROM 'refused'
     GROUP BY n.payout_id, p.amount_minor HAVING sum(a.amount_minor) > p.amount_minor LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'payout % is of % and % of it would be sent', bad.payout_id, bad.amount_minor, bad.sent
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_attempts_within_payout', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("payouts", "0024_deferrals")]
    operations = [
        migrations.CreateModel(
            name="ChargeAvailable",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("charge", models.CharField(max_length=64, unique=True)),
                ("currency", models.CharField(max_length=3)),
                ("available_at", models.DateTimeField()),
                ("heard_at", models.DateTimeField()),
            ],
            options={"db_table": "payouts_charge_available"},
        ),
        migrations.CreateModel(
            name="SaleCharge",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("source", models.CharField(max_length=200, unique=True)),
                ("charge", models.CharField(db_index=True, max_length=64)),
                ("at", models.DateTimeField(db_index=True)),
            ],
            options={"db_table": "payouts_sale_charge"},
        ),
        migrations.AddField("payoutattempt", "part", models.IntegerField(db_default=1, default=1)),
        *(migrations.RunSQL(sql, reverse_sql=migrations.RunSQL.noop) for sql in (APPEND_ONLY, ATTEMPTS)),
    ]
