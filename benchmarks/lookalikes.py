"""How long it takes to find whose work a file is, among 100 000 fingerprints of each kind."""

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.figure import Figure, Figures

HOME = Path(__file__).resolve().parent.parent
COUNT = int(os.environ.get("LOOKALIKES", "100000"))
SEARCHES = 200
GOAL_MS = 200
KEY = hashlib.sha256(b"a benchmark's key").digest()
_AT_ONCE = 2000


def lookalike_search() -> Iterator[Figure]:
    """Times searches of each kind, half for copies and half for what nobody has published: p99 of the slowest kind."""
    with tempfile.TemporaryDirectory(prefix="worldloom-bench-") as folder:
        environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        try:
            searched = subprocess.run(
                [sys.executable, "-m", "benchmarks.lookalikes"],
                cwd=HOME,
                env=environment | {"WORLDLOOM_DATA": folder, "WORLDLOOM_PLAIN_STATIC": "1"},
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
        finally:
            from embedded.postgres import remove

            remove(Path(folder) / "postgres")
    said = json.loads(searched.stdout.splitlines()[-1])
    kinds = ", ".join(f"{kind} {p99:.0f} (half in {p50:.0f})" for kind, (p50, p99) in said.items())
    slowest = max(p99 for _p50, p99 in said.values())
    yield Figure("lookalike-search", slowest, "ms p99", f"{os.cpu_count()} cores; {kinds}", GOAL_MS)


def main() -> None:
    """This will print the median and the p99 of each kind in milliseconds, as one line of JSON."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "marketplace.settings"
    from embedded.postgres import ensure_database, server

    with contextlib.ExitStack() as stack:
        data = Path(os.environ["WORLDLOOM_DATA"])
        at = stack.enter_context(server(data / "postgres", durable=False))
        ensure_database(at, "worldloom")
        os.environ["DATABASE_URL"] = at.url("worldloom")  # as its owner, who may analyze tables and skip guards
        import django
        from django.conf import settings

        settings.FINGERPRINT_KEY = KEY.hex()
        django.setup()
        from django.core.management import call_command
        from django.db import connections

        stack.callback(connections.close_all)
        call_command("migrate", verbosity=0, interactive=False)
        _publish()
        print(json.dumps(_search()))


def _publish() -> None:
    """Writes the assets, and one fingerprint of each kind for every one of them."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO assets_blob (sha256, size_bytes, stored_at)"
            " SELECT encode(sha256(i::text::bytea), 'hex'), 1, now() FROM generate_series(1, %s) i",
            [COUNT],
        )
        cursor.execute(
            "INSERT INTO assets_asset (id, blob_id, media_type, facts, inspected_at)"
            " SELECT md5(i::text)::uuid, encode(sha256(i::text::bytea), 'hex'), 'image/png', '{}', now()"
            " FROM generate_series(1, %s) i",
            [COUNT],
        )
        for kind, made in _made().items():
            with cursor.copy("COPY assets_fingerprint (asset_id, member, kind, value) FROM STDIN") as copy:
                for start in range(0, COUNT, _AT_ONCE):
                    for number, value in enumerate(made(start, min(COUNT, start + _AT_ONCE)), start + 1):
                        asset = hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()
                        copy.write_row((asset, "", kind, value))
        # As autovacuum does after many rows were added.
        cursor.execute("VACUUM ANALYZE assets_fingerprint")


def _made() -> dict[str, Callable[[int, int], Iterator[bytes]]]:
    """Gives, by kind, what makes the values number `start` to `end`; the same number is always the same value."""
    from assets.originality import base, sketch

    def bytes_of(kind: str, size: int) -> Callable[[int, int], Iterator[bytes]]:
        def make(start: int, end: int) -> Iterator[bytes]:
            for number in range(start, end):
                yield hashlib.shake_128(f"{kind} {number}".encode()).digest(size)

        return make

    def pictures(width: int) -> Callable[[int, int], Iterator[bytes]]:
        def make(start: int, end: int) -> Iterator[bytes]:
            for number in range(start, end):
                looks, hashes = (16, 48) if number // _AT_ONCE % 2 else (8, 24)
                yield bytes([looks]) + hashlib.shake_128(f"picture {width} {number}".encode()).digest(hashes * width)

        return make

    head = sketch.VERSION.to_bytes(1) + sketch.key_id_of(KEY) + np.ones(3, "<f4").tobytes()

    def sketches(start: int, end: int) -> Iterator[bytes]:
        rng = np.random.Generator(np.random.SFC64(start))
        for _number in range(start, end):
            units = rng.standard_normal((3, sketch.WIDTH), np.float32)
            units /= np.linalg.norm(units, axis=1, keepdims=True)
            yield head + units.astype("<f2").tobytes()

    return {
        base.TENSOR_ROOT: bytes_of(base.TENSOR_ROOT, 32),
        base.TENSOR_BAG: bytes_of(base.TENSOR_BAG, 32),
        # Every second picture has a border, and with it twice as many looks and crops.
        base.PICTURE_PDQ: pictures(32),
        base.PICTURE_PHASH: pictures(8),
        base.PROMPTS_MINHASH: bytes_of(base.PROMPTS_MINHASH, 512),
        base.WEIGHTS_SKETCH: sketches,
    }


def _search() -> dict[str, tuple[float, float]]:
    from assets.originality import base, compare, weights_proof
    from assets.originality.sketch import key_id_of

    key_id = key_id_of(KEY)
    made = _made()
    searches: dict[str, Callable[[bytes, bytes], object]] = {
        base.TENSOR_ROOT: lambda value, _phash: list(compare.same_digest(base.TENSOR_ROOT, "", value, key_id)),
        base.TENSOR_BAG: lambda value, _phash: list(compare.same_digest(base.TENSOR_BAG, "", value, key_id)),
        base.PICTURE_PDQ: lambda value, phash: list(compare.same_picture("", value, phash, key_id)),
        base.PROMPTS_MINHASH: lambda value, _phash: compare.like_prompts(value, key_id),
        base.WEIGHTS_SKETCH: lambda value, _phash: weights_proof.suspects(value, "").order,
    }
    said = {}
    for kind, search in searches.items():
        search(next(made[kind](0, 1)), next(made[base.PICTURE_PHASH](0, 1)))
        taken = []
        for number in range(SEARCHES):
            # Every second one is known; the others stand behind the last that was published.
            at = number * (COUNT // SEARCHES) // _AT_ONCE * _AT_ONCE if number % 2 else COUNT + number * _AT_ONCE
            value, phash = _as_copy(kind, next(made[kind](at, at + 1))), next(made[base.PICTURE_PHASH](at, at + 1))
            began = time.perf_counter()
            found = search(value, phash)
            taken.append((time.perf_counter() - began) * 1000)
            if bool(found) != bool(number % 2):
                raise SystemExit(f"{kind} {at} was {'not ' if number % 2 else ''}found.")
        taken.sort()
        said[kind] = taken[SEARCHES // 2], taken[-1 - SEARCHES // 100]
    return said


def _as_copy(kind: str, value: bytes) -> bytes:
    """Gives the print of what a thief makes of it: a picture with a few other bits, weights mixed with others."""
    from assets.originality import base, sketch

    if kind == base.PICTURE_PDQ:
        crop = 1 + value[0] * 32
        return value[:1] + bytes([value[crop] ^ 7]) + value[crop + 1 : crop + 32] + value[33:]
    if kind == base.WEIGHTS_SKETCH:
        units = sketch.read_sketch(value).units
        mixed = units + 0.7 * np.roll(units, 1000, axis=1)
        mixed /= np.linalg.norm(mixed, axis=1, keepdims=True)
        return value[: -mixed.size * 2] + mixed.astype("<f2").tobytes()
    return value


FIGURES: Figures = {"lookalike-search": lookalike_search}

if __name__ == "__main__":
    main()
