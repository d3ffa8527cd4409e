"""What rights cost on a chain: gas used of transactions on the embedded one, beside Story and 0xSplits.

`python -m benchmarks.gas` tells all stories on a new chain, with the contracts as they are committed, and prints one
line of JSON. They are those that contracts/test/Gas*.t.sol tell in forge, here with whole trees, wallets' signatures
made in Python, and the adapter's own sender; what forge kept in contracts/snapshots stands beside each. They differ by
12 gas for each byte of the calls that is zero in one and not in the other: forge's buyers have addresses of one byte.

What the others cost was measured with forge 1.7.1 and `--isolate`, so each as a transaction of its own too: Story's
protocol-core-v1 1.3.2 and 0xSplits' splits-v2, both as they build themselves.
"""

import functools
import json
import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import rfc8785

from benchmarks.apart import HOME, told_by
from benchmarks.figure import Figure, Figures
from benchmarks.gas_chain import BEGIN, CHAIN_ID, Chain, Contract, UnableToTell, signature
from benchmarks.gas_trees import Log, Payouts
from ledger.chain.transaction import address_of

NOBODY = "0x" + "00" * 20
ENTRIES, PLACE, SIBLINGS = 10**6, 0xABCDE, 20
CREATORS, ALICES, PROVEN = 100_000, 31_415, 17
DAY = 86_400
PRICE, FEE_BPS = 40_000_000, 1_250
"""40.00 of a coin with six decimals, of which 12.5 % are the house's."""

ALICE, BOB = UUID("019ac5e2-6f0d-7e21-8a77-5b1d6f2e9c02"), UUID("019ac5e3-58ad-7b6f-9d0a-0d2b9c1f7a11")
"""The two of them as payees."""

ANCHOR_GOAL, MATERIALIZE_GOAL, SETTLE_GOAL, CLAIM_GOAL, SALE_GOAL = 52_000, 140_000, 55_000, 61_000, 120_000


class Gas(Figure):
    """A figure of which no unit is rounded away in print."""

    def line(self) -> str:
        name, _rounded, rest = Figure.line(self).split(" | ", 2)
        return f"{name} | {self.value:.0f} | {rest}"


def gas_anchor() -> Iterator[Figure]:
    """Anchors checkpoints of a log that grows to a million entries, and takes the dearest."""
    told = _told()["anchors"]
    each = ", ".join(f"{used:,} for {int(size):,}" for size, used in told.items())
    against = f"Story 1.3.2: 273,637 to register one asset and 71,494 for its NFT; {each} entries"
    yield Gas("gas-anchor", max(told.values()), "gas", against, ANCHOR_GOAL)


def gas_materialize() -> Iterator[Figure]:
    """Makes a release a token, from its entry's proof in a log of a million and the owner's signature."""
    told = _told()
    used = told["materialize"]
    against = (
        f"Story 1.3.2: 273,637 to register and 71,494 for the NFT; {_forge('rights', 'materialize', used)}; the owner"
        f" signs, somebody else pays; {SIBLINGS} hashes prove one entry of {ENTRIES:,}"
    )
    yield Gas("gas-materialize", used, "gas", against, MATERIALIZE_GOAL)


def gas_split_create() -> Iterator[Figure]:
    """Takes what all blocks hold between the writing of a split's document and its first payment: nothing."""
    told = _told()["split"]
    against = (
        f"0xSplits v2: 183,270 for two payees; {_forge('splits', 'create', told['create'])}; paying it by its digest"
        f" the first time {told['first']:,} ({_forge('splits', 'pay-new-split', told['first'])}), then"
        f" {told['later']:,} ({_forge('splits', 'pay', told['later'])})"
    )
    yield Gas("gas-split-create", told["create"], "gas", against, 0)


def gas_settle_100k() -> Iterator[Figure]:
    """Proposes and pays for the third root over 100,000 accounts."""
    told = _told()["payouts"]
    used = told["settle"][-1]
    against = (
        f"0xSplits v2: 940,000,000, reckoned from 9,414 a recipient; {_forge('payouts', 'settle-100k', used)};"
        f" {CREATORS:,} accounts under one root, paid for in the same call; the first of a token {told['settle'][0]:,}"
        f" ({_forge('payouts', 'settle-first', told['settle'][0])})"
    )
    yield Gas("gas-settle-100k", used, "gas", against, SETTLE_GOAL)


def gas_claim() -> Iterator[Figure]:
    """Claims for an account that was paid before, and takes the dearer of two times."""
    told = _told()["payouts"]
    used = max(told["claim"][1:])
    against = (
        f"Story 1.3.2: 131,412; {_forge('payouts', 'claim', used)}; {PROVEN} hashes; the account's first time"
        f" {told['claim'][0]:,} ({_forge('payouts', 'claim-first', told['claim'][0])})"
    )
    yield Gas("gas-claim", used, "gas", against, CLAIM_GOAL)


def gas_license_sale() -> Iterator[Figure]:
    """Sells a license to a buyer who has none yet, of a work whose split has been paid before."""
    told = _told()["sales"]
    against = (
        f"Story 1.3.2: 707,215; {_forge('rights', 'license-sale', told['next'])}; two signatures checked, the price"
        f" paid to the split, the receipt kept; the market's first {told['first']:,}"
        f" ({_forge('rights', 'license-sale-first', told['first'])}), the same buyer again {told['again']:,}"
        f" ({_forge('rights', 'license-sale-same-buyer', told['again'])})"
    )
    yield Gas("gas-license-sale", told["next"], "gas", against, SALE_GOAL)


def _forge(file: str, name: str, ours: int) -> str:
    """Says what forge's snapshot has for the same, and how far ours is from it."""
    kept = int(json.loads((HOME / f"contracts/snapshots/{file}.json").read_text())[name])
    apart = f", ours {(ours - kept) / kept:+.2%}" if ours != kept else ""
    return f"forge {kept:,}{apart}"


@functools.cache
def _told() -> dict[str, Any]:
    """Tells the stories in a process of their own: the chain's machine lifts Python's recursion limit."""
    told: dict[str, Any] = told_by("benchmarks.gas")
    return told


class House:
    """Everybody's keys, and the contracts that the house has on a chain."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        names = ("admin", "guardian", "anchorer", "settler", "offers", "alice", "bob", "carol", "dave")
        self.keys = {name: chain.person(name) for name in names}
        admin, guardian = self.address("admin"), self.address("guardian")
        self.coin = chain.deploy("Coin", 6)
        self.anchor = chain.deploy("ProvenanceAnchor", admin, self.address("anchorer"))
        payees = chain.deploy("Payees", admin, NOBODY, guardian)
        self.vault = chain.deploy("SplitVault", admin, guardian, payees.address, admin)
        self.market = chain.deploy(
            "LicenseMarket", admin, guardian, self.address("offers"), self.vault.address, self.anchor.address
        )
        self.receivers = chain.deploy("RoyaltyReceiverFactory", self.vault.address, self.coin.address)
        self.tokens = chain.deploy(
            "AssetToken",
            *(admin, guardian, NOBODY, self.anchor.address, self.receivers.address),
            "https://worldloom.example/releases/",
        )
        self.payouts = chain.deploy("PayoutDistributor", admin, guardian, self.address("settler"))
        self.send("admin", self.vault, "listToken", self.coin.address, True)

    def address(self, name: str) -> str:
        """Gives somebody's address."""
        return address_of(self.keys[name])

    def send(self, name: str, contract: Contract, function: str, *values: Any) -> int:
        """Lets somebody send a transaction, and gives the gas that it used."""
        return self.chain.send(self.keys[name], contract, function, *values)

    def fund(self, name: str, spender: Contract, allowed: int = 2**256 - 1) -> None:
        """Gives somebody a great deal of coin, and lets a contract take so much of it; by default without an end."""
        self.send(name, self.coin, "mint", self.address(name), 10**15)
        self.send(name, self.coin, "approve", spender.address, allowed)

    def number(self, contract: Contract, function: str, *values: Any) -> int:
        """Asks a function that answers with one number."""
        return int.from_bytes(self.chain.view(contract, function, *values))


def _must(held: bool, what: str) -> None:
    if not held:
        raise UnableToTell(what)


def _digest(text: str) -> bytes:
    return sha256(text.encode()).digest()


def anchor_and_materialize(house: House, entries: int = ENTRIES, place: int = PLACE) -> dict[str, Any]:
    """Bob's release is an entry of a growing log; then he signs for its token, and Dave brings it to the chain."""
    release, split, bob = _digest("Harbour at night, 1.0.0"), _digest("its split"), house.address("bob")
    entry, stated_at = UUID(bytes=_digest("entry")[:16], version=4), "2026-11-22T02:05:56Z"
    body: dict[str, Any] = {
        "bps": 500,
        "chain_id": CHAIN_ID,
        "contract": house.tokens.address.lower(),
        "owner": bob.lower(),
        "release": release.hex(),
        "split": split.hex(),
    }
    about: dict[str, Any] = {
        "format": "worldloom/ledger-entry/2",
        "id": str(entry),
        "stated_at": stated_at,
        "type": "asset-token",
    }
    log = Log(entries, place, rfc8785.dumps({**about, "body": body, "signatures": []}))
    anchors = {}
    for size in (1, entries // 1_000, entries):
        root = log.root(size)
        note = _digest(f"worldloom.example/log\n{size}\n{root.hex()}\n")
        anchors[size] = house.send("anchorer", house.anchor, "anchor", root, size, note)

    said = (release, split, bob, 500, entry.bytes, stated_at.encode())
    digest = house.tokens.digest("Worldloom AssetToken", "Materialize(bytes32 leaf)", log.leaf)
    _must(house.chain.view(house.tokens, "leafOf", said) == log.leaf, "the log and the contract write another entry")
    _must(house.chain.view(house.tokens, "digestToSign", log.leaf) == digest, "Bob would sign something else")
    signed = signature(house.keys["bob"], digest)
    used = house.send("dave", house.tokens, "materialize", said, log.root(entries), place, log.proof(), signed)
    _must(house.number(house.tokens, "ownerOf", int.from_bytes(release)) == int(bob, 16), "the token is not Bob's")
    return {"anchors": anchors, "materialize": used, "siblings": len(log.proof())}


def write_a_split(house: House) -> dict[str, int]:
    """Alice and Bob write how they share; nobody tells the chain, and the first payment finds the split."""
    from marketplace.payouts.rules import split_digest

    house.fund("carol", house.vault)
    before = house.chain.height()
    shares = [(ALICE, 700_000_000), (BOB, 300_000_000)]
    split = bytes.fromhex(split_digest(shares))
    create = house.chain.spent(before)
    first = house.send("carol", house.vault, "pay", split, house.coin.address, PRICE)
    later = house.send("carol", house.vault, "pay", split, house.coin.address, PRICE)

    payees, parts = [payee.bytes for payee, _ in shares], [ppb for _, ppb in shares]
    _must(house.chain.view(house.vault, "splitOf", payees, parts) == split, "the vault names the split otherwise")
    house.send("dave", house.vault, "distribute", payees, parts, house.coin.address)
    earned = [house.number(house.vault, "balanceOf", payee, house.coin.address) for payee in payees]
    _must(earned == [PRICE * 14 // 10, PRICE * 6 // 10], "the split was not paid as it was written")
    return {"create": create, "first": first, "later": later}


def settle_and_claim(house: House, creators: int = CREATORS, alices: int = ALICES) -> dict[str, Any]:
    """Three months of payouts to as many accounts; Alice claims each month's when it counts, into a wallet in use."""
    book, coin, alice = house.payouts, house.coin, house.address("alice")
    house.send("alice", coin, "mint", alice, 1)
    house.fund("settler", book)
    accounts = [sha256(b"account %d" % n).digest()[:20] for n in range(creators)]
    accounts[alices] = bytes.fromhex(alice[2:])
    words = [CHAIN_ID.to_bytes(32), *(bytes.fromhex(one.address[2:]).rjust(32, b"\0") for one in (book, coin))]
    settled, claimed, siblings = [], [], 0
    for month in (1, 2, 3):
        # From 1.00 to 50.00 a month each, in units of six decimals.
        given = [month * (1_000_000 + n * 104_729 % 49_000_001) for n in range(creators)]
        tree = Payouts(words, list(zip(accounts, given, strict=True)))
        settled.append(house.send("settler", book, "proposePayouts", coin.address, tree.total, tree.root))
        house.chain.forward(DAY)
        proof = tree.proof(alices)
        claimed.append(house.send("alice", book, "claim", alice, given[alices], proof, coin.address))
        _must(house.number(coin, "balanceOf", alice) == 1 + given[alices], "Alice was not paid what she was given")
        siblings = len(proof)
        house.chain.forward(29 * DAY)
    _must(house.number(coin, "balanceOf", book.address) == tree.total - given[alices], "the payouts are not all there")
    return {"settle": settled, "claim": claimed, "siblings": siblings}


def sell_licenses(house: House) -> dict[str, int]:
    """Alice signs an offer and so does the house; Dave buys, then Carol, whose purchase counts, then she again."""
    market, chain, alice = house.market, house.chain, house.address("alice")
    split, release, terms = _digest("the split"), _digest("Harbour at night, 1.0.0"), _digest("the terms")
    for buyer in ("dave", "carol"):
        house.fund(buyer, market, 25 * PRICE)
    offer = (
        *(UUID(bytes=_digest("offer")[:16], version=4).bytes, alice, release, terms, split, house.coin.address),
        *(PRICE, FEE_BPS, 0, BEGIN, chain.time + 7 * DAY, 1),
    )
    digest = market.digest("Worldloom LicenseMarket", *market.struct("buy", offer))
    _must(chain.view(market, "digestToSign", offer) == digest, "Alice would sign something else")
    hands = [signature(house.keys[name], digest) for name in ("alice", "offers")]

    def sell(buyer: str) -> int:
        committed = _digest(f"{buyer}, salted")
        return house.send(buyer, market, "buy", offer, *hands, house.address(buyer), committed, PRICE)

    told = {"first": sell("dave"), "next": sell("carol"), "again": sell("carol")}
    earned = house.number(house.vault, "potOf", split, house.coin.address)
    _must(earned == 3 * (PRICE - PRICE * FEE_BPS // 10_000), "the split did not earn three sales")
    _must(house.number(market, "isLicensed", house.address("carol"), release, terms) == 1, "Carol has no license")
    return told


def main() -> None:
    """This will tell every story on a new chain in the data folder, and print their gas."""
    chain = Chain(Path(os.environ["WORLDLOOM_DATA"]))
    try:
        # Each in a house of its own, so that none finds a slot that another one has filled.
        sales, split = sell_licenses(House(chain)), write_a_split(House(chain))
        rights, payouts = anchor_and_materialize(House(chain)), settle_and_claim(House(chain))
    finally:
        chain.close()
    _must(
        (rights["siblings"], payouts["siblings"]) == (SIBLINGS, PROVEN), "the proofs are not as long as they are told"
    )
    print(json.dumps({**rights, "split": split, "payouts": payouts, "sales": sales}))


FIGURES: Figures = {
    "gas-anchor": gas_anchor,
    "gas-materialize": gas_materialize,
    "gas-split-create": gas_split_create,
    "gas-settle-100k": gas_settle_100k,
    "gas-claim": gas_claim,
    "gas-license-sale": gas_license_sale,
}

if __name__ == "__main__":
    main()
