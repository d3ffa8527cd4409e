"""What we send to the contracts and read from them, beside eth_utils' and web3's reading of the same interfaces."""

import secrets
from typing import Any

import pytest
from eth_abi import encode
from eth_utils.abi import event_signature_to_log_topic, function_signature_to_4byte_selector
from web3 import Web3

from ledger.chain import abi
from ledger.chain.artifacts import load, signature
from ledger.chain.suite import CONTRACTS
from ledger.chain.transaction import address_of

ALICE, CAROL = address_of(b"\x0a" * 32), address_of(b"\x0c" * 32)
RELEASE, SPLIT, ROOT, LEAF = (bytes([number]) * 32 for number in (1, 2, 3, 4))
ENTRY = (RELEASE, SPLIT, ALICE, 500, b"\x05" * 16, b"2026-11-22T02:05:56Z")


def web3_of(contract: str) -> list[Any]:
    return list(load(contract).abi)


def test_a_call_with_a_struct_an_array_and_bytes_is_what_web3_writes() -> None:
    args = (ENTRY, ROOT, 7, [LEAF, SPLIT], b"\x1b" * 65)
    theirs = Web3().eth.contract(abi=web3_of("AssetToken")).encode_abi("materialize", args)
    assert abi.call_data("AssetToken", "materialize", *args).hex() == theirs[2:]


def test_each_function_of_each_contract_begins_with_its_selector() -> None:
    for contract in CONTRACTS:
        for item in load(contract).abi:
            if item["type"] == "function" and not item["inputs"]:
                selector = function_signature_to_4byte_selector(signature(item))
                assert abi.call_data(contract, item["name"]) == selector


def test_a_name_that_two_functions_share_is_told_apart_by_the_values_or_the_signature() -> None:
    short = abi.call_data("AssetToken", "safeTransferFrom", ALICE, CAROL, 1)
    long = abi.call_data("AssetToken", "safeTransferFrom", ALICE, CAROL, 1, b"")
    assert (short[:4].hex(), long[:4].hex()) == ("42842e0e", "b88d4fde")
    assert abi.call_data("AssetToken", "safeTransferFrom(address,address,uint256)", ALICE, CAROL, 1) == short
    assert abi.decode_result("AssetToken", "safeTransferFrom(address,address,uint256)", b"") == ()


@pytest.mark.parametrize(
    ("function", "args"),
    [
        ("withdraw", (b"\x01" * 16,)),
        ("withdraw", (b"\x01" * 17, ALICE)),
        ("withdraw", (b"\x01" * 16, "0x12")),
        ("partsOf", (-1, [1])),
        ("partsOf", (2**120, [1])),
        ("partsOf", ("1", [1])),
    ],
)
def test_values_of_other_types_are_refused(function: str, args: tuple[object, ...]) -> None:
    with pytest.raises(ValueError):
        abi.call_data("SplitVault", function, *args)


def test_what_a_contract_does_not_have_is_no_call() -> None:
    with pytest.raises(KeyError, match="SplitVault has no function empty"):
        abi.call_data("SplitVault", "empty")


def test_answers_are_tuples_with_checksummed_addresses() -> None:
    told = encode(["(address,uint64,address,uint64)"], [(ALICE.lower(), 3, CAROL.lower(), 1_800_000_000)])
    assert abi.decode_result("Payees", "bindingOf", told) == ((ALICE, 3, CAROL, 1_800_000_000),)
    assert abi.decode_result("SplitVault", "partsOf", encode(["uint256[]"], [[7, 0]])) == ((7, 0),)


@pytest.mark.parametrize("data", [b"", b"\x01", b"\xff" * 32, b"\x00" * 31 + b"\x20" + b"\xff" * 32])
def test_bytes_that_are_no_answer_are_named(data: bytes) -> None:
    with pytest.raises(abi.UnableToDecode, match=r"no answer of SplitVault\.partsOf"):
        abi.decode_result("SplitVault", "partsOf", data)


def test_an_event_is_read_by_name_with_its_indexed_values() -> None:
    topic = event_signature_to_log_topic("Withdrawn(bytes16,address,address,uint256)")
    assert abi.topic_of("SplitVault", "Withdrawn") == topic
    assert abi.event_of("SplitVault", topic) == "Withdrawn"
    assert abi.event_of("Payees", topic) is None
    item = next(one for one in load("SplitVault").abi if one.get("name") == "Withdrawn")
    indexed = {one["name"] for one in item["inputs"] if one["indexed"]}
    values = {"payee": b"\x07" * 16, "token": CAROL, "to": ALICE, "amount": 1_000_000}
    types = {one["name"]: one["type"] for one in item["inputs"]}
    topics = [topic, *(encode([types[name]], [values[name]]) for name in values if name in indexed)]
    plain = [name for name in values if name not in indexed]
    data = encode([types[name] for name in plain], [values[name] for name in plain])
    assert abi.decode_event("SplitVault", "Withdrawn", topics, data) == values
    for wrong in (topics[:-1], [*topics, topic], [secrets.token_bytes(32), *topics[1:]]):
        with pytest.raises(abi.UnableToDecode):
            abi.decode_event("SplitVault", "Withdrawn", wrong, data)
    with pytest.raises(abi.UnableToDecode):
        abi.decode_event("SplitVault", "Withdrawn", topics, data[:-1])


def test_each_event_of_the_suite_has_its_topic() -> None:
    for contract in CONTRACTS:
        for item in load(contract).abi:
            if item["type"] == "event":
                assert abi.topic_of(contract, item["name"]) == event_signature_to_log_topic(signature(item))


def test_errors_are_named_the_contracts_own_and_those_of_what_it_calls() -> None:
    selector = function_signature_to_4byte_selector
    expired = selector("OfferExpired(uint64)") + encode(["uint64"], [5])
    assert abi.error_of("LicenseMarket", expired) == ("OfferExpired", (5,))
    # The market's own interface does not say what its vault reverts with.
    refused = selector("TokenNotAccepted(address)") + encode(["address"], [CAROL])
    assert abi.error_of("LicenseMarket", refused) == ("TokenNotAccepted", (CAROL,))
    poor = selector("ERC20InsufficientBalance(address,uint256,uint256)")
    poor += encode(["address", "uint256", "uint256"], [CAROL, 1, 2])
    assert abi.error_of("LicenseMarket", poor) == ("ERC20InsufficientBalance", (CAROL, 1, 2))
    said = selector("Error(string)") + encode(["string"], ["no"])
    assert abi.error_of("SplitVault", said) == ("Error", ("no",))
    panic = selector("Panic(uint256)") + encode(["uint256"], [0x11])
    assert abi.error_of("SplitVault", panic) == ("Panic", (0x11,))


@pytest.mark.parametrize("data", [None, b"", b"\x01\x02\x03", b"\xde\xad\xbe\xef", b"\x08\xc3\x79\xa0\xff"])
def test_what_is_no_known_error_has_no_name(data: bytes | None) -> None:
    assert abi.error_of("SplitVault", data) is None


def test_creation_has_the_constructors_arguments_behind_the_code() -> None:
    data = abi.creation_data("ClaimBook", ALICE, CAROL, ALICE)
    code = load("ClaimBook").creation_code
    assert data == code + encode(["address"] * 3, [ALICE, CAROL, ALICE])
    with pytest.raises(ValueError):
        abi.creation_data("ClaimBook", ALICE)


def test_a_word_of_an_immutable_is_not_compared_and_everything_else_is() -> None:
    artifact = load("RoyaltyReceiverFactory")
    code = artifact.runtime_code
    place = code.index(b"\x7f" + bytes(32)) + 1
    filled = code[:place] + b"\x11" * 32 + code[place + 32 :]
    assert artifact.is_code(filled)
    assert artifact.is_code(code)
    assert not artifact.is_code(filled[:-1])
    assert not artifact.is_code(b"\x00" + filled[1:])
    assert not artifact.is_code(b"")
