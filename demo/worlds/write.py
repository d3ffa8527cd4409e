"""Writing the folders: whole or not at all, and never twice."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from demo.worlds.contents import PACKS, Pack

SOURCES = Path(__file__).with_name("sources")
STAMP_FORMAT = "worldloom/demo-stamp/1"
THREADS = 2


@dataclass(frozen=True)
class WorldFolder:
    """A pack that stands on disk, ready for `publish`: who publishes it, its handle, its folder."""

    creator: str
    handle: str
    path: Path


def write(
    folder: Path, packs: Sequence[Pack] = PACKS, progress: Callable[[str], None] = lambda name: None
) -> list[WorldFolder]:
    """Draw every pack into `folder/<creator>/<handle>` and give them in the order in which they can be published.

    A pack that is complete and was written by this same code is left alone. One that was interrupted, changed or
    written by other code is drawn anew beside its place and moved there whole. `progress` hears each name drawn.
    """
    written = []
    for pack in packs:
        place = place_of(folder, pack)
        if not is_written(folder, pack):
            progress(pack.name)
            _draw(pack, place, _stamp_of(folder, pack))
        written.append(WorldFolder(pack.creator, pack.handle, place))
    return written


def place_of(folder: Path, pack: Pack) -> Path:
    """Say where `write` puts the pack."""
    return folder / pack.creator / pack.handle


def is_written(folder: Path, pack: Pack) -> bool:
    """Tell whether the pack stands there whole, as this same code writes it."""
    return _is_complete(place_of(folder, pack), _stamp_of(folder, pack))


def _stamp_of(folder: Path, pack: Pack) -> Path:
    return folder / pack.creator / f".{pack.handle}.stamp.json"


def _draw(pack: Pack, place: Path, stamp: Path) -> None:
    """Draw into a folder beside `place`, then replace it; the stamp comes last and says that all is there."""
    stamp.unlink(missing_ok=True)
    beside = place.with_name(f".{pack.handle}.writing")
    shutil.rmtree(beside, ignore_errors=True)
    shutil.copytree(SOURCES / pack.creator / pack.handle, beside, copy_function=shutil.copyfile)
    paths = (*pack.pictures, *pack.models)
    # Most of the drawing runs outside the interpreter's lock; what is drawn does not depend on the order.
    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        for path, content in zip(paths, pool.map(pack.drawn, paths), strict=True):
            target = beside / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    shutil.rmtree(place, ignore_errors=True)
    beside.rename(place)
    said = {"format": STAMP_FORMAT, "code": code_digest(), "files": _digests(place)}
    half = stamp.with_suffix(".writing")
    half.write_text(json.dumps(said, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    half.replace(stamp)


def _is_complete(place: Path, stamp: Path) -> bool:
    try:
        said = json.loads(stamp.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(said, dict) and said.get("code") == code_digest() and said.get("files") == _digests(place)


def _digests(place: Path) -> dict[str, str]:
    """The SHA-256 of every file below `place`, by its path."""
    files = sorted(path for path in place.rglob("*") if path.is_file())
    return {path.relative_to(place).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@lru_cache(maxsize=1)
def code_digest() -> str:
    """Name the state of everything that draws and writes: the art, the weights, the sources."""
    home = Path(__file__).parents[1]
    files = [home / "weights.py", *sorted((home / "art").glob("*.py")), *sorted((home / "worlds").glob("*.py"))]
    files += sorted(path for path in SOURCES.rglob("*") if path.is_file())
    digest = hashlib.sha256()
    for path in files:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(home).as_posix()} {content}\n".encode())
    return digest.hexdigest()


def main(words: Sequence[str]) -> None:
    """`python -m demo.worlds.write FOLDER [NUMBER OF]`: write all packs, or every OFth beginning with NUMBER."""
    number, of = (int(words[1]), int(words[2])) if len(words) == 3 else (0, 1)
    write(Path(words[0]), PACKS[number::of])


if __name__ == "__main__":
    main(sys.argv[1:])
