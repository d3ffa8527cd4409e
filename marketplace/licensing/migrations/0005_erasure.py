"""A grant may forget who holds it: name, salt and certificate at once and for good, and nothing else of it changes."""

from django.db import migrations

_ERASURE = """
ALTER TABLE licensing_grant DROP CONSTRAINT licensing_certificate_digest_matches;
ALTER TABLE licensing_grant ADD CONSTRAINT licensing_certificate_digest_matches
    CHECK (certificate = '' OR certificate_sha256 = encode(sha256(convert_to(certificate, 'UTF8')), 'hex'));
ALTER TABLE licensing_grant ADD CONSTRAINT licensing_licensee_is_kept_or_erased CHECK (
    (licensee_name = '') = (licensee_salt = '') AND (licensee_name = '') = (certificate = ''));

DROP TRIGGER licensing_grant_is_only_added ON licensing_grant;
CREATE TRIGGER licensing_grant_is_only_added BEFORE DELETE OR TRUNCATE ON licensing_grant
    FOR EACH STATEMENT EXECUTE FUNCTION licensing_refuse_change();

CREATE FUNCTION licensing_check_erasure() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE erased text[] := ARRAY['licensee_name', 'licensee_salt', 'certificate'];
BEGIN
    IF NEW.certificate <> '' OR to_jsonb(OLD) - erased <> to_jsonb(NEW) - erased THEN
        RAISE EXCEPTION '% refused: rows of % are only ever added', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER licensing_grant_is_only_erased BEFORE UPDATE ON licensing_grant
    FOR EACH ROW EXECUTE FUNCTION licensing_check_erasure();
"""

_AS_BEFORE = """
DROP TRIGGER licensing_grant_is_only_erased ON licensing_grant;
DROP FUNCTION licensing_check_erasure();
DROP TRIGGER licensing_grant_is_only_added ON licensing_grant;
CREATE TRIGGER licensing_grant_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON licensing_grant
    FOR EACH STATEMENT EXECUTE FUNCTION licensing_refuse_change();
ALTER TABLE licensing_grant DROP CONSTRAINT licensing_licensee_is_kept_or_erased;
ALTER TABLE licensing_grant DROP CONSTRAINT licensing_certificate_digest_matches;
ALTER TABLE licensing_grant ADD CONSTRAINT licensing_certificate_digest_matches
    CHECK (certificate_sha256 = encode(sha256(convert_to(certificate, 'UTF8')), 'hex'));
"""


class Migration(migrations.Migration):
    dependencies = [("licensing", "0004_credentialed_copies")]

    operations = [migrations.RunSQL(_ERASURE, _AS_BEFORE)]
