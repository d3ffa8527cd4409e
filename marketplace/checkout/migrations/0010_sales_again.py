"""A sale on a chain is named by its transaction: mined again after a reorganization it may have another number."""

from django.db import migrations, models

# Those that were taken in keep the names that their grants have.
NAMES = """
ALTER TABLE checkout_chainsale DISABLE TRIGGER USER;
UPDATE checkout_chainsale SET source = 'chain-sale:' || chain_id || ':' || market || ':' || seq;
ALTER TABLE checkout_chainsale ENABLE TRIGGER USER;
INSERT INTO checkout_chainsaleread (through, read_at)
SELECT max(event_id), now() FROM checkout_chainsale HAVING max(event_id) IS NOT NULL;
"""
ONLY_ADDED = """
CREATE TRIGGER checkout_chainsaleread_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON checkout_chainsaleread
    FOR EACH STATEMENT EXECUTE FUNCTION checkout_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("checkout", "0009_told")]

    operations = [
        migrations.CreateModel(
            name="ChainSaleRead",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("through", models.BigIntegerField()),
                ("read_at", models.DateTimeField()),
            ],
        ),
        migrations.RemoveConstraint(model_name="chainsale", name="checkout_chain_sale_is_seen_once"),
        migrations.AddField(
            model_name="chainsale",
            name="source",
            field=models.CharField(default="", max_length=80),
            preserve_default=False,
        ),
        migrations.RunSQL(NAMES, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="chainsale", name="source", field=models.CharField(max_length=80, unique=True)
        ),
        migrations.RunSQL(ONLY_ADDED, "DROP TRIGGER checkout_chainsaleread_is_only_added ON checkout_chainsaleread"),
    ]
