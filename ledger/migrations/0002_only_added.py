"""Rows of the ledger are only added, and every entry that is stated waits for the sealer."""

from django.db import migrations

_FACTS = ("entry", "leaf", "checkpoint", "anchorintent", "anchorreceipt")

_FUNCTIONS = """
CREATE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% refused: rows of % are only ever added', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
END $$;

CREATE FUNCTION ledger_queue_entries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ledger_pending (entry_id) SELECT id FROM stated;
    RETURN NULL;
END $$;

CREATE TRIGGER ledger_entry_is_queued AFTER INSERT ON ledger_entry
    REFERENCING NEW TABLE AS stated FOR EACH STATEMENT EXECUTE FUNCTION ledger_queue_entries();
"""

_DROP_FUNCTIONS = """
DROP TRIGGER ledger_entry_is_queued ON ledger_entry;
DROP FUNCTION ledger_queue_entries();
DROP FUNCTION ledger_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]

    operations = [
        migrations.RunSQL(_FUNCTIONS, _DROP_FUNCTIONS),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER ledger_{name}_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE"
                f" ON ledger_{name} FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();",
                f"DROP TRIGGER ledger_{name}_is_only_added ON ledger_{name};",
            )
            for name in _FACTS
        ),
    ]
