"""What the chain says and the books cannot follow: named, nothing booked, until a person says what became of it."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from ledger.chain.suite import Suite, Token
from ledger.chain.transaction import checksummed
from ledger.chain_models import ChainCall
from ledger.chain_queries import standing_of
from ledger.event_models import ChainEvent, ChainEventLost
from ledger.sending import ask_chain
from marketplace.payouts.claims import hearing, places, publishing
from marketplace.payouts.claims.cases import UnableToEndCase, end_case, open_cases
from marketplace.payouts.claims.hearing import hear_claims
from marketplace.payouts.claims.queries import claims_of
from marketplace.payouts.claims.standing import standing_of_root
from marketplace.payouts.claims.tables import ChainClaimed, PayoutRoot, PayoutRootTree
from marketplace.payouts.models import Transaction
from marketplace.payouts.operations import settle
from marketplace.payouts.queries import check_books, house_sums
from marketplace.payouts.rails.onchain import Proposal
from tests.payouts.claims.makers import ALICES, COIN, DAVES, YEN, go_on_chain
from tests.payouts.policing import DAY

STOLEN = "0x" + "66" * 32
SUCCESSOR = checksummed(bytes([0xD2]) * 20)


@pytest.fixture
def root(alice, alices, earn, wallets, asked, say, noon):
    """Alice was given something, and the chain has the root."""
    go_on_chain(alice, wallets, ALICES, now=noon)
    earn(alices, "order-line:1", noon)
    settle(now=noon)
    root = PayoutRoot.objects.get()
    say("RootProposed", root=root.root, at=noon)
    hear_claims(now=noon)
    return root


def go_on(now):
    """Carol has looked at every case."""
    for case in open_cases():
        end_case(event=case.event, note="looked at", by="carol@example.org", now=now)


def reasons():
    return [problem.partition("booked: ")[2] for problem in check_books()]


def test_what_was_paid_to_whom_we_gave_nothing_stops_payouts(root, say, noon):
    say("Claimed", account=DAVES, amount=5, at=noon + DAY)
    say("Claimed", account=ALICES, amount=5, at=noon + DAY)
    say("Claimed", account=ALICES, amount=99_990_000, at=noon + DAY)
    hear_claims(now=noon + DAY)

    assert reasons() == [
        "we never gave that account anything.",
        "it is no whole number of minor units.",
        "more would be used than was set aside.",
    ]
    assert Transaction.objects.filter(kind="chain_claimed").count() == 0
    assert ChainClaimed.objects.filter(posted=None).count() == 3


def test_a_case_is_ended_by_who_looked_at_it(root, say, noon):
    for account, amount in ((DAVES, 5), (ALICES, 99_990_000)):
        say("Claimed", account=account, amount=amount, at=noon + DAY)
    theirs = say("RootProposed", root=STOLEN, at=noon + 2 * DAY)
    hear_claims(now=noon + 2 * DAY)
    cases = open_cases()
    assert [case.what for case in cases] == [
        f"5 units to {DAVES}: we never gave that account anything",
        f"99990000 units to {ALICES}: more would be used than was set aside",
        f"root {STOLEN} of token {COIN}: is not ours",
    ]

    said = {"note": "the settler's key was stolen", "by": "carol@example.org", "now": noon + 3 * DAY}
    for refused in ({"event": 999}, {"event": theirs.pk, "note": ""}):
        with pytest.raises(UnableToEndCase):
            end_case(**{**said, **refused})
    ends = [end_case(event=case.event, **said) for case in cases]
    assert [end_case(event=case.event, **said) for case in cases] == ends
    assert (open_cases(), check_books()) == ([], [])
    left = {kind: made for (_, kind, _), made in house_sums("USD").items() if kind in ("suspense", "chain_escrow")}
    assert left == {"chain_escrow": 10_80 - 99_99, "suspense": 99_99}


def test_the_command_lists_cases_and_ends_them(root, say, noon):
    event = say("Claimed", account=DAVES, amount=5, at=noon + DAY)
    hear_claims(now=noon + DAY)
    call_command("payout_case", stdout=(said := StringIO()))
    assert said.getvalue() == f"{event.pk}  2026-11-23 12:00  5 units to {DAVES}: we never gave that account anything\n"

    with pytest.raises(CommandError, match="there is no such case"):
        call_command("payout_case", end=event.pk + 1, because="dust")
    call_command("payout_case", end=event.pk, because="dust", stdout=said)
    assert (open_cases(), check_books()) == ([], [])


def test_one_transaction_may_claim_in_two_currencies(root, alice, alices, earn, wallets, say, noon):
    go_on_chain(alice, wallets, ALICES, now=noon, currency="JPY")
    earn(alices, "order-line:2", noon, currency="JPY")
    settle(now=noon)
    both = "0x" + "77" * 32
    say("Claimed", account=ALICES, amount=10_800_000, at=noon + DAY, transaction=both)
    say("Claimed", account=ALICES, amount=1080 * 10**6, at=noon + DAY, transaction=both, token=YEN)
    hear_claims(now=noon + DAY)

    assert [claim.amount_minor for claim in claims_of(alice)] == [1080, 1080]
    assert check_books() == []


def test_what_is_passed_over_keeps_nothing_from_being_heard(root, alice, say, noon, monkeypatch):
    monkeypatch.setattr(hearing, "AT_ONCE", 2)
    for _ in range(5):
        say("ClaimRefused", account=ALICES, amount=1, at=noon + DAY)
    say("Claimed", account=ALICES, amount=10_800_000, at=noon + DAY)

    assert hear_claims(now=noon + DAY) == 1
    assert [claim.amount_minor for claim in claims_of(alice)] == [1080]


def test_what_the_chain_took_back_is_not_heard_and_does_not_count(root, asked, say, noon):
    lost = say("Claimed", account=ALICES, amount=10_800_000, at=noon + DAY)
    ChainEventLost.objects.create(event=lost, lost_at=noon + DAY)
    assert hear_claims(now=noon + DAY) == 0
    assert standing_of_root(root, now=noon + DAY).state == "counts"

    # A reorganization deeper than we had thought: our proposal is gone, and is mined again by another transaction.
    proposal = ChainEvent.objects.get(event="RootProposed")
    ChainEventLost.objects.create(event=proposal, lost_at=noon + DAY)
    assert standing_of_root(root, now=noon + DAY).state == "asked"
    asked.clear()
    say("RootProposed", root=root.root, at=noon + DAY)
    hear_claims(now=noon + DAY)
    assert (asked, check_books()) == ([], [])
    assert standing_of_root(root, now=noon + DAY).state == "waits"


def test_a_root_that_was_written_into_the_database_is_named_and_vetoed(root, asked, say, noon, caplog):
    fake = "0x" + "99" * 32
    said = PayoutRoot.objects.filter(pk=root.pk).values().get() | {"number": 2, "root": fake, "added_minor": 0}
    made = PayoutRoot.objects.create(**{**said, "id": None, "transaction_id": None})
    PayoutRootTree.objects.create(root=made, nodes=bytes([0x99]) * 32)
    assert check_books() == [
        f"Root 2 of {root.book.detail} is not the root of what its accounts were given.",
    ]
    asked.clear()

    say("RootProposed", root=fake, at=noon + 2 * DAY)
    hear_claims(now=noon + 2 * DAY)
    assert "somebody wrote it into the database" in caplog.text
    assert [call["function"] for call in asked] == ["veto"]
    say("RootVetoed", root=fake, guardian=DAVES, at=noon + 2 * DAY)
    hear_claims(now=noon + 2 * DAY)
    assert check_books() == []
    settle(now=noon + 3 * DAY)
    assert PayoutRoot.objects.count() == 2

    go_on(noon + 3 * DAY)
    settle(now=noon + 3 * DAY)
    again = PayoutRoot.objects.get(number=3)
    assert (again.root, again.total_units) == (root.root, root.total_units)


def test_a_veto_is_taken_back_when_somebody_was_faster(root, say, noon, monkeypatch):
    monkeypatch.setattr("marketplace.payouts.rails.onchain.ask_chain", ask_chain)
    say("RootProposed", root=STOLEN, at=noon + 2 * DAY)
    hear_claims(now=noon + 2 * DAY)
    [call] = ChainCall.objects.all()
    assert (call.function, standing_of(call).state) == ("veto", "waiting")

    say("RootVetoed", root=STOLEN, guardian=DAVES, at=noon + 2 * DAY)
    hear_claims(now=noon + 2 * DAY)
    assert (standing_of(call).state, standing_of(call).reason) == ("refused", "the root was vetoed before")


def test_a_former_distributor_is_looked_after(root, alices, earn, asked, say, noon, monkeypatch):
    tokens = {"USD": Token(address=COIN, symbol="tUSD", decimals=6, currency="USD")}
    now = Suite(chain_id=31337, addresses={"PayoutDistributor": SUCCESSOR}, block_number=9, tokens=tokens)
    monkeypatch.setattr(places, "suite", lambda: now)
    say("RootVetoed", root=root.root, guardian=DAVES, at=noon + timedelta(hours=1))
    hear_claims(now=noon + timedelta(hours=1))
    go_on(noon + timedelta(hours=2))
    earn(alices, "order-line:2", noon + DAY)
    asked.clear()
    settle(now=noon + DAY)

    assert [(call["address"], call["function"], call["args"][1]) for call in asked] == [
        (root.book.distributor, "proposePayouts", 10_800_000),
        (COIN, "approve", 10_800_000),
        (SUCCESSOR, "proposePayouts", 10_800_000),
    ]
    again, new = PayoutRoot.objects.order_by("pk")[1:]
    assert (again.root, again.number, new.number) == (root.root, 2, 1)
    assert root.book.detail != new.book.detail
    assert check_books() == []

    # The chain refuses what was asked for the former one: it is asked for again.
    refused = type("Refused", (), {"state": "refused"})
    monkeypatch.setattr(publishing, "proposal_of", lambda one: Proposal(None, refused, 1) if one == again else None)
    status = type("Reader", (), {"view": lambda self, *asked, at: (b"", b"", 0, 10_800_000)})
    monkeypatch.setattr(publishing, "reader", status)
    asked.clear()
    settle(now=noon + DAY)
    assert [(call["key"], call["args"][1]) for call in asked] == [
        (f"{again.name}:clear:2", 0),
        (f"{again.name}:propose:2", 10_800_000),
    ]
