"""A creator's key may read statements and payouts, and choose how its creator is paid."""

from django.db import migrations, models

NAME = "people_key_is_for_one_use"
USES = models.Q(
    models.Q(("studio__isnull", False), ("use", "licensing")),
    models.Q(("creator__isnull", False), ("use__in", ["uploads", "statements", "payouts"])),
    _connector="OR",
)


class Migration(migrations.Migration):
    dependencies = [("people", "0006_what_keys_are_for")]
    operations = [
        migrations.RemoveConstraint("apikey", NAME),
        migrations.AddConstraint("apikey", models.CheckConstraint(condition=USES, name=NAME)),
    ]
