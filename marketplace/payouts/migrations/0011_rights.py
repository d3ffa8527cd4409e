from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("payouts", "0010_royalty_lines")]
    operations: list[object] = []
