"""Lines that one transaction moved together, such as the transfers of one payout, are the same as it added up."""

import django.db.models.deletion
from django.db import migrations, models

MATCHED = """
CREATE OR REPLACE FUNCTION checkout_check_matched_lines() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    bad record;
    taken bigint;
BEGIN
    SELECT t.line_id, t.currency, coalesce(m.amount_minor, 0) AS amount_minor INTO bad
      FROM (SELECT coalesce(n.together_id, n.line_id) AS line_id, l.currency,
                   sum(CASE WHEN l.is_aside THEN 0 ELSE l.amount_minor - l.fee_minor END) AS net_minor
              FROM new_rows n JOIN checkout_provider_line l ON l.id = n.line_id GROUP BY 1, 2) t
      FULL JOIN (SELECT coalesce(n.together_id, n.line_id) AS line_id, a.currency, sum(p.amount_minor) AS amount_minor
                   FROM new_rows n JOIN checkout_reconciled_transaction r ON r.line_id = n.line_id
                   JOIN payouts_posting p ON p.transaction_id = r.transaction_id
                   JOIN payouts_account a ON a.id = p.account_id AND a.kind IN ('psp_clearing', 'psp_balance')
                  GROUP BY 1, 2) m USING (line_id, currency)
     WHERE coalesce(t.net_minor, 0) <> coalesce(m.amount_minor, 0) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'line % is not what its transactions moved: % of %', bad.line_id, bad.amount_minor, bad.currency
            USING ERRCODE = 'check_violation', CONSTRAINT = 'checkout_line_equals_what_moved', TABLE = TG_TABLE_NAME;
    END IF;
    EXECUTE 'DELETE FROM checkout_provider_line_open o USING new_rows n WHERE o.line_id = n.line_id';
    GET DIAGNOSTICS taken = ROW_COUNT;
    IF taken <> (SELECT count(*) FROM new_rows) THEN
        RAISE EXCEPTION 'a line is matched that does not wait for it'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'checkout_line_is_matched_once', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("checkout", "0020_further_attempts")]

    operations = [
        migrations.AddField(
            model_name="providerlinematched",
            name="together",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="checkout.providerline",
            ),
        ),
        migrations.RunSQL(MATCHED, migrations.RunSQL.noop),
    ]
