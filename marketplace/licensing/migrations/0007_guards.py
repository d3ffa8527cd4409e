"""What the database itself holds about prices, exclusivity, seats and grants that follow others."""

from django.db import migrations

_ADDED = (
    "offerprice",
    "discountcode",
    "discountcodeend",
    "collection",
    "collectionitem",
    "collectionwithdrawal",
    "quoterequest",
    "quotestep",
    "usagereport",
    "notice",
)

# Grants of before begin when they were granted, and cost what their offer did; offers of before have one price.
_BACKFILL = """
ALTER TABLE licensing_grant DISABLE TRIGGER licensing_grant_is_only_erased;
UPDATE licensing_grant g SET starts_at = g.granted_at, currency = o.currency, price_minor = o.price_minor
  FROM licensing_offer o WHERE o.id = g.offer_id;
ALTER TABLE licensing_grant ENABLE TRIGGER licensing_grant_is_only_erased;
INSERT INTO licensing_offerprice (id, offer_id, number, kind, price_minor, tiers, starts_at, ends_at, most_sales, salt, created_at)
SELECT gen_random_uuid(), o.id, 0, 'regular', o.price_minor, '[]', o.created_at, NULL, 0, o.salt, o.created_at
  FROM licensing_offer o;
"""

# Erasing a licensee erases where it sits and how it is registered as well.
_ERASURE = """
CREATE OR REPLACE FUNCTION licensing_check_erasure() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE erased text[] := ARRAY['licensee_name', 'licensee_salt', 'licensee_country', 'licensee_registration',
                               'certificate'];
BEGIN
    IF NEW.certificate <> '' OR NEW.licensee_country <> '' OR NEW.licensee_registration <> ''
       OR to_jsonb(OLD) - erased <> to_jsonb(NEW) - erased THEN
        RAISE EXCEPTION '% refused: rows of % are only ever added', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;
"""

_ERASURE_BEFORE = """
CREATE OR REPLACE FUNCTION licensing_check_erasure() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE erased text[] := ARRAY['licensee_name', 'licensee_salt', 'certificate'];
BEGIN
    IF NEW.certificate <> '' OR to_jsonb(OLD) - erased <> to_jsonb(NEW) - erased THEN
        RAISE EXCEPTION '% refused: rows of % are only ever added', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;
"""

_ENDED = """
CREATE OR REPLACE FUNCTION licensing_refuse_after_revocation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM licensing_grant WHERE id = NEW.grant_id FOR NO KEY UPDATE;
    IF EXISTS (SELECT FROM licensing_grantstatus
                WHERE grant_id = NEW.grant_id AND status IN ('revoked', 'superseded')) THEN
        RAISE EXCEPTION 'grant % is revoked or superseded, which is for good', NEW.grant_id
            USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;
"""

_ENDED_BEFORE = """
CREATE OR REPLACE FUNCTION licensing_refuse_after_revocation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM licensing_grant WHERE id = NEW.grant_id FOR NO KEY UPDATE;
    IF EXISTS (SELECT FROM licensing_grantstatus WHERE grant_id = NEW.grant_id AND status = 'revoked') THEN
        RAISE EXCEPTION 'grant % is revoked, which is for good', NEW.grant_id
            USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;
"""

# An exclusivity gets its grant once and ends once; a seat is released once. Nothing else of them changes.
_ONE_WAY = """
CREATE FUNCTION licensing_check_exclusivity_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE later text[] := ARRAY['grant_id', 'ended_at'];
BEGIN
    IF to_jsonb(OLD) - later <> to_jsonb(NEW) - later
       OR (OLD.grant_id IS NOT NULL AND NEW.grant_id IS DISTINCT FROM OLD.grant_id)
       OR (OLD.ended_at IS NOT NULL AND NEW.ended_at IS DISTINCT FROM OLD.ended_at) THEN
        RAISE EXCEPTION 'an exclusivity gets its grant once and ends once'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER licensing_exclusivity_goes_one_way BEFORE UPDATE ON licensing_exclusivity
    FOR EACH ROW EXECUTE FUNCTION licensing_check_exclusivity_change();
CREATE TRIGGER licensing_exclusivity_is_kept BEFORE DELETE OR TRUNCATE ON licensing_exclusivity
    FOR EACH STATEMENT EXECUTE FUNCTION licensing_refuse_change();

CREATE FUNCTION licensing_check_seat_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(OLD) - 'released_at' <> to_jsonb(NEW) - 'released_at' OR OLD.released_at IS NOT NULL THEN
        RAISE EXCEPTION 'a seat is released once' USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME,
            TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER licensing_seats_go_one_way BEFORE UPDATE ON licensing_seatassignment
    FOR EACH ROW EXECUTE FUNCTION licensing_check_seat_change();
CREATE TRIGGER licensing_seats_are_kept BEFORE DELETE OR TRUNCATE ON licensing_seatassignment
    FOR EACH STATEMENT EXECUTE FUNCTION licensing_refuse_change();

-- The grant is locked, so that two who take the last seat take it one after the other. 0 seats are without limit.
CREATE FUNCTION licensing_check_seats() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE most integer;
BEGIN
    SELECT seats INTO most FROM licensing_grant WHERE id = NEW.grant_id FOR NO KEY UPDATE;
    IF most > 0 AND (SELECT count(*) FROM licensing_seatassignment
                      WHERE grant_id = NEW.grant_id AND released_at IS NULL) >= most THEN
        RAISE EXCEPTION 'grant % has % seats, and all are taken', NEW.grant_id, most
            USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER licensing_seats_suffice BEFORE INSERT ON licensing_seatassignment
    FOR EACH ROW EXECUTE FUNCTION licensing_check_seats();
"""

_ONE_WAY_BEFORE = """
DROP TRIGGER licensing_seats_suffice ON licensing_seatassignment;
DROP FUNCTION licensing_check_seats();
DROP TRIGGER licensing_seats_are_kept ON licensing_seatassignment;
DROP TRIGGER licensing_seats_go_one_way ON licensing_seatassignment;
DROP FUNCTION licensing_check_seat_change();
DROP TRIGGER licensing_exclusivity_is_kept ON licensing_exclusivity;
DROP TRIGGER licensing_exclusivity_goes_one_way ON licensing_exclusivity;
DROP FUNCTION licensing_check_exclusivity_change();
"""


class Migration(migrations.Migration):
    dependencies = [("licensing", "0006_prices_and_holdings")]

    operations = [
        migrations.RunSQL(_BACKFILL, migrations.RunSQL.noop),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER licensing_{name}_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE"
                f" ON licensing_{name} FOR EACH STATEMENT EXECUTE FUNCTION licensing_refuse_change();",
                f"DROP TRIGGER licensing_{name}_is_only_added ON licensing_{name};",
            )
            for name in _ADDED
        ),
        migrations.RunSQL(_ERASURE, _ERASURE_BEFORE),
        migrations.RunSQL(_ENDED, _ENDED_BEFORE),
        migrations.RunSQL(_ONE_WAY, _ONE_WAY_BEFORE),
    ]
