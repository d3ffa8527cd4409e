"""A lock as a painter sees it: which words and which model files paint each layer. No Django in here."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from types import MappingProxyType

from marketplace.compositions.exports.base import UnableToExport
from marketplace.compositions.lockfile import Lock, LockedFile, LockedLayer, LockedRef
from marketplace.compositions.notation.model import FULL, MASK, MILLION
from marketplace.ui.words import Listed, Words
from marketplace.ui.words import gettext_noop as _

TOOLS: Mapping[str, str] = MappingProxyType(
    {
        "comfyui-api": "ComfyUI",
        "comfyui-prompt": "ComfyUI",
        "comfyui": "ComfyUI",
        "a1111": "A1111",
        "diffusers": "diffusers",
    }
)
LOW_RANK = frozenset({"lora", "loha", "lokr"})
EMBEDDING, CHECKPOINT = "embedding", "checkpoint"
BASES: Mapping[str, str] = MappingProxyType(
    {
        "sd15": "v1-5-pruned-emaonly-fp16.safetensors",
        "sdxl": "sd_xl_base_1.0.safetensors",
        "sd3": "sd3.5_large_fp8_scaled.safetensors",
        "flux1": "flux1-dev-fp8.safetensors",
    }
)
"""What most people call the checkpoint of a base model, where a recipe names none."""
CONTENTS = "composition.json"
"""The file that says what is in a composition; it paints nothing itself."""
_NAMED = 3
_UNSAFE = re.compile(r"[^\w.-]+")


@dataclass(frozen=True, slots=True)
class Model:
    """A model file by its flat name, and how strongly it paints."""

    name: str
    weight_ppm: int = MILLION
    network: str = "lora"

    @property
    def stem(self) -> str:
        """The name without its extension, as tools write it into prompts."""
        return PurePosixPath(self.name).stem


@dataclass(frozen=True, slots=True)
class Painted:
    """A layer: its words with its packs' trigger words, its models, its region and its options in ppm."""

    label: str
    words: str
    loras: tuple[Model, ...] = ()
    embeddings: tuple[Model, ...] = ()
    region: str = FULL
    box_ppm: tuple[int, int, int, int] | None = None
    mask: str = ""
    strength_ppm: int = MILLION
    feather_ppm: int = 0
    from_ppm: int = 0
    until_ppm: int = MILLION

    @property
    def is_always_on(self) -> bool:
        """Whether it paints in every step."""
        return self.from_ppm == 0 and self.until_ppm == MILLION


@dataclass(frozen=True, slots=True)
class Painting:
    """All that is painted. `checkpoint` is never empty; `lost` and `notes` are what a tool cannot do, and one must."""

    layers: tuple[Painted, ...]
    style: Painted
    negative: str
    checkpoint: str
    lost: tuple[Words, ...] = ()
    notes: tuple[Words, ...] = ()


@dataclass
class _Sorter:
    """Sorts a lock's files by what a tool does with them."""

    tool: str
    checkpoint: str = ""
    lost: list[Words] = field(default_factory=list)
    notes: list[Words] = field(default_factory=list)

    def painted(self, layer: LockedLayer) -> Painted:
        options = dict(layer.options)
        loras: list[Model] = []
        embeddings: list[Model] = []
        for ref in layer.refs:
            self._sort(layer, ref, loras, embeddings)
        return Painted(
            label=layer.label,
            words=with_words(layer.prompt, *(word for ref in layer.refs for word in ref.triggers)),
            loras=tuple(loras),
            embeddings=tuple(embeddings),
            region=layer.region,
            box_ppm=layer.box_ppm,
            mask=self._mask(layer) if layer.region == MASK else "",
            strength_ppm=options.get("strength", MILLION),
            feather_ppm=options.get("feather", 0),
            from_ppm=options.get("from", 0),
            until_ppm=options.get("until", MILLION),
        )

    def _sort(self, layer: LockedLayer, ref: LockedRef, loras: list[Model], embeddings: list[Model]) -> None:
        if ref.service:
            text = _("%(pack)s, which paints the layer “%(layer)s”, is a service: only a run here can ask it.")
            self.lost.append(Words(text, {"layer": layer.label, "pack": f"{ref.pack}@{ref.version}"}))
            return
        unused: list[LockedFile] = []
        for file in ref.files:
            if file.network in LOW_RANK:
                loras.append(Model(file.name, ref.weight_ppm, file.network))
            elif file.network == EMBEDDING:
                embeddings.append(Model(file.name, ref.weight_ppm, EMBEDDING))
            elif file.network == CHECKPOINT:
                self._base(layer, file)
            elif PurePosixPath(file.path).name != CONTENTS:
                unused.append(file)
        if unused:
            self._unused(layer, ref, unused)

    def _base(self, layer: LockedLayer, file: LockedFile) -> None:
        if not self.checkpoint:
            self.checkpoint = file.name
        elif self.checkpoint != file.name:
            text = _("One checkpoint is the base, %(used)s: that of the layer “%(layer)s” is left out.")
            self.lost.append(Words(text, {"used": self.checkpoint, "layer": layer.label}))

    def _unused(self, layer: LockedLayer, ref: LockedRef, files: list[LockedFile]) -> None:
        values = {
            "tool": self.tool,
            "files": Listed(tuple(file.path for file in files[:_NAMED])),
            "pack": f"{ref.pack}@{ref.version}",
            "layer": layer.label,
        }
        text = _("%(tool)s cannot use %(files)s of %(pack)s in the layer “%(layer)s”.")
        if len(files) > _NAMED:
            text = _("%(tool)s cannot use %(files)s and %(count)s more files of %(pack)s in the layer “%(layer)s”.")
            values["count"] = len(files) - _NAMED
        self.lost.append(Words(text, values))  # type: ignore[arg-type]

    def _mask(self, layer: LockedLayer) -> str:
        name = mask_name(layer)
        if not layer.mask_sha256:
            text = _("Put the mask of the layer “%(layer)s” as %(file)s among the tool's input pictures.")
            self.notes.append(Words(text, {"layer": layer.label, "file": name}))
        return name


def mask_name(layer: LockedLayer) -> str:
    """This will name a layer's mask among a tool's pictures: by its digest where it was given, else as it is called."""
    if layer.mask_sha256:
        return f"worldloom-mask-{layer.mask_sha256[:12]}.png"
    return _UNSAFE.sub("-", PurePosixPath(layer.mask.replace("\\", "/")).name).strip("-.") or "mask.png"


def with_words(text: str, *words: str) -> str:
    """This will put words behind a text, but those that are in it already, whatever their case."""
    said = text.strip().rstrip(",").rstrip()
    for word in words:
        plain = word.strip()
        if plain and plain.casefold() not in said.casefold():
            said = f"{said}, {plain}" if said else plain
    return said


def strongest(models: Iterable[Model]) -> list[Model]:
    """This will give each file once, as strongly as any layer has it: for tools that load a model once for all."""
    found: dict[str, Model] = {}
    for model in models:
        known = found.get(model.name)
        if known is None or abs(known.weight_ppm) < abs(model.weight_ppm):
            found[model.name] = model
    return list(found.values())


def decimal(ppm: int) -> str:
    """This will write parts per million as a decimal without needless digits: `0.8`, `-1`."""
    sign, (whole, part) = "-" if ppm < 0 else "", divmod(abs(ppm), MILLION)
    return f"{sign}{whole}.{part:06d}".rstrip("0").rstrip(".")


def joined(parts: Iterable[str]) -> str:
    """This will join words with commas, leaving out what is empty."""
    return ", ".join(part for part in parts if part)


def painting_of(lock: Lock, form: str) -> Painting:
    """This will sort out what paints a lock in one of TOOLS; raises UnableToExport where only services would."""
    refs = lock.refs
    if refs and all(ref.service for ref in refs):
        words = Words(_("All packs of this recipe are services: run it here, since no file can ask them."))
        raise UnableToExport(form, words)
    sorter = _Sorter(TOOLS[form])
    layers = tuple(sorter.painted(layer) for layer in lock.layers)
    style = _stronger(sorter.painted(lock.style)) if lock.style else Painted("style", "")
    if style.region != FULL or not style.is_always_on:
        sorter.lost.append(Words(_("The style covers the whole picture in every step: its region and steps are lost.")))
    return Painting(
        layers,
        style,
        lock.negative.strip(),
        sorter.checkpoint or lock.checkpoint or _usual(lock, sorter),
        tuple(sorter.lost),
        tuple(sorter.notes),
    )


def _stronger(style: Painted) -> Painted:
    """Makes a style's models as strong as its strength says; `emphasized` does so with its words."""

    def scaled(models: tuple[Model, ...]) -> tuple[Model, ...]:
        weights = ((model, model.weight_ppm * style.strength_ppm // MILLION) for model in models)
        return tuple(replace(model, weight_ppm=weight) for model, weight in weights if weight)

    return replace(style, loras=scaled(style.loras), embeddings=scaled(style.embeddings))


def emphasized(style: Painted) -> str:
    """This will give a style's words as strong as they are to be, as ComfyUI and A1111 write it."""
    if style.strength_ppm == MILLION or not style.words:
        return style.words
    return f"({style.words}:{decimal(style.strength_ppm)})" if style.strength_ppm else ""


def _usual(lock: Lock, sorter: _Sorter) -> str:
    name = BASES.get(lock.base_model, BASES["sdxl"])
    text = _("The recipe names no checkpoint: %(file)s stands in: choose yours, or write %%checkpoint= in the recipe.")
    sorter.notes.append(Words(text, {"file": name}))
    return name
