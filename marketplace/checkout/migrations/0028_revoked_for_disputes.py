"""Licenses that an operator revoked because a bank had taken a part of their price for good."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

ONLY_ADDED = """
CREATE TRIGGER checkout_disputerevocation_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE
    ON checkout_disputerevocation FOR EACH STATEMENT EXECUTE FUNCTION checkout_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("checkout", "0027_movements_open"),
        ("licensing", "0015_trials"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.CreateModel(
            name="DisputeRevocation",
            fields=[
                (
                    "part",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="revocation",
                        serialize=False,
                        to="checkout.disputepart",
                    ),
                ),
                ("words", models.CharField(max_length=200)),
                ("at", models.DateTimeField()),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "grant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="licensing.grant"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("words", ""), _negated=True), name="checkout_revocation_says_why"
                    )
                ],
            },
        ),
        migrations.RunSQL(
            ONLY_ADDED, "DROP TRIGGER checkout_disputerevocation_is_only_added ON checkout_disputerevocation"
        ),
    ]
