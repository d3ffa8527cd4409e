import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("people", "0001_initial")]

    operations = [
        migrations.AlterField(
            model_name="apikey",
            name="studio",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="api_keys",
                to="people.studio",
            ),
        ),
        migrations.AddField(
            model_name="apikey",
            name="creator",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="api_keys",
                to="people.creator",
            ),
        ),
        migrations.AddConstraint(
            model_name="apikey",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("creator__isnull", True), ("studio__isnull", False)),
                    models.Q(("creator__isnull", False), ("studio__isnull", True)),
                    _connector="OR",
                ),
                name="people_key_is_of_a_studio_or_a_creator",
            ),
        ),
    ]
