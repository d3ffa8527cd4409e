"""The one question behind "may I?", as a function, so that each connection plans it once."""

from django.db import migrations

# A release is found by its own digest, by that of one of its files, or by that of a signed copy of one of its
# pictures. Licenses come first, the newest of them before all; a release without one is a row without one.
_HELD = """
CREATE FUNCTION licensing_held(its_digest text, its_studio uuid, its_person uuid) RETURNS TABLE (
    release uuid, digest text, version text, published_at timestamptz, pack uuid, handle text, creator uuid,
    creator_handle text, license uuid, offer uuid, terms text, project uuid, seats integer, starts_at timestamptz,
    ends_at timestamptz, kind text, source text, granted_at timestamptz, status text, project_name text,
    assigned bigint, theirs boolean, is_inside boolean
) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT r.id, r.digest::text, r.version::text, r.published_at, p.id, p.handle::text, c.id, c.handle::text,
           g.id, g.offer_id, g.terms_id::text, g.project_id, g.seats, g.starts_at, g.ends_at,
           g.kind::text, g.source::text, g.granted_at, coalesce(s.status, 'active')::text, j.name::text,
           a.assigned, a.theirs, EXISTS (SELECT FROM people_seat WHERE studio_id = its_studio AND person_id = its_person)
      FROM (SELECT id FROM catalog_release WHERE digest = its_digest
            UNION
            SELECT file.release_id FROM assets_asset asset JOIN catalog_releaseasset file ON file.asset_id = asset.id
             WHERE asset.blob_id = its_digest
            UNION
            SELECT release_id FROM licensing_credentialedcopy WHERE blob_id = its_digest) found
      JOIN catalog_release r ON r.id = found.id
      JOIN catalog_pack p ON p.id = r.pack_id
      JOIN people_creator c ON c.id = p.creator_id
      LEFT JOIN licensing_grant g ON g.studio_id = its_studio AND g.release_id = r.id
      LEFT JOIN licensing_project j ON j.id = g.project_id
      LEFT JOIN LATERAL (SELECT status FROM licensing_grantstatus WHERE grant_id = g.id
                          ORDER BY id DESC LIMIT 1) s ON true
      LEFT JOIN LATERAL (SELECT count(*) AS assigned, bool_or(person_id = its_person) AS theirs
                           FROM licensing_seatassignment WHERE grant_id = g.id AND released_at IS NULL) a ON true
     ORDER BY g.granted_at DESC NULLS LAST, g.id DESC, r.published_at DESC, r.id;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("licensing", "0008_exclusive_is_exclusive"),
        ("catalog", "0001_initial"),
        ("assets", "0001_initial"),
        ("people", "0001_initial"),
    ]

    operations = [migrations.RunSQL(_HELD, "DROP FUNCTION licensing_held(text, uuid, uuid);")]
