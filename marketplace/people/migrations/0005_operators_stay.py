"""Who runs the house is a fact, and so is that they do not any more: the database refuses to change either."""

from django.db import migrations

_FUNCTION = """
CREATE FUNCTION people_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% refused: rows of % are only ever added', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("people", "0004_operators")]
    operations = [
        migrations.RunSQL(_FUNCTION, "DROP FUNCTION people_refuse_change();"),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER people_{name}_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE"
                f" ON people_{name} FOR EACH STATEMENT EXECUTE FUNCTION people_refuse_change();",
                f"DROP TRIGGER people_{name}_is_only_added ON people_{name};",
            )
            for name in ("operator", "operatorend")
        ),
    ]
