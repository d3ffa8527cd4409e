"""A payout of which a part came back before it failed: what had come is booked as gone, and the rest is given back."""

from django.db import migrations

from marketplace.database.guards import listing_more

MOVES = listing_more("payouts_moves", ["payout_failed -psp_balance"])


class Migration(migrations.Migration):
    dependencies = [("payouts", "0027_parts_that_come_back")]
    operations = [migrations.RunSQL(MOVES, migrations.RunSQL.noop)]
