"""Locks for stories about exports, made by hand: files by the names that releases give them."""

import hashlib
from collections.abc import Sequence
from typing import Any

from marketplace.catalog.naming import flat_name
from marketplace.compositions.lockfile import Lock, LockedFile, LockedLayer, LockedRef


def hexed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def file(pack: str, path: str, network: str = "lora", media_type: str = "application/vnd.safetensors") -> LockedFile:
    creator, handle = pack.split("/")
    digest = hexed(pack + path)
    name = flat_name(creator=creator, pack=handle, version="1.0.0", path=path, sha256=digest)
    return LockedFile(path, name, digest, 1000, media_type, hexed(digest) if network else "", network)


def ref(pack: str, *files: LockedFile, weight: int = 1_000_000, **said: Any) -> LockedRef:
    """A ref with its files; without any, one LoRA."""
    own = files or (file(pack, "models/body.safetensors"),)
    return LockedRef(pack, "1.0.0", hexed(pack), weight_ppm=weight, files=own, **said)


def layer(label: str, prompt: str, refs: Sequence[LockedRef] = (), **said: Any) -> LockedLayer:
    return LockedLayer(label, prompt, refs=tuple(refs), **said)


def lock(*layers: LockedLayer, **said: Any) -> Lock:
    settings = {"base_model": "sd15", "checkpoint": "base.safetensors", "width": 512, "height": 384, "seed": 42}
    return Lock({"format": "worldloom/recipe/1"}, layers, **{**settings, **said})


def harbor() -> Lock:
    """Alice's wanderer in a box, Bob's market as the rest, cats in a mask, everything in Mo's ink."""
    return lock(
        layer(
            "layer1",
            "person walking, (smile:1.2)",
            [ref("alice/lin", weight=800_000, triggers=("linlin",))],
            region="box",
            box_ppm=(50_000, 100_000, 500_000, 950_000),
            options=(("feather", 100_000), ("strength", 1_200_000)),
        ),
        layer("layer2", "night market", [ref("bob/market")], region="rest"),
        layer(
            "图层三",
            "three cats",
            [ref("alice/cats", weight=-500_000), ref("bob/fur", weight=500_000)],
            region="mask",
            mask="cats.png",
            mask_sha256=hexed("cats"),
            options=(("feather", 20_000), ("from", 200_000)),
        ),
        style=layer("style", "ink wash", [ref("mo/ink", weight=900_000)]),
        negative="lowres, bad hands",
    )
