"""The outbox to the chain: its facts are only added, a call that has no outcome is due, a slot follows a lost one."""

import django.db.models.deletion
from django.db import migrations, models

_FACTS = ("call", "slot", "slot_loss", "attempt", "sighting", "outcome", "setback")

# A call is due from the moment it is asked until it has its outcome, whoever writes these rows.
_DUE = """
CREATE FUNCTION ledger_queue_chain_calls() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ledger_chain_due (call_id) SELECT id FROM asked;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_chain_call_is_due AFTER INSERT ON ledger_chain_call
    REFERENCING NEW TABLE AS asked FOR EACH STATEMENT EXECUTE FUNCTION ledger_queue_chain_calls();

CREATE FUNCTION ledger_unqueue_chain_calls() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM ledger_chain_due d USING decided o WHERE d.call_id = o.call_id;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_chain_outcome_ends_it AFTER INSERT ON ledger_chain_outcome
    REFERENCING NEW TABLE AS decided FOR EACH STATEMENT EXECUTE FUNCTION ledger_unqueue_chain_calls();
"""

_DROP_DUE = """
DROP TRIGGER ledger_chain_outcome_ends_it ON ledger_chain_outcome;
DROP FUNCTION ledger_unqueue_chain_calls();
DROP TRIGGER ledger_chain_call_is_due ON ledger_chain_call;
DROP FUNCTION ledger_queue_chain_calls();
"""

# Two nonces at once could both be mined, and the call would happen twice. So a call has one until that one is lost, and
# none once it is decided; its transactions are told apart by their numbers within the nonce.
_SLOTS = """
CREATE FUNCTION ledger_check_chain_slot() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM ledger_chain_outcome o WHERE o.call_id = NEW.call_id)
       OR NEW.number <> 1 + (SELECT count(*) FROM ledger_chain_slot s JOIN ledger_chain_slot_loss l ON l.slot_id = s.id
                              WHERE s.call_id = NEW.call_id) THEN
        RAISE EXCEPTION 'call % has a nonce that is not lost, or its outcome', NEW.call_id
            USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ledger_chain_slot_follows_a_loss BEFORE INSERT ON ledger_chain_slot
    FOR EACH ROW EXECUTE FUNCTION ledger_check_chain_slot();
"""

_DROP_SLOTS = """
DROP TRIGGER ledger_chain_slot_follows_a_loss ON ledger_chain_slot;
DROP FUNCTION ledger_check_chain_slot();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0007_recipes_are_said_once"),
    ]

    operations = [
        migrations.CreateModel(
            name="ChainAttempt",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("number", models.IntegerField()),
                ("digest", models.CharField(max_length=66, unique=True)),
                ("raw", models.BinaryField()),
                ("gas", models.BigIntegerField()),
                ("max_fee_wei", models.BigIntegerField()),
                ("max_tip_wei", models.BigIntegerField()),
                ("made_at", models.DateTimeField()),
            ],
            options={
                "db_table": "ledger_chain_attempt",
            },
        ),
        migrations.CreateModel(
            name="ChainCall",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("key", models.CharField(max_length=200, unique=True)),
                ("role", models.CharField(max_length=20)),
                ("chain_id", models.BigIntegerField()),
                ("artifact", models.CharField(max_length=40)),
                ("contract", models.CharField(max_length=42)),
                ("function", models.CharField(max_length=200)),
                ("data", models.BinaryField()),
                ("done", models.JSONField(default=list)),
                ("later", models.JSONField(default=list)),
                ("subject", models.CharField(max_length=200)),
                ("asked_at", models.DateTimeField()),
            ],
            options={
                "db_table": "ledger_chain_call",
            },
        ),
        migrations.CreateModel(
            name="ChainHead",
            fields=[
                ("chain_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("number", models.BigIntegerField()),
                ("seen_at", models.DateTimeField()),
            ],
            options={
                "db_table": "ledger_chain_head",
            },
        ),
        migrations.CreateModel(
            name="ChainSetback",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("reason", models.TextField()),
                ("noticed_at", models.DateTimeField()),
            ],
            options={
                "db_table": "ledger_chain_setback",
            },
        ),
        migrations.CreateModel(
            name="ChainSighting",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("status", models.CharField(max_length=8)),
                ("block_number", models.BigIntegerField(null=True)),
                ("block_hash", models.CharField(max_length=66, null=True)),
                ("block_time", models.DateTimeField(null=True)),
                ("gas_used", models.BigIntegerField(null=True)),
                ("gas_price_wei", models.BigIntegerField(null=True)),
                ("seen_at", models.DateTimeField()),
            ],
            options={
                "db_table": "ledger_chain_sighting",
            },
        ),
        migrations.CreateModel(
            name="ChainSlot",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("number", models.IntegerField()),
                ("chain_id", models.BigIntegerField()),
                ("sender", models.CharField(max_length=42)),
                ("nonce", models.BigIntegerField()),
                ("head", models.BigIntegerField()),
                ("taken_at", models.DateTimeField()),
            ],
            options={
                "db_table": "ledger_chain_slot",
            },
        ),
        migrations.CreateModel(
            name="ChainDue",
            fields=[
                (
                    "call",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="due",
                        serialize=False,
                        to="ledger.chaincall",
                    ),
                ),
            ],
            options={
                "db_table": "ledger_chain_due",
            },
        ),
        migrations.CreateModel(
            name="ChainOutcome",
            fields=[
                (
                    "call",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="outcome",
                        serialize=False,
                        to="ledger.chaincall",
                    ),
                ),
                ("state", models.CharField(max_length=9)),
                ("reason", models.TextField(default="")),
                ("decided_at", models.DateTimeField()),
            ],
            options={
                "db_table": "ledger_chain_outcome",
            },
        ),
        migrations.AddIndex(
            model_name="chaincall",
            index=models.Index(fields=["subject", "id"], name="ledger_chain_call_subject"),
        ),
        migrations.AddConstraint(
            model_name="chaincall",
            constraint=models.CheckConstraint(
                condition=models.Q(("contract__regex", "^0x[0-9a-fA-F]{40}$")), name="ledger_chain_call_has_a_contract"
            ),
        ),
        migrations.AddField(
            model_name="chainsetback",
            name="call",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="setbacks", to="ledger.chaincall"
            ),
        ),
        migrations.AddField(
            model_name="chainsighting",
            name="attempt",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="sightings", to="ledger.chainattempt"
            ),
        ),
        migrations.CreateModel(
            name="ChainSlotLoss",
            fields=[
                (
                    "slot",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="loss",
                        serialize=False,
                        to="ledger.chainslot",
                    ),
                ),
                ("winner", models.CharField(max_length=66)),
                ("reverted", models.BooleanField()),
                ("block_number", models.BigIntegerField()),
                ("lost_at", models.DateTimeField()),
            ],
            options={
                "db_table": "ledger_chain_slot_loss",
            },
        ),
        migrations.AddField(
            model_name="chainslot",
            name="call",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="slots", to="ledger.chaincall"
            ),
        ),
        migrations.AddField(
            model_name="chainattempt",
            name="slot",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="attempts", to="ledger.chainslot"
            ),
        ),
        migrations.AddField(
            model_name="chainoutcome",
            name="sighting",
            field=models.OneToOneField(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.chainsighting"
            ),
        ),
        migrations.AddIndex(
            model_name="chainsetback",
            index=models.Index(fields=["call", "-id"], name="ledger_chain_newest_setback"),
        ),
        migrations.AddIndex(
            model_name="chainsighting",
            index=models.Index(fields=["attempt", "-id"], name="ledger_chain_newest_sighting"),
        ),
        migrations.AddConstraint(
            model_name="chainsighting",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("block_hash", None), ("block_number", None), ("block_time", None), ("status", "gone")),
                    models.Q(
                        ("block_hash__regex", "^0x[0-9a-f]{64}$"),
                        ("block_number__gte", 0),
                        ("block_time__isnull", False),
                        ("gas_price_wei__gte", 0),
                        ("gas_used__gt", 0),
                        ("status__in", ["mined", "reverted"]),
                    ),
                    _connector="OR",
                ),
                name="ledger_chain_sighting_has_its_block",
            ),
        ),
        migrations.AddConstraint(
            model_name="chainslotloss",
            constraint=models.CheckConstraint(
                condition=models.Q(("winner__regex", "^0x[0-9a-f]{64}$")), name="ledger_chain_winner_is_hex"
            ),
        ),
        migrations.AddConstraint(
            model_name="chainslot",
            constraint=models.UniqueConstraint(fields=("call", "number"), name="ledger_chain_slot_numbered_once"),
        ),
        migrations.AddConstraint(
            model_name="chainslot",
            constraint=models.UniqueConstraint(
                fields=("chain_id", "sender", "nonce"), name="ledger_chain_nonce_used_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="chainslot",
            constraint=models.CheckConstraint(
                condition=models.Q(("nonce__gte", 0), ("number__gte", 1)), name="ledger_chain_slot_is_natural"
            ),
        ),
        migrations.AddConstraint(
            model_name="chainattempt",
            constraint=models.UniqueConstraint(fields=("slot", "number"), name="ledger_chain_attempt_numbered_once"),
        ),
        migrations.AddConstraint(
            model_name="chainattempt",
            constraint=models.CheckConstraint(
                condition=models.Q(("digest__regex", "^0x[0-9a-f]{64}$")), name="ledger_chain_attempt_has_a_hash"
            ),
        ),
        migrations.AddConstraint(
            model_name="chainoutcome",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("reason", ""), ("sighting__isnull", False), ("state", "confirmed")),
                    models.Q(
                        ("sighting", None),
                        ("state__in", ["confirmed", "refused"]),
                        models.Q(("reason", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="ledger_chain_outcome_has_its_ground",
            ),
        ),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER ledger_chain_{name}_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE"
                f" ON ledger_chain_{name} FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();",
                f"DROP TRIGGER ledger_chain_{name}_is_only_added ON ledger_chain_{name};",
            )
            for name in _FACTS
        ),
        migrations.RunSQL(_DUE, _DROP_DUE),
        migrations.RunSQL(_SLOTS, _DROP_SLOTS),
    ]
