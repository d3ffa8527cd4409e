"""Every hostile file that the tests know, and a folder of them: `python -m tests.assets.hostile FOLDER`."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.assets.hostile_3d import HOSTILE_3D
from tests.assets.hostile_archives import archives
from tests.assets.hostile_cards import cards
from tests.assets.hostile_extensions import extensions
from tests.assets.hostile_file import RLO as RLO
from tests.assets.hostile_file import Hostile as Hostile
from tests.assets.hostile_names import names_and_kinds
from tests.assets.hostile_pictures import pictures
from tests.assets.hostile_prompts import prompts
from tests.assets.hostile_weights import weights

HOSTILE = [*weights(), *pictures(), *prompts(), *cards(), *archives(), *HOSTILE_3D, *extensions(), *names_and_kinds()]
assert len({(item.trick, item.name) for item in HOSTILE}) == len(HOSTILE)


def write_all(folder: Path) -> Iterator[Path]:
    """Writes each file into `folder` under a name for its trick, with the ending it is sent under; yields the paths.

    Files whose trick is their name keep their bytes and lose the trick, as no folder can hold it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for index, hostile in enumerate(HOSTILE):
        words = re.sub(r"[^a-z0-9]+", "-", hostile.trick.lower()).strip("-")
        ending = re.search(r"\.[A-Za-z0-9]+\Z", hostile.name)
        path = folder / f"{index:03}-{words}{ending.group() if ending else ''}"
        path.write_bytes(hostile.data)
        yield path


if __name__ == "__main__":
    print(sum(1 for _path in write_all(Path(sys.argv[1]))), "files")
