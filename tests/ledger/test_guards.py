"""What the database itself refuses about hashes, places and checkpoints, whoever asks."""

import pytest
from django.db import IntegrityError, connection, transaction

from ledger.models import Checkpoint, Entry, Leaf
from ledger.operations import seal
from tests.ledger.conftest import state_asset
from tests.ledger.makers import NOW

pytestmark = pytest.mark.django_db

ENTRY = "INSERT INTO ledger_entry (entry_id, type, subject, body, digest, stated_at)"
LEAF = "INSERT INTO ledger_leaf (index, entry_id, leaf_hash)"
CHECKPOINT = "INSERT INTO ledger_checkpoint (size, root, note, compact_range, counts, sealed_at)"
RIGHT = "sha256('\\x00'::bytea || body)"
WAITING = "FROM (SELECT *, row_number() OVER (ORDER BY id) - 1 AS n FROM ledger_entry) e WHERE n >= 2"


def run(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.fixture(autouse=True)
def _log() -> None:
    """Two leaves under a checkpoint, and two entries that wait."""
    for name in ("a", "b"):
        state_asset(name)
    seal(now=NOW)
    for name in ("c", "d"):
        state_asset(name)


def note(size: str, root: str) -> str:
    return f"E'localhost/worldloom\\n' || {size} || E'\\n' || encode({root}, 'base64') || E'\\n\\nsigned\\n'"


@pytest.mark.parametrize(
    ("constraint", "sql"),
    [
        ("ledger_entry_digest_matches", f"{ENTRY} SELECT gen_random_uuid(), 'x', 'y', 'z', repeat('0', 64), now()"),
        ("ledger_entry_digest_matches", f"{ENTRY} SELECT gen_random_uuid(), 'x', 'y', 'z', '', now()"),
        ("ledger_leaf_hash_matches", f"{LEAF} SELECT n, id, sha256(body) {WAITING}"),
        ("ledger_leaf_hash_matches", f"{LEAF} SELECT n, id, CASE n WHEN 2 THEN {RIGHT} ELSE sha256('') END {WAITING}"),
        ("ledger_leaf_has_an_entry", f"{LEAF} SELECT n, id + 90, {RIGHT} {WAITING}"),
        ("ledger_leaf_has_an_entry", f"{LEAF} SELECT n, CASE n WHEN 2 THEN id ELSE id + 90 END, {RIGHT} {WAITING}"),
        ("ledger_leaf_goes_on", f"{LEAF} SELECT n + 1, id, {RIGHT} {WAITING}"),
        ("ledger_leaf_goes_on", f"{LEAF} SELECT n * 2 - 2, id, {RIGHT} {WAITING}"),
        ("ledger_leaf_goes_on", f"{LEAF} SELECT n * 2, id, {RIGHT} {WAITING}"),
        ("ledger_leaf_pkey", f"{LEAF} SELECT n - 1, id, {RIGHT} {WAITING}"),
        ("ledger_checkpoint_covers_the_leaves", f"{CHECKPOINT} SELECT 3, r, {note('3', 'r')}, r, '{{}}', now()"),
        ("ledger_checkpoint_covers_the_leaves", f"{CHECKPOINT} SELECT 1, r, {note('1', 'r')}, r, '{{}}', now()"),
        ("ledger_checkpoint_note_says_it", f"{CHECKPOINT} SELECT 3, r, {note('2', 'r')}, r, '{{}}', now()"),
        ("ledger_checkpoint_note_says_it", f"{CHECKPOINT} SELECT 3, r, {note('3', 'sha256(r)')}, r, '{{}}', now()"),
        ("ledger_checkpoint_note_says_it", f"{CHECKPOINT} SELECT 3, r, '', r, '{{}}', now()"),
        (
            "ledger_checkpoint_note_says_it",
            f"{CHECKPOINT} SELECT size + 1, root, note, compact_range, counts, sealed_at FROM ledger_checkpoint",
        ),
        ("ledger_checkpoint_root_is_not_zero", f"{CHECKPOINT} SELECT 3, z, {note('3', 'z')}, z, '{{}}', now()"),
    ],
)
def test_rows_that_are_not_what_they_name_are_refused(constraint: str, sql: str) -> None:
    if sql.endswith("now()") and CHECKPOINT in sql:
        sql += " FROM (SELECT sha256('root') AS r, decode(repeat('00', 32), 'hex') AS z) made"
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        run(sql)
    assert refused.value.__cause__.diag.constraint_name == constraint
    assert (Entry.objects.count(), Leaf.objects.count(), Checkpoint.objects.count()) == (4, 2, 1)


def test_leaves_that_go_on_pass_and_then_need_a_checkpoint_of_all_of_them() -> None:
    with transaction.atomic():
        run(f"{LEAF} SELECT n, id, {RIGHT} {WAITING}")
        run(f"{CHECKPOINT} SELECT 4, r, {note('4', 'r')}, r, '{{}}', now() FROM (SELECT sha256('root') AS r) made")
        assert Checkpoint.objects.count() == 2
        transaction.set_rollback(True)
    assert seal(now=NOW).checkpoint.size == 4
