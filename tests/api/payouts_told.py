"""What Alice and Bob were paid in December for November, and what the addresses about that answer."""

from typing import Any

from marketplace.payouts.models import Payout
from marketplace.payouts.operations import release_holds, settle
from marketplace.people import operations as people
from marketplace.people.models import Creator
from tests.api.statements_told import earned, statement_refusals
from tests.api.studios import ANYBODY, Market, Studio
from tests.cast import NOON, later

NAMES = ["payouts_choose", "payouts_list", "payouts_next", "payouts_read"]
NOBODYS = "/payouts/00000000-0000-4000-8000-000000000000"


def settled(market: Market) -> Payout:
    """What `statements_told.earned` allocated is available and paid out, in dollars. Alice's payout."""
    release_holds(now=later(days=15))
    settle(now=later(days=15), currency="USD")
    return Payout.objects.get(creator=market.cast.alice, currency="USD")


def chooser_of(creator: Creator) -> Studio:
    """A program of the creator that may choose how they are paid."""
    key, secret = people.issue_creator_key(creator=creator, name="accounts", use="payouts", now=NOON)
    return Studio(secret, key)


def payout_writes(market: Market) -> dict[str, Any]:
    """What each operation that writes answers."""
    alice = chooser_of(market.cast.alice)
    return {"payouts_choose": alice.send("PUT", "/payouts/ways/USD", {"way": "recorded"})}


def payout_paths(payout: Payout) -> dict[str, str]:
    """Where each thing is read."""
    return {"payouts_list": "/payouts", "payouts_next": "/payouts/next", "payouts_read": f"/payouts/{payout.pk}"}


def payout_refusals(alice: Studio, carol: Studio, dave: Studio) -> list[tuple[str, int, Any]]:
    """What each operation refuses, with the status."""
    return [
        ("payouts_list", 401, ANYBODY.get("/payouts")),
        ("payouts_list", 401, carol.get("/payouts")),
        ("payouts_list", 422, alice.get("/payouts?currency=usd")),
        ("payouts_list", 422, alice.get("/payouts?cursor=x")),
        ("payouts_choose", 401, alice.send("PUT", "/payouts/ways/USD", {"way": "recorded"})),
        ("payouts_choose", 409, chooser_of(alice.key.creator).send("PUT", "/payouts/ways/USD", {"way": "gold"})),
        ("payouts_choose", 422, chooser_of(alice.key.creator).send("PUT", "/payouts/ways/usd", {"way": "recorded"})),
        ("payouts_choose", 422, chooser_of(alice.key.creator).send("PUT", "/payouts/ways/USD", {"rail": "recorded"})),
        ("payouts_next", 401, dave.get("/payouts/next")),
        ("payouts_next", 422, alice.get("/payouts/next?currency=USD")),
        ("payouts_read", 401, carol.get(NOBODYS)),
        ("payouts_read", 404, alice.get(NOBODYS)),
        ("payouts_read", 422, alice.get(NOBODYS + "?steps=1")),
    ]


def earning_refusals(market: Market, carol: Studio, dave: Studio) -> list[tuple[str, int, Any]]:
    """What is refused of statements and of payouts."""
    alice = earned(market)
    return [*statement_refusals(alice, carol, dave), *payout_refusals(alice, carol, dave)]
