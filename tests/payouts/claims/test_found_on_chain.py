"""What the chain says and the books cannot follow: named, and nothing booked."""

from marketplace.payouts.claims.hearing import hear_claims
from marketplace.payouts.claims.tables import ChainClaimed
from marketplace.payouts.models import Transaction
from marketplace.payouts.operations import settle
from marketplace.payouts.queries import check_books
from tests.payouts.claims.makers import ALICES, DAVES, go_on_chain
from tests.payouts.policing import DAY


def test_what_was_paid_to_whom_we_gave_nothing_stops_payouts(alices, alice, earn, wallets, asked, say, noon):
    go_on_chain(alice, wallets, ALICES, now=noon)
    earn(alices, "order-line:1", noon)
    settle(now=noon)
    say("Claimed", account=DAVES, amount=5, at=noon + DAY)
    say("Claimed", account=ALICES, amount=5, at=noon + DAY)
    say("Claimed", account=ALICES, amount=99_990_000, at=noon + DAY)
    hear_claims(now=noon + DAY)

    assert [problem.partition("booked: ")[2] for problem in check_books()] == [
        "we never gave that account anything.",
        "it is no whole number of minor units.",
        "more would be used than was set aside.",
    ]
    assert Transaction.objects.filter(kind="chain_claimed").count() == 0
    assert ChainClaimed.objects.filter(posted=None).count() == 3
