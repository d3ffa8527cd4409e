from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("payouts", "0008_statement_guards")]
    operations: list[object] = []
