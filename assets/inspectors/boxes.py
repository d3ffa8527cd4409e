"""AVIF, walked box by box: one still picture, of which every byte belongs to an item that takes part in it.

ISO/IEC 14496-12 (boxes), ISO/IEC 23008-12 (HEIF: items, properties, references), AV1 Image File Format 1.1, and
the AV1 bitstream's OBUs (AV1 specification, 5.3). A reader follows references from the primary item; this walk
refuses what it would never come to.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from assets.inspectors.base import Limits, Refused, refused, shown_name
from assets.inspectors.picture_bytes import at, bad, check_size, refuse_active, refuse_trailing
from marketplace.ui.words import gettext_noop as _

_SEQUENCE_BRANDS = {b"avis", b"msf1"}
_PADDING = {b"free", b"skip"}
_CREDENTIALS = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")  # names the box of C2PA manifests
_META_CHILDREN = {b"hdlr", b"pitm", b"iloc", b"iinf", b"iref", b"iprp", b"idat", b"dinf", b"grpl"}
_PROPERTIES = (
    {b"ispe", b"pixi", b"av1C", b"colr", b"auxC", b"irot", b"imir", b"clap", b"pasp", b"a1op", b"a1lx", b"lsel"}
    | {b"clli", b"mdcv", b"cclv", b"amve"}
)  # fmt: skip
_PICTURES = {b"av01", b"grid", b"tmap"}
_XMP = b"application/rdf+xml"
_MAX_BOXES = 2048
_MAX_ITEMS = 1024
_MAX_EXTENTS = 8192
# OBU types (AV1, 6.2.2): sequence header, temporal delimiter, frame header, tile group, metadata, frame, redundant.
_OBU_TYPES = {1, 2, 3, 4, 5, 6, 7}


class Box(NamedTuple):
    """One box: its type, where it begins in the file, and where its content begins and ends."""

    kind: bytes
    offset: int
    begin: int
    end: int


@dataclass(slots=True)
class _Items:
    """What the meta box says of items, by their IDs: types, extents as (begin, end) in the file, references."""

    primary: int = 0
    types: dict[int, bytes] = field(default_factory=dict)
    extents: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    references: list[tuple[bytes, int, list[int]]] = field(default_factory=list)


class _Reader:
    """Big-endian integers of a box, one after the other; running past its end is a refusal."""

    def __init__(self, data: bytes, box: Box) -> None:
        self.data, self.box, self.place = data, box, box.begin

    def integer(self, count: int) -> int:
        return int.from_bytes(self.read(count), "big")

    def read(self, count: int) -> bytes:
        if self.place + count > self.box.end:
            raise at("picture-truncated", _("an AVIF box is cut at offset %(offset)s."), self.place)
        self.place += count
        return self.data[self.place - count : self.place]

    def text(self) -> bytes:
        """Return the bytes up to the next NUL or, when there is none, to the end."""
        end = self.data.find(b"\0", self.place, self.box.end)
        end = self.box.end if end < 0 else end
        found = self.data[self.place : end]
        self.place = min(end + 1, self.box.end)
        return found

    def version(self) -> int:
        """Return the version of a full box, past it and its flags."""
        return self.integer(4) >> 24


def check_avif(data: bytes, limits: Limits) -> None:
    """Refuse an AVIF with frames, external data, unknown boxes, or bytes that no item of its picture names."""
    if data[4:8] != b"ftyp":
        raise refused("picture-not-as-declared", _("the file does not begin as an AVIF at offset 0."), "offset 0")
    boxes = list(_boxes(data, 0, len(data), open_end=True))
    _check_brands(data, boxes[0])
    metas, stored, signed = [], [], False
    for box in boxes[1:]:
        if box.kind == b"meta":
            metas.append(box)
        elif box.kind == b"mdat":
            stored.append(box)
        elif box.kind == b"uuid" and data[box.begin : box.begin + 16] == _CREDENTIALS and not signed:
            signed = True
            refuse_active(data[box.begin : box.end], box.offset)
        elif box.kind in (b"moov", b"moof", b"trak"):
            raise at("picture-animated", _("the AVIF is a sequence at offset %(offset)s."), box.offset)
        else:
            _check_padding(data, box)
    if len(metas) != 1:
        raise bad(_("the AVIF must hold one meta box, at offset %(offset)s."), metas[1].offset if metas else 0)
    refuse_active(data[metas[0].begin : metas[0].end], metas[0].offset)
    items, stored_inside = _read_meta(data, metas[0], limits)
    _check_references(items)
    _check_extents(items, stored + stored_inside)
    for item, kind in items.types.items():
        content = b"".join(data[begin:end] for begin, end in items.extents.get(item, []))
        place = items.extents[item][0][0] if items.extents.get(item) else 0
        if kind == b"av01":
            _check_obus(content, place)
        elif kind not in _PICTURES:
            refuse_active(content, place)


def _boxes(data: bytes, begin: int, end: int, *, open_end: bool = False) -> Iterator[Box]:
    """Yield the boxes that fill `begin` to `end`; only with `open_end` may the last one be as long as the file."""
    offset, count = begin, 0
    while offset < end:
        count += 1
        if count > _MAX_BOXES:
            raise bad(_("the AVIF has more boxes than a picture needs at offset %(offset)s."), offset)
        if offset + 8 > end:
            if open_end:
                refuse_trailing(data, offset, "AVIF")
            raise at("picture-truncated", _("an AVIF box is cut at offset %(offset)s."), offset)
        size, kind = int.from_bytes(data[offset : offset + 4], "big"), data[offset + 4 : offset + 8]
        content = offset + 8
        if size == 1:
            size, content = int.from_bytes(data[content : content + 8], "big"), content + 8
        elif size == 0 and open_end and kind == b"mdat":
            size = end - offset
        if size < content - offset or offset + size > end:
            if open_end and offset and not (kind.isalnum() and kind.islower()):
                refuse_trailing(data, offset, "AVIF")
            raise at("picture-truncated", _("an AVIF box is cut at offset %(offset)s."), offset)
        yield Box(kind, offset, content, offset + size)
        offset += size


def _check_brands(data: bytes, box: Box) -> None:
    brands = {data[place : place + 4] for place in range(box.begin, box.end, 4) if place != box.begin + 4}
    if brands & _SEQUENCE_BRANDS:
        raise at("picture-animated", _("the AVIF is a sequence at offset %(offset)s."), box.offset)
    if b"avif" not in brands or (box.end - box.begin) % 4 or box.end - box.begin < 8:
        raise bad(_("the brands at offset %(offset)s do not make the file an AVIF picture."), box.offset)


def _check_padding(data: bytes, box: Box) -> None:
    """Refuse a box that takes no part in the picture, unless it is free space and empty."""
    if box.kind not in _PADDING:
        shown = repr(shown_name(box.kind.decode("latin-1")))
        raise bad(_("the AVIF box %(box)s has no place at offset %(offset)s."), box.offset, box=shown)
    if data.count(0, box.begin, box.end) != box.end - box.begin:
        raise at("picture-hidden-data", _("the free space at offset %(offset)s holds data."), box.offset)


def _read_meta(data: bytes, meta: Box, limits: Limits) -> tuple[_Items, list[Box]]:
    """Return the items that a meta box names, and the boxes inside it that hold data of theirs."""
    children: dict[bytes, Box] = {}
    for box in _boxes(data, meta.begin + 4, meta.end):
        if box.kind in _META_CHILDREN and box.kind not in children:
            children[box.kind] = box
        else:
            _check_padding(data, box)
    for kind in (b"hdlr", b"pitm", b"iloc", b"iinf", b"iprp"):
        if kind not in children:
            shown = kind.decode()
            raise bad(_("the meta box at offset %(offset)s lacks its box %(box)s."), meta.offset, box=shown)
    if data[children[b"hdlr"].begin + 8 : children[b"hdlr"].begin + 12] != b"pict":
        raise bad(_("the handler at offset %(offset)s is not that of a picture."), children[b"hdlr"].offset)
    items = _Items()
    reader = _Reader(data, children[b"pitm"])
    items.primary = reader.integer(4 if reader.version() else 2)
    _read_types(data, children[b"iinf"], items)
    _read_extents(data, children[b"iloc"], children.get(b"idat"), items)
    if b"iref" in children:
        _read_references(data, children[b"iref"], items)
    if b"dinf" in children:
        _check_data_references(data, children[b"dinf"])
    _check_properties(data, children[b"iprp"], limits)
    return items, [children[b"idat"]] if b"idat" in children else []


def _read_types(data: bytes, box: Box, items: _Items) -> None:
    """Read the item infos (23008-12 and 14496-12, 8.11.6): no protection, no encoding, no type but a picture's."""
    reader = _Reader(data, box)
    count = reader.integer(4 if reader.version() else 2)
    for info in _boxes(data, reader.place, box.end):
        one = _Reader(data, info)
        version = one.version()
        if info.kind != b"infe" or version not in (2, 3):
            raise bad(_("the item at offset %(offset)s is described in an unknown way."), info.offset)
        item, protection, kind = one.integer(4 if version == 3 else 2), one.integer(2), one.read(4)
        one.text()
        media_type, encoding = (one.text(), one.text()) if kind == b"mime" else (_XMP, b"")
        known = kind in _PICTURES or kind in (b"Exif", b"mime")
        if not known or protection or media_type != _XMP or encoding or item in items.types:
            shown = repr(shown_name(kind.decode("latin-1")))
            raise bad(_("the item at offset %(offset)s, of type %(type)s, has no place."), info.offset, type=shown)
        items.types[item] = kind
    if len(items.types) != count or count > _MAX_ITEMS:
        raise bad(_("the items at offset %(offset)s are not as many as they claim."), box.offset)


def _read_extents(data: bytes, box: Box, inside: Box | None, items: _Items) -> None:
    """Read where each item's bytes are (14496-12, 8.11.3); refuse those in another file or in other items."""
    reader = _Reader(data, box)
    version = reader.version()
    sizes = reader.integer(2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version in (1, 2) else 0
    if version > 2 or not {offset_size, length_size, base_size, index_size} <= {0, 4, 8}:
        raise bad(_("the places of the items at offset %(offset)s are written in an unknown way."), box.offset)
    for _item in range(reader.integer(4 if version == 2 else 2)):
        place = reader.place
        item = reader.integer(4 if version == 2 else 2)
        method = reader.integer(2) & 15 if version else 0
        if reader.integer(2):
            raise _external(place)
        base, extents = reader.integer(base_size), []
        for _extent in range(reader.integer(2)):
            reader.integer(index_size)
            begin, length = base + reader.integer(offset_size), reader.integer(length_size)
            begin += inside.begin if method == 1 and inside else 0
            extents.append((begin, begin + length))
        if method > 1 or (method == 1 and inside is None) or item not in items.types or item in items.extents:
            raise bad(_("the item placed at offset %(offset)s has no place."), place)
        items.extents[item] = extents
        if sum(map(len, items.extents.values())) > _MAX_EXTENTS:
            raise bad(_("the AVIF is in more pieces than a picture needs at offset %(offset)s."), place)


def _read_references(data: bytes, box: Box, items: _Items) -> None:
    """Read which item refers to which (14496-12, 8.11.12)."""
    reader = _Reader(data, box)
    width = 4 if reader.version() else 2
    for one in _boxes(data, reader.place, box.end):
        inner = _Reader(data, one)
        source = inner.integer(width)
        targets = [inner.integer(width) for _target in range(inner.integer(2))]
        if not {source, *targets} <= items.types.keys():
            raise bad(_("the reference at offset %(offset)s names an item that is not there."), one.offset)
        items.references.append((one.kind, source, targets))
        if sum(len(targets) for _kind, _source, targets in items.references) > _MAX_EXTENTS:
            raise bad(_("the AVIF has more references than a picture needs at offset %(offset)s."), one.offset)


def _check_data_references(data: bytes, box: Box) -> None:
    """Refuse data in other files (14496-12, 8.7.2): each entry must say that it is this file."""
    for dref in _boxes(data, box.begin, box.end):
        if dref.kind != b"dref":
            raise _external(dref.offset)
        for entry in _boxes(data, dref.begin + 8, dref.end):
            if entry.kind not in (b"url ", b"urn ") or data[entry.begin : entry.end] != b"\0\0\0\1":
                raise _external(entry.offset)


def _external(offset: int) -> Refused:
    return at("picture-external", _("the AVIF refers to data in another file at offset %(offset)s."), offset)


def _check_properties(data: bytes, box: Box, limits: Limits) -> None:
    """Refuse unknown properties, and any size past the caps before a decoder makes room for it."""
    for part in _boxes(data, box.begin, box.end):
        if part.kind == b"ipma":
            continue
        if part.kind != b"ipco":
            _check_padding(data, part)
            continue
        for one in _boxes(data, part.begin, part.end):
            if one.kind not in _PROPERTIES:
                _check_padding(data, one)
            elif one.kind == b"ispe":
                reader = _Reader(data, one)
                reader.version()
                check_size(reader.integer(4), reader.integer(4), limits)


def _check_references(items: _Items) -> None:
    """Refuse items to which no way leads from the primary picture: what it is made of, and what describes it."""
    if items.types.get(items.primary) not in (b"av01", b"grid"):
        raise refused("picture-malformed", _("the AVIF names no picture as its primary item."), "pitm")
    reached, found = {items.primary}, 0
    while found != len(reached):
        found = len(reached)
        for kind, source, targets in items.references:
            if kind == b"dimg" and source in reached:
                reached.update(targets)
                continue
            # A tone map is made of the picture, and not the picture of it.
            describes = kind in (b"auxl", b"thmb", b"cdsc") or (kind == b"dimg" and items.types[source] == b"tmap")
            if describes and reached & set(targets):
                reached.add(source)
    if lost := sorted(items.types.keys() - reached):
        template = _("item %(item)s of the AVIF has no part in its picture.")
        raise refused("picture-hidden-data", template, f"item {lost[0]}", item=lost[0])


def _check_extents(items: _Items, stored: list[Box]) -> None:
    """Refuse extents outside the boxes that hold data, and bytes in those that no extent names."""
    extents = sorted(extent for extents in items.extents.values() for extent in extents)
    for begin, end in extents:
        if end <= begin or not any(box.begin <= begin and end <= box.end for box in stored):
            raise at("picture-truncated", _("an item's bytes are not in the AVIF at offset %(offset)s."), begin)
    for box in stored:
        place = box.begin
        for begin, end in extents:
            if box.begin <= begin < box.end:
                if begin > place:
                    break
                place = max(place, end)
        if place < box.end:
            raise at("picture-hidden-data", _("no item names the bytes of the AVIF at offset %(offset)s."), place)


def _check_obus(content: bytes, offset: int) -> None:
    """Refuse a coded picture that is padded or followed by anything (AV1, 5.3.1 and 5.3.2)."""
    place = 0
    while place < len(content):
        header = content[place]
        kind, extended, sized = header >> 3 & 15, header >> 2 & 1, header >> 1 & 1
        if header & 0x81 or kind not in _OBU_TYPES:
            template = _("the coded picture of the AVIF holds foreign data at offset %(offset)s.")
            raise at("picture-hidden-data", template, offset + place)
        place += 1 + extended
        size, shift = 0, 0
        while sized:
            if place >= len(content) or shift > 49:
                raise at("picture-truncated", _("an AVIF box is cut at offset %(offset)s."), offset + place)
            size |= (content[place] & 127) << shift
            place, shift, sized = place + 1, shift + 7, content[place] >> 7
            if not sized:
                place += size
                break
        else:
            return
    if place != len(content):
        raise at("picture-truncated", _("an AVIF box is cut at offset %(offset)s."), offset + place)
