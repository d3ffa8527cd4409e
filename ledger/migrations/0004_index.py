"""The verifiable index: what is found under which key, its roots in the log, and its nodes."""

import django.db.models.deletion
import django.db.models.functions.text
import django.db.models.lookups
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "0003_signatures")]

    operations = [
        migrations.CreateModel(
            name="IndexNode",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "prefix", "size", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("prefix", models.BinaryField(max_length=2)),
                ("size", models.BigIntegerField()),
                ("content", models.BinaryField()),
            ],
        ),
        migrations.CreateModel(
            name="IndexPosting",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "key", "leaf", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("key", models.BigIntegerField()),
                ("leaf", models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="IndexRoot",
            fields=[
                ("size", models.BigIntegerField(primary_key=True, serialize=False)),
                ("keys", models.BigIntegerField()),
                ("root", models.BinaryField()),
                ("stated_at", models.DateTimeField()),
                (
                    "entry",
                    models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, to="ledger.entry"),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=django.db.models.lookups.Exact(django.db.models.functions.text.Length("root"), 32),
                        name="ledger_index_root_is_sha256",
                    )
                ],
            },
        ),
        migrations.RunSQL(
            "CREATE TRIGGER ledger_indexroot_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE"
            " ON ledger_indexroot FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();",
            "DROP TRIGGER ledger_indexroot_is_only_added ON ledger_indexroot;",
        ),
    ]
