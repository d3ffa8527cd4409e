from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("payouts", "0009_postings")]
    operations: list[object] = []
