"""Copies of licensed pictures that carry Content Credentials; only added."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("assets", "0004_upload_metadata"),
        ("catalog", "0002_only_added"),
        ("licensing", "0003_status_lists"),
    ]

    operations = [
        migrations.CreateModel(
            name="CredentialedCopy",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("signed_at", models.DateTimeField()),
                (
                    "asset",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="assets.asset"),
                ),
                (
                    "blob",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="assets.blob"),
                ),
                (
                    "release",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="catalog.release"
                    ),
                ),
                (
                    "terms",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="licensing.termstext"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("release", "asset", "terms"), name="licensing_copy_is_signed_once")
                ],
            },
        ),
        migrations.RunSQL(
            "CREATE TRIGGER licensing_credentialedcopy_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE"
            " ON licensing_credentialedcopy FOR EACH STATEMENT EXECUTE FUNCTION licensing_refuse_change();",
            "DROP TRIGGER licensing_credentialedcopy_is_only_added ON licensing_credentialedcopy;",
        ),
    ]
