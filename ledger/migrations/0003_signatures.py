"""Witnesses' cosignatures, creators' keys, and more types of entries that are said once."""

import django.db.models.deletion
from django.db import migrations, models

_FULLY = ("cosignature", "creatorkeyend")

# A creator's key is only added as well; but what encrypts the private half may be changed for another custody key.
_KEYS = """
CREATE FUNCTION ledger_check_creator_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.kid, OLD.creator_id, OLD.custody, OLD.public_jwk, OLD.registered_at)
       IS DISTINCT FROM (NEW.kid, NEW.creator_id, NEW.custody, NEW.public_jwk, NEW.registered_at) THEN
        RAISE EXCEPTION 'of a creator''s key only its encryption changes'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ledger_creatorkey_stays BEFORE UPDATE ON ledger_creatorkey
    FOR EACH ROW EXECUTE FUNCTION ledger_check_creator_key();
CREATE TRIGGER ledger_creatorkey_is_only_added BEFORE DELETE OR TRUNCATE ON ledger_creatorkey
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
"""

_DROP_KEYS = """
DROP TRIGGER ledger_creatorkey_stays ON ledger_creatorkey;
DROP TRIGGER ledger_creatorkey_is_only_added ON ledger_creatorkey;
DROP FUNCTION ledger_check_creator_key();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0002_only_added"),
        ("people", "0002_creators_keys"),
    ]

    operations = [
        migrations.CreateModel(
            name="Cosignature",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=200)),
                ("key_id", models.CharField(max_length=8)),
                ("line", models.TextField()),
                ("received_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="CreatorKey",
            fields=[
                ("kid", models.CharField(max_length=43, primary_key=True, serialize=False)),
                ("custody", models.CharField(max_length=9)),
                ("public_jwk", models.JSONField()),
                ("encrypted_private", models.BinaryField(null=True)),
                ("registered_at", models.DateTimeField()),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="entry",
            name="ledger_entry_said_once",
        ),
        migrations.AddConstraint(
            model_name="entry",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    (
                        "type__in",
                        (
                            "asset",
                            "dsse",
                            "grant",
                            "index-root",
                            "key",
                            "key-revocation",
                            "key-rotation",
                            "offer",
                            "offer-withdrawal",
                            "policy",
                            "release",
                            "royalty-statement",
                            "split",
                        ),
                    )
                ),
                fields=("type", "subject"),
                name="ledger_entry_said_once",
            ),
        ),
        migrations.AddField(
            model_name="cosignature",
            name="checkpoint",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="cosignatures", to="ledger.checkpoint"
            ),
        ),
        migrations.CreateModel(
            name="CreatorKeyEnd",
            fields=[
                (
                    "key",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="end",
                        serialize=False,
                        to="ledger.creatorkey",
                    ),
                ),
                ("reason", models.CharField(max_length=12)),
                ("ended_at", models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name="creatorkey",
            name="creator",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="signing_keys", to="people.creator"
            ),
        ),
        migrations.AddConstraint(
            model_name="cosignature",
            constraint=models.UniqueConstraint(fields=("checkpoint", "name", "key_id"), name="ledger_cosigned_once"),
        ),
        migrations.AddConstraint(
            model_name="cosignature",
            constraint=models.CheckConstraint(
                condition=models.Q(("line__endswith", "\n"), ("line__startswith", "— ")),
                name="ledger_cosignature_is_a_line",
            ),
        ),
        migrations.AddConstraint(
            model_name="creatorkey",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("custody", "custodial"), ("encrypted_private__isnull", False)),
                    models.Q(("custody", "own"), ("encrypted_private__isnull", True)),
                    _connector="OR",
                ),
                name="ledger_only_custodial_keys_are_kept",
            ),
        ),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER ledger_{name}_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE"
                f" ON ledger_{name} FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();",
                f"DROP TRIGGER ledger_{name}_is_only_added ON ledger_{name};",
            )
            for name in _FULLY
        ),
        migrations.RunSQL(_KEYS, _DROP_KEYS),
    ]
