"""Exclusive is exclusive against all other licenses too: the database compares what each covers."""

from django.db import migrations, models

from marketplace.licensing.terms.vocabulary import TERRITORIES

# For ever: rows hold sets of these numbers. A new word needs a migration that gives it the next number.
_FIELDS = (
    "advertising", "animation", "architecture", "comics", "education", "film", "game", "live-events", "merchandise",
    "music", "news", "personal", "publishing", "research", "social-media", "software", "television",
)  # fmt: skip
_ROWS = [("fields", word, number) for number, word in enumerate(_FIELDS)] + [
    ("territory", code, (ord(code[0]) - 65) * 26 + ord(code[1]) - 65) for code in sorted(TERRITORIES)
]

_NUMBERS = f"""
CREATE TABLE licensing_scopenumber (
    dimension text NOT NULL,
    word text NOT NULL,
    number integer NOT NULL CHECK (number >= 0),
    PRIMARY KEY (dimension, word),
    UNIQUE (dimension, number)
);
INSERT INTO licensing_scopenumber VALUES {", ".join(f"('{dimension}', '{word}', {n})" for dimension, word, n in _ROWS)};
CREATE TRIGGER licensing_scopenumber_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON licensing_scopenumber
    FOR EACH STATEMENT EXECUTE FUNCTION licensing_refuse_change();

-- Which words terms name, as a set of numbers. Terms of the first format name none, and cover everything.
CREATE FUNCTION licensing_numbers_of(terms jsonb, about text) RETURNS int4multirange LANGUAGE sql STABLE AS $$
    WITH named AS (
        SELECT coalesce(range_agg(int4range(n.number, n.number + 1)), '{{}}'::int4multirange) AS numbers
          FROM jsonb_array_elements_text(coalesce(terms->about->'only', terms->about->'all_but', '[]')) AS said (code)
          JOIN licensing_scopenumber n ON n.dimension = about AND n.word = said.code
    )
    SELECT CASE WHEN terms->about ? 'only' THEN numbers ELSE '{{(,)}}'::int4multirange - numbers END FROM named
$$;

-- What licenses of a pack are locked by, one after another: the first bytes of its id.
CREATE FUNCTION licensing_lock_of(pack uuid) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT hashtextextended('licensing pack ' || pack::text, 0)
$$;
"""

_NUMBERS_BEFORE = """
DROP FUNCTION licensing_lock_of(uuid);
DROP FUNCTION licensing_numbers_of(jsonb, text);
DROP TABLE licensing_scopenumber;
"""

# A license that was ordered before somebody took the pack exclusively is honored; its order was looked at under the
# lock. What was not ordered takes the lock here, so that one who takes the pack exclusively meanwhile waits.
_GRANTS = """
CREATE FUNCTION licensing_check_exclusivities() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    its_pack uuid;
    its_terms jsonb;
BEGIN
    SELECT pack_id INTO its_pack FROM catalog_release WHERE id = NEW.release_id;
    IF NEW.ordered_at IS NULL THEN
        PERFORM pg_advisory_xact_lock_shared(licensing_lock_of(its_pack));
    END IF;
    IF NOT EXISTS (SELECT FROM licensing_exclusivity
                    WHERE pack_id = its_pack AND ended_at IS NULL AND studio_id <> NEW.studio_id
                      AND (NEW.ordered_at IS NULL OR taken_at < NEW.ordered_at)
                      AND during && tstzrange(NEW.starts_at, NEW.ends_at)) THEN
        RETURN NEW;
    END IF;
    SELECT convert_from(document, 'UTF8')::jsonb INTO its_terms FROM licensing_termstext WHERE digest = NEW.terms_id;
    IF EXISTS (SELECT FROM licensing_exclusivity
                WHERE pack_id = its_pack AND ended_at IS NULL AND studio_id <> NEW.studio_id
                  AND (NEW.ordered_at IS NULL OR taken_at < NEW.ordered_at)
                  AND during && tstzrange(NEW.starts_at, NEW.ends_at)
                  AND fields && licensing_numbers_of(its_terms, 'fields')
                  AND territory && licensing_numbers_of(its_terms, 'territory')) THEN
        RAISE EXCEPTION 'grant % overlaps what another studio has exclusively', NEW.id
            USING ERRCODE = 'exclusion_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER licensing_others_are_exclusive BEFORE INSERT ON licensing_grant
    FOR EACH ROW EXECUTE FUNCTION licensing_check_exclusivities();

CREATE FUNCTION licensing_check_exclusive_grant() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce((SELECT convert_from(document, 'UTF8')::jsonb -> 'exclusive' = 'true'
                   FROM licensing_termstext WHERE digest = NEW.terms_id), false)
       AND NOT EXISTS (SELECT FROM licensing_exclusivity WHERE grant_id = NEW.id) THEN
        RAISE EXCEPTION 'grant % is exclusive in its terms only', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER licensing_exclusive_grant_has_exclusivity AFTER INSERT ON licensing_grant
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION licensing_check_exclusive_grant();
"""

_GRANTS_BEFORE = """
DROP TRIGGER licensing_exclusive_grant_has_exclusivity ON licensing_grant;
DROP FUNCTION licensing_check_exclusive_grant();
DROP TRIGGER licensing_others_are_exclusive ON licensing_grant;
DROP FUNCTION licensing_check_exclusivities();
"""


class Migration(migrations.Migration):
    dependencies = [("licensing", "0007_guards")]

    operations = [
        migrations.AddField("grant", "ordered_at", models.DateTimeField(null=True)),
        migrations.RunSQL(_NUMBERS, _NUMBERS_BEFORE),
        migrations.RunSQL(_GRANTS, _GRANTS_BEFORE),
    ]
