"""Uses that come at the same moment: each counts once, whoever brings it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db.models import Sum

from ledger.models import Entry
from marketplace.compositions.usage import accepting
from marketplace.compositions.usage.accepting import Accepted
from marketplace.compositions.usage.refusals import NonceReused
from marketplace.compositions.uses import UsageBatch, UsageEvent
from tests.api.studios import Market
from tests.cast import later
from tests.compositions.usage.rendering import farm_of, granted, locked, metered


@pytest.mark.usefixtures("committed")
def test_a_batch_ten_times_at_once_and_batches_that_share_uses(
    market: Market,
    at_once: Callable[..., list[Any]],
) -> None:
    farm = farm_of(market.cast.studio, market.cast.carol)
    lock = locked(farm.studio, market.cast.carol, granted(metered(market.world), farm.studio))
    events = [farm.event(lock) for _place in range(300)]

    def sending(*said: Any) -> Callable[[], Accepted]:
        envelope = farm.said(*said)
        return lambda: accepting.accept(studio=farm.studio, envelope=envelope, now=later(hours=3))

    same = at_once(*[sending(*events[:100])] * 10)
    assert {type(one) for one in same} == {Accepted}, same
    assert len(set(same)) == 1
    assert (same[0].counted, UsageEvent.objects.count(), UsageBatch.objects.count()) == (100, 100, 1)

    # Each shares half of its uses with the next, in the other direction.
    parts = [events[100 + 25 * place : 150 + 25 * place][:: (-1) ** place] for place in range(7)]
    shared = at_once(*[sending(*part) for part in parts])
    assert {type(one) for one in shared} == {Accepted}, shared
    assert sum(one.counted for one in shared) == 200
    assert UsageBatch.objects.aggregate(all=Sum("counted"))["all"] == UsageEvent.objects.count() == 300

    liars = [farm.event(lock) for _place in range(2)]
    nonce = {"nonce": liars[0]["nonce"]}
    fought = at_once(sending(*liars), sending(liars[1] | nonce | {"counts": {"image": 9}}, farm.event(lock)))
    assert sorted(type(one).__name__ for one in fought) == ["Accepted", "NonceReused"], fought
    assert isinstance(next(one for one in fought if isinstance(one, Exception)), NonceReused)
    assert UsageEvent.objects.count() == 302
    assert sum(one.statement["uses"] for one in Entry.objects.filter(type="usage")) == 302
