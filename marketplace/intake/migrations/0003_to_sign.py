"""What its creator has to sign before it is published."""

from django.db import migrations, models

_STATES = ["waiting", "unfinished", "refused", "held", "to-sign", "published", "withdrawn"]


class Migration(migrations.Migration):
    dependencies = [("intake", "0002_guards")]

    operations = [
        migrations.RemoveConstraint(model_name="submission", name="intake_submission_state_is_known"),
        migrations.AlterField(
            model_name="submission",
            name="state",
            field=models.CharField(
                choices=[(state, "to be signed" if state == "to-sign" else state) for state in _STATES],
                default="waiting",
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="submission",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", _STATES)), name="intake_submission_state_is_known"
            ),
        ),
    ]
