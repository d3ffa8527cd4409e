"""Money that goes back to whom it came from astray is followed until it is there."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("checkout", "0021_lines_together")]

    operations = [
        migrations.CreateModel(
            name="StrayReturnStep",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("state", models.CharField(max_length=10)),
                ("reference", models.CharField(db_index=True, max_length=120)),
                ("look_at", models.DateTimeField(null=True)),
                ("at", models.DateTimeField()),
                (
                    "payment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="steps",
                        to="checkout.straypayment",
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["pending", "succeeded", "failed"])),
                        name="checkout_stray_step_is_known",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "pending"), _negated=True),
                        fields=("payment", "reference", "state"),
                        name="checkout_stray_arrives_once",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            "CREATE TRIGGER checkout_strayreturnstep_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE"
            " ON checkout_strayreturnstep FOR EACH STATEMENT EXECUTE FUNCTION checkout_refuse_change();",
            "DROP TRIGGER checkout_strayreturnstep_is_only_added ON checkout_strayreturnstep;",
        ),
    ]
