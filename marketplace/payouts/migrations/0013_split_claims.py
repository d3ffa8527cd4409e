"""What a split is made of where absolute shares reach a work, and what the database itself refuses about it."""

import django.contrib.postgres.constraints
import django.db.models.deletion
from django.contrib.postgres.operations import BtreeGistExtension
from django.db import migrations, models

APPEND_ONLY = "".join(
    f"""
CREATE TRIGGER payouts_{table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payouts_{table}
    FOR EACH STATEMENT EXECUTE FUNCTION
    payouts_refuse('payouts_{table}_append_only', 'facts are added, never changed');
"""
    for table in ("division", "division_share")
)

# The absolute shares of a division are written whole, in one statement, under the digest of its own document; they
# leave a part of the whole; and, folded again by largest remainder, they and its rest are its split. The document is
# simple enough to be written here: keys in RFC 8785 order, subjects in that of their code points.
DIVISIONS = """
CREATE FUNCTION payouts_check_divisions() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    IF (SELECT count(*) FROM payouts_division_share s WHERE s.division_id IN (SELECT division_id FROM new_rows))
       <> (SELECT count(*) FROM new_rows) THEN
        RAISE EXCEPTION 'a division is written whole: its absolute shares cannot be added to'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_division_written_once', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT n.division_id, sum(n.share_ppb) AS sum_ppb INTO bad FROM new_rows n
     GROUP BY n.division_id HAVING sum(n.share_ppb) >= 1000000000 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the absolute shares of division % take % ppb', bad.division_id, bad.sum_ppb
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_division_leaves_a_rest', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT d.digest INTO bad FROM payouts_division d
      JOIN (SELECT n.division_id, string_agg('{"rest":"' || n.rest_id || '","share_ppb":' || n.share_ppb ||
                   ',"subject":' || to_json(n.subject)::text || '}', ',' ORDER BY n.subject COLLATE "C") AS told
              FROM new_rows n GROUP BY n.division_id) a ON a.division_id = d.digest
     WHERE d.digest <> encode(sha256(convert_to('{"absolute":[' || a.told ||
               '],"format":"worldloom/division/1","rest":"' || d.rest_id || '","split":"' || d.split_id || '"}',
               'UTF8')), 'hex') LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'division % is not the digest of its document', bad.digest
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_division_digest_matches', TABLE = TG_TABLE_NAME;
    END IF;
    WITH part AS (
        SELECT n.division_id, h.payee_id, n.share_ppb * h.share_ppb AS amount
          FROM new_rows n JOIN payouts_split_share h ON h.split_id = n.rest_id
         UNION ALL
        SELECT d.digest, h.payee_id, a.left_ppb * h.share_ppb
          FROM (SELECT division_id, 1000000000 - sum(share_ppb)::bigint AS left_ppb
                  FROM new_rows GROUP BY division_id) a
          JOIN payouts_division d ON d.digest = a.division_id JOIN payouts_split_share h ON h.split_id = d.rest_id
    ), floored AS (
        SELECT division_id, payee_id, div(sum(amount), 1000000000) AS share_ppb, sum(amount) % 1000000000 AS remainder
          FROM part GROUP BY division_id, payee_id
    ), due AS (
        SELECT division_id, payee_id, share_ppb + (row_number() OVER (
                   PARTITION BY division_id ORDER BY remainder DESC, payee_id)
                   <= 1000000000 - sum(share_ppb) OVER (PARTITION BY division_id))::int AS share_ppb
          FROM floored
    ), there AS (
        SELECT d.digest AS division_id, h.payee_id, h.share_ppb
          FROM payouts_division d JOIN payouts_split_share h ON h.split_id = d.split_id
         WHERE d.digest IN (SELECT division_id FROM new_rows)
    )
    SELECT coalesce(due.division_id, there.division_id) AS digest INTO bad
      FROM (SELECT * FROM due WHERE share_ppb > 0) due FULL JOIN there USING (division_id, payee_id)
     WHERE due.share_ppb IS DISTINCT FROM there.share_ppb LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the absolute shares and the rest of division % are not its split', bad.digest
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_division_folds_to_split', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_division_folds_to_split AFTER INSERT ON payouts_division_share
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payouts_check_divisions();

CREATE FUNCTION payouts_check_division_has_shares() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM payouts_division_share WHERE division_id = NEW.digest) THEN
        RAISE EXCEPTION 'division % has no absolute shares', NEW.digest
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_division_has_shares', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER payouts_division_has_shares AFTER INSERT ON payouts_division
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION payouts_check_division_has_shares();
"""

_SPLIT = {"on_delete": django.db.models.deletion.PROTECT, "related_name": "+", "to": "payouts.split"}


class Migration(migrations.Migration):
    dependencies = [("payouts", "0012_taxes")]
    operations = [
        BtreeGistExtension(),
        migrations.CreateModel(
            name="Division",
            fields=[
                ("digest", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField()),
                ("rest", models.ForeignKey(db_index=False, **_SPLIT)),
                ("split", models.ForeignKey(**_SPLIT)),
            ],
            options={"db_table": "payouts_division"},
        ),
        migrations.CreateModel(
            name="DivisionShare",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("subject", models.CharField(max_length=200)),
                ("share_ppb", models.BigIntegerField()),
                (
                    "division",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="absolute",
                        to="payouts.division",
                    ),
                ),
                ("rest", models.ForeignKey(db_index=False, **_SPLIT)),
            ],
            options={
                "db_table": "payouts_division_share",
                "constraints": [
                    models.UniqueConstraint(fields=("division", "subject"), name="payouts_division_names_subject_once"),
                    models.CheckConstraint(
                        condition=models.Q(("subject", ""), _negated=True), name="payouts_division_share_says_whose"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("share_ppb__gte", 1), ("share_ppb__lt", 1000000000)),
                        name="payouts_division_share_is_a_part",
                    ),
                    django.contrib.postgres.constraints.ExclusionConstraint(
                        expressions=[(models.F("subject"), "="), (models.F("rest"), "<>")],
                        name="payouts_subject_has_one_rest",
                    ),
                ],
            },
        ),
        migrations.RunSQL(APPEND_ONLY, reverse_sql=migrations.RunSQL.noop),
        migrations.RunSQL(DIVISIONS, reverse_sql=migrations.RunSQL.noop),
    ]
