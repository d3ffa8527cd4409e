"""The cast and the clock of the money stories."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from marketplace.payouts.models import Sale, Split
from marketplace.payouts.operations import allocate_royalties, ensure_split, record_sale, release_holds
from marketplace.payouts.queries import check_books
from marketplace.payouts.rules import WHOLE_PPB, Money
from marketplace.people.models import Creator
from tests.payouts.cast import NOON, add_creator
from tests.payouts.fakes import FaultyRail


@pytest.fixture(autouse=True)
def _paid_at_any_time(settings: Any) -> None:
    """Lets the stories of money settle as often as they like; those of schedules say their own."""
    settings.PAYOUT_SCHEDULE = "always"


@pytest.fixture
def noon() -> datetime:
    return NOON


@pytest.fixture
def alice(db: None) -> Creator:
    return add_creator("alice", 1)


@pytest.fixture
def bob(db: None) -> Creator:
    return add_creator("bob", 2)


@pytest.fixture
def erin(db: None) -> Creator:
    """Co-creates with Alice."""
    return add_creator("erin", 3)


@pytest.fixture
def alices(alice: Creator) -> Split:
    """A split that gives all to Alice."""
    return ensure_split(own={alice: WHOLE_PPB}, parents=[], now=NOON)


@pytest.fixture
def shared(alice: Creator, bob: Creator) -> Split:
    """70 % to Alice, 30 % to Bob."""
    return ensure_split(own={alice: 700_000_000, bob: 300_000_000}, parents=[], now=NOON)


@pytest.fixture
def sell() -> Callable[..., Sale]:
    def sell(split: Split, source: str, gross: int = 12_00, fee: int = 1_20, tax: int = 0, **more: Any) -> Sale:
        return record_sale(
            source=source,
            split=split,
            gross=Money(gross, more.get("currency", "USD")),
            tax_minor=tax,
            fee_minor=fee,
            subject=more.get("subject", ""),
            tax_of=more.get("tax_of", ""),
            now=more.get("now", NOON),
        )

    return sell


@pytest.fixture
def earn(sell: Callable[..., Sale]) -> Callable[..., None]:
    """Sells to a split, and makes what it brings available at a moment."""

    def earn(split: Split, source: str, at: datetime, **more: Any) -> None:
        sell(split, source, now=at - timedelta(days=14), **more)
        allocate_royalties(now=at - timedelta(days=14))
        release_holds(now=at)

    return earn


@pytest.fixture
def faulty_rail(settings: Any) -> type[FaultyRail]:
    """Settles over a rail that follows a plan of faults."""
    settings.ADAPTERS = {**settings.ADAPTERS, "payouts": "tests.payouts.fakes.FaultyRail"}
    FaultyRail.plan, FaultyRail.calls = [], []
    return FaultyRail


@pytest.fixture
def right() -> Iterator[None]:
    """Asserts at the end of a story that the books were right all the way."""
    yield
    assert check_books() == []
