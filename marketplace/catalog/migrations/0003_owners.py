"""A pack has an owner, who may change; transfers are proposed once at a time, and only added."""

import uuid

import django.db.models.deletion
from django.db import migrations, models

_OWNED = """
DROP TRIGGER catalog_pack_is_fixed ON catalog_pack;
UPDATE catalog_pack SET owner_id = creator_id;
SET CONSTRAINTS ALL IMMEDIATE;
"""

# All but the owner: entries, certificates and addresses name a pack by its creator and handle.
_FIXED = """
CREATE TRIGGER catalog_pack_is_fixed BEFORE UPDATE ON catalog_pack FOR EACH ROW
    WHEN ((OLD.id, OLD.creator_id, OLD.handle, OLD.kind, OLD.created_at)
          IS DISTINCT FROM (NEW.id, NEW.creator_id, NEW.handle, NEW.kind, NEW.created_at))
    EXECUTE FUNCTION catalog_refuse_change();
"""

# Whoever creates a pack owns it; and its owner changes with a transfer that says so, in the same transaction.
_OWNER = """
CREATE FUNCTION catalog_own_pack() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.owner_id := coalesce(NEW.owner_id, NEW.creator_id);
    RETURN NEW;
END $$;
CREATE TRIGGER catalog_pack_has_an_owner BEFORE INSERT ON catalog_pack
    FOR EACH ROW EXECUTE FUNCTION catalog_own_pack();

CREATE FUNCTION catalog_check_owner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM catalog_transfer t
                    WHERE t.pack_id = NEW.id AND t.owner_id = OLD.owner_id AND t.new_owner_id = NEW.owner_id) THEN
        RAISE EXCEPTION 'the owner of pack % changes by a transfer alone', NEW.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER catalog_pack_changes_hands BEFORE UPDATE OF owner_id ON catalog_pack FOR EACH ROW
    WHEN (OLD.owner_id IS DISTINCT FROM NEW.owner_id) EXECUTE FUNCTION catalog_check_owner();
"""

# A proposal ends once; all but its end stays as it was.
_PROPOSALS = """
CREATE FUNCTION catalog_check_proposal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> 'open' OR (OLD.id, OLD.pack_id, OLD.owner_id, OLD.new_owner_id, OLD.kid, OLD.signatures,
                               OLD.proposed_at, OLD.due_at)
       IS DISTINCT FROM (NEW.id, NEW.pack_id, NEW.owner_id, NEW.new_owner_id, NEW.kid, NEW.signatures,
                         NEW.proposed_at, NEW.due_at) THEN
        RAISE EXCEPTION 'of an open proposal only the end is written, and once'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER catalog_proposal_ends_once BEFORE UPDATE ON catalog_transferproposal
    FOR EACH ROW EXECUTE FUNCTION catalog_check_proposal();
CREATE TRIGGER catalog_proposal_stays BEFORE DELETE OR TRUNCATE ON catalog_transferproposal
    FOR EACH STATEMENT EXECUTE FUNCTION catalog_refuse_change();
CREATE TRIGGER catalog_transfer_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON catalog_transfer
    FOR EACH STATEMENT EXECUTE FUNCTION catalog_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0002_only_added"),
        ("people", "0002_creators_keys"),
    ]

    operations = [
        migrations.AddField(
            model_name="pack",
            name="owner",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="owned_packs",
                to="people.creator",
            ),
        ),
        migrations.RunSQL(_OWNED, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="pack",
            name="owner",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="owned_packs", to="people.creator"
            ),
        ),
        migrations.CreateModel(
            name="TransferProposal",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("kid", models.CharField(blank=True, max_length=43)),
                ("signatures", models.JSONField(default=dict)),
                (
                    "state",
                    models.CharField(
                        choices=[(name, name) for name in ("open", "accepted", "declined", "withdrawn", "expired")],
                        default="open",
                        max_length=9,
                    ),
                ),
                ("proposed_at", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "new_owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="people.creator"
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="people.creator"
                    ),
                ),
                (
                    "pack",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="transfer_proposals",
                        to="catalog.pack",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["new_owner", "-proposed_at"], name="catalog_proposals_to")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "open")), fields=("pack",), name="catalog_pack_has_one_proposal"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("owner", models.F("new_owner")), _negated=True),
                        name="catalog_proposal_is_to_another",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ended_at", None), ("state", "open")),
                            models.Q(
                                ("ended_at__isnull", False),
                                ("state__in", ["accepted", "declined", "withdrawn", "expired"]),
                            ),
                            _connector="OR",
                        ),
                        name="catalog_proposal_state_is_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Transfer",
            fields=[
                (
                    "proposal",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        serialize=False,
                        to="catalog.transferproposal",
                    ),
                ),
                ("transferred_at", models.DateTimeField()),
                (
                    "new_owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="people.creator"
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="people.creator"
                    ),
                ),
                (
                    "pack",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="transfers", to="catalog.pack"
                    ),
                ),
            ],
        ),
        migrations.RunSQL(_FIXED, "DROP TRIGGER catalog_pack_is_fixed ON catalog_pack;"),
        migrations.RunSQL(
            _OWNER,
            "DROP TRIGGER catalog_pack_has_an_owner ON catalog_pack; DROP FUNCTION catalog_own_pack();"
            " DROP TRIGGER catalog_pack_changes_hands ON catalog_pack; DROP FUNCTION catalog_check_owner();",
        ),
        migrations.RunSQL(
            _PROPOSALS,
            "DROP TRIGGER catalog_proposal_ends_once ON catalog_transferproposal;"
            " DROP FUNCTION catalog_check_proposal();"
            " DROP TRIGGER catalog_proposal_stays ON catalog_transferproposal;"
            " DROP TRIGGER catalog_transfer_is_only_added ON catalog_transfer;",
        ),
    ]
