"""Facts are added, never edited: the database refuses the rest."""

from django.db import migrations

_TABLES = ("termstext", "offer", "offerwithdrawal", "grant", "grantstatus", "download")

_FUNCTION = """
CREATE FUNCTION licensing_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% refused: rows of % are only ever added', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("licensing", "0001_initial")]

    operations = [
        migrations.RunSQL(_FUNCTION, "DROP FUNCTION licensing_refuse_change();"),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER licensing_{name}_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE"
                f" ON licensing_{name} FOR EACH STATEMENT EXECUTE FUNCTION licensing_refuse_change();",
                f"DROP TRIGGER licensing_{name}_is_only_added ON licensing_{name};",
            )
            for name in _TABLES
        ),
    ]
