"""Facts are added, never edited, under their own digests, and revoked is for good: the database refuses the rest."""

from django.db import migrations

_TABLES = ("termstext", "offer", "offerwithdrawal", "grant", "grantstatus", "download")

_FUNCTION = """
CREATE FUNCTION licensing_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% refused: rows of % are only ever added', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
END $$;
"""

# The grant is locked, as operations lock it, so that a row beside a revocation that is not committed yet waits for it.
_REVOKED = """
CREATE FUNCTION licensing_refuse_after_revocation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM licensing_grant WHERE id = NEW.grant_id FOR NO KEY UPDATE;
    IF EXISTS (SELECT FROM licensing_grantstatus WHERE grant_id = NEW.grant_id AND status = 'revoked') THEN
        RAISE EXCEPTION 'grant % is revoked, which is for good', NEW.grant_id
            USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER licensing_revoked_is_for_good BEFORE INSERT ON licensing_grantstatus
    FOR EACH ROW EXECUTE FUNCTION licensing_refuse_after_revocation();
"""

_DROP_REVOKED = """
DROP TRIGGER licensing_revoked_is_for_good ON licensing_grantstatus;
DROP FUNCTION licensing_refuse_after_revocation();
"""

_DIGESTS = """
ALTER TABLE licensing_termstext ADD CONSTRAINT licensing_terms_digest_matches
    CHECK (digest = encode(sha256(document), 'hex'));
ALTER TABLE licensing_grant ADD CONSTRAINT licensing_certificate_digest_matches
    CHECK (certificate_sha256 = encode(sha256(convert_to(certificate, 'UTF8')), 'hex'));
"""

_DROP_DIGESTS = """
ALTER TABLE licensing_termstext DROP CONSTRAINT licensing_terms_digest_matches;
ALTER TABLE licensing_grant DROP CONSTRAINT licensing_certificate_digest_matches;
"""


class Migration(migrations.Migration):
    dependencies = [("licensing", "0001_initial")]

    operations = [
        migrations.RunSQL(_FUNCTION, "DROP FUNCTION licensing_refuse_change();"),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER licensing_{name}_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE"
                f" ON licensing_{name} FOR EACH STATEMENT EXECUTE FUNCTION licensing_refuse_change();",
                f"DROP TRIGGER licensing_{name}_is_only_added ON licensing_{name};",
            )
            for name in _TABLES
        ),
        migrations.RunSQL(_REVOKED, _DROP_REVOKED),
        migrations.RunSQL(_DIGESTS, _DROP_DIGESTS),
    ]
