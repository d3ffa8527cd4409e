"""Carol pays on a chain: the marketplace grants what it signed for, once, and keeps what it cannot honor as a case."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from django.db import DatabaseError, transaction
from procrastinate.contrib.django.models import ProcrastinateJob

import ledger.operations
from ledger.chain import typed
from ledger.chain.transaction import address_of
from ledger.event_models import ChainEvent, ChainEventLost
from ledger.models import Entry
from marketplace.checkout import chain_cases, chain_sales
from marketplace.checkout.chain_sales import UnableToClaimLicense, UnableToSettleSale, take_in
from marketplace.checkout.models import ChainSale, ChainSaleStep
from marketplace.licensing import chain_offers
from marketplace.licensing import operations as licensing
from marketplace.licensing.erasing import erase_licensee
from marketplace.licensing.models import ChainOffer, Grant
from marketplace.licensing.terms.ready import READY
from marketplace.payouts.rules import Money
from tests.cast import later
from tests.checkout.chain import CAROLS, DAVES, on_chain, record_suite, sold_event
from tests.payouts.tampering import tamper

HOUR = later(hours=1)
SOLD = later(hours=2)
SEEN = later(hours=3)


@pytest.fixture(autouse=True)
def _contracts(tmp_path, settings):
    record_suite(tmp_path / "chain", settings)


@pytest.fixture
def row(market):
    return on_chain(market.offer(), market.cast.alice)


@pytest.fixture
def committed(market, row):
    cast = market.cast
    return chain_offers.commit_licensee(offer=row.offer, studio=cast.studio, person=cast.carol, now=HOUR)


def buy(row, committed=None, **more):
    return sold_event(row, commitment=committed.commitment if committed else "", at=SOLD, **more)


def outcome():
    """Tells what became of the newest sale."""
    step = chain_sales.standing(ChainSale.objects.order_by("-id").first())
    return step.state, step.reason


def sign_claim(sale, studio, key=CAROLS):
    values = {"seq": sale.seq, "licensee": sale.licensee, "studio": studio.pk.bytes}
    digest = typed.typed_digest(chain_sales.CLAIM, values, chain_id=sale.chain_id, contract=sale.market)
    return typed.sign_digest(digest, key)


def test_what_was_bought_on_chain_is_a_license_that_names_whom_the_buyer_committed_to(market, row, committed):
    buy(row, committed)
    assert take_in(now=SEEN) == 1
    assert take_in(now=SEEN) == 0
    sale, grant = ChainSale.objects.get(), Grant.objects.get()
    assert outcome() == ("granted", "")
    assert (grant.source, grant.studio, grant.offer) == (sale.source, market.cast.studio, row.offer)
    assert (grant.price_minor, grant.currency, grant.ordered_at) == (100_01, "USD", SOLD)
    assert grant.licensee_salt == committed.licensee_salt
    # The log says the same bytes as the chain.
    body = Entry.objects.get(type="grant").statement
    assert body["licensee_commitment"] == committed.commitment == sale.commitment
    assert body["certificate"] == grant.certificate_sha256


def test_each_sale_is_a_license_of_its_own(market, row, committed):
    for _ in range(3):
        buy(row, committed)
    assert take_in(now=SEEN) == 3
    assert Grant.objects.count() == 3
    assert len(set(Grant.objects.values_list("source", flat=True))) == 3


def test_who_bought_without_a_studio_claims_it_with_the_wallet(market, row):
    buy(row)
    take_in(now=SEEN)
    assert outcome() == ("waiting", "")
    assert Grant.objects.count() == 0
    sale, cast = ChainSale.objects.get(), market.cast
    asked = {"sale": sale, "studio": cast.studio, "person": cast.carol, "now": SEEN}
    for change in (
        {"signature": sign_claim(sale, cast.studio, DAVES)},
        {"signature": sign_claim(sale, cast.daves_studio)},  # Carol's wallet, and another studio than the one said
        {"signature": b""},
        {"signature": sign_claim(sale, cast.studio), "person": cast.dave},
    ):
        with pytest.raises(UnableToClaimLicense):
            chain_sales.claim_license(**(asked | change))
    assert (Grant.objects.count(), sale.steps.count()) == (0, 1)
    signature = sign_claim(sale, cast.studio)
    step = chain_sales.claim_license(**asked, signature=signature)
    assert (step.state, step.grant.studio, step.by) == ("granted", cast.studio, cast.carol)
    assert chain_sales.claim_license(**asked, signature=signature) == step
    daves = {"studio": cast.daves_studio, "person": cast.dave, "signature": sign_claim(sale, cast.daves_studio)}
    with pytest.raises(UnableToClaimLicense, match="does not wait"):
        chain_sales.claim_license(**(asked | daves))
    document = chain_sales.to_claim(sale=sale, studio=cast.studio)
    assert document["message"]["licensee"] == address_of(CAROLS)


def test_an_offer_that_ended_before_is_a_case_and_one_that_ended_after_is_honored(market, row, committed):
    buy(row, committed)
    licensing.withdraw_offer(offer=row.offer, now=later(hours=2, minutes=1))
    take_in(now=SEEN)
    assert outcome() == ("granted", "")
    sold_event(row, commitment=committed.commitment, at=later(hours=2, minutes=2))
    take_in(now=SEEN)
    assert outcome() == ("case", "withdrawn")
    assert Grant.objects.count() == 1
    ledger.operations.seal(
        now=later(hours=4)
    )  # the log takes the license of the withdrawn offer: it was ordered before


def test_a_takedown_makes_a_case(market, row, committed):
    licensing.take_down(release=market.world, claim=market.world.pk, now=HOUR)
    buy(row, committed)
    take_in(now=SEEN)
    assert outcome() == ("case", "withdrawn")
    assert Grant.objects.count() == 0


def test_what_another_has_exclusively_is_a_case_that_can_be_tried_again(market, row, committed):
    terms = replace(READY["studio"], name="sole", exclusive=True)
    sole = licensing.offer(release=market.world, terms=terms, price=Money(9_000_00, "USD"), now=HOUR)
    taken = licensing.grant(offer=sole, studio=market.cast.daves_studio, source="order-line:9", now=HOUR)
    buy(row, committed)
    take_in(now=SEEN)
    assert outcome() == ("case", "exclusive")
    sale = ChainSale.objects.get()
    assert chain_sales.try_again(sale=sale, now=SEEN).state == "case"
    licensing.set_status(grant=taken, status="revoked", reason="test", now=SEEN)
    assert chain_sales.try_again(sale=sale, now=SEEN).state == "granted"
    with pytest.raises(UnableToSettleSale):
        chain_sales.try_again(sale=sale, now=SEEN)


def test_a_sale_of_what_nobody_signed_is_a_case_that_the_operator_settles(market, row, committed):
    buy(row, committed, price=1)
    buy(row, committed, offer="0x" + "77" * 16)
    sold_event(row, commitment=committed.commitment, at=later(days=60))
    assert take_in(now=SEEN) == 3
    assert [chain_sales.standing(sale).reason for sale in ChainSale.objects.all()] == ["unknown-offer"] * 3
    assert Grant.objects.count() == 0
    sale = ChainSale.objects.first()
    with pytest.raises(UnableToSettleSale, match="what was done"):
        chain_sales.settle_case(sale=sale, by=None, note=" ", now=SEEN)
    step = chain_sales.settle_case(sale=sale, by=market.cast.carol, note="The price was sent back.", now=SEEN)
    assert (step.state, step.note) == ("settled", "The price was sent back.")
    with pytest.raises(UnableToSettleSale, match="no open case"):
        chain_sales.settle_case(sale=sale, by=None, note="Again.", now=SEEN)


def test_a_price_that_was_signed_is_honored_until_the_chain_has_closed_it(market, row, committed):
    licensing.change_price(offer=row.offer, price_minor=200_00, now=HOUR)
    buy(row, committed)
    take_in(now=SEEN)
    assert outcome() == ("granted", "")
    assert Grant.objects.get().price_minor == 100_01


def test_a_commitment_to_another_offer_says_nothing(market, row, committed):
    other = licensing.offer(release=market.world, terms=READY["cc-by-nc-4.0"], price=Money(50_00, "USD"), now=HOUR)
    buy(on_chain(other, market.cast.alice), committed)
    take_in(now=SEEN)
    assert outcome() == ("waiting", "")


def test_a_commitment_that_was_erased_still_names_the_studio(market, row, committed):
    erase_licensee(studio=market.cast.studio)
    buy(row, committed)
    take_in(now=SEEN)
    assert outcome() == ("granted", "")
    assert Grant.objects.get().licensee_salt != ""


def test_a_chain_whose_clock_is_ahead_orders_nothing_in_the_future(market, row, committed):
    sold_event(row, commitment=committed.commitment, at=later(hours=9))
    take_in(now=SEEN)
    assert Grant.objects.get().ordered_at == SEEN


def test_one_that_fails_leaves_the_others(market, row, committed, monkeypatch):
    """A sale that stops in the middle is taken in whole with the next call."""
    buy(row, committed)
    step = ChainSaleStep.objects.create
    monkeypatch.setattr(ChainSaleStep.objects, "create", lambda **_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        take_in(now=SEEN)
    assert (ChainSale.objects.count(), Grant.objects.count()) == (0, 0)
    monkeypatch.setattr(ChainSaleStep.objects, "create", step)
    assert take_in(now=SEEN) == 1
    assert Grant.objects.count() == 1


def test_what_was_sold_and_what_became_of_it_stays(market, row, committed):
    buy(row, committed)
    take_in(now=SEEN)
    for change in (
        lambda: ChainSale.objects.update(seq=9),
        lambda: ChainSaleStep.objects.update(state="waiting"),
        lambda: ChainSaleStep.objects.all().delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()
    sale = ChainSale.objects.get()
    with pytest.raises(DatabaseError), transaction.atomic():
        ChainSaleStep.objects.create(sale=sale, state="settled", note="twice", at=SEEN)
    with pytest.raises(DatabaseError), transaction.atomic():
        ChainSaleStep.objects.create(sale=sale, state="case", at=SEEN)
    assert ChainOffer.objects.get().sales.count() == 1


def test_operators_are_told_once_of_a_case(market, row, committed, settings, mailoutbox):
    settings.ALARM_ADDRESSES = ["desk@example.com"]
    buy(row, committed)
    take_in(now=SEEN)
    licensing.withdraw_offer(offer=row.offer, now=SOLD)
    buy(row, committed)
    take_in(now=SEEN)
    sale = ChainSale.objects.first()
    jobs = ProcrastinateJob.objects.filter(task_name="checkout.tell_of_case")
    assert [job.args for job in jobs] == [{"sale_id": sale.pk, "address": "desk@example.com", "language": "en"}]
    chain_cases.send_letter(**jobs.get().args)
    (letter,) = mailoutbox
    assert (letter.to, letter.subject) == (["desk@example.com"], "A sale on the chain waits for you")
    assert f"{sale.source} (withdrawn)" in letter.body
    assert f"chain_sales {sale.pk} --again" in letter.body
    chain_sales.try_again(sale=sale, now=SEEN)
    for _ in range(5):
        buy(row, committed)
    take_in(now=SEEN)
    assert (jobs.all().count(), chain_sales.open_cases().count()) == (1, 6)
    buy(row, committed)
    take_in(now=later(hours=5))
    assert jobs.all().count() == 2


def test_a_contract_wallet_names_its_studio_by_its_own_word(market, row, monkeypatch):
    buy(row)
    take_in(now=SEEN)
    sale, cast = ChainSale.objects.get(), market.cast
    asked = {"sale": sale, "studio": cast.studio, "person": cast.carol, "signature": b"its own", "now": SEEN}
    with pytest.raises(UnableToClaimLicense):
        chain_sales.claim_license(**asked)
    told = SimpleNamespace(code=lambda address: b"\x60", is_signed_by=lambda *said: said[2] == b"its own")
    monkeypatch.setattr(chain_sales, "reader", lambda: told)
    assert chain_sales.is_signed(sale=sale, studio=cast.studio, signature=b"its own")
    assert not chain_sales.is_signed(sale=sale, studio=cast.studio, signature=b"another's")
    assert chain_sales.claim_license(**asked, is_contract=True).state == "granted"


def test_a_sale_at_a_contract_of_before_is_taken_in_as_well(market, row, committed):
    event = buy(row, committed)
    elsewhere = "0x" + "b6" * 20
    tamper(f"UPDATE ledger_chain_event SET address = '{elsewhere}' WHERE id = {event.pk}")
    tamper(f"UPDATE licensing_chainoffer SET market = '{elsewhere}'")
    take_in(now=SEEN)
    assert outcome() == ("granted", "")
    assert Grant.objects.get().source == f"chain-sale:{event.transaction[2:]}:0"


def test_a_thief_with_our_key_sells_nothing_of_alices_by_paying_himself(market, row, committed):
    """He signs as licensor what looks like Alice's offer, with a split and a fee of his own, and buys it."""
    stolen = {"fee": 0}
    sold_event(row, commitment=committed.commitment, at=SOLD, split="d1" * 32)
    sold_event(row, commitment=committed.commitment, at=SOLD, **stolen)
    sold_event(row, commitment=committed.commitment, at=SOLD, vault={"amount": 1})
    sold_event(row, commitment=committed.commitment, at=SOLD, vault={"token": "0x" + "ee" * 20})
    assert take_in(now=SEEN) == 4
    assert [chain_sales.standing(sale).reason for sale in ChainSale.objects.all()] == ["unknown-offer"] * 4
    assert Grant.objects.count() == 0


def test_a_sale_whose_money_nobody_saw_is_a_case(market, row, committed):
    event = buy(row, committed)
    tamper(f"DELETE FROM ledger_chain_event WHERE transaction = '{event.transaction}' AND event = 'Absorbed'")
    take_in(now=SEEN)
    assert outcome() == ("case", "unknown-offer")


def test_a_sale_that_was_mined_again_under_another_number_is_the_same_license(market, row, committed):
    first = buy(row, committed)
    take_in(now=SEEN)
    grant = Grant.objects.get()
    other = buy(row, committed, seq=first.args["seq"])  # another transaction has its number now
    tamper(f"UPDATE ledger_chain_event SET args = args || '{{\"seq\": 77}}' WHERE id = {first.pk}")
    for event in ChainEvent.objects.filter(transaction=first.transaction):
        ChainEventLost.objects.create(event=event, lost_at=SEEN)
        event.pk, event.block_hash, event.log_index = None, "0x" + "f" * 64, event.log_index + 40
        event.save(force_insert=True)
    assert take_in(now=SEEN) == 1
    assert Grant.objects.count() == 2
    assert Grant.objects.get(source=f"chain-sale:{other.transaction[2:]}:0") != grant
    assert ChainSale.objects.filter(chain_transaction=first.transaction).count() == 1
    assert take_in(now=SEEN) == 0
