"""Facts stated: exact bytes, said once where that is due, and never changed by anybody."""

import json
from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, connection, transaction

from ledger import queries
from ledger.models import Entry, Pending
from ledger.operations import (
    UnableToState,
    register_keys,
    state,
    state_once,
)
from tests.ledger.conftest import TABLES, state_asset
from tests.ledger.makers import ALICE, GRANT, NOW, sha256

pytestmark = pytest.mark.django_db
D = "ab" * 32


def revoke() -> Entry:
    body = {"grant": str(GRANT), "status": "revoked"}
    return state(type="grant-status", subject=f"grant:{GRANT}", body=body, now=NOW)


def test_a_stated_fact_is_exact_bytes_that_wait_for_the_sealer():
    entry = state_asset("wanderer.png")
    stored = Entry.objects.get()
    assert stored == entry
    assert (stored.type, stored.subject) == ("asset", f"asset:{sha256(b'wanderer.png')}")
    assert json.loads(bytes(stored.body)) == {
        "format": "worldloom/ledger-entry/2",
        "type": "asset",
        "id": str(stored.entry_id),
        "stated_at": "2026-11-22T02:05:56Z",
        "body": {"sha256": sha256(b"wanderer.png"), "size_bytes": 12, "media_type": "image/png"},
        "signatures": [],
    }
    assert stored.digest == sha256(bytes(stored.body))
    assert stored.statement["size_bytes"] == 12
    assert [pending.entry for pending in Pending.objects.all()] == [entry]


def test_a_fact_goes_down_with_the_transaction_that_stated_it():
    with transaction.atomic():
        state_asset("wanderer.png")
        transaction.set_rollback(True)
    assert not Entry.objects.exists()
    assert not Pending.objects.exists()


def test_the_same_asset_twice_is_one_entry():
    first = state_asset("wanderer.png")
    assert state_asset("wanderer.png", datetime(2026, 12, 1, tzinfo=UTC)) == first
    assert Entry.objects.count() == 1


def test_what_is_said_once_cannot_be_stated_again_and_the_transaction_lives_on():
    body = {"release": D, "pack": "alice/yunhai", "version": "1.0.0", "creator": "alice"}
    state(type="release", subject=f"release:{D}", body=body, now=NOW, signers=[ALICE])
    with pytest.raises(UnableToState) as refused:
        state(type="release", subject=f"release:{D}", body=body | {"version": "2.0.0"}, now=NOW, signers=[ALICE])
    assert str(refused.value) == f"The release entry cannot be stated: release:{D} has its entry already."
    assert Entry.objects.get().statement["version"] == "1.0.0"


def test_a_grant_may_change_its_status_again_and_again():
    assert revoke() != revoke()
    assert [entry.type for entry in queries.entries_about(f"grant:{GRANT}")] == ["grant-status", "grant-status"]
    with pytest.raises(
        UnableToState, match="only asset, dsse, grant, index-root, .*, release, royalty-statement, split are said once"
    ):
        state_once(type="grant-status", subject=f"grant:{GRANT}", body={}, now=NOW)


@pytest.mark.parametrize(
    ("subject", "body", "sentence"),
    [
        (
            f"asset:{D}",
            {"sha256": D, "size_bytes": 1.5, "media_type": "image/png"},
            "The asset entry cannot be stated: size_bytes is not an integer from 0 to 9007199254740991.",
        ),
        (
            "asset:wanderer",
            {"sha256": D, "size_bytes": 1, "media_type": "image/png"},
            f"The asset entry cannot be stated: its subject is asset:{D}, not asset:wanderer.",
        ),
    ],
)
def test_a_refused_statement_writes_nothing(subject, body, sentence):
    with pytest.raises(UnableToState) as refused:
        state(type="asset", subject=subject, body=body, now=NOW)
    assert str(refused.value) == sentence
    assert not Entry.objects.exists()


def test_the_keys_are_registered_once():
    entries = register_keys(now=NOW)
    assert [entry.statement["use"] for entry in entries] == ["certificates", "claims", "cosignatures", "log"]
    assert register_keys(now=NOW) == entries
    signer = queries.signer("certificates")
    assert queries.find_key(signer.kid).statement == {
        "kid": signer.kid,
        "alg": "ES256",
        "use": "certificates",
        "public_jwk": signer.public_jwk,
    }


@pytest.mark.parametrize("table", [name for name in TABLES.split(", ") if name != "ledger_pending"])
@pytest.mark.parametrize("verb", ["UPDATE {0} SET {1} = {1}", "DELETE FROM {0}", "TRUNCATE {0} CASCADE"])
def test_raw_sql_cannot_change_what_was_written(table, verb):
    column = "index" if table == "ledger_leaf" else "id"
    with pytest.raises(IntegrityError, match=f"refused: rows of {table} are only ever added"), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(verb.format(table, column))


def test_raw_sql_cannot_forget_to_queue_an_entry():
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ledger_entry (entry_id, type, subject, body, digest, stated_at)"
            " SELECT gen_random_uuid(), 'x', 'y', '', encode(sha256(''), 'hex'), now() FROM generate_series(1, 3)"
        )
    assert Pending.objects.count() == 3


@pytest.mark.parametrize(
    ("constraint", "sql"),
    [
        (
            "ledger_entry_fits",
            "INSERT INTO ledger_entry (entry_id, type, subject, body, digest, stated_at)"
            " SELECT gen_random_uuid(), 'x', 'y', body, encode(sha256(body), 'hex'), now()"
            " FROM decode(repeat('00', 4097), 'hex') AS body",
        ),
        (
            "ledger_checkpoint_has_leaves",
            "INSERT INTO ledger_checkpoint (size, root, note, compact_range, counts, sealed_at)"
            " VALUES (0, sha256(''), '', '', '{}', now())",
        ),
    ],
)
def test_the_database_holds_the_limits_itself(constraint, sql):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
