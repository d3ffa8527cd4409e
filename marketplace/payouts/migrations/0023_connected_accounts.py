"""Accounts with the payment provider, what was tried to send a payout, and what the database refuses of it."""

import django.db.models.deletion
from django.db import migrations, models

from marketplace.database.guards import append_only, listing_more

# What came back of a transfer beyond a creator's debt is theirs again.
MOVES = listing_more("payouts_moves", ["transfer_reversed -creator_available"])

APPEND_ONLY = append_only(
    "payouts",
    (
        "connected_account",
        "connected_state",
        "connected_balance",
        "attempt",
        "attempt_end",
        "bank_word",
        "bank_retry",
        "transfer_reversal",
    ),
)

# A payout's attempts are numbered without a gap. A transfer is tried again only when the one before was refused, and a
# bank payout only when the one before was refused or the bank sent it back: no payout has two of either under way. What
# goes on from a transfer goes on from one of the same payout, to or from the same account, that was made. The payout's
# row is locked first, so that two who write attempts see each other's.
ATTEMPTS = """
CREATE FUNCTION payouts_check_attempts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    PERFORM 1 FROM payouts_payout WHERE id IN (SELECT payout_id FROM new_rows) ORDER BY id FOR NO KEY UPDATE;
    SELECT n.key INTO bad FROM new_rows n
     WHERE n.key <> 'payout:' || n.payout_id || ':' || n.number
        OR n.number > 1 AND NOT EXISTS (SELECT FROM payouts_attempt b
                                         WHERE b.payout_id = n.payout_id AND b.number = n.number - 1) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'attempt % is not the next of its payout', bad.key
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_attempts_follow', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT n.key INTO bad FROM new_rows n
      JOIN payouts_attempt b ON b.payout_id = n.payout_id AND b.kind = n.kind AND b.number < n.number
           AND b.charge = n.charge AND b.of_id IS NOT DISTINCT FROM n.of_id
      LEFT JOIN payouts_attempt_end e ON e.attempt_id = b.id
     WHERE n.kind <> 'recovery' AND e.state IS DISTINCT FROM 'refused'
       AND NOT (n.kind = 'bank' AND EXISTS (SELECT FROM payouts_bank_word w
                                             WHERE w.attempt_id = b.id AND w.state IN ('failed', 'canceled'))) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'attempt % is tried while the one before is not at its end', bad.key
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_attempt_waits', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT n.key INTO bad FROM new_rows n
      LEFT JOIN payouts_attempt t ON t.id = n.of_id AND t.kind = 'transfer' AND t.payout_id = n.payout_id
           AND t.account_id = n.account_id AND t.amount_minor >= n.amount_minor
      LEFT JOIN payouts_attempt_end e ON e.attempt_id = t.id AND e.state = 'done'
     WHERE n.of_id IS NOT NULL AND e.id IS NULL LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'attempt % goes on from no transfer of its payout', bad.key
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_attempt_of_its_transfer', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT n.payout_id, p.amount_minor, sum(a.amount_minor) AS sent INTO bad
      FROM (SELECT DISTINCT payout_id FROM new_rows WHERE kind = 'transfer') n JOIN payouts_payout p ON p.id = n.payout_id
      JOIN payouts_attempt a ON a.payout_id = n.payout_id AND a.kind = 'transfer'
      LEFT JOIN payouts_attempt_end e ON e.attempt_id = a.id
     WHERE e.state IS DISTINCT FROM 'refused'
     GROUP BY n.payout_id, p.amount_minor HAVING sum(a.amount_minor) > p.amount_minor LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'payout % is of % and % of it would be sent', bad.payout_id, bad.amount_minor, bad.sent
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_attempts_within_payout', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_attempts_follow AFTER INSERT ON payouts_attempt
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payouts_check_attempts();
"""

# What came back of a transfer is at most what it was, and is said of one that was made.
REVERSALS = """
CREATE FUNCTION payouts_check_transfer_reversals() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    PERFORM 1 FROM payouts_payout WHERE id IN (SELECT a.payout_id FROM payouts_attempt a
                                                WHERE a.id IN (SELECT transfer_id FROM new_rows))
     ORDER BY id FOR NO KEY UPDATE;
    SELECT a.key, a.amount_minor, sum(r.amount_minor) AS back INTO bad
      FROM payouts_attempt a LEFT JOIN payouts_attempt_end e ON e.attempt_id = a.id AND e.state = 'done'
      JOIN payouts_transfer_reversal r ON r.transfer_id = a.id
     WHERE a.id IN (SELECT transfer_id FROM new_rows)
     GROUP BY a.id, e.id HAVING e.id IS NULL OR a.kind <> 'transfer' OR sum(r.amount_minor) > a.amount_minor LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'of % (%) came back %', bad.key, bad.amount_minor, bad.back
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_transfer_reversed_within', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_transfer_reversed_within AFTER INSERT ON payouts_transfer_reversal
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payouts_check_transfer_reversals();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("payouts", "0022_suspense"),
        ("people", "0006_what_keys_are_for"),
    ]

    operations = [
        migrations.CreateModel(
            name="ConnectedAccount",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.IntegerField()),
                ("reference", models.CharField(max_length=64, unique=True)),
                ("country", models.CharField(max_length=2)),
                ("made_at", models.DateTimeField()),
                (
                    "creator",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="people.creator",
                    ),
                ),
            ],
            options={
                "db_table": "payouts_connected_account",
            },
        ),
        migrations.CreateModel(
            name="ConnectedAccountState",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("submitted", models.BooleanField()),
                ("transfers", models.BooleanField()),
                ("payouts", models.BooleanField()),
                ("closed", models.BooleanField(default=False)),
                ("disabled_reason", models.CharField(blank=True, max_length=80)),
                ("due", models.TextField(blank=True)),
                ("bank", models.CharField(blank=True, max_length=100)),
                ("at", models.DateTimeField()),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="states",
                        to="payouts.connectedaccount",
                    ),
                ),
            ],
            options={
                "db_table": "payouts_connected_state",
            },
        ),
        migrations.CreateModel(
            name="ConnectedBalance",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("currency", models.CharField(max_length=3)),
                ("available_minor", models.BigIntegerField()),
                ("pending_minor", models.BigIntegerField()),
                ("at", models.DateTimeField()),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="balances",
                        to="payouts.connectedaccount",
                    ),
                ),
            ],
            options={
                "db_table": "payouts_connected_balance",
            },
        ),
        migrations.CreateModel(
            name="PayoutAttempt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.IntegerField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("transfer", "to the creator's account"),
                            ("bank", "to the creator's bank"),
                            ("return", "back from the creator's account"),
                            ("recovery", "taken back for what is owed"),
                        ],
                        max_length=8,
                    ),
                ),
                ("key", models.CharField(max_length=200, unique=True)),
                ("amount_minor", models.BigIntegerField()),
                ("charge", models.CharField(blank=True, db_default="", default="", max_length=64)),
                ("made_at", models.DateTimeField()),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="payouts.connectedaccount",
                    ),
                ),
                (
                    "of",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="after",
                        to="payouts.payoutattempt",
                    ),
                ),
                (
                    "payout",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="attempts",
                        to="payouts.payout",
                    ),
                ),
            ],
            options={
                "db_table": "payouts_attempt",
            },
        ),
        migrations.CreateModel(
            name="BankWord",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "state",
                    models.CharField(
                        choices=[("paid", "paid"), ("failed", "failed"), ("canceled", "canceled")], max_length=8
                    ),
                ),
                ("code", models.CharField(blank=True, max_length=80)),
                ("reason", models.CharField(blank=True, max_length=400)),
                ("bank", models.CharField(blank=True, max_length=100)),
                ("at", models.DateTimeField()),
                (
                    "attempt",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="words",
                        to="payouts.payoutattempt",
                    ),
                ),
            ],
            options={
                "db_table": "payouts_bank_word",
            },
        ),
        migrations.CreateModel(
            name="BankRetry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("asked_at", models.DateTimeField()),
                (
                    "attempt",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="retry", to="payouts.payoutattempt"
                    ),
                ),
            ],
            options={
                "db_table": "payouts_bank_retry",
            },
        ),
        migrations.CreateModel(
            name="PayoutAttemptEnd",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("state", models.CharField(choices=[("done", "done"), ("refused", "refused")], max_length=8)),
                ("reference", models.CharField(blank=True, db_index=True, max_length=64)),
                ("code", models.CharField(blank=True, max_length=80)),
                ("reason", models.CharField(blank=True, max_length=400)),
                ("arrives_on", models.DateField(null=True)),
                ("at", models.DateTimeField()),
                (
                    "attempt",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="end", to="payouts.payoutattempt"
                    ),
                ),
            ],
            options={
                "db_table": "payouts_attempt_end",
            },
        ),
        migrations.CreateModel(
            name="TransferReversal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("reference", models.CharField(max_length=64, unique=True)),
                ("amount_minor", models.BigIntegerField()),
                ("is_ours", models.BooleanField()),
                ("at", models.DateTimeField()),
                (
                    "transaction",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="payouts.transaction"
                    ),
                ),
                (
                    "transfer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reversals",
                        to="payouts.payoutattempt",
                    ),
                ),
            ],
            options={
                "db_table": "payouts_transfer_reversal",
            },
        ),
        migrations.AddConstraint(
            model_name="connectedaccount",
            constraint=models.UniqueConstraint(fields=("creator", "number"), name="payouts_connected_numbered"),
        ),
        migrations.AddConstraint(
            model_name="connectedaccount",
            constraint=models.CheckConstraint(
                condition=models.Q(("number__gte", 1), ("reference__startswith", "acct_")),
                name="payouts_connected_named",
            ),
        ),
        migrations.AddIndex(
            model_name="connectedaccountstate",
            index=models.Index(fields=["account", "-id"], name="payouts_connected_newest"),
        ),
        migrations.AddConstraint(
            model_name="connectedaccountstate",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("closed", False), models.Q(("payouts", False), ("transfers", False)), _connector="OR"
                ),
                name="payouts_connected_closed_does_nothing",
            ),
        ),
        migrations.AddIndex(
            model_name="connectedbalance",
            index=models.Index(fields=["account", "currency", "-id"], name="payouts_connected_balance_new"),
        ),
        migrations.AddConstraint(
            model_name="payoutattempt",
            constraint=models.UniqueConstraint(fields=("payout", "number"), name="payouts_attempts_are_numbered"),
        ),
        migrations.AddConstraint(
            model_name="payoutattempt",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("amount_minor__gte", 1),
                    ("kind__in", ["transfer", "bank", "return", "recovery"]),
                    ("number__gte", 1),
                ),
                name="payouts_attempt_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="payoutattempt",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "transfer"), ("of", None)),
                    models.Q(models.Q(("kind", "transfer"), _negated=True), ("of__isnull", False)),
                    _connector="OR",
                ),
                name="payouts_attempt_goes_on_from_a_transfer",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankword",
            constraint=models.UniqueConstraint(fields=("attempt", "state"), name="payouts_bank_word_once"),
        ),
        migrations.AddConstraint(
            model_name="bankword",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["paid", "failed", "canceled"])), name="payouts_bank_word_is_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="payoutattemptend",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "done"), models.Q(("reference", ""), _negated=True)),
                    models.Q(("reference", ""), ("state", "refused")),
                    _connector="OR",
                ),
                name="payouts_attempt_end_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="payoutattemptend",
            constraint=models.UniqueConstraint(
                condition=models.Q(("reference", ""), _negated=True),
                fields=("reference",),
                name="payouts_attempt_reference_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="transferreversal",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_minor__gte", 1)), name="payouts_transfer_reversal_above_zero"
            ),
        ),
        *(
            migrations.RunSQL(sql, reverse_sql=migrations.RunSQL.noop)
            for sql in (MOVES, APPEND_ONLY, ATTEMPTS, REVERSALS)
        ),
    ]
