"""A move of the vault is one event of one transaction, in whatever block it stands, and what was read is remembered."""

from django.db import migrations, models

NUMBERS = """
ALTER TABLE payouts_vault_move DISABLE TRIGGER USER;
UPDATE payouts_vault_move m SET number = n.number
  FROM (SELECT id, row_number() OVER (PARTITION BY chain_id, chain_transaction ORDER BY log_index) - 1 AS number
          FROM payouts_vault_move) n
 WHERE n.id = m.id;
ALTER TABLE payouts_vault_move ENABLE TRIGGER USER;
INSERT INTO payouts_vault_read (through, read_at)
SELECT max(event_id), now() FROM payouts_vault_move HAVING max(event_id) IS NOT NULL;
"""
APPEND_ONLY = """
CREATE TRIGGER payouts_vault_read_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payouts_vault_read
    FOR EACH STATEMENT EXECUTE FUNCTION
    payouts_refuse('payouts_vault_read_append_only', 'facts are added, never changed');
"""


class Migration(migrations.Migration):
    dependencies = [("payouts", "0020_chain_cases")]

    operations = [
        migrations.CreateModel(
            name="VaultRead",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("through", models.BigIntegerField()),
                ("read_at", models.DateTimeField()),
            ],
            options={"db_table": "payouts_vault_read"},
        ),
        migrations.RemoveConstraint(model_name="vaultmove", name="payouts_vault_event_moves_once"),
        migrations.AddField(model_name="vaultmove", name="number", field=models.IntegerField(default=0)),
        migrations.RunSQL(NUMBERS, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name="vaultmove",
            constraint=models.UniqueConstraint(
                fields=["chain_id", "chain_transaction", "number"], name="payouts_vault_event_moves_once"
            ),
        ),
        migrations.RunSQL(APPEND_ONLY, "DROP TRIGGER payouts_vault_read_append_only ON payouts_vault_read"),
    ]
