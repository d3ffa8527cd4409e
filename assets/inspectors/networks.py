"""What the table of tensors, names and shapes alone, says about a network; and what its metadata claims."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from assets.inspectors.base import refused, shown_name
from assets.inspectors.modules import Module, Table, modules_of
from marketplace.ui.words import gettext_noop as _

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
    (r"stable-diffusion-?xl|sd-?xl", "sdxl"),
    (r"(?:stable-diffusion|sd)-?v?-?1", "sd15"),
    (r"(?:stable-diffusion|sd)-?v?-?2", "sd2"),
    (r"(?:stable-diffusion|sd)-?v?-?3", "sd3"),
    (r"flux(?!\.?-?2)", "flux1"),
)
_FAMILY_CLAIMS = ("modelspec.architecture", "ss_base_model_version")
_FAMILY_NAMES = {
    "sd15": "Stable Diffusion 1.5",
    "sd2": "Stable Diffusion 2",
    "sdxl": "Stable Diffusion XL",
    "sd3": "Stable Diffusion 3",
    "flux1": "FLUX.1",
}

_TEXT_ENCODER = re.compile(r"^(lora_te|text_encoder|te[0-9]?[._]|cond_stage_model\.|conditioner\.|text_model)")
_JOINT_ATTENTION = re.compile(r"(?<!single_)transformer_blocks[._]\d+[._]attn[._]add_[kqv]_proj")
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


def describe(table: Table) -> Network:
    """Return what the table shows; raise Refused when it contradicts itself."""
    found = modules_of(table)
    if found.schemes:
        modules = [module for of_kind in found.by_kind.values() for module in of_kind]
        kind = max(found.by_kind, key=lambda kind: len(found.by_kind[kind]))
        ranks = tuple(sorted({module.rank for module in modules if module.rank}))
        return Network(kind, "+".join(found.schemes), base_family(modules), len(modules), ranks)
    if family := _embedding_family(table):
        return Network("embedding", "textual-inversion", family)
    if any(_CHECKPOINT.match(name) for name in table):
        _check_biases(table)
        whole = [Module(name, shape[1], shape[0]) for name, shape in table.items() if len(shape) == 2]
        return Network("checkpoint", "full", base_family(whole))
    return Network("unknown", "unknown", "unknown")


def _check_biases(table: Table) -> None:
    """Refuse a layer whose bias has not one number for each output; transposed convolutions count them second."""
    for name, shape in table.items():
        stem = name.removesuffix(".bias")
        weight = table.get(stem + ".weight", ()) if stem != name else ()
        if weight and (len(shape) != 1 or shape[0] not in weight[:2]):
            tensor = repr(shown_name(name))
            template = _(
                "tensor %(tensor)s of shape %(shape)s does not fit the weight of its layer, of shape %(other)s."
            )
            values = {"tensor": tensor, "shape": str(list(shape)), "other": str(list(weight))}
            raise refused("weights-shape-mismatch", template, f"tensor {tensor}", **values)


def _embedding_family(table: Table) -> str:
    """Return the base family of a textual inversion, "unknown" for one of unknown width, "" for none."""
    if len(table) > 8 or any(len(shape) not in {1, 2} for shape in table.values()):
        return ""
    named = set(table) <= _EMBEDDING_NAMES or all(name.startswith("string_to_param") for name in table)
    token = len(table) == 1 and all(re.fullmatch(r"<[^<>]+>", name) for name in table)
    if not (named or token):
        return ""
    if any(0 in shape for shape in table.values()):
        raise refused("weights-empty-embedding", _("the embedding holds no token."))
    tokens = {shape[0] for shape in table.values() if len(shape) == 2}
    if named and len(tokens) > 1:
        template = _("the parts of the embedding hold %(tokens)s tokens; each must hold as many as the others.")
        shown = ", ".join(str(count) for count in sorted(tokens))
        raise refused("weights-shape-mismatch", template, "", tokens=shown)
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
    if "joint_blocks" in names or ("add_" in names and _JOINT_ATTENTION.search(names)):
        if 3072 in widths and "single_transformer_blocks" in names:
            return "flux1" if _fits_flux(names) else "unknown"
        return "sd3" if widths & {1536, 2432} and 3072 not in inputs else "unknown"
    if any(block in names for block in ("double_blocks", "single_blocks", "single_transformer_blocks")):
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
    families = [families[0] for key in _FAMILY_CLAIMS if (families := _families(said.get(key, "")))]
    return {"claims": said, "claimed_base_family": families[0] if families else None}


def check_claims(metadata: Mapping[str, str], found: str) -> None:
    """Refuse metadata that names one base family, and no other, when the shapes are those of another.

    `found` is what `base_family` says; nothing is refused when that is unknown.
    """
    if found == "unknown":
        return
    for key in _FAMILY_CLAIMS:
        families = _families(metadata.get(key, "")[:_CLAIM_CHARACTERS])
        if len(families) == 1 and families[0] != found:
            template = _(
                "the metadata says under %(key)s that it is made for %(claimed)s, its tensors are those of %(found)s;"
                " correct the metadata or choose the other file."
            )
            values = {"key": key, "claimed": _FAMILY_NAMES[families[0]], "found": _FAMILY_NAMES[found]}
            raise refused("weights-base-family", template, f"__metadata__ {key}", **values)


def _families(words: str) -> list[str]:
    """Return the base families that a claim names, with blanks, underscores or hyphens between its words."""
    plain = re.sub(r"[\s_-]+", "-", words.lower())
    return [family for pattern, family in _CLAIMED_FAMILIES if re.search(pattern, plain)]
