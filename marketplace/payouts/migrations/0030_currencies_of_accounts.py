"""Which currencies the bank accounts of a creator's account with the provider take."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("payouts", "0029_later_each_time")]
    operations = [
        migrations.AddField(
            "connectedaccountstate",
            "currencies",
            models.CharField(blank=True, db_default="", default="", max_length=200),
        ),
    ]
