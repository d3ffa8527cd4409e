"""Guards against rows that no operation writes: currencies that we do not sell in, and months that are not over."""

from django.db import migrations

# What we sell in (marketplace/payouts/currencies.py). Settlement goes through all currencies that there are, so that
# one that nothing else knows would stop the payouts of all others. To sell in one more, a migration adds it here.
CURRENCIES = """
ALTER TABLE payouts_account ADD CONSTRAINT payouts_account_currency_sold CHECK (currency IN ({codes}));
ALTER TABLE payouts_sale ADD CONSTRAINT payouts_sale_currency_sold CHECK (currency IN ({codes}));
"""
CODES = "AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD INR JPY KRW KWD MOP MXN MYR NOK NZD PLN SEK SGD THB TWD USD VND"

# Checks are asked in the order of their names: that the period is a month has been asked before.
MONTHS = """
ALTER TABLE payouts_statement_period ADD CONSTRAINT payouts_period_over_when_closed CHECK (
    closed_at >= (make_date(left(period, 4)::int, right(period, 2)::int, 1) + interval '1 month') AT TIME ZONE 'UTC'
);
"""

# A run has one release, so that looking it up costs nothing.
HOLDS = """
CREATE FUNCTION payouts_check_hold_is_over() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM payouts_royalty_run r WHERE r.id = NEW.run_id AND r.available_at > NEW.released_at) THEN
        RAISE EXCEPTION 'the hold period of run % is not over', NEW.run_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_release_after_hold', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_release_after_hold AFTER INSERT ON payouts_hold_release
    FOR EACH ROW EXECUTE FUNCTION payouts_check_hold_is_over();
"""

# The application writes at most a few thousand payouts in one statement, and few currencies' releases are named.
PAYOUTS = """
CREATE FUNCTION payouts_check_released_through() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    SELECT n.idem_key, n.currency, r.currency AS released INTO bad
      FROM (SELECT min(idem_key) AS idem_key, released_through_id, currency FROM new_rows
             GROUP BY released_through_id, currency) n
      JOIN payouts_hold_release h ON h.id = n.released_through_id JOIN payouts_royalty_run r ON r.id = h.run_id
     WHERE r.currency <> n.currency LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'payout % in % names a release in %', bad.idem_key, bad.currency, bad.released
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_payout_names_its_release', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_payout_names_its_release AFTER INSERT ON payouts_payout
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payouts_check_released_through();
"""

UNDO = """
DROP TRIGGER payouts_payout_names_its_release ON payouts_payout;
DROP FUNCTION payouts_check_released_through();
DROP TRIGGER payouts_release_after_hold ON payouts_hold_release;
DROP FUNCTION payouts_check_hold_is_over();
ALTER TABLE payouts_statement_period DROP CONSTRAINT payouts_period_over_when_closed;
ALTER TABLE payouts_sale DROP CONSTRAINT payouts_sale_currency_sold;
ALTER TABLE payouts_account DROP CONSTRAINT payouts_account_currency_sold;
"""


class Migration(migrations.Migration):
    dependencies = [("payouts", "0014_lines_by_the_million")]
    operations = [
        migrations.RunSQL(
            CURRENCIES.format(codes=", ".join(f"'{code}'" for code in CODES.split())) + MONTHS + HOLDS + PAYOUTS, UNDO
        )
    ]
