"""For how many days an offer may be tried; rows are only added."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("licensing", "0014_cancelled_there"),
    ]

    operations = [
        migrations.CreateModel(
            name="OfferTrial",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("days", models.PositiveSmallIntegerField()),
                ("since", models.DateTimeField()),
                (
                    "offer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="trials", to="licensing.offer"
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("days__lte", 90)), name="licensing_trial_is_short")
                ],
            },
        ),
        migrations.RunSQL(
            "CREATE TRIGGER licensing_offertrial_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE"
            " ON licensing_offertrial FOR EACH STATEMENT EXECUTE FUNCTION licensing_refuse_change();",
            "DROP TRIGGER licensing_offertrial_is_only_added ON licensing_offertrial;",
        ),
    ]
