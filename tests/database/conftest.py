"""The application's role in the test database, and Alice and Bob, who have money there."""

from typing import Any

import pytest

from tests.limited import limit
from tests.payouts.conftest import alice, bob, noon, sell, shared

__all__ = ["alice", "bob", "noon", "sell", "shared"]


@pytest.fixture
def role(db: None) -> str:
    """The application's role, with the rights that `migrate` gives it."""
    return limit()


@pytest.fixture
def history(alice: Any, bob: Any, shared: Any, sell: Any, noon: Any) -> Any:
    """A sale that was paid out, one that is disputed, one in its hold period, one that waits."""
    from marketplace.payouts.operations import allocate_royalties, open_dispute, release_holds, settle

    sell(shared, "order-line:1")
    [run] = allocate_royalties(now=noon)
    release_holds(now=run.available_at)
    settle(now=run.available_at)
    sell(shared, "order-line:2")
    open_dispute(source="order-line:2", now=noon)
    sell(shared, "order-line:3")
    allocate_royalties(now=noon)
    sell(shared, "order-line:4")
    return alice
