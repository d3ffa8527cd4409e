"""Anchors that are not ours: rows that are only added."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0009_chain_events"),
    ]

    operations = [
        migrations.CreateModel(
            name="ForeignAnchor",
            fields=[
                (
                    "event",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="foreign_anchor",
                        serialize=False,
                        to="ledger.chainevent",
                    ),
                ),
                ("why", models.CharField(max_length=300)),
                ("found_at", models.DateTimeField()),
            ],
            options={
                "db_table": "ledger_foreign_anchor",
            },
        ),
        migrations.RunSQL(
            "CREATE TRIGGER ledger_foreign_anchor_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE"
            " ON ledger_foreign_anchor FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();",
            "DROP TRIGGER ledger_foreign_anchor_is_only_added ON ledger_foreign_anchor;",
        ),
    ]
