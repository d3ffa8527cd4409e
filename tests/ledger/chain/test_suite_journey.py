"""One journey through all contracts, on the embedded chain and on anvil: the same values, and the same gas."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ledger.chain.abi import decode_event, topic_of
from ledger.chain.transaction import address_of, keccak
from ledger.chain.typed import BIND, MATERIALIZE, OFFER, Typed, sign_digest, typed_digest
from tests.ledger.chain.makers import Contracts, DevChain, Place, an_anvil, ask, deployed, fund

DAY, FAR = 86_400, 2**40
HOUSE, ALICE, BOB, CAROL = (hashlib.sha256(name).digest() for name in (b"house", b"Alice", b"Bob", b"Carol"))
PAYEES, SHARES = [b"\x0a" * 16, b"\x0b" * 16], [700_000_000, 300_000_000]
RELEASE, TERMS = b"\x01" * 32, b"\x02" * 32


@dataclass
class Journey:
    """The contracts with the same key and addresses on each chain, so that not a byte of a transaction differs."""

    contracts: Contracts
    gas: dict[str, int] = field(default_factory=dict)

    def do(self, name: str, key: bytes, contract: str, function: str, *args: Any, at: str = "") -> dict[str, Any]:
        """Sends a call, keeps its gas under a name, and returns the receipt."""
        receipt = self.contracts.send(contract, function, *args, at=at, key=key)
        self.gas[name] = int(receipt["gasUsed"], 16)
        return receipt

    def signed(self, message: Typed, values: dict[str, Any], key: bytes) -> bytes:
        """Returns what a wallet signs for one of the contracts."""
        suite = self.contracts.suite
        contract = suite.address(message.contract)
        return sign_digest(typed_digest(message, values, chain_id=suite.chain_id, contract=contract), key)

    def wait_a_day(self) -> None:
        """Lets a day go by on the chain."""
        ask(self.contracts.place.url, "evm_increaseTime", DAY + 1)
        ask(self.contracts.place.url, "evm_mine")

    def has(self, key: bytes) -> int:
        """Returns an account's play money, in millionths."""
        token = self.contracts.suite.tokens["USD"].address
        return int(self.contracts.reader.view("ERC20", "balanceOf", address_of(key), at=token))


def funded(place: Place, folder: Path) -> Contracts:
    """Deploys with the house's key, from its first nonce on."""
    key_file = folder / "house.key"
    key_file.write_text(HOUSE.hex())
    return deployed(Place(place.url, HOUSE, key_file), folder / "record")


def release_becomes_a_token(journey: Journey) -> None:
    """Alice's release stands second in a log of two entries."""
    contracts = journey.contracts
    split = contracts.reader.view("SplitVault", "splitOf", PAYEES, SHARES)
    entry = (RELEASE, split, address_of(ALICE), 500, b"\x05" * 16, b"2026-11-22T02:05:56Z")
    leaf, other = contracts.reader.view("AssetToken", "leafOf", entry), hashlib.sha256(b"\0first").digest()
    root = hashlib.sha256(b"\1" + other + leaf).digest()
    journey.do("anchor", HOUSE, "ProvenanceAnchor", "anchor", root, 2, keccak(b"note"))
    signature = journey.signed(MATERIALIZE, {"leaf": leaf}, ALICE)
    # The house relays and pays.
    journey.do("materialize", HOUSE, "AssetToken", "materialize", entry, root, 1, [other], signature)
    number = int.from_bytes(RELEASE, "big")
    assert contracts.reader.view("AssetToken", "ownerOf", number) == address_of(ALICE)
    assert contracts.reader.view("AssetToken", "tokenURI", number).endswith("/releases/" + RELEASE.hex())
    receiver = contracts.reader.view("RoyaltyReceiverFactory", "receiverOf", split)
    assert contracts.reader.view("AssetToken", "royaltyInfo", number, 10_000) == (receiver, 500)


def license_is_bought(journey: Journey) -> None:
    """Carol pays 49 dollars; the house keeps 4.90, Alice gets 30.87 and Bob 13.23."""
    contracts, token = journey.contracts, journey.contracts.suite.tokens["USD"].address
    split = contracts.reader.view("SplitVault", "splitOf", PAYEES, SHARES)
    offer = {
        "id": b"\x0f" * 16,
        "licensor": address_of(ALICE),
        "release": RELEASE,
        "terms": TERMS,
        "split": split,
        "token": token,
        "price": 49_000_000,
        "feeBps": 1000,
        "supply": 0,
        "notBefore": 0,
        "deadline": FAR,
        "nonce": 1,
    }
    both = (journey.signed(OFFER, offer, ALICE), journey.signed(OFFER, offer, HOUSE))
    market, carol = contracts.suite.address("LicenseMarket"), address_of(CAROL)
    journey.do("mint", HOUSE, "DevelopmentCoin", "mint", carol, 50_000_000, at=token)
    journey.do("approve", CAROL, "ERC20", "approve", market, 49_000_000, at=token)
    bought = (tuple(offer.values()), *both, carol, keccak(b"Carol's studio"), 49_000_000)
    receipt = journey.do("buy", CAROL, "LicenseMarket", "buy", *bought)
    (log,) = [
        log for log in receipt["logs"] if log["topics"][0] == "0x" + topic_of("LicenseMarket", "LicenseSold").hex()
    ]
    topics = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
    event = decode_event("LicenseMarket", "LicenseSold", topics, bytes.fromhex(log["data"][2:]))
    assert (event["seq"], event["licensee"], event["price"], event["fee"]) == (1, carol, 49_000_000, 4_900_000)
    assert contracts.reader.view("LicenseMarket", "isLicensed", carol, RELEASE, TERMS) is True
    assert journey.has(CAROL) == 1_000_000


def payees_withdraw(journey: Journey) -> None:
    """Alice and Bob bind wallets, wait a day, and take what is theirs."""
    contracts, token = journey.contracts, journey.contracts.suite.tokens["USD"].address
    for name, payee, key in (("Alice", PAYEES[0], ALICE), ("Bob", PAYEES[1], BOB)):
        values = {"payee": payee, "wallet": address_of(key), "nonce": 0, "deadline": FAR}
        signature = journey.signed(BIND, values, key)
        journey.do(f"bind {name}", HOUSE, "Payees", "bind", payee, address_of(key), FAR, signature)
    journey.do("distribute", CAROL, "SplitVault", "distribute", PAYEES, SHARES, token)
    assert contracts.refused("SplitVault", "withdraw", PAYEES[0], token)[0] == "NoWallet"
    journey.wait_a_day()
    # Anybody may send it; the money goes to the wallet that is bound.
    journey.do("withdraw Alice", CAROL, "SplitVault", "withdraw", PAYEES[0], token)
    journey.do("withdraw Bob", CAROL, "SplitVault", "withdraw", PAYEES[1], token)
    assert (journey.has(ALICE), journey.has(BOB)) == (30_870_000, 13_230_000)
    assert contracts.reader.view("SplitVault", "houseOf", token) == 4_900_000
    assert contracts.reader.view("SplitVault", "heldOf", token) == 4_900_000


def payout_root_is_claimed(journey: Journey) -> None:
    """The house settles 5 dollars for Alice and 7 for Bob under one root."""
    contracts, token = journey.contracts, journey.contracts.suite.tokens["USD"].address
    book, owed = contracts.suite.address("PayoutDistributor"), ((ALICE, 5_000_000), (BOB, 7_000_000))
    leaves = [
        contracts.reader.view("PayoutDistributor", "leafOf", token, address_of(key), amount) for key, amount in owed
    ]
    root = keccak(b"".join(sorted(leaves)))
    journey.do("approve the book", HOUSE, "ERC20", "approve", book, 12_000_000, at=token)
    journey.do("propose", HOUSE, "PayoutDistributor", "proposePayouts", token, 12_000_000, root)
    first = (address_of(ALICE), 5_000_000, [leaves[1]], token)
    assert contracts.refused("PayoutDistributor", "claim", *first)[0] == "WrongProof"
    journey.wait_a_day()
    journey.do("claim Alice", CAROL, "PayoutDistributor", "claim", *first)
    journey.do("claim Bob", BOB, "PayoutDistributor", "claim", address_of(BOB), 7_000_000, [leaves[0]], token)
    assert contracts.refused("PayoutDistributor", "claim", *first) == ("NothingToClaim", (address_of(ALICE),))
    assert (journey.has(ALICE), journey.has(BOB)) == (35_870_000, 20_230_000)
    assert contracts.reader.view("ERC20", "balanceOf", book, at=token) == 0


def travelled(contracts: Contracts) -> dict[str, int]:
    journey = Journey(contracts)
    release_becomes_a_token(journey)
    license_is_bought(journey)
    payees_withdraw(journey)
    payout_root_is_claimed(journey)
    return journey.gas


@pytest.fixture
def on_embedded(devchain: DevChain, tmp_path: Path) -> Contracts:
    devchain.folder.mkdir(parents=True)
    # A chain that begins with the house's key as its own has its first nonce free.
    (devchain.folder / "dev.key").write_text("0x" + HOUSE.hex() + "\n")
    place = Place(devchain.start(), HOUSE, devchain.folder / "dev.key")
    (tmp_path / "a").mkdir()
    return funded(place, tmp_path / "a")


def test_the_journey_is_the_same_on_both_chains_to_the_unit_and_the_gas(on_embedded: Contracts, tmp_path: Path) -> None:
    for key in (ALICE, BOB, CAROL):
        fund(on_embedded.reader.rpc, HOUSE, address_of(key))
    ours = travelled(on_embedded)
    (tmp_path / "b").mkdir()
    with an_anvil(tmp_path / "b") as place:
        ask(place.url, "anvil_setBalance", address_of(HOUSE), hex(10**24))
        theirs_at = funded(place, tmp_path / "b")
        assert theirs_at.suite.addresses == on_embedded.suite.addresses
        for key in (ALICE, BOB, CAROL):
            fund(theirs_at.reader.rpc, HOUSE, address_of(key))
        theirs = travelled(theirs_at)
    assert ours == theirs
    assert ours["anchor"] < 52_000
    # Depth 1 and not 20: each level is a hash of 64 bytes more.
    assert ours["materialize"] < 140_000
