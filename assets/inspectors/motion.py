"""Motion: BVH, a skeleton and a table of numbers, read in one pass, a block at a time.

The format has no standard; this is the grammar that programs agree on. HIERARCHY holds one ROOT with nested JOINTs
and End Sites, each statement on a line of its own; MOTION holds `Frames:`, `Frame Time:` and as many lines, each
with one number for every channel in the order of the skeleton.
"""

import os
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, BinaryIO

import numpy as np

from assets.inspectors.base import FACTS_FORMAT, Inspection, Limits, Refused, refused, shown_name
from marketplace.ui.words import Words
from marketplace.ui.words import gettext_noop as _

MEDIA_TYPE = "model/vnd.bvh"
CHANNELS = ("Xposition", "Yposition", "Zposition", "Xrotation", "Yrotation", "Zrotation")

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_NUMBER_CHARACTERS = 48
_LINE_BYTES = 4096
_BLOCK_BYTES = 1024**2
_LONGEST_FRAME_US = 60_000_000
_LARGEST = 1e9  # Far beyond any stage in millimeters, and exact enough in 32-bit floats to be drawn.
# What stands in frame lines: 1 for blanks, 2 for a line end, 4 for the characters of numbers, 0 for all else.
_CLASSES = np.zeros(256, np.uint8)
_CLASSES[[9, 13, 32]] = 1
_CLASSES[10] = 2
_CLASSES[[ord(c) for c in "0123456789+-.eE"]] = 4
_VRM_BONES = frozenset(
    ["hips", "spine", "head"]
    + [f"{side}{bone}" for side in ("left", "right") for bone in ("UpperLeg", "LowerLeg", "UpperArm", "LowerArm")]
)
_CMU_JOINTS = frozenset(["LHipJoint", "RHipJoint", "LowerBack", "LeftUpLeg", "RightUpLeg"])

Vector = tuple[float, float, float]


@dataclass(slots=True)
class Joint:
    """A joint: where it hangs from its parent, an index or -1, what moves it, and the ends of bones behind it."""

    name: str
    parent: int
    offset: Vector | None = None
    channels: tuple[str, ...] | None = None
    ends: list[Vector] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Motion:
    """What stands above the numbers. `begin` is the offset of the first frame line, `line` its number."""

    joints: tuple[Joint, ...]
    channels: int
    frames: int
    frame_time: Decimal
    begin: int
    line: int


def inspect_bvh(file: BinaryIO, limits: Limits) -> Inspection:
    """Return the facts of a BVH motion, having looked at every number; raise Refused."""
    size_bytes = file.seek(0, os.SEEK_END)
    if size_bytes > limits.motion_bytes:
        template = _("the motion has %(size)s bytes, the limit is %(limit)s.")
        raise refused("file-too-large", template, "offset 0", size=size_bytes, limit=limits.motion_bytes)
    motion = read_motion(file, limits)
    _check_frames(file, motion)
    return Inspection(
        MEDIA_TYPE,
        {
            "format": FACTS_FORMAT,
            "kind": "motion",
            "container": "bvh",
            "joints": len(motion.joints),
            "end_sites": sum(len(joint.ends) for joint in motion.joints),
            "channels": motion.channels,
            "frames": motion.frames,
            "frame_time_us": int((motion.frame_time * 1_000_000).to_integral_value()),
            "duration_ms": int((motion.frame_time * motion.frames * 1000).to_integral_value()),
            "root": shown_name(motion.joints[0].name),
            "skeleton": skeleton_of(joint.name for joint in motion.joints),
        },
    )


def skeleton_of(names: Iterable[str]) -> str:
    """Return whose naming the joints follow: vrm-humanoid, mixamo, cmu or unknown."""
    found = set(names)
    if any(name.startswith("mixamorig") for name in found):
        return "mixamo"
    if found >= _VRM_BONES:
        return "vrm-humanoid"
    return "cmu" if found >= _CMU_JOINTS else "unknown"


def read_motion(file: BinaryIO, limits: Limits) -> Motion:
    """Return the skeleton and the size of the table of the seekable `file`; raise Refused. Read no frame."""
    file.seek(0)
    lines = _Lines(file)
    lines.expect("HIERARCHY")
    joints = _skeleton(lines, limits)
    lines.expect("MOTION")
    frames = lines.value(r"Frames\s*:", r"[0-9]{1,12}")
    time = lines.value(r"Frame\s+Time\s*:", _NUMBER.pattern)
    channels = sum(len(joint.channels or ()) for joint in joints)
    count, frame_time = int(frames), Decimal(time)
    if not 0 < count <= limits.motion_frames:
        raise lines.wrong("motion-frames", _("%(count)s frames, allowed are 1 to %(limit)s."), count=count,
                          limit=limits.motion_frames)  # fmt: skip
    if not channels or channels * count > limits.motion_values:
        template = _("%(channels)s channels in %(count)s frames, the limit is %(limit)s numbers and there must be one.")
        raise lines.wrong("motion-frames", template, channels=channels, count=count, limit=limits.motion_values)
    if not Decimal("0.000001") <= frame_time <= _LONGEST_FRAME_US // 1_000_000:
        raise lines.wrong("motion-frame-time", _("a frame must last from 0.000001 to 60 seconds."))
    return Motion(tuple(joints), channels, count, frame_time, file.tell(), lines.number + 1)


def frames_of(file: BinaryIO, motion: Motion, wanted: Iterable[int]) -> np.ndarray[Any, Any]:
    """Return the frames with these numbers, ascending, of an inspected file: a row of float64 each."""
    left = sorted(set(wanted))
    file.seek(motion.begin)
    rows = []
    for number, line in enumerate(file):
        if not left:
            break
        if number == left[0]:
            rows.append(np.array(line.split(), dtype=np.float64))
            left.pop(0)
    return np.array(rows)


class _Lines:
    """The lines of a file that are not blank, one by one, each with its number."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.number = file, 0
        self._kept: str | None = None

    def next(self) -> str:
        """Return the next line without its blanks; raise Refused where there is none that can be read."""
        if self._kept is not None:
            line, self._kept = self._kept, None
            return line
        while True:
            raw = self._file.readline(_LINE_BYTES + 1)
            self.number += 1
            if not raw:
                raise self.wrong("motion-truncated", _("the file ends here."))
            if len(raw) > _LINE_BYTES:
                raise self.wrong("motion-line", _("the line is longer than %(limit)s bytes."), limit=_LINE_BYTES)
            try:
                line = raw.decode("utf-8").strip(" \t\r\n")
            except UnicodeDecodeError:
                raise self.wrong("motion-not-utf8", _("the line is not UTF-8.")) from None
            if line:
                return line

    def keep(self, line: str) -> None:
        """Give a line back, to be read next."""
        self._kept = line

    def expect(self, *words: str) -> None:
        """Read one line that must be one of `words`."""
        line = self.next()
        if line not in words:
            template = _("%(found)s stands where %(wanted)s belongs.")
            raise self.wrong("motion-grammar", template, found=repr(shown_name(line, 40)), wanted=" / ".join(words))

    def value(self, label: str, pattern: str) -> str:
        """Read one line that must be a label and a value; return the value."""
        line = self.next()
        match = re.fullmatch(rf"{label}\s*(?P<value>{pattern})", line)
        if not match or len(match["value"]) > _NUMBER_CHARACTERS:
            template = _("%(found)s is no count of frames and no frame time.")
            raise self.wrong("motion-grammar", template, found=repr(shown_name(line, 40)))
        return match["value"]

    def wrong(self, code: str, template: str, **values: str | int | Words) -> Refused:
        """Return the refusal of this line."""
        return _wrong(self.number, code, template, **values)


def _wrong(line: int, code: str, template: str, **values: str | int | Words) -> Refused:
    finding = Words(template, values)
    return refused(code, _("line %(line)s: %(finding)s"), f"line {line}", line=line, finding=finding)


def _skeleton(lines: _Lines, limits: Limits) -> list[Joint]:
    """Return the joints in the order of the file, parents before children."""
    joints: list[Joint] = []
    names: set[str] = set()
    open_joints: list[int] = []
    _open_joint(lines, "ROOT", joints, names, open_joints)
    while open_joints:
        line = lines.next()
        joint = joints[open_joints[-1]]
        word = line.split(None, 1)[0]
        if word == "OFFSET" and joint.offset is None:
            joint.offset = _vector(lines, line)
        elif word == "CHANNELS" and joint.channels is None:
            joint.channels = _channels(lines, line)
        elif joint.offset is None or joint.channels is None:
            raise lines.wrong("motion-grammar", _("OFFSET and CHANNELS belong first into a joint, each once."))
        elif word == "JOINT":
            if len(joints) >= limits.motion_joints:
                raise lines.wrong("motion-joints", _("more than %(limit)s joints."), limit=limits.motion_joints)
            lines.keep(line)
            _open_joint(lines, "JOINT", joints, names, open_joints)
        elif re.fullmatch(r"End\s+[Ss]ite(\s*\{)?", line):
            if len(joint.ends) >= limits.motion_joints:
                raise lines.wrong("motion-joints", _("more than %(limit)s end sites."), limit=limits.motion_joints)
            joint.ends.append(_end(lines, line))
        elif line == "}":
            open_joints.pop()
        else:
            template = _("%(found)s is nothing that a joint can hold.")
            raise lines.wrong("motion-grammar", template, found=repr(shown_name(line, 40)))
    return joints


def _open_joint(lines: _Lines, word: str, joints: list[Joint], names: set[str], open_joints: list[int]) -> None:
    """Read `word`, the joint's name and the bracket behind it."""
    line = lines.next()
    found, _blank, name = line.partition(" ") if " " in line else line.partition("\t")
    if found != word:
        template = _("%(found)s stands where %(wanted)s belongs.")
        raise lines.wrong("motion-grammar", template, found=repr(shown_name(line, 40)), wanted=word)
    bracket = name.endswith("{")
    name = name.removesuffix("{").strip()
    if not name or len(name) > 200 or not name.isprintable() or set(name) & set("{}"):
        raise lines.wrong("motion-name", _("the joint's name is empty, too long or not printable."))
    if name in names:
        raise lines.wrong("motion-name", _("a second joint is called %(name)s."), name=repr(shown_name(name, 60)))
    names.add(name)
    joints.append(Joint(name, open_joints[-1] if open_joints else -1))
    open_joints.append(len(joints) - 1)
    if not bracket:
        lines.expect("{")


def _end(lines: _Lines, line: str) -> Vector:
    if not line.endswith("{"):
        lines.expect("{")
    offset = _vector(lines, lines.next())
    lines.expect("}")
    return offset


def _vector(lines: _Lines, line: str) -> Vector:
    word, *numbers = line.split()
    if word != "OFFSET" or len(numbers) != 3:
        raise lines.wrong("motion-grammar", _("OFFSET and three numbers belong here."))
    x, y, z = (_number(lines, text) for text in numbers)
    return x, y, z


def _number(lines: _Lines, text: str) -> float:
    value = float(text) if len(text) <= _NUMBER_CHARACTERS and _NUMBER.fullmatch(text) else np.inf
    if not abs(value) <= _LARGEST:
        template = _("%(number)s is no number up to a billion.")
        raise lines.wrong("motion-number", template, number=repr(shown_name(text, 40)))
    return value


def _channels(lines: _Lines, line: str) -> tuple[str, ...]:
    _word, *rest = line.split()
    names = tuple(rest[1:])
    if not rest or rest[0] != str(len(names)) or len(set(names)) != len(names) or not set(names) <= set(CHANNELS):
        template = _("CHANNELS must be followed by a count and as many different names of %(names)s.")
        raise lines.wrong("motion-channels", template, names=", ".join(CHANNELS))
    return names


def _check_frames(file: BinaryIO, motion: Motion) -> None:
    """Refuse a table that has not as many lines and numbers as it should, or anything that is no number."""
    file.seek(motion.begin)
    frames = 0
    for block in _blocks(file, motion):
        line = motion.line + frames
        characters = _CLASSES[np.frombuffer(block, np.uint8)]
        if not characters.all():
            at = int(characters.argmin())
            row = line + block.count(b"\n", 0, at)
            byte = f"0x{block[at]:02X}"
            raise _wrong(row, "motion-number", _("the character %(byte)s belongs to no number."), byte=byte)
        inside = characters == 4
        starts = inside.copy()
        starts[1:] &= ~inside[:-1]
        ends = np.flatnonzero(characters == 2)
        counts = np.diff(np.cumsum(starts, dtype=np.int64)[ends], prepend=0)
        wanted = min(len(counts), motion.frames - frames)
        if (counts[:wanted] != motion.channels).any():
            row = int((counts[:wanted] != motion.channels).argmax())
            template = _("%(count)s numbers, the skeleton has %(channels)s channels.")
            raise _wrong(line + row, "motion-frame", template, count=int(counts[row]), channels=motion.channels)
        if counts[wanted:].any():
            row = wanted + int(counts[wanted:].argmax())
            template = _("numbers follow the last of %(frames)s frames.")
            raise _wrong(line + row, "motion-trailing", template, frames=motion.frames)
        _check_numbers(block, int(counts.sum()), line, motion.channels)
        frames += wanted
    if frames < motion.frames:
        template = _("the file ends after %(count)s of %(frames)s frames.")
        raise _wrong(motion.line + frames, "motion-truncated", template, count=frames, frames=motion.frames)


def _blocks(file: BinaryIO, motion: Motion) -> Iterator[bytes]:
    """Yield the rest of the file in pieces of whole lines; the last line gets its end where it has none."""
    longest = (_NUMBER_CHARACTERS + 2) * motion.channels + _LINE_BYTES
    kept = b""
    while part := file.read(_BLOCK_BYTES):
        whole, newline, rest = (kept + part).rpartition(b"\n")
        if newline:
            yield whole + newline
        kept = rest
        if len(kept) > longest:
            template = _("a line from byte %(offset)s on is longer than %(limit)s bytes.")
            raise refused("motion-line", template, f"offset {file.tell()}", offset=file.tell() - len(kept),
                          limit=longest)  # fmt: skip
    if kept:
        yield kept + b"\n"


def _check_numbers(block: bytes, count: int, line: int, channels: int) -> None:
    """Refuse a block whose `count` words are not as many numbers, each up to a billion."""
    try:
        # What numpy cannot read is only a warning of its own; every word then gives one number or more, as it
        # reads "1.2.3" as two, so that as many numbers as words means one number a word.
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = np.fromstring(block, dtype=np.float64, sep=" ")
        if len(found) == count and (np.abs(found) <= _LARGEST).all():
            return
    except (ValueError, DeprecationWarning):
        pass  # The loop below says which word it was.
    for index, word in enumerate(block.split()):
        text = word.decode("ascii")
        if not _NUMBER.fullmatch(text) or not abs(float(text)) <= _LARGEST:
            template = _("%(number)s is no number up to a billion.")
            raise _wrong(line + index // channels, "motion-number", template, number=repr(shown_name(text, 40)))
    raise _wrong(line, "motion-number", _("the numbers from here on cannot be read."))
