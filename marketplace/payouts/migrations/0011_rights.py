"""Proofs of the books and what providers settled are facts as well: no row of them is changed or forgotten."""

from django.db import migrations

_FACTS = ("books_check", "provider_settlement")


class Migration(migrations.Migration):
    dependencies = [("payouts", "0010_royalty_lines")]
    operations = [
        migrations.RunSQL(
            f"CREATE TRIGGER payouts_{name}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payouts_{name}"
            " FOR EACH STATEMENT EXECUTE FUNCTION"
            f" payouts_refuse('payouts_{name}_append_only', 'facts are added, never changed')",
            f"DROP TRIGGER payouts_{name}_append_only ON payouts_{name}",
        )
        for name in _FACTS
    ]
