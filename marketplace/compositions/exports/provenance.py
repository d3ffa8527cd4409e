"""What every picture made with a lock carries: the lock's digest, and the releases that painted it.

docs/formats/exports.md is its page. No Django in here.
"""

from typing import Any

from marketplace.compositions.lockfile import Lock

KEY = "worldloom"
"""The name under which tools keep it: a PNG's text chunk, a WebP's Exif, a clip's metadata."""
PROVENANCE_FORMAT = "worldloom/provenance/1"


def provenance(lock: Lock, *, site: str = "") -> dict[str, Any]:
    """This will say what painted: `{"format", "recipe", "site", "packs": [{"pack", "release"}, …]}`, whole.

    `packs` are in paint order, each once, by `creator/pack@version` and the SHA-256 of the release's manifest.
    """
    packs = {f"{ref.pack}@{ref.version}": ref.release for ref in lock.refs}
    return {
        "format": PROVENANCE_FORMAT,
        "recipe": lock.digest,
        "site": site,
        "packs": [{"pack": pack, "release": release} for pack, release in packs.items()],
    }
