"""Our own authorities: made once, kept with their keys, renewed in time, and refusing in words."""

import stat
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import ExtensionOID
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from ledger.credentials import keyfiles
from ledger.credentials.base import UnableToSignPicture
from ledger.credentials.issuing import UnableToIssue, certificates, chain_of, ensure_authority, roots
from ledger.credentials.signing import pen_for
from ledger.models import CredentialCertificate
from ledger.signing.base import UnableToLoadKey
from ledger.signing.files import FileSigner
from tests.cast import NOON, creator

pytestmark = pytest.mark.django_db

KEY = FileSigner("Ed25519", Ed25519PrivateKey.generate())
YEAR = timedelta(days=365)


def issued(now: datetime = NOON, signer: FileSigner = KEY) -> list[x509.Certificate]:
    chain = chain_of(authority="creators", signer=signer, common_name="alice", now=now)
    return x509.load_pem_x509_certificates(chain.encode())


def rows(role: str) -> int:
    return CredentialCertificate.objects.filter(authority="creators", role=role).count()


def test_a_chain_leads_from_the_leaf_to_our_root_and_names_nobody_but_the_creator() -> None:
    leaf, issuing = issued()
    (root,) = x509.load_pem_x509_certificates(roots("creators").encode())

    leaf.verify_directly_issued_by(issuing)
    issuing.verify_directly_issued_by(root)
    root.verify_directly_issued_by(root)
    assert leaf.subject.rfc4514_string() == "CN=alice,O=Worldloom"
    usages = leaf.extensions.get_extension_for_oid(ExtensionOID.EXTENDED_KEY_USAGE).value
    assert [one.dotted_string for one in usages] == ["1.3.6.1.5.5.7.3.36"]  # type: ignore[attr-defined]
    lengths = [
        one.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length for one in (root, issuing)
    ]
    assert lengths == [1, 0]
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_the_platforms_leaf_is_for_claims_and_taken_by_validators_that_know_email_alone() -> None:
    pen = pen_for(creator=creator("alice"), now=NOON)

    leaf = x509.load_pem_x509_certificates(pen.platform.chain.encode())[0]
    usages = leaf.extensions.get_extension_for_oid(ExtensionOID.EXTENDED_KEY_USAGE).value
    assert {one.dotted_string for one in usages} == {"1.3.6.1.5.5.7.3.4", "1.3.6.1.4.1.62558.2.1"}  # type: ignore[attr-defined]
    assert leaf.public_key() == pen.platform.signer.public_key


def test_authorities_keys_lie_beside_the_others_closed_to_everybody_else(settings: pytest.FixtureRequest) -> None:
    issued()

    for role in ("root", "issuing"):
        path = Path(settings.DATA_FOLDER) / "keys" / f"credentials-creators-{role}.pem"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    with pytest.raises(UnableToLoadKey, match="chmod 600"):
        keyfiles.load("creators", "issuing")


def test_a_leaf_stays_the_same_until_five_years_before_its_end_and_is_then_renewed() -> None:
    first = issued()[0]

    assert issued(NOON + YEAR - timedelta(days=1))[0] == first
    renewed = issued(NOON + YEAR + timedelta(days=1))[0]

    assert renewed != first
    assert renewed.public_key() == first.public_key()
    assert renewed.not_valid_after_utc == NOON + 7 * YEAR + timedelta(days=1)
    assert (rows("root"), rows("issuing"), rows("leaf")) == (1, 1, 2)


def test_a_leaf_that_expired_long_ago_is_renewed() -> None:
    first = issued()[0]

    renewed = issued(NOON + 8 * YEAR)[0]

    assert first.not_valid_after_utc < renewed.not_valid_before_utc
    assert renewed.not_valid_after_utc == NOON + 14 * YEAR


def test_an_issuing_authority_is_renewed_before_a_leaf_would_outlive_it() -> None:
    before = issued()[1]

    leaf, after = issued(NOON + 10 * YEAR)

    assert after != before
    assert after.public_key() == before.public_key()
    assert leaf.not_valid_after_utc <= after.not_valid_after_utc
    assert (rows("root"), rows("issuing")) == (1, 2)


def test_the_roots_key_may_be_offline_until_the_issuing_authority_is_due() -> None:
    issued()
    path = keyfiles.path_of("creators", "root")
    kept = path.read_bytes()
    path.unlink()

    assert issued(NOON + 2 * YEAR)
    with pytest.raises(UnableToIssue, match="bring the root's key back"):
        issued(NOON + 10 * YEAR)
    assert not path.exists()
    assert rows("leaf") == 2

    path.write_bytes(kept)
    path.chmod(0o600)
    assert issued(NOON + 10 * YEAR)
    assert rows("root") == 1


def test_a_machine_without_the_issuing_key_signs_nothing_and_says_which_file_it_lacks() -> None:
    alice = creator("alice")
    pen_for(creator=alice, now=NOON)
    keyfiles.path_of("platform", "issuing").unlink()

    assert pen_for(creator=alice, now=NOON).platform.chain
    with pytest.raises(UnableToIssue, match="credentials-platform-issuing.pem is not here"):
        chain_of(authority="platform", signer=KEY, common_name="x", now=NOON)
    keyfiles.path_of("creators", "issuing").unlink()
    with pytest.raises(UnableToSignPicture, match="credentials-creators-issuing.pem is not here"):
        pen_for(creator=creator("bob"), now=NOON)


def test_an_issuing_key_that_is_lost_is_replaced_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    before = issued(timezone.now())[1]
    keyfiles.path_of("creators", "issuing").unlink()

    with pytest.raises(CommandError, match="is not here"):
        call_command("ledger_credentials", "make")
    call_command("ledger_credentials", "make", "--replace", "creators")
    call_command("ledger_credentials", "list")

    after = issued(timezone.now() + 2 * YEAR)[1]
    assert after.public_key() != before.public_key()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines if line.startswith("creators")][-3:] == [
        ["creators", "root"],
        ["creators", "issuing"],
        ["creators", "issuing"],
    ]


def test_a_root_that_is_gone_for_good_is_followed_by_another_and_both_are_served() -> None:
    issued(timezone.now())
    for role in ("root", "issuing"):
        keyfiles.path_of("creators", role).unlink()

    with pytest.raises(CommandError, match="bring the root's key back"):
        call_command("ledger_credentials", "make", "--replace", "creators")
    call_command("ledger_credentials", "make", "--replace", "creators", "--new-root")

    newest, first = x509.load_pem_x509_certificates(roots("creators").encode())
    assert newest.public_key() != first.public_key()
    issued(timezone.now() + 2 * YEAR)[1].verify_directly_issued_by(newest)


def test_certificates_are_only_added() -> None:
    issued()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # A table with checks to come refuses TRUNCATE anyway.

    for verb in ("UPDATE {0} SET pem = ''", "DELETE FROM {0}", "TRUNCATE {0} CASCADE"):
        with pytest.raises(IntegrityError) as refused, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(verb.format("ledger_credentialcertificate"))
        assert refused.value.__cause__.diag.constraint_name == "ledger_credentialcertificate_is_only_added"  # type: ignore[union-attr]


def test_authorities_are_listed_roots_first() -> None:
    for authority in ("creators", "platform"):
        ensure_authority(authority=authority, now=NOON)  # type: ignore[arg-type]

    assert [(row.authority, row.role) for row in certificates()] == [
        ("platform", "root"),
        ("platform", "issuing"),
        ("creators", "root"),
        ("creators", "issuing"),
    ]
