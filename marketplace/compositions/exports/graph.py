"""A graph of ComfyUI's nodes, each made once however often it is asked for. No Django in here."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

Link = tuple[str, int]
"""An output of a node: the node's id, and which of its outputs."""
Value = str | int | float | bool | Link


@dataclass(frozen=True, slots=True)
class Kind:
    """A class of ComfyUI's core: inputs that links go to and that people set, and outputs, in its own order."""

    links: tuple[tuple[str, str], ...]
    widgets: tuple[str, ...] = ()
    outputs: tuple[tuple[str, str], ...] = ()


_PAIR = (("positive", "CONDITIONING"), ("negative", "CONDITIONING"))
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "CheckpointLoaderSimple": Kind((), ("ckpt_name",), (("MODEL", "MODEL"), ("CLIP", "CLIP"), ("VAE", "VAE"))),
        "LoraLoader": Kind(
            (("model", "MODEL"), ("clip", "CLIP")),
            ("lora_name", "strength_model", "strength_clip"),
            (("MODEL", "MODEL"), ("CLIP", "CLIP")),
        ),
        "CreateHookLora": Kind(
            (("prev_hooks", "HOOKS"),), ("lora_name", "strength_model", "strength_clip"), (("HOOKS", "HOOKS"),)
        ),
        "SetClipHooks": Kind(
            (("clip", "CLIP"), ("hooks", "HOOKS")), ("apply_to_conds", "schedule_clip"), (("CLIP", "CLIP"),)
        ),
        "CLIPTextEncode": Kind((("clip", "CLIP"),), ("text",), (("CONDITIONING", "CONDITIONING"),)),
        "SolidMask": Kind((), ("value", "width", "height"), (("MASK", "MASK"),)),
        "FeatherMask": Kind((("mask", "MASK"),), ("left", "top", "right", "bottom"), (("MASK", "MASK"),)),
        "MaskComposite": Kind(
            (("destination", "MASK"), ("source", "MASK")), ("x", "y", "operation"), (("MASK", "MASK"),)
        ),
        "InvertMask": Kind((("mask", "MASK"),), (), (("MASK", "MASK"),)),
        "LoadImageMask": Kind((), ("image", "channel"), (("MASK", "MASK"),)),
        "MaskToImage": Kind((("mask", "MASK"),), (), (("IMAGE", "IMAGE"),)),
        "ImageScale": Kind((("image", "IMAGE"),), ("upscale_method", "width", "height", "crop"), (("IMAGE", "IMAGE"),)),
        "ImageBlur": Kind((("image", "IMAGE"),), ("blur_radius", "sigma"), (("IMAGE", "IMAGE"),)),
        "ImageToMask": Kind((("image", "IMAGE"),), ("channel",), (("MASK", "MASK"),)),
        "ConditioningCombine": Kind(
            (("conditioning_1", "CONDITIONING"), ("conditioning_2", "CONDITIONING")),
            (),
            (("CONDITIONING", "CONDITIONING"),),
        ),
        "ConditioningSetTimestepRange": Kind(
            (("conditioning", "CONDITIONING"),), ("start", "end"), (("CONDITIONING", "CONDITIONING"),)
        ),
        "ConditioningTimestepsRange": Kind(
            (),
            ("start_percent", "end_percent"),
            (
                ("TIMESTEPS_RANGE", "TIMESTEPS_RANGE"),
                ("BEFORE_RANGE", "TIMESTEPS_RANGE"),
                ("AFTER_RANGE", "TIMESTEPS_RANGE"),
            ),
        ),
        "PairConditioningSetProperties": Kind(
            (
                ("positive_NEW", "CONDITIONING"),
                ("negative_NEW", "CONDITIONING"),
                ("mask", "MASK"),
                ("hooks", "HOOKS"),
                ("timesteps", "TIMESTEPS_RANGE"),
            ),
            ("strength", "set_cond_area"),
            _PAIR,
        ),
        "PairConditioningSetDefaultCombine": Kind(
            (
                *_PAIR,
                ("positive_DEFAULT", "CONDITIONING"),
                ("negative_DEFAULT", "CONDITIONING"),
                ("hooks", "HOOKS"),
            ),
            (),
            _PAIR,
        ),
        "EmptyLatentImage": Kind((), ("width", "height", "batch_size"), (("LATENT", "LATENT"),)),
        "KSampler": Kind(
            (
                ("model", "MODEL"),
                ("positive", "CONDITIONING"),
                ("negative", "CONDITIONING"),
                ("latent_image", "LATENT"),
            ),
            ("seed", "steps", "cfg", "sampler_name", "scheduler", "denoise"),
            (("LATENT", "LATENT"),),
        ),
        "VAEDecode": Kind((("samples", "LATENT"), ("vae", "VAE")), (), (("IMAGE", "IMAGE"),)),
        "SaveImage": Kind((("images", "IMAGE"),), ("filename_prefix",)),
    }
)
"""The only classes that exports are made of."""


@dataclass(frozen=True, slots=True)
class Node:
    """One node. `group` is the label of the layer that it is for, empty for what all layers share."""

    id: str
    kind: str
    inputs: Mapping[str, Value]
    group: str = ""
    title: str = ""


class Graph:
    """Nodes in the order in which they were added, so that each stands behind those it takes from."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self._known: dict[tuple[object, ...], str] = {}

    def add(self, kind: str, inputs: Mapping[str, Value], *, group: str = "", title: str = "") -> str:
        """This will add a node and give its id; the same node again is the one that is there."""
        key = (kind, *sorted((name, type(value).__name__, value) for name, value in inputs.items()))
        found = self._known.get(key)
        if found is None:
            found = str(len(self.nodes) + 1)
            self._known[key] = found
            self.nodes[found] = Node(found, kind, inputs, group, title)
        return found

    def one(self, group: str, kind: str, /, **inputs: Value) -> Link:
        """This will add a node and give its first output."""
        return self.add(kind, inputs, group=group), 0
