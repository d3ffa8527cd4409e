"""The public list of a payout root, as in docs/formats/payout-root.md: written, read, and held against its root.

Plain Python, no Django: anybody with this file, tree.py and ledger/canonical.py can check a list.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ledger.canonical import canonical, parse
from marketplace.payouts.claims.tree import MAX_UNITS, Place, leaves_of, led_to, levels_of, proof_of

FORMAT = "worldloom/payout-root/1"
_ADDRESS, _HASH = re.compile(r"0x[0-9a-f]{40}"), re.compile(r"0x[0-9a-f]{64}")
_UNITS = re.compile(r"[1-9][0-9]{0,38}")


class UnableToReadList(ValueError):
    """The bytes are no list of a payout root, or not the list of the root that they name."""

    code = "unable-to-read-list"

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"This is not the list of a payout root: {why}.")


@dataclass(frozen=True, slots=True)
class Line:
    """One account's line: its index among the leaves, what it was ever given in the token's units, and its proof."""

    index: int
    units: int
    proof: list[bytes]


@dataclass(frozen=True, slots=True)
class RootList:
    """A list that has been read: `given` are (account of 20 bytes, all that it was ever given in the token's units)."""

    place: Place
    number: int
    root: bytes
    total_units: int
    given: list[tuple[bytes, int]]

    def line(self, account: bytes) -> Line | None:
        """Return an account's line and its proof, or None where the list does not name it."""
        index = next((at for at, (one, _) in enumerate(self.given) if one == account), None)
        if index is None:
            return None
        levels = levels_of(leaves_of(self.place, self.given))
        return Line(index, self.given[index][1], proof_of(levels, index))

    def proves(self, account: bytes, units: int, proof: Sequence[bytes]) -> bool:
        """Whether a proof leads from an account and an amount to this root."""
        [leaf] = leaves_of(self.place, [(account, units)])
        return led_to(leaf, proof) == self.root


def write_list(place: Place, number: int, root: bytes, given: Sequence[tuple[bytes, int]]) -> bytes:
    """Return the list's bytes, RFC 8785 JSON. Amounts are decimal text: JSON's numbers end at 2^53."""
    return canonical(
        {
            "accounts": [["0x" + account.hex(), str(units)] for account, units in given],
            "chain_id": place.chain_id,
            "distributor": "0x" + place.distributor.hex(),
            "format": FORMAT,
            "number": number,
            "root": "0x" + root.hex(),
            "token": "0x" + place.token.hex(),
            "total": str(sum(units for _, units in given)),
        }
    )


def read_list(content: bytes) -> RootList:
    """Return what a list says, after its tree was built again; raise UnableToReadList where anything is off."""
    try:
        said = parse(content)
    except ValueError as fault:
        raise UnableToReadList(str(fault)) from None
    names = {"accounts", "chain_id", "distributor", "format", "number", "root", "token", "total"}
    if said.get("format") != FORMAT or set(said) != names:
        raise UnableToReadList(f"it is not of the format {FORMAT}")
    place = Place(_natural(said["chain_id"]), _bytes(said["distributor"], _ADDRESS), _bytes(said["token"], _ADDRESS))
    given = _given(said["accounts"])
    found = RootList(place, _natural(said["number"]), _bytes(said["root"], _HASH), _units(said["total"]), given)
    if sum(units for _, units in given) != found.total_units:
        raise UnableToReadList("its accounts do not sum to its total")
    if levels_of(leaves_of(place, given))[-1][0] != found.root:
        raise UnableToReadList("its accounts make another root")
    return found


def _given(rows: Any) -> list[tuple[bytes, int]]:
    if not isinstance(rows, list) or not rows:
        raise UnableToReadList("it names no accounts")
    given = []
    for row in rows:
        if not isinstance(row, list) or len(row) != 2:
            raise UnableToReadList("an account is an address and an amount")
        given.append((_bytes(row[0], _ADDRESS), _units(row[1])))
    if len({account for account, _ in given}) != len(given):
        raise UnableToReadList("it names an account twice")
    return given


def _natural(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise UnableToReadList("its numbers are not above zero")
    return value


def _units(value: Any) -> int:
    if not isinstance(value, str) or not _UNITS.fullmatch(value) or int(value) > MAX_UNITS:
        raise UnableToReadList("its amounts are not decimal digits of a number from 1 to 2^128 - 1")
    return int(value)


def _bytes(value: Any, form: re.Pattern[str]) -> bytes:
    if not isinstance(value, str) or not form.fullmatch(value):
        raise UnableToReadList("its addresses and its root are not 0x and small hexadecimal digits")
    return bytes.fromhex(value[2:])
