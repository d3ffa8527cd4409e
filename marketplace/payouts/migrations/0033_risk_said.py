"""Operators say at which level of risk a creator is, whatever the conditions of levels find."""

import django.db.models.deletion
from django.db import migrations, models

from marketplace.database.guards import append_only


class Migration(migrations.Migration):
    dependencies = [("people", "0006_what_keys_are_for"), ("payouts", "0032_ways_by_rail")]

    operations = [
        migrations.CreateModel(
            name="RiskSaid",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("level", models.IntegerField(null=True)),
                ("reason", models.CharField(max_length=400)),
                ("said_by", models.CharField(max_length=200)),
                ("said_at", models.DateTimeField()),
                (
                    "creator",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="people.creator",
                    ),
                ),
            ],
            options={
                "db_table": "payouts_risk_said",
                "indexes": [models.Index(fields=["creator", "-id"], name="payouts_risk_said_newest")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("level", None), models.Q(("level__gte", 0), ("level__lte", 9)), _connector="OR"
                        ),
                        name="payouts_risk_said_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("reason", ""), _negated=True), models.Q(("said_by", ""), _negated=True)
                        ),
                        name="payouts_risk_said_says_why",
                    ),
                ],
            },
        ),
        migrations.RunSQL(append_only("payouts", ("risk_said",)), migrations.RunSQL.noop),
    ]
