"""Wallets: facts that are added and never changed."""

import django.db.models.deletion
from django.db import migrations, models

APPEND_ONLY = "".join(
    f"""
CREATE TRIGGER payouts_{table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payouts_{table}
    FOR EACH STATEMENT EXECUTE FUNCTION
    payouts_refuse('payouts_{table}_append_only', 'facts are added, never changed');
"""
    for table in ("wallet_proof", "wallet_change")
)
DROP_APPEND_ONLY = "".join(
    f"DROP TRIGGER payouts_{table}_append_only ON payouts_{table};" for table in ("wallet_proof", "wallet_change")
)


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0009_chain_events"),
        ("payouts", "0017_vault_moves"),
        ("people", "0006_what_keys_are_for"),
    ]

    operations = [
        migrations.CreateModel(
            name="WalletProof",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("chain_id", models.BigIntegerField()),
                ("contract", models.CharField(max_length=42)),
                ("address", models.CharField(max_length=42)),
                ("previous", models.CharField(blank=True, default="", max_length=42)),
                ("nonce", models.BigIntegerField()),
                ("deadline", models.BigIntegerField()),
                ("signature", models.TextField()),
                ("previous_signature", models.TextField(blank=True, default="")),
                ("call_key", models.CharField(max_length=200, unique=True)),
                ("proved_at", models.DateTimeField()),
                (
                    "creator",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="people.creator"
                    ),
                ),
            ],
            options={
                "db_table": "payouts_wallet_proof",
            },
        ),
        migrations.CreateModel(
            name="WalletChange",
            fields=[
                (
                    "event",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="ledger.chainevent",
                    ),
                ),
                ("payee", models.UUIDField()),
                ("kind", models.CharField(max_length=8)),
                ("address", models.CharField(max_length=42)),
                ("previous", models.CharField(blank=True, default="", max_length=42)),
                ("counts_from", models.DateTimeField(null=True)),
                ("happened_at", models.DateTimeField()),
                ("taken_at", models.DateTimeField()),
                (
                    "proof",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="changes",
                        to="payouts.walletproof",
                    ),
                ),
            ],
            options={
                "db_table": "payouts_wallet_change",
            },
        ),
        migrations.AddIndex(
            model_name="walletproof",
            index=models.Index(fields=["creator", "-id"], name="payouts_wallet_proof_newest"),
        ),
        migrations.AddIndex(
            model_name="walletproof",
            index=models.Index(fields=["address"], name="payouts_wallet_proof_address"),
        ),
        migrations.AddConstraint(
            model_name="walletproof",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("address__regex", "^0x[0-9a-fA-F]{40}$"),
                    ("contract__regex", "^0x[0-9a-fA-F]{40}$"),
                    ("signature__regex", "^0x([0-9a-f]{2})+$"),
                ),
                name="payouts_wallet_proof_is_signed",
            ),
        ),
        migrations.AddConstraint(
            model_name="walletproof",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("previous", ""), ("previous_signature", "")),
                    models.Q(
                        ("previous__regex", "^0x[0-9a-fA-F]{40}$"), ("previous_signature__regex", "^0x([0-9a-f]{2})+$")
                    ),
                    _connector="OR",
                ),
                name="payouts_wallet_move_is_signed_twice",
            ),
        ),
        migrations.AddIndex(
            model_name="walletchange",
            index=models.Index(fields=["payee", "event"], name="payouts_wallet_change_payee"),
        ),
        migrations.AddConstraint(
            model_name="walletchange",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("counts_from__isnull", False), ("kind", "proposed")),
                    models.Q(("counts_from__isnull", True), ("kind__in", ["moved", "refused"])),
                    _connector="OR",
                ),
                name="payouts_wallet_change_kinds",
            ),
        ),
        migrations.RunSQL(APPEND_ONLY, DROP_APPEND_ONLY),
    ]
