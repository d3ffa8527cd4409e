"""What the table of tensors, names and shapes alone, says about a network; and what its metadata claims."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from assets.inspectors.base import refused, shown_name
from marketplace.ui.words import gettext_noop as _

Table = Mapping[str, tuple[int, ...]]

_CLAIM_CHARACTERS = 500
_CLAIMS = (
    "modelspec.title",
    "modelspec.author",
    "modelspec.architecture",
    "modelspec.license",
    "modelspec.date",
    "modelspec.trigger_phrase",
    "modelspec.merged_from",
    "modelspec.tags",
    "ss_base_model_version",
    "ss_sd_model_name",
    "ss_network_module",
    "ss_network_dim",
    "ss_network_alpha",
    "ss_output_name",
    "ss_training_comment",
    "unet",
    "text_encoder",
)
_CLAIMED_FAMILIES = (
    (r"stable-diffusion-xl|sdxl", "sdxl"),
    (r"stable-diffusion-v1|sd[_-]?v?1|sd15", "sd15"),
    (r"stable-diffusion-v2|sd[_-]?v?2", "sd2"),
    (r"stable-diffusion-3|sd[_-]?v?3", "sd3"),
    (r"flux", "flux1"),
)

# (key scheme, ending of the part that goes down, ending of the part that goes up)
_LORA_PAIRS = (
    ("kohya", ".lora_down.weight", ".lora_up.weight"),
    ("peft", ".lora_A.weight", ".lora_B.weight"),
    ("peft", ".lora_A.default.weight", ".lora_B.default.weight"),
    ("diffusers", ".lora.down.weight", ".lora.up.weight"),
    ("diffusers", ".lora_linear_layer.down.weight", ".lora_linear_layer.up.weight"),
    ("diffusers-attn-processor", "_lora.down.weight", "_lora.up.weight"),
    ("indexed", ":down", ":up"),
)
_INDEXED = re.compile(r"[a-z0-9_]+:[0-9]+:(down|up)")
_TEXT_ENCODER = re.compile(r"^(lora_te|text_encoder|te[0-9]?[._]|cond_stage_model\.|conditioner\.|text_model)")
_EMBEDDING_NAMES = {"emb_params", "clip_l", "clip_g", "t5xxl"}
_TOKEN_WIDTHS = {768: "sd15", 1024: "sd2"}
_CHECKPOINT = re.compile(
    r"^(model\.diffusion_model\.|first_stage_model\.|down_blocks\.0\.|(model\.)?(double_blocks|joint_blocks)\.0\.)"
)


@dataclass(frozen=True, slots=True)
class Network:
    """What the tensor table shows.

    `kind` is lora, loha, lokr, embedding, checkpoint or unknown; `ranks` are the distinct inner sizes of its
    pairs, ascending; `modules` counts the pairs; `base_family` is unknown unless the shapes leave no doubt.
    """

    kind: str
    key_scheme: str
    base_family: str
    modules: int = 0
    ranks: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Module:
    """One layer that a network changes or holds: its name, and how many numbers go in and out."""

    name: str
    inputs: int
    outputs: int
    rank: int = 0


def describe(table: Table) -> Network:
    """Return what the table shows; raise Refused when it contradicts itself."""
    schemes, modules = _lora_modules(table)
    if modules:
        return _network("lora", "+".join(schemes), modules)
    if modules := list(_loha_modules(table)):
        return _network("loha", "lycoris", modules)
    if any(name.endswith((".lokr_w1", ".lokr_w1_a", ".lokr_w2", ".lokr_w2_a")) for name in table):
        return Network("lokr", "lycoris", "unknown")
    if family := _embedding_family(table):
        return Network("embedding", "textual-inversion", family)
    if any(_CHECKPOINT.match(name) for name in table):
        whole = [Module(name, shape[1], shape[0]) for name, shape in table.items() if len(shape) == 2]
        return Network("checkpoint", "full", base_family(whole))
    return Network("unknown", "unknown", "unknown")


def _network(kind: str, scheme: str, modules: list[Module]) -> Network:
    ranks = tuple(sorted({module.rank for module in modules}))
    return Network(kind, scheme, base_family(modules), len(modules), ranks)


def _lora_modules(table: Table) -> tuple[list[str], list[Module]]:
    """Return the key schemes in use and the pairs; refuse half a pair and a pair whose ranks differ."""
    schemes: set[str] = set()
    modules = []
    for name in table:
        for scheme, down, up in _LORA_PAIRS:
            if scheme == "indexed" and not _INDEXED.fullmatch(name):
                continue
            if name.endswith(up) and name.removesuffix(up) + down not in table:
                raise _unpaired(name, name.removesuffix(up) + down)
            if name.endswith(down):
                stem = name.removesuffix(down)
                if stem + up not in table:
                    raise _unpaired(name, stem + up)
                schemes.add(scheme)
                modules.append(_pair(stem, name, table[name], stem + up, table[stem + up]))
                break
    return sorted(schemes), modules


def _pair(stem: str, down_name: str, down: tuple[int, ...], up_name: str, up: tuple[int, ...]) -> Module:
    if len(down) < 2 or len(up) < 2 or down[0] != up[1] or 0 in down + up:
        raise _unequal(down_name, down, repr(shown_name(up_name)), up)
    return Module(stem, down[1], up[0], down[0])


def _unpaired(name: str, partner: str) -> Exception:
    tensor, missing = repr(shown_name(name)), repr(shown_name(partner))
    template = _("tensor %(tensor)s has no partner %(partner)s.")
    return refused("weights-unpaired", template, f"tensor {tensor}", tensor=tensor, partner=missing)


def _unequal(name: str, shape: tuple[int, ...], partner: str, other: tuple[int, ...]) -> Exception:
    tensor = repr(shown_name(name))
    return refused(
        "weights-rank-mismatch",
        _("tensor %(tensor)s of shape %(shape)s and %(partner)s of shape %(other)s do not share a rank."),
        f"tensor {tensor}",
        tensor=tensor,
        shape=str(list(shape)),
        partner=partner,
        other=str(list(other)),
    )


def _loha_modules(table: Table) -> Iterable[Module]:
    """Yield the modules of a Hadamard product network, whose w1 is w1_a (out, rank) times w1_b (rank, in)."""
    for name, first in table.items():
        stem = name.removesuffix(".hada_w1_a")
        if stem == name:
            continue
        second = table.get(stem + ".hada_w1_b")
        if second is None:
            raise _unpaired(name, stem + ".hada_w1_b")
        if len(first) < 2 or len(second) < 2 or first[1] != second[0] or 0 in first + second:
            raise _unequal(name, first, "w1_b", second)
        yield Module(stem, second[1], first[0], second[0])


def _embedding_family(table: Table) -> str:
    """Return the base family of a textual inversion, "unknown" for one of unknown width, "" for none."""
    if len(table) > 8 or any(len(shape) not in {1, 2} for shape in table.values()):
        return ""
    named = set(table) <= _EMBEDDING_NAMES or all(name.startswith("string_to_param") for name in table)
    token = len(table) == 1 and all(re.fullmatch(r"<[^<>]+>", name) for name in table)
    if not (named or token):
        return ""
    widths = {shape[-1] for shape in table.values()}
    if widths == {768, 1280}:
        return "sdxl"
    return _TOKEN_WIDTHS.get(widths.pop(), "unknown") if len(widths) == 1 else "unknown"


def base_family(modules: Iterable[Module]) -> str:
    """Return sd15, sd2, sdxl, sd3 or flux1 when names and shapes of the layers agree on it, else "unknown".

    The width of the text context that cross attention reads tells the Stable Diffusion families apart
    (768, 1024, 2048 beside U-Net widths); block names and widths tell the transformers apart.
    """
    body = [module for module in modules if not _TEXT_ENCODER.match(module.name)]
    widths = {module.inputs for module in body} | {module.outputs for module in body}
    inputs = {module.inputs for module in body}
    names = " ".join(module.name for module in body)
    if re.search(r"joint_blocks|(?<!single_)transformer_blocks[._]\d+[._]attn[._]add_[kqv]_proj", names):
        if 3072 in widths and re.search(r"single_transformer_blocks", names):
            return "flux1" if _fits_flux(names) else "unknown"
        return "sd3" if widths & {1536, 2432} and 3072 not in inputs else "unknown"
    if re.search(r"double_blocks|single_blocks|single_transformer_blocks", names):
        return "flux1" if 3072 in widths and _fits_flux(names) else "unknown"
    if 2048 in inputs and {640, 1280} <= widths:
        return "sdxl"
    if {320, 640, 1280} <= widths and len(inputs & {768, 1024}) == 1:
        return "sd15" if 768 in inputs else "sd2"
    return "unknown"


def _fits_flux(names: str) -> bool:
    """Say whether no block is numbered past Flux.1's 19 double and 38 single blocks."""
    double = re.findall(r"(?:double_blocks|(?<!single_)transformer_blocks)[._](\d+)", names)
    single = re.findall(r"(?:single_blocks|single_transformer_blocks)[._](\d+)", names)
    return all(int(n) < 19 for n in double) and all(int(n) < 38 for n in single)


def claims(metadata: Mapping[str, str]) -> dict[str, object]:
    """Return what the file says of itself: `claims` as shortened text, `claimed_base_family` or None.

    Claims are the uploader's words, never verified here; they are shown as claims.
    """
    said = {key: shown_name(metadata[key], _CLAIM_CHARACTERS) for key in _CLAIMS if metadata.get(key)}
    words = " ".join(said.get(key, "") for key in ("modelspec.architecture", "ss_base_model_version")).lower()
    family = next((family for pattern, family in _CLAIMED_FAMILIES if re.search(pattern, words)), None)
    return {"claims": said, "claimed_base_family": family}
