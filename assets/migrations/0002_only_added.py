"""Rows about bytes are only added: a blob, what was found in it, its previews."""

from django.db import migrations

_TABLES = ("blob", "asset", "previewimage")

_FUNCTION = """
CREATE FUNCTION assets_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% refused: rows of % are only ever added', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("assets", "0001_initial")]

    operations = [
        migrations.RunSQL(_FUNCTION, "DROP FUNCTION assets_refuse_change();"),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER assets_{name}_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE"
                f" ON assets_{name} FOR EACH STATEMENT EXECUTE FUNCTION assets_refuse_change();",
                f"DROP TRIGGER assets_{name}_is_only_added ON assets_{name};",
            )
            for name in _TABLES
        ),
    ]
