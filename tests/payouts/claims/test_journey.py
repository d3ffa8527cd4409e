"""From a settlement to a claim that is booked, on the embedded chain and on anvil, with our contracts on it."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command

from ledger.chain.suite import suite_in
from ledger.chain.transaction import address_of
from ledger.chain_models import ChainCall
from ledger.chain_queries import standing_of
from ledger.event_models import ChainEvent
from ledger.following import follow
from ledger.sending import deliver
from marketplace.payouts.claims import places
from marketplace.payouts.claims.hearing import hear_claims
from marketplace.payouts.claims.paying import UnableToClaim, call_of_claim, key_in, send_claim
from marketplace.payouts.claims.queries import claimable_of, claims_of
from marketplace.payouts.claims.standing import standing_of_root
from marketplace.payouts.claims.tables import PayoutRoot
from marketplace.payouts.management.commands import claim as claim_command
from marketplace.payouts.operations import settle
from marketplace.payouts.queries import check_books, house_sums
from tests.ledger.chain.conftest import devchain, own_place  # noqa: F401  # fixtures
from tests.ledger.chain.makers import Contracts, Place, ask, deployed
from tests.payouts.claims.makers import go_on_chain

DAY = timedelta(days=1)


class House:
    """The house on a chain of its own: its contracts, and a clock that is the chain's."""

    def __init__(self, contracts: Contracts, now: datetime) -> None:
        self.contracts, self.now = contracts, now
        self.coin = contracts.suite.tokens["USD"].address

    def later(self, time: timedelta) -> datetime:
        """Lets time pass, here and on the chain."""
        url = self.contracts.place.url
        ask(url, "evm_increaseTime", int(time.total_seconds()))
        ask(url, "evm_mine")
        return self.look()

    def look(self) -> datetime:
        """Goes by the chain's clock, and takes in what it said."""
        self.now = max(self.now, datetime.fromtimestamp(self.contracts.reader.head().time, UTC))
        follow(now=self.now)
        hear_claims(now=self.now)
        return self.now

    def act(self) -> datetime:
        """Sends what waits, until nothing is left to send, and takes in what came of it."""
        for _round in range(6):
            assert deliver(now=self.now).troubles == []
        return self.look()

    def has(self, account: str) -> int:
        """Returns what an account has of the coin."""
        return self.contracts.reader.view("ERC20", "balanceOf", account, at=self.coin)


@pytest.fixture
def house(own_place: Place, tmp_path: Path, settings, monkeypatch, db) -> House:  # noqa: F811
    contracts = deployed(own_place, tmp_path / "house")
    settings.CHAIN_RPC_URL, settings.CHAIN_CONFIRMATIONS = own_place.url, 1
    settings.CHAIN_KEY_FILE, settings.CHAIN_KEY_FILES = str(own_place.key_file), {}
    settings.CHAIN_SUITE = str(tmp_path / "house/deployment.json")
    monkeypatch.setattr(places, "suite", lambda: suite_in(tmp_path / "house/deployment.json"))
    return House(contracts, datetime.fromtimestamp(contracts.reader.head().time, UTC))


@pytest.fixture
def alices_key(house: House, tmp_path: Path) -> Path:
    path = tmp_path / "alice.key"
    path.write_text("0x" + house.contracts.wallet().hex())
    return path


def test_from_settlement_to_a_claim_in_the_books(house, alice, bob, shared, earn, wallets, alices_key, monkeypatch):
    monkeypatch.setattr(claim_command, "timezone", SimpleNamespace(now=lambda: house.now))
    alices = address_of(bytes.fromhex(alices_key.read_text()[2:]))
    bobs = address_of(bytes([7]) * 32)
    go_on_chain(alice, wallets, alices, now=house.now)
    go_on_chain(bob, wallets, bobs, now=house.now)
    earn(shared, "order-line:1", house.now)
    settle(now=house.now)
    root = PayoutRoot.objects.get()
    assert standing_of_root(root, now=house.now).state == "asked"

    house.act()
    assert [standing_of(call).state for call in ChainCall.objects.filter(subject=root.name)] == ["confirmed"] * 2
    assert standing_of_root(root, now=house.now).state == "waits"
    assert house.has(house.contracts.suite.address("PayoutDistributor")) == 10_800_000
    with pytest.raises(CommandError, match="Nothing was ever given"):
        call_command("claim", key_file=None, show=True, account=house.coin)

    house.later(DAY + timedelta(minutes=1))
    call_command("claim", key_file=alices_key, stdout=(said := StringIO()))
    assert said.getvalue().startswith("USD: 7.56 claimed by 0x")
    assert house.has(alices) == 7_560_000
    [bobs_row] = claimable_of(bob, now=house.now)
    # Anybody may claim for Bob: Bob alone is paid.
    call_command("claim", key_file=alices_key, account=bobs, stdout=said)
    assert (house.has(bobs), house.has(alices)) == (3_240_000, 7_560_000)

    house.look()
    assert [claim.amount_minor for claim in (*claims_of(alice), *claims_of(bob))] == [756, 324]
    assert {kind: made for (_, kind, detail), made in house_sums("USD").items() if detail} == {
        "chain_claims": 0,
        "chain_escrow": 0,
    }
    assert check_books() == []
    with pytest.raises(UnableToClaim, match="NothingToClaim"):  # a second time, by who had not heard
        send_claim(bobs_row.claim, key=key_in(alices_key))
    assert len(call_of_claim(bobs_row.claim)) == 4 + 32 * (5 + len(bobs_row.claim.proof))


def test_a_stolen_settler_key_is_stopped_within_the_delay(house, alice, alices, earn, wallets):
    go_on_chain(alice, wallets, address_of(bytes([7]) * 32), now=house.now)
    earn(alices, "order-line:1", house.now)
    settle(now=house.now)
    first = PayoutRoot.objects.get()
    house.act()
    house.later(DAY + timedelta(minutes=1))

    # Dave has the key, and pays in of the settler's own money, so that ours may not fall below it.
    distributor = house.contracts.suite.address("PayoutDistributor")
    house.contracts.send("ERC20", "approve", distributor, 1_000_000, at=house.coin)
    house.contracts.send("PayoutDistributor", "proposePayouts", house.coin, 11_800_000, bytes([0x66]) * 32)
    house.look()
    assert len(check_books()) == 1
    house.act()  # the guardian's veto
    assert check_books() == []
    status = house.contracts.reader.view("PayoutDistributor", "statusOf", house.coin)
    assert ("0x" + status[0].hex(), status[2], status[3]) == (first.root, 0, 11_800_000)

    earn(alices, "order-line:2", house.now)
    settle(now=house.now)
    house.act()
    assert standing_of_root(PayoutRoot.objects.get(number=2), now=house.now).state == "waits"
    assert check_books() == []


def test_a_total_that_fell_below_what_is_there_is_asked_for_again(house, alice, alices, earn, wallets):
    go_on_chain(alice, wallets, address_of(bytes([7]) * 32), now=house.now)
    distributor = house.contracts.suite.address("PayoutDistributor")
    house.contracts.send("ERC20", "approve", distributor, 99_000_000, at=house.coin)
    house.contracts.send("PayoutDistributor", "proposePayouts", house.coin, 99_000_000, bytes([0x66]) * 32)
    house.contracts.send("PayoutDistributor", "veto", house.coin)
    house.look()
    earn(alices, "order-line:1", house.now)
    settle(now=house.now)
    house.act()
    root = PayoutRoot.objects.get()
    assert standing_of_root(root, now=house.now).state == "asked"

    settle(now=house.now)
    house.act()
    assert standing_of_root(root, now=house.now).state == "waits"
    assert PayoutRoot.objects.count() == 1
    keys = ChainCall.objects.filter(subject=root.name).order_by("pk").values_list("key", flat=True)
    assert [key.removeprefix(f"{root.name}:") for key in keys] == ["approve:1", "propose:1", "clear:2", "propose:2"]
    settler = address_of(house.contracts.place.key)
    assert house.contracts.reader.view("ERC20", "allowance", settler, distributor, at=house.coin) == 0
    assert house.contracts.reader.view("PayoutDistributor", "statusOf", house.coin)[3] == 99_000_000


def test_a_chain_that_is_away_keeps_the_calls_and_the_books_go_on(house, alice, alices, earn, wallets, settings):
    go_on_chain(alice, wallets, address_of(bytes([7]) * 32), now=house.now)
    there, settings.CHAIN_RPC_URL = settings.CHAIN_RPC_URL, "http://127.0.0.1:9"
    earn(alices, "order-line:1", house.now)
    settle(now=house.now)
    root = PayoutRoot.objects.get()
    assert len(deliver(now=house.now).troubles) == 1
    assert [standing_of(call).state for call in ChainCall.objects.all()] == ["waiting", "waiting"]
    assert (check_books(), ChainEvent.objects.count()) == ([], ChainEvent.objects.count())

    settings.CHAIN_RPC_URL = there
    house.act()
    assert standing_of_root(root, now=house.now).state == "waits"
    assert house.has(house.contracts.suite.address("PayoutDistributor")) == 10_800_000
