"""EIP-712: what wallets sign for the contracts, as a digest and as the document that a wallet shows.

Each message of the contracts is a constant here, with its fields in the contract's order. Values are by field name, as
in ledger.chain.abi; all are of types of one word, so nothing but Keccak is needed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ledger.chain.transaction import ORDER, checksummed, keccak

_DOMAIN = (("name", "string"), ("version", "string"), ("chainId", "uint256"), ("verifyingContract", "address"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """A message of one contract: `fields` are (name, type) in their order, `domain` and `version` of EIP-712."""

    contract: str
    domain: str
    name: str
    fields: tuple[tuple[str, str], ...]
    version: str = "1"

    def type_text(self) -> str:
        """Return the type as EIP-712 writes it, for example `Materialize(bytes32 leaf)`."""
        return f"{self.name}({','.join(f'{kind} {name}' for name, kind in self.fields)})"


def _typed(contract: str, name: str, fields: str) -> Typed:
    pairs = tuple((word, kind) for kind, word in (part.split() for part in fields.split(",")))
    return Typed(contract=contract, domain=f"Worldloom {contract}", name=name, fields=pairs)


MATERIALIZE = _typed("AssetToken", "Materialize", "bytes32 leaf")
"""The owner of a release wants its token: `leaf` is SHA-256(0x00 || entry) of the asset-token entry."""

OFFER = _typed(
    "LicenseMarket",
    "Offer",
    "bytes16 id,address licensor,bytes32 release,bytes32 terms,bytes32 split,address token,uint256 price,"
    "uint16 feeBps,uint32 supply,uint64 notBefore,uint64 deadline,uint256 nonce",
)
"""Licensor and marketplace sell a license on chain; the fields are those of the struct `LicenseMarket.Offer`."""

BIND = _typed("Payees", "Bind", "bytes16 payee,address wallet,uint256 nonce,uint256 deadline")
"""A wallet wants to be a payee's first."""

MOVE = _typed("Payees", "Move", "bytes16 payee,address from,address to,uint256 nonce,uint256 deadline")
"""The wallet that is bound and the one that follows it agree."""

RECOVER = _typed("Payees", "Recover", "bytes16 payee,address from,address to,uint256 nonce,uint256 deadline")
"""A wallet wants to follow one whose key is lost."""

VETO = _typed("Payees", "Veto", "bytes16 payee,address next,uint256 nonce,uint256 deadline")
"""The wallet that is bound refuses a recovery."""

WITHDRAW = _typed(
    "SplitVault",
    "Withdraw",
    "bytes16 payee,address token,address to,uint256 amount,uint256 nonce,uint256 deadline",
)
"""A payee's wallet takes from the vault to another address."""

MESSAGES = (MATERIALIZE, OFFER, BIND, MOVE, RECOVER, VETO, WITHDRAW)


def domain_separator(name: str, version: str, chain_id: int, contract: str) -> bytes:
    """Return the EIP-712 domain's separator, 32 bytes; `contract` is the 0x address that verifies."""
    kind = f"EIP712Domain({','.join(f'{kind} {name}' for name, kind in _DOMAIN)})"
    words = [keccak(kind.encode()), keccak(name.encode()), keccak(version.encode())]
    return keccak(b"".join([*words, _word("uint256", chain_id), _word("address", contract)]))


def typed_digest(message: Typed, values: Mapping[str, Any], *, chain_id: int, contract: str) -> bytes:
    """Return the 32 bytes that are signed; ValueError unless `values` are the message's fields, each of its type."""
    _check_names(message, values)
    words = [keccak(message.type_text().encode()), *(_word(kind, values[name]) for name, kind in message.fields)]
    separator = domain_separator(message.domain, message.version, chain_id, contract)
    return keccak(b"\x19\x01" + separator + keccak(b"".join(words)))


def as_json(message: Typed, values: Mapping[str, Any], *, chain_id: int, contract: str) -> dict[str, Any]:
    """Return the document for `eth_signTypedData_v4`: integers as decimal text, bytes as 0x hex."""
    _check_names(message, values)
    for name, kind in message.fields:
        _word(kind, values[name])
    return {
        "types": {
            "EIP712Domain": [{"name": name, "type": kind} for name, kind in _DOMAIN],
            message.name: [{"name": name, "type": kind} for name, kind in message.fields],
        },
        "primaryType": message.name,
        "domain": {
            "name": message.domain,
            "version": message.version,
            "chainId": chain_id,
            "verifyingContract": _address(contract),
        },
        "message": {name: _shown(kind, values[name]) for name, kind in message.fields},
    }


def sign_digest(digest: bytes, key: bytes) -> bytes:
    """Return the signature over 32 bytes by a 32-byte private key: r, s and v, 65 bytes; v is 27 or 28, s is low."""
    from coincurve import PrivateKey

    signature = PrivateKey(key).sign_recoverable(digest, hasher=None)
    return signature[:64] + bytes([27 + signature[64]])


def recover(digest: bytes, signature: bytes) -> str | None:
    """Return the address whose key signed the digest, or None for a signature that the contracts would not take.

    Refused like there: another length than 65, an s in the upper half (whoever saw the true signature can make that
    one without the key), a v other than 27 or 28.
    """
    from coincurve import PublicKey

    if len(digest) != 32 or len(signature) != 65 or signature[64] not in (27, 28):
        return None
    r, s = (int.from_bytes(signature[start : start + 32], "big") for start in (0, 32))
    if not 0 < r < ORDER or not 0 < s <= ORDER // 2:
        return None
    try:
        point = PublicKey.from_signature_and_message(signature[:64] + bytes([signature[64] - 27]), digest, hasher=None)
    except Exception:  # coincurve says with a bare Exception that no key has signed this
        return None
    return checksummed(keccak(point.format(compressed=False)[1:])[12:])


def normalized(signature: bytes) -> bytes:
    """Return a wallet's signature as the contracts take it: some hardware wallets write v as 0 or 1."""
    if len(signature) == 65 and signature[64] in (0, 1):
        return signature[:64] + bytes([27 + signature[64]])
    return signature


def _check_names(message: Typed, values: Mapping[str, Any]) -> None:
    if set(values) != {name for name, _ in message.fields}:
        raise ValueError(f"{message.name} has the fields {', '.join(name for name, _ in message.fields)}")


def _word(kind: str, value: Any) -> bytes:
    """Return a value as 32 bytes: numbers and addresses to the right, bytes to the left."""
    if kind == "address":
        return bytes.fromhex(_address(value)[2:]).rjust(32, b"\0")
    if kind.startswith("uint"):
        if type(value) is not int or not 0 <= value < 2 ** int(kind[4:]):
            raise ValueError(f"{value!r} is no {kind}")
        return value.to_bytes(32, "big")
    if not isinstance(value, bytes) or len(value) != int(kind.removeprefix("bytes")):
        raise ValueError(f"{value!r} is no {kind}")
    return value.ljust(32, b"\0")


def _address(value: Any) -> str:
    if not isinstance(value, str) or len(value) != 42 or not value.startswith("0x"):
        raise ValueError(f"{value!r} is no address")
    return checksummed(bytes.fromhex(value[2:]))


def _shown(kind: str, value: Any) -> str:
    if kind == "address":
        return _address(value)
    return str(value) if kind.startswith("uint") else "0x" + bytes(value).hex()
