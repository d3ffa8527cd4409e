"""A bit in the status lists for each license, and the lists as they were signed."""

from django.db import migrations, models

_SEQUENCE = """
CREATE SEQUENCE licensing_status_index MINVALUE 0 START WITH 0 OWNED BY licensing_grant.status_index;
"""


class Migration(migrations.Migration):
    dependencies = [("licensing", "0002_only_added")]

    operations = [
        migrations.AddField("grant", "status_index", models.BigIntegerField(null=True, unique=True)),
        migrations.AddConstraint(
            "grant",
            models.CheckConstraint(
                condition=models.Q(("status_index__gte", 0)), name="licensing_status_index_is_natural"
            ),
        ),
        migrations.RunSQL(_SEQUENCE, "DROP SEQUENCE IF EXISTS licensing_status_index;"),
        migrations.CreateModel(
            name="StatusList",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("address", models.CharField(max_length=300)),
                ("changes", models.BigIntegerField()),
                ("kid", models.CharField(max_length=43)),
                ("credential", models.TextField()),
                ("issued_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("address", "changes", "kid"), name="licensing_status_list_is_signed_once"
                    )
                ],
            },
        ),
        migrations.RunSQL(
            "CREATE TRIGGER licensing_statuslist_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE"
            " ON licensing_statuslist FOR EACH STATEMENT EXECUTE FUNCTION licensing_refuse_change();",
            "DROP TRIGGER licensing_statuslist_is_only_added ON licensing_statuslist;",
        ),
    ]
