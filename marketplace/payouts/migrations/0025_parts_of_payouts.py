"""Payouts that are transferred in parts, one a charge that is not available yet, and when charges are."""

from django.db import migrations, models

from marketplace.database.guards import append_only, said_anew

APPEND_ONLY = append_only("payouts", ("sale_charge", "charge_available"))

# Each part of a payout is tried again only when its last transfer was refused, whatever that drew on; and each
# transfer has a bank payout under way at a time.
ATTEMPTS = said_anew("payouts_check_attempts()", "b.charge = n.charge", "b.part = n.part")


class Migration(migrations.Migration):
    dependencies = [("payouts", "0024_deferrals")]
    operations = [
        migrations.CreateModel(
            name="ChargeAvailable",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("charge", models.CharField(max_length=64, unique=True)),
                ("currency", models.CharField(max_length=3)),
                ("available_at", models.DateTimeField()),
                ("heard_at", models.DateTimeField()),
            ],
            options={"db_table": "payouts_charge_available"},
        ),
        migrations.CreateModel(
            name="SaleCharge",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("source", models.CharField(max_length=200, unique=True)),
                ("charge", models.CharField(db_index=True, max_length=64)),
                ("at", models.DateTimeField(db_index=True)),
            ],
            options={"db_table": "payouts_sale_charge"},
        ),
        migrations.AddField("payoutattempt", "part", models.IntegerField(db_default=1, default=1)),
        *(migrations.RunSQL(sql, reverse_sql=migrations.RunSQL.noop) for sql in (APPEND_ONLY, ATTEMPTS)),
    ]
