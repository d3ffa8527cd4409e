"""Each key is for one thing; those of creators that are there already go on uploading, and do nothing else."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("people", "0005_operators_stay")]
    operations = [
        migrations.AddField(
            model_name="apikey",
            name="use",
            field=models.CharField(max_length=12, default="licensing"),
            preserve_default=False,
        ),
        migrations.RunSQL(
            "UPDATE people_apikey SET use = 'uploads' WHERE creator_id IS NOT NULL", migrations.RunSQL.noop
        ),
        migrations.AddConstraint(
            model_name="apikey",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("studio__isnull", False), ("use", "licensing")),
                    models.Q(("creator__isnull", False), ("use__in", ["uploads", "statements"])),
                    _connector="OR",
                ),
                name="people_key_is_for_one_use",
            ),
        ),
    ]
