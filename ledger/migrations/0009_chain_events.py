"""What the chain told us: rows that are only added."""

import django.db.models.deletion
from django.db import migrations, models

_FACTS = ("event", "followed", "reorganization", "event_lost")


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0008_chain_outbox"),
    ]

    operations = [
        migrations.CreateModel(
            name="ChainEvent",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("chain_id", models.BigIntegerField()),
                ("contract", models.CharField(max_length=40)),
                ("address", models.CharField(max_length=42)),
                ("event", models.CharField(max_length=40)),
                ("args", models.JSONField()),
                ("transaction", models.CharField(max_length=66)),
                ("log_index", models.BigIntegerField()),
                ("block_number", models.BigIntegerField()),
                ("block_hash", models.CharField(max_length=66)),
                ("block_time", models.DateTimeField()),
                ("seen_at", models.DateTimeField()),
            ],
            options={
                "db_table": "ledger_chain_event",
            },
        ),
        migrations.CreateModel(
            name="ChainFollowed",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("chain_id", models.BigIntegerField()),
                ("contracts", models.CharField(max_length=64)),
                ("first", models.BigIntegerField()),
                ("last", models.BigIntegerField()),
                ("last_hash", models.CharField(max_length=66)),
                ("after_loss", models.BooleanField(default=False)),
                ("followed_at", models.DateTimeField()),
            ],
            options={
                "db_table": "ledger_chain_followed",
            },
        ),
        migrations.CreateModel(
            name="ChainReorganization",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("found_hash", models.CharField(max_length=66)),
                ("found_at", models.DateTimeField()),
            ],
            options={
                "db_table": "ledger_chain_reorganization",
            },
        ),
        migrations.CreateModel(
            name="ChainEventLost",
            fields=[
                (
                    "event",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="lost",
                        serialize=False,
                        to="ledger.chainevent",
                    ),
                ),
                ("lost_at", models.DateTimeField()),
            ],
            options={
                "db_table": "ledger_chain_event_lost",
            },
        ),
        migrations.AddIndex(
            model_name="chainevent",
            index=models.Index(fields=["contract", "event", "id"], name="ledger_event_by_kind"),
        ),
        migrations.AddIndex(
            model_name="chainevent",
            index=models.Index(fields=["transaction"], name="ledger_event_by_transaction"),
        ),
        migrations.AddConstraint(
            model_name="chainevent",
            constraint=models.UniqueConstraint(
                fields=("chain_id", "block_hash", "log_index"), name="ledger_event_seen_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="chainevent",
            constraint=models.CheckConstraint(
                condition=models.Q(("block_number__gte", 0), ("log_index__gte", 0)),
                name="ledger_event_place_is_natural",
            ),
        ),
        migrations.AddConstraint(
            model_name="chainevent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("block_hash__regex", "^0x[0-9a-f]{64}$"),
                    ("transaction__regex", "^0x[0-9a-f]{64}$"),
                    ("address__regex", "^0x[0-9a-fA-F]{40}$"),
                ),
                name="ledger_event_hashes_are_hex",
            ),
        ),
        migrations.AddIndex(
            model_name="chainfollowed",
            index=models.Index(fields=["chain_id", "contracts", "id"], name="ledger_followed_newest"),
        ),
        migrations.AddConstraint(
            model_name="chainfollowed",
            constraint=models.CheckConstraint(
                condition=models.Q(("first__gte", 0), ("last__gte", models.F("first"))), name="ledger_followed_goes_on"
            ),
        ),
        migrations.AddConstraint(
            model_name="chainfollowed",
            constraint=models.CheckConstraint(
                condition=models.Q(("last_hash__regex", "^0x[0-9a-f]{64}$")), name="ledger_followed_hash_is_hex"
            ),
        ),
        migrations.AddField(
            model_name="chainreorganization",
            name="read",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="reorganizations", to="ledger.chainfollowed"
            ),
        ),
        migrations.AddConstraint(
            model_name="chainreorganization",
            constraint=models.UniqueConstraint(fields=("read", "found_hash"), name="ledger_reorganization_found_once"),
        ),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER ledger_chain_{name}_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE"
                f" ON ledger_chain_{name} FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();",
                f"DROP TRIGGER ledger_chain_{name}_is_only_added ON ledger_chain_{name};",
            )
            for name in _FACTS
        ),
    ]
