"""Disputes become reversals, of parts as well: refunds, disputes and takedowns; what exists is kept."""

import uuid

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F

FACTS = ["reversal", "reversal_outcome", "reversal_line", "returned_line"]

APPEND_ONLY = "".join(
    f"""
CREATE TRIGGER payouts_{table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payouts_{table}
    FOR EACH STATEMENT EXECUTE FUNCTION
    payouts_refuse('payouts_{table}_append_only', 'facts are added, never changed');
"""
    for table in FACTS
)

# What is known of disputes, put aside while their tables go.
ASIDE = """
SET CONSTRAINTS ALL IMMEDIATE;
CREATE TEMPORARY TABLE old_dispute ON COMMIT DROP AS
    SELECT gen_random_uuid() AS reversal_id, d.* FROM payouts_dispute d;
CREATE TEMPORARY TABLE old_dispute_outcome ON COMMIT DROP AS SELECT * FROM payouts_dispute_outcome;
CREATE TEMPORARY TABLE old_reversal_line ON COMMIT DROP AS SELECT * FROM payouts_reversal_line;
"""

# A dispute was of a whole sale. What a won one gave back of a line is held where its transaction held it; the rest
# became pending where the transaction says so, else available.
BROUGHT = """
INSERT INTO payouts_reversal (id, sale_id, kind, key, reason, amount_minor, tax_minor, fee_minor, net_minor, pot_minor,
                              loss_minor, opened_at, transaction_id)
SELECT d.reversal_id, s.id, 'dispute', 'dispute:' || s.source, '', s.gross_minor, s.tax_minor, s.fee_minor, s.net_minor,
       0, 0, d.opened_at, d.transaction_id
  FROM old_dispute d JOIN payouts_sale s ON s.id = d.sale_id ORDER BY d.id;
INSERT INTO payouts_reversal_line (reversal_id, line_id, amount_minor, bucket)
SELECT d.reversal_id, v.line_id, v.amount_minor, v.bucket
  FROM old_reversal_line v JOIN old_dispute d ON d.id = v.dispute_id ORDER BY v.id;
INSERT INTO payouts_reversal_outcome (id, reversal_id, outcome, tax_minor, fee_minor, pot_minor, closed_at,
                                      transaction_id)
SELECT o.id, d.reversal_id, o.outcome, CASE o.outcome WHEN 'won' THEN s.tax_minor ELSE 0 END,
       CASE o.outcome WHEN 'won' THEN s.fee_minor ELSE 0 END, 0, o.closed_at, o.transaction_id
  FROM old_dispute_outcome o JOIN old_dispute d ON d.id = o.dispute_id JOIN payouts_sale s ON s.id = d.sale_id;
SELECT setval(pg_get_serial_sequence('payouts_reversal_outcome', 'id'), greatest(max(id), 1), max(id) IS NOT NULL)
  FROM payouts_reversal_outcome;
INSERT INTO payouts_returned_line (outcome_id, line_id, amount_minor, bucket)
SELECT id, line_id, amount_minor, bucket
  FROM (SELECT o.id, v.line_id, unnest(ARRAY[coalesce(k.amount_minor, 0), v.amount_minor - coalesce(k.amount_minor, 0)])
               AS amount_minor,
               unnest(ARRAY['creator_claim_hold', CASE WHEN EXISTS (
                   SELECT FROM payouts_posting p JOIN payouts_account a ON a.id = p.account_id
                    WHERE p.transaction_id = o.transaction_id AND a.kind = 'creator_pending'
               ) THEN 'creator_pending' ELSE 'creator_available' END]) AS bucket
          FROM old_dispute_outcome o
          JOIN (SELECT dispute_id, line_id, sum(amount_minor)::bigint AS amount_minor FROM old_reversal_line
                 GROUP BY dispute_id, line_id) v ON v.dispute_id = o.dispute_id
          LEFT JOIN payouts_claim_hold_line k ON k.transaction_id = o.transaction_id AND k.line_id = v.line_id
         WHERE o.outcome = 'won') given
 WHERE amount_minor > 0 ORDER BY id, line_id, bucket;
SET CONSTRAINTS ALL IMMEDIATE;
"""

# A sale of a frozen subject has no royalty lines yet, unless it is reversed: a reversal follows lines.
ALLOCATION = """
CREATE OR REPLACE FUNCTION payouts_check_frozen_sales_wait() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    frozen text[] := ARRAY(SELECT f.subject FROM payouts_subject_freeze f
                            WHERE NOT EXISTS (SELECT FROM payouts_subject_thaw t WHERE t.freeze_id = f.id));
    bad text;
BEGIN
    IF cardinality(frozen) = 0 THEN
        RETURN NULL;
    END IF;
    EXECUTE 'SELECT s.source FROM payouts_sale s
              WHERE s.id IN (SELECT sale_id FROM new_rows) AND s.subject = ANY ($1)
                AND NOT EXISTS (SELECT FROM payouts_reversal v WHERE v.sale_id = s.id) LIMIT 1' INTO bad USING frozen;
    IF bad IS NOT NULL THEN
        RAISE EXCEPTION 'sale % is of a frozen subject and waits for its allocation', bad
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_frozen_sale_waits', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
"""

# As before, with more that takes money and gives it back: a hold is of what remains of its line, and one of which a
# part is taken ends and is held anew in the same statement.
HOLDS = """
DROP TRIGGER payouts_transaction_equals_holds ON payouts_transaction;
CREATE CONSTRAINT TRIGGER payouts_transaction_equals_holds AFTER INSERT ON payouts_transaction
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.kind IN ('claim_held', 'claim_released', 'dispute_opened', 'dispute_won', 'refund', 'refund_failed',
                       'takedown', 'takedown_lifted', 'payout_failed', 'payout_returned'))
    EXECUTE FUNCTION payouts_check_hold_transaction();

CREATE OR REPLACE FUNCTION payouts_check_hold_lines() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    SELECT t.id, t.kind INTO bad FROM payouts_transaction t
     WHERE t.id IN (SELECT transaction_id FROM new_rows)
       AND t.kind NOT IN ('claim_held', 'dispute_opened', 'dispute_won', 'refund', 'refund_failed', 'takedown_lifted',
                          'payout_failed', 'payout_returned') LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'transaction % is of kind % and holds nothing', bad.id, bad.kind
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_hold_names_its_movement', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT n.id, f.subject INTO bad
      FROM new_rows n JOIN payouts_subject_freeze f ON f.id = n.freeze_id
      JOIN payouts_royalty_line l ON l.id = n.line_id JOIN payouts_sale s ON s.id = l.sale_id
     WHERE s.subject <> f.subject OR EXISTS (SELECT FROM payouts_subject_thaw t WHERE t.freeze_id = f.id) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'hold % is not under a standing freeze of its subject, %', bad.id, bad.subject
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_hold_is_under_its_freeze', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT l.id, l.remains, sum(k.amount_minor) AS held INTO bad
      FROM (SELECT l.id, l.amount_minor
                   - coalesce((SELECT sum(v.amount_minor) FROM payouts_reversal_line v WHERE v.line_id = l.id), 0)
                   + coalesce((SELECT sum(b.amount_minor) FROM payouts_returned_line b WHERE b.line_id = l.id), 0)
                   AS remains
              FROM payouts_royalty_line l WHERE l.id IN (SELECT line_id FROM new_rows)) l
      JOIN payouts_claim_hold_line k ON k.line_id = l.id
     WHERE NOT EXISTS (SELECT FROM payouts_claim_hold_end e WHERE e.hold_id = k.id)
     GROUP BY l.id, l.remains HAVING sum(k.amount_minor) > l.remains LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'of royalty line % remain % and % of it would be held', bad.id, bad.remains, bad.held
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_hold_within_line', TABLE = TG_TABLE_NAME;
    END IF;
    PERFORM payouts_check_holds(ARRAY(SELECT DISTINCT transaction_id FROM new_rows));
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION payouts_check_hold_ends() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    SELECT t.id, t.kind INTO bad FROM payouts_transaction t
     WHERE t.id IN (SELECT transaction_id FROM new_rows)
       AND t.kind NOT IN ('claim_released', 'dispute_opened', 'refund', 'takedown') LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'transaction % is of kind % and ends no hold', bad.id, bad.kind
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_end_names_its_movement', TABLE = TG_TABLE_NAME;
    END IF;
    PERFORM payouts_check_holds(ARRAY(SELECT DISTINCT transaction_id FROM new_rows));
    RETURN NULL;
END $$;
"""


def run(sql: str) -> migrations.RunSQL:
    return migrations.RunSQL(sql, reverse_sql=migrations.RunSQL.noop)


class Migration(migrations.Migration):
    dependencies = [("payouts", "0005_chart_and_policies")]
    operations = [
        run(ASIDE),
        migrations.DeleteModel(name="ReversalLine"),
        migrations.DeleteModel(name="DisputeOutcome"),
        migrations.DeleteModel(name="Dispute"),
        migrations.CreateModel(
            name="Reversal",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "sale",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="reversals", to="payouts.sale"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("refund", "refund"), ("dispute", "dispute"), ("takedown", "takedown")], max_length=8
                    ),
                ),
                ("key", models.CharField(max_length=200, unique=True)),
                ("reason", models.CharField(blank=True, default="", max_length=200)),
                ("amount_minor", models.BigIntegerField()),
                ("tax_minor", models.BigIntegerField()),
                ("fee_minor", models.BigIntegerField()),
                ("net_minor", models.BigIntegerField()),
                ("pot_minor", models.BigIntegerField(default=0)),
                ("loss_minor", models.BigIntegerField(default=0)),
                ("opened_at", models.DateTimeField()),
                (
                    "transaction",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="payouts.transaction"
                    ),
                ),
            ],
            options={
                "db_table": "payouts_reversal",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["refund", "dispute", "takedown"])),
                        name="payouts_reversal_kind_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "amount_minor",
                                F("tax_minor") + F("fee_minor") + F("net_minor") + F("pot_minor") + F("loss_minor"),
                            )
                        ),
                        name="payouts_reversal_adds_up",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("amount_minor__gt", 0),
                            ("fee_minor__gte", 0),
                            ("loss_minor__gte", 0),
                            ("net_minor__gte", 0),
                            ("pot_minor__gte", 0),
                            ("tax_minor__gte", 0),
                        ),
                        name="payouts_reversal_amounts_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind", "dispute"), ("loss_minor", 0), _connector="OR"),
                        name="payouts_reversal_loss_by_dispute",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "takedown"), _negated=True),
                            models.Q(("fee_minor", 0), ("pot_minor", 0), ("tax_minor", 0)),
                            _connector="OR",
                        ),
                        name="payouts_takedown_takes_lines",
                    ),
                ],
                "indexes": [],
            },
        ),
        migrations.CreateModel(
            name="ReversalOutcome",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "reversal",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="outcome", to="payouts.reversal"
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("won", "won"),
                            ("lost", "lost"),
                            ("failed", "failed"),
                            ("lifted", "lifted"),
                            ("awarded", "awarded"),
                        ],
                        max_length=7,
                    ),
                ),
                ("tax_minor", models.BigIntegerField(default=0)),
                ("fee_minor", models.BigIntegerField(default=0)),
                ("pot_minor", models.BigIntegerField(default=0)),
                ("closed_at", models.DateTimeField()),
                (
                    "transaction",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="payouts.transaction"
                    ),
                ),
            ],
            options={
                "db_table": "payouts_reversal_outcome",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("outcome__in", ["won", "lost", "failed", "lifted", "awarded"])),
                        name="payouts_reversal_outcome_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("fee_minor__gte", 0), ("pot_minor__gte", 0), ("tax_minor__gte", 0)),
                        name="payouts_reversal_outcome_not_negative",
                    ),
                ],
                "indexes": [],
            },
        ),
        migrations.CreateModel(
            name="ReversalLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "reversal",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="lines", to="payouts.reversal"
                    ),
                ),
                (
                    "line",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reversals",
                        to="payouts.royaltyline",
                    ),
                ),
                ("amount_minor", models.BigIntegerField()),
                ("bucket", models.CharField(max_length=24)),
            ],
            options={
                "db_table": "payouts_reversal_line",
                "constraints": [
                    models.UniqueConstraint(fields=("line", "reversal", "bucket"), name="payouts_reversal_once"),
                    models.CheckConstraint(
                        condition=models.Q(("amount_minor__gt", 0)), name="payouts_reversal_above_zero"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "bucket__in",
                                [
                                    "creator_pending",
                                    "creator_reserve",
                                    "creator_available",
                                    "creator_claim_hold",
                                    "creator_receivable",
                                ],
                            )
                        ),
                        name="payouts_reversal_bucket_known",
                    ),
                ],
                "indexes": [],
            },
        ),
        migrations.CreateModel(
            name="ReturnedLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "outcome",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="lines", to="payouts.reversaloutcome"
                    ),
                ),
                (
                    "line",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="returns",
                        to="payouts.royaltyline",
                    ),
                ),
                ("amount_minor", models.BigIntegerField()),
                ("bucket", models.CharField(max_length=24)),
            ],
            options={
                "db_table": "payouts_returned_line",
                "constraints": [
                    models.UniqueConstraint(fields=("line", "outcome", "bucket"), name="payouts_return_once"),
                    models.CheckConstraint(
                        condition=models.Q(("amount_minor__gt", 0)), name="payouts_return_above_zero"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("bucket__in", ["creator_pending", "creator_available", "creator_claim_hold"])
                        ),
                        name="payouts_return_bucket_known",
                    ),
                ],
                "indexes": [],
            },
        ),
        migrations.RemoveConstraint(model_name="claimholdend", name="payouts_end_bucket_known"),
        migrations.AddConstraint(
            model_name="claimholdend",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "bucket__in",
                        [
                            "creator_pending",
                            "creator_available",
                            "creator_dispute_hold",
                            "psp_clearing",
                            "psp_balance",
                            "buyer_credit",
                            "taken_down",
                        ],
                    )
                ),
                name="payouts_end_bucket_known",
            ),
        ),
        run(BROUGHT),
        *[run(sql) for sql in (APPEND_ONLY, ALLOCATION, HOLDS)],
    ]
