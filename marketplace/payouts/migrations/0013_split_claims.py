from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("payouts", "0012_taxes")]
    operations: list[object] = []
