"""EIP-1559 transactions: encoded and signed with nothing but Keccak and secp256k1.

The libraries that do this take over a second to import, more than the whole web process; what an adapter needs of
them is this page, and the tests compare it with them.
"""

from dataclasses import dataclass

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def keccak(data: bytes) -> bytes:
    """Return Keccak-256, Ethereum's hash (not SHA3-256)."""
    from Crypto.Hash import keccak as implementation

    return implementation.new(digest_bits=256, data=data).digest()


def checksummed(address: bytes) -> str:
    """Return 20 bytes as 0x hex in the letter case of EIP-55."""
    letters = address.hex()
    marks = keccak(letters.encode()).hex()
    return "0x" + "".join(
        letter.upper() if int(mark, 16) >= 8 else letter for letter, mark in zip(letters, marks[:40], strict=True)
    )


def address_of(key: bytes) -> str:
    """Return the checksummed address of a 32-byte private key; ValueError when it is none."""
    from coincurve import PrivateKey

    if len(key) != 32 or not 0 < int.from_bytes(key, "big") < ORDER:
        raise ValueError("a private key is 32 bytes between 1 and the order of secp256k1")
    point = PrivateKey(key).public_key.format(compressed=False)
    return checksummed(keccak(point[1:])[12:])


def created_by(sender: str, nonce: int) -> str:
    """Return the checksummed address of the contract that `sender` creates with this nonce."""
    return checksummed(keccak(_rlp([bytes.fromhex(sender[2:]), _integer(nonce)]))[12:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """An unsigned transaction of type 2; `to` is 0x hex, or None to create a contract; fees are wei per gas."""

    chain_id: int
    nonce: int
    max_fee_wei: int
    max_tip_wei: int
    gas: int
    to: str | None
    data: bytes
    value_wei: int = 0


@dataclass(frozen=True, slots=True)
class Signed:
    """What goes to the chain, and the 32-byte hash by which it will be known there."""

    raw: bytes
    digest: bytes


def sign(transaction: Transaction, key: bytes) -> Signed:
    """Sign for EIP-2718 type 2, with a low s (EIP-2) and a nonce of RFC 6979."""
    from coincurve import PrivateKey

    fields: list[bytes | list[bytes]] = [
        _integer(transaction.chain_id),
        _integer(transaction.nonce),
        _integer(transaction.max_tip_wei),
        _integer(transaction.max_fee_wei),
        _integer(transaction.gas),
        b"" if transaction.to is None else bytes.fromhex(transaction.to[2:]),
        _integer(transaction.value_wei),
        transaction.data,
        [],
    ]
    signature = PrivateKey(key).sign_recoverable(keccak(b"\x02" + _rlp(fields)), hasher=None)
    r, s = (int.from_bytes(signature[start : start + 32], "big") for start in (0, 32))
    raw = b"\x02" + _rlp([*fields, _integer(signature[64]), _integer(r), _integer(s)])
    return Signed(raw, keccak(raw))


def _integer(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def _rlp(item: bytes | list[bytes] | list[bytes | list[bytes]]) -> bytes:
    """Encode by the Yellow Paper, appendix B."""
    if isinstance(item, list):
        payload = b"".join(_rlp(part) for part in item)
        return _length(len(payload), 0xC0) + payload
    if len(item) == 1 and item[0] < 0x80:
        return item
    return _length(len(item), 0x80) + item


def _length(count: int, offset: int) -> bytes:
    if count < 56:
        return bytes([offset + count])
    size = _integer(count)
    return bytes([offset + 55 + len(size)]) + size
