"""Rows of the ledger are only added, every entry waits for the sealer, and hashes are those of what they name."""

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

_DIGEST = """
ALTER TABLE ledger_entry ADD CONSTRAINT ledger_entry_digest_matches CHECK (digest = encode(sha256(body), 'hex'));
"""

# A batch of leaves is checked as one, which COPY does not feel: each has its entry's hash (RFC 9162, section 2.1.1),
# and their places go on from the last leaf, so that the highest place tells the number of leaves.
_LEAVES = """
CREATE FUNCTION ledger_check_leaves() RETURNS trigger LANGUAGE plpgsql AS $$
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

CREATE TRIGGER ledger_leaf_is_right AFTER INSERT ON ledger_leaf
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION ledger_check_leaves();
"""

_DROP_LEAVES = """
DROP TRIGGER ledger_leaf_is_right ON ledger_leaf;
DROP FUNCTION ledger_check_leaves();
"""

# PostgreSQL knows no Ed25519 and does not hash the tree again: publishing and every verifier do. Here the row agrees
# with its note and covers the leaves there are. Sizes are unique and stand in the notes, so notes are unique too.
_CHECKPOINTS = """
ALTER TABLE ledger_checkpoint
    ADD CONSTRAINT ledger_checkpoint_note_says_it CHECK (
        split_part(note, E'\\n', 1) <> '' AND split_part(note, E'\\n', 2) = size::text
        AND split_part(note, E'\\n', 3) = encode(root, 'base64')),
    ADD CONSTRAINT ledger_checkpoint_root_is_not_zero CHECK (root <> decode(repeat('00', 32), 'hex'));

CREATE FUNCTION ledger_check_checkpoint() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.size IS DISTINCT FROM (SELECT max(index) + 1 FROM ledger_leaf) THEN
        RAISE EXCEPTION 'a checkpoint of % leaves is not of the leaves there are', NEW.size
            USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER ledger_checkpoint_covers_the_leaves AFTER INSERT ON ledger_checkpoint
    FOR EACH ROW EXECUTE FUNCTION ledger_check_checkpoint();
"""

_DROP_CHECKPOINTS = """
DROP TRIGGER ledger_checkpoint_covers_the_leaves ON ledger_checkpoint;
DROP FUNCTION ledger_check_checkpoint();
ALTER TABLE ledger_checkpoint DROP CONSTRAINT ledger_checkpoint_note_says_it,
    DROP CONSTRAINT ledger_checkpoint_root_is_not_zero;
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
        migrations.RunSQL(_DIGEST, "ALTER TABLE ledger_entry DROP CONSTRAINT ledger_entry_digest_matches;"),
        migrations.RunSQL(_LEAVES, _DROP_LEAVES),
        migrations.RunSQL(_CHECKPOINTS, _DROP_CHECKPOINTS),
    ]
