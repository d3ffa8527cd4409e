"""That letters went out for a case, so that they are bounded."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("checkout", "0008_chain_sales"),
    ]

    operations = [
        migrations.AddField(
            model_name="chainsalestep",
            name="told",
            field=models.BooleanField(default=False),
        ),
    ]
