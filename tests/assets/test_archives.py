"""Alice zips her files; the archive is read where it stands, and is what its members are."""

import hashlib
import io
import json
import random
import shutil
import struct
import subprocess
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.inspectors import zip_members
from assets.inspectors.archives import inspect_zip, members
from assets.inspectors.base import Inspection, Limits, Refused
from assets.inspectors.dispatch import inspect_file
from assets.inspectors.zip_bytes import read_entries
from tests.assets import makers as make
from tests.assets.hostile_cards import asset, card, charx
from tests.assets.zips import descriptor, member, zipped

FILES = {"sheet.png": make.picture(), "models/style.safetensors": make.lora(), "提示词/云.txt": "云海之上\n".encode()}


def written_by_library(files: Iterable[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED, **options: Any) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files:
            with archive.open(name, "w", **options) as member_file:
                member_file.write(data)
    return out.getvalue()


class Unseekable(io.RawIOBase):
    """A pipe: what is written is gone, and there is no going back."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.data += data
        return len(data)


def inspected(data: bytes, limits: Limits | None = None) -> dict[str, Any]:
    return inspect_zip(io.BytesIO(data), limits or Limits()).facts


def refusal_of(data: bytes, limits: Limits) -> str:
    with pytest.raises(Refused) as refusal:
        inspect_zip(io.BytesIO(data), limits)
    return refusal.value.findings[0].code


def outcome_of(data: bytes) -> Inspection | Refused:
    try:
        return inspect_zip(io.BytesIO(data), Limits())
    except Refused as refusal:
        return refusal


def test_an_archive_shows_each_member_and_what_it_is(tmp_path: Path) -> None:
    path = make.written(tmp_path, "world", written_by_library(FILES.items()))

    inspection = inspect_file(path, "world.zip")

    assert inspection.media_type == "application/zip"
    facts = inspection.facts
    lora = inspect_file(make.written(tmp_path, "lora", make.lora()), "style.safetensors").facts
    short = ("kind", "network", "base_family", "modules", "ranks", "tensor_root", "tensor_bag_root")
    assert facts == {
        "format": "worldloom/asset-facts/1",
        "kind": "archive",
        "count": 3,
        "size_bytes": sum(map(len, FILES.values())),
        "media_types": {"application/vnd.safetensors": 1, "image/png": 1, "text/plain": 1},
        "members": [
            {
                "path": "models/style.safetensors",
                "media_type": "application/vnd.safetensors",
                "size_bytes": len(make.lora()),
                "sha256": hashlib.sha256(make.lora()).hexdigest(),
                "facts": {name: lora[name] for name in short},
            },
            {
                "path": "sheet.png",
                "media_type": "image/png",
                "size_bytes": len(make.picture()),
                "sha256": hashlib.sha256(make.picture()).hexdigest(),
                "facts": {"kind": "picture", "width": 40, "height": 30},
            },
            {
                "path": "提示词/云.txt",
                "media_type": "text/plain",
                "size_bytes": 13,
                "sha256": hashlib.sha256("云海之上\n".encode()).hexdigest(),
                "facts": {"kind": "prompts", "prompts": 1, "languages": ["zh-Hans"]},
            },
        ],
    }


@pytest.mark.parametrize(
    "data",
    [
        written_by_library(FILES.items(), zipfile.ZIP_STORED),
        written_by_library(FILES.items(), force_zip64=True),
        written_by_library([("a/", b""), *FILES.items()]),
        zipped([descriptor(member())]),
        zipped([descriptor(member(), mark=False), member(name="b.txt")]),
        zipped([descriptor(member(), large=True), descriptor(member(name="b.txt"), large=True, mark=False)]),
        zipped([member(method=0)], comment="云海, made by Alice".encode()),
        zipped([member(comment=b"the first")]),
        zipped([member(extra=struct.pack("<HHBl", 0x5455, 5, 1, 0))]),
        zipped([member()], end64={}),
        zipped([member()], end={"here": 0xFFFF, "count": 0xFFFF, "begin": 0xFFFFFFFF}, end64={}),
        zipped([member(name="a.txt", data=b"a cat\n" * 9000)]),
        zipped([member(made_by=20, mode=0)]),
        zipped([member(name="a/", data=b"", mode=0o40755), member(name="a/b.txt")]),
    ],
)
def test_an_archive_of_any_honest_writer_is_read(data: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {info.filename: archive.read(info) for info in archive.infolist() if not info.is_dir()}

    facts = inspected(data)

    assert {m["path"]: m["sha256"] for m in facts["members"]} == {
        path: hashlib.sha256(body).hexdigest() for path, body in files.items()
    }


def test_an_archive_that_was_written_into_a_pipe_is_read() -> None:
    out = Unseekable()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[arg-type]
        for name, data in FILES.items():
            archive.writestr(name, data)

    assert inspected(bytes(out.data))["count"] == 3


@pytest.mark.skipif(shutil.which("zip") is None, reason="needs Info-ZIP")
def test_an_archive_of_info_zip_is_read(tmp_path: Path) -> None:
    for name, data in FILES.items():
        make.written(tmp_path / "in", name, data)
    subprocess.run(["zip", "-qr", "../out.zip", "."], cwd=tmp_path / "in", check=True)

    assert inspected((tmp_path / "out.zip").read_bytes())["count"] == 3


def test_the_members_can_be_read_one_after_the_other_by_path_and_by_file(tmp_path: Path) -> None:
    data = written_by_library(FILES.items())
    path = make.written(tmp_path, "world", data)

    for source in (path, io.BytesIO(data)):
        found = {name: (stream.read(), kind, facts["kind"]) for name, stream, kind, facts in members(source)}
        assert found == {
            "sheet.png": (make.picture(), "image/png", "picture"),
            "models/style.safetensors": (make.lora(), "application/vnd.safetensors", "weights"),
            "提示词/云.txt": ("云海之上\n".encode(), "text/plain", "prompts"),
        }


def test_a_card_archive_gives_its_assets_and_leaves_out_its_card(tmp_path: Path) -> None:
    data = charx(card(assets=[asset("embeded://assets/a.png")]), **{"a.png": make.png()})

    assert [(name, kind) for name, _stream, kind, _facts in members(io.BytesIO(data))] == [
        ("assets/a.png", "image/png")
    ]


@pytest.mark.parametrize("method", [0, 8])
def test_a_large_member_is_read_where_it_stands(method: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_members, "_HELD_BYTES", 1000)
    monkeypatch.setattr(zip_members, "_TAIL_BYTES", 2000)
    data = zipped([member(name="m.safetensors", data=make.lora(), method=method)])
    (entry,) = read_entries(io.BytesIO(data), Limits())

    with zip_members.opened(io.BytesIO(data), entry).stream as stream:
        assert stream.seek(-10, io.SEEK_END) == len(make.lora()) - 10
        assert stream.read() == make.lora()[-10:]
        assert stream.read(1) == b""
        stream.seek(100)
        assert stream.read(50) == make.lora()[100:150]
        stream.seek(5, io.SEEK_CUR)
        assert stream.read(5) == make.lora()[155:160]
        stream.seek(0)
        assert stream.read() == make.lora()
        with pytest.raises(ValueError):
            stream.seek(-1)

    assert inspected(data)["members"][0]["facts"]["network"] == "lora"


def test_the_limits_are_those_of_the_caller() -> None:
    three = zipped([member(name=f"{n}.txt", data=b"x" * 100) for n in range(3)])
    million = zipped([member(data=b"a cat\n" * 400_000)])

    assert inspected(three, Limits(archive_members=3, archive_member_bytes=100, archive_bytes=300))["count"] == 3
    assert refusal_of(three, Limits(archive_members=2)) == "archive-too-many"
    assert refusal_of(three, Limits(archive_member_bytes=99)) == "archive-member-too-large"
    assert refusal_of(three, Limits(archive_bytes=299)) == "archive-too-large"
    assert refusal_of(million, Limits(archive_ratio=1)) == "archive-bomb"


def test_every_bad_member_is_told_twenty_at_most() -> None:
    bad = zipped([member(name=f"{n}.exe", data=b"MZ") for n in range(30)] + [member(name="good.txt")])

    with pytest.raises(Refused) as refusal:
        inspect_zip(io.BytesIO(bad), Limits())

    assert [finding.code for finding in refusal.value.findings] == ["executable-refused"] * 20
    assert refusal.value.findings[0].message == "0.exe: the name ends in .exe: it is a program."


def test_facts_stay_moderate_when_members_are_many() -> None:
    many = zipped([member(name=f"{n:04}.txt", data=b"a cat", method=0) for n in range(2000)])

    facts = inspected(many)

    assert facts["count"] == len(facts["members"]) == 2000
    assert sum("facts" in one for one in facts["members"]) == 200
    assert len(json.dumps(facts)) < 400_000


GOOD = [
    written_by_library([("a.txt", b"a cat"), ("b/c.png", make.png())]),
    zipped([descriptor(member(data=b"a dog " * 50)), member(name="b.txt", method=0)], end64={}, comment=b"hello"),
    charx(card(assets=[asset("embeded://assets/a.png")]), **{"a.png": make.png()}),
]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(GOOD), st.randoms(use_true_random=False))
def test_a_changed_archive_is_refused_or_says_what_the_library_says(data: bytes, rng: random.Random) -> None:
    changed = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(changed))
        if rng.random() < 0.7:
            changed[at] ^= 1 << rng.randrange(8)
        elif rng.random() < 0.5:
            del changed[at : at + rng.randint(1, 6)]
        else:
            changed[at:at] = rng.randbytes(rng.randint(1, 6))
    outcome = outcome_of(bytes(changed))
    if isinstance(outcome, Refused):
        assert all(finding.message.isprintable() for finding in outcome.findings)
        return
    with zipfile.ZipFile(io.BytesIO(bytes(changed))) as archive:
        assert archive.testzip() is None
        digests = {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}
    assert {m["path"]: m["sha256"] for m in outcome.facts["members"]} == digests
