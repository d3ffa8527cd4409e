"""Hostile archives: they climb, lie, swell, hide, link, and carry what nobody may bring in alone."""

import io
import pickle
import struct
import zipfile
import zlib
from collections.abc import Sequence

from tests.assets import makers as make
from tests.assets.hostile_file import RLO, Hostile
from tests.assets.zips import Member, descriptor, member, zipped

_MIB = 1024 * 1024


def _nested(levels: int) -> bytes:
    data = zipped([member()])
    for _level in range(levels):
        data = zipped([member(name="inner.zip", data=data)])
    return data


def _quine_like() -> bytes:
    """Returns two members that share one body, as the bombs do that need no nesting."""
    kernel = zlib.compress(bytes(_MIB), 9)[2:-4]
    shared = member(name="a.txt", data=bytes(_MIB), packed=kernel)
    twin = member(name="b.txt", data=bytes(_MIB), packed=b"", central={"begin": 0, "packed": len(kernel)})
    return zipped([shared, twin])


def _paths() -> list[tuple[str, str, bytes]]:
    def one(name: str | bytes, **fields: object) -> bytes:
        return zipped([member(name=name, **fields)])

    def two(*names: str) -> bytes:
        return zipped([member(name=name) for name in names])

    return [
        ("slip", "path-climbs", one("../evil.txt")),
        ("slip in the middle", "path-climbs", one("a/../../evil.txt")),
        ("dot as a folder", "path-climbs", one("./a.txt")),
        ("two slashes", "path-climbs", one("a//b.txt")),
        ("absolute path", "path-absolute", one("/etc/cron.d/evil.txt")),
        ("backslash path", "path-backslash", one("..\\..\\evil.txt")),
        ("drive path", "path-reserved", one("C:/evil.txt")),
        ("device path", "path-reserved", one("folder/nul.txt")),
        ("stream of a file", "path-reserved", one("a.txt:evil")),
        ("space behind the name", "path-reserved", one("a.txt ")),
        ("NUL in a path", "path-hidden-character", one("a.png\0.txt")),
        ("line feed in a path", "path-hidden-character", one("a\nb.txt")),
        ("bidi override in a path", "path-hidden-character", one(f"a{RLO}gnp.txt")),
        ("decomposed path", "path-not-nfc", one("e\u0301.txt")),
        ("path of 300", "path-too-long", one("n" * 300 + ".txt")),
        ("empty path", "path-empty", one("")),
        ("only a slash", "path-empty", one("/", data=b"")),
        ("path not UTF-8", "archive-name-not-utf8", one(b"\xb0\xa1.txt")),
        ("overlong slash in a path", "archive-name-not-utf8", one(b"..\xc0\xafevil.txt")),
        ("same path twice", "path-twice", two("a.txt", "a.txt")),
        ("same path in another case", "path-twice", two("a.txt", "A.TXT")),
        ("same path in full width", "path-twice", two("a.txt", "\uff41.txt")),
        ("file and folder of one name", "path-is-folder", two("a.txt", "a.txt/b.txt")),
        (
            "folder twice",
            "path-twice",
            zipped([member(name="a/", data=b"", mode=0o40755)] * 2 + [member(name="a/b.txt")]),
        ),
        (
            "folder that is a file",
            "path-twice",
            zipped([member(name="a.txt"), member(name="A.txt/", data=b"", mode=0o40755)]),
        ),
        ("second name in an extra field", "archive-name-differs", one("a.txt", extra=_unicode_path(b"../a.txt"))),
        ("leftover of macOS", "archive-junk", two("a.txt", "__MACOSX/._a.txt")),
        ("leftover of the Finder", "archive-junk", one(".DS_Store")),
        ("leftover of Windows", "archive-junk", one("art/Thumbs.db")),
    ]


def _unicode_path(name: bytes) -> bytes:
    return struct.pack("<HHBL", 0x7075, 5 + len(name), 1, 0) + name


def _kinds() -> list[tuple[str, str, bytes]]:
    def one(name: str, data: bytes, **fields: object) -> bytes:
        return zipped([member(name="good.txt"), member(name=name, data=data, **fields)])

    return [
        ("symlink", "archive-symlink", one("link.txt", b"/etc/passwd", mode=0o120777)),
        ("symlink stored", "archive-symlink", one("link.txt", b"../a", mode=0o120777, method=0)),
        ("character device", "archive-device", one("tty.txt", b"", mode=0o20666)),
        ("block device", "archive-device", one("disk.txt", b"", mode=0o60666)),
        ("pipe", "archive-device", one("pipe.txt", b"", mode=0o10666)),
        ("socket", "archive-device", one("sock.txt", b"", mode=0o140666)),
        ("folder with bytes", "archive-malformed", one("a/", b"hidden", mode=0o40755)),
        ("folder without slash", "archive-malformed", one("a.txt", b"", mode=0o40755)),
        ("folder without slash on DOS", "archive-malformed", one("a.txt", b"", made_by=20, central={"external": 0x10})),
        ("encrypted", "archive-encrypted", one("a.txt", b"x" * 20, flags=1)),
        ("strongly encrypted", "archive-encrypted", one("a.txt", b"x" * 20, flags=0x41)),
        ("encrypted directory", "archive-encrypted", one("a.txt", b"x" * 20, flags=0x2000)),
        ("AES encrypted", "archive-encrypted", one("a.txt", b"x" * 20, method=99)),
        ("zip in a zip", "archive-nested", one("b.zip", zipped([member()]))),
        ("zip in a zip, stored", "archive-nested", one("b.zip", zipped([member()]), method=0)),
        ("card archive in a zip", "archive-nested", one("b.charx", zipped([member()]))),
        ("zip as .txt in a zip", "archive-nested", one("b.txt", zipped([member()]))),
        ("forty levels of zip", "archive-nested", _nested(40)),
        ("7z in a zip", "archive-refused", one("b.7z", b"7z\xbc\xaf\x27\x1c" + bytes(20))),
        ("gzip in a zip as .txt", "archive-refused", one("b.txt", b"\x1f\x8b\x08" + bytes(20))),
        ("pickle in a zip", "pickle-refused", one("model.ckpt", pickle.dumps({"a": 1}))),
        ("pickle in a zip as .txt", "pickle-refused", one("a.txt", b"cos\nsystem\n(S'id'\ntR.")),
        (
            "torch file as .zip",
            "pickle-refused",
            zipped([member(name="archive/data.pkl", data=pickle.dumps({"a": 1}))]),
        ),
        ("program in a zip", "executable-refused", one("setup.exe", b"MZ")),
        ("program in a zip as .txt", "executable-refused", one("readme.txt", b"\x7fELF" + bytes(60))),
        ("shell script in a zip", "executable-refused", one("a.txt", b"#!/bin/sh\n")),
        ("SVG in a zip", "markup-refused", one("art.svg", b"<svg/>")),
        ("HTML in a zip as .txt", "markup-refused", one("a.txt", b"<!doctype html><script>1</script>")),
        ("GIF in a zip", "type-not-accepted", one("a.gif", make.picture("GIF"))),
        ("no ending in a zip", "type-not-accepted", one("README", b"read me")),
        ("empty file in a zip", "file-empty", one("a.txt", b"")),
        ("PNG with a tail in a zip", "picture-trailing", one("a.png", make.picture() + b"tail")),
        ("weights with NaN in a zip", "weights-not-finite", one("m.safetensors", make.safetensors(_NAN))),
        ("prompts with bidi in a zip", "text-forbidden-character", one("p.txt", f"a {RLO}tac".encode())),
        ("PDF at the start", "polyglot", zipped([member(name="a.txt", data=b"%PDF-1.7\n", method=0)])),
    ]


_NAN = {"t": ("F32", [1], struct.pack("<f", float("nan")))}


def _bombs() -> list[tuple[str, str, bytes]]:
    def zeros(count: int, times: int = 1, **fields: object) -> bytes:
        return zipped([member(name=f"{n}.txt", data=bytes(count), **fields) for n in range(times)])

    small = member(name="a.txt", data=b"cat " * 100)
    liar = member(name="a.txt", data=bytes(8 * _MIB), local={"size": 5}, central={"size": 5})
    short = member(name="a.txt", data=b"a cat", local={"size": 9}, central={"size": 9})
    return [
        ("bomb of 20 MiB", "archive-bomb", zeros(20 * _MIB)),
        ("bomb of many small ones", "archive-bomb", zeros(_MIB, 40)),
        ("two members over one body", "archive-overlap", _quine_like()),
        ("claims 4 GiB", "archive-member-too-large", zipped([_claims(small, 2**32 - 2)])),
        ("claims 5 bytes, holds 8 MiB", "archive-size-lies", zipped([liar])),
        ("claims 9 bytes, holds 5", "archive-size-lies", zipped([short])),
        (
            "3 000 members",
            "archive-too-many",
            zipped([member(name=f"{n}.txt", data=b"x", method=0) for n in range(3000)]),
        ),
        ("claims 60 000 members", "archive-too-many", zipped([member()], end={"here": 60_000, "count": 60_000})),
        ("wrong checksum", "archive-checksum", zipped([member(local={"crc": 7}, central={"crc": 7})])),
        ("noise for a body", "archive-damaged", zipped([member(packed=b"\xff" * 40)])),
        (
            "body cut short",
            "archive-damaged",
            zipped([member(data=b"a cat " * 9, packed=member(data=b"a cat " * 9).body[:-2])]),
        ),
        ("bytes behind the body's end", "archive-hidden-data", zipped([member(packed=member().body + b"secret")])),
        ("bzip2", "archive-method", zipped([member(method=12)])),
        ("made for a program of the future", "archive-method", zipped([member(central={"needed": 99})])),
        ("zstd", "archive-method", zipped([member(method=93)])),
        ("patched data", "archive-method", zipped([member(flags=0x20)])),
    ]


def _claims(one: Member, size: int) -> Member:
    return member(name=one.name, data=one.data, local={"size": size}, central={"size": size})


def _containers() -> list[tuple[str, str, bytes]]:
    good, other = member(), member(name="b.txt", data=b"a dog")
    plain = zipped([good, other])
    return [
        ("bytes in front", "content-not-as-named", zipped([good], front=b"stub")),
        ("program in front", "executable-refused", zipped([good], front=b"MZ\x90 a stub")),
        ("bytes in front, told", "archive-hidden-data", zipped([good], front=zipped([good])[:43])),
        ("bytes between members", "archive-hidden-data", zipped([good, member(name="b.txt", before=b"secret")])),
        ("bytes before the directory", "archive-hidden-data", zipped([good], between=b"secret")),
        ("bytes behind the end", "archive-trailing", plain + b"secret"),
        ("picture behind the end", "archive-trailing", plain + make.picture()),
        ("second end behind the end", "archive-malformed", plain + zipped([])),
        ("two archives behind each other", "archive-malformed", plain + plain),
        ("comment of noise", "archive-hidden-data", zipped([good], comment=b"\x00\x01\x02")),
        ("comment of a page", "archive-hidden-data", zipped([good], comment=b"word " * 200)),
        ("comment that lies", "archive-trailing", zipped([good], comment=b"hello", end={"comment": 2})),
        ("comment past the end", "archive-trailing", zipped([good], end={"comment": 500})),
        ("comment with another end in it", "archive-malformed", zipped([good], comment=zipped([]))),
        ("member's comment of noise", "archive-hidden-data", zipped([member(comment=b"\xff\xfe")])),
        ("no directory", "archive-truncated", plain[:60]),
        ("cut in the end", "archive-truncated", plain[:-4]),
        ("only an end", "archive-empty", zipped([])),
        ("folders only", "archive-empty", zipped([member(name="a/", data=b"", mode=0o40755)])),
        ("directory elsewhere", "archive-malformed", zipped([good], end={"begin": 5})),
        ("directory shorter than told", "archive-truncated", zipped([good], end={"here": 2, "count": 2})),
        ("directory longer than told", "archive-malformed", zipped([good, other], end={"here": 1, "count": 1})),
        ("two counts", "archive-split", zipped([good], end={"here": 1, "count": 2})),
        ("second part of an archive", "archive-split", zipped([good], end={"disk": 1, "first": 1})),
        ("member in another part", "archive-split", zipped([member(central={"disk": 3})])),
    ]


def _members() -> list[tuple[str, str, bytes]]:
    good = member()
    begin = 30 + len("a.txt") + len(good.body)
    swapped = [member(central={"name": b"b.txt"}), member(name="b.txt", central={"name": b"a.txt"})]
    sized = {"crc": 0, "packed": 0, "size": 0}
    nine = {"size": 4}
    return [
        (
            "extra field of 2 KiB",
            "archive-hidden-data",
            zipped([member(extra=struct.pack("<HH", 0xCAFE, 2000) + bytes(2000))]),
        ),
        (
            "extra field past its end",
            "archive-malformed",
            zipped([member(extra=struct.pack("<HH", 0xCAFE, 50) + b"x")]),
        ),
        (
            "rest behind extra fields",
            "archive-hidden-data",
            zipped([member(extra=struct.pack("<HHL", 9, 4, 1) + b"xyz")]),
        ),
        ("local name differs", "archive-inconsistent", zipped([member(local={"name": b"evil.exe"})])),
        ("names swapped", "archive-inconsistent", zipped(swapped)),
        ("local size differs", "archive-inconsistent", zipped([member(local={"size": 4})])),
        ("local checksum differs", "archive-inconsistent", zipped([member(local={"crc": 1})])),
        ("local method differs", "archive-inconsistent", zipped([member(local={"method": 0})])),
        ("local flags differ", "archive-inconsistent", zipped([member(local={"flags": 2})])),
        ("local says encrypted", "archive-inconsistent", zipped([member(local={"flags": 1})])),
        ("stored sizes differ", "archive-inconsistent", zipped([member(method=0, local=nine, central=nine)])),
        ("descriptor lies", "archive-inconsistent", zipped([descriptor(good, size=6)])),
        ("descriptor missing", "archive-inconsistent", zipped([member(flags=8, local=sized)])),
        ("member past the end", "archive-overlap", zipped([member(local={"packed": 9999}, central={"packed": 9999})])),
        ("header not where told", "archive-hidden-data", zipped([member(central={"begin": 4})])),
        ("members overlap", "archive-overlap", zipped([good, member(name="b.txt", central={"begin": begin - 8})])),
        ("one body for two names", "archive-overlap", zipped([good, member(name="b.txt", central={"begin": 0})])),
    ]


def _zip64() -> list[tuple[str, str, bytes]]:
    good = member()
    true = struct.pack("<HHQQ", 1, 16, 5, len(good.body))
    wrong = struct.pack("<HHQQ", 1, 16, 99, len(good.body))
    whole = struct.pack("<HHQQQ", 1, 24, 99, len(good.body), 0)
    full = {"packed": 0xFFFFFFFF, "size": 0xFFFFFFFF}
    many, too_many = {"here": 0xFFFF, "count": 0xFFFF}, {"here": 2**63, "count": 2**63}
    return [
        ("Zip64 end that differs", "archive-inconsistent", zipped([good], end64={"here": 2, "count": 2})),
        ("Zip64 end elsewhere", "archive-malformed", zipped([good], end64={"at": 0})),
        ("Zip64 end with a tail", "archive-malformed", zipped([good], end64={"size": 500})),
        ("Zip64 end of 2^63 members", "archive-too-many", zipped([good], end=many, end64=too_many)),
        ("Zip64 end on another disk", "archive-malformed", zipped([good], end64={"disk": 2})),
        ("Zip64 end told to be on another disk", "archive-malformed", zipped([good], end64={"locator": 2})),
        ("Zip64 sizes that differ", "archive-inconsistent", zipped([member(central_extra=whole)])),
        ("Zip64 sizes missing", "archive-malformed", zipped([member(central=full, local=full)])),
        ("Zip64 local sizes lie", "archive-inconsistent", zipped([member(extra=wrong, central_extra=b"", local=full)])),
        (
            "Zip64 field too short",
            "archive-malformed",
            zipped([member(extra=true[:2] + b"\4\0" + bytes(4), central=full)]),
        ),
        ("Zip64 size of 2^62", "archive-member-too-large", zipped([_huge(good)])),
    ]


def _huge(one: Member) -> Member:
    extra = struct.pack("<HHQQ", 1, 16, 2**62, len(one.body))
    full = {"packed": 0xFFFFFFFF, "size": 0xFFFFFFFF}
    return member(extra=extra, central=full, local=full)


def _made_by_others() -> list[tuple[str, str, bytes]]:
    """Returns archives that the standard library wrote, in case our own writer shares a mistake with our reader."""

    def written(names: Sequence[tuple[str, bytes]]) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in names:
                archive.writestr(name, data)
        return out.getvalue()

    return [
        ("slip by the library", "path-climbs", written([("good.txt", b"a cat"), ("../../evil.txt", b"evil")])),
        ("bomb by the library", "archive-bomb", written([("a.txt", bytes(20 * _MIB))])),
        ("zip in a zip by the library", "archive-nested", written([("a.zip", written([("a.txt", b"x")]))])),
        ("program by the library", "executable-refused", written([("run.bat", b"del *")])),
    ]


def _seen_from_the_front() -> list[tuple[str, str, bytes]]:
    """Returns a stored picture with its size behind it, in which a reader from the front sees its end and a program."""
    evil = member(name="run.exe", data=b"MZ")
    other = b"PK\7\x08" + struct.pack("<LLL", 0, 0, 0) + zipped([evil])[: 30 + len("run.exe") + 2]
    picture = make.png(make.png_chunk(b"abCd", other))
    return [
        (
            "members in a member",
            "archive-hidden-data",
            zipped([descriptor(member(name="a.png", data=picture, method=0))]),
        )
    ]


def archives() -> list[Hostile]:
    cases = [*_paths(), *_kinds(), *_bombs(), *_containers(), *_members(), *_zip64(), *_made_by_others()]
    cases += _seen_from_the_front()
    return [Hostile(trick, "world.zip", code, data) for trick, code, data in cases]
