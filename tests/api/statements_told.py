"""What Alice and Bob earned in November, whose month is closed, and what the addresses about that answer."""

from typing import Any

from marketplace.payouts.operations import allocate_royalties, close_month, ensure_split, record_sale
from marketplace.payouts.rules import WHOLE_PPB, Money
from marketplace.people import operations as people
from marketplace.people.models import Creator
from tests.api.studios import ANYBODY, Market, Studio
from tests.cast import NOON, later

NAMES = ["statements_list", "statements_proof", "statements_read"]
DECEMBER = later(days=9)
NOVEMBER = "/statements/2026-11/USD"


def program_of(creator: Creator) -> Studio:
    """A program of the creator, with a fresh key."""
    key, secret = people.issue_creator_key(creator=creator, name="accounts", use="statements", now=NOON)
    return Studio(secret, key)


def earned(market: Market) -> Studio:
    """Two sales of a third to Bob; November is closed. Alice's program."""
    alice, bob = market.cast.alice, market.cast.bob
    split = ensure_split(own={alice: WHOLE_PPB - 333_333_333, bob: 333_333_333}, parents=[], now=NOON)
    for number, gross in enumerate((1000, 777)):
        record_sale(
            source=f"order-line:{number}", split=split, gross=Money(gross, "USD"), tax_minor=0, fee_minor=77, now=NOON
        )
    allocate_royalties(now=NOON)
    close_month(period="2026-11", currency="USD", now=DECEMBER)
    return program_of(alice)


def statement_paths() -> dict[str, str]:
    """Where each thing is read."""
    return {"statements_list": "/statements", "statements_read": NOVEMBER, "statements_proof": NOVEMBER + "/proof"}


def statement_refusals(alice: Studio, carol: Studio, dave: Studio) -> list[tuple[str, int, Any]]:
    """What each operation refuses, with the status, while the month is not sealed."""
    return [
        ("statements_list", 401, ANYBODY.get("/statements")),
        ("statements_list", 401, carol.get("/statements")),
        ("statements_list", 422, alice.get("/statements?currency=usd")),
        ("statements_list", 422, alice.get("/statements?cursor=x")),
        ("statements_read", 401, dave.get(NOVEMBER)),
        ("statements_read", 404, alice.get("/statements/2026-10/USD")),
        ("statements_read", 404, alice.get("/statements/running/JPY")),
        ("statements_read", 422, alice.get("/statements/2026/USD")),
        ("statements_read", 422, alice.get("/statements/2026-11/USD%00")),
        ("statements_read", 422, alice.get(NOVEMBER + "?format=pdf")),
        ("statements_read", 406, alice.get(NOVEMBER, Accept="application/pdf")),
        ("statements_proof", 401, ANYBODY.get(NOVEMBER + "/proof")),
        ("statements_proof", 404, alice.get("/statements/running/USD/proof")),
        ("statements_proof", 404, alice.get(NOVEMBER + "/proof?line=9223372036854775807")),
        ("statements_proof", 422, alice.get(NOVEMBER + "/proof?line=9223372036854775808")),
        ("statements_proof", 422, alice.get(NOVEMBER + "/proof?line=-1")),
        ("statements_proof", 503, alice.get(NOVEMBER + "/proof")),
    ]
