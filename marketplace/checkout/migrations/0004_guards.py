"""Subscriptions are only added to and end once; lines of before were ordered at their list price."""

from django.db import migrations

_TABLES = ("subscription", "subscriptionseats", "subscriptionend")

_BACKFILL = """
ALTER TABLE checkout_orderline DISABLE TRIGGER checkout_orderline_is_only_added;
UPDATE checkout_orderline SET list_minor = price_minor;
ALTER TABLE checkout_orderline ENABLE TRIGGER checkout_orderline_is_only_added;
"""


class Migration(migrations.Migration):
    dependencies = [("checkout", "0003_subscriptions_and_price_models")]

    operations = [
        migrations.RunSQL(_BACKFILL, migrations.RunSQL.noop),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER checkout_{name}_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE"
                f" ON checkout_{name} FOR EACH STATEMENT EXECUTE FUNCTION checkout_refuse_change();",
                f"DROP TRIGGER checkout_{name}_is_only_added ON checkout_{name};",
            )
            for name in _TABLES
        ),
    ]
