from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("payouts", "0007_policy_guards")]
    operations: list[object] = []
