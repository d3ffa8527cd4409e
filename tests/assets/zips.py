"""Zip archives written by hand, so that the tests can let them lie in any one number."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Member:
    """One member; `local` and `central` hold what the header in front and the directory say instead of the truth."""

    name: str | bytes = "a.txt"
    data: bytes = b"a cat"
    method: int = 8
    flags: int = 0
    packed: bytes | None = None
    mode: int = 0o100644
    made_by: int = 0x0314
    extra: bytes = b""
    central_extra: bytes | None = None
    comment: bytes = b""
    before: bytes = b""
    behind: bytes = b""
    local: dict[str, Any] = field(default_factory=dict)
    central: dict[str, Any] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        if self.packed is not None:
            return self.packed
        if self.method != 8:
            return self.data
        squeezer = zlib.compressobj(9, zlib.DEFLATED, -15)
        return squeezer.compress(self.data) + squeezer.flush()

    def said(self, lies: dict[str, Any]) -> dict[str, Any]:
        name = self.name if isinstance(self.name, bytes) else self.name.encode()
        utf8 = 0x800 if any(byte > 127 for byte in name) else 0
        truth = {
            "name": name,
            "flags": self.flags | utf8,
            "method": self.method,
            "crc": zlib.crc32(self.data),
            "packed": len(self.body),
            "size": len(self.data),
        }
        return truth | lies


def member(**fields: Any) -> Member:
    return Member(**fields)


def zipped(
    members: Sequence[Member],
    *,
    front: bytes = b"",
    between: bytes = b"",
    tail: bytes = b"",
    comment: bytes = b"",
    end: dict[str, int] | None = None,
    end64: dict[str, int] | None = None,
) -> bytes:
    """Returns front, members, `between`, the directory, its end and `tail`; `end` and `end64` hold lies of the end."""
    out, directory = front, b""
    for one in members:
        out += one.before
        said, central = one.said(one.local), one.said(one.central)
        begin = central.get("begin", len(out))
        numbers = (said["flags"], said["method"], 0, 0, said["crc"], said["packed"], said["size"])
        sizes = (len(said["name"]), len(one.extra))
        out += b"PK\3\4" + struct.pack("<5H3L2H", 20, *numbers, *sizes) + said["name"] + one.extra
        out += one.body + one.behind
        numbers = (central["flags"], central["method"], 0, 0, central["crc"], central["packed"], central["size"])
        extra = one.extra if one.central_extra is None else one.central_extra
        sizes = (len(central["name"]), len(extra), len(one.comment))
        directory += (
            b"PK\1\2"
            + struct.pack("<6H3L", one.made_by, central.get("needed", 20), *numbers)
            + struct.pack("<3H", *sizes)
        )
        directory += struct.pack("<2H2L", central.get("disk", 0), 0, central.get("external", one.mode << 16), begin)
        directory += central["name"] + extra + one.comment
    out += between
    truth = {"disk": 0, "first": 0, "here": len(members), "count": len(members)}
    truth |= {"length": len(directory), "begin": len(out), "comment": len(comment)}
    out += directory
    if end64 is not None:
        large = truth | {"size": 44, "at": len(out), "locator": 0, "disks": 1} | end64
        counts = (large["disk"], large["first"], large["here"], large["count"], large["length"], large["begin"])
        out += b"PK\6\6" + struct.pack("<Q2H2L4Q", large["size"], 45, 45, *counts)
        out += b"PK\6\7" + struct.pack("<LQL", large["locator"], large["at"], large["disks"])
    said = truth | (end or {})
    out += b"PK\5\6" + struct.pack("<4H2LH", *(said[name] for name in truth)) + comment
    return out + tail


def descriptor(one: Member, *, mark: bool = True, large: bool = False, **lies: int) -> Member:
    """Returns the member with its sizes behind its data, as a writer does that cannot go back."""
    truth = {"crc": zlib.crc32(one.data), "packed": len(one.body), "size": len(one.data)} | lies
    body = (b"PK\7\x08" if mark else b"") + struct.pack("<LQQ" if large else "<LLL", *truth.values())
    return replace(
        one, flags=one.flags | 8, behind=body + one.behind, local={"crc": 0, "packed": 0, "size": 0} | one.local
    )
