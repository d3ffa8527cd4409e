"""The browser's PDQ against the server's, run by Node on the same luminances."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from assets.originality import pictures

SOURCE = Path(__file__).parents[2] / "marketplace/ui/static/ui/js/picture-print.js"
SHAPES = [(64, 64), (128, 96), (100, 333), (512, 512), (7, 300)]
ASK = """
const told = JSON.parse(require("fs").readFileSync(0, "utf8"))
  .map(({ luma, width, height }) => looksOfLuma(Float64Array.from(luma), width, height));
console.log(JSON.stringify(told));
"""


def luma_of(rows: int, columns: int) -> np.ndarray:
    """Waves and noise, so that every turn has its own hash."""
    chance = np.random.default_rng(rows * 1000 + columns)
    y, x = np.mgrid[0:rows, 0:columns]
    waves = 128 + 60 * np.sin(x / columns * 9 + y / rows * 4) + 40 * np.cos(y / rows * 13)
    return np.asarray((waves + chance.normal(0, 25, (rows, columns))).clip(0, 255).round())


@pytest.mark.skipif(shutil.which("node") is None, reason="no Node on this machine")
def test_the_browser_sees_a_picture_as_the_server_does() -> None:
    lumas = [luma_of(*shape) for shape in SHAPES] + [np.full((64, 64), 200.0)]
    given = [{"luma": luma.ravel().tolist(), "width": luma.shape[1], "height": luma.shape[0]} for luma in lumas]
    source = SOURCE.read_text("utf-8").replace("export ", "")
    run = subprocess.run(
        ["node", "-e", source + ASK], input=json.dumps(given), capture_output=True, text=True, check=True, timeout=60
    )
    *told, flat = json.loads(run.stdout)

    assert flat == []
    for luma, looks in zip(lumas, told, strict=False):
        turns = pictures._turns(luma, (0, luma.shape[0], 0, luma.shape[1]))
        expected = {pictures.pdq_of_grid(turn).tobytes().hex() for turn in turns}
        assert len(looks) == 8
        assert set(looks) == expected, luma.shape
