"""An operator lets the next payout be made at once, after one that the provider refused for good."""

import django.db.models.deletion
from django.db import migrations, models

from marketplace.database.guards import append_only


class Migration(migrations.Migration):
    dependencies = [("payouts", "0028_payouts_that_end_in_parts")]
    operations = [
        migrations.CreateModel(
            name="PayoutTryAgain",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("by", models.CharField(max_length=200)),
                ("at", models.DateTimeField()),
                (
                    "payout",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="payouts.payout"
                    ),
                ),
            ],
            options={"db_table": "payouts_try_again"},
        ),
        migrations.RunSQL(append_only("payouts", ["try_again"]), migrations.RunSQL.noop),
    ]
