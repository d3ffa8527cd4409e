"""What the marketplace really states passes the law, and every fact is found and proven by strangers."""

import json
import logging
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

import ledger.operations
import ledger.queries
from ledger import lookup, monitoring
from ledger.index.lookups import lookup_proof
from ledger.law.rules import NEXT_EVENTS
from ledger.models import Leaf
from marketplace.catalog.models import Release
from marketplace.checkout import operations as checkout
from marketplace.intake import clocks
from marketplace.intake.operations import publish_folder
from marketplace.licensing import operations as licenses
from marketplace.licensing import queries as licensing
from marketplace.licensing.models import Grant
from tests import packs
from tests.cast import CARD, NOON, Cast, later, on_stage

pytestmark = pytest.mark.django_db


def sell(folder: Path) -> tuple[Cast, Release, Grant]:
    """Alice and Mo make a world, Carol licenses it and loses the license again, Alice withdraws the offer."""
    cast = on_stage()
    world = packs.write(folder, handle="yunhai", split=[("alice", 700_000_000), ("mo", 300_000_000)])
    release = publish_folder(folder=world, creator=cast.alice, now=NOON)
    (offer,) = licensing.live_offers(release)
    bought = {"studio": cast.studio, "buyer": cast.carol, "offers": [offer], "method": CARD}
    checkout.buy(**bought, idempotency_key="order-1", now=later(hours=1))
    grant = Grant.objects.get()
    for status in ("suspended", "active", "revoked"):
        licenses.set_status(grant=grant, status=status, reason="story", now=later(hours=2))
    licenses.withdraw_offer(offer=offer, now=later(hours=3))
    return cast, release, grant


def seal_and_index() -> None:
    ledger.operations.seal(now=later(hours=4))
    assert ledger.operations.commit_index(now=later(hours=4)) is not None
    ledger.operations.seal(now=later(hours=4))


def test_what_the_marketplace_states_keeps_the_law_and_is_found(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    assert monitoring.monitor(now=NOON) is None
    cast, release, grant = sell(tmp_path / "world")
    seal_and_index()
    with caplog.at_level(logging.ERROR):
        report = monitoring.monitor(now=later(days=1))
    assert (report.ok, report.replayed, report.size) == (True, Leaf.objects.count(), Leaf.objects.count())
    assert caplog.records == []
    types = {
        "pack:alice/yunhai": ["release"],
        f"digest:{release.digest}": ["release", "offer"],
        f"creator:{cast.alice.pk}": ["key", "release"],
        f"grant:{grant.pk}": ["grant", "grant-status", "grant-status", "grant-status"],
        f"grants-of:{release.digest}": ["grant"],
        f"digest:{release.split_id}": ["split"],
        "pack:alice/nothing": [],
    }
    for key, due in types.items():
        content = json.dumps(lookup_proof(key).to_document()).encode()
        found = lookup.verify_document(content, key, ledger.queries.verifier_key())
        leaves = Leaf.objects.filter(index__in=found.indices).order_by("index")
        assert [leaf.entry.type for leaf in leaves] == due


def test_the_worker_and_the_command_say_what_is_wrong(tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys):
    _cast, _release, grant = sell(tmp_path / "world")
    seal_and_index()
    state = tmp_path / "seen"
    call_command("ledger_monitor", state=state)
    assert capsys.readouterr().out.startswith("OK: ")
    body = {"grant": str(grant.pk), "status": "active"}
    ledger.operations.state(type="grant-status", subject=f"grant:{grant.pk}", body=body, now=later(hours=5))
    ledger.operations.seal(now=later(hours=5))
    with caplog.at_level(logging.ERROR):
        monitoring.monitor(now=later(days=1))
    wrong = f"leaf {Leaf.objects.count() - 1}: status-after-revocation: the grant was revoked"
    assert [record.getMessage() for record in caplog.records] == [f"The log breaks its law: {wrong}"]
    with pytest.raises(CommandError) as refused:
        call_command("ledger_monitor", state=state, json=True)
    assert refused.value.returncode == 1
    assert json.loads(capsys.readouterr().out)["findings"][0]["rule"] == "status-after-revocation"
    with pytest.raises(CommandError, match="--state"):
        call_command("ledger_monitor", log=str(tmp_path))


def test_the_law_knows_the_order_of_claims_as_the_marketplace_does():
    for newest, events in NEXT_EVENTS.items():
        steps = [clocks.Step(newest, NOON)] if newest else []
        allowed: set[str] = set()
        for party in ("claimant", "respondent", "operator", "clock"):
            for now in (NOON - timedelta(days=1), NOON + timedelta(days=1)):
                allowed |= set(clocks.next_steps(steps, party, now))
        assert set(events) == (allowed or {"opened"})
