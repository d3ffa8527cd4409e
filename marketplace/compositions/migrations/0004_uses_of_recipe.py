from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("compositions", "0003_uses_of_studio"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="usageevent",
            index=models.Index(fields=["lock", "-received_at", "-nonce"], name="compositions_uses_of_recipe"),
        ),
    ]
