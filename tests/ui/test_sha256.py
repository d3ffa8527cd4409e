"""The browser's SHA-256 against Python's, run by Node."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "marketplace/ui/static/ui/js/sha256.js"
# Lengths around the 64-byte block and the 56-byte room for the length, and a megabyte.
LENGTHS = [0, 1, 3, 55, 56, 57, 63, 64, 65, 111, 112, 119, 120, 127, 128, 129, 191, 192, 193, 1_000_000]
ASK = """
const lengths = JSON.parse(process.argv[1]);
const made = (n) => Uint8Array.from({ length: n }, (_, i) => (i * 31 + n) & 255);
const pieces = (bytes, size) => {
  const hasher = new Sha256();
  for (let at = 0; at < bytes.length; at += size) hasher.update(bytes.subarray(at, at + size));
  return hasher.hex();
};
const answers = lengths.map((n) => [n, ...[Infinity, 7, 64].map((size) => pieces(made(n), size))]);
const heard = [];
const blob = await digestOf(new Blob([made(300000)]), (bytes) => heard.push(bytes));
console.log(JSON.stringify({ answers, blob, last: heard.at(-1) }));
"""


def made(length: int) -> bytes:
    return bytes((place * 31 + length) & 255 for place in range(length))


@pytest.mark.skipif(shutil.which("node") is None, reason="no Node on this machine")
def test_the_browsers_digest_is_everyones() -> None:
    run = subprocess.run(
        ["node", "--input-type=module", "-e", SOURCE.read_text("utf-8") + ASK, json.dumps(LENGTHS)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    told = json.loads(run.stdout)

    for length, whole, sevens, blocks in told["answers"]:
        expected = hashlib.sha256(made(length)).hexdigest()
        assert (whole, sevens, blocks) == (expected, expected, expected), length
    assert told["blob"] == hashlib.sha256(made(300_000)).hexdigest()
    assert told["last"] == 300_000
