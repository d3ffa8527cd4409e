"""Who runs the house is a fact, and so is that they do not any more: the database refuses to change either."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("people", "0004_operators")]
    operations = [
        # The function stands since 0003.
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER people_{name}_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE"
                f" ON people_{name} FOR EACH STATEMENT EXECUTE FUNCTION people_refuse_change();",
                f"DROP TRIGGER people_{name}_is_only_added ON people_{name};",
            )
            for name in ("operator", "operatorend")
        ),
    ]
