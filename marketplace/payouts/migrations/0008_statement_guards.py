"""What the database itself refuses about closed months: each follows the one before, and is what was posted."""

from django.db import migrations

APPEND_ONLY = "".join(
    f"""
CREATE TRIGGER payouts_{table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payouts_{table}
    FOR EACH STATEMENT EXECUTE FUNCTION
    payouts_refuse('payouts_{table}_append_only', 'facts are added, never changed');
"""
    for table in ("statement_period", "statement")
)

# A month begins where the one before it ended, in the numbers of postings, and ends with one on a creator's account.
PERIODS = """
CREATE FUNCTION payouts_check_periods() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    SELECT n.period, n.currency INTO bad FROM new_rows n
      LEFT JOIN LATERAL (
          SELECT b.period, b.through FROM payouts_statement_period b
           WHERE b.currency = n.currency AND b.id <> n.id ORDER BY b.period DESC LIMIT 1
      ) b ON true
     WHERE n.after <> coalesce(b.through, 0)
        OR n.period <> coalesce(to_char(to_date(b.period, 'YYYY-MM') + interval '1 month', 'YYYY-MM'), n.period)
        OR (n.through > n.after AND NOT EXISTS (
               SELECT FROM payouts_posting p JOIN payouts_account a ON a.id = p.account_id
                WHERE p.id = n.through AND a.currency = n.currency AND a.owner_id IS NOT NULL))
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the month % in % does not follow the one before it', bad.period, bad.currency
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_period_follows', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_period_follows AFTER INSERT ON payouts_statement_period
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payouts_check_periods();

CREATE FUNCTION payouts_check_period_is_whole() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE missing uuid;
BEGIN
    IF (SELECT count(*) FROM payouts_statement WHERE period_id = NEW.id) <> NEW.statements THEN
        RAISE EXCEPTION 'the month % in % has not the statements that it counts', NEW.period, NEW.currency
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_period_is_whole', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT due.creator_id INTO missing
      FROM (SELECT m.owner_id AS creator_id
              FROM (SELECT a.owner_id, p.transaction_id
                      FROM payouts_posting p JOIN payouts_account a ON a.id = p.account_id
                     WHERE p.id > NEW.after AND p.id <= NEW.through AND a.currency = NEW.currency
                       AND a.owner_id IS NOT NULL
                     GROUP BY a.owner_id, p.transaction_id HAVING sum(p.amount_minor) <> 0) m
             UNION
            SELECT s.creator_id FROM payouts_statement s JOIN payouts_statement_period b ON b.id = s.period_id
             WHERE s.closing_minor <> 0 AND b.currency = NEW.currency
               AND b.period = to_char(to_date(NEW.period, 'YYYY-MM') - interval '1 month', 'YYYY-MM')) due
     WHERE NOT EXISTS (SELECT FROM payouts_statement s
                        WHERE s.period_id = NEW.id AND s.creator_id = due.creator_id) LIMIT 1;
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'the month % in % has no statement of %', NEW.period, NEW.currency, missing
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_period_is_whole', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER payouts_period_is_whole AFTER INSERT ON payouts_statement_period
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION payouts_check_period_is_whole();
"""

# Opening and closing are what was posted; whoever has no statement in the month before had nothing then.
STATEMENTS = """
CREATE FUNCTION payouts_check_statements() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    SELECT n.creator_id, d.period INTO bad
      FROM new_rows n JOIN payouts_statement_period d ON d.id = n.period_id WHERE n.place >= d.statements LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the month % is closed: no statement of % can be added', bad.period, bad.creator_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_statement_is_counted', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT n.creator_id, d.period INTO bad
      FROM new_rows n JOIN payouts_statement_period d ON d.id = n.period_id
      LEFT JOIN payouts_statement_period b ON b.currency = d.currency
            AND b.period = to_char(to_date(d.period, 'YYYY-MM') - interval '1 month', 'YYYY-MM')
      LEFT JOIN payouts_statement s ON s.period_id = b.id AND s.creator_id = n.creator_id
     WHERE n.opening_minor <> coalesce(s.closing_minor, 0) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the statement of % for % does not open with what the one before closed with',
            bad.creator_id, bad.period
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_statement_carries_on', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT n.creator_id, d.period INTO bad
      FROM new_rows n JOIN payouts_statement_period d ON d.id = n.period_id
      LEFT JOIN payouts_account a ON a.owner_id = n.creator_id AND a.currency = d.currency
      LEFT JOIN payouts_posting p ON p.account_id = a.id AND p.id > d.after AND p.id <= d.through
     GROUP BY n.id, n.creator_id, n.opening_minor, n.closing_minor, d.period
    HAVING n.closing_minor - n.opening_minor <> -coalesce(sum(p.amount_minor), 0) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the statement of % for % is not what was posted', bad.creator_id, bad.period
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_statement_sums_postings',
                  TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_statement_sums_postings AFTER INSERT ON payouts_statement
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payouts_check_statements();
"""


class Migration(migrations.Migration):
    dependencies = [("payouts", "0007_policy_guards")]
    operations = [
        # Of months in which nothing moved, several begin and end with the same posting.
        migrations.RemoveConstraint(model_name="statementperiod", name="payouts_period_follows_once"),
        *(migrations.RunSQL(sql, reverse_sql=migrations.RunSQL.noop) for sql in (APPEND_ONLY, PERIODS, STATEMENTS)),
    ]
