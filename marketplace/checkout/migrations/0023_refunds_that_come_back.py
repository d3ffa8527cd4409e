"""How much of a refund that came back went another way: all of it, less where its buyer has the rest, or nothing."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("checkout", "0022_stray_returns"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="refundmended",
            name="checkout_refund_is_mended_one_way",
        ),
        migrations.AddField(
            model_name="refundmended",
            name="amount_minor",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddConstraint(
            model_name="refundmended",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("again__isnull", False), ("amount_minor", None), ("note", "")),
                    models.Q(
                        ("again", None),
                        models.Q(("note", ""), _negated=True),
                        models.Q(("amount_minor", None), ("amount_minor__gt", 0), _connector="OR"),
                    ),
                    models.Q(("again", None), ("amount_minor", 0), ("note", "")),
                    _connector="OR",
                ),
                name="checkout_refund_is_mended_one_way",
            ),
        ),
    ]
