"""Facts are added, never edited, and what waits to be handled is kept by them: the database refuses the rest."""

from django.db import migrations

_FACTS = (
    "providercall",
    "providercallsent",
    "providercalltrouble",
    "provideranswer",
    "providerevent",
    "providereventhandled",
    "providereventtrouble",
)

_FUNCTION = """
CREATE FUNCTION provider_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% refused: rows of % are only ever added', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
END $$;
CREATE FUNCTION provider_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % refused: events, and what becomes of them, keep it', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
END $$;
"""

# An event waits from when it comes until it is handled. Failures are counted from the last time that an operator
# wanted it tried again; a trouble of an event that is handled already says nothing any more.
_WAITING = """
CREATE FUNCTION provider_queue_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO provider_providereventwaiting (event_id, due_at, failures) SELECT id, received_at, 0 FROM new_rows;
    RETURN NULL;
END $$;
CREATE TRIGGER provider_event_waits AFTER INSERT ON provider_providerevent
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION provider_queue_events();

CREATE FUNCTION provider_take_from_queue() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM provider_providereventwaiting w USING new_rows n WHERE w.event_id = n.event_id;
    RETURN NULL;
END $$;
CREATE TRIGGER provider_handled_waits_no_more AFTER INSERT ON provider_providereventhandled
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION provider_take_from_queue();

CREATE FUNCTION provider_put_off() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE provider_providereventwaiting w
       SET due_at = n.again_at,
           failures = CASE n.kind WHEN 'failed' THEN w.failures + 1 WHEN 'again' THEN 0 ELSE w.failures END
      FROM new_rows n WHERE w.event_id = n.event_id;
    RETURN NULL;
END $$;
CREATE TRIGGER provider_trouble_puts_off AFTER INSERT ON provider_providereventtrouble
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION provider_put_off();

CREATE TRIGGER provider_waiting_kept_by_triggers BEFORE INSERT OR UPDATE OR DELETE ON provider_providereventwaiting
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION provider_refuse();
CREATE TRIGGER provider_waiting_stays BEFORE TRUNCATE ON provider_providereventwaiting
    FOR EACH STATEMENT EXECUTE FUNCTION provider_refuse();
"""
_NOT_WAITING = """
DROP TRIGGER provider_waiting_stays ON provider_providereventwaiting;
DROP TRIGGER provider_waiting_kept_by_triggers ON provider_providereventwaiting;
DROP TRIGGER provider_trouble_puts_off ON provider_providereventtrouble;
DROP TRIGGER provider_handled_waits_no_more ON provider_providereventhandled;
DROP TRIGGER provider_event_waits ON provider_providerevent;
DROP FUNCTION provider_put_off();
DROP FUNCTION provider_take_from_queue();
DROP FUNCTION provider_queue_events();
"""


class Migration(migrations.Migration):
    dependencies = [("provider", "0001_initial")]

    operations = [
        migrations.RunSQL(_FUNCTION, "DROP FUNCTION provider_refuse(); DROP FUNCTION provider_refuse_change();"),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER provider_{name}_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE"
                f" ON provider_{name} FOR EACH STATEMENT EXECUTE FUNCTION provider_refuse_change();",
                f"DROP TRIGGER provider_{name}_is_only_added ON provider_{name};",
            )
            for name in _FACTS
        ),
        migrations.RunSQL(_WAITING, _NOT_WAITING),
    ]
