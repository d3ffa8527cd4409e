"""Stray money whose way back was refused for now is asked for again later."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("checkout", "0028_revoked_for_disputes")]

    operations = [
        migrations.RemoveConstraint(model_name="strayreturnstep", name="checkout_stray_step_is_known"),
        migrations.AddConstraint(
            model_name="strayreturnstep",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["pending", "succeeded", "failed", "later"])),
                name="checkout_stray_step_is_known",
            ),
        ),
    ]
