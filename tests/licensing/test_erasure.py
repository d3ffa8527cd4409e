"""Carol's studio asks to be forgotten: the log stays whole, and nobody can tell from it who she was."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

import ledger.operations
from ledger.models import Entry
from marketplace.licensing import bundles
from marketplace.licensing.erasing import erase_licensee
from marketplace.licensing.models import Grant
from tests.cast import later

pytestmark = pytest.mark.django_db


def test_what_names_the_licensee_is_gone_and_the_log_says_the_same(grant: Grant) -> None:
    ledger.operations.seal(now=later(days=1))
    b"".join(bundles.stream(grant, site="http://testserver"))
    stated = bytes(Entry.objects.get(type="grant").body)

    assert erase_licensee(studio=grant.studio) == 1

    grant.refresh_from_db()
    assert (grant.licensee_name, grant.licensee_salt, grant.certificate) == ("", "", "")
    assert (grant.licensee_country, grant.licensee_registration) == ("", "")
    assert (grant.release_id, grant.terms_id) != (None, None)
    assert bytes(Entry.objects.get(type="grant").body) == stated
    with pytest.raises(bundles.NotDownloadable, match="was erased"):
        bundles.prepare(grant, site="http://testserver")
    assert erase_licensee(studio=grant.studio) == 0


@pytest.mark.parametrize(
    "change",
    [
        "licensee_name = 'Quill'",
        "licensee_name = ''",
        "certificate = ''",
        "licensee_name = '', licensee_salt = '', certificate = '', seats = seats + 1",
        "licensee_name = '', licensee_salt = '', certificate = certificate || 'x'",
    ],
)
def test_nothing_else_of_a_grant_changes(grant: Grant, change: str) -> None:
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE licensing_grant SET {change}")
    grant.refresh_from_db()
    assert grant.licensee_name == "Lantern Films"


def test_the_command_wants_to_be_sure(grant: Grant) -> None:
    with pytest.raises(CommandError, match="say so with --yes"):
        call_command("erase_licensee", str(grant.studio.pk))
    assert Grant.objects.exclude(certificate="").count() == 1

    out = StringIO()
    call_command("erase_licensee", str(grant.studio.pk), "--yes", stdout=out)
    assert out.getvalue() == "Erased Lantern Films from 1 licenses.\n"
    with pytest.raises(CommandError, match="There is no studio"):
        call_command("erase_licensee", "00000000-0000-4000-8000-000000000000")
