"""A share in what is made with a release may be absolute: the manifest says so, and what is made from that keeps it."""

import django.db.models.deletion
from django.db import migrations, models

# As in 0002_only_added, and the mode: manifests of format 1 have none and mean relative.
_TOLD = """
DROP TRIGGER catalog_derivation_is_in_manifest ON catalog_derivation;
CREATE TRIGGER catalog_derivation_is_in_manifest AFTER INSERT ON catalog_derivation
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION
    catalog_check_manifest('derived_from', 'JOIN catalog_release p ON p.id = n.parent_id',
        'd.value ->> ''release'' = p.digest AND d.value -> ''share_ppb'' = to_jsonb(n.share_ppb)
         AND coalesce(d.value ->> ''mode'', ''relative'') = n.mode');
"""

_TOLD_BEFORE = """
DROP TRIGGER catalog_derivation_is_in_manifest ON catalog_derivation;
CREATE TRIGGER catalog_derivation_is_in_manifest AFTER INSERT ON catalog_derivation
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION
    catalog_check_manifest('derived_from', 'JOIN catalog_release p ON p.id = n.parent_id',
        'd.value ->> ''release'' = p.digest AND d.value -> ''share_ppb'' = to_jsonb(n.share_ppb)');
"""

# Whoever has an absolute share in a source, or is an absolute source, has at least that share in what is made with it.
_PASSED_ON = """
CREATE FUNCTION catalog_check_passed_on() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    SELECT r.digest, due.subject, due.share_ppb INTO bad
      FROM new_rows n JOIN catalog_release r ON r.id = n.release_id JOIN catalog_release p ON p.id = n.parent_id
     CROSS JOIN LATERAL (SELECT 'release:' || p.digest AS subject, n.share_ppb WHERE n.mode = 'absolute'
                          UNION ALL
                         SELECT a.subject, a.share_ppb FROM payouts_division_share a
                          WHERE a.division_id = p.division_id) due
     WHERE NOT EXISTS (SELECT FROM payouts_division_share s WHERE s.division_id = r.division_id
                          AND s.subject = due.subject AND s.share_ppb >= due.share_ppb) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% is owed % ppb of release % and has less', bad.subject, bad.share_ppb, bad.digest
            USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER catalog_absolute_shares_are_passed_on AFTER INSERT ON catalog_derivation
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION catalog_check_passed_on();
"""

# A release has the division that its manifest says, and none where the manifest says none; each absolute share in it
# is divided as the release whose it is divides what it gets.
_DIVISION = """
CREATE FUNCTION catalog_check_division() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.division_id IS NULL THEN
        IF position('"format":"worldloom/release-manifest/2"'::bytea IN NEW.manifest) = 0 THEN
            RETURN NULL;
        END IF;
    ELSIF EXISTS (
        SELECT FROM payouts_division d
         WHERE d.digest = NEW.division_id AND d.split_id = NEW.split_id
           AND convert_from(NEW.manifest, 'UTF8')::jsonb @> jsonb_build_object(
                   'format', 'worldloom/release-manifest/2', 'split', d.split_id)
           AND convert_from(NEW.manifest, 'UTF8')::jsonb -> 'division' = jsonb_build_object('rest', d.rest_id,
                   'absolute', (SELECT jsonb_agg(jsonb_build_object('release', r.digest, 'share_ppb', a.share_ppb,
                                                                    'rest', a.rest_id) ORDER BY r.digest COLLATE "C")
                                  FROM payouts_division_share a
                                  JOIN catalog_release r ON a.subject = 'release:' || r.digest
                                  LEFT JOIN payouts_division of_it ON of_it.digest = r.division_id
                                 WHERE a.division_id = d.digest
                                   AND a.rest_id = coalesce(of_it.rest_id, r.split_id)))
    ) THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'release % is not divided as its manifest says', NEW.digest
        USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER catalog_division_is_in_manifest AFTER INSERT ON catalog_release
    FOR EACH ROW EXECUTE FUNCTION catalog_check_division();
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0005_file_names"), ("payouts", "0013_split_claims")]

    operations = [
        migrations.AddField(
            model_name="derivation",
            name="mode",
            field=models.CharField(db_default="relative", default="relative", max_length=8),
        ),
        migrations.AddField(
            model_name="release",
            name="division",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="payouts.division",
            ),
        ),
        migrations.AddConstraint(
            model_name="derivation",
            constraint=models.CheckConstraint(
                condition=models.Q(("mode__in", ("relative", "absolute"))), name="catalog_share_mode_is_known"
            ),
        ),
        migrations.RunSQL(_TOLD, _TOLD_BEFORE),
        migrations.RunSQL(_PASSED_ON, "DROP FUNCTION catalog_check_passed_on() CASCADE;"),
        migrations.RunSQL(_DIVISION, "DROP FUNCTION catalog_check_division() CASCADE;"),
    ]
