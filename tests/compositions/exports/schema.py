"""The classes that exports are made of, as ComfyUI's `GET /object_info` tells of them: written here, from its docs.

Names, types, ranges and choices are facts about ComfyUI 0.3.75; the words are ours.
"""

from collections.abc import Mapping, Sequence
from typing import Any

MOST = 16384
CHOICES_OF_FILES = ("ckpt_name", "lora_name", "image")
SAMPLERS = (
    *("euler", "euler_cfg_pp", "euler_ancestral", "euler_ancestral_cfg_pp", "heun", "heunpp2", "dpm_2"),
    *("dpm_2_ancestral", "lms", "dpm_fast", "dpm_adaptive", "dpmpp_2s_ancestral", "dpmpp_2s_ancestral_cfg_pp"),
    *("dpmpp_sde", "dpmpp_sde_gpu", "dpmpp_2m", "dpmpp_2m_cfg_pp", "dpmpp_2m_sde", "dpmpp_2m_sde_gpu"),
    *("dpmpp_3m_sde", "dpmpp_3m_sde_gpu", "ddpm", "lcm", "ipndm", "ipndm_v", "deis", "ddim", "uni_pc", "uni_pc_bh2"),
)
SCHEDULERS = ("simple", "sgm_uniform", "karras", "exponential", "ddim_uniform", "beta", "normal")

STRING = ["STRING", {"multiline": True, "dynamicPrompts": True}]


def _number(kind: str, least: float, most: float, default: float, step: float = 1) -> list[Any]:
    return [kind, {"default": default, "min": least, "max": most, "step": step}]


def _int(least: int, most: int, default: int, step: int = 1) -> list[Any]:
    return _number("INT", least, most, default, step)


def _float(least: float, most: float, default: float, step: float = 0.01) -> list[Any]:
    return _number("FLOAT", least, most, default, step)


def _node(
    name: str, inputs: Mapping[str, Any], outputs: Sequence[str] = (), *, optional: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    asked = {"required": dict(inputs), **({"optional": dict(optional)} if optional else {})}
    kinds = [output.split(":")[-1] for output in outputs]
    return {
        "input": asked,
        "input_order": {part: list(found) for part, found in asked.items()},
        "output": kinds,
        "output_is_list": [False] * len(outputs),
        "output_name": [output.split(":")[0] for output in outputs],
        "name": name,
        "display_name": name,
        "description": "",
        "python_module": "nodes",
        "category": "worldloom",
        "output_node": not outputs,
    }


def _link(*kinds: tuple[str, str]) -> dict[str, Any]:
    return {name: [kind] for name, kind in kinds}


PAIR = ("positive:CONDITIONING", "negative:CONDITIONING")
STRENGTHS = (-100.0, 100.0, 1.0)
HOOK_STRENGTHS = (-20.0, 20.0, 1.0)


def object_info(checkpoints: Sequence[str], loras: Sequence[str], pictures: Sequence[str]) -> dict[str, Any]:
    """What a ComfyUI that has these files would say of the classes that exports use."""
    nodes = [*_models(checkpoints, loras), *_masks(pictures), *_conditions(), *_sampling()]
    return {node["name"]: node for node in nodes}


def _models(checkpoints: Sequence[str], loras: Sequence[str]) -> list[dict[str, Any]]:
    lora = {"lora_name": [list(loras)]}
    return [
        _node("CheckpointLoaderSimple", {"ckpt_name": [list(checkpoints)]}, ("MODEL", "CLIP", "VAE")),
        _node(
            "LoraLoader",
            {
                **_link(("model", "MODEL"), ("clip", "CLIP")),
                **lora,
                "strength_model": _float(*STRENGTHS),
                "strength_clip": _float(*STRENGTHS),
            },
            ("MODEL", "CLIP"),
        ),
        _node(
            "CreateHookLora",
            {**lora, "strength_model": _float(*HOOK_STRENGTHS), "strength_clip": _float(*HOOK_STRENGTHS)},
            ("HOOKS",),
            optional=_link(("prev_hooks", "HOOKS")),
        ),
        _node(
            "SetClipHooks",
            {
                **_link(("clip", "CLIP")),
                "apply_to_conds": ["BOOLEAN", {"default": True}],
                "schedule_clip": ["BOOLEAN", {"default": False}],
            },
            ("CLIP",),
            optional=_link(("hooks", "HOOKS")),
        ),
        _node("CLIPTextEncode", {"text": STRING, **_link(("clip", "CLIP"))}, ("CONDITIONING",)),
    ]


def _masks(pictures: Sequence[str]) -> list[dict[str, Any]]:
    solid = {"width": _int(1, MOST, 512), "height": _int(1, MOST, 512)}
    channels = [["red", "green", "blue", "alpha"]]
    return [
        _node("SolidMask", {"value": _float(0.0, 1.0, 1.0), **solid}, ("MASK",)),
        _node(
            "FeatherMask",
            {**_link(("mask", "MASK")), **{side: _int(0, MOST, 0) for side in ("left", "top", "right", "bottom")}},
            ("MASK",),
        ),
        _node(
            "MaskComposite",
            {
                **_link(("destination", "MASK"), ("source", "MASK")),
                "x": _int(0, MOST, 0),
                "y": _int(0, MOST, 0),
                "operation": [["multiply", "add", "subtract", "and", "or", "xor"]],
            },
            ("MASK",),
        ),
        _node("InvertMask", _link(("mask", "MASK")), ("MASK",)),
        _node("LoadImageMask", {"image": [list(pictures)], "channel": [["alpha", "red", "green", "blue"]]}, ("MASK",)),
        _node("MaskToImage", _link(("mask", "MASK")), ("IMAGE",)),
        _node(
            "ImageScale",
            {
                **_link(("image", "IMAGE")),
                "upscale_method": [["nearest-exact", "bilinear", "area", "bicubic", "lanczos"]],
                "width": _int(0, MOST, 512),
                "height": _int(0, MOST, 512),
                "crop": [["disabled", "center"]],
            },
            ("IMAGE",),
        ),
        _node(
            "ImageBlur",
            {**_link(("image", "IMAGE")), "blur_radius": _int(1, 31, 1), "sigma": _float(0.1, 10.0, 1.0, 0.1)},
            ("IMAGE",),
        ),
        _node("ImageToMask", {**_link(("image", "IMAGE")), "channel": channels}, ("MASK",)),
    ]


def _conditions() -> list[dict[str, Any]]:
    return [
        _node(
            "ConditioningCombine",
            _link(("conditioning_1", "CONDITIONING"), ("conditioning_2", "CONDITIONING")),
            ("CONDITIONING",),
        ),
        _node(
            "ConditioningSetTimestepRange",
            {**_link(("conditioning", "CONDITIONING")), "start": _float(0, 1, 0, 0.001), "end": _float(0, 1, 1, 0.001)},
            ("CONDITIONING",),
        ),
        _node(
            "ConditioningTimestepsRange",
            {"start_percent": _float(0, 1, 0, 0.001), "end_percent": _float(0, 1, 1, 0.001)},
            ("TIMESTEPS_RANGE", "BEFORE_RANGE:TIMESTEPS_RANGE", "AFTER_RANGE:TIMESTEPS_RANGE"),
        ),
        _node(
            "PairConditioningSetProperties",
            {
                **_link(("positive_NEW", "CONDITIONING"), ("negative_NEW", "CONDITIONING")),
                "strength": _float(0.0, 10.0, 1.0),
                "set_cond_area": [["default", "mask bounds"]],
            },
            PAIR,
            optional=_link(("mask", "MASK"), ("hooks", "HOOKS"), ("timesteps", "TIMESTEPS_RANGE")),
        ),
        _node(
            "PairConditioningSetDefaultCombine",
            _link(
                ("positive", "CONDITIONING"),
                ("negative", "CONDITIONING"),
                ("positive_DEFAULT", "CONDITIONING"),
                ("negative_DEFAULT", "CONDITIONING"),
            ),
            PAIR,
            optional=_link(("hooks", "HOOKS")),
        ),
    ]


def _sampling() -> list[dict[str, Any]]:
    size = {"width": _int(16, MOST, 512, 8), "height": _int(16, MOST, 512, 8)}
    return [
        _node("EmptyLatentImage", {**size, "batch_size": _int(1, 4096, 1)}, ("LATENT",)),
        _node(
            "KSampler",
            {
                **_link(("model", "MODEL")),
                "seed": ["INT", {"default": 0, "min": 0, "max": 2**64 - 1, "control_after_generate": True}],
                "steps": _int(1, 10000, 20),
                "cfg": _float(0.0, 100.0, 8.0, 0.1),
                "sampler_name": [list(SAMPLERS)],
                "scheduler": [list(SCHEDULERS)],
                **_link(("positive", "CONDITIONING"), ("negative", "CONDITIONING"), ("latent_image", "LATENT")),
                "denoise": _float(0.0, 1.0, 1.0),
            },
            ("LATENT",),
        ),
        _node("VAEDecode", _link(("samples", "LATENT"), ("vae", "VAE")), ("IMAGE",)),
        _node("SaveImage", {**_link(("images", "IMAGE")), "filename_prefix": ["STRING", {"default": "ComfyUI"}]}),
    ]


def files_of(prompt: Mapping[str, Any]) -> dict[str, Any]:
    """What a ComfyUI would say that has exactly the files which a prompt names."""
    named: dict[str, set[str]] = {name: set() for name in CHOICES_OF_FILES}
    for node in prompt.values():
        for name in CHOICES_OF_FILES:
            if isinstance(node["inputs"].get(name), str):
                named[name].add(node["inputs"][name])
    return object_info(*(sorted(named[name]) for name in CHOICES_OF_FILES))


def faults_in(prompt: Mapping[str, Any], info: Mapping[str, Any]) -> list[str]:
    """What ComfyUI's server would refuse: classes, inputs, types, ranges, rings; and what leads nowhere."""
    faults = [f"{key}: no class {node['class_type']}" for key, node in prompt.items() if node["class_type"] not in info]
    if faults:
        return faults
    reached: set[str] = set()
    for key, node in prompt.items():
        if info[node["class_type"]]["output_node"]:
            _walk(key, prompt, info, frozenset(), reached, faults)
    return faults + [f"{key}: leads nowhere" for key in prompt if key not in reached]


def _walk(
    key: str,
    prompt: Mapping[str, Any],
    info: Mapping[str, Any],
    above: frozenset[str],
    reached: set[str],
    faults: list[str],
) -> None:
    if key in above:
        faults.append(f"{key}: a ring")
    if key in reached or key in above:
        return
    reached.add(key)
    node = prompt[key]
    asked = info[node["class_type"]]["input"]
    known = {**asked["required"], **asked.get("optional", {})}
    faults += [f"{key}: {name} is missing" for name in asked["required"] if name not in node["inputs"]]
    faults += [f"{key}: {name} is no input" for name in node["inputs"] if name not in known]
    for name, value in node["inputs"].items():
        if isinstance(value, list):
            source = prompt.get(value[0])
            outputs = info[source["class_type"]]["output"] if source else []
            if not 0 <= value[1] < len(outputs) or outputs[value[1]] != known[name][0]:
                faults.append(f"{key}: {name} takes no {value}")
            else:
                _walk(value[0], prompt, info, above | {key}, reached, faults)
        elif name in known and not _fits(value, known[name]):
            faults.append(f"{key}: {name} cannot be {value!r}")


def _fits(value: Any, spec: Sequence[Any]) -> bool:
    kind, limits = spec[0], spec[1] if len(spec) > 1 else {}
    if isinstance(kind, list):
        return value in kind
    types = {"INT": int, "FLOAT": (int, float), "STRING": str, "BOOLEAN": bool}
    if not isinstance(value, types[kind]) or (kind != "BOOLEAN" and isinstance(value, bool)):
        return False
    return kind in ("STRING", "BOOLEAN") or limits.get("min", value) <= value <= limits.get("max", value)
