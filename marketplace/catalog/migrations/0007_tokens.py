"""Tokens of releases: asks, signatures, what the chain said, and packs handed over with them; rows are only added."""

import django.db.models.deletion
from django.db import migrations, models

_TABLES = ("token_ask", "token_signing", "token_supersession", "token_event", "handover")

# The log is what counts, so an ask says what its entry says.
_ASK = """
CREATE FUNCTION catalog_check_token_ask() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM ledger_entry e JOIN catalog_release r ON r.id = NEW.release_id
         WHERE e.id = NEW.entry_id AND e.type = 'asset-token'
           AND convert_from(e.body, 'UTF8')::jsonb -> 'body' = jsonb_build_object(
                   'bps', NEW.bps, 'chain_id', NEW.chain_id, 'contract', NEW.contract, 'owner', NEW.wallet,
                   'release', r.digest, 'split', r.split_id)
    ) THEN
        RAISE EXCEPTION 'a token is asked for as its entry % says', NEW.entry_id
            USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER catalog_token_ask_is_its_entry AFTER INSERT ON catalog_token_ask
    FOR EACH ROW EXECUTE FUNCTION catalog_check_token_ask();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0006_absolute_shares"),
        ("ledger", "0009_chain_events"),
        ("people", "0006_what_keys_are_for"),
    ]

    operations = [
        migrations.CreateModel(
            name="Handover",
            fields=[
                (
                    "proposal",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="handover",
                        serialize=False,
                        to="catalog.transferproposal",
                    ),
                ),
                ("wallet", models.CharField(max_length=42)),
                ("kid", models.CharField(blank=True, max_length=43)),
                ("signatures", models.JSONField(default=dict)),
                ("accepted_at", models.DateTimeField()),
            ],
            options={
                "db_table": "catalog_handover",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("wallet__regex", "^0x[0-9a-f]{40}$")),
                        name="catalog_handover_wallet_is_lower",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="TokenAsk",
            fields=[
                (
                    "entry",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="ledger.entry",
                    ),
                ),
                ("wallet", models.CharField(max_length=42)),
                ("bps", models.PositiveSmallIntegerField()),
                ("chain_id", models.BigIntegerField()),
                ("contract", models.CharField(max_length=42)),
                ("asked_at", models.DateTimeField()),
                (
                    "asked_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="people.creator"
                    ),
                ),
                (
                    "release",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="token_asks", to="catalog.release"
                    ),
                ),
            ],
            options={
                "db_table": "catalog_token_ask",
            },
        ),
        migrations.CreateModel(
            name="TokenEvent",
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
                (
                    "kind",
                    models.CharField(
                        choices=[("made", "made"), ("moved", "moved"), ("superseded", "superseded")], max_length=10
                    ),
                ),
                ("release", models.CharField(max_length=64)),
                ("holder", models.CharField(blank=True, max_length=42)),
                ("leaf", models.CharField(blank=True, max_length=64)),
                ("before", models.BigIntegerField(null=True)),
            ],
            options={
                "db_table": "catalog_token_event",
                "indexes": [models.Index(fields=["release", "kind", "-event"], name="catalog_token_newest_event")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("before", None), ("holder", ""), ("kind", "made"), ("leaf__regex", "^[0-9a-f]{64}$")
                            ),
                            models.Q(
                                ("before", None), ("holder__regex", "^0x[0-9a-f]{40}$"), ("kind", "moved"), ("leaf", "")
                            ),
                            models.Q(("before__isnull", False), ("holder", ""), ("kind", "superseded"), ("leaf", "")),
                            _connector="OR",
                        ),
                        name="catalog_token_event_says_its_kind",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="TokenSigning",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveSmallIntegerField()),
                ("signature", models.BinaryField()),
                ("call", models.CharField(max_length=200, unique=True)),
                ("signed_at", models.DateTimeField()),
                (
                    "anchor",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.anchorreceipt"
                    ),
                ),
                (
                    "ask",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="signings", to="catalog.tokenask"
                    ),
                ),
            ],
            options={
                "db_table": "catalog_token_signing",
            },
        ),
        migrations.CreateModel(
            name="TokenSupersession",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("before", models.BigIntegerField()),
                ("call", models.CharField(max_length=200, unique=True)),
                ("asked_at", models.DateTimeField()),
                (
                    "release",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="token_supersessions",
                        to="catalog.release",
                    ),
                ),
            ],
            options={
                "db_table": "catalog_token_supersession",
            },
        ),
        migrations.AddConstraint(
            model_name="tokenask",
            constraint=models.CheckConstraint(
                condition=models.Q(("contract__regex", "^0x[0-9a-f]{40}$"), ("wallet__regex", "^0x[0-9a-f]{40}$")),
                name="catalog_token_addresses_are_lower",
            ),
        ),
        migrations.AddConstraint(
            model_name="tokenask",
            constraint=models.CheckConstraint(
                condition=models.Q(("bps__lte", 1000)), name="catalog_token_royalty_is_a_tenth_at_most"
            ),
        ),
        migrations.AddConstraint(
            model_name="tokensigning",
            constraint=models.UniqueConstraint(fields=("ask", "number"), name="catalog_token_signing_is_numbered"),
        ),
        migrations.AddConstraint(
            model_name="tokensigning",
            constraint=models.CheckConstraint(
                condition=models.Q(("number__gte", 1)), name="catalog_token_signings_count_from_one"
            ),
        ),
        migrations.AddConstraint(
            model_name="tokensupersession",
            constraint=models.UniqueConstraint(fields=("release", "before"), name="catalog_token_is_superseded_once"),
        ),
        migrations.RunSQL(_ASK, "DROP FUNCTION catalog_check_token_ask() CASCADE;"),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER catalog_{name}_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE"
                f" ON catalog_{name} FOR EACH STATEMENT EXECUTE FUNCTION catalog_refuse_change();",
                f"DROP TRIGGER catalog_{name}_is_only_added ON catalog_{name};",
            )
            for name in _TABLES
        ),
    ]
