"""Roots of payouts on chain and what the chain says of them, and what the database refuses about them."""

import django.db.models.deletion
from django.db import migrations, models

FACTS = [
    "way",
    "chain_book",
    "chain_account",
    "root",
    "root_tree",
    "root_line",
    "root_seen",
    "chain_claimed",
]

APPEND_ONLY = "".join(
    f"""
CREATE TRIGGER payouts_{table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payouts_{table}
    FOR EACH STATEMENT EXECUTE FUNCTION
    payouts_refuse('payouts_{table}_append_only', 'facts are added, never changed');
"""
    for table in FACTS
)

# A line adds to what its account was given before, in the account's own book, to nobody who is held, and never more
# than the root says in all.
LINES = """
CREATE FUNCTION payouts_check_root_lines() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    SELECT n.account_id, n.cumulative_minor, n.added_minor INTO bad
      FROM new_rows n JOIN payouts_root r ON r.id = n.root_id JOIN payouts_chain_account c ON c.id = n.account_id
      LEFT JOIN LATERAL (SELECT l.root_id, l.cumulative_minor FROM payouts_root_line l
                          WHERE l.account_id = n.account_id AND l.id <> n.id ORDER BY l.root_id DESC LIMIT 1) w ON true
     WHERE c.book_id <> r.book_id OR w.root_id > n.root_id
        OR n.cumulative_minor <> coalesce(w.cumulative_minor, 0) + n.added_minor LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'account % was not given % with % more', bad.account_id, bad.cumulative_minor, bad.added_minor
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_root_line_adds_up', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT c.creator_id, h.key INTO bad
      FROM new_rows n JOIN payouts_chain_account c ON c.id = n.account_id
      JOIN payouts_chain_book b ON b.id = c.book_id
      JOIN payouts_hold h ON h.creator_id = c.creator_id AND h.currency IN (b.currency, '')
     WHERE NOT EXISTS (SELECT FROM payouts_hold_end e WHERE e.hold_id = h.id) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'payouts to creator % are held: %', bad.creator_id, bad.key
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_root_line_waits_for_holds', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT r.id, r.added_minor INTO bad
      FROM (SELECT DISTINCT root_id FROM new_rows) n JOIN payouts_root r ON r.id = n.root_id
     WHERE r.added_minor < (SELECT sum(l.added_minor) FROM payouts_root_line l WHERE l.root_id = r.id) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'root % adds % and not more', bad.id, bad.added_minor
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_root_line_within_root', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_root_line_adds_up AFTER INSERT ON payouts_root_line
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payouts_check_root_lines();
"""

# At the end of what wrote it a root follows the one before, stands on top of its tree, and its lines are what its
# transaction took from each creator.
ROOTS = """
CREATE FUNCTION payouts_check_root() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record; nodes bytea;
BEGIN
    IF NEW.number > 1 AND NOT EXISTS (
           SELECT FROM payouts_root r WHERE r.book_id = NEW.book_id AND r.number = NEW.number - 1 AND r.id < NEW.id) THEN
        RAISE EXCEPTION 'root % of book % follows no other', NEW.number, NEW.book_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_root_goes_on', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT t.nodes INTO nodes FROM payouts_root_tree t WHERE t.root_id = NEW.id;
    IF nodes IS NULL OR length(nodes) < 32 * (2 * NEW.accounts - 1)
       OR '0x' || encode(substring(nodes FROM length(nodes) - 31), 'hex') <> NEW.root THEN
        RAISE EXCEPTION 'root % does not stand on its tree', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_root_stands_on_its_tree', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT owner_id, l.added, p.taken INTO bad
      FROM (SELECT c.creator_id AS owner_id, sum(l.added_minor) AS added
              FROM payouts_root_line l JOIN payouts_chain_account c ON c.id = l.account_id
             WHERE l.root_id = NEW.id GROUP BY c.creator_id) l
      FULL JOIN (SELECT a.owner_id, sum(q.amount_minor) AS taken
                   FROM payouts_transaction t JOIN payouts_posting q ON q.transaction_id = t.id
                   JOIN payouts_account a ON a.id = q.account_id AND a.kind = 'creator_available'
                   JOIN payouts_chain_book b ON b.id = NEW.book_id AND b.currency = a.currency
                  WHERE t.id = NEW.transaction_id AND t.kind = 'chain_claim_published'
                  GROUP BY a.owner_id) p USING (owner_id)
     WHERE l.added IS DISTINCT FROM p.taken LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'root % gives % to creator % and % was taken', NEW.id, bad.added, bad.owner_id, bad.taken
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_root_equals_its_postings', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER payouts_root_is_whole AFTER INSERT ON payouts_root
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION payouts_check_root();
-- Kept as it is, a proof reads the few pages in which its nodes lie.
ALTER TABLE payouts_root_tree ALTER COLUMN nodes SET STORAGE EXTERNAL;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("payouts", "0018_wallets"),
        ("people", "0006_what_keys_are_for"),
    ]

    operations = [
        migrations.CreateModel(
            name="PayoutRoot",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.IntegerField()),
                ("root", models.CharField(max_length=66)),
                ("accounts", models.IntegerField()),
                ("total_units", models.DecimalField(decimal_places=0, max_digits=39)),
                ("added_minor", models.BigIntegerField()),
                ("document_sha256", models.CharField(max_length=64)),
                ("published_at", models.DateTimeField()),
            ],
            options={
                "db_table": "payouts_root",
            },
        ),
        migrations.CreateModel(
            name="ChainBook",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("chain_id", models.BigIntegerField()),
                ("distributor", models.CharField(max_length=42)),
                ("token", models.CharField(max_length=42)),
                ("symbol", models.CharField(max_length=20)),
                ("decimals", models.IntegerField()),
                ("scale", models.DecimalField(decimal_places=0, max_digits=39)),
                ("currency", models.CharField(max_length=3)),
                ("detail", models.CharField(max_length=40)),
                ("opened_at", models.DateTimeField()),
            ],
            options={
                "db_table": "payouts_chain_book",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("chain_id", "distributor", "token"), name="payouts_chain_book_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("distributor__regex", "^0x[0-9a-fA-F]{40}$"), ("token__regex", "^0x[0-9a-fA-F]{40}$")
                        ),
                        name="payouts_chain_book_addresses",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("scale__gte", 1), models.Q(("detail", ""), _negated=True)),
                        name="payouts_chain_book_counts",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ChainAccount",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("address", models.CharField(max_length=42)),
                ("place", models.IntegerField()),
                ("opened_at", models.DateTimeField()),
                (
                    "creator",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="people.creator"
                    ),
                ),
                (
                    "book",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="accounts",
                        to="payouts.chainbook",
                    ),
                ),
            ],
            options={
                "db_table": "payouts_chain_account",
            },
        ),
        migrations.CreateModel(
            name="ChainClaimed",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("event", models.BigIntegerField(unique=True)),
                ("address", models.CharField(max_length=42)),
                ("units", models.DecimalField(decimal_places=0, max_digits=78)),
                ("amount_minor", models.BigIntegerField(null=True)),
                ("why", models.CharField(blank=True, default="", max_length=400)),
                ("transaction", models.CharField(max_length=66)),
                ("block_number", models.BigIntegerField()),
                ("at", models.DateTimeField()),
                ("seen_at", models.DateTimeField()),
                (
                    "account",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="claims",
                        to="payouts.chainaccount",
                    ),
                ),
                (
                    "book",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="payouts.chainbook"
                    ),
                ),
                (
                    "posted",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="payouts.transaction",
                    ),
                ),
                (
                    "repeats",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="payouts.chainclaimed",
                    ),
                ),
            ],
            options={
                "db_table": "payouts_chain_claimed",
            },
        ),
        migrations.CreateModel(
            name="PayoutRootTree",
            fields=[
                (
                    "root",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="tree",
                        serialize=False,
                        to="payouts.payoutroot",
                    ),
                ),
                ("nodes", models.BinaryField()),
            ],
            options={
                "db_table": "payouts_root_tree",
            },
        ),
        migrations.AddField(
            model_name="payoutroot",
            name="book",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="roots",
                to="payouts.chainbook",
            ),
        ),
        migrations.AddField(
            model_name="payoutroot",
            name="transaction",
            field=models.OneToOneField(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="payouts.transaction"
            ),
        ),
        migrations.CreateModel(
            name="PayoutRootLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("added_minor", models.BigIntegerField()),
                ("cumulative_minor", models.BigIntegerField()),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="lines", to="payouts.chainaccount"
                    ),
                ),
                (
                    "released_through",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="payouts.holdrelease",
                    ),
                ),
                (
                    "root",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lines",
                        to="payouts.payoutroot",
                    ),
                ),
            ],
            options={
                "db_table": "payouts_root_line",
            },
        ),
        migrations.CreateModel(
            name="PayoutWay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("currency", models.CharField(max_length=3)),
                ("on_chain", models.BooleanField()),
                ("chosen_at", models.DateTimeField()),
                (
                    "creator",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="people.creator"
                    ),
                ),
            ],
            options={
                "db_table": "payouts_way",
            },
        ),
        migrations.CreateModel(
            name="RootSeen",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("event", models.BigIntegerField(unique=True)),
                ("token", models.CharField(max_length=42)),
                ("root", models.CharField(max_length=66)),
                ("kind", models.CharField(choices=[("proposed", "proposed"), ("vetoed", "vetoed")], max_length=8)),
                ("transaction", models.CharField(max_length=66)),
                ("block_number", models.BigIntegerField()),
                ("at", models.DateTimeField()),
                ("seen_at", models.DateTimeField()),
                (
                    "book",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="payouts.chainbook"
                    ),
                ),
                (
                    "ours",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="seen",
                        to="payouts.payoutroot",
                    ),
                ),
            ],
            options={
                "db_table": "payouts_root_seen",
            },
        ),
        migrations.AddConstraint(
            model_name="chainaccount",
            constraint=models.UniqueConstraint(fields=("book", "place"), name="payouts_chain_account_place_once"),
        ),
        migrations.AddConstraint(
            model_name="chainaccount",
            constraint=models.UniqueConstraint(fields=("book", "address"), name="payouts_chain_account_once"),
        ),
        migrations.AddConstraint(
            model_name="chainaccount",
            constraint=models.CheckConstraint(
                condition=models.Q(("address__regex", "^0x[0-9a-fA-F]{40}$"), ("place__gte", 0)),
                name="payouts_chain_account_address",
            ),
        ),
        migrations.AddConstraint(
            model_name="chainclaimed",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("account__isnull", False),
                        ("amount_minor__gt", 0),
                        ("posted__isnull", False),
                        ("repeats", None),
                        ("why", ""),
                    ),
                    models.Q(("posted", None), ("repeats__isnull", False), ("why", "")),
                    models.Q(("posted", None), ("repeats", None), models.Q(("why", ""), _negated=True)),
                    _connector="OR",
                ),
                name="payouts_chain_claimed_booked_or_said_why",
            ),
        ),
        migrations.AddConstraint(
            model_name="chainclaimed",
            constraint=models.UniqueConstraint(
                condition=models.Q(("posted__isnull", False)),
                fields=("book", "transaction", "address"),
                name="payouts_chain_claimed_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="payoutroot",
            constraint=models.UniqueConstraint(fields=("book", "number"), name="payouts_root_number_once"),
        ),
        migrations.AddConstraint(
            model_name="payoutroot",
            constraint=models.CheckConstraint(
                condition=models.Q(("root__regex", "^0x[0-9a-f]{64}$")), name="payouts_root_is_hex"
            ),
        ),
        migrations.AddConstraint(
            model_name="payoutroot",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("added_minor__gt", 0), ("transaction__isnull", False)),
                    models.Q(("added_minor", 0), ("transaction", None)),
                    _connector="OR",
                ),
                name="payouts_root_moves_or_not",
            ),
        ),
        migrations.AddConstraint(
            model_name="payoutroot",
            constraint=models.CheckConstraint(
                condition=models.Q(("accounts__gte", 1), ("number__gte", 1), ("total_units__gte", 1)),
                name="payouts_root_counts",
            ),
        ),
        migrations.AddConstraint(
            model_name="payoutrootline",
            constraint=models.UniqueConstraint(fields=("root", "account"), name="payouts_root_line_once"),
        ),
        migrations.AddConstraint(
            model_name="payoutrootline",
            constraint=models.CheckConstraint(
                condition=models.Q(("added_minor__gt", 0)), name="payouts_root_line_above_zero"
            ),
        ),
        migrations.AddIndex(
            model_name="payoutway",
            index=models.Index(fields=["currency", "creator", "id"], name="payouts_way_by_scope"),
        ),
        migrations.AddConstraint(
            model_name="rootseen",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["proposed", "vetoed"])), name="payouts_root_seen_kind_known"
            ),
        ),
        *(migrations.RunSQL(sql, reverse_sql=migrations.RunSQL.noop) for sql in (APPEND_ONLY, LINES, ROOTS)),
    ]
