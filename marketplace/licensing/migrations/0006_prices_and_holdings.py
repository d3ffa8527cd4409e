"""Prices with their history, bargains, projects, exclusivity, seats, reported use and notices."""

import datetime
import uuid

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
from django.conf import settings
from django.contrib.postgres.operations import BtreeGistExtension
from django.db import migrations, models

import marketplace.licensing.multiranges


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0003_owners"),
        ("licensing", "0005_erasure"),
        ("people", "0003_legal_entities"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        BtreeGistExtension(),
        migrations.CreateModel(
            name="Collection",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("title", models.JSONField()),
                ("price_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["-created_at", "id"],
            },
        ),
        migrations.CreateModel(
            name="CollectionItem",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveSmallIntegerField()),
            ],
            options={
                "ordering": ["position"],
            },
        ),
        migrations.CreateModel(
            name="DiscountCode",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("code", models.CharField(max_length=32)),
                ("percent_ppb", models.BigIntegerField(default=0)),
                ("amount_minor", models.BigIntegerField(default=0)),
                ("currency", models.CharField(blank=True, max_length=3)),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField(null=True)),
                ("most_uses", models.PositiveIntegerField(default=0)),
                ("created_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Exclusivity",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("fields", marketplace.licensing.multiranges.IntegerMultirangeField()),
                ("territory", marketplace.licensing.multiranges.IntegerMultirangeField()),
                ("during", django.contrib.postgres.fields.ranges.DateTimeRangeField()),
                ("source", models.CharField(max_length=80, unique=True)),
                ("taken_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Notice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=20)),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="OfferPrice",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("number", models.PositiveIntegerField()),
                ("kind", models.CharField(default="regular", max_length=12)),
                ("price_minor", models.BigIntegerField()),
                ("tiers", models.JSONField(blank=True, default=list)),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField(null=True)),
                ("most_sales", models.PositiveIntegerField(default=0)),
                ("salt", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["offer", "number"],
            },
        ),
        migrations.CreateModel(
            name="Project",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=120)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["name", "id"],
            },
        ),
        migrations.CreateModel(
            name="QuoteRequest",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("seats", models.PositiveIntegerField(default=1)),
                ("message", models.CharField(blank=True, max_length=2000)),
                ("asked_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["-asked_at", "id"],
            },
        ),
        migrations.CreateModel(
            name="QuoteStep",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveSmallIntegerField()),
                ("side", models.CharField(max_length=8)),
                ("kind", models.CharField(max_length=8)),
                ("price_minor", models.BigIntegerField(null=True)),
                ("seats", models.PositiveIntegerField(null=True)),
                ("message", models.CharField(blank=True, max_length=2000)),
                ("valid_until", models.DateTimeField(null=True)),
                ("at", models.DateTimeField()),
            ],
            options={
                "ordering": ["number"],
            },
        ),
        migrations.CreateModel(
            name="SeatAssignment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("assigned_at", models.DateTimeField()),
                ("released_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="UsageReport",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("key", models.CharField(max_length=200)),
                ("quantity", models.BigIntegerField()),
                ("from_day", models.DateField()),
                ("until_day", models.DateField()),
                ("note", models.CharField(blank=True, max_length=200)),
                ("reported_by", models.CharField(max_length=120)),
                ("reported_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["reported_at", "id"],
            },
        ),
        migrations.RemoveConstraint(
            model_name="grantstatus",
            name="licensing_grant_status_is_known",
        ),
        migrations.RemoveConstraint(
            model_name="offer",
            name="licensing_terms_are_offered_once",
        ),
        migrations.AddField(
            model_name="grant",
            name="currency",
            field=models.CharField(default="XXX", max_length=3),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="grant",
            name="ends_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="grant",
            name="kind",
            field=models.CharField(default="new", max_length=10),
        ),
        migrations.AddField(
            model_name="grant",
            name="licensee_country",
            field=models.CharField(blank=True, max_length=2),
        ),
        migrations.AddField(
            model_name="grant",
            name="licensee_registration",
            field=models.CharField(blank=True, max_length=80),
        ),
        migrations.AddField(
            model_name="grant",
            name="price_minor",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="grant",
            name="replaces",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="followers", to="licensing.grant"
            ),
        ),
        migrations.AddField(
            model_name="grant",
            name="starts_at",
            field=models.DateTimeField(default=datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="offer",
            name="model",
            field=models.CharField(default="one-off", max_length=20),
        ),
        migrations.AddField(
            model_name="offer",
            name="share_ppb",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="offer",
            name="unit",
            field=models.CharField(blank=True, max_length=40),
        ),
        migrations.AddConstraint(
            model_name="grantstatus",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["active", "suspended", "revoked", "superseded"])),
                name="licensing_grant_status_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="offer",
            constraint=models.UniqueConstraint(
                fields=("release", "terms", "currency", "model", "unit"), name="licensing_terms_are_offered_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="offer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "model__in",
                        [
                            "one-off",
                            "per-seat",
                            "monthly",
                            "yearly",
                            "metered",
                            "revenue-share",
                            "free",
                            "pay-what-you-want",
                            "on-request",
                        ],
                    )
                ),
                name="licensing_price_model_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="offer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("model", "metered"), models.Q(("unit", ""), _negated=True)),
                    models.Q(models.Q(("model", "metered"), _negated=True), ("unit", "")),
                    _connector="OR",
                ),
                name="licensing_metered_prices_have_a_unit",
            ),
        ),
        migrations.AddConstraint(
            model_name="offer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("model", "revenue-share"), ("share_ppb__gte", 1), ("share_ppb__lte", 1000000000)),
                    models.Q(models.Q(("model", "revenue-share"), _negated=True), ("share_ppb", 0)),
                    _connector="OR",
                ),
                name="licensing_revenue_shares_have_a_share",
            ),
        ),
        migrations.AddConstraint(
            model_name="offer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("model__in", ["free", "on-request"]), _negated=True), ("price_minor", 0), _connector="OR"
                ),
                name="licensing_free_and_on_request_have_no_price",
            ),
        ),
        migrations.CreateModel(
            name="CollectionWithdrawal",
            fields=[
                (
                    "collection",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="withdrawal",
                        serialize=False,
                        to="licensing.collection",
                    ),
                ),
                ("withdrawn_at", models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name="collection",
            name="creator",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="collections", to="people.creator"
            ),
        ),
        migrations.AddField(
            model_name="collectionitem",
            name="collection",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="items", to="licensing.collection"
            ),
        ),
        migrations.AddField(
            model_name="collectionitem",
            name="offer",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="licensing.offer"
            ),
        ),
        migrations.CreateModel(
            name="DiscountCodeEnd",
            fields=[
                (
                    "code",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="end",
                        serialize=False,
                        to="licensing.discountcode",
                    ),
                ),
                ("ended_at", models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name="discountcode",
            name="creator",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="discount_codes", to="people.creator"
            ),
        ),
        migrations.AddField(
            model_name="discountcode",
            name="offer",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="licensing.offer"
            ),
        ),
        migrations.AddField(
            model_name="discountcode",
            name="pack",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="catalog.pack"
            ),
        ),
        migrations.AddField(
            model_name="exclusivity",
            name="grant",
            field=models.OneToOneField(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="exclusivity", to="licensing.grant"
            ),
        ),
        migrations.AddField(
            model_name="exclusivity",
            name="pack",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="exclusivities", to="catalog.pack"
            ),
        ),
        migrations.AddField(
            model_name="exclusivity",
            name="studio",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="people.studio"),
        ),
        migrations.AddField(
            model_name="notice",
            name="grant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="notices", to="licensing.grant"
            ),
        ),
        migrations.AddField(
            model_name="offerprice",
            name="offer",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="prices", to="licensing.offer"
            ),
        ),
        migrations.AddField(
            model_name="project",
            name="created_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="project",
            name="studio",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="projects", to="people.studio"
            ),
        ),
        migrations.AddField(
            model_name="grant",
            name="project",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="grants", to="licensing.project"
            ),
        ),
        migrations.AddIndex(
            model_name="grant",
            index=models.Index(fields=["studio", "release"], name="licensing_grants_of_release"),
        ),
        migrations.AddIndex(
            model_name="grant",
            index=models.Index(
                condition=models.Q(("ends_at__isnull", False)), fields=["ends_at"], name="licensing_grants_by_end"
            ),
        ),
        migrations.AddConstraint(
            model_name="grant",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at", None), ("ends_at__gt", models.F("starts_at")), _connector="OR"),
                name="licensing_grant_has_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="grant",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "new"), ("replaces", None)),
                    models.Q(("kind__in", ["renewal", "upgrade", "transfer"]), ("replaces__isnull", False)),
                    _connector="OR",
                ),
                name="licensing_grant_follows_what_it_replaces",
            ),
        ),
        migrations.AddConstraint(
            model_name="grant",
            constraint=models.CheckConstraint(
                condition=models.Q(("price_minor__gte", 0)), name="licensing_paid_is_not_negative"
            ),
        ),
        migrations.AddField(
            model_name="quoterequest",
            name="asked_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="quoterequest",
            name="offer",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="quote_requests", to="licensing.offer"
            ),
        ),
        migrations.AddField(
            model_name="quoterequest",
            name="project",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="licensing.project"
            ),
        ),
        migrations.AddField(
            model_name="quoterequest",
            name="studio",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="quote_requests", to="people.studio"
            ),
        ),
        migrations.AddField(
            model_name="quotestep",
            name="person",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="quotestep",
            name="request",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="steps", to="licensing.quoterequest"
            ),
        ),
        migrations.AddField(
            model_name="seatassignment",
            name="assigned_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="seatassignment",
            name="grant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="assignments", to="licensing.grant"
            ),
        ),
        migrations.AddField(
            model_name="seatassignment",
            name="person",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="usagereport",
            name="grant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="usage", to="licensing.grant"
            ),
        ),
        migrations.AddConstraint(
            model_name="collection",
            constraint=models.CheckConstraint(
                condition=models.Q(("price_minor__gte", 0)), name="licensing_collection_price_is_not_negative"
            ),
        ),
        migrations.AddConstraint(
            model_name="collectionitem",
            constraint=models.UniqueConstraint(fields=("collection", "position"), name="licensing_items_are_numbered"),
        ),
        migrations.AddConstraint(
            model_name="collectionitem",
            constraint=models.UniqueConstraint(fields=("collection", "offer"), name="licensing_item_is_there_once"),
        ),
        migrations.AddConstraint(
            model_name="discountcode",
            constraint=models.UniqueConstraint(fields=("creator", "code"), name="licensing_code_is_said_once"),
        ),
        migrations.AddConstraint(
            model_name="discountcode",
            constraint=models.CheckConstraint(
                condition=models.Q(("code__regex", "^[A-Z0-9-]{3,32}$")), name="licensing_code_is_readable"
            ),
        ),
        migrations.AddConstraint(
            model_name="discountcode",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("amount_minor", 0), ("currency", ""), ("percent_ppb__gte", 1), ("percent_ppb__lte", 1000000000)
                    ),
                    models.Q(("amount_minor__gte", 1), ("currency__regex", "^[A-Z]{3}$"), ("percent_ppb", 0)),
                    _connector="OR",
                ),
                name="licensing_code_takes_a_part_or_an_amount",
            ),
        ),
        migrations.AddConstraint(
            model_name="discountcode",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at", None), ("ends_at__gt", models.F("starts_at")), _connector="OR"),
                name="licensing_code_has_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="exclusivity",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                condition=models.Q(("ended_at", None)),
                expressions=[("pack", "="), ("fields", "&&"), ("territory", "&&"), ("during", "&&")],
                name="licensing_exclusive_is_exclusive",
            ),
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.UniqueConstraint(fields=("grant", "kind"), name="licensing_notice_is_given_once"),
        ),
        migrations.AddConstraint(
            model_name="offerprice",
            constraint=models.UniqueConstraint(fields=("offer", "number"), name="licensing_prices_are_numbered"),
        ),
        migrations.AddConstraint(
            model_name="offerprice",
            constraint=models.CheckConstraint(
                condition=models.Q(("price_minor__gte", 0)), name="licensing_later_price_is_not_negative"
            ),
        ),
        migrations.AddConstraint(
            model_name="offerprice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ends_at", None), ("kind", "regular")),
                    ("kind", "early-bird"),
                    ("kind", "sale"),
                    _connector="OR",
                ),
                name="licensing_price_kind_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="offerprice",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at", None), ("ends_at__gt", models.F("starts_at")), _connector="OR"),
                name="licensing_price_has_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="project",
            constraint=models.UniqueConstraint(fields=("studio", "name"), name="licensing_project_is_named_once"),
        ),
        migrations.AddConstraint(
            model_name="project",
            constraint=models.CheckConstraint(
                condition=models.Q(("name", ""), _negated=True), name="licensing_project_has_a_name"
            ),
        ),
        migrations.AddIndex(
            model_name="quoterequest",
            index=models.Index(fields=["studio", "-asked_at", "-id"], name="licensing_quotes_of_studio"),
        ),
        migrations.AddConstraint(
            model_name="quotestep",
            constraint=models.UniqueConstraint(fields=("request", "number"), name="licensing_quote_steps_are_numbered"),
        ),
        migrations.AddConstraint(
            model_name="quotestep",
            constraint=models.CheckConstraint(
                condition=models.Q(("side__in", ["creator", "studio"])), name="licensing_quote_side_is_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="quotestep",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "price"), ("price_minor__gte", 0), ("valid_until__isnull", False)),
                    models.Q(
                        ("kind__in", ["accept", "decline"]),
                        ("price_minor", None),
                        ("seats", None),
                        ("valid_until", None),
                    ),
                    _connector="OR",
                ),
                name="licensing_quote_step_is_a_price_or_an_answer",
            ),
        ),
        migrations.AddConstraint(
            model_name="seatassignment",
            constraint=models.UniqueConstraint(
                condition=models.Q(("released_at", None)),
                fields=("grant", "person"),
                name="licensing_one_seat_a_person",
            ),
        ),
        migrations.AddConstraint(
            model_name="usagereport",
            constraint=models.UniqueConstraint(fields=("grant", "key"), name="licensing_use_is_reported_once"),
        ),
        migrations.AddConstraint(
            model_name="usagereport",
            constraint=models.CheckConstraint(
                condition=models.Q(("quantity__gte", 0)), name="licensing_use_is_not_negative"
            ),
        ),
        migrations.AddConstraint(
            model_name="usagereport",
            constraint=models.CheckConstraint(
                condition=models.Q(("until_day__gte", models.F("from_day"))), name="licensing_use_has_a_time"
            ),
        ),
    ]
