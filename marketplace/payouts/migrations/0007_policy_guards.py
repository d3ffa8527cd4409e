"""What the database itself refuses about policies, holds and reserves, and about what becomes of payouts."""

from django.db import migrations, models
from django.db.models import Q

FACTS = ["policy", "preference", "hold", "hold_end", "reserve_line", "reserve_end"]

APPEND_ONLY = "".join(
    f"""
CREATE TRIGGER payouts_{table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payouts_{table}
    FOR EACH STATEMENT EXECUTE FUNCTION
    payouts_refuse('payouts_{table}_append_only', 'facts are added, never changed');
"""
    for table in FACTS
)

HOLDS = """
CREATE FUNCTION payouts_check_held_creators() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    SELECT n.creator_id, h.key INTO bad
      FROM new_rows n JOIN payouts_hold h ON h.creator_id = n.creator_id AND h.currency IN (n.currency, '')
     WHERE NOT EXISTS (SELECT FROM payouts_hold_end e WHERE e.hold_id = h.id) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'payouts to creator % are held: %', bad.creator_id, bad.key
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_held_creator_waits', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_held_creator_waits AFTER INSERT ON payouts_payout
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payouts_check_held_creators();
"""

# What the end of a hold period keeps back is what its reserve lines say, and what the end of a reserve gives is what
# its ends say, of each creator. Asked when lines and ends are written, and at the end of whatever posted such a
# transaction. What refunds, disputes and takedowns take from a reserve is held by their own guards.
RESERVES = """
CREATE FUNCTION payouts_check_reserves(ids uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    SELECT coalesce(w.transaction_id, r.transaction_id) AS id, coalesce(w.creator_id, r.owner_id) AS creator_id,
           coalesce(w.moved, 0) AS said, coalesce(r.moved, 0) AS posted INTO bad
      FROM (SELECT m.transaction_id, m.creator_id, m.currency, sum(m.moved) AS moved
              FROM (SELECT h.transaction_id, l.creator_id, l.currency, -l.amount_minor AS moved
                      FROM payouts_reserve_line l JOIN payouts_hold_release h ON h.id = l.release_id
                     WHERE h.transaction_id = ANY (ids)
                     UNION ALL
                    SELECT e.transaction_id, l.creator_id, l.currency, e.amount_minor
                      FROM payouts_reserve_end e JOIN payouts_reserve_line l ON l.id = e.reserve_id
                     WHERE e.transaction_id = ANY (ids)) m
             GROUP BY m.transaction_id, m.creator_id, m.currency) w
      FULL JOIN (SELECT p.transaction_id, a.owner_id, a.currency, sum(p.amount_minor) AS moved
                   FROM payouts_posting p JOIN payouts_account a ON a.id = p.account_id
                  WHERE p.transaction_id = ANY (ids) AND a.kind = 'creator_reserve'
                  GROUP BY p.transaction_id, a.owner_id, a.currency) r
        ON r.transaction_id = w.transaction_id AND r.owner_id = w.creator_id AND r.currency = w.currency
     WHERE w.moved IS DISTINCT FROM r.moved LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'transaction % moves % on the reserve of creator % and its reserves say %',
                        bad.id, bad.posted, bad.creator_id, bad.said
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_reserves_equal_postings',
                  TABLE = 'payouts_reserve_line';
    END IF;
END $$;

CREATE FUNCTION payouts_check_reserve_transaction() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM payouts_check_reserves(ARRAY[NEW.id]);
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER payouts_transaction_equals_reserves AFTER INSERT ON payouts_transaction
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.kind IN ('hold_release', 'reserve_release'))
    EXECUTE FUNCTION payouts_check_reserve_transaction();

CREATE FUNCTION payouts_check_reserve_lines() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    SELECT n.id INTO bad
      FROM new_rows n JOIN payouts_hold_release h ON h.id = n.release_id
      LEFT JOIN payouts_transaction t ON t.id = h.transaction_id
     WHERE t.kind IS DISTINCT FROM 'hold_release' LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'reserve % is of a release that moved nothing', bad.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_reserve_names_its_release', TABLE = TG_TABLE_NAME;
    END IF;
    PERFORM payouts_check_reserves(ARRAY(SELECT DISTINCT h.transaction_id FROM new_rows n
                                           JOIN payouts_hold_release h ON h.id = n.release_id));
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_reserve_equals_posting AFTER INSERT ON payouts_reserve_line
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payouts_check_reserve_lines();

CREATE FUNCTION payouts_check_reserve_ends() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    SELECT t.id, t.kind INTO bad FROM payouts_transaction t
     WHERE t.id IN (SELECT transaction_id FROM new_rows) AND t.kind <> 'reserve_release' LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'transaction % is of kind % and ends no reserve', bad.id, bad.kind
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_reserve_end_names_its_movement',
                  TABLE = TG_TABLE_NAME;
    END IF;
    SELECT n.reserve_id, n.amount_minor, l.amount_minor AS kept INTO bad
      FROM new_rows n JOIN payouts_reserve_line l ON l.id = n.reserve_id
     WHERE n.amount_minor > l.amount_minor LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'reserve % is of % and % of it would be released', bad.reserve_id, bad.kept, bad.amount_minor
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_reserve_end_within_line', TABLE = TG_TABLE_NAME;
    END IF;
    SELECT n.reserve_id, l.until INTO bad
      FROM new_rows n JOIN payouts_reserve_line l ON l.id = n.reserve_id WHERE n.ended_at < l.until LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'reserve % is kept until %', bad.reserve_id, bad.until
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_reserve_ends_when_due', TABLE = TG_TABLE_NAME;
    END IF;
    PERFORM payouts_check_reserves(ARRAY(SELECT DISTINCT transaction_id FROM new_rows
                                          WHERE transaction_id IS NOT NULL));
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_reserve_end_equals_posting AFTER INSERT ON payouts_reserve_end
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payouts_check_reserve_ends();
"""

# A payout is sent and then paid or failed, or failed at once when the rail refuses it; what was sent or paid may come
# back. Failed and returned are its end. Its row is locked first, so that two who write its outcomes see each other's.
OUTCOMES = """
CREATE OR REPLACE FUNCTION payouts_check_outcomes() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    PERFORM 1 FROM payouts_payout WHERE id IN (SELECT payout_id FROM new_rows) ORDER BY id FOR NO KEY UPDATE;
    SELECT o.payout_id, string_agg(o.state, ', ' ORDER BY o.id) AS states INTO bad
      FROM payouts_payout_outcome o LEFT JOIN new_rows n ON n.id = o.id
     WHERE o.payout_id IN (SELECT payout_id FROM new_rows)
     GROUP BY o.payout_id
    HAVING string_agg(o.state, ', ' ORDER BY o.id)
               NOT IN ('sent', 'sent, paid', 'sent, failed', 'failed', 'sent, returned', 'sent, paid, returned')
        OR bool_or(n.id IS NULL AND o.state NOT IN ('sent', 'paid'))
        OR bool_or(n.id IS NULL AND o.state = 'paid') AND bool_or(n.id IS NOT NULL AND o.state <> 'returned')
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'payout % cannot be: %', bad.payout_id, bad.states
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payouts_outcome_in_order', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
"""

CHOICES = [(kind, kind) for kind in ("always", "daily", "weekly", "monthly", "manual")]
DAYS = (
    Q(schedule__in=["always", "daily", "manual"], day=0)
    | Q(schedule="weekly", day__gte=1, day__lte=7)
    | Q(schedule="monthly", day__gte=1, day__lte=28)
)


def _schedules(model: str, name: str) -> list[object]:
    """Payouts may also be made with every settlement."""
    return [
        migrations.AlterField(model, "schedule", models.CharField(max_length=8, choices=CHOICES)),
        migrations.RemoveConstraint(model, name),
        migrations.AddConstraint(model, models.CheckConstraint(condition=DAYS, name=name)),
    ]


class Migration(migrations.Migration):
    dependencies = [("payouts", "0006_reversals")]
    operations = [
        *_schedules("payoutpolicy", "payouts_policy_schedule"),
        *_schedules("payoutpreference", "payouts_preference_schedule"),
        migrations.AddIndex(
            "payout", models.Index(fields=["creator", "currency", "reserved_at"], name="payouts_payout_by_time")
        ),
        migrations.AddIndex(
            "payout", models.Index(fields=["currency", "reserved_at", "creator"], name="payouts_payout_in_order")
        ),
        *(
            migrations.RunSQL(sql, reverse_sql=migrations.RunSQL.noop)
            for sql in (APPEND_ONLY, HOLDS, RESERVES, OUTCOMES)
        ),
    ]
