"""Our page of transaction code against the library that everybody uses."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.chain.transaction import Transaction, address_of, checksummed, created_by, keccak, sign

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
KEYS = st.integers(1, ORDER - 1).map(lambda number: number.to_bytes(32, "big"))
ADDRESSES = st.binary(min_size=20, max_size=20)


@settings(max_examples=60, deadline=None)
@given(
    key=KEYS,
    nonce=st.integers(0, 2**32) | st.sampled_from([0, 127, 128, 255, 256]),
    gas=st.integers(21_000, 2**30),
    value=st.integers(0, 2**90),
    to=st.none() | ADDRESSES,
    data=st.binary(max_size=300) | st.sampled_from([b"", b"\x00", b"\x7f", b"\x80", b"a" * 55, b"a" * 56]),
)
def test_signed_bytes_are_those_of_eth_account(
    key: bytes, nonce: int, gas: int, value: int, to: bytes | None, data: bytes
) -> None:
    from eth_account import Account

    ours = sign(
        Transaction(
            chain_id=31337,
            nonce=nonce,
            max_fee_wei=gas * 7,
            max_tip_wei=gas,
            gas=gas,
            to=None if to is None else checksummed(to),
            data=data,
            value_wei=value,
        ),
        key,
    )
    fields = {"chainId": 31337, "nonce": nonce, "maxFeePerGas": gas * 7, "maxPriorityFeePerGas": gas, "gas": gas}
    theirs = Account.sign_transaction(
        {**fields, "value": value, "data": data, "to": b"" if to is None else checksummed(to), "type": 2}, key
    )
    assert ours.raw == bytes(theirs.raw_transaction)
    assert ours.digest == bytes(theirs.hash)
    assert Account.recover_transaction(ours.raw) == address_of(key)


@settings(max_examples=60, deadline=None)
@given(address=ADDRESSES, nonce=st.integers(0, 2**40))
def test_addresses_are_those_of_the_libraries(address: bytes, nonce: int) -> None:
    from eth._utils.address import generate_contract_address
    from eth_utils import to_checksum_address

    assert checksummed(address) == to_checksum_address(address)
    assert created_by(checksummed(address), nonce) == to_checksum_address(generate_contract_address(address, nonce))


def test_keccak_is_not_sha3() -> None:
    assert keccak(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


@pytest.mark.parametrize("key", [b"", b"\0" * 32, b"\xff" * 32, b"\x01" * 31, ORDER.to_bytes(32, "big")])
def test_what_is_no_private_key_is_refused(key: bytes) -> None:
    with pytest.raises(ValueError, match="a private key is 32 bytes"):
        address_of(key)
