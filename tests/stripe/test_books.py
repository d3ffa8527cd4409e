"""Whatever is asked of the fake, in any order: balances are the sums of their lines, nothing comes of nothing."""

import contextlib
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.stripe import accounts, backwards, payouts, routes
from tests.stripe.conftest import NOW
from tests.stripe.server import FakeStripe
from tests.stripe.world import DAY, PLATFORM, Call, Refused, World

CARDS = list(accounts.CARDS)
STEPS = (
    "pay",
    "transfer",
    "reverse",
    "refund",
    "payout",
    "dispute",
    "decide",
    "fail payout",
    "fail refund",
    "wait",
    "adjust",
)
Step = tuple[str, int, int, int]


def ask(world: World, method: str, path: str, account: str = PLATFORM, **params: Any) -> Any:
    """Asks the fake without a network; a refusal is an answer, too."""
    for route in routes.ROUTES:
        if route.method == method and (found := route.path.match(f"/v1/{path}")):
            with contextlib.suppress(Refused):
                return route.handler(world, Call(params, found.groups(), account, {}))
            return None
    raise AssertionError(path)


def pick(world: World, what: str, number: int, account: str = PLATFORM) -> str:
    ids = [row["id"] for row in world.all(what, account)]
    return ids[number % len(ids)] if ids else "none_there"


def take(world: World, step: Step, creators: list[str]) -> None:
    """Does one thing; amounts are often more than there is."""
    what, amount, number, other = step
    creator = creators[other % len(creators)]
    usd = {"amount": amount, "currency": "usd"}
    charge = pick(world, "charge", number)
    if what == "pay":
        ask(world, "POST", "payment_intents", **usd, confirm=True, payment_method=CARDS[number % len(CARDS)])
    elif what == "transfer":
        ask(
            world,
            "POST",
            "transfers",
            **usd,
            destination=creator,
            **({"source_transaction": charge} if other % 2 else {}),
        )
    elif what == "reverse":
        ask(world, "POST", f"transfers/{pick(world, 'transfer', number)}/reversals", amount=amount)
    elif what == "refund":
        ask(world, "POST", "refunds", charge=charge, **({"amount": amount} if other % 2 else {}))
    elif what == "payout":
        ask(world, "POST", "payouts", [PLATFORM, *creators][number % 3], **usd)
    elif what == "dispute" and charge in world.rows and not world.rows[charge]["disputed"]:
        backwards.disputed(world, charge, status=("needs_response", "warning_needs_response")[other % 2])
    elif what == "decide":
        word = list(backwards.DECIDED)[other % 3]
        ask(world, "POST", f"disputes/{pick(world, 'dispute', number)}", evidence={"uncategorized_text": word})
    elif what == "fail payout":
        payout = pick(world, "payout", number, creator)
        if payout in world.rows and world.rows[payout]["status"] == "paid":
            payouts.payout_failed(world, payout)
    elif what == "fail refund":
        refund = pick(world, "refund", number)
        if refund in world.rows and world.rows[refund]["status"] == "succeeded":
            backwards.refund_failed(world, refund)
    elif what == "wait":
        world.advance(amount % 5 * DAY)
    elif what == "adjust":
        accounts.adjusted(world, creator, amount - 10_000)


STEP = st.tuples(st.sampled_from(STEPS), st.integers(1, 20_000), st.integers(0, 50), st.integers(0, 50))


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(STEP, min_size=20, max_size=60))
def test_balances_are_the_sums_of_their_lines(steps: list[Step]) -> None:
    world = World(NOW)
    creators = []
    for _ in range(2):
        made = ask(world, "POST", "accounts", capabilities={"transfers": {"requested": True}})
        accounts.onboarded(world, made["id"])
        creators.append(made["id"])

    for amount in (100, 9_000, 20_000):
        ask(world, "POST", "payment_intents", amount=amount, currency="usd", confirm=True, payment_method=CARDS[1])
        ask(world, "POST", "transfers", amount=amount // 2, currency="usd", destination=creators[0])
    for step in steps:
        take(world, step, creators)
        assert world.books() == []

    for charge in world.all("charge"):
        assert 0 <= charge["amount_refunded"] <= charge["amount"]
        sent = sum(row["amount"] for row in world.all("transfer") if row["source_transaction"] == charge["id"])
        assert sent <= charge["amount"]
    for transfer in world.all("transfer"):
        assert transfer["amount_reversed"] == sum(row["amount"] for row in transfer["reversals"]["data"])
    for who in (PLATFORM, *creators):
        lines = list(world.all("balance_transaction", who))
        available = sum(row["net"] for row in lines if row["available_on"] <= world.now)
        assert world.balance(who, "usd") == (available, sum(row["net"] for row in lines) - available)


def test_books_name_what_does_not_add_up() -> None:
    fake = FakeStripe(NOW)
    accounts.adjusted(fake.world, PLATFORM, 100)
    assert fake.books() == []

    fake.world.held[PLATFORM, "usd"] += 1

    assert fake.books() == ["acct_platform usd: lines 100, balance 101", "usd: 1 too much in the world"]
