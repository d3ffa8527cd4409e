"""What a match asks of large tables it asks row by row, planned anew: a plan of the session's first day reads them whole."""

from django.db import migrations

MATCHED = """
CREATE OR REPLACE FUNCTION checkout_check_matched_lines() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    bad record;
    taken bigint;
BEGIN
    EXECUTE $query$
    SELECT t.line_id, t.currency, coalesce(m.amount_minor, 0) AS amount_minor
      FROM (SELECT coalesce(n.together_id, n.line_id) AS line_id, l.currency,
                   sum(CASE WHEN l.is_aside THEN 0 ELSE l.amount_minor - l.fee_minor END) AS net_minor
              FROM new_rows n
             CROSS JOIN LATERAL (SELECT l.currency, l.is_aside, l.amount_minor, l.fee_minor
                                   FROM checkout_provider_line l WHERE l.id = n.line_id OFFSET 0) l
             GROUP BY 1, 2) t
      FULL JOIN (SELECT coalesce(n.together_id, n.line_id) AS line_id, p.currency, sum(p.amount_minor) AS amount_minor
                   FROM new_rows n
                  CROSS JOIN LATERAL (SELECT r.transaction_id FROM checkout_reconciled_transaction r
                                       WHERE r.line_id = n.line_id OFFSET 0) r
                  CROSS JOIN LATERAL (SELECT a.currency, p.amount_minor
                                        FROM payouts_posting p JOIN payouts_account a ON a.id = p.account_id
                                       WHERE p.transaction_id = r.transaction_id
                                         AND a.kind IN ('psp_clearing', 'psp_balance') OFFSET 0) p
                  GROUP BY 1, 2) m USING (line_id, currency)
     WHERE coalesce(t.net_minor, 0) <> coalesce(m.amount_minor, 0) LIMIT 1 $query$ INTO bad;
    IF bad.line_id IS NOT NULL THEN
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
    dependencies = [("checkout", "0025_invoices_and_left_tries")]

    operations = [migrations.RunSQL(MATCHED, migrations.RunSQL.noop)]
