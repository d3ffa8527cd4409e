"""Alice sells on a chain what she sells here: her wallet signs, the marketplace signs, and both can close it."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import ProtectedError
from django.test.utils import CaptureQueriesContext

from ledger.chain import typed
from ledger.chain.abi import call_data
from ledger.chain.suite import suite
from ledger.chain.transaction import address_of
from ledger.chain_models import ChainCall, ChainOutcome
from ledger.event_models import ChainEvent
from ledger.operations import Hands
from marketplace.catalog.transferring import propose_transfer, transfer_pack
from marketplace.licensing import chain_offers, chain_stale, rules
from marketplace.licensing import operations as licensing
from marketplace.licensing.chain_offer_models import ChainClosingRead
from marketplace.licensing.chain_offers import UnableToOfferOnChain, offer_on_chain
from marketplace.licensing.erasing import erase_licensee
from marketplace.licensing.models import ChainOffer, ChainOfferClosing, LicenseeCommitment, OfferPrice
from marketplace.licensing.terms.ready import READY
from marketplace.payouts.rules import Money
from tests.cast import later
from tests.checkout.chain import ALICES, DAVES, OFFERS, a_month, on_chain, record_suite, signed

HOUR = later(hours=1)


@pytest.fixture(autouse=True)
def _contracts(tmp_path, settings):
    record_suite(tmp_path / "chain", settings)


@pytest.fixture
def alice(market):
    return market.cast.alice


def calls():
    return [(call.key.split(":")[0], call.function, call.role) for call in ChainCall.objects.order_by("id")]


def why_not(offer, now=HOUR):
    return chain_offers.what_hinders(offer, now)


def test_an_offer_is_signed_twice_and_nothing_is_sent(market, alice):
    offer = market.offer()
    row = on_chain(offer, alice, supply=3)
    known = suite()
    assert (row.chain_id, row.market) == (31337, known.address("LicenseMarket"))
    # $100.01 are 10001 cents of 10,000 units; ten percent are 1,000 of ten thousand.
    assert (row.price_minor, int(row.price_units), row.fee_bps, row.supply) == (100_01, 100_010_000, 1_000, 3)
    assert (row.split_digest, row.licensor) == (market.world.split_id, address_of(ALICES))
    digest = bytes.fromhex(row.digest)
    assert typed.recover(digest, bytes.fromhex(row.licensor_signature[2:])) == address_of(ALICES)
    assert typed.recover(digest, bytes.fromhex(row.market_signature[2:])) == address_of(OFFERS)
    names = dict(zip((name for name, _kind in typed.OFFER.fields), chain_offers.struct_of(row), strict=True))
    assert typed.typed_digest(typed.OFFER, names, chain_id=31337, contract=row.market) == digest
    assert calls() == []
    assert chain_offers.open_chain_offers([offer], HOUR) == {offer.pk: row}
    assert chain_offers.open_chain_offers([offer], HOUR + timedelta(days=31)) == {}


def test_the_same_signature_again_is_the_first_offer(market, alice):
    offer, limits = market.offer(), a_month(HOUR)
    asked = {"offer": offer, "by": alice, "licensor": address_of(ALICES), "limits": limits, "now": HOUR}
    signature = signed(offer, limits, now=HOUR)
    first = offer_on_chain(**asked, signature=signature)
    # Some wallets write the last byte as 0 or 1, and addresses in lower case.
    again = asked | {"licensor": address_of(ALICES).lower()}
    assert offer_on_chain(**again, signature=signature[:64] + bytes([signature[64] - 27])) == first
    assert ChainOffer.objects.count() == 1


def test_a_number_stands_for_one_offer(market, alice):
    limits = a_month(HOUR)
    for offer, is_first in ((market.offer(), True), (more_of(market), False)):
        asked = {"offer": offer, "by": alice, "licensor": address_of(ALICES), "limits": limits, "now": HOUR}
        if is_first:
            offer_on_chain(**asked, signature=signed(offer, limits, now=HOUR))
        else:
            with pytest.raises(UnableToOfferOnChain, match="sign anew"):
                offer_on_chain(**asked, signature=signed(offer, limits, now=HOUR))
    assert ChainOffer.objects.count() == 1


def more_of(market):
    return licensing.offer(release=market.world, terms=READY["cc-by-nc-4.0"], price=Money(50_00, "USD"), now=HOUR)


def test_a_signature_that_is_not_of_this_offer_is_refused(market, alice):
    offer, limits = market.offer(), a_month(HOUR)
    asked = {"offer": offer, "by": alice, "licensor": address_of(ALICES), "limits": limits, "now": HOUR}
    good = signed(offer, limits, now=HOUR)
    low = int.from_bytes(good[32:64], "big")
    high = good[:32] + (typed.ORDER - low).to_bytes(32, "big") + bytes([55 - good[64]])
    for change in (
        {"signature": signed(offer, limits, key=DAVES, now=HOUR)},
        {"signature": high},
        {"signature": b""},
        {"signature": good, "limits": replace(limits, supply=1)},
        {"signature": good, "licensor": address_of(DAVES)},
        {"signature": good, "licensor": "0x12"},
        {"signature": good, "by": market.cast.bob},
    ):
        with pytest.raises(UnableToOfferOnChain):
            offer_on_chain(**(asked | change))
    assert ChainOffer.objects.count() == 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"deadline": 0}, "ends after now"),
        ({"deadline": 2_000_000_000}, "within a year"),
        ({"not_before": 1_900_000_000, "deadline": 1_900_100_000}, "begins when it is signed"),
        ({"supply": 2**32}, "at most 4294967295"),
    ],
)
def test_limits_that_cannot_be_are_refused(market, change, told):
    limits = replace(a_month(HOUR), **change)
    with pytest.raises(UnableToOfferOnChain, match=told):
        chain_offers.to_sign(offer=market.offer(), licensor=address_of(ALICES), limits=limits, now=HOUR)


def test_only_a_fixed_price_in_a_known_token_can_be_paid_there(market, alice, settings):
    assert why_not(market.offer()) == ""
    assert "costs nothing" in why_not(market.offer("personal"))
    assert "There is no token for CNY" in why_not(market.offer("enterprise"))
    per_seat = licensing.offer(
        release=market.world, terms=READY["cc-by-4.0"], price=Money(10_00, "USD"), model="per-seat", now=HOUR
    )
    assert "no fixed price" in why_not(per_seat)
    other = more_of(market)
    licensing.change_price(
        offer=other, price_minor=40_00, kind=OfferPrice.SALE, ends_at=later(days=3), starts_at=later(days=1), now=HOUR
    )
    assert "about to change" in why_not(other)
    assert "no fixed price" in why_not(other, later(days=2))
    settings.PLATFORM_FEE_PPB = 100_000_001
    assert "hundredths of a percent" in why_not(market.offer())
    settings.CHAIN_SUITE = settings.CHAIN_SUITE + ".gone"
    assert "no token" in why_not(market.offer())


def test_withdrawing_closes_it_on_the_chain_in_the_same_transaction(market, alice):
    offer = market.offer()
    row = on_chain(offer, alice)
    licensing.withdraw_offer(offer=offer, now=later(hours=2))
    assert row.closing.reason == "withdrawn"
    assert calls() == [("withdraw-offer", "withdrawOffer", "offers")]
    call = ChainCall.objects.get()
    assert bytes(call.data) == call_data("LicenseMarket", "withdrawOffer", row.licensor, row.nonce)
    licensing.withdraw_offer(offer=offer, now=later(hours=3))
    assert ChainCall.objects.count() == 1
    assert "no longer sold" in why_not(type(offer).objects.get(pk=offer.pk))


def test_a_new_price_closes_what_was_signed_at_the_old_one(market, alice):
    offer = market.offer()
    row = on_chain(offer, alice)
    licensing.change_price(offer=offer, price_minor=100_01, now=later(hours=2))  # the same price changes nothing
    assert not ChainOfferClosing.objects.exists()
    licensing.change_price(offer=offer, price_minor=90_00, now=later(hours=2))
    assert ChainOfferClosing.objects.get(chain_offer=row).reason == "price"
    anew = on_chain(offer, alice, now=later(hours=3))
    assert (anew.price_minor, anew.nonce != row.nonce) == (90_00, True)


def test_a_takedown_closes_every_offer_of_the_release(market, alice):
    rows = [on_chain(market.offer(), alice), on_chain(more_of(market), alice)]
    licensing.take_down(release=market.world, claim=market.world.pk, now=later(hours=2))
    assert {row.closing.reason for row in rows} == {"taken-down"}
    assert len(calls()) == 2


def test_what_is_taken_exclusively_is_not_sold_on_the_chain(market, alice):
    row = on_chain(market.offer(), alice)
    terms = replace(READY["studio"], name="sole", exclusive=True)
    sole = licensing.offer(release=market.world, terms=terms, price=Money(9_000_00, "USD"), now=HOUR)
    assert "is exclusive" in why_not(sole)
    licensing.grant(offer=sole, studio=market.cast.studio, source="order-line:9", now=later(hours=2))
    assert row.closing.reason == "exclusive"
    assert "Somebody has this pack exclusively" in why_not(market.offer(), later(hours=3))


def test_a_pack_that_was_handed_over_is_found(market, alice):
    row = on_chain(market.offer(), alice)
    assert chain_stale.close_stale(now=later(hours=2)) == 0
    hands, bob = Hands([]), market.cast.bob
    proposal = propose_transfer(pack=market.world.pack, new_owner=bob, by=alice, hands=hands, now=later(hours=2))
    transfer_pack(proposal=proposal, by=bob, hands=hands, now=later(hours=2))
    assert chain_stale.close_stale(now=later(hours=2)) == 1
    assert row.closing.reason == "transferred"
    assert chain_stale.close_stale(now=later(hours=3)) == 0


def closed_there(row, number, **other):
    ChainEvent.objects.create(
        chain_id=31337,
        contract="LicenseMarket",
        address=row.market,
        event="OfferClosed",
        args={"licensor": row.licensor, "nonce": row.nonce, "by": row.licensor} | other,
        transaction=f"0x{number:064x}",
        log_index=0,
        block_number=number,
        block_hash=f"0x{number:064x}",
        block_time=HOUR,
        seen_at=HOUR,
    )


def test_what_its_licensor_closed_on_the_chain_is_closed_here(market, alice):
    row = on_chain(market.offer(), alice)
    # Anybody may close numbers of their own, also Alice's number under another name, and one of 256 bits.
    closed_there(row, 1, licensor=address_of(DAVES))
    closed_there(row, 2, nonce=2**256 - 1)
    assert chain_stale.close_stale(now=later(hours=2)) == 0
    closed_there(row, 3)
    assert chain_stale.close_stale(now=later(hours=2)) == 1
    assert row.closing.reason == "cancelled"
    assert calls() == []  # it is closed there already
    assert ChainClosingRead.objects.count() == 2
    assert chain_stale.close_stale(now=later(hours=3)) == 0
    assert ChainClosingRead.objects.count() == 2


def test_its_owner_closes_it_and_nobody_else(market, alice):
    row = on_chain(market.offer(), alice)
    with pytest.raises(UnableToOfferOnChain):
        chain_offers.stop_on_chain(chain_offer=row, by=market.cast.bob, now=HOUR)
    assert calls() == []
    assert chain_offers.stop_on_chain(chain_offer=row, by=alice, now=HOUR)
    assert not chain_offers.stop_on_chain(chain_offer=row, by=alice, now=HOUR)
    assert len(calls()) == 1


def test_who_a_license_is_for_is_committed_to_and_can_be_erased(market, alice):
    studio, carol = market.cast.studio, market.cast.carol
    row = chain_offers.commit_licensee(offer=market.offer(), studio=studio, person=carol, now=HOUR)
    document = rules.licensee_document("Lantern Films", row.licensee_salt)
    assert row.commitment == rules.digest(document)
    erase_licensee(studio=studio)
    row.refresh_from_db()
    assert (row.licensee_name, row.licensee_salt) == ("", "")
    for change in ({"commitment": "0" * 64}, {"licensee_name": "Dave"}):
        with pytest.raises(DatabaseError), transaction.atomic():
            LicenseeCommitment.objects.filter(pk=row.pk).update(**change)


def test_what_was_signed_and_closed_stays(market, alice):
    row = on_chain(market.offer(), alice)
    chain_offers.stop_on_chain(chain_offer=row, by=alice, now=HOUR)
    for change in (
        lambda: ChainOffer.objects.update(supply=1),
        lambda: ChainOfferClosing.objects.update(reason="price"),
        lambda: ChainOfferClosing.objects.all().delete(),
        lambda: row.delete(),
    ):
        with pytest.raises((DatabaseError, ProtectedError)), transaction.atomic():
            change()
    assert row.closing.reason == "asked"


def test_a_record_that_cannot_be_read_stops_no_withdrawal(market, alice, settings, tmp_path):
    row = on_chain(market.offer(), alice)
    (tmp_path / "torn.json").write_text("{")
    settings.CHAIN_SUITE = str(tmp_path / "torn.json")
    licensing.withdraw_offer(offer=market.offer(), now=later(hours=2))
    assert row.closing.reason == "withdrawn"
    assert (ChainCall.objects.get().contract, ChainCall.objects.get().chain_id) == (row.market, 31337)


def test_what_was_signed_for_contracts_of_before_is_closed_there(market, alice, settings, tmp_path):
    row = on_chain(market.offer(), alice)
    known = Path(settings.CHAIN_SUITE)
    document = json.loads(known.read_text())
    document["contracts"]["LicenseMarket"]["address"] = "0x" + "b6" * 20
    (tmp_path / "next.json").write_text(json.dumps(document))
    settings.CHAIN_SUITE = str(tmp_path / "next.json")
    # It is shown to nobody from that moment on, and closed at the contract that it was signed for.
    assert chain_offers.open_chain_offers([row.offer], HOUR) == {}
    assert chain_stale.close_stale(now=later(hours=2)) == 1
    assert row.closing.reason == "successor"
    assert ChainCall.objects.get().contract == row.market
    anew = on_chain(market.offer(), alice, now=later(hours=2))
    assert anew.market != row.market
    assert chain_offers.open_chain_offers([row.offer], later(hours=2)) == {row.offer_id: anew}
    assert chain_stale.close_stale(now=later(hours=3)) == 0


def test_another_token_for_the_currency_closes_what_was_signed_in_the_one_before(market, alice, settings, tmp_path):
    row = on_chain(market.offer(), alice)
    document = json.loads(Path(settings.CHAIN_SUITE).read_text())
    document["tokens"][0]["address"] = "0x" + "c1" * 20
    (tmp_path / "next.json").write_text(json.dumps(document))
    settings.CHAIN_SUITE = str(tmp_path / "next.json")
    assert chain_stale.close_stale(now=later(hours=2)) == 1
    assert row.closing.reason == "successor"


def test_everything_is_closed_before_a_successor_comes(market, alice):
    rows = [on_chain(market.offer(), alice), on_chain(more_of(market), alice)]
    assert chain_stale.close_all(now=HOUR) == 2
    assert {row.closing.reason for row in rows} == {"successor"}
    assert chain_stale.close_all(now=HOUR) == 0


def test_a_new_fee_closes_what_was_signed_under_the_old_one(market, alice, settings):
    row = on_chain(market.offer(), alice)
    settings.PLATFORM_FEE_PPB = 50_000_000
    assert chain_stale.close_stale(now=later(hours=2)) == 1
    assert row.closing.reason == "fee"


def test_a_closing_waits_for_the_offer_key_and_is_asked_again_when_it_was_refused(market, alice):
    row = on_chain(market.offer(), alice)
    licensing.withdraw_offer(offer=market.offer(), now=HOUR)
    call = ChainCall.objects.get()
    assert call.later == ["NotOfferKey"]
    chain_stale.close_stale(now=later(hours=2))
    assert ChainCall.objects.count() == 1
    ChainOutcome.objects.create(call=call, state="refused", reason="reverted", decided_at=later(hours=2))
    chain_stale.close_stale(now=later(hours=2))
    chain_stale.close_stale(now=later(hours=3))
    assert [one.key for one in ChainCall.objects.order_by("id")] == [
        f"withdraw-offer:{row.digest}:1",
        f"withdraw-offer:{row.digest}:2",
    ]
    newest = ChainCall.objects.latest("id")
    ChainOutcome.objects.create(call=newest, state="refused", reason="reverted", decided_at=later(hours=3))
    chain_stale.close_stale(now=row.deadline + timedelta(seconds=1))  # nobody can buy any more
    assert ChainCall.objects.count() == 2


def test_looking_for_what_is_stale_costs_the_same_for_one_and_for_many(market, alice):
    on_chain(market.offer(), alice)
    with CaptureQueriesContext(connection) as one:
        chain_stale.close_stale(now=HOUR)
    for _ in range(5):
        on_chain(more_of(market), alice)
    with CaptureQueriesContext(connection) as many:
        chain_stale.close_stale(now=HOUR)
    assert len(many) == len(one) <= 12
