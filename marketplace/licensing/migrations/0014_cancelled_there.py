"""How far the word of the chain on closed offers was read: facts, of which the newest counts."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("licensing", "0013_successors"),
    ]

    operations = [
        migrations.CreateModel(
            name="ChainClosingRead",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("through", models.BigIntegerField()),
                ("read_at", models.DateTimeField()),
            ],
        ),
        migrations.RunSQL(
            "CREATE TRIGGER licensing_chainclosingread_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE"
            " ON licensing_chainclosingread FOR EACH STATEMENT EXECUTE FUNCTION licensing_refuse_change();",
            "DROP TRIGGER licensing_chainclosingread_is_only_added ON licensing_chainclosingread;",
        ),
    ]
