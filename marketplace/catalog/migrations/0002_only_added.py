"""Facts are added, never edited, and a release is what its manifest says: the database refuses the rest."""

from django.db import migrations

_TABLES = ("release", "releaseasset", "element", "derivation")

_FUNCTION = """
CREATE FUNCTION catalog_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% refused: rows of % are only ever added', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
END $$;
"""

# Every column: entries, certificates and addresses name a pack by its creator and handle. Saving it unchanged passes.
_PACKS = """
CREATE TRIGGER catalog_pack_is_fixed BEFORE UPDATE ON catalog_pack FOR EACH ROW
    WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION catalog_refuse_change();
"""

_DIGEST = """
ALTER TABLE catalog_release ADD CONSTRAINT catalog_release_digest_matches
    CHECK (digest = encode(sha256(manifest), 'hex'));
"""

# The digest fixes the manifest, so rows that agree with it cannot grow after publication, whenever they come.
# The arguments are the list in the manifest, a join, and when a row n is item d of the list; a row that is none is
# refused. EXECUTE plans each run afresh: a plan kept from a release of three files would crawl through thousands.
_MANIFEST = """
CREATE FUNCTION catalog_check_manifest() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE stranger bigint;
BEGIN
    EXECUTE 'WITH told AS MATERIALIZED (
                 SELECT r.id, convert_from(r.manifest, ''UTF8'')::jsonb AS manifest
                   FROM catalog_release r WHERE r.id IN (SELECT release_id FROM new_rows)
             ), due AS MATERIALIZED (
                 SELECT told.id AS release_id, told.manifest, item.value, item.place - 1 AS position
                   FROM told, jsonb_array_elements(told.manifest -> ' || quote_literal(TG_ARGV[0]) || ')
                        WITH ORDINALITY AS item (value, place)
             ) SELECT n.id FROM new_rows n ' || TG_ARGV[1] || '
             WHERE NOT EXISTS (SELECT FROM due d WHERE d.release_id = n.release_id AND ' || TG_ARGV[2] || ')
             LIMIT 1' INTO stranger;
    IF stranger IS NOT NULL THEN
        RAISE EXCEPTION 'row % of % is not in the manifest of its release', stranger, TG_TABLE_NAME
            USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
"""

# Table, then the arguments of its trigger.
_TOLD = (
    (
        "releaseasset",
        "assets",
        "JOIN assets_asset a ON a.id = n.asset_id",
        "d.value ->> 'path' = n.path AND d.value ->> 'role' = n.role AND d.position = n.position"
        " AND d.value ->> 'sha256' = a.blob_id AND d.value ->> 'media_type' = a.media_type"
        " AND (d.manifest ->> 'cover' = n.path) = n.is_cover",
    ),
    (
        "element",
        "elements",
        "",
        "d.value ->> 'name' = n.name AND d.value ->> 'kind' = n.kind AND d.position = n.position"
        " AND d.value -> 'title' = n.title AND d.value -> 'triggers' = to_jsonb(n.triggers)"
        " AND d.value -> 'assets' = to_jsonb(n.paths)",
    ),
    (
        "derivation",
        "derived_from",
        "JOIN catalog_release p ON p.id = n.parent_id",
        "d.value ->> 'release' = p.digest AND d.value -> 'share_ppb' = to_jsonb(n.share_ppb)",
    ),
)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


class Migration(migrations.Migration):
    dependencies = [("catalog", "0001_initial")]

    operations = [
        migrations.RunSQL(_FUNCTION, "DROP FUNCTION catalog_refuse_change();"),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER catalog_{name}_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE"
                f" ON catalog_{name} FOR EACH STATEMENT EXECUTE FUNCTION catalog_refuse_change();",
                f"DROP TRIGGER catalog_{name}_is_only_added ON catalog_{name};",
            )
            for name in _TABLES
        ),
        migrations.RunSQL(_PACKS, "DROP TRIGGER catalog_pack_is_fixed ON catalog_pack;"),
        migrations.RunSQL(_DIGEST, "ALTER TABLE catalog_release DROP CONSTRAINT catalog_release_digest_matches;"),
        migrations.RunSQL(_MANIFEST, "DROP FUNCTION catalog_check_manifest();"),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER catalog_{table}_is_in_manifest AFTER INSERT ON catalog_{table}"
                " REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION"
                f" catalog_check_manifest({', '.join(map(_quoted, (told, joined, when)))});",
                f"DROP TRIGGER catalog_{table}_is_in_manifest ON catalog_{table};",
            )
            for table, told, joined, when in _TOLD
        ),
    ]
