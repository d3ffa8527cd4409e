from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("payouts", "0005_chart_and_policies")]
    operations: list[object] = []
