"""The committed artifacts of the contracts: what was compiled, read without any compiler."""

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "contracts" / "abi"

PUSH1, PUSH32 = 0x60, 0x7F


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """One compiled contract; `digest` is the hex SHA-256 of the artifact's file."""

    name: str
    abi: tuple[dict[str, Any], ...]
    creation_code: bytes
    runtime_code: bytes
    source_sha256: str
    digest: str

    def is_code(self, found: bytes) -> bool:
        """Say whether `found` is this contract's code as it stands on a chain.

        A constructor writes the contract's immutables into its code, where the artifact has words of zeros.
        """
        if len(found) != len(self.runtime_code):
            return False
        expected, masked = bytearray(self.runtime_code), bytearray(found)
        for start in _immutable_words(self.runtime_code):
            masked[start : start + 32] = bytes(32)
        return masked == expected


@cache
def load(name: str) -> Artifact:
    """Return the artifact `contracts/abi/<name>.json`."""
    content = (FOLDER / f"{name}.json").read_bytes()
    document = json.loads(content)
    return Artifact(
        name=name,
        abi=tuple(document["abi"]),
        creation_code=bytes.fromhex(document["bytecode"][2:]),
        runtime_code=bytes.fromhex(document["deployedBytecode"][2:]),
        source_sha256=document["sourceSha256"],
        digest=hashlib.sha256(content).hexdigest(),
    )


def type_of(part: dict[str, Any]) -> str:
    """Return a parameter's canonical type; a struct is the tuple of its members, `(bytes32,uint16)[]` an array."""
    if not part["type"].startswith("tuple"):
        return str(part["type"])
    return f"({','.join(type_of(member) for member in part['components'])}){part['type'].removeprefix('tuple')}"


def signature(item: dict[str, Any]) -> str:
    """Return the canonical signature of an ABI entry, for example `anchor(bytes32,uint64,bytes32)`."""
    return f"{item['name']}({','.join(type_of(part) for part in item['inputs'])})"


@cache
def _immutable_words(code: bytes) -> tuple[int, ...]:
    """Return where words of immutables begin: a zero word is pushed for nothing else, the compiler has PUSH0."""
    found, place = [], 0
    while place < len(code):
        opcode = code[place]
        if opcode == PUSH32 and code[place + 1 : place + 33] == bytes(32):
            found.append(place + 1)
        place += 1 + (opcode - PUSH1 + 1 if PUSH1 <= opcode <= PUSH32 else 0)
    return tuple(found)
