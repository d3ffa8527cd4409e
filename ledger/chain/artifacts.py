"""The committed artifacts of the contracts: what was compiled, read without any compiler."""

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "contracts" / "abi"


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """One compiled contract; `digest` is the hex SHA-256 of the artifact's file."""

    name: str
    abi: tuple[dict[str, Any], ...]
    creation_code: bytes
    runtime_code: bytes
    source_sha256: str
    digest: str


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


def signature(item: dict[str, Any]) -> str:
    """Return the canonical signature of an ABI entry, for example `anchor(bytes32,uint64,bytes32)`."""
    return f"{item['name']}({','.join(part['type'] for part in item['inputs'])})"
