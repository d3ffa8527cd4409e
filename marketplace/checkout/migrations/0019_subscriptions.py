"""Cards, cancellations and trials of subscriptions, and what was told of payments; rows are only added."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

_TABLES = ("subscriptionmethod", "subscriptioncancelled", "subscriptionresumed", "trialline", "paymentnotice")


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0008_packs_without_their_tokens"),
        ("checkout", "0018_customers_again"),
        ("people", "0006_what_keys_are_for"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="SubscriptionCancelled",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveSmallIntegerField()),
                ("at", models.DateTimeField()),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "subscription",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="cancellations",
                        to="checkout.subscription",
                    ),
                ),
            ],
            options={
                "ordering": ["subscription", "number"],
            },
        ),
        migrations.CreateModel(
            name="SubscriptionMethod",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("token", models.CharField(max_length=80)),
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
                    "subscription",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="methods", to="checkout.subscription"
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="TrialLine",
            fields=[
                (
                    "line",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="trial",
                        serialize=False,
                        to="checkout.orderline",
                    ),
                ),
                ("days", models.PositiveSmallIntegerField()),
                ("ends_at", models.DateTimeField()),
                (
                    "pack",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="trials", to="catalog.pack"
                    ),
                ),
                (
                    "studio",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="trials", to="people.studio"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="PaymentNotice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=120, unique=True)),
                ("kind", models.CharField(max_length=16)),
                ("at", models.DateTimeField()),
                (
                    "order",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="notices",
                        to="checkout.order",
                    ),
                ),
                (
                    "subscription",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="notices",
                        to="checkout.subscription",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("order__isnull", False), ("subscription__isnull", False), _connector="OR"),
                        name="checkout_notice_is_about_some",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SubscriptionResumed",
            fields=[
                (
                    "cancelled",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="resumed",
                        serialize=False,
                        to="checkout.subscriptioncancelled",
                    ),
                ),
                ("at", models.DateTimeField()),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="subscriptioncancelled",
            constraint=models.UniqueConstraint(fields=("subscription", "number"), name="checkout_cancelled_one_by_one"),
        ),
        migrations.AddConstraint(
            model_name="subscriptioncancelled",
            constraint=models.CheckConstraint(
                condition=models.Q(("number__gte", 1)), name="checkout_cancellations_count_from_one"
            ),
        ),
        migrations.AddConstraint(
            model_name="subscriptionmethod",
            constraint=models.CheckConstraint(
                condition=models.Q(("token", ""), _negated=True), name="checkout_subscription_is_paid_with_some"
            ),
        ),
        migrations.AddIndex(
            model_name="trialline",
            index=models.Index(fields=["studio", "pack"], name="checkout_trials_of_pack"),
        ),
        migrations.AddIndex(
            model_name="trialline",
            index=models.Index(fields=["ends_at"], name="checkout_trials_by_end"),
        ),
        migrations.AddConstraint(
            model_name="trialline",
            constraint=models.CheckConstraint(condition=models.Q(("days__gte", 1)), name="checkout_trial_has_days"),
        ),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER checkout_{name}_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE"
                f" ON checkout_{name} FOR EACH STATEMENT EXECUTE FUNCTION checkout_refuse_change();",
                f"DROP TRIGGER checkout_{name}_is_only_added ON checkout_{name};",
            )
            for name in _TABLES
        ),
    ]
