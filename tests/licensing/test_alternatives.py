"""What Carol could license instead: another offer of Alice's world, or a pack like it."""

from dataclasses import replace
from pathlib import Path

from marketplace.intake.operations import publish_folder
from marketplace.licensing import operations as licensing
from marketplace.licensing.alternatives import alternatives_for
from marketplace.licensing.terms.ready import READY
from marketplace.payouts.rules import Money
from tests import packs
from tests.api.studios import Market
from tests.cast import later


def test_own_offers_come_first_and_then_packs_of_the_same_kind_and_base_model(market: Market, tmp_path: Path) -> None:
    folder = packs.write(
        tmp_path / "dunes", handle="dunes", title="Dunes", seed=5, offers=(("personal", "7.00", "USD"),)
    )
    publish_folder(folder=folder, creator=market.cast.bob, now=later(hours=2))
    personal = market.offer("personal")

    found = alternatives_for({"background": market.world}, now=later(hours=3), except_offers=[personal.pk])

    # Bob's Ink Harbor is a style, so it is none.
    told = [(one.kind, one.name, one.party, one.price_minor, one.currency) for one in found["background"]]
    own = sorted(market.world.offers.exclude(pk=personal.pk), key=lambda offer: str(offer.pk))
    assert told == [
        *(("offer", offer.terms.name, "alice", offer.price_minor, offer.currency) for offer in own),
        ("pack", "bob/dunes: personal", "bob", 700, "USD"),
    ]
    assert all(one.key for one in found["background"])


def test_what_is_withdrawn_or_has_no_price_beforehand_is_none(market: Market) -> None:
    licensing.withdraw_offer(offer=market.offer("personal"), now=later(hours=1))
    terms = replace(READY["exclusive"], name="ask us")
    licensing.offer(release=market.world, terms=terms, price=Money(0, "USD"), model="on-request", now=later(hours=1))

    found = alternatives_for({"world": market.world}, now=later(hours=2))

    assert {one.name for one in found["world"]} == {o.terms.name for o in market.world.offers.all()} - {
        "personal",
        "ask us",
    }
