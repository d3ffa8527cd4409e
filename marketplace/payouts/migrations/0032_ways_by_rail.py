"""Which of several rails a creator chose, and for which one a payout was reserved."""

from django.db import migrations, models


def _rail() -> models.CharField:
    return models.CharField(blank=True, db_default="", default="", max_length=40)


class Migration(migrations.Migration):
    dependencies = [("payouts", "0031_refunds_beyond")]
    operations = [
        migrations.AddField("payout", "rail", _rail()),
        migrations.AddField("payoutway", "rail", _rail()),
    ]
