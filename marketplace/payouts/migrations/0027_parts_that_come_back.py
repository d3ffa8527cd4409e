"""What came back of a payout in part is not paid, and of one that was given up moves nothing in the books."""

import django.db.models.deletion
from django.db import migrations, models

from marketplace.database.guards import said_anew

# What of a payout's transfers came back and was booked, in minor units; nothing of one that came back whole is asked.
CAME_BACK = """
CREATE FUNCTION payouts_came_back(payout uuid) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(r.amount_minor), 0)::bigint
      FROM payouts_attempt t JOIN payouts_transfer_reversal r ON r.transfer_id = t.id
     WHERE t.payout_id = payout AND t.kind = 'transfer' AND r.transaction_id IS NOT NULL
$$;
""" + said_anew("payouts_balances_of(uuid)", "sum(w.amount_minor)", "sum(w.amount_minor - payouts_came_back(w.id))")


class Migration(migrations.Migration):
    dependencies = [("payouts", "0026_checks_and_risk")]
    operations = [
        migrations.AlterField(
            model_name="transferreversal",
            name="transaction",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="payouts.transaction",
            ),
        ),
        migrations.RunSQL(CAME_BACK, migrations.RunSQL.noop),
    ]
