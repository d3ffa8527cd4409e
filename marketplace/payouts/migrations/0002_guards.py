"""What the database itself refuses about money, whoever asks: each refusal carries the name of what was broken."""

from django.db import migrations

FACTS = [
    "split",
    "split_share",
    "transaction",
    "posting",
    "sale",
    "royalty_run",
    "royalty_line",
    "hold_release",
    "payout",
    "payout_outcome",
    "dispute",
    "dispute_outcome",
    "reversal_line",
    "recorded_transfer",
]

# TG_ARGV[0] is the name that the refusal carries, TG_ARGV[1] says what is promised.
REFUSE = """
CREATE FUNCTION payouts_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % refused: %', TG_OP, TG_TABLE_NAME, TG_ARGV[1]
        USING ERRCODE = 'check_violation', CONSTRAINT = TG_ARGV[0], TABLE = TG_TABLE_NAME;
END $$;
"""

APPEND_ONLY = "".join(
    f"""
CREATE TRIGGER payouts_{table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payouts_{table}
    FOR EACH STATEMENT EXECUTE FUNCTION
    payouts_refuse('payouts_{table}_append_only', 'facts are added, never changed');
"""
    for table in FACTS
)

# A split is written whole, in one statement, under the digest of its own document. The document is simple enough
# to be written here: keys in RFC 8785 order, payees as lower-case UUIDs, which sort as text and as UUIDs alike.
SPLITS = """
CREATE FUNCTION payouts_check_split() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    SELECT s.split_id, sum(s.share_ppb) AS sum_ppb INTO bad
      FROM payouts_split_share s WHERE s.split_id IN (SELECT split_id FROM new_rows)
     GROUP BY s.split_id HAVING sum(s.share_ppb) <> 1000000000 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the shares of split % add up to % ppb', bad.split_id, bad.sum_ppb
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_split_sums_to_whole', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT n.split_id INTO bad FROM new_rows n GROUP BY n.split_id
    HAVING n.split_id <> encode(sha256(convert_to('{"format":"worldloom/split/1","shares":[' || string_agg(
               '{"payee":"' || n.payee_id || '","share_ppb":' || n.share_ppb || '}', ',' ORDER BY n.payee_id
           ) || ']}', 'UTF8')), 'hex') LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'split % is not the digest of its shares', bad.split_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_split_digest_matches', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_split_sums_to_whole AFTER INSERT ON payouts_split_share
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payouts_check_split();

CREATE FUNCTION payouts_check_split_has_shares() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM payouts_split_share WHERE split_id = NEW.digest) THEN
        RAISE EXCEPTION 'split % has no shares', NEW.digest
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_split_has_shares', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER payouts_split_has_shares AFTER INSERT ON payouts_split
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION payouts_check_split_has_shares();
"""

# Kept balances move here and nowhere else: raw SQL that posts moves them too, raw SQL that sets them is refused.
# Rows are locked in the order of their ids, so that two postings never wait for each other in a circle.
POSTINGS = """
CREATE FUNCTION payouts_apply_postings() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    SELECT n.transaction_id, a.currency, sum(n.amount_minor) AS off INTO bad
      FROM new_rows n JOIN payouts_account a ON a.id = n.account_id
     GROUP BY n.transaction_id, a.currency HAVING sum(n.amount_minor) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'transaction % is off by % minor units of %', bad.transaction_id, bad.off, bad.currency
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_transaction_balances', TABLE = TG_TABLE_NAME;
    END IF;
    IF (SELECT count(*) FROM payouts_posting p WHERE p.transaction_id IN (SELECT transaction_id FROM new_rows))
       <> (SELECT count(*) FROM new_rows) THEN
        RAISE EXCEPTION 'a transaction is written whole: its postings cannot be added to'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_transaction_written_once',
                  TABLE = TG_TABLE_NAME;
    END IF;
    PERFORM 1 FROM payouts_account a
      WHERE a.balance_minor IS NOT NULL AND a.id IN (SELECT account_id FROM new_rows)
      ORDER BY a.id FOR NO KEY UPDATE;
    IF FOUND THEN
        UPDATE payouts_account a
           SET balance_minor = a.balance_minor
               + CASE a.kind WHEN 'creator_receivable' THEN n.moved ELSE -n.moved END
          FROM (SELECT account_id, sum(amount_minor)::bigint AS moved FROM new_rows GROUP BY account_id) n
         WHERE a.id = n.account_id AND a.balance_minor IS NOT NULL;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_posting_applied AFTER INSERT ON payouts_posting
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payouts_apply_postings();

CREATE FUNCTION payouts_check_transaction_has_postings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM payouts_posting WHERE transaction_id = NEW.id) THEN
        RAISE EXCEPTION 'transaction % has no postings', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_transaction_has_postings',
                  TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER payouts_transaction_has_postings AFTER INSERT ON payouts_transaction
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION payouts_check_transaction_has_postings();

CREATE TRIGGER payouts_account_opens_at_zero BEFORE INSERT ON payouts_account
    FOR EACH ROW WHEN (NEW.balance_minor <> 0)
    EXECUTE FUNCTION payouts_refuse('payouts_account_opens_at_zero', 'a balance is made of postings');
CREATE TRIGGER payouts_account_moved_by_postings BEFORE UPDATE ON payouts_account
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0)
    EXECUTE FUNCTION payouts_refuse('payouts_account_moved_by_postings', 'a balance is made of postings');
CREATE TRIGGER payouts_account_stays BEFORE DELETE OR TRUNCATE ON payouts_account
    FOR EACH STATEMENT EXECUTE FUNCTION payouts_refuse('payouts_account_stays', 'accounts are never closed');
ALTER TABLE payouts_account SET (fillfactor = 60);
"""

# EXECUTE plans each run afresh: a plan kept from a run of ten sales would crawl through a run of a million.
ROYALTIES = """
CREATE FUNCTION payouts_queue_sales() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO payouts_awaiting_allocation (sale_id, currency)
    SELECT id, currency FROM new_rows WHERE net_minor > 0;
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_sale_queued AFTER INSERT ON payouts_sale
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payouts_queue_sales();

CREATE FUNCTION payouts_check_royalty_lines() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    off_sale uuid;
    allocated bigint;
    taken bigint;
BEGIN
    EXECUTE 'SELECT sum.sale_id
               FROM (SELECT sale_id, run_id, sum(amount_minor) AS amount_minor
                       FROM new_rows GROUP BY sale_id, run_id) sum
               JOIN payouts_sale s ON s.id = sum.sale_id
               JOIN payouts_royalty_run r ON r.id = sum.run_id
              WHERE sum.amount_minor <> s.net_minor OR r.currency <> s.currency LIMIT 1' INTO off_sale;
    IF off_sale IS NOT NULL THEN
        RAISE EXCEPTION 'the royalty lines of sale % do not add up to its net amount', off_sale
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_lines_sum_to_net', TABLE = TG_TABLE_NAME;
    END IF;
    EXECUTE 'DELETE FROM payouts_awaiting_allocation w
              USING (SELECT DISTINCT sale_id FROM new_rows) n WHERE w.sale_id = n.sale_id';
    GET DIAGNOSTICS taken = ROW_COUNT;
    EXECUTE 'SELECT count(DISTINCT sale_id) FROM new_rows' INTO allocated;
    IF taken <> allocated THEN
        RAISE EXCEPTION '% sales are allocated and % of them were waiting for it', allocated, taken
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_sale_allocated_once', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_lines_sum_to_net AFTER INSERT ON payouts_royalty_line
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payouts_check_royalty_lines();

CREATE TRIGGER payouts_awaiting_allocation_kept_by_triggers
    BEFORE INSERT OR UPDATE OR DELETE ON payouts_awaiting_allocation
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0)
    EXECUTE FUNCTION payouts_refuse('payouts_awaiting_allocation_kept_by_triggers', 'sales and lines keep it');
CREATE TRIGGER payouts_awaiting_allocation_stays BEFORE TRUNCATE ON payouts_awaiting_allocation
    FOR EACH STATEMENT
    EXECUTE FUNCTION payouts_refuse('payouts_awaiting_allocation_stays', 'sales and lines keep it');
"""

# The payouts of a reservation are written whole, in one statement: one a creator, of what it takes from that creator,
# and it takes nothing else. Asked when payouts are written, and at the end of whatever posted a reservation.
PAYOUTS = """
CREATE FUNCTION payouts_check_reservations(ids uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    SELECT coalesce(w.transaction_id, r.transaction_id) AS id, coalesce(w.creator_id, r.owner_id) AS creator_id,
           coalesce(w.amount_minor, 0) AS paid, coalesce(r.amount_minor, 0) AS reserved INTO bad
      FROM (SELECT transaction_id, creator_id, currency, amount_minor, 'creator_available' AS kind
              FROM payouts_payout WHERE transaction_id = ANY (ids)) w
      FULL JOIN (SELECT p.transaction_id, a.owner_id, a.currency, a.kind, sum(p.amount_minor) AS amount_minor
                   FROM payouts_posting p JOIN payouts_account a ON a.id = p.account_id
                  WHERE p.transaction_id = ANY (ids) AND a.kind <> 'payout_in_flight'
                  GROUP BY p.transaction_id, a.owner_id, a.currency, a.kind) r
        ON r.transaction_id = w.transaction_id AND r.owner_id = w.creator_id AND r.currency = w.currency
           AND r.kind = w.kind
     WHERE w.amount_minor IS DISTINCT FROM r.amount_minor LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'transaction % reserves % for creator % and payouts take %',
                        bad.id, bad.reserved, bad.creator_id, bad.paid
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_payout_equals_reservation',
                  TABLE = 'payouts_payout';
    END IF;
END $$;

CREATE FUNCTION payouts_check_payouts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    SELECT t.id, t.kind INTO bad FROM payouts_transaction t
     WHERE t.id IN (SELECT transaction_id FROM new_rows) AND t.kind <> 'payout_reserve' LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'transaction % is of kind % and reserves no payout', bad.id, bad.kind
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_payout_names_reservation', TABLE = TG_TABLE_NAME;
    END IF;
    PERFORM payouts_check_reservations(ARRAY(SELECT DISTINCT transaction_id FROM new_rows));
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_payout_equals_reservation AFTER INSERT ON payouts_payout
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payouts_check_payouts();

CREATE FUNCTION payouts_check_reservation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM payouts_check_reservations(ARRAY[NEW.id]);
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER payouts_reservation_equals_payouts AFTER INSERT ON payouts_transaction
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.kind = 'payout_reserve')
    EXECUTE FUNCTION payouts_check_reservation();
"""

# A payout is sent and then paid or failed, or failed at once when the rail refuses it; paid and failed are its end.
# Its row is locked first, so that two who write its outcomes see each other's.
OUTCOMES = """
CREATE FUNCTION payouts_check_outcomes() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    PERFORM 1 FROM payouts_payout WHERE id IN (SELECT payout_id FROM new_rows) ORDER BY id FOR NO KEY UPDATE;
    SELECT o.payout_id, string_agg(o.state, ', ' ORDER BY o.id) AS states INTO bad
      FROM payouts_payout_outcome o LEFT JOIN new_rows n ON n.id = o.id
     WHERE o.payout_id IN (SELECT payout_id FROM new_rows)
     GROUP BY o.payout_id
    HAVING string_agg(o.state, ', ' ORDER BY o.id) NOT IN ('sent', 'sent, paid', 'sent, failed', 'failed')
        OR bool_or(n.id IS NULL AND o.state <> 'sent') LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'payout % cannot be: %', bad.payout_id, bad.states
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_outcome_in_order', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_outcome_in_order AFTER INSERT ON payouts_payout_outcome
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payouts_check_outcomes();
"""


class Migration(migrations.Migration):
    dependencies = [("payouts", "0001_initial")]
    operations = [
        migrations.RunSQL(sql, reverse_sql=migrations.RunSQL.noop)
        for sql in (REFUSE, APPEND_ONLY, SPLITS, POSTINGS, ROYALTIES, PAYOUTS, OUTCOMES)
    ]
