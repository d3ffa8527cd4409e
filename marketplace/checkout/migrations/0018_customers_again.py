"""A customer that was deleted at the gateway is followed by another."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("checkout", "0017_papers")]

    operations = [
        migrations.RemoveConstraint(model_name="gatewaycustomer", name="checkout_customer_of_a_studio_is_one"),
        migrations.AddField(model_name="gatewaycustomer", name="number", field=models.PositiveIntegerField(default=1)),
        migrations.AddConstraint(
            model_name="gatewaycustomer",
            constraint=models.UniqueConstraint(
                fields=("studio", "gateway", "number"), name="checkout_customers_are_numbered"
            ),
        ),
    ]
