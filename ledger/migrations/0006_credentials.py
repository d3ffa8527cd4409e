"""Certificates of our own authorities for Content Credentials; only added."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0005_leaves"),
    ]

    operations = [
        migrations.CreateModel(
            name="CredentialCertificate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("authority", models.CharField(max_length=8)),
                ("role", models.CharField(max_length=8)),
                ("kid", models.CharField(max_length=43)),
                ("sha256", models.CharField(max_length=64, unique=True)),
                ("pem", models.TextField()),
                ("not_before", models.DateTimeField()),
                ("not_after", models.DateTimeField()),
                ("issued_at", models.DateTimeField()),
                (
                    "issuer",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="ledger.credentialcertificate",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["authority", "role", "kid", "-id"], name="ledger_newest_certificate")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("authority__in", ["platform", "creators"]),
                                ("issuer", None),
                                ("role__in", ["root", "issuing"]),
                            ),
                            models.Q(
                                ("authority__in", ["platform", "creators"]), ("issuer__isnull", False), ("role", "leaf")
                            ),
                            _connector="OR",
                        ),
                        name="ledger_certificate_has_its_place",
                    )
                ],
            },
        ),
        migrations.RunSQL(
            "CREATE TRIGGER ledger_credentialcertificate_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE"
            " ON ledger_credentialcertificate FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();",
            "DROP TRIGGER ledger_credentialcertificate_is_only_added ON ledger_credentialcertificate;",
        ),
    ]
