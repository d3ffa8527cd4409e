"""What operators see of witnesses: the command that asks them, and the job that reports who is missing."""

from datetime import timedelta

import pytest
from django.core.management import call_command

from ledger import queries, tasks
from ledger.operations import seal
from ledger.witnessing import own
from ledger.witnessing.gathering import UnableToWitness
from tests.ledger.conftest import state_asset
from tests.ledger.makers import NOW
from tests.ledger.witnessing.published import out, size_of

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(seconds=1)


def test_the_operator_sees_the_keys_and_what_each_witness_says(policy, witness, settings, capsys):
    call_command("ledger_witnesses")
    assert capsys.readouterr().out == (
        f"origin        localhost/worldloom\nkey           {queries.verifier_key()}\n"
        f"ML-DSA-44 key {own.cosigner_key()}\n"
        "No witness is asked: WORLDLOOM_WITNESS_POLICY names no policy.\n"
    )
    one, stranger = witness("w1"), witness("w2", knows=False)
    policy(f"{one.line}{stranger.line}group both all w1 w2\nquorum both\n")
    state_asset("a")
    with pytest.raises(UnableToWitness):
        seal(now=NOW)
    capsys.readouterr()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.utils.timezone.now", lambda: LATER)
        call_command("ledger_witnesses")
    said = capsys.readouterr().out.splitlines()
    assert said[4] == f"w1: cosigned ({one.url})"
    assert said[5].startswith("w2: it does not know the log (404)")
    assert said[6] == "The quorum both is not met."
    stranger.witness.add_log(str(queries.verifier_key()))
    seal(now=LATER)
    assert size_of(out()) == 2


def test_the_workers_job_reports_missing_witnesses_and_does_not_fail(policy, witness, caplog):
    one = witness("w1")
    policy(f"{one.line}quorum w1\n")
    one.stop()
    state_asset("a")
    tasks.seal(timestamp=0)
    assert "The checkpoint of 2 leaves is sealed and not published" in caplog.text
    assert (queries.latest_checkpoint().size, out()) == (2, "")
