"""Requests are followed once, and what was answered is never edited."""

import django.db.models.deletion
from django.db import migrations, models

_FUNCTION = """
CREATE FUNCTION api_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% refused: rows of % are only ever added', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
END $$;
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [("people", "0003_legal_entities")]

    operations = [
        migrations.CreateModel(
            name="Followed",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("idempotency_key", models.CharField(max_length=200)),
                ("request_sha256", models.CharField(max_length=64)),
                ("status", models.PositiveSmallIntegerField()),
                ("answer", models.TextField()),
                ("followed_at", models.DateTimeField()),
                (
                    "studio",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="people.studio"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("studio", "idempotency_key"), name="api_key_is_followed_once"),
                    models.CheckConstraint(
                        condition=models.Q(("request_sha256__regex", "^[0-9a-f]{64}$")), name="api_request_is_hex"
                    ),
                ],
            },
        ),
        migrations.RunSQL(_FUNCTION, "DROP FUNCTION api_refuse_change();"),
        migrations.RunSQL(
            "CREATE TRIGGER api_followed_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE"
            " ON api_followed FOR EACH STATEMENT EXECUTE FUNCTION api_refuse_change();",
            "DROP TRIGGER api_followed_is_only_added ON api_followed;",
        ),
    ]
