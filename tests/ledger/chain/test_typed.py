"""What wallets sign, beside eth_account's own EIP-712."""

import json
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from ledger.chain import typed
from ledger.chain.artifacts import load, type_of
from ledger.chain.transaction import ORDER, address_of, keccak
from ledger.chain.typed import BIND, MATERIALIZE, MESSAGES, OFFER, Typed

KEY = b"\x0a" * 32
ALICE, CAROL = address_of(KEY), address_of(b"\x0c" * 32)
CONTRACT = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
HERE = {"chain_id": 31337, "contract": CONTRACT}
LEAF = {"leaf": b"\x04" * 32}


def value_of(kind: str) -> st.SearchStrategy[Any]:
    if kind == "address":
        return st.binary(min_size=32, max_size=32).map(lambda seed: address_of(keccak(seed)))
    if kind.startswith("uint"):
        return st.integers(0, 2 ** int(kind[4:]) - 1)
    return st.binary(min_size=int(kind[5:]), max_size=int(kind[5:]))


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)
@given(data=st.data())
def test_a_digest_and_a_signature_are_eth_accounts(message: Typed, data: st.DataObject) -> None:
    values = {name: data.draw(value_of(kind)) for name, kind in message.fields}
    digest = typed.typed_digest(message, values, **HERE)  # type: ignore[arg-type]
    document = typed.as_json(message, values, **HERE)  # type: ignore[arg-type]
    # As a wallet gets it: through JSON.
    signable = encode_typed_data(full_message=json.loads(json.dumps(document)))
    assert keccak(b"\x19" + signable.version + signable.header + signable.body) == digest
    ours = typed.sign_digest(digest, KEY)
    assert ours == bytes(Account.sign_message(signable, KEY).signature)
    assert typed.recover(digest, ours) == ALICE
    assert typed.recover(digest, ours) == Account.recover_message(signable, signature=ours)


def test_an_offers_fields_are_those_of_the_contracts_struct() -> None:
    item = next(one for one in load("LicenseMarket").abi if one.get("name") == "digestToSign")
    parts = item["inputs"][0]["components"]
    assert OFFER.fields == tuple((part["name"], type_of(part)) for part in parts)


def test_types_are_written_as_the_contracts_write_them() -> None:
    assert MATERIALIZE.type_text() == "Materialize(bytes32 leaf)"
    assert BIND.type_text() == "Bind(bytes16 payee,address wallet,uint256 nonce,uint256 deadline)"


def test_integers_beyond_what_javascript_counts_are_text_in_the_document() -> None:
    values = {"payee": b"\x01" * 16, "wallet": ALICE, "nonce": 0, "deadline": 2**64}
    told = typed.as_json(BIND, values, **HERE)  # type: ignore[arg-type]
    assert told["message"] == {
        "payee": "0x" + "01" * 16,
        "wallet": ALICE,
        "nonce": "0",
        "deadline": "18446744073709551616",
    }
    assert told["domain"]["chainId"] == 31337


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"leaf": b"\x04" * 31},
        {"leaf": b"\x04" * 33},
        {"leaf": "0x" + "04" * 32},
        {"leaf": b"\x04" * 32, "more": 1},
    ],
)
def test_values_that_are_not_the_messages_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        typed.typed_digest(MATERIALIZE, values, **HERE)  # type: ignore[arg-type]
    with pytest.raises(ValueError):
        typed.as_json(MATERIALIZE, values, **HERE)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "value"), [("nonce", -1), ("nonce", 2**256), ("nonce", True), ("wallet", "0x1234")])
def test_numbers_that_do_not_fit_are_refused(name: str, value: object) -> None:
    values = {"payee": b"\x01" * 16, "wallet": ALICE, "nonce": 0, "deadline": 1, name: value}
    with pytest.raises(ValueError):
        typed.typed_digest(BIND, values, **HERE)  # type: ignore[arg-type]


def test_a_signature_for_another_chain_or_contract_is_another_one() -> None:
    here = typed.typed_digest(MATERIALIZE, LEAF, **HERE)  # type: ignore[arg-type]
    signature = typed.sign_digest(here, KEY)
    for chain_id, contract in ((1, CONTRACT), (31337, CAROL)):
        other = typed.typed_digest(MATERIALIZE, LEAF, chain_id=chain_id, contract=contract)
        assert typed.recover(other, signature) != ALICE


def test_a_malleable_signature_is_nobodys() -> None:
    digest = typed.typed_digest(MATERIALIZE, LEAF, **HERE)  # type: ignore[arg-type]
    signature = typed.sign_digest(digest, KEY)
    s = int.from_bytes(signature[32:64], "big")
    twin = signature[:32] + (ORDER - s).to_bytes(32, "big") + bytes([55 - signature[64]])
    # Alice's key fits it all the same, as eth_account sees, which is why it is refused.
    assert Account._recover_hash(digest, signature=twin) == ALICE
    assert typed.recover(digest, twin) is None


def test_signatures_of_other_forms_are_nobodys_and_a_low_v_is_normalized() -> None:
    digest = typed.typed_digest(MATERIALIZE, LEAF, **HERE)  # type: ignore[arg-type]
    signature = typed.sign_digest(digest, KEY)
    low = signature[:64] + bytes([signature[64] - 27])
    assert typed.recover(digest, low) is None
    assert typed.recover(digest, typed.normalized(low)) == ALICE
    assert typed.normalized(signature) == signature
    for wrong in (b"", signature[:64], signature + b"\0", bytes(65), b"\xff" * 65, bytes(64) + b"\x1b"):
        assert typed.recover(digest, wrong) is None
    assert typed.recover(digest[:31], signature) is None
