"""Bob sold what was Alice's: what he earned with it is put aside, refunded, or hers."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from marketplace.checkout import operations as checkout
from marketplace.checkout.models import OrderLine
from marketplace.intake import awarding, operations
from marketplace.licensing import queries as licensing
from marketplace.payouts.left_queries import left_of_sale
from marketplace.payouts.operations import allocate_royalties, release_holds
from marketplace.payouts.queries import balances_of, check_books
from marketplace.payouts.reversals import Reversal
from tests import packs
from tests.cast import CARD, NOON, later


@pytest.fixture
def claim(cast, tmp_path):
    """Bob's mist was sold for 100.01 before Alice reported it."""
    original = operations.publish_folder(
        folder=packs.write(tmp_path / "original", handle="clouds"), creator=cast.alice, now=NOON
    )
    mist = operations.publish_folder(
        folder=packs.write(tmp_path / "own", handle="mist", seed=3, offers=packs.SHARED),
        creator=cast.bob,
        now=later(hours=1),
    )
    checkout.buy(
        studio=cast.studio,
        buyer=cast.carol,
        offers=licensing.live_offers(mist),
        method=CARD,
        idempotency_key="1",
        now=later(hours=2),
    )
    allocate_royalties(now=later(hours=2))
    files = [
        release.assets.select_related("release__pack__creator", "asset__blob").get(path="style.safetensors")
        for release in (original, mist)
    ]
    return operations.report(
        claimant=cast.alice, own=files[0], disputed=files[1], statement="That is my ink.", now=later(hours=3)
    )


def usd(creator):
    return {
        name: getattr(balance, f"{name}_minor")
        for balance in balances_of(creator)
        for name in ("pending", "available", "frozen", "owed")
        if getattr(balance, f"{name}_minor")
    }


def upheld(claim):
    operations.decide(claim=claim, upheld=True, statement="It is.", now=later(days=1))


def test_before_the_decision_nothing_is_put_aside_or_awarded(cast, claim):
    for verb in (awarding.put_aside, awarding.award):
        with pytest.raises(awarding.UnableToAward, match="was not decided for the claimant: decide it first"):
            verb(claim=claim, now=later(days=1))
    assert not Reversal.objects.exists()
    assert usd(cast.bob) == {"pending": 90_01}


def test_what_bob_earned_with_it_becomes_alices_once(cast, claim):
    upheld(claim)
    assert usd(cast.bob) == {"frozen": 90_01}
    (sale,) = awarding.award(claim=claim, now=later(days=2))
    assert awarding.award(claim=claim, now=later(days=3)) == [sale]
    allocate_royalties(now=later(days=3))
    assert usd(cast.bob) == {}
    assert usd(cast.alice) == {"pending": 90_01}
    release_holds(now=later(days=3) + timedelta(days=14))
    assert usd(cast.alice) == {"available": 90_01}
    assert check_books() == []


def test_what_is_put_aside_goes_back_to_the_buyer(cast, claim):
    upheld(claim)
    out = StringIO()
    call_command("claims", str(claim.pk), "--put-aside", stdout=out)
    assert out.getvalue() == "90.01 USD are put aside\n"
    line = OrderLine.objects.get()
    assert left_of_sale(line.source) == 100_01
    checkout.refund_line(line=line, reason="not his to sell", now=later(days=2))
    assert usd(cast.bob) == {}
    assert awarding.award(claim=claim, now=later(days=3)) == [], "nothing is left of it"
    assert check_books() == []


def test_the_command_awards_and_says_why_not(cast, claim):
    with pytest.raises(CommandError, match="decide it first"):
        call_command("claims", str(claim.pk), "--award")
    with pytest.raises(CommandError, match="Say which claim"):
        call_command("claims", "--award")
    upheld(claim)
    out = StringIO()
    call_command("claims", str(claim.pk), "--award", stdout=out)
    assert out.getvalue() == "90.01 USD go to alice\n"
