import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("checkout", "0010_sales_again"),
        ("people", "0006_what_keys_are_for"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="PaymentMethod",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("gateway", models.CharField(max_length=20)),
                ("token", models.CharField(max_length=80)),
                ("number", models.PositiveIntegerField()),
                ("brand", models.CharField(blank=True, max_length=20)),
                ("last4", models.CharField(blank=True, max_length=4)),
                ("exp_month", models.PositiveSmallIntegerField(default=0)),
                ("exp_year", models.PositiveSmallIntegerField(default=0)),
                ("kept_at", models.DateTimeField()),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "studio",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="payment_methods", to="people.studio"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="PaymentMethodEnd",
            fields=[
                (
                    "method",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="end",
                        serialize=False,
                        to="checkout.paymentmethod",
                    ),
                ),
                ("cause", models.CharField(max_length=10)),
                ("at", models.DateTimeField()),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="PaymentMethodDefault",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "method",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="defaults",
                        to="checkout.paymentmethod",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="PaymentMethodForgotten",
            fields=[
                (
                    "end",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="forgotten",
                        serialize=False,
                        to="checkout.paymentmethodend",
                    ),
                ),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.AddIndex(
            model_name="paymentmethod",
            index=models.Index(fields=["gateway", "token"], name="checkout_methods_by_token"),
        ),
        migrations.AddConstraint(
            model_name="paymentmethod",
            constraint=models.UniqueConstraint(
                fields=("studio", "gateway", "token", "number"), name="checkout_method_is_kept_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="paymentmethod",
            constraint=models.CheckConstraint(
                condition=models.Q(("token", ""), _negated=True), name="checkout_method_has_a_token"
            ),
        ),
        migrations.AddConstraint(
            model_name="paymentmethod",
            constraint=models.CheckConstraint(
                condition=models.Q(("last4", ""), ("last4__regex", "^[0-9]{4}$"), _connector="OR"),
                name="checkout_method_shows_four_digits",
            ),
        ),
        migrations.AddConstraint(
            model_name="paymentmethod",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("exp_month", 0), ("exp_year", 0)),
                    models.Q(("exp_month__range", (1, 12)), ("exp_year__range", (2000, 2199))),
                    _connector="OR",
                ),
                name="checkout_method_ends_in_a_month",
            ),
        ),
        migrations.AddConstraint(
            model_name="paymentmethodend",
            constraint=models.CheckConstraint(
                condition=models.Q(("cause__in", ["removed", "gone"])), name="checkout_method_ends_for_a_cause"
            ),
        ),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER checkout_{name}_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE"
                f" ON checkout_{name} FOR EACH STATEMENT EXECUTE FUNCTION checkout_refuse_change();",
                f"DROP TRIGGER checkout_{name}_is_only_added ON checkout_{name};",
            )
            for name in ("paymentmethod", "paymentmethodend", "paymentmethodforgotten", "paymentmethoddefault")
        ),
    ]
