"""Claims and what happened to them are only added; what was published stays published."""

from django.db import migrations

_FUNCTIONS = """
CREATE FUNCTION intake_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% refused: rows of % are only ever added', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
END $$;

CREATE FUNCTION intake_keep_published() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state = 'published' THEN
        RAISE EXCEPTION '% refused: submission % is published', TG_OP, OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;

CREATE TRIGGER intake_published_stays BEFORE UPDATE OR DELETE ON intake_submission
    FOR EACH ROW EXECUTE FUNCTION intake_keep_published();
"""


class Migration(migrations.Migration):
    dependencies = [("intake", "0001_initial")]

    operations = [
        migrations.RunSQL(
            _FUNCTIONS,
            "DROP TRIGGER intake_published_stays ON intake_submission; DROP FUNCTION intake_keep_published();"
            " DROP FUNCTION intake_refuse_change();",
        ),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER intake_{name}_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE"
                f" ON intake_{name} FOR EACH STATEMENT EXECUTE FUNCTION intake_refuse_change();",
                f"DROP TRIGGER intake_{name}_is_only_added ON intake_{name};",
            )
            for name in ("claim", "claimevent")
        ),
    ]
