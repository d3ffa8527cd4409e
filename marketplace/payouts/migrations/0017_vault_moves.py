"""What the vault on a chain took in and gave out, each event once, and the two kinds of transaction that book it."""

import django.db.models.deletion
from django.db import migrations, models

# What the list says so far is kept, whoever added to it. Of a move whose fee passes a whole minor unit, while all of it
# does not, more is the house's and less is claimed.
MOVES = """
DO $do$
DECLARE listed text[] := payouts_moves() || ARRAY[
    'chain_sale +chain_escrow', 'chain_sale -platform_fee', 'chain_sale -chain_claims',
    'chain_paid +chain_escrow', 'chain_paid +chain_claims', 'chain_paid -platform_fee', 'chain_paid -chain_claims'];
BEGIN
    EXECUTE format('CREATE OR REPLACE FUNCTION payouts_moves() RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS '
                   '$moves$ SELECT %L::text[] $moves$', listed);
END $do$;
"""

APPEND_ONLY = """
CREATE TRIGGER payouts_vault_move_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payouts_vault_move
    FOR EACH STATEMENT EXECUTE FUNCTION
    payouts_refuse('payouts_vault_move_append_only', 'facts are added, never changed');
"""

# A move follows the one before it, adds what its totals pass of whole minor units, and is what its transaction posts.
FOLLOWS = """
CREATE FUNCTION payouts_check_vault_move() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    had record;
    posted text;
    due text;
BEGIN
    SELECT m.amount_total_units AS amount, m.fee_total_units AS fee,
           m.unit = NEW.unit AND m.currency = NEW.currency AND m.detail = NEW.detail AS alike INTO had
      FROM payouts_vault_move m
     WHERE m.chain_id = NEW.chain_id AND m.vault = NEW.vault AND m.token = NEW.token AND m.flow = NEW.flow
       AND m.id <> NEW.id
     ORDER BY m.amount_total_units DESC LIMIT 1;
    IF NOT FOUND THEN
        SELECT 0::numeric AS amount, 0::numeric AS fee, true AS alike INTO had;
    END IF;
    IF NEW.amount_total_units <> had.amount + NEW.amount_units OR NEW.fee_total_units <> had.fee + NEW.fee_units
       OR NEW.amount_minor <> div(NEW.amount_total_units, NEW.unit) - div(had.amount, NEW.unit)
       OR NEW.fee_minor <> div(NEW.fee_total_units, NEW.unit) - div(had.fee, NEW.unit) OR NOT had.alike THEN
        RAISE EXCEPTION 'move % of the vault does not follow what flowed before it', NEW.source
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_vault_move_adds_up', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT string_agg(concat_ws(' ', d.kind, d.amount, NEW.currency, nullif(d.detail, '')), ', '
                      ORDER BY d.kind COLLATE "C", d.detail COLLATE "C") INTO due
      FROM (VALUES ('in', 'chain_escrow', NEW.amount_minor, NEW.detail), ('in', 'platform_fee', -NEW.fee_minor, ''),
                   ('in', 'chain_claims', NEW.fee_minor - NEW.amount_minor, NEW.detail),
                   ('out', 'chain_claims', NEW.amount_minor, NEW.detail),
                   ('out', 'chain_escrow', -NEW.amount_minor, NEW.detail),
                   ('house', 'chain_escrow', -NEW.amount_minor, NEW.detail),
                   ('house', 'chain_escrow', NEW.amount_minor, replace(NEW.detail, 'vault:', 'treasury:'))
           ) AS d (flow, kind, amount, detail) WHERE d.flow = NEW.flow AND d.amount <> 0;
    SELECT string_agg(concat_ws(' ', a.kind, p.amount_minor, a.currency, nullif(a.detail, '')), ', '
                      ORDER BY a.kind COLLATE "C", a.detail COLLATE "C") INTO posted
      FROM payouts_posting p JOIN payouts_account a ON a.id = p.account_id WHERE p.transaction_id = NEW.transaction_id;
    IF due IS DISTINCT FROM posted THEN
        RAISE EXCEPTION 'move % of the vault is %, and its transaction posted %', NEW.source, due, posted
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_vault_move_is_what_it_posts',
                  TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_vault_move_follows AFTER INSERT ON payouts_vault_move
    FOR EACH ROW EXECUTE FUNCTION payouts_check_vault_move();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("payouts", "0016_sales_by_the_thousand"),
    ]

    operations = [
        migrations.CreateModel(
            name="VaultMove",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("event_id", models.BigIntegerField(unique=True)),
                ("chain_id", models.BigIntegerField()),
                ("vault", models.CharField(max_length=42)),
                ("token", models.CharField(max_length=42)),
                ("flow", models.CharField(max_length=5)),
                ("source", models.CharField(max_length=200, unique=True)),
                ("subject", models.CharField(blank=True, db_default="", default="", max_length=200)),
                ("split_digest", models.CharField(blank=True, db_default="", default="", max_length=64)),
                ("payee", models.UUIDField(null=True)),
                ("receiver", models.CharField(blank=True, db_default="", default="", max_length=42)),
                ("currency", models.CharField(max_length=3)),
                ("detail", models.CharField(max_length=40)),
                ("unit", models.BigIntegerField()),
                ("amount_units", models.DecimalField(decimal_places=0, max_digits=40)),
                ("fee_units", models.DecimalField(decimal_places=0, default=0, max_digits=40)),
                ("amount_total_units", models.DecimalField(decimal_places=0, max_digits=40)),
                ("fee_total_units", models.DecimalField(decimal_places=0, default=0, max_digits=40)),
                ("amount_minor", models.BigIntegerField()),
                ("fee_minor", models.BigIntegerField(default=0)),
                ("chain_transaction", models.CharField(max_length=66)),
                ("log_index", models.IntegerField()),
                ("moved_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField()),
            ],
            options={
                "db_table": "payouts_vault_move",
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
                        ],
                    )
                ),
                name="payouts_transaction_kind_known",
            ),
        ),
        migrations.AddField(
            model_name="vaultmove",
            name="transaction",
            field=models.OneToOneField(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="payouts.transaction"
            ),
        ),
        migrations.AddIndex(
            model_name="vaultmove",
            index=models.Index(
                condition=models.Q(("flow", "in")), fields=["split_digest", "-id"], name="payouts_vault_in_by_split"
            ),
        ),
        migrations.AddIndex(
            model_name="vaultmove",
            index=models.Index(
                condition=models.Q(("flow", "out")), fields=["payee", "-id"], name="payouts_vault_out_by_payee"
            ),
        ),
        migrations.AddConstraint(
            model_name="vaultmove",
            constraint=models.UniqueConstraint(
                fields=("chain_id", "chain_transaction", "log_index"), name="payouts_vault_event_moves_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="vaultmove",
            constraint=models.UniqueConstraint(
                fields=("chain_id", "vault", "token", "flow", "amount_total_units"),
                name="payouts_vault_moves_follow_each_other",
            ),
        ),
        migrations.AddConstraint(
            model_name="vaultmove",
            constraint=models.CheckConstraint(
                condition=models.Q(("flow__in", ["in", "out", "house"])), name="payouts_vault_flow_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="vaultmove",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("amount_units__gt", 0),
                    ("fee_units__gte", 0),
                    ("fee_units__lte", models.F("amount_units")),
                    ("unit__gt", 0),
                ),
                name="payouts_vault_amounts_above_zero",
            ),
        ),
        migrations.AddConstraint(
            model_name="vaultmove",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("flow", "in"), ("payee", None)),
                    models.Q(
                        ("fee_units", 0),
                        ("flow", "out"),
                        ("payee__isnull", False),
                        ("split_digest", ""),
                        ("subject", ""),
                    ),
                    models.Q(
                        ("fee_units", 0), ("flow", "house"), ("payee", None), ("split_digest", ""), ("subject", "")
                    ),
                    _connector="OR",
                ),
                name="payouts_vault_move_names_whom_it_concerns",
            ),
        ),
        migrations.AddConstraint(
            model_name="vaultmove",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("amount_minor", 0), ("fee_minor", 0), ("transaction", None)),
                    models.Q(
                        ("transaction__isnull", False), models.Q(("amount_minor", 0), ("fee_minor", 0), _negated=True)
                    ),
                    _connector="OR",
                ),
                name="payouts_vault_move_posts_what_it_moves",
            ),
        ),
        *(migrations.RunSQL(sql, migrations.RunSQL.noop) for sql in (MOVES, APPEND_ONLY, FOLLOWS)),
    ]
