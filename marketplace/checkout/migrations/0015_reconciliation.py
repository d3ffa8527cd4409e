"""Copies of the gateway's lines, what each was matched with, and the daily equations; a match is what moved."""

import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models

_FACTS = (
    "provider_line",
    "provider_line_matched",
    "reconciled_transaction",
    "suspense_cleared",
    "reconciliation",
    "daily_equation",
    "creator_balance",
)
ONLY_ADDED = "".join(
    f"CREATE TRIGGER checkout_{name}_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON checkout_{name}"
    " FOR EACH STATEMENT EXECUTE FUNCTION checkout_refuse_change();\n"
    for name in _FACTS
)

# Copies of lines wait to be matched; a match takes them out, and nobody else does.
QUEUE = """
CREATE FUNCTION checkout_queue_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO checkout_provider_line_open (line_id) SELECT id FROM new_rows;
    RETURN NULL;
END $$;
CREATE TRIGGER checkout_line_queued AFTER INSERT ON checkout_provider_line
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION checkout_queue_lines();
CREATE TRIGGER checkout_provider_line_open_kept_by_triggers
    BEFORE INSERT OR UPDATE OR DELETE ON checkout_provider_line_open
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION checkout_refuse_change();
CREATE TRIGGER checkout_provider_line_open_stays BEFORE TRUNCATE ON checkout_provider_line_open
    FOR EACH STATEMENT EXECUTE FUNCTION checkout_refuse_change();
"""

# A line is matched when the transactions that are noted with it moved just what it says: its net in its currency, and
# nothing in any other. They are written before it is, and none can be added afterwards.
MATCHED = """
CREATE FUNCTION checkout_check_matched_lines() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    bad record;
    taken bigint;
BEGIN
    SELECT l.line_id, m.currency, m.amount_minor INTO bad
      FROM (SELECT n.line_id, a.currency, sum(p.amount_minor) AS amount_minor
              FROM new_rows n JOIN checkout_reconciled_transaction r ON r.line_id = n.line_id
              JOIN payouts_posting p ON p.transaction_id = r.transaction_id
              JOIN payouts_account a ON a.id = p.account_id AND a.kind IN ('psp_clearing', 'psp_balance')
             GROUP BY n.line_id, a.currency) m
      JOIN checkout_provider_line l ON l.id = m.line_id
     WHERE m.amount_minor <> CASE WHEN m.currency <> l.currency OR l.is_aside THEN 0
                                  ELSE l.amount_minor - l.fee_minor END LIMIT 1;
    IF NOT FOUND THEN
        SELECT l.line_id, l.currency, 0 AS amount_minor INTO bad
          FROM new_rows n JOIN checkout_provider_line l ON l.id = n.line_id
         WHERE l.amount_minor <> l.fee_minor AND NOT l.is_aside AND NOT EXISTS (
               SELECT FROM checkout_reconciled_transaction r JOIN payouts_posting p ON p.transaction_id = r.transaction_id
                 JOIN payouts_account a ON a.id = p.account_id AND a.kind IN ('psp_clearing', 'psp_balance')
                      AND a.currency = l.currency
                WHERE r.line_id = n.line_id) LIMIT 1;
    END IF;
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
CREATE TRIGGER checkout_line_equals_what_moved AFTER INSERT ON checkout_provider_line_matched
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION checkout_check_matched_lines();

CREATE FUNCTION checkout_check_reconciled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM new_rows n JOIN checkout_provider_line_matched m ON m.line_id = n.line_id) THEN
        RAISE EXCEPTION 'a line is matched whole: nothing is added to it'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'checkout_line_is_matched_whole', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER checkout_line_is_matched_whole AFTER INSERT ON checkout_reconciled_transaction
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION checkout_check_reconciled();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("checkout", "0014_evidence"),
        ("payouts", "0023_connected_accounts"),
    ]

    operations = [
        migrations.CreateModel(
            name="CreatorBalance",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("account", models.CharField(max_length=64)),
                ("currency", models.CharField(max_length=3)),
                ("ours_minor", models.BigIntegerField()),
                ("theirs_minor", models.BigIntegerField()),
            ],
            options={
                "db_table": "checkout_creator_balance",
            },
        ),
        migrations.CreateModel(
            name="DailyEquation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("currency", models.CharField(max_length=3)),
                ("day", models.DateField()),
                ("balance_minor", models.BigIntegerField()),
                ("clearing_minor", models.BigIntegerField()),
                ("available_minor", models.BigIntegerField()),
                ("pending_minor", models.BigIntegerField()),
                ("reserved_minor", models.BigIntegerField()),
                ("only_ours", models.BigIntegerField()),
                ("only_ours_minor", models.BigIntegerField()),
                ("only_theirs", models.BigIntegerField()),
                ("only_theirs_minor", models.BigIntegerField()),
                ("differing", models.BigIntegerField()),
                ("differing_minor", models.BigIntegerField()),
                ("suspense_minor", models.BigIntegerField()),
                ("unread_minor", models.BigIntegerField()),
                ("unexplained_minor", models.BigIntegerField()),
            ],
            options={
                "db_table": "checkout_daily_equation",
                "ordering": ["-reconciliation_id", "currency"],
            },
        ),
        migrations.CreateModel(
            name="ProviderLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("gateway", models.CharField(max_length=20)),
                ("line_id", models.CharField(max_length=100)),
                ("kind", models.CharField(max_length=60)),
                ("category", models.CharField(max_length=60)),
                ("amount_minor", models.BigIntegerField()),
                ("fee_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("source", models.CharField(blank=True, max_length=120)),
                ("exchanged_minor", models.BigIntegerField(null=True)),
                ("exchanged_currency", models.CharField(blank=True, default="", max_length=3)),
                ("rate", models.CharField(blank=True, default="", max_length=40)),
                ("is_aside", models.BooleanField(default=False)),
                ("happened_at", models.DateTimeField()),
                ("available_at", models.DateTimeField()),
                ("imported_at", models.DateTimeField()),
            ],
            options={
                "db_table": "checkout_provider_line",
            },
        ),
        migrations.CreateModel(
            name="ReconciledTransaction",
            fields=[
                (
                    "transaction",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="payouts.transaction",
                    ),
                ),
            ],
            options={
                "db_table": "checkout_reconciled_transaction",
            },
        ),
        migrations.CreateModel(
            name="Reconciliation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("gateway", models.CharField(max_length=20)),
                ("ran_at", models.DateTimeField(db_index=True)),
                ("took_ms", models.BigIntegerField()),
                ("problems", models.JSONField(blank=True, default=list)),
            ],
            options={
                "db_table": "checkout_reconciliation",
            },
        ),
        migrations.CreateModel(
            name="ProviderLineMatched",
            fields=[
                (
                    "line",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="matched",
                        serialize=False,
                        to="checkout.providerline",
                    ),
                ),
                ("way", models.CharField(max_length=10)),
                ("by", models.CharField(blank=True, db_default="", default="", max_length=200)),
                ("reason", models.CharField(blank=True, db_default="", default="", max_length=300)),
                ("at", models.DateTimeField()),
            ],
            options={
                "db_table": "checkout_provider_line_matched",
            },
        ),
        migrations.CreateModel(
            name="ProviderLineOpen",
            fields=[
                (
                    "line",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="open",
                        serialize=False,
                        to="checkout.providerline",
                    ),
                ),
            ],
            options={
                "db_table": "checkout_provider_line_open",
            },
        ),
        migrations.CreateModel(
            name="SuspenseCleared",
            fields=[
                (
                    "line",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="cleared",
                        serialize=False,
                        to="checkout.providerline",
                    ),
                ),
                ("account", models.CharField(max_length=24)),
                ("reason", models.CharField(max_length=300)),
                ("by", models.CharField(max_length=200)),
                ("at", models.DateTimeField()),
            ],
            options={
                "db_table": "checkout_suspense_cleared",
            },
        ),
        migrations.AddIndex(
            model_name="providerline",
            index=models.Index(fields=["gateway", "happened_at"], name="checkout_lines_by_time"),
        ),
        migrations.AddConstraint(
            model_name="providerline",
            constraint=models.UniqueConstraint(fields=("gateway", "line_id"), name="checkout_line_is_copied_once"),
        ),
        migrations.AddConstraint(
            model_name="providerline",
            constraint=models.CheckConstraint(
                condition=models.Q(("currency__regex", "^[A-Z]{3}$")), name="checkout_line_has_a_currency"
            ),
        ),
        migrations.AddConstraint(
            model_name="providerline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("exchanged_currency", ""), ("exchanged_minor", None), ("rate", "")),
                    models.Q(
                        ("exchanged_minor__isnull", False),
                        models.Q(("exchanged_currency", ""), _negated=True),
                        models.Q(("rate", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="checkout_line_is_exchanged_or_not",
            ),
        ),
        migrations.AddField(
            model_name="reconciledtransaction",
            name="line",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="transactions",
                to="checkout.providerline",
            ),
        ),
        migrations.AddField(
            model_name="dailyequation",
            name="reconciliation",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="equations", to="checkout.reconciliation"
            ),
        ),
        migrations.AddField(
            model_name="creatorbalance",
            name="reconciliation",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="creators", to="checkout.reconciliation"
            ),
        ),
        migrations.AddIndex(
            model_name="providerlinematched",
            index=models.Index(
                condition=models.Q(("way", "suspense")), fields=["line"], name="checkout_lines_in_suspense"
            ),
        ),
        migrations.AddConstraint(
            model_name="providerlinematched",
            constraint=models.CheckConstraint(
                condition=models.Q(("way__in", ["known", "bank", "fee", "aside", "stray", "suspense"])),
                name="checkout_line_is_matched_in_a_way",
            ),
        ),
        migrations.AddField(
            model_name="suspensecleared",
            name="transaction",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="payouts.transaction"
            ),
        ),
        migrations.AddIndex(
            model_name="dailyequation",
            index=models.Index(fields=["currency", "-day"], name="checkout_equations_by_day"),
        ),
        migrations.AddConstraint(
            model_name="dailyequation",
            constraint=models.UniqueConstraint(fields=("reconciliation", "currency"), name="checkout_equation_once"),
        ),
        migrations.AddConstraint(
            model_name="dailyequation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "unexplained_minor",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.expressions.CombinedExpression(
                                            django.db.models.expressions.CombinedExpression(
                                                django.db.models.expressions.CombinedExpression(
                                                    django.db.models.expressions.CombinedExpression(
                                                        models.F("balance_minor"), "+", models.F("clearing_minor")
                                                    ),
                                                    "-",
                                                    models.F("available_minor"),
                                                ),
                                                "-",
                                                models.F("pending_minor"),
                                            ),
                                            "-",
                                            models.F("reserved_minor"),
                                        ),
                                        "-",
                                        models.F("only_ours_minor"),
                                    ),
                                    "+",
                                    models.F("only_theirs_minor"),
                                ),
                                "-",
                                models.F("differing_minor"),
                            ),
                            "+",
                            models.F("unread_minor"),
                        ),
                    )
                ),
                name="checkout_equation_adds_up",
            ),
        ),
        migrations.AddConstraint(
            model_name="creatorbalance",
            constraint=models.UniqueConstraint(
                fields=("reconciliation", "account", "currency"), name="checkout_creator_balance_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="suspensecleared",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), _negated=True), name="checkout_suspense_cleared_says_why"
            ),
        ),
        *(migrations.RunSQL(sql, migrations.RunSQL.noop) for sql in (ONLY_ADDED, QUEUE, MATCHED)),
    ]
