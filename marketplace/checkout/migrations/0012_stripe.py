"""Tables of the gateway to Stripe: customers and inquiries."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("checkout", "0011_payment_methods"),
        ("people", "0006_what_keys_are_for"),
    ]

    operations = [
        migrations.CreateModel(
            name="GatewayInquiry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("gateway", models.CharField(max_length=20)),
                ("reference", models.CharField(max_length=120)),
                ("charge_reference", models.CharField(db_index=True, max_length=120)),
                ("status", models.CharField(max_length=40)),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("reason", models.CharField(blank=True, max_length=60)),
                ("due_by", models.DateTimeField(null=True)),
                ("at", models.DateTimeField()),
            ],
            options={
                "ordering": ["id"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("gateway", "reference", "status"), name="checkout_inquiry_is_told_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount_minor__gt", 0)), name="checkout_inquiry_above_zero"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="GatewayCustomer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("gateway", models.CharField(max_length=20)),
                ("reference", models.CharField(max_length=120)),
                ("at", models.DateTimeField()),
                (
                    "studio",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="gateway_customers",
                        to="people.studio",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("studio", "gateway"), name="checkout_customer_of_a_studio_is_one"),
                    models.UniqueConstraint(fields=("gateway", "reference"), name="checkout_customer_is_one_studio"),
                ],
            },
        ),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER checkout_{name}_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE"
                f" ON checkout_{name} FOR EACH STATEMENT EXECUTE FUNCTION checkout_refuse_change();",
                f"DROP TRIGGER checkout_{name}_is_only_added ON checkout_{name};",
            )
            for name in ("gatewaycustomer", "gatewayinquiry")
        ),
    ]
