"""Publishing a root and booking claims, killed with -9 at points in between: nothing twice, nothing lost."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from ledger.chain_models import ChainCall
from ledger.event_models import ChainEvent
from marketplace.payouts.claims.hearing import hear_claims
from marketplace.payouts.claims.queries import claimable_by
from marketplace.payouts.claims.standing import newest_root, standing_of_root
from marketplace.payouts.claims.tables import ChainAccount, ChainBook, ChainClaimed, PayoutRoot, PayoutRootLine
from marketplace.payouts.models import Transaction
from marketplace.payouts.queries import check_books, house_sums
from tests.payouts.claims.makers import ALICES, BOBS, COIN, YEN, ChainWord, go_on_chain
from tests.payouts.faults.lives import points_of
from tests.payouts.faults.proofs import repeat
from tests.payouts.faults.test_kills import chosen
from tests.payouts.faults.world import World, settlement

Act = Callable[[], None]
TOKENS = {"USD": COIN, "JPY": YEN}


def say(event, now, **args):
    number = ChainEvent.objects.count() + 1
    ChainWord(event, args, f"0x{number:064x}", number).read(now)


def chain_takes(now):
    """Lets the chain have the newest roots that it has not, and pay out all that counts there."""
    for book in ChainBook.objects.all():
        newest = newest_root(book)
        if newest and standing_of_root(newest, now=now).state == "asked":
            say("RootProposed", now, token=book.token, root=newest.root)
    for row in claimable_by(list(ChainAccount.objects.select_related("book")), now=now):
        if row.claimable_minor:
            units = row.claimable_minor * int(row.book.scale)
            say("Claimed", now, token=row.book.token, account=row.account.address, amount=units)


def a_root(world: World) -> Act:
    """What was sold two weeks ago is due on chain, after the chain said what it had."""
    hear_claims(now=world.now)
    now = world.later(14)
    world.sell_each()
    return lambda: settlement(now)


def a_hearing(world: World) -> Act:
    """The chain took a root, and accounts were paid."""
    settlement(world.later(14))
    now = world.now
    chain_takes(now)
    return lambda: hear_claims(now=now) and None


@pytest.mark.parametrize("story", [a_root, a_hearing])
def test_killed_at_some_points(committed, wallets, story):
    world = World()
    for currency in TOKENS:
        go_on_chain(world.alice, wallets, ALICES, now=world.now, currency=currency)
        go_on_chain(world.bob, wallets, BOBS, now=world.now, currency=currency)
    world.sell_each()
    for one in (a_root, a_hearing, a_root, a_hearing):
        one(world)()
    points = points_of(story(world))
    assert points is not None
    for die_at in chosen(points, 5):
        act = story(world)
        points_of(act, die_at)
        repeat(act)
        chain_takes(world.now)

    for _ in range(3):
        a_root(world)()
        a_hearing(world)()
        world.later(2)
    chain_takes(world.now + timedelta(days=2))
    hear_claims(now=world.now)
    assert check_books() == []
    proposals = ChainCall.objects.filter(function="proposePayouts")
    assert proposals.count() == PayoutRoot.objects.count() > 4
    given = sum(line.added_minor for line in PayoutRootLine.objects.all())
    assert given == sum(claim.amount_minor for claim in ChainClaimed.objects.all()) > 0
    said = ChainEvent.objects.filter(event="Claimed").count()
    assert Transaction.objects.filter(kind="chain_claimed").count() == said
    assert not any(made for (_, kind, _), made in house_sums().items() if kind in ("chain_claims", "chain_escrow"))
