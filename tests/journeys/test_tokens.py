"""In the application's role: a release becomes a token, its pack changes hands with it, and the log keeps its law."""

from pathlib import Path
from typing import Any

import ledger.operations
from ledger.operations import Hands
from marketplace.catalog import handing_over, token_queries, transferring
from marketplace.catalog.models import Pack
from marketplace.intake.operations import publish_folder
from tests import packs
from tests.cast import NOON, later, on_stage
from tests.catalog.tokens import asks, has_token, moves, record_suite, task, wallet_of
from tests.ledger.keyholders import findings, said


def test_a_token_and_its_pack_change_hands(settings: Any, tmp_path: Path) -> None:
    record_suite(settings.DATA_FOLDER)
    cast = on_stage()
    first = publish_folder(folder=packs.write(tmp_path / "one", handle="yunhai"), creator=cast.alice, now=NOON)
    second = publish_folder(
        folder=packs.write(tmp_path / "two", handle="yunhai", version="1.1.0", seed=2), creator=cast.alice, now=NOON
    )
    has_token(first, cast.alice)
    asks(second, cast.alice, now=later(minutes=20))
    proposal = transferring.propose_transfer(
        pack=Pack.objects.get(), new_owner=cast.bob, by=cast.alice, hands=Hands([]), now=later(hours=1)
    )
    handing_over.take_over(proposal=proposal, by=cast.bob, wallet=wallet_of("bob"), hands=Hands([]), now=later(hours=2))
    moves(first, wallet_of("bob"), before=wallet_of("alice"), at=later(hours=3))
    task(later(hours=3))
    assert Pack.objects.get().owner == cast.bob
    assert len(said("transfer")) == 2
    ledger.operations.seal(now=later(hours=4))
    task(later(hours=4))
    assert second.token_supersessions.count() == 1
    assert token_queries.disagreements(now=later(hours=4)) == []
    assert transferring.expire_proposals(now=later(days=30)) == 0
    assert findings() == []
