"""What is paid for a time to come: its parts, the sales they become, what goes back, and a queue of what is due."""

import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models

import marketplace.payouts.ids
from marketplace.database.guards import append_only, listing_more

FACTS = (
    "deferral",
    "deferral_part",
    "recognized_part",
    "deferral_reversal",
    "deferral_taken",
    "deferral_reversal_sale",
    "deferral_reversal_outcome",
)
APPEND_ONLY = append_only("payouts", FACTS)

_MOVES = """
ahead_refund +deferred_subscription +tax_payable -psp_clearing
ahead_refund_failed +psp_clearing -deferred_subscription -tax_payable
ahead_dispute_opened +dispute_suspense -psp_clearing
ahead_dispute_won +psp_clearing -dispute_suspense
ahead_dispute_lost +deferred_subscription +tax_payable +dispute_loss -dispute_suspense
"""
_ADDED = [f"{kind} {account}" for kind, *accounts in map(str.split, _MOVES.split("\n")[1:-1]) for account in accounts]
MOVES = listing_more("payouts_moves", _ADDED)

# A transaction of these kinds is one that a reversal or its end names, and posts what that says.
STEPS = """
CREATE FUNCTION payouts_check_ahead() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    posted text;
    due text;
BEGIN
    SELECT string_agg(concat_ws(' ', v.account, v.amount, w.currency, nullif(v.detail, '')), ', '
                      ORDER BY v.account COLLATE "C") INTO due
      FROM (SELECT 'ahead_' || CASE r.kind WHEN 'refund' THEN 'refund' ELSE 'dispute_opened' END AS kind, r.id
              FROM payouts_deferral_reversal r WHERE r.transaction_id = NEW.id
             UNION ALL
            SELECT 'ahead_' || CASE o.outcome WHEN 'failed' THEN 'refund_failed' ELSE 'dispute_' || o.outcome END,
                   o.reversal_id
              FROM payouts_deferral_reversal_outcome o WHERE o.transaction_id = NEW.id) x
      JOIN payouts_deferral_reversal r ON r.id = x.id
      JOIN payouts_deferral w ON w.id = r.deferral_id AND w.source = NEW.source
     CROSS JOIN LATERAL (VALUES
           ('ahead_refund', 'psp_clearing', -r.tax_minor - r.deferred_minor, ''),
           ('ahead_refund', 'tax_payable', r.tax_minor, w.tax_of),
           ('ahead_refund', 'deferred_subscription', r.deferred_minor, ''),
           ('ahead_refund_failed', 'psp_clearing', r.tax_minor + r.deferred_minor, ''),
           ('ahead_refund_failed', 'tax_payable', -r.tax_minor, w.tax_of),
           ('ahead_refund_failed', 'deferred_subscription', -r.deferred_minor, ''),
           ('ahead_dispute_opened', 'dispute_suspense', r.tax_minor + r.deferred_minor + r.loss_minor, ''),
           ('ahead_dispute_opened', 'psp_clearing', -r.tax_minor - r.deferred_minor - r.loss_minor, ''),
           ('ahead_dispute_won', 'dispute_suspense', -r.tax_minor - r.deferred_minor - r.loss_minor, ''),
           ('ahead_dispute_won', 'psp_clearing', r.tax_minor + r.deferred_minor + r.loss_minor, ''),
           ('ahead_dispute_lost', 'dispute_suspense', -r.tax_minor - r.deferred_minor - r.loss_minor, ''),
           ('ahead_dispute_lost', 'tax_payable', r.tax_minor, w.tax_of),
           ('ahead_dispute_lost', 'deferred_subscription', r.deferred_minor, ''),
           ('ahead_dispute_lost', 'dispute_loss', r.loss_minor, '')) AS v (kind, account, amount, detail)
     WHERE x.kind = NEW.kind AND v.kind = NEW.kind AND v.amount <> 0;
    SELECT string_agg(concat_ws(' ', a.kind, p.amount_minor, a.currency, nullif(a.detail, '')), ', '
                      ORDER BY a.kind COLLATE "C") INTO posted
      FROM payouts_posting p JOIN payouts_account a ON a.id = p.account_id WHERE p.transaction_id = NEW.id;
    IF due IS DISTINCT FROM posted THEN
        RAISE EXCEPTION 'transaction % posted %, and what goes back of what was paid ahead is %', NEW.idem_key, posted, due
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_ahead_equals_postings', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER payouts_ahead_equals_postings AFTER INSERT ON payouts_transaction
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.kind IN ('ahead_refund', 'ahead_refund_failed', 'ahead_dispute_opened', 'ahead_dispute_won',
                       'ahead_dispute_lost'))
    EXECUTE FUNCTION payouts_check_ahead();
"""

# A payment is what its transaction posts, and its parts, written in one statement, are all of it but the tax.
ADDS_UP = """
CREATE FUNCTION payouts_check_deferral() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    posted text;
    due text;
BEGIN
    SELECT string_agg(concat_ws(' ', d.kind, d.amount, NEW.currency, nullif(d.detail, '')), ', '
                      ORDER BY d.kind COLLATE "C") INTO due
      FROM (VALUES ('psp_clearing', NEW.gross_minor, ''), ('tax_payable', -NEW.tax_minor, NEW.tax_of),
                   ('deferred_subscription', NEW.tax_minor - NEW.gross_minor, '')) AS d (kind, amount, detail)
     WHERE d.amount <> 0;
    SELECT string_agg(concat_ws(' ', a.kind, p.amount_minor, a.currency, nullif(a.detail, '')), ', '
                      ORDER BY a.kind COLLATE "C") INTO posted
      FROM payouts_posting p JOIN payouts_account a ON a.id = p.account_id
      JOIN payouts_transaction t ON t.id = p.transaction_id
     WHERE p.transaction_id = NEW.transaction_id AND t.kind = 'subscription_paid' AND t.source = NEW.source;
    IF due IS DISTINCT FROM posted THEN
        RAISE EXCEPTION 'payment % is %, and its transaction posted %', NEW.source, due, posted
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_deferral_is_what_it_posts', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_deferral_is_what_it_posts AFTER INSERT ON payouts_deferral
    FOR EACH ROW EXECUTE FUNCTION payouts_check_deferral();

CREATE FUNCTION payouts_check_deferral_parts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad text;
BEGIN
    SELECT d.source INTO bad FROM payouts_deferral d JOIN payouts_deferral_part p ON p.deferral_id = d.id
     WHERE d.id IN (SELECT deferral_id FROM new_rows) GROUP BY d.id
    HAVING sum(p.amount_minor) <> d.gross_minor - d.tax_minor OR sum(p.fee_minor) <> d.fee_minor LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the parts of % are not what was paid', bad
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_deferral_parts_add_up', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_deferral_parts_add_up AFTER INSERT ON payouts_deferral_part
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payouts_check_deferral_parts();
"""

# Whatever takes of a part, or gives back, looks how much is left of it then: never less than nothing, and what is left
# and not disputed waits for its time.
QUEUE = """
CREATE FUNCTION payouts_left_of_parts(parts bigint[])
RETURNS TABLE (part bigint, due timestamptz, amount numeric, fee numeric, disputed boolean) LANGUAGE sql STABLE AS $$
    SELECT p.id, p.due_at, p.amount_minor - coalesce(k.amount, 0) - coalesce(t.amount, 0),
           p.fee_minor - coalesce(k.fee, 0) - coalesce(t.fee, 0), coalesce(t.disputed, false)
      FROM payouts_deferral_part p
      LEFT JOIN LATERAL (SELECT sum(s.gross_minor) AS amount, sum(s.fee_minor) AS fee FROM payouts_recognized_part r
                           JOIN payouts_sale s ON s.id = r.sale_id WHERE r.part_id = p.id) k ON true
      LEFT JOIN LATERAL (SELECT sum(v.amount_minor) AS amount, sum(v.fee_minor) AS fee,
                                bool_or(d.kind = 'dispute' AND o.id IS NULL) AS disputed
                           FROM payouts_deferral_taken v JOIN payouts_deferral_reversal d ON d.id = v.reversal_id
                           LEFT JOIN payouts_deferral_reversal_outcome o ON o.reversal_id = d.id
                          WHERE v.part_id = p.id AND (o.id IS NULL OR o.outcome = 'lost')) t ON true
     WHERE p.id = ANY (parts)
$$;

CREATE FUNCTION payouts_requeue_parts(parts bigint[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    SELECT w.part, w.amount, w.fee INTO bad FROM payouts_left_of_parts(parts) w
     WHERE w.fee < 0 OR w.fee > w.amount LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'of part % there would be % left, and % of its fee', bad.part, bad.amount, bad.fee
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_deferral_part_not_overdrawn',
                  TABLE = 'payouts_deferral_part';
    END IF;
    DELETE FROM payouts_deferral_waiting q USING payouts_left_of_parts(parts) w
     WHERE q.part_id = w.part AND (w.amount = 0 OR w.disputed);
    INSERT INTO payouts_deferral_waiting (part_id, due_at)
    SELECT w.part, w.due FROM payouts_left_of_parts(parts) w WHERE w.amount > 0 AND NOT w.disputed
        ON CONFLICT (part_id) DO NOTHING;
END $$;

CREATE FUNCTION payouts_queue_deferral_parts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO payouts_deferral_waiting (part_id, due_at) SELECT id, due_at FROM new_rows;
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_deferral_part_queued AFTER INSERT ON payouts_deferral_part
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payouts_queue_deferral_parts();

CREATE FUNCTION payouts_part_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM payouts_requeue_parts(ARRAY(SELECT part_id FROM new_rows));
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_recognized_part_moved AFTER INSERT ON payouts_recognized_part
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payouts_part_moved();
CREATE TRIGGER payouts_deferral_taken_moved AFTER INSERT ON payouts_deferral_taken
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payouts_part_moved();

CREATE FUNCTION payouts_part_given_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM payouts_requeue_parts(ARRAY(SELECT v.part_id FROM new_rows n
                                          JOIN payouts_deferral_taken v ON v.reversal_id = n.reversal_id));
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_deferral_outcome_moved AFTER INSERT ON payouts_deferral_reversal_outcome
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payouts_part_given_back();

CREATE TRIGGER payouts_deferral_waiting_kept_by_triggers
    BEFORE INSERT OR UPDATE OR DELETE ON payouts_deferral_waiting
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0)
    EXECUTE FUNCTION payouts_refuse('payouts_deferral_waiting_kept_by_triggers', 'parts keep it');
CREATE TRIGGER payouts_deferral_waiting_stays BEFORE TRUNCATE ON payouts_deferral_waiting
    FOR EACH STATEMENT
    EXECUTE FUNCTION payouts_refuse('payouts_deferral_waiting_stays', 'parts keep it');
"""


class Migration(migrations.Migration):
    dependencies = [
        ("payouts", "0023_connected_accounts"),
    ]

    operations = [
        migrations.CreateModel(
            name="Deferral",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=marketplace.payouts.ids.time_ordered_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("source", models.CharField(max_length=200, unique=True)),
                ("subject", models.CharField(blank=True, default="", max_length=200)),
                ("currency", models.CharField(max_length=3)),
                ("gross_minor", models.BigIntegerField()),
                ("tax_minor", models.BigIntegerField()),
                ("fee_minor", models.BigIntegerField()),
                ("tax_of", models.CharField(blank=True, default="", max_length=40)),
                ("paid_at", models.DateTimeField()),
            ],
            options={
                "db_table": "payouts_deferral",
            },
        ),
        migrations.CreateModel(
            name="DeferralPart",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveSmallIntegerField()),
                ("starts_at", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
                ("amount_minor", models.BigIntegerField()),
                ("fee_minor", models.BigIntegerField()),
            ],
            options={
                "db_table": "payouts_deferral_part",
                "ordering": ["deferral", "number"],
            },
        ),
        migrations.CreateModel(
            name="DeferralReversal",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=marketplace.payouts.ids.time_ordered_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("kind", models.CharField(max_length=8)),
                ("key", models.CharField(max_length=200, unique=True)),
                ("reason", models.CharField(blank=True, default="", max_length=200)),
                ("amount_minor", models.BigIntegerField()),
                ("tax_minor", models.BigIntegerField()),
                ("deferred_minor", models.BigIntegerField()),
                ("sales_minor", models.BigIntegerField()),
                ("loss_minor", models.BigIntegerField(default=0)),
                ("opened_at", models.DateTimeField()),
            ],
            options={
                "db_table": "payouts_deferral_reversal",
            },
        ),
        migrations.CreateModel(
            name="DeferralReversalOutcome",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("outcome", models.CharField(max_length=6)),
                ("closed_at", models.DateTimeField()),
            ],
            options={
                "db_table": "payouts_deferral_reversal_outcome",
            },
        ),
        migrations.CreateModel(
            name="DeferralReversalSale",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
            ],
            options={
                "db_table": "payouts_deferral_reversal_sale",
            },
        ),
        migrations.CreateModel(
            name="DeferralTaken",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("amount_minor", models.BigIntegerField()),
                ("fee_minor", models.BigIntegerField()),
            ],
            options={
                "db_table": "payouts_deferral_taken",
            },
        ),
        migrations.CreateModel(
            name="RecognizedPart",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveSmallIntegerField(default=1)),
                ("recognized_at", models.DateTimeField()),
            ],
            options={
                "db_table": "payouts_recognized_part",
            },
        ),
        migrations.RemoveConstraint(
            model_name="transaction",
            name="payouts_transaction_kind_known",
        ),
        migrations.AlterField(
            model_name="transaction",
            name="kind",
            field=models.CharField(
                choices=[
                    ("sale", "sale"),
                    ("subscription_paid", "paid for periods to come"),
                    ("ahead_refund", "refunded of periods to come"),
                    ("ahead_refund_failed", "refund of periods to come failed"),
                    ("ahead_dispute_opened", "dispute of periods to come opened"),
                    ("ahead_dispute_won", "dispute of periods to come won"),
                    ("ahead_dispute_lost", "dispute of periods to come lost"),
                    ("psp_settled", "settled by the payment provider"),
                    ("bank_transfer", "moved between provider and bank"),
                    ("royalty_run", "royalties allocated"),
                    ("hold_release", "hold period over"),
                    ("reserve_release", "reserve released"),
                    ("refund", "refunded"),
                    ("refund_failed", "refund failed"),
                    ("dispute_opened", "dispute opened"),
                    ("dispute_won", "dispute won"),
                    ("dispute_lost", "dispute lost"),
                    ("dispute_fee", "fee for a dispute"),
                    ("takedown", "taken back after a claim"),
                    ("takedown_lifted", "takedown lifted"),
                    ("claim_held", "held for a claim"),
                    ("claim_released", "given back after a claim"),
                    ("payout_reserve", "payout reserved"),
                    ("payout_sent", "payout sent"),
                    ("payout_failed", "payout failed"),
                    ("payout_returned", "payout returned"),
                    ("transfer_reversed", "transfer taken back"),
                    ("write_off", "debt given up"),
                    ("exchange", "exchanged"),
                    ("credit_given", "credit given to a buyer"),
                    ("chain_claim_published", "published for claims on a chain"),
                    ("chain_claimed", "claimed on a chain"),
                    ("chain_sale", "sold and paid on a chain"),
                    ("chain_paid", "paid to a split on a chain"),
                    ("collected", "in our balance with the payment provider"),
                    ("provider_fee", "fee of the payment provider"),
                    ("suspended", "moved by the provider, not understood yet"),
                    ("suspense_cleared", "understood"),
                ],
                max_length=24,
            ),
        ),
        migrations.AddConstraint(
            model_name="transaction",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        [
                            "sale",
                            "subscription_paid",
                            "ahead_refund",
                            "ahead_refund_failed",
                            "ahead_dispute_opened",
                            "ahead_dispute_won",
                            "ahead_dispute_lost",
                            "psp_settled",
                            "bank_transfer",
                            "royalty_run",
                            "hold_release",
                            "reserve_release",
                            "refund",
                            "refund_failed",
                            "dispute_opened",
                            "dispute_won",
                            "dispute_lost",
                            "dispute_fee",
                            "takedown",
                            "takedown_lifted",
                            "claim_held",
                            "claim_released",
                            "payout_reserve",
                            "payout_sent",
                            "payout_failed",
                            "payout_returned",
                            "transfer_reversed",
                            "write_off",
                            "exchange",
                            "credit_given",
                            "chain_claim_published",
                            "chain_claimed",
                            "chain_sale",
                            "chain_paid",
                            "collected",
                            "provider_fee",
                            "suspended",
                            "suspense_cleared",
                        ],
                    )
                ),
                name="payouts_transaction_kind_known",
            ),
        ),
        migrations.AddField(
            model_name="deferral",
            name="split",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="payouts.split"),
        ),
        migrations.AddField(
            model_name="deferral",
            name="transaction",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="payouts.transaction"
            ),
        ),
        migrations.CreateModel(
            name="DeferralWaiting",
            fields=[
                (
                    "part",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="waiting",
                        serialize=False,
                        to="payouts.deferralpart",
                    ),
                ),
                ("due_at", models.DateTimeField()),
            ],
            options={
                "db_table": "payouts_deferral_waiting",
            },
        ),
        migrations.AddField(
            model_name="deferralpart",
            name="deferral",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="parts", to="payouts.deferral"
            ),
        ),
        migrations.AddField(
            model_name="deferralreversal",
            name="deferral",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="reversals", to="payouts.deferral"
            ),
        ),
        migrations.AddField(
            model_name="deferralreversal",
            name="transaction",
            field=models.OneToOneField(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="payouts.transaction"
            ),
        ),
        migrations.AddField(
            model_name="deferralreversaloutcome",
            name="reversal",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT, related_name="outcome", to="payouts.deferralreversal"
            ),
        ),
        migrations.AddField(
            model_name="deferralreversaloutcome",
            name="transaction",
            field=models.OneToOneField(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="payouts.transaction"
            ),
        ),
        migrations.AddField(
            model_name="deferralreversalsale",
            name="of_sale",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT, related_name="of_deferral", to="payouts.reversal"
            ),
        ),
        migrations.AddField(
            model_name="deferralreversalsale",
            name="reversal",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="sales", to="payouts.deferralreversal"
            ),
        ),
        migrations.AddField(
            model_name="deferraltaken",
            name="part",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="taken", to="payouts.deferralpart"
            ),
        ),
        migrations.AddField(
            model_name="deferraltaken",
            name="reversal",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="taken", to="payouts.deferralreversal"
            ),
        ),
        migrations.AddField(
            model_name="recognizedpart",
            name="part",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="recognized", to="payouts.deferralpart"
            ),
        ),
        migrations.AddField(
            model_name="recognizedpart",
            name="sale",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT, related_name="recognized", to="payouts.sale"
            ),
        ),
        migrations.AddConstraint(
            model_name="deferral",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("fee_minor__gte", 0),
                    ("gross_minor__gt", models.F("tax_minor")),
                    ("tax_minor__gte", 0),
                    (
                        "gross_minor__gte",
                        django.db.models.expressions.CombinedExpression(
                            models.F("tax_minor"), "+", models.F("fee_minor")
                        ),
                    ),
                ),
                name="payouts_deferral_adds_up",
            ),
        ),
        migrations.AddIndex(
            model_name="deferralwaiting",
            index=models.Index(fields=["due_at", "part"], name="payouts_deferral_in_order"),
        ),
        migrations.AddConstraint(
            model_name="deferralpart",
            constraint=models.UniqueConstraint(fields=("deferral", "number"), name="payouts_deferral_part_once"),
        ),
        migrations.AddConstraint(
            model_name="deferralpart",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("amount_minor__gt", 0),
                    ("fee_minor__gte", 0),
                    ("fee_minor__lte", models.F("amount_minor")),
                    ("number__gte", 1),
                ),
                name="payouts_deferral_part_amounts",
            ),
        ),
        migrations.AddConstraint(
            model_name="deferralpart",
            constraint=models.CheckConstraint(
                condition=models.Q(("due_at__gt", models.F("starts_at"))), name="payouts_deferral_part_has_a_time"
            ),
        ),
        migrations.AddConstraint(
            model_name="deferralreversal",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["refund", "dispute"])), name="payouts_deferral_reversal_kind"
            ),
        ),
        migrations.AddConstraint(
            model_name="deferralreversal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("amount_minor__gt", 0),
                    ("deferred_minor__gte", 0),
                    ("loss_minor__gte", 0),
                    ("sales_minor__gte", 0),
                    ("tax_minor__gte", 0),
                    (
                        "amount_minor",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    models.F("tax_minor"), "+", models.F("deferred_minor")
                                ),
                                "+",
                                models.F("sales_minor"),
                            ),
                            "+",
                            models.F("loss_minor"),
                        ),
                    ),
                    models.Q(("kind", "dispute"), ("loss_minor", 0), _connector="OR"),
                ),
                name="payouts_deferral_reversal_adds_up",
            ),
        ),
        migrations.AddConstraint(
            model_name="deferralreversal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("amount_minor", models.F("sales_minor")), ("transaction", None)),
                    models.Q(("amount_minor__gt", models.F("sales_minor")), ("transaction__isnull", False)),
                    _connector="OR",
                ),
                name="payouts_deferral_reversal_moves_or_not",
            ),
        ),
        migrations.AddConstraint(
            model_name="deferralreversaloutcome",
            constraint=models.CheckConstraint(
                condition=models.Q(("outcome__in", ["won", "lost", "failed"])), name="payouts_deferral_outcome_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="deferraltaken",
            constraint=models.UniqueConstraint(fields=("reversal", "part"), name="payouts_deferral_taken_once"),
        ),
        migrations.AddConstraint(
            model_name="deferraltaken",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("amount_minor__gt", 0), ("fee_minor__gte", 0), ("fee_minor__lte", models.F("amount_minor"))
                ),
                name="payouts_deferral_taken_amounts",
            ),
        ),
        migrations.AddConstraint(
            model_name="recognizedpart",
            constraint=models.UniqueConstraint(fields=("part", "number"), name="payouts_recognized_part_once"),
        ),
        migrations.AddConstraint(
            model_name="recognizedpart",
            constraint=models.CheckConstraint(
                condition=models.Q(("number__gte", 1)), name="payouts_recognized_part_number"
            ),
        ),
        *(migrations.RunSQL(sql, migrations.RunSQL.noop) for sql in (MOVES, ADDS_UP, APPEND_ONLY, STEPS, QUEUE)),
    ]
