"""A pack may be taken over without its tokens, which are then named as elsewhere: the handover has no wallet."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0007_tokens")]

    operations = [
        migrations.RemoveConstraint(model_name="handover", name="catalog_handover_wallet_is_lower"),
        migrations.AlterField(model_name="handover", name="wallet", field=models.CharField(blank=True, max_length=42)),
        migrations.AddConstraint(
            model_name="handover",
            constraint=models.CheckConstraint(
                condition=models.Q(("wallet", ""), ("wallet__regex", "^0x[0-9a-f]{40}$"), _connector="OR"),
                name="catalog_handover_wallet_is_lower",
            ),
        ),
    ]
