from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("payouts", "0011_rights")]
    operations: list[object] = []
