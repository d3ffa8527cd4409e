"""The gas figures' stories, told small; what they encode and sign is what everybody's libraries do."""

import json
import random
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import pytest

from benchmarks import gas, gas_chain
from benchmarks.gas_chain import Chain, UnableToTell, encoded, signature, signature_of
from ledger.chain.artifacts import FOLDER, load
from ledger.chain.transaction import address_of, keccak
from tests.ledger.chain.makers import toolchain

HOME = Path(__file__).resolve().parents[2]
SNAPSHOTS = HOME / "contracts/snapshots"
KEY = keccak(b"alice")


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    made = Chain(tmp_path_factory.mktemp("gas"))
    yield made
    made.close()


@pytest.fixture
def house(chain: Chain) -> gas.House:
    return gas.House(chain)


def forge(file: str, name: str) -> int:
    return int(json.loads((SNAPSHOTS / f"{file}.json").read_text())[name])


def test_a_license_costs_what_forge_says(house: gas.House) -> None:
    told = gas.sell_licenses(house)

    assert told == {
        "first": pytest.approx(forge("rights", "license-sale-first"), rel=0.01),
        "next": pytest.approx(forge("rights", "license-sale"), rel=0.01),
        "again": pytest.approx(forge("rights", "license-sale-same-buyer"), rel=0.01),
    }
    assert told["next"] <= gas.SALE_GOAL


def test_a_split_costs_nothing_and_its_payments_what_forge_says(house: gas.House) -> None:
    assert gas.write_a_split(house) == {
        "create": 0,
        "first": pytest.approx(forge("splits", "pay-new-split"), rel=0.01),
        "later": pytest.approx(forge("splits", "pay"), rel=0.01),
    }


def test_a_settlement_costs_the_same_for_few_accounts(house: gas.House) -> None:
    told = gas.settle_and_claim(house, creators=101, alices=100)

    assert told["settle"][0] == pytest.approx(forge("payouts", "settle-first"), rel=0.01)
    assert told["settle"][2] == pytest.approx(forge("payouts", "settle-100k"), rel=0.01)
    assert told["settle"][2] <= gas.SETTLE_GOAL
    # Of seven levels below the root, the 101st is the last of an odd one on four: there it has no sibling.
    assert told["siblings"] == 3


def test_an_anchor_costs_the_same_for_one_entry_and_for_thousands(house: gas.House) -> None:
    told = gas.anchor_and_materialize(house, entries=5_000, place=4_999)

    assert list(told["anchors"]) == [1, 5, 5_000]
    assert max(told["anchors"].values()) <= gas.ANCHOR_GOAL
    assert max(told["anchors"].values()) - min(told["anchors"].values()) <= 100
    assert told["materialize"] <= gas.MATERIALIZE_GOAL


def test_dave_who_may_not_anchor_leaves_no_block(chain: Chain, house: gas.House) -> None:
    before = chain.height()

    with pytest.raises(UnableToTell, match="anchor was refused"):
        house.send("dave", house.anchor, "anchor", sha256(b"root").digest(), 7, bytes(32))

    assert chain.height() == before
    assert chain.spent(before) == 0


@pytest.mark.deep
def test_every_figure_is_within_its_goal() -> None:
    told = {name: list(measure()) for name, measure in gas.FIGURES.items()}

    assert {name: [figure.name for figure in figures] for name, figures in told.items()} == {
        name: [name] for name in gas.FIGURES
    }
    assert [figure.line() for figures in told.values() for figure in figures if not figure.is_ok] == []
    assert told["gas-materialize"][0].value == pytest.approx(forge("rights", "materialize"), rel=0.01)
    assert told["gas-claim"][0].value == pytest.approx(forge("payouts", "claim"), rel=0.01)


def test_no_unit_of_gas_is_rounded_away() -> None:
    line = gas.Gas("gas-claim", 60_777, "gas", "Story: 131,412", 61_000).line()

    assert line == "gas-claim | 60777 | gas | Story: 131,412 | ≤ 61000 | ok"


def some(part: dict[str, Any], dice: random.Random) -> Any:
    """A value of an ABI's type, short or long."""
    kind = part["type"]
    if kind.endswith("[]"):
        return [some({**part, "type": kind.removesuffix("[]")}, dice) for _one in range(dice.randrange(4))]
    if kind == "tuple":
        return tuple(some(inner, dice) for inner in part["components"])
    if kind == "string":
        return "织" * dice.randrange(40)
    if kind == "bytes":
        return dice.randbytes(dice.randrange(70))
    if kind == "address":
        return "0x" + dice.randbytes(20).hex()
    if kind == "bool":
        return dice.random() < 0.5
    if kind.startswith("bytes"):
        return dice.randbytes(int(kind.removeprefix("bytes")))
    return dice.getrandbits(int(kind.removeprefix("uint")))


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.json")))
def test_calls_are_encoded_as_the_library_does(name: str) -> None:
    from eth_abi.abi import encode
    from eth_utils.abi import collapse_if_tuple, function_abi_to_4byte_selector

    dice, functions = random.Random(name), [item for item in load(name).abi if item["type"] == "function"]
    for item in functions * 3:
        values = tuple(some(part, dice) for part in item["inputs"])
        assert encoded(item["inputs"], values) == encode([collapse_if_tuple(part) for part in item["inputs"]], values)
        assert keccak(signature_of(item).encode())[:4] == function_abi_to_4byte_selector(cast(Any, item))
    assert functions


def test_a_value_of_another_length_is_not_encoded() -> None:
    with pytest.raises(ValueError, match="bytes32 is not 31 bytes long"):
        encoded([{"name": "root", "type": "bytes32"}], (bytes(31),))


def test_an_offer_is_signed_as_wallets_sign_it() -> None:
    from eth_account import Account

    market = gas_chain.Contract(load("LicenseMarket"), "0x" + "5b" * 20)
    buy = next(item for item in load("LicenseMarket").abi if item.get("name") == "buy")
    members = buy["inputs"][0]["components"]
    values = some(buy["inputs"][0], random.Random(8))
    digest = market.digest("Worldloom LicenseMarket", *market.struct("buy", values))

    domain = {"name": "Worldloom LicenseMarket", "version": "1", "chainId": 31337, "verifyingContract": market.address}
    types = {"Offer": [{"name": part["name"], "type": part["type"]} for part in members]}
    message = {part["name"]: value for part, value in zip(members, values, strict=True)}
    theirs = Account.sign_typed_data(KEY, domain, types, message)
    assert digest == bytes(theirs.message_hash)
    assert signature(KEY, digest) == bytes(theirs.signature)
    assert Account._recover_hash(digest, signature=signature(KEY, digest)) == address_of(KEY)


def test_the_coin_was_made_from_this_source() -> None:
    tools = toolchain()
    digest = sha256()
    for path in (tools.CONTRACTS / "test/tokens/Coin.sol", *tools.SETTINGS):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(tools.CONTRACTS).as_posix()}\0{len(content)}\0".encode() + content)

    assert gas_chain.coin().source_sha256 == digest.hexdigest(), "build the coin anew, as benchmarks/gas_chain.py says"


@pytest.mark.deep
def test_the_coin_is_what_forge_builds(tmp_path: Path) -> None:
    tools = toolchain()
    try:
        tools.binary("forge")
    except tools.ToolMissing:
        pytest.skip("forge is not installed; contracts/tools/test installs it")
    places = ("--out", str(tmp_path / "out"), "--cache-path", str(tmp_path / "cache"))
    tools.forge("build", "--force", *places, "test/tokens/Coin.sol")

    built = json.loads((tmp_path / "out/Coin.sol/Coin.json").read_text())
    assert gas_chain.coin().creation_code.hex() == built["bytecode"]["object"].removeprefix("0x")
    assert list(gas_chain.coin().abi) == built["abi"]
