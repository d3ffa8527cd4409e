"""What is closed on a chain for contracts that others took the place of."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("licensing", "0012_chain_offers"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="chainofferclosing",
            name="licensing_chain_offer_closes_for_a_reason",
        ),
        migrations.AddConstraint(
            model_name="chainofferclosing",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "reason__in",
                        [
                            "withdrawn",
                            "price",
                            "taken-down",
                            "exclusive",
                            "transferred",
                            "asked",
                            "fee",
                            "cancelled",
                            "successor",
                        ],
                    )
                ),
                name="licensing_chain_offer_closes_for_a_reason",
            ),
        ),
    ]
