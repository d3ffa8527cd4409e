"""The index of look-alikes forgets nothing that is in the table, however its files, processes and threads fare."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.db import connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.models import Asset, Blob, Fingerprint
from assets.originality import index, index_files, index_rows, pictures, prompts, sketch
from assets.originality.base import PICTURE_PDQ, PROMPTS_MINHASH, TENSOR_ROOT, WEIGHTS_SKETCH
from assets.originality.index import Index
from assets.originality.index_files import Segment
from tests.assets.door import NOW

KEY_ID = bytes(8)
HASH = st.binary(min_size=32, max_size=32)


def digest(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()


def publish(number: int, kind: str = TENSOR_ROOT, value: bytes | None = None, **fields: Any) -> int:
    """Writes a fingerprint of an asset of its own and returns its id."""
    sha256 = digest(number).hex()
    Blob.objects.get_or_create(sha256=sha256, size_bytes=1, stored_at=NOW)
    asset, _new = Asset.objects.get_or_create(
        blob_id=sha256, media_type="image/png", defaults={"facts": {}, "inspected_at": NOW}
    )
    return Fingerprint.objects.create(asset=asset, kind=kind, value=value or digest(number), **fields).pk


def found(of: Index, value: bytes) -> list[int]:
    return of.search(lambda rows: index_rows.same_digests(rows, value))


@pytest.fixture
def new(tmp_path: Path) -> Callable[..., Index]:
    """Starts the index as another process would, on the same folder."""
    return lambda kind=TENSOR_ROOT, key_id=KEY_ID: Index(tmp_path / "index" / kind, kind, key_id)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes segments of four fingerprints."""
    monkeypatch.setattr(index, "_SEGMENT_FINGERPRINTS", 4)
    monkeypatch.setattr(index, "_FETCHED_AT_ONCE", 4)


def segments(of: Index) -> list[int]:
    return index_files.numbers(of.folder)


@pytest.mark.django_db
def test_what_was_written_a_moment_ago_is_found_and_nothing_else(new: Callable[..., Index]) -> None:
    here = new()
    assert found(here, digest(1)) == []

    first = publish(1)
    second = publish(2)
    assert (found(here, digest(1)), found(here, digest(2)), found(here, digest(3))) == ([first], [second], [])

    third = publish(3)
    assert (found(here, digest(3)), here.count(), new().count()) == ([third], 3, 3)


@pytest.mark.django_db
def test_an_id_that_commits_after_later_ones_is_found(new: Callable[..., Index]) -> None:
    publish(1, id=500)
    here = new()
    assert here.count() == 1

    publish(2, id=499)

    assert found(here, digest(2)) == [499]


@pytest.mark.django_db
def test_what_was_rolled_back_is_forgotten(new: Callable[..., Index]) -> None:
    here = new()
    publish(1)
    with transaction.atomic():
        gone = publish(2)
        assert found(here, digest(2)) == [gone]
        transaction.set_rollback(True)

    assert (found(here, digest(2)), here.count()) == ([], 1)


@pytest.mark.django_db
def test_segments_are_written_and_the_next_process_reads_them(new: Callable[..., Index], short: None) -> None:
    ids = [publish(number) for number in range(10)]
    here = new()
    assert [found(here, digest(number)) for number in range(10)] == [[id_] for id_ in ids]
    assert segments(here) == [1, 2]

    there = new()
    late = publish(10)

    assert [found(there, digest(number)) for number in range(11)] == [[id_] for id_ in [*ids, late]]
    assert [len(segment.ids) for segment in there._segments.values()] == [4, 4]
    assert there._tail.ids.tolist() == [ids[8], ids[9], late]


@pytest.mark.django_db
def test_two_processes_write_each_fingerprint_once(new: Callable[..., Index], short: None) -> None:
    here, there = new(), new()
    for number in range(9):
        publish(number)
        assert len(found(here, digest(number))) == len(found(there, digest(number))) == 1

    assert segments(here) == [1, 2]
    written = [id_ for segment in there._segments.values() for id_ in segment.ids.tolist()]
    assert len(written) == len(set(written)) == 8
    assert (here.count(), there.count(), new().count()) == (9, 9, 9)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        lambda data: data[:4100] + bytes([data[4100] ^ 1]) + data[4101:],
        lambda data: b"",
        lambda data: b"{}".ljust(4096) + data[4096:],
        lambda data: data[:4096],
        lambda data: data.replace(b"tensor-root", b"tensor-bag ", 1),
        lambda data: data.replace(b"segment/1", b"segment/2", 1),
    ],
)
def test_a_damaged_segment_is_made_again(
    new: Callable[..., Index], short: None, damage: Callable[[bytes], bytes]
) -> None:
    ids = [publish(number) for number in range(5)]
    assert found(new(), digest(0)) == [ids[0]]
    place = new().folder / "00000001.segment"
    place.write_bytes(damage(place.read_bytes()))

    there = new()

    assert [found(there, digest(number)) for number in range(5)] == [[id_] for id_ in ids]
    assert index_files.read(there.folder, 1, TENSOR_ROOT, 8).ids.tolist() == ids[:4]


@pytest.mark.django_db
def test_an_index_of_another_database_is_made_again(new: Callable[..., Index], short: None) -> None:
    publish(1, id=1)
    here = new()
    ids = np.arange(1, 5)
    here.folder.mkdir(parents=True)
    index_files.write(here.folder, 1, TENSOR_ROOT, Segment(ids, np.full((4, 8), 7, np.uint8)))

    assert found(here, digest(1)) == [1]
    assert (found(here, bytes([7]) * 32), segments(here)) == ([], [])


@pytest.mark.django_db
def test_without_a_folder_to_write_to_the_index_still_finds(
    new: Callable[..., Index], short: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(index_files, "write", full)
    ids = [publish(number) for number in range(9)]
    here = new()

    assert [found(here, digest(number)) for number in range(9)] == [[id_] for id_ in ids]
    assert segments(here) == []


@pytest.mark.django_db
def test_a_sketch_under_another_key_is_counted_and_never_near(new: Callable[..., Index]) -> None:
    rng = np.random.Generator(np.random.PCG64(1))
    units = rng.standard_normal((3, sketch.WIDTH)).astype(np.float32)
    units /= np.linalg.norm(units, axis=1, keepdims=True)

    def value(key_id: bytes) -> bytes:
        return b"\x01" + key_id + np.ones(3, "<f4").tobytes() + units.astype("<f2").tobytes()

    foreign = publish(1, WEIGHTS_SKETCH, value(b"otherkey"))
    ours = publish(2, WEIGHTS_SKETCH, value(KEY_ID))
    here = new(WEIGHTS_SKETCH)

    near = here.search(lambda rows: index_rows.like_sketches(rows, units))
    assert (here.count(), near[0], set(near) - {foreign}) == (2, ours, {ours})
    _at, alike = index_rows.like_sketches(here._tail.rows, units)
    assert np.abs(alike[0]).max() == 0
    assert alike[1] / alike[1].max() == pytest.approx(1, abs=0.2)


def test_committed_rows_are_found_by_threads_at_once(
    committed: None, new: Callable[..., Index], at_once: Callable[..., list[Any]]
) -> None:
    here = new()

    def bring(number: int) -> list[int]:
        publish(number)
        return found(here, digest(number))

    said = at_once(*[lambda number=number: bring(number) for number in range(4)])

    expected = dict(Fingerprint.objects.values_list("value", "id"))
    assert said == [[expected[digest(number)]] for number in range(4)]
    connection.close()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(HASH, min_size=1, max_size=5), min_size=1, max_size=12),
    st.lists(HASH, min_size=8, max_size=8),
    st.integers(0, 40),
    st.data(),
)
def test_pictures_are_found_as_by_comparing_every_bit(
    crops: list[list[bytes]], looks: list[bytes], flips: int, data: st.DataObject
) -> None:
    # One of the crops is made to differ from a look in a few bits, which chance never does.
    copy = bytearray(looks[3])
    for bit in data.draw(st.lists(st.integers(0, 255), max_size=flips)):
        copy[bit // 8] ^= 1 << bit % 8
    crops[0][0] = bytes(copy)
    query = bytes([8]) + b"".join(looks) + bytes(32)
    values = [bytes([8]) + bytes(8 * 32) + b"".join(hashes) for hashes in crops]
    rows = np.concatenate([index_rows.rows_of(PICTURE_PDQ, value, KEY_ID) for value in values])

    at, near = index_rows.like_pictures(rows, query)

    low = [31 - 2 * wave for wave in range(8)]
    wanted: dict[int, int] = {}
    for number, crop in enumerate(hash_ for hashes in crops for hash_ in hashes):
        for look in looks:
            differing = [(a ^ b).bit_count() for a, b in zip(look, crop, strict=True)]
            if sum(differing) <= pictures.PDQ_BITS_IF_CONFIRMED and sum(differing[byte] for byte in low) <= 20:
                wanted[number] = min(sum(differing), wanted.get(number, 256))
    assert {
        number: min(-int(n) for m, n in zip(at, near[:, 0], strict=True) if m == number) for number in at.tolist()
    } == wanted


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.integers(0, 128), min_size=1, max_size=30))
def test_prompts_are_found_by_the_minima_they_share(seed: int, shared: list[int]) -> None:
    rng = np.random.Generator(np.random.PCG64(seed))
    query = rng.integers(0, 2**32, prompts.MINIMA, dtype=np.uint32)
    values = []
    for count in shared:
        # The last byte of every other minimum is made another, so that none is equal by chance.
        other = query ^ np.where(np.arange(prompts.MINIMA) < count, 0, rng.integers(1, 256, prompts.MINIMA))
        values.append(other.astype("<u4").tobytes())
    rows = np.concatenate([index_rows.rows_of(PROMPTS_MINHASH, value, KEY_ID) for value in values])

    at, near = index_rows.like_prompts(rows, query.astype("<u4").tobytes())

    expected = {number: count for number, count in enumerate(shared) if count >= 32}
    assert dict(zip(at.tolist(), near[:, 0].astype(int).tolist(), strict=True)) == expected


def test_a_segment_is_read_as_it_was_written(tmp_path: Path) -> None:
    ids, rows = np.array([3, 3, 9]), np.arange(24, dtype=np.uint8).reshape(3, 8)
    index_files.write(tmp_path, 7, TENSOR_ROOT, Segment(ids, rows))

    again = index_files.read(tmp_path, 7, TENSOR_ROOT, 8)

    assert (again.ids.tolist(), again.rows.tolist()) == (ids.tolist(), rows.tolist())
    assert index_files.numbers(tmp_path) == [7]
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["00000007.segment"]
    with pytest.raises(ValueError, match="another kind"):
        index_files.read(tmp_path, 7, PICTURE_PDQ, 32)
    with pytest.raises(ValueError, match="cannot be read"):
        index_files.read(tmp_path, 8, TENSOR_ROOT, 8)


@pytest.mark.parametrize(
    ("kind", "value"),
    [(PICTURE_PDQ, b""), (PICTURE_PDQ, b"\x08" + bytes(33)), (PROMPTS_MINHASH, bytes(511)), (WEIGHTS_SKETCH, b"\x02")],
)
def test_what_is_no_fingerprint_is_refused(kind: str, value: bytes) -> None:
    with pytest.raises(ValueError, match="not a"):
        index_rows.rows_of(kind, value, KEY_ID)
