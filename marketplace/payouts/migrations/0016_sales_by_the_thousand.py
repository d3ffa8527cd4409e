"""Sales by the thousand, for less: what a sale names is looked up once a statement, and postings are read once."""

import django.db.models.deletion
from django.db import migrations, models

# As in 0009, but the new postings are read once for all that is asked of them. What is refused is looked at again, to
# say what is wrong with it.
_SET_ASIDE = "('deferred_subscription', 'buyer_credit', 'taken_down', 'chain_claims')"
APPLY = f"""
CREATE OR REPLACE FUNCTION payouts_apply_postings() RETURNS trigger LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    bad record;
    touched record;
    moved bigint;
BEGIN
    SELECT min(g.first) AS first, bool_and(g.known) AS known, bool_and(g.allowed) AS allowed, bool_or(g.kept) AS kept,
           bool_or(g.drawn) AS drawn, bool_and(g.off = 0) AS balanced, sum(g.rows) AS rows INTO touched
      FROM (SELECT min(n.id) AS first, bool_and(a.id IS NOT NULL AND t.id IS NOT NULL) AS known,
                   bool_and(t.kind || CASE WHEN n.amount_minor > 0 THEN ' +' ELSE ' -' END || a.kind
                            = ANY (payouts_moves())) AS allowed,
                   bool_or(a.balance_minor IS NOT NULL) AS kept,
                   bool_or(n.amount_minor > 0 AND a.kind IN {_SET_ASIDE}) AS drawn,
                   sum(n.amount_minor) AS off, count(*) AS rows
              FROM new_rows n LEFT JOIN payouts_account a ON a.id = n.account_id
              LEFT JOIN payouts_transaction t ON t.id = n.transaction_id
             GROUP BY n.transaction_id, a.currency) g;
    IF NOT touched.known THEN
        RAISE EXCEPTION 'a posting names a transaction or an account that does not exist'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'payouts_posting_names_what_is',
                  TABLE = TG_TABLE_NAME;
    END IF;
    IF NOT touched.balanced THEN
        SELECT n.transaction_id, a.currency, sum(n.amount_minor) AS off INTO bad
          FROM new_rows n JOIN payouts_account a ON a.id = n.account_id
         GROUP BY n.transaction_id, a.currency HAVING sum(n.amount_minor) <> 0 LIMIT 1;
        RAISE EXCEPTION 'transaction % is off by % minor units of %', bad.transaction_id, bad.off, bad.currency
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_transaction_balances', TABLE = TG_TABLE_NAME;
    END IF;
    IF (SELECT count(*) FROM payouts_posting p WHERE p.transaction_id IN (SELECT transaction_id FROM new_rows))
       <> touched.rows THEN
        RAISE EXCEPTION 'a transaction is written whole: its postings cannot be added to'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_transaction_written_once',
                  TABLE = TG_TABLE_NAME;
    END IF;
    IF NOT touched.allowed THEN
        SELECT t.kind AS kind, a.kind AS account, n.amount_minor INTO bad
          FROM new_rows n JOIN payouts_account a ON a.id = n.account_id
          JOIN payouts_transaction t ON t.id = n.transaction_id
         WHERE NOT t.kind || CASE WHEN n.amount_minor > 0 THEN ' +' ELSE ' -' END || a.kind = ANY (payouts_moves())
         LIMIT 1;
        RAISE EXCEPTION 'a transaction of kind % does not move % by %', bad.kind, bad.account, bad.amount_minor
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_transaction_moves_its_accounts',
                  TABLE = TG_TABLE_NAME;
    END IF;
    IF touched.first <= (
            SELECT s.through FROM payouts_posting_sample s
             WHERE s.xid <= pg_current_xact_id()::text::bigint ORDER BY s.through DESC LIMIT 1) THEN
        RAISE EXCEPTION 'postings are numbered in the order in which they come'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_posting_comes_last', TABLE = TG_TABLE_NAME;
    END IF;
    IF touched.kept OR touched.drawn THEN
        PERFORM 1 FROM payouts_account a
          WHERE a.id IN (SELECT n.account_id FROM new_rows n JOIN payouts_account o ON o.id = n.account_id
                          WHERE o.balance_minor IS NOT NULL OR n.amount_minor > 0 AND o.kind IN {_SET_ASIDE})
          ORDER BY a.id FOR NO KEY UPDATE;
    END IF;
    IF touched.kept THEN
        UPDATE payouts_account a
           SET balance_minor = a.balance_minor
               + (CASE a.kind WHEN 'creator_receivable' THEN n.moved ELSE -n.moved END)::bigint
          FROM (SELECT account_id, sum(amount_minor) AS moved FROM new_rows GROUP BY account_id) n
         WHERE a.id = n.account_id AND a.balance_minor IS NOT NULL
           AND a.balance_minor + CASE a.kind WHEN 'creator_receivable' THEN n.moved ELSE -n.moved END
               BETWEEN -9223372036854775807 AND 9223372036854775807;
        GET DIAGNOSTICS moved = ROW_COUNT;
        IF moved < (SELECT count(DISTINCT a.id) FROM new_rows n JOIN payouts_account a ON a.id = n.account_id
                     WHERE a.balance_minor IS NOT NULL) THEN
            RAISE EXCEPTION 'an account would hold more than 9223372036854775807 minor units'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_account_balance_fits',
                      TABLE = 'payouts_account';
        END IF;
    END IF;
    IF touched.drawn THEN
        SELECT a.kind, a.currency INTO bad
          FROM (SELECT DISTINCT account_id FROM new_rows WHERE amount_minor > 0) n
          JOIN payouts_account a ON a.id = n.account_id AND a.kind IN {_SET_ASIDE}
         WHERE payouts_sum_of(a.id) > 0 LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'there is not so much % in %', bad.kind, bad.currency
                USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_set_aside_not_overdrawn',
                      TABLE = 'payouts_account';
        END IF;
    END IF;
    RETURN NULL;
END $$;
"""

# As in 0009, and the split must be there. Splits, transactions and sales are never deleted, so that it is enough to
# look for them as a sale comes: a foreign key would look for each by itself, and lock what every sale names. That the
# transaction is there is part of the question whether it posts the sale; the queue is written by triggers alone.
SALES = """
CREATE OR REPLACE FUNCTION payouts_check_sales() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    SELECT s.source, s.split_id INTO bad FROM new_rows s
     WHERE NOT EXISTS (SELECT FROM payouts_split d WHERE d.digest = s.split_id) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'sale % follows the split %, which there is not', bad.source, bad.split_id
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'payouts_sale_names_split', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT s.source INTO bad
      FROM new_rows s
      LEFT JOIN LATERAL (
          SELECT count(*) AS legs, sum(p.amount_minor) FILTER (WHERE a.kind = s.paid_from) AS gross,
                 -sum(p.amount_minor) FILTER (WHERE a.kind = 'tax_payable' AND a.detail = s.tax_of) AS tax,
                 -sum(p.amount_minor) FILTER (WHERE a.kind = 'platform_fee') AS fee,
                 -sum(p.amount_minor) FILTER (WHERE a.kind = 'royalty_unallocated') AS net,
                 bool_and(a.currency = s.currency) AS in_currency
            FROM payouts_posting p JOIN payouts_account a ON a.id = p.account_id
           WHERE p.transaction_id = s.transaction_id) t ON true
      LEFT JOIN payouts_transaction h ON h.id = s.transaction_id
     WHERE h.kind IS DISTINCT FROM 'sale' OR t.gross IS DISTINCT FROM s.gross_minor
        OR t.in_currency IS NOT TRUE OR coalesce(t.tax, 0) <> s.tax_minor OR coalesce(t.fee, 0) <> s.fee_minor
        OR coalesce(t.net, 0) <> s.net_minor
        OR t.legs <> 1 + (s.tax_minor > 0)::int + (s.fee_minor > 0)::int + (s.net_minor > 0)::int LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'sale % is not what its transaction posts', bad.source
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_sale_equals_its_postings', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("payouts", "0015_guards_against_raw_rows")]
    operations = [
        migrations.AlterField(
            model_name="sale",
            name="split",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="sales",
                to="payouts.split",
            ),
        ),
        migrations.AlterField(
            model_name="sale",
            name="transaction",
            field=models.OneToOneField(
                db_constraint=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="payouts.transaction",
            ),
        ),
        migrations.AlterField(
            model_name="awaitingallocation",
            name="sale",
            field=models.OneToOneField(
                db_constraint=False,
                on_delete=django.db.models.deletion.PROTECT,
                primary_key=True,
                related_name="+",
                serialize=False,
                to="payouts.sale",
            ),
        ),
        *(migrations.RunSQL(sql, migrations.RunSQL.noop) for sql in (APPLY, SALES)),
    ]
