"""Proofs of the books are facts as well: what was found wrong is not forgotten."""

from django.db import migrations

APPEND_ONLY = """
CREATE TRIGGER payouts_books_check_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payouts_books_check
    FOR EACH STATEMENT EXECUTE FUNCTION
    payouts_refuse('payouts_books_check_append_only', 'facts are added, never changed');
"""


class Migration(migrations.Migration):
    dependencies = [("payouts", "0010_royalty_lines")]
    operations = [
        migrations.RunSQL(APPEND_ONLY, "DROP TRIGGER payouts_books_check_append_only ON payouts_books_check"),
    ]
