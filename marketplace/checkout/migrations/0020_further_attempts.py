"""Further tries of an order are few, and looked for often."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("checkout", "0019_subscriptions")]

    operations = [
        migrations.AddIndex(
            model_name="paymentattempt",
            index=models.Index(
                condition=models.Q(("number__gte", 2)), fields=["order"], name="checkout_further_attempts"
            ),
        ),
    ]
