"""How long a picture takes to get its Content Credentials: two signatures, and the check of what was signed.

`python -m benchmarks.credentials` signs pictures with fresh keys and prints what it measured as one line of JSON.
"""

import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.apart import environment
from benchmarks.figure import Figure, Figures

HOME = Path(__file__).resolve().parent.parent
GOAL_MS = 10
SIDE = 1024
ROUNDS = 40
_WARM = 3


def sign_picture() -> Iterator[Figure]:
    """Times what the worker does for each picture, keys and certificates at hand."""
    with tempfile.TemporaryDirectory(prefix="worldloom-bench-") as folder:
        ended = subprocess.run(
            [sys.executable, "-m", "benchmarks.credentials"],
            cwd=HOME,
            env=environment(folder),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    told = json.loads(ended.stdout.splitlines()[-1])
    against = (
        f"median of {ROUNDS} JPEGs of {SIDE} px and {told['bytes'] / 1000:.0f} kB, signed by platform and creator and"
        f" verified, {os.cpu_count()} cores (worst {told['worst_ms']:.1f}; adds {told['added_bytes'] / 1000:.1f} kB)"
    )
    yield Figure("sign-picture", told["sign_ms"], "ms", against, GOAL_MS)


def main() -> None:
    """Prints the measurement."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
    import django

    django.setup()
    from ledger.credentials.signing import sign_bytes

    given = _given() | {"picture": _picture(), "media_type": "image/jpeg"}
    taken = []
    for _round in range(_WARM + ROUNDS):
        began = time.perf_counter()
        signed = sign_bytes(**given)
        taken.append((time.perf_counter() - began) * 1000)
    size = len(given["picture"])
    measured = taken[_WARM:]
    told = {"sign_ms": median(measured), "worst_ms": max(measured), "bytes": size, "added_bytes": len(signed) - size}
    print(json.dumps(told))


def _picture() -> bytes:
    """Draws noise over a gradient: as many bytes as a painting of that size."""
    from PIL import Image

    chance = np.random.default_rng(1)
    slope = np.linspace(0, 200, SIDE)
    pixels = slope[:, None, None] * 0.5 + slope[None, :, None] * 0.5 + chance.normal(0, 18, (SIDE, SIDE, 3))
    file = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=85)
    return file.getvalue()


def _given() -> dict[str, Any]:
    """Makes two authorities with a leaf each, in memory, and what is said of a picture."""
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from django.utils import timezone

    from ledger.credentials import base, papers
    from ledger.credentials.native import Party
    from ledger.credentials.signing import Pen
    from ledger.signing.files import FileSigner
    from marketplace.people.models import Creator

    now = timezone.now()
    parties, roots = [], []
    for authority, signer in (
        ("platform", FileSigner("ES256", generate_private_key(SECP256R1()))),
        ("creators", FileSigner("Ed25519", Ed25519PrivateKey.generate())),
    ):
        above, by = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
        root = papers.root(authority, above, now)  # type: ignore[arg-type]
        issuing = papers.issuing(authority, by.public_key(), root, above, now)  # type: ignore[arg-type]
        leaf = papers.leaf(authority, signer.public_key, "bench", issuing, by, now)  # type: ignore[arg-type]
        parties.append(Party(signer, papers.pem([leaf, issuing])))
        roots.append(papers.pem([root]))
    credentials = base.Credentials(
        release="1a" * 32,
        title="alice/yunhai@1.0.0",
        name="cover.jpg",
        creator=Creator(handle="alice"),
        made_by="human",
        training=dict.fromkeys(base.USES, base.Use("notAllowed")),
    )
    origin = base.Origin(sha256="2b" * 32, media_type="image/png", how="copy", steps=("c2pa.resized", "c2pa.converted"))
    return {"pen": Pen(*parties, *roots), "credentials": credentials, "origin": origin}


FIGURES: Figures = {"sign-picture": sign_picture}

if __name__ == "__main__":
    main()
