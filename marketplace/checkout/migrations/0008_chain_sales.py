"""What was sold on a chain, and what became of it: facts, added and never changed."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("checkout", "0007_refunds"),
        ("licensing", "0012_chain_offers"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ChainSale",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("event_id", models.BigIntegerField(unique=True)),
                ("chain_id", models.BigIntegerField()),
                ("market", models.CharField(max_length=42)),
                ("seq", models.BigIntegerField()),
                ("offer_uuid", models.UUIDField()),
                ("licensee", models.CharField(max_length=42)),
                ("buyer", models.CharField(max_length=42)),
                ("release_digest", models.CharField(max_length=64)),
                ("terms_digest", models.CharField(max_length=64)),
                ("commitment", models.CharField(max_length=64)),
                ("token", models.CharField(max_length=42)),
                ("price_units", models.DecimalField(decimal_places=0, max_digits=40)),
                ("fee_units", models.DecimalField(decimal_places=0, max_digits=40)),
                ("chain_transaction", models.CharField(max_length=66)),
                ("block_number", models.BigIntegerField()),
                ("sold_at", models.DateTimeField()),
                ("seen_at", models.DateTimeField()),
                (
                    "chain_offer",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sales",
                        to="licensing.chainoffer",
                    ),
                ),
                (
                    "committed",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sales",
                        to="licensing.licenseecommitment",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="ChainSaleStep",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("state", models.CharField(max_length=8)),
                ("reason", models.CharField(blank=True, max_length=20)),
                ("note", models.CharField(blank=True, max_length=500)),
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
                    "grant",
                    models.OneToOneField(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="licensing.grant"
                    ),
                ),
                (
                    "sale",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="steps", to="checkout.chainsale"
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.AddIndex(
            model_name="chainsale",
            index=models.Index(fields=["licensee", "-id"], name="checkout_chain_by_licensee"),
        ),
        migrations.AddConstraint(
            model_name="chainsale",
            constraint=models.UniqueConstraint(
                fields=("chain_id", "market", "seq"), name="checkout_chain_sale_is_seen_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="chainsalestep",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["granted", "settled"])),
                fields=("sale",),
                name="checkout_chain_sale_ends_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="chainsalestep",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("grant__isnull", False), ("state", "granted")),
                    models.Q(("grant", None), ("reason", ""), ("state", "waiting")),
                    models.Q(("grant", None), ("state", "case"), models.Q(("reason", ""), _negated=True)),
                    models.Q(("grant", None), ("state", "settled"), models.Q(("note", ""), _negated=True)),
                    _connector="OR",
                ),
                name="checkout_chain_step_says_what_it_must",
            ),
        ),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER checkout_{name}_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE"
                f" ON checkout_{name} FOR EACH STATEMENT EXECUTE FUNCTION checkout_refuse_change();",
                f"DROP TRIGGER checkout_{name}_is_only_added ON checkout_{name};",
            )
            for name in ("chainsale", "chainsalestep")
        ),
    ]
