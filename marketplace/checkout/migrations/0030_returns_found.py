"""What operators find at former gateways of refunds, and of money that came for orders which were over."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

_KEPT = """
CREATE TRIGGER checkout_returnfound_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON checkout_returnfound
    FOR EACH STATEMENT EXECUTE FUNCTION checkout_refuse_change();
"""
_NOT_KEPT = "DROP TRIGGER checkout_returnfound_is_only_added ON checkout_returnfound;"


class Migration(migrations.Migration):
    dependencies = [
        ("checkout", "0029_stray_money_later"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ReturnFound",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("found", models.CharField(max_length=10)),
                ("reference", models.CharField(blank=True, max_length=120)),
                ("reason", models.CharField(max_length=300)),
                ("at", models.DateTimeField()),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "refund",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="found",
                        to="checkout.refundintent",
                    ),
                ),
                (
                    "stray",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="found",
                        to="checkout.straypayment",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("refund", None),
                                ("stray__isnull", False),
                                models.Q(("found", "otherwise"), _negated=True),
                            ),
                            models.Q(("refund__isnull", False), ("stray", None)),
                            _connector="OR",
                        ),
                        name="checkout_return_found_of_one",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("found", "not-back"), ("reference", "")),
                            models.Q(
                                ("found__in", ["went-back", "otherwise"]), models.Q(("reference", ""), _negated=True)
                            ),
                            _connector="OR",
                        ),
                        name="checkout_return_found_has_a_name",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True), name="checkout_return_found_for_a_reason"
                    ),
                ],
            },
        ),
        migrations.RunSQL(_KEPT, _NOT_KEPT),
    ]
