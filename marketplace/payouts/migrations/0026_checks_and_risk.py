"""Checks of creators, levels of risk, what is kept back for one, and what the database refuses of it."""

import django.db.models.deletion
from django.db import migrations, models

from marketplace.database.guards import append_only

APPEND_ONLY = append_only("payouts", ("creator_check", "risk_level", "risk_assessment"))

# Nothing is reserved for who is held, or of whom a check is wanted that is not passed.
HOLDS = """
CREATE OR REPLACE FUNCTION payouts_check_held_creators() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    SELECT n.creator_id, h.key INTO bad
      FROM new_rows n JOIN payouts_hold h ON h.creator_id = n.creator_id AND h.currency IN (n.currency, '')
     WHERE NOT EXISTS (SELECT FROM payouts_hold_end e WHERE e.hold_id = h.id) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'payouts to creator % are held: %', bad.creator_id, bad.key
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_held_creator_waits', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT n.creator_id, c.kind, c.state INTO bad
      FROM new_rows n JOIN payouts_creator_check c ON c.creator_id = n.creator_id
     WHERE c.state NOT IN ('passed', 'lifted')
       AND NOT EXISTS (SELECT FROM payouts_creator_check l
                        WHERE l.creator_id = c.creator_id AND l.kind = c.kind AND l.id > c.id) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'payouts to creator % wait: the check of % is %', bad.creator_id, bad.kind, bad.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_unchecked_creator_waits', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
"""

# What is kept for a risk is kept of the creator who is at it, in its currency.
RISKS = """
CREATE FUNCTION payouts_check_reserve_risks() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    SELECT n.creator_id, n.risk_id INTO bad
      FROM new_rows n JOIN payouts_risk_assessment r ON r.id = n.risk_id
     WHERE (r.creator_id, r.currency) IS DISTINCT FROM (n.creator_id, n.currency) OR r.level = 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'reserve of creator % names the risk % of another', bad.creator_id, bad.risk_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_reserve_names_its_risk', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_reserve_names_its_risk AFTER INSERT ON payouts_reserve_line
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payouts_check_reserve_risks();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("payouts", "0025_parts_of_payouts"),
        ("people", "0006_what_keys_are_for"),
    ]

    operations = [
        migrations.CreateModel(
            name="CreatorCheck",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(choices=[("identity", "identity"), ("sanctions", "sanctions")], max_length=9),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("needed", "needed"),
                            ("pending", "pending"),
                            ("passed", "passed"),
                            ("failed", "failed"),
                            ("lifted", "lifted"),
                        ],
                        max_length=7,
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=400)),
                ("reference", models.CharField(blank=True, max_length=200)),
                ("by", models.CharField(max_length=200)),
                ("at", models.DateTimeField()),
                ("expires_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "payouts_creator_check",
            },
        ),
        migrations.CreateModel(
            name="RiskAssessment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("currency", models.CharField(max_length=3)),
                ("level", models.IntegerField()),
                ("days_selling", models.IntegerField()),
                ("days_here", models.IntegerField()),
                ("window_days", models.IntegerField()),
                ("sales", models.BigIntegerField()),
                ("earned_minor", models.BigIntegerField()),
                ("disputed_minor", models.BigIntegerField()),
                ("refunded_minor", models.BigIntegerField()),
                ("hold_days", models.IntegerField()),
                ("reserve_ppb", models.BigIntegerField()),
                ("reserve_days", models.IntegerField()),
                ("reason", models.CharField(blank=True, max_length=400)),
                ("at", models.DateTimeField()),
            ],
            options={
                "db_table": "payouts_risk_assessment",
            },
        ),
        migrations.CreateModel(
            name="RiskLevel",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("level", models.IntegerField()),
                ("days_selling_below", models.IntegerField(null=True)),
                ("days_here_below", models.IntegerField(null=True)),
                ("disputed_ppb_from", models.BigIntegerField(null=True)),
                ("refunded_ppb_from", models.BigIntegerField(null=True)),
                ("window_days", models.IntegerField()),
                ("least_sales", models.IntegerField()),
                ("hold_days", models.IntegerField()),
                ("reserve_ppb", models.BigIntegerField()),
                ("reserve_days", models.IntegerField()),
                ("reason", models.CharField(max_length=400)),
                ("set_by", models.CharField(max_length=200)),
                ("set_at", models.DateTimeField()),
            ],
            options={
                "db_table": "payouts_risk_level",
            },
        ),
        migrations.RemoveConstraint(
            model_name="reserveline",
            name="payouts_reserve_once",
        ),
        migrations.AddField(
            model_name="creatorcheck",
            name="creator",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="people.creator"
            ),
        ),
        migrations.AddField(
            model_name="riskassessment",
            name="creator",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="people.creator"
            ),
        ),
        migrations.AddField(
            model_name="reserveline",
            name="risk",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="reserves",
                to="payouts.riskassessment",
            ),
        ),
        migrations.AddConstraint(
            model_name="reserveline",
            constraint=models.UniqueConstraint(fields=("release", "creator", "until"), name="payouts_reserve_once"),
        ),
        migrations.AddIndex(
            model_name="risklevel",
            index=models.Index(fields=["level", "-id"], name="payouts_risk_level_newest"),
        ),
        migrations.AddConstraint(
            model_name="risklevel",
            constraint=models.CheckConstraint(
                condition=models.Q(("level__gte", 1), ("level__lte", 9)), name="payouts_risk_level_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="risklevel",
            constraint=models.CheckConstraint(
                condition=models.Q(("hold_days__gte", 0), ("least_sales__gte", 1), ("window_days__gte", 1)),
                name="payouts_risk_level_counts",
            ),
        ),
        migrations.AddConstraint(
            model_name="risklevel",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("days_selling_below", None), ("days_selling_below__gte", 1), _connector="OR"),
                    models.Q(("days_here_below", None), ("days_here_below__gte", 1), _connector="OR"),
                    models.Q(("disputed_ppb_from", None), ("disputed_ppb_from__gte", 1), _connector="OR"),
                    models.Q(("refunded_ppb_from", None), ("refunded_ppb_from__gte", 1), _connector="OR"),
                ),
                name="payouts_risk_level_conditions",
            ),
        ),
        migrations.AddConstraint(
            model_name="risklevel",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("reserve_days", 0), ("reserve_ppb", 0)),
                    models.Q(("reserve_days__gte", 1), ("reserve_ppb__gte", 1), ("reserve_ppb__lte", 1000000000)),
                    _connector="OR",
                ),
                name="payouts_risk_level_reserve",
            ),
        ),
        migrations.AddConstraint(
            model_name="risklevel",
            constraint=models.CheckConstraint(
                condition=models.Q(models.Q(("reason", ""), _negated=True), models.Q(("set_by", ""), _negated=True)),
                name="payouts_risk_level_says_why",
            ),
        ),
        migrations.AddIndex(
            model_name="creatorcheck",
            index=models.Index(fields=["creator", "kind", "-id"], name="payouts_check_newest"),
        ),
        migrations.AddConstraint(
            model_name="creatorcheck",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("kind__in", ["identity", "sanctions"]),
                    ("state__in", ["needed", "pending", "passed", "failed", "lifted"]),
                ),
                name="payouts_check_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="creatorcheck",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("expires_at", None),
                    models.Q(("expires_at__gt", models.F("at")), ("state", "passed")),
                    _connector="OR",
                ),
                name="payouts_check_expires_when_passed",
            ),
        ),
        migrations.AddConstraint(
            model_name="creatorcheck",
            constraint=models.CheckConstraint(
                condition=models.Q(("by", ""), _negated=True), name="payouts_check_says_who"
            ),
        ),
        migrations.AddConstraint(
            model_name="creatorcheck",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), ("state", "failed"), _negated=True), name="payouts_check_says_why"
            ),
        ),
        migrations.AddIndex(
            model_name="riskassessment",
            index=models.Index(fields=["creator", "currency", "-id"], name="payouts_risk_newest"),
        ),
        migrations.AddConstraint(
            model_name="riskassessment",
            constraint=models.CheckConstraint(
                condition=models.Q(("level__gte", 0), ("level__lte", 9)), name="payouts_risk_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="riskassessment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("disputed_minor__gte", 0), ("earned_minor__gte", 0), ("refunded_minor__gte", 0), ("sales__gte", 0)
                ),
                name="payouts_risk_counts",
            ),
        ),
        migrations.AddConstraint(
            model_name="riskassessment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        models.Q(("reserve_days", 0), ("reserve_ppb", 0)),
                        models.Q(("reserve_days__gte", 1), ("reserve_ppb__gte", 1), ("reserve_ppb__lte", 1000000000)),
                        _connector="OR",
                    ),
                    ("hold_days__gte", 0),
                ),
                name="payouts_risk_reserve",
            ),
        ),
        migrations.AddConstraint(
            model_name="riskassessment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("hold_days", 0), ("level", 0), ("reason", ""), ("reserve_ppb", 0)),
                    models.Q(("level__gte", 1), models.Q(("reason", ""), _negated=True)),
                    _connector="OR",
                ),
                name="payouts_risk_keeps_for_a_reason",
            ),
        ),
        *(migrations.RunSQL(sql, reverse_sql=migrations.RunSQL.noop) for sql in (APPEND_ONLY, HOLDS, RISKS)),
    ]
