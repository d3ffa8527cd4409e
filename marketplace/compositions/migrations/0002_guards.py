"""Facts are added, never edited; a lock is what its digest says, and its shares are the whole."""

from django.db import migrations

_TABLES = (
    "recipe",
    "recipetext",
    "recipelock",
    "lockedpack",
    "recipemask",
    "usagekey",
    "usagekeyend",
    "usagebatch",
    "usageevent",
    "run",
    "servicecall",
    "servicejob",
    "serviceoutcome",
    "runoutcome",
)

_FUNCTION = """
CREATE FUNCTION compositions_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% refused: rows of % are only ever added', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
END $$;
"""

# A share ends once, and nothing else of it changes.
_SHARES = """
CREATE TRIGGER compositions_share_ends_once BEFORE UPDATE ON compositions_recipeshare FOR EACH ROW
    WHEN (OLD.ended_at IS NOT NULL OR NEW.ended_at IS NULL
          OR (OLD.id, OLD.recipe_id, OLD.token, OLD.shared_by_id, OLD.shared_at)
             IS DISTINCT FROM (NEW.id, NEW.recipe_id, NEW.token, NEW.shared_by_id, NEW.shared_at))
    EXECUTE FUNCTION compositions_refuse_change();
CREATE TRIGGER compositions_share_stays BEFORE DELETE OR TRUNCATE ON compositions_recipeshare
    FOR EACH STATEMENT EXECUTE FUNCTION compositions_refuse_change();
"""

_DIGESTS = """
ALTER TABLE compositions_recipelock ADD CONSTRAINT compositions_lock_digest_matches
    CHECK (digest = encode(sha256(document), 'hex'));
ALTER TABLE compositions_recipemask ADD CONSTRAINT compositions_mask_digest_matches
    CHECK (sha256 = encode(sha256(png), 'hex'));
"""

_WHOLE = """
CREATE FUNCTION compositions_check_whole() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad text;
BEGIN
    SELECT p.lock_id INTO bad FROM compositions_lockedpack p
     WHERE p.lock_id IN (SELECT lock_id FROM new_rows)
     GROUP BY p.lock_id HAVING sum(p.share_ppb) <> 1000000000 LIMIT 1;
    IF bad IS NOT NULL THEN
        RAISE EXCEPTION 'the shares of lock % are not the whole', bad
            USING ERRCODE = 'check_violation', CONSTRAINT = 'compositions_shares_are_the_whole', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER compositions_shares_are_the_whole AFTER INSERT ON compositions_lockedpack
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION compositions_check_whole();
"""


class Migration(migrations.Migration):
    dependencies = [("compositions", "0001_initial")]

    operations = [
        migrations.RunSQL(_FUNCTION, "DROP FUNCTION compositions_refuse_change();"),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER compositions_{name}_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE"
                f" ON compositions_{name} FOR EACH STATEMENT EXECUTE FUNCTION compositions_refuse_change();",
                f"DROP TRIGGER compositions_{name}_is_only_added ON compositions_{name};",
            )
            for name in _TABLES
        ),
        migrations.RunSQL(
            _SHARES,
            "DROP TRIGGER compositions_share_ends_once ON compositions_recipeshare;"
            " DROP TRIGGER compositions_share_stays ON compositions_recipeshare;",
        ),
        migrations.RunSQL(
            _DIGESTS,
            "ALTER TABLE compositions_recipelock DROP CONSTRAINT compositions_lock_digest_matches;"
            " ALTER TABLE compositions_recipemask DROP CONSTRAINT compositions_mask_digest_matches;",
        ),
        migrations.RunSQL(
            _WHOLE,
            "DROP TRIGGER compositions_shares_are_the_whole ON compositions_lockedpack;"
            " DROP FUNCTION compositions_check_whole();",
        ),
    ]
