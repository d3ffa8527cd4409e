"""Questions to the log: proofs of entries, and what a digest leads to."""

import pytest

from ledger import queries
from ledger.models import Checkpoint
from ledger.operations import (
    seal,
    state,
)
from tests.ledger.conftest import state_asset
from tests.ledger.makers import ALICE, NOW, sha256

pytestmark = pytest.mark.django_db
D = "ab" * 32


def test_an_entry_is_pending_and_then_proven():
    entry = state_asset("a")
    assert queries.proof_for(entry) is None
    seal(now=NOW)
    proof = queries.proof_for(entry)
    assert proof.index == 0
    assert proof.verify(bytes(entry.body), queries.verifier_key()).size == 1
    assert proof.checkpoint == Checkpoint.objects.get().note


def test_proofs_of_several_entries_share_one_checkpoint():
    entries = [state_asset(str(i)) for i in range(5)]
    first = seal(now=NOW).checkpoint
    late = state_asset("late")
    assert queries.proofs_for([*entries, late]) is None
    seal(now=NOW)
    proofs = queries.proofs_for([late, *entries])
    assert [proof.index for proof in proofs] == [5, 0, 1, 2, 3, 4]
    assert {proof.checkpoint for proof in proofs} == {queries.latest_checkpoint().note}
    for entry, proof in zip([late, *entries], proofs, strict=True):
        assert proof.verify(bytes(entry.body), queries.verifier_key()).size == 6
    # Under the older checkpoint too, for as long as it has the entry.
    assert (
        queries.proof_for(entries[3], checkpoint=first).verify(bytes(entries[3].body), queries.verifier_key()).size == 5
    )
    assert queries.proof_for(late, checkpoint=first) is None


def test_a_digest_leads_to_its_entries():
    entry = state_asset("a")
    body = {"release": D, "pack": "alice/yunhai", "version": "1.0.0", "creator": "alice"}
    release = state(type="release", subject=f"release:{D}", body=body, now=NOW, signers=[ALICE])
    assert queries.lookup(sha256(b"a")) == [entry]
    assert queries.lookup(entry.digest) == [entry]
    assert queries.lookup(D) == [release]
    assert queries.lookup("cd" * 32) == []
    assert queries.find_by_asset_digest(sha256(b"a")) == entry
    assert queries.find_by_asset_digest(D) is None
