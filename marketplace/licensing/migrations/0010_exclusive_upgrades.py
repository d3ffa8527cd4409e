"""An exclusive license may be upgraded: what is of one chain is in nobody's way within it."""

from django.contrib.postgres.constraints import ExclusionConstraint
from django.db import migrations, models
from django.db.models import Q

_BEGAN_WITH_ITSELF = """
ALTER TABLE licensing_exclusivity DISABLE TRIGGER licensing_exclusivity_goes_one_way;
UPDATE licensing_exclusivity SET chain = source;
ALTER TABLE licensing_exclusivity ENABLE TRIGGER licensing_exclusivity_goes_one_way;
"""


class Migration(migrations.Migration):
    dependencies = [("licensing", "0009_held")]

    operations = [
        migrations.AddField(
            "exclusivity", "chain", models.CharField(default="", max_length=80), preserve_default=False
        ),
        migrations.RunSQL(_BEGAN_WITH_ITSELF, migrations.RunSQL.noop),
        migrations.RemoveConstraint("exclusivity", "licensing_exclusive_is_exclusive"),
        migrations.AddConstraint(
            "exclusivity",
            ExclusionConstraint(
                name="licensing_exclusive_is_exclusive",
                expressions=[
                    ("pack", "="),
                    ("fields", "&&"),
                    ("territory", "&&"),
                    ("during", "&&"),
                    ("chain", "<>"),
                ],
                condition=Q(ended_at=None),
            ),
        ),
    ]
