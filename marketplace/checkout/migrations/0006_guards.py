"""Charges and quotes are only added to; the lines of a charge, and what payees earn of a line, add up."""

from django.db import migrations

_TABLES = ("usagecharge", "usagechargeline", "usageroyalty", "recipequote", "recipequoteline")

_LINES = """
CREATE FUNCTION checkout_check_charge_lines() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad text;
BEGIN
    SELECT c.id::text INTO bad FROM checkout_usagecharge c
      JOIN checkout_usagechargeline l ON l.charge_id = c.id
     WHERE c.id IN (SELECT charge_id FROM new_rows)
     GROUP BY c.id HAVING sum(l.amount_minor) <> c.amount_minor LIMIT 1;
    IF bad IS NOT NULL THEN
        RAISE EXCEPTION 'the lines of charge % do not add up', bad
            USING ERRCODE = 'check_violation', CONSTRAINT = 'checkout_charge_lines_add_up', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER checkout_charge_lines_add_up AFTER INSERT ON checkout_usagechargeline
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION checkout_check_charge_lines();
"""

_ROYALTIES = """
CREATE FUNCTION checkout_check_charge_royalties() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad text;
BEGIN
    SELECT l.id::text INTO bad FROM checkout_usagechargeline l
      JOIN checkout_usageroyalty r ON r.line_id = l.id
     WHERE l.id IN (SELECT line_id FROM new_rows)
     GROUP BY l.id HAVING sum(r.amount_minor) <> l.amount_minor - l.fee_minor LIMIT 1;
    IF bad IS NOT NULL THEN
        RAISE EXCEPTION 'the royalties of charge line % do not add up', bad
            USING ERRCODE = 'check_violation', CONSTRAINT = 'checkout_charge_royalties_add_up', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER checkout_charge_royalties_add_up AFTER INSERT ON checkout_usageroyalty
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION checkout_check_charge_royalties();
"""


class Migration(migrations.Migration):
    dependencies = [("checkout", "0005_uses_of_recipes")]

    operations = [
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER checkout_{name}_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE"
                f" ON checkout_{name} FOR EACH STATEMENT EXECUTE FUNCTION checkout_refuse_change();",
                f"DROP TRIGGER checkout_{name}_is_only_added ON checkout_{name};",
            )
            for name in _TABLES
        ),
        migrations.RunSQL(
            _LINES,
            "DROP TRIGGER checkout_charge_lines_add_up ON checkout_usagechargeline;"
            " DROP FUNCTION checkout_check_charge_lines();",
        ),
        migrations.RunSQL(
            _ROYALTIES,
            "DROP TRIGGER checkout_charge_royalties_add_up ON checkout_usageroyalty;"
            " DROP FUNCTION checkout_check_charge_royalties();",
        ),
    ]
