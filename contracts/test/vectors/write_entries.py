#!/usr/bin/env python3
"""Write EntryVectors.sol: entries as the log's own Python writes them, for the forge tests to write and read too.

Run from the repository's root, with its Python: `.venv/bin/python contracts/test/vectors/write_entries.py`. Then
run `forge fmt` in contracts. The same bytes come out each time.
"""

import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import rfc8785

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from ledger.log.merkle import CompactRange, inclusion_proof, leaf_hash, perfect_root  # noqa: E402
from ledger.rules import encode_entry  # noqa: E402

TARGET = Path(__file__).with_name("EntryVectors.sol")
CHAINS = (1, 31337, 8453, 2**53 - 1)
ROYALTIES = (0, 7, 10, 99, 100, 500, 999, 1000)

HEAD = """// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {LogEntry} from "../../src/LogEntry.sol";

/// @notice Written by write_entries.py from what the log's own Python makes; nobody edits this file.
library EntryVectors {
    struct Token {
        LogEntry.AssetToken it;
        uint64 chainId;
        address token;
        bytes32 leaf;
    }

    struct GrantEntry {
        LogEntry.Grant said;
        bytes entry;
        bytes32 leaf;
    }

"""


class Numbers(random.Random):
    """Random values of a fixed seed, so that the file never changes by itself."""

    def digest(self) -> str:
        return self.randbytes(32).hex()

    def address(self) -> str:
        return "0x" + self.randbytes(20).hex()

    def uuid(self) -> UUID:
        return UUID(int=self.getrandbits(128), version=4)

    def moment(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.randrange(10**9))


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def address_literal(value: str) -> str:
    # Solidity asks for a checksum in a literal of 40 digits, and for none in a number.
    return f"address(uint160(uint256(0x{value.removeprefix('0x').rjust(64, '0')})))"


def asset_token(numbers: Numbers, bps: int, chain_id: int) -> tuple[str, bytes]:
    """Return the Solidity of one asset-token vector, and its entry's bytes."""
    body = {
        "bps": bps,
        "chain_id": chain_id,
        "contract": numbers.address(),
        "owner": numbers.address(),
        "release": numbers.digest(),
        "split": numbers.digest(),
    }
    entry = {
        "format": "worldloom/ledger-entry/2",
        "type": "asset-token",
        "id": str(numbers.uuid()),
        "stated_at": stamp(numbers.moment()),
        "body": body,
        "signatures": [],
    }
    encoded = rfc8785.dumps(entry)
    fields = [
        f"0x{body['release']}",
        f"0x{body['split']}",
        address_literal(body["owner"]),
        str(bps),
        f"bytes16(0x{UUID(entry['id']).hex})",
        f'"{entry["stated_at"]}"',
    ]
    said = f"LogEntry.AssetToken({', '.join(fields)})"
    parts = [said, str(chain_id), address_literal(body["contract"]), "0x" + leaf_hash(encoded).hex()]
    return f"Token({', '.join(parts)})", encoded


def grant(numbers: Numbers, *, ordered_at: int | None, passed_on: bool) -> tuple[str, bytes]:
    """Return the Solidity of one grant vector, and its entry's bytes."""
    body = {
        "grant": str(numbers.uuid()),
        "release": numbers.digest(),
        "offer": str(numbers.uuid()),
        "terms": numbers.digest(),
        "licensee_commitment": numbers.digest(),
        "certificate": numbers.digest(),
    }
    if ordered_at is not None:
        body["ordered_at"] = ordered_at
    if passed_on:
        body["replaces"] = str(numbers.uuid())
    moment = numbers.moment()
    encoded = encode_entry(type="grant", id=numbers.uuid(), stated_at=moment, body=body).body
    replaces = UUID(body["replaces"]).hex if passed_on else "0" * 32
    said = [
        f"bytes16(0x{UUID(body['grant']).hex})",
        f"bytes16(0x{UUID(body['offer']).hex})",
        f"bytes16(0x{replaces})",
        f"0x{body['release']}",
        f"0x{body['terms']}",
        f"0x{body['licensee_commitment']}",
        f"0x{body['certificate']}",
        f'"{stamp(moment)}"',
    ]
    leaf = leaf_hash(encoded).hex()
    return f'GrantEntry(LogEntry.Grant({", ".join(said)}), hex"{encoded.hex()}", 0x{leaf})', encoded


def function(name: str, type_: str, values: list[str]) -> str:
    lines = [f"        all[{i}] = {value};" for i, value in enumerate(values)]
    opening = f"    function {name}() internal pure returns ({type_}[] memory all) {{\n"
    return opening + f"        all = new {type_}[]({len(values)});\n" + "\n".join(lines) + "\n    }\n"


def main() -> None:
    numbers = Numbers(8)
    tokens = [asset_token(numbers, bps, CHAINS[i % len(CHAINS)]) for i, bps in enumerate(ROYALTIES)]
    whens = (None, 0, 7, 1_795_312_800, 2**53 - 1)
    grants = [grant(numbers, ordered_at=when, passed_on=on) for when in whens for on in (False, True)]
    leaves = [leaf_hash(entry) for _, entry in [*tokens, *grants]]

    def read(level: int, index: int) -> bytes:
        return perfect_root(leaves[index << level : (index + 1) << level])

    root = CompactRange().extended(leaves).root()
    proofs = [inclusion_proof(i, len(leaves), read) for i in range(len(leaves))]
    texts = [f'hex"{b"".join(proof).hex()}"' for proof in proofs]
    parts = [
        function("tokens", "Token", [text for text, _ in tokens]),
        function("grants", "GrantEntry", [text for text, _ in grants]),
        "    /// @notice The tree over all of the above, in order.\n"
        f"    bytes32 internal constant ROOT = 0x{root.hex()};\n",
        "    /// @notice Audit paths in that tree, each as its hashes one behind the other.\n"
        + function("paths", "bytes", texts),
    ]
    TARGET.write_text(HEAD + "\n".join(parts) + "}\n")


main()
