from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("payouts", "0006_reversals")]
    operations: list[object] = []
