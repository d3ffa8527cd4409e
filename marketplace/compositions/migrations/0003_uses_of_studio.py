from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("compositions", "0002_guards"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="usageevent",
            index=models.Index(fields=["studio", "-received_at", "-nonce"], name="compositions_uses_of_studio"),
        ),
    ]
