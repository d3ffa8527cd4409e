"""Postings in one call to the database, what each kind of transaction may move, and sums that stay readable."""

import uuid

import django.db.models.deletion
from django.db import migrations, models

# Kind of transaction → the kinds of accounts that it may debit | and that it may credit. What gives back mirrors what
# took. A migration that adds a kind says the whole table again.
MOVES = """
sale: psp_clearing deferred_subscription buyer_credit taken_down | tax_payable platform_fee royalty_unallocated
subscription_paid: psp_clearing psp_balance | deferred_subscription tax_payable
psp_settled: psp_clearing psp_balance psp_fee suspense | psp_clearing psp_balance suspense
bank_transfer: bank psp_balance chain_escrow psp_fee suspense | bank psp_balance chain_escrow suspense
royalty_run: royalty_unallocated | creator_pending
hold_release: creator_pending | creator_available creator_reserve creator_receivable
reserve_release: creator_reserve | creator_available creator_receivable creator_claim_hold
refund: tax_payable platform_fee royalty_unallocated taken_down creator_claim_hold creator_pending creator_reserve
    creator_available creator_receivable | psp_clearing psp_balance buyer_credit deferred_subscription
    creator_claim_hold
refund_failed: psp_clearing psp_balance buyer_credit deferred_subscription creator_claim_hold | tax_payable platform_fee
    royalty_unallocated taken_down creator_claim_hold creator_pending creator_reserve creator_available
    creator_receivable
dispute_opened: dispute_suspense dispute_fee creator_claim_hold creator_pending creator_reserve creator_available
    creator_receivable | psp_clearing psp_balance creator_dispute_hold creator_claim_hold
dispute_won: psp_clearing psp_balance creator_dispute_hold taken_down | dispute_suspense creator_claim_hold
    creator_pending creator_reserve creator_available creator_receivable
dispute_lost: creator_dispute_hold tax_payable platform_fee taken_down dispute_loss | dispute_suspense
dispute_fee: dispute_fee psp_clearing psp_balance | dispute_fee psp_clearing psp_balance
takedown: royalty_unallocated creator_claim_hold creator_pending creator_reserve creator_available creator_receivable |
    taken_down
takedown_lifted: taken_down | royalty_unallocated creator_claim_hold creator_pending creator_reserve creator_available
    creator_receivable
claim_held: creator_pending creator_reserve creator_available | creator_claim_hold
claim_released: creator_claim_hold | creator_pending creator_reserve creator_available creator_receivable
payout_reserve: creator_available | payout_in_flight
payout_sent: payout_in_flight | bank psp_balance chain_escrow
payout_failed: payout_in_flight bank psp_balance | creator_available creator_receivable creator_claim_hold
payout_returned: bank psp_balance payout_in_flight | creator_available creator_receivable creator_claim_hold
transfer_reversed: psp_balance | creator_receivable
write_off: bad_debt | creator_receivable
exchange: psp_balance bank fx_position fx_loss psp_fee | psp_balance bank fx_position fx_gain
credit_given: psp_clearing platform_fee | buyer_credit
chain_claim_published: creator_available | chain_claims
chain_claimed: chain_claims | chain_escrow
"""


def moves() -> list[str]:
    """Return "kind +account" for what a kind may debit and "kind -account" for what it may credit."""
    listed = []
    for line in MOVES.replace("\n    ", " ").strip().splitlines():
        kind, sides = line.split(":")
        for sign, accounts in zip("+-", sides.split("|"), strict=True):
            listed += [f"{kind} {sign}{account}" for account in accounts.split()]
    return listed


MAY_MOVE = f"""
CREATE FUNCTION payouts_moves() RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT '{{{",".join(moves())}}}'::text[]
$$;
"""

# Transactions and accounts are never deleted, so it is enough to look for them here, once for all rows: a foreign key
# would ask for each, and lock the house's accounts in every sale.
# Kept balances move here and nowhere else, in the order of their ids, so that two never wait in a circle. What the
# house set aside for others is summed, and drawn seldom: whoever draws it waits in line, and never takes more.
# No number that a sample has passed may come later: see payouts_check_checkpoints.
_SET_ASIDE = "('deferred_subscription', 'buyer_credit', 'taken_down', 'chain_claims')"
APPLY = f"""
CREATE OR REPLACE FUNCTION payouts_apply_postings() RETURNS trigger LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    bad record;
    touched record;
    moved bigint;
BEGIN
    SELECT min(n.id) AS first, bool_and(a.id IS NOT NULL AND t.id IS NOT NULL) AS known,
           bool_and(t.kind || CASE WHEN n.amount_minor > 0 THEN ' +' ELSE ' -' END || a.kind = ANY (payouts_moves()))
               AS allowed,
           bool_or(a.balance_minor IS NOT NULL) AS kept,
           bool_or(n.amount_minor > 0 AND a.kind IN {_SET_ASIDE}) AS drawn INTO touched
      FROM new_rows n LEFT JOIN payouts_account a ON a.id = n.account_id
      LEFT JOIN payouts_transaction t ON t.id = n.transaction_id;
    IF NOT touched.known THEN
        RAISE EXCEPTION 'a posting names a transaction or an account that does not exist'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'payouts_posting_names_what_is',
                  TABLE = TG_TABLE_NAME;
    END IF;
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

# A transaction and its postings are written in one statement, so its end is when they are asked for, all at once.
WHOLE = """
DROP TRIGGER payouts_transaction_has_postings ON payouts_transaction;
CREATE OR REPLACE FUNCTION payouts_check_transaction_has_postings() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    SELECT n.id INTO bad FROM new_rows n
     WHERE NOT EXISTS (SELECT FROM payouts_posting p WHERE p.transaction_id = n.id) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'transaction % has no postings', bad.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_transaction_has_postings',
                  TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_transaction_has_postings AFTER INSERT ON payouts_transaction
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payouts_check_transaction_has_postings();
-- Indexes for LIKE that come with every unique text, and that nothing asks.
DROP INDEX IF EXISTS payouts_transaction_idem_key_6eccecf0_like;
DROP INDEX IF EXISTS payouts_sale_source_da2df808_like;
DROP INDEX IF EXISTS payouts_sale_split_id_0bc8b836_like;
"""

# The one door, as a call: its statements are planned once a connection, and not anew for each number of legs. Accounts
# that are missing are opened, in one order. False says that the key was there before, and that nothing was written.
POST = """
CREATE FUNCTION payouts_open_accounts(currencies text[], kinds text[], owners uuid[], details text[])
RETURNS void LANGUAGE sql AS $$
    INSERT INTO payouts_account (currency, kind, owner_id, detail, balance_minor)
    SELECT DISTINCT l.currency, l.kind, l.owner_id, l.detail, CASE WHEN l.owner_id IS NOT NULL THEN 0 END
      FROM unnest(currencies, kinds, owners, details) AS l (currency, kind, owner_id, detail)
     ORDER BY l.currency, l.kind, l.owner_id, l.detail
        ON CONFLICT DO NOTHING
$$;

CREATE FUNCTION payouts_post(
    named uuid, kind text, source text, key text, content text, at timestamptz, currency text,
    kinds text[], owners uuid[], details text[], amounts bigint[]
) RETURNS boolean LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    accounts bigint[];
    legs bigint[];
BEGIN
    FOR turn IN 1..2 LOOP
        SELECT array_agg(f.id ORDER BY f.place), array_agg(f.amount_minor ORDER BY f.place) INTO accounts, legs
          FROM (SELECT a.id, l.amount_minor, l.place
                  FROM unnest(kinds, details, owners, amounts) WITH ORDINALITY
                       AS l (kind, detail, owner_id, amount_minor, place)
                  JOIN payouts_account a ON a.kind = l.kind AND a.currency = payouts_post.currency
                       AND a.owner_id IS NULL AND a.detail = l.detail
                 WHERE l.owner_id IS NULL
                 UNION ALL
                SELECT a.id, l.amount_minor, l.place
                  FROM unnest(kinds, details, owners, amounts) WITH ORDINALITY
                       AS l (kind, detail, owner_id, amount_minor, place)
                  JOIN payouts_account a ON a.kind = l.kind AND a.currency = payouts_post.currency
                       AND a.owner_id = l.owner_id AND a.detail = l.detail) f;
        EXIT WHEN cardinality(accounts) = cardinality(kinds);
        IF EXISTS (SELECT FROM payouts_transaction t WHERE t.idem_key = key) THEN
            RETURN false;  -- no account is opened for what was posted otherwise
        END IF;
        PERFORM payouts_open_accounts(array_fill(payouts_post.currency, ARRAY[cardinality(kinds)]),
                                      kinds, owners, details);
    END LOOP;
    WITH made AS (
        INSERT INTO payouts_transaction (id, kind, source, idem_key, content_sha256, occurred_at)
        VALUES (named, payouts_post.kind, payouts_post.source, key, content, at)
            ON CONFLICT (idem_key) DO NOTHING RETURNING id
    )
    INSERT INTO payouts_posting (transaction_id, account_id, amount_minor)
    SELECT made.id, l.account_id, l.amount_minor FROM made, unnest(accounts, legs) AS l (account_id, amount_minor);
    RETURN FOUND;
END $$;
"""

# Sales by their columns, any number of them, in the order given. Keys are taken in the order of sources, so that two
# batches never wait in a circle. Returns how many are new; where a source was there, nothing is written for it.
SALES = """
CREATE FUNCTION payouts_record_sales(
    ids uuid[], transactions uuid[], sources text[], contents text[], splits text[], subjects text[],
    currencies text[], grosses bigint[], taxes bigint[], fees bigint[], taxes_of text[], paid_froms text[],
    at timestamptz
) RETURNS bigint LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    recorded bigint;
    missing bigint;
    named uuid[];
    accounts bigint[];
    legs bigint[];
    leg_currencies text[];
    leg_kinds text[];
    leg_details text[];
BEGIN
    FOR turn IN 1..2 LOOP
        SELECT array_agg(l.named ORDER BY l.place, l.leg), array_agg(a.id ORDER BY l.place, l.leg),
               array_agg(l.amount_minor ORDER BY l.place, l.leg), count(*) FILTER (WHERE a.id IS NULL),
               array_agg(l.currency) FILTER (WHERE a.id IS NULL), array_agg(l.kind) FILTER (WHERE a.id IS NULL),
               array_agg(l.detail) FILTER (WHERE a.id IS NULL)
          INTO named, accounts, legs, missing, leg_currencies, leg_kinds, leg_details
          FROM (SELECT s.named, s.currency, s.place, v.*
                  FROM unnest(transactions, currencies, grosses, taxes, fees, taxes_of, paid_froms) WITH ORDINALITY
                       AS s (named, currency, gross, tax, fee, tax_of, paid_from, place)
                 CROSS JOIN LATERAL (VALUES (1, s.paid_from, '', s.gross), (2, 'tax_payable', s.tax_of, -s.tax),
                                            (3, 'platform_fee', '', -s.fee),
                                            (4, 'royalty_unallocated', '', s.tax + s.fee - s.gross)
                                    ) AS v (leg, kind, detail, amount_minor)
                 WHERE v.amount_minor <> 0) l
          LEFT JOIN payouts_account a ON a.kind = l.kind AND a.currency = l.currency AND a.owner_id IS NULL
               AND a.detail = l.detail;
        EXIT WHEN missing = 0;
        IF NOT EXISTS (SELECT FROM unnest(sources) AS s (source) WHERE NOT EXISTS (
                           SELECT FROM payouts_transaction t WHERE t.idem_key = 'sale:' || s.source)) THEN
            RETURN 0;  -- no account is opened for what was recorded otherwise
        END IF;
        PERFORM payouts_open_accounts(leg_currencies, leg_kinds, array_fill(NULL::uuid, ARRAY[missing::int]),
                                      leg_details);
    END LOOP;
    WITH made AS (
        INSERT INTO payouts_transaction (id, kind, source, idem_key, content_sha256, occurred_at)
        SELECT s.id, 'sale', s.source, 'sale:' || s.source, s.content, at
          FROM unnest(transactions, sources, contents) AS s (id, source, content) ORDER BY s.source, s.id
            ON CONFLICT (idem_key) DO NOTHING RETURNING id
    ), posted AS (
        INSERT INTO payouts_posting (transaction_id, account_id, amount_minor)
        SELECT l.named, l.account_id, l.amount_minor
          FROM unnest(named, accounts, legs) WITH ORDINALITY AS l (named, account_id, amount_minor, place)
          JOIN made ON made.id = l.named ORDER BY l.place
    )
    INSERT INTO payouts_sale (id, source, split_id, subject, currency, gross_minor, tax_minor, fee_minor, net_minor,
                              tax_of, paid_from, sold_at, transaction_id)
    SELECT s.id, s.source, s.split_id, s.subject, s.currency, s.gross, s.tax, s.fee, s.gross - s.tax - s.fee,
           s.tax_of, s.paid_from, at, s.named
      FROM unnest(ids, transactions, sources, splits, subjects, currencies, grosses, taxes, fees, taxes_of, paid_froms)
           WITH ORDINALITY
           AS s (id, named, source, split_id, subject, currency, gross, tax, fee, tax_of, paid_from, place)
      JOIN made ON made.id = s.named ORDER BY s.place;
    GET DIAGNOSTICS recorded = ROW_COUNT;
    RETURN recorded;
END $$;

CREATE FUNCTION payouts_check_sales() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
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
CREATE TRIGGER payouts_sale_equals_its_postings AFTER INSERT ON payouts_sale
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payouts_check_sales();
"""

# A sample says: all postings up to `through` had their numbers before any transaction from `xid` on began to write. It
# fills itself, one at a time, as the first thing that its transaction writes, so that neither can be made up.
# A checkpoint may count up to a sample once every transaction before the NEXT sample has ended; docs/decisions/0031
# proves that nothing up to `through` can come any more. Numbers of another cluster (a restored copy) mean nothing.
CHECKPOINTS = """
CREATE FUNCTION payouts_take_sample() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(458949, 0);
    IF pg_current_xact_id_if_assigned() IS NOT NULL THEN
        RAISE EXCEPTION 'a sample is the first that its transaction writes'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_sample_comes_first', TABLE = TG_TABLE_NAME;
    END IF;
    NEW.through := coalesce((SELECT max(id) FROM payouts_posting), 0);
    NEW.xid := pg_current_xact_id()::text::bigint;
    NEW.cluster := (SELECT system_identifier::text FROM pg_control_system());
    RETURN NEW;
END $$;
CREATE TRIGGER payouts_sample_comes_first BEFORE INSERT ON payouts_posting_sample
    FOR EACH ROW EXECUTE FUNCTION payouts_take_sample();

CREATE FUNCTION payouts_check_checkpoints() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    SELECT n.account_id INTO bad FROM new_rows n
     WHERE NOT EXISTS (
           SELECT FROM payouts_posting_sample s JOIN payouts_posting_sample after ON after.xid > s.xid
            WHERE s.through = n.through AND after.cluster = s.cluster
              AND s.cluster = (SELECT system_identifier::text FROM pg_control_system())
              AND after.xid <= (
                      SELECT coalesce(min(x.xid::text::bigint), pg_snapshot_xmax(pg_current_snapshot())::text::bigint)
                        FROM pg_snapshot_xip(pg_current_snapshot()) AS x (xid)
                       WHERE NOT EXISTS (SELECT FROM pg_stat_activity v
                                          WHERE v.datname <> current_database() AND v.backend_xid = x.xid::xid))) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'postings of account % may still come under a checkpoint', bad.account_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_checkpoint_is_settled', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT n.account_id INTO bad
      FROM new_rows n JOIN payouts_account a ON a.id = n.account_id
      LEFT JOIN LATERAL (SELECT c.through, c.sum_minor, c.postings FROM payouts_summed_checkpoint c
                          WHERE c.account_id = n.account_id AND c.through < n.through
                          ORDER BY c.through DESC LIMIT 1) c ON true
      LEFT JOIN LATERAL (SELECT sum(p.amount_minor) AS sum_minor, count(*) AS postings FROM payouts_posting p
                          WHERE p.account_id = n.account_id AND p.id > coalesce(c.through, 0)
                            AND p.id <= n.through) p ON true
     WHERE a.balance_minor IS NOT NULL
        OR n.sum_minor <> coalesce(c.sum_minor, 0) + coalesce(p.sum_minor, 0)
        OR n.postings <> coalesce(c.postings, 0) + p.postings LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'a checkpoint of account % is not the sum of its postings', bad.account_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_checkpoint_sums', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_checkpoint_sums AFTER INSERT ON payouts_summed_checkpoint
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payouts_check_checkpoints();

CREATE TRIGGER payouts_summed_checkpoint_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payouts_summed_checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION
    payouts_refuse('payouts_summed_checkpoint_append_only', 'facts are added, never changed');
CREATE TRIGGER payouts_posting_sample_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payouts_posting_sample
    FOR EACH STATEMENT EXECUTE FUNCTION
    payouts_refuse('payouts_posting_sample_append_only', 'facts are added, never changed');

CREATE FUNCTION payouts_sum_of(account bigint) RETURNS numeric LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT coalesce(c.sum_minor, 0) + coalesce((SELECT sum(p.amount_minor) FROM payouts_posting p
                                                         WHERE p.account_id = account
                                                           AND p.id > coalesce(c.through, 0)), 0)
              FROM (SELECT) one
              LEFT JOIN LATERAL (SELECT k.through, k.sum_minor FROM payouts_summed_checkpoint k
                                  WHERE k.account_id = account ORDER BY k.through DESC LIMIT 1) c ON true);
END $$;
"""


# A creator's balances, planned once a connection: a page asks them for every visit.
BALANCES = """
CREATE FUNCTION payouts_balances_of(creator uuid) RETURNS TABLE (
    currency text, pending_minor bigint, next_available_at timestamptz, reserved_minor bigint, available_minor bigint,
    on_hold_minor bigint, frozen_minor bigint, owed_minor bigint, on_the_way_minor bigint, paid_minor bigint
) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT a.currency::text, a.pending,
           CASE WHEN a.pending > 0 THEN (
               SELECT r.available_at FROM payouts_royalty_run r
                WHERE r.currency = a.currency AND NOT EXISTS (SELECT FROM payouts_hold_release h WHERE h.run_id = r.id)
                  AND EXISTS (SELECT FROM payouts_posting q
                               WHERE q.transaction_id = r.transaction_id AND q.account_id = a.pending_account)
                  AND (a.frozen = 0 OR EXISTS (
                      SELECT FROM payouts_royalty_line l WHERE l.run_id = r.id AND l.payee_id = creator
                         AND NOT EXISTS (SELECT FROM payouts_claim_hold_line k WHERE k.line_id = l.id
                            AND NOT EXISTS (SELECT FROM payouts_claim_hold_end e WHERE e.hold_id = k.id))))
                ORDER BY r.available_at LIMIT 1) END,
           a.reserved, a.available, a.on_hold, a.frozen, a.owed,
           coalesce(p.taken - p.paid, 0)::bigint, coalesce(p.paid, 0)::bigint
      FROM (SELECT o.currency, max(o.id) FILTER (WHERE o.kind = 'creator_pending') AS pending_account,
                   coalesce(sum(o.balance_minor) FILTER (WHERE o.kind = 'creator_pending'), 0)::bigint AS pending,
                   coalesce(sum(o.balance_minor) FILTER (WHERE o.kind = 'creator_reserve'), 0)::bigint AS reserved,
                   coalesce(sum(o.balance_minor) FILTER (WHERE o.kind = 'creator_available'), 0)::bigint AS available,
                   coalesce(sum(o.balance_minor) FILTER (WHERE o.kind = 'creator_dispute_hold'), 0)::bigint AS on_hold,
                   coalesce(sum(o.balance_minor) FILTER (WHERE o.kind = 'creator_claim_hold'), 0)::bigint AS frozen,
                   coalesce(sum(o.balance_minor) FILTER (WHERE o.kind = 'creator_receivable'), 0)::bigint AS owed
              FROM payouts_account o WHERE o.owner_id = creator GROUP BY o.currency) a
      LEFT JOIN (SELECT w.currency, sum(w.amount_minor) AS taken,
                        coalesce(sum(w.amount_minor) FILTER (WHERE arrived.id IS NOT NULL), 0) AS paid
                   FROM payouts_payout w
                   LEFT JOIN payouts_payout_outcome arrived ON arrived.payout_id = w.id AND arrived.state = 'paid'
                  WHERE w.creator_id = creator
                    AND NOT EXISTS (SELECT FROM payouts_payout_outcome f
                                     WHERE f.payout_id = w.id AND f.state IN ('failed', 'returned'))
                  GROUP BY w.currency) p ON p.currency = a.currency
     ORDER BY a.currency;
END $$;
"""

EXCHANGES = """
CREATE FUNCTION payouts_check_exchanges() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    SELECT e.reference INTO bad FROM new_rows e
     WHERE EXISTS (
           SELECT FROM (VALUES (e.gave_id, e.gave_currency, -e.gave_minor),
                               (e.got_id, e.got_currency, e.got_minor)) AS side (id, currency, amount_minor)
             LEFT JOIN payouts_transaction t ON t.id = side.id
            WHERE t.kind IS DISTINCT FROM 'exchange' OR -side.amount_minor IS DISTINCT FROM (
                  SELECT sum(p.amount_minor) FILTER (WHERE a.kind = 'fx_position' AND a.currency = side.currency)
                    FROM payouts_posting p JOIN payouts_account a ON a.id = p.account_id
                   WHERE p.transaction_id = side.id)) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'exchange % is not what its transactions post', bad.reference
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_exchange_equals_its_postings',
                  TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_exchange_equals_its_postings AFTER INSERT ON payouts_exchange
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payouts_check_exchanges();
CREATE TRIGGER payouts_exchange_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payouts_exchange
    FOR EACH STATEMENT EXECUTE FUNCTION
    payouts_refuse('payouts_exchange_append_only', 'facts are added, never changed');
"""


class Migration(migrations.Migration):
    dependencies = [("payouts", "0008_statement_guards")]
    operations = [
        migrations.CreateModel(
            name="PostingSample",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("through", models.BigIntegerField()),
                ("xid", models.BigIntegerField()),
                ("cluster", models.CharField(max_length=20)),
                ("sampled_at", models.DateTimeField()),
            ],
            options={
                "db_table": "payouts_posting_sample",
                "indexes": [models.Index(fields=["through", "xid"], name="payouts_sample_by_through")],
            },
        ),
        migrations.CreateModel(
            name="Exchange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("reference", models.CharField(max_length=180, unique=True)),
                ("gave_currency", models.CharField(max_length=3)),
                ("gave_minor", models.BigIntegerField()),
                ("got_currency", models.CharField(max_length=3)),
                ("got_minor", models.BigIntegerField()),
                ("rate", models.CharField(max_length=40)),
                ("exchanged_at", models.DateTimeField()),
                (
                    "gave",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="payouts.transaction"
                    ),
                ),
                (
                    "got",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="payouts.transaction"
                    ),
                ),
            ],
            options={
                "db_table": "payouts_exchange",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("gave_minor__gt", 0), ("got_minor__gt", 0)),
                        name="payouts_exchange_above_zero",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("gave_currency", models.F("got_currency")), _negated=True),
                        name="payouts_exchange_of_two_currencies",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("rate__regex", "^[0-9]+([.][0-9]+)?$")), name="payouts_exchange_rate"
                    ),
                ],
            },
        ),
        migrations.AlterField(
            "posting",
            "account",
            models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="postings",
                to="payouts.account",
            ),
        ),
        migrations.AlterField(
            "posting",
            "transaction",
            models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="postings",
                to="payouts.transaction",
            ),
        ),
        migrations.AddIndex(
            "posting", models.Index(fields=["transaction", "account"], name="payouts_posting_by_transaction")
        ),
        *(
            migrations.RunSQL(sql, reverse_sql=migrations.RunSQL.noop)
            for sql in (MAY_MOVE, APPLY, WHOLE, POST, SALES, CHECKPOINTS, BALANCES, EXCHANGES)
        ),
    ]
