"""Leaves are checked against their entries a batch at a time, and no longer one by one."""

import django.db.models.deletion
from django.db import migrations, models

# Entries are never removed, so that each leaf has one needs to be seen once, when the leaf is added. Looking each up in
# the index is right however long the log is; a plan that was made for a short one would read all of a long one.
_LEAVES = """
CREATE OR REPLACE FUNCTION ledger_check_leaves() RETURNS trigger LANGUAGE plpgsql
    SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE bad bigint; lacks boolean; first bigint; last bigint; many bigint;
BEGIN
    SELECT n.index, e.id IS NULL INTO bad, lacks FROM new_rows n LEFT JOIN ledger_entry e ON e.id = n.entry_id
     WHERE n.leaf_hash IS DISTINCT FROM sha256('\\x00'::bytea || e.body) LIMIT 1;
    IF lacks THEN
        RAISE EXCEPTION 'leaf % has no entry', bad
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'ledger_leaf_has_an_entry', TABLE = TG_TABLE_NAME;
    ELSIF bad IS NOT NULL THEN
        RAISE EXCEPTION 'leaf % is not the hash of its entry', bad
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_leaf_hash_matches', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT min(n.index), max(n.index), count(*) INTO first, last, many FROM new_rows n;
    IF many > 0 AND (last - first + 1 <> many OR last <> (SELECT max(l.index) FROM ledger_leaf l)
                     OR first > 0 AND NOT EXISTS (SELECT FROM ledger_leaf l WHERE l.index = first - 1)) THEN
        RAISE EXCEPTION 'leaves % to % do not go on from the last leaf', first, last
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_leaf_goes_on', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
"""

_LEAVES_BEFORE = """
CREATE OR REPLACE FUNCTION ledger_check_leaves() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad bigint; first bigint; last bigint; many bigint;
BEGIN
    SELECT n.index INTO bad FROM new_rows n JOIN ledger_entry e ON e.id = n.entry_id
     WHERE n.leaf_hash <> sha256('\\x00'::bytea || e.body) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'leaf % is not the hash of its entry', bad
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_leaf_hash_matches', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT min(n.index), max(n.index), count(*) INTO first, last, many FROM new_rows n;
    IF many > 0 AND (last - first + 1 <> many OR last <> (SELECT max(l.index) FROM ledger_leaf l)
                     OR first > 0 AND NOT EXISTS (SELECT FROM ledger_leaf l WHERE l.index = first - 1)) THEN
        RAISE EXCEPTION 'leaves % to % do not go on from the last leaf', first, last
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_leaf_goes_on', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0004_index")]

    operations = [
        migrations.RunSQL(_LEAVES, _LEAVES_BEFORE),
        migrations.AlterField(
            model_name="leaf",
            name="entry",
            field=models.OneToOneField(
                db_constraint=False, on_delete=django.db.models.deletion.PROTECT, to="ledger.entry"
            ),
        ),
    ]
