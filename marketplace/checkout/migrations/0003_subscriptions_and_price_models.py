"""Subscriptions, and on order lines how their price came about and what they follow."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("checkout", "0002_only_added"),
        ("licensing", "0007_guards"),
        ("people", "0003_legal_entities"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Subscription",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("anchor_at", models.DateTimeField()),
                ("method", models.CharField(max_length=80)),
                ("started_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["-started_at", "id"],
            },
        ),
        migrations.CreateModel(
            name="SubscriptionSeats",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("seats", models.PositiveIntegerField()),
                ("at", models.DateTimeField()),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.RemoveConstraint(
            model_name="orderline",
            name="checkout_offer_is_ordered_once",
        ),
        migrations.AddField(
            model_name="order",
            name="method",
            field=models.CharField(blank=True, max_length=80),
        ),
        migrations.AddField(
            model_name="orderline",
            name="code",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="order_lines",
                to="licensing.discountcode",
            ),
        ),
        migrations.AddField(
            model_name="orderline",
            name="collection",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="order_lines",
                to="licensing.collection",
            ),
        ),
        migrations.AddField(
            model_name="orderline",
            name="credit_minor",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="orderline",
            name="ends_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="orderline",
            name="explained",
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AddField(
            model_name="orderline",
            name="kind",
            field=models.CharField(default="buy", max_length=10),
        ),
        migrations.AddField(
            model_name="orderline",
            name="list_minor",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="orderline",
            name="price",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="order_lines",
                to="licensing.offerprice",
            ),
        ),
        migrations.AddField(
            model_name="orderline",
            name="project",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="licensing.project"
            ),
        ),
        migrations.AddField(
            model_name="orderline",
            name="quote",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="order_lines",
                to="licensing.quoterequest",
            ),
        ),
        migrations.AddField(
            model_name="orderline",
            name="replaces",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="order_lines", to="licensing.grant"
            ),
        ),
        migrations.AddField(
            model_name="orderline",
            name="report",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="order_lines",
                to="licensing.usagereport",
            ),
        ),
        migrations.AddField(
            model_name="orderline",
            name="seats",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="orderline",
            name="starts_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.CreateModel(
            name="SubscriptionEnd",
            fields=[
                (
                    "subscription",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="end",
                        serialize=False,
                        to="checkout.subscription",
                    ),
                ),
                ("cause", models.CharField(max_length=10)),
                ("reason", models.CharField(blank=True, max_length=300)),
                ("ended_at", models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name="subscription",
            name="buyer",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="subscription",
            name="line",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT, related_name="begun", to="checkout.orderline"
            ),
        ),
        migrations.AddField(
            model_name="subscription",
            name="offer",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="licensing.offer"
            ),
        ),
        migrations.AddField(
            model_name="subscription",
            name="studio",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="subscriptions", to="people.studio"
            ),
        ),
        migrations.AddField(
            model_name="orderline",
            name="subscription",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="lines", to="checkout.subscription"
            ),
        ),
        migrations.AddConstraint(
            model_name="orderline",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "usage"), _negated=True),
                fields=("order", "offer", "project", "replaces"),
                name="checkout_offer_is_ordered_once",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="orderline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "buy"), ("replaces", None), ("report", None)),
                    models.Q(("kind__in", ["renewal", "upgrade"]), ("replaces__isnull", False), ("report", None)),
                    models.Q(("kind", "usage"), ("replaces__isnull", False), ("report__isnull", False)),
                    _connector="OR",
                ),
                name="checkout_line_names_what_it_follows",
            ),
        ),
        migrations.AddConstraint(
            model_name="orderline",
            constraint=models.CheckConstraint(
                condition=models.Q(("credit_minor__gte", 0)), name="checkout_credit_is_not_negative"
            ),
        ),
        migrations.AddField(
            model_name="subscriptionseats",
            name="by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="subscriptionseats",
            name="subscription",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="seat_changes", to="checkout.subscription"
            ),
        ),
        migrations.AddConstraint(
            model_name="subscriptionend",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("cause__in", ["cancelled", "declined", "withdrawn", "replaced", "revoked", "refused"])
                ),
                name="checkout_subscription_ends_for_a_cause",
            ),
        ),
        migrations.AddIndex(
            model_name="subscription",
            index=models.Index(fields=["studio", "-started_at", "-id"], name="checkout_subscriptions"),
        ),
        migrations.AddConstraint(
            model_name="subscriptionseats",
            constraint=models.CheckConstraint(condition=models.Q(("seats__gte", 1)), name="checkout_seats_are_some"),
        ),
    ]
