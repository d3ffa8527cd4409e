"""What each demo pack is made of besides its committed texts: which picture and which weights go into which file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import PurePosixPath

from PIL import Image

from demo import weights
from demo.art import blend, brush, cactus, ink, market, neon, rabbits, yunhai
from demo.art.kit import encode

INK_WEIGHT, NEON_WEIGHT = 0.5, 0.25


@dataclass(frozen=True)
class Pack:
    """One pack of the demo: who publishes it, and what draws each of its files."""

    creator: str
    handle: str
    pictures: Mapping[str, Callable[[], Image.Image]]
    models: Mapping[str, Callable[[], bytes]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The pack as releases name it: creator/handle."""
        return f"{self.creator}/{self.handle}"

    def drawn(self, path: str) -> bytes:
        """Draw the file at this path of the pack."""
        if path in self.models:
            return self.models[path]()
        return encode(self.pictures[path](), PurePosixPath(path).suffix)


@lru_cache(maxsize=4)
def tensors(family: str, seed: str) -> weights.Tensors:
    """Draw a demo LoRA once; a derived pack asks for its parents' again."""
    return weights.demonstration(family, 4, seed)


def lora(family: str, seed: str, title: str, author: str, trigger: str) -> bytes:
    """Write one demonstration LoRA."""
    return weights.safetensors_bytes(tensors(family, seed), weights.metadata(family, 4, title, author, trigger))


def merged_lora() -> bytes:
    """Write bob's LoRA: half of mo's ink and a quarter of hu's neon, with their ranks side by side."""
    both = weights.merge([(tensors("sd15", "ink-style"), INK_WEIGHT), (tensors("sd15", "neon-harbor"), NEON_WEIGHT)])
    sources = f"mo/ink-style@1.0.0 * {INK_WEIGHT}, hu/neon-harbor@1.0.0 * {NEON_WEIGHT}"
    said = weights.metadata("sd15", 8, "Ink Neon", "bob", "ink neon by bob", merged_from=sources)
    return weights.safetensors_bytes(both, said)


# In the order of publication: parents before what is derived from them.
PACKS: tuple[Pack, ...] = (
    Pack(
        "alice",
        "yunhai",
        {
            "pictures/cover.webp": yunhai.cover,
            "pictures/wanderer.png": yunhai.wanderer,
            "pictures/cloud-whale.webp": yunhai.whale,
            "pictures/lantern-pine.jpg": yunhai.plant,
            "pictures/stone-towers.jpg": yunhai.peaks,
            "pictures/market-pier.webp": market.pier,
        },
        {"models/yunhai-sd15.safetensors": partial(lora, "sd15", "yunhai", "Sea of Clouds", "alice", "yunhai")},
    ),
    Pack(
        "hu",
        "neon-harbor",
        {
            "pictures/cover.webp": neon.cover,
            "pictures/harbor.jpg": neon.harbor,
            "pictures/alley.webp": neon.alley,
            "pictures/wet-window.jpg": neon.window,
        },
        {
            "models/neon-harbor-sd15.safetensors": partial(
                lora, "sd15", "neon-harbor", "Neon Harbor", "hu", "neon harbor"
            )
        },
    ),
    Pack(
        "mo",
        "ink-style",
        {
            "pictures/cover.webp": ink.cover,
            "pictures/bamboo.jpg": ink.bamboo,
            "pictures/koi.webp": ink.koi,
            "pictures/plum.jpg": ink.plum,
        },
        {"models/ink-style-sd15.safetensors": partial(lora, "sd15", "ink-style", "Ink Wash", "mo", "ink wash by mo")},
    ),
    Pack(
        "bob",
        "ink-neon",
        {
            "pictures/cover.webp": blend.neon_cover,
            "pictures/koi.webp": blend.neon_koi,
            "pictures/alley.jpg": blend.neon_alley,
            "pictures/branch.webp": blend.neon_branch,
        },
        {"models/ink-neon-sd15.safetensors": merged_lora},
    ),
    Pack(
        "bob",
        "moon-rabbits",
        {
            "pictures/cover.webp": rabbits.cover,
            "pictures/yutu.png": rabbits.white,
            "pictures/moer.png": rabbits.ink,
            "pictures/lantern-moths.webp": rabbits.moths,
        },
    ),
    Pack(
        "hu",
        "cactus-planet",
        {
            "pictures/cover.webp": cactus.cover,
            "pictures/planet.webp": cactus.planet,
            "pictures/night-bloom.jpg": cactus.bloom_night,
            "pictures/arch.jpg": cactus.mesas,
        },
        {
            "models/cactus-planet-sdxl.safetensors": partial(
                lora, "sdxl", "cactus-planet", "Cactus Planet", "hu", "cactus planet"
            )
        },
    ),
    Pack(
        "mo",
        "brush-prompts",
        {
            "pictures/cover.webp": brush.cover,
            "pictures/sampler.jpg": brush.sampler,
            "pictures/lone-pine.webp": brush.pine,
        },
    ),
    Pack(
        "alice",
        "yunhai-night",
        {
            "pictures/cover.webp": blend.night_cover,
            "pictures/whale-over-harbor.webp": blend.night_whale,
            "pictures/layer-1-wanderer.png": blend.layer_wanderer,
            "pictures/layer-2-market.jpg": blend.layer_scene,
        },
    ),
)
