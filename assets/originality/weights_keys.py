"""One name for one layer, whichever tool wrote the file.

The same layer is `lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q` to one trainer,
`unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q` to another and `unet:18` to a third. All become
`unet.down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q`. A name that fits no scheme is only made flat: two
files of one unknown scheme still agree, and layers that no names bring together are paired by content instead.
"""

import re
from dataclasses import dataclass

_WRAPPERS = re.compile(
    r"^(base_model_model_|model_diffusion_model_|diffusion_model_|lora_unet_|lycoris_unet_|lora_transformer_|lycoris_"
    r"|lora_prior_unet_|lora_(?!te)|unet_|transformer_(?!blocks_))"
)
_ENCODER = re.compile(
    r"^(?:base_model_model_)?(?:lora_|lycoris_)?"
    r"(?:te(?P<short>[123]?)_|text_encoder(?:_(?P<long>[123])(?=_))?_|cond_stage_model_|conditioner_embedders_(?P<at>[01])_)"
)
_ENCODER_SHELL = re.compile(r"^(transformer_|model_|text_model_)+")
_INDEXED = re.compile(r"^(unet|text_encoder):(\d+)$")

# The order in which a walk over the U-Net of Stable Diffusion 1 and 2 meets the layers of one transformer block, and
# its transformer blocks: down, up, and last the middle one. "indexed" files number the layers in that order.
_WALKED_LAYERS = tuple(
    [f"attn1_{part}" for part in ("to_q", "to_k", "to_v", "to_out_0")]
    + ["ff_net_0_proj"]
    + [f"attn2_{part}" for part in ("to_q", "to_k", "to_v", "to_out_0")]
)
_WALKED_BLOCKS = tuple(
    [f"down_blocks_{block}_attentions_{place}" for block in range(3) for place in range(2)]
    + [f"up_blocks_{block}_attentions_{place}" for block in range(1, 4) for place in range(3)]
    + ["mid_block_attentions_0"]
)
_WALKED_ENCODER = ("k_proj", "v_proj", "q_proj", "out_proj")

# Layers of the U-Net outside its three rows of blocks, and the parts of a residual block: CompVis name to diffusers'.
_SINGLE = {
    "time_embed_0": "time_embedding_linear_1",
    "time_embed_2": "time_embedding_linear_2",
    "label_emb_0_0": "add_embedding_linear_1",
    "label_emb_0_2": "add_embedding_linear_2",
    "input_blocks_0_0": "conv_in",
    "out_2": "conv_out",
}
_RESIDUAL = {
    "in_layers_2": "conv1",
    "emb_layers_1": "time_emb_proj",
    "out_layers_3": "conv2",
    "skip_connection": "conv_shortcut",
}
_MIDDLE = {"0": "resnets_0", "1": "attentions_0", "2": "resnets_1"}
_OPEN_CLIP = {"mlp_c_fc": "mlp_fc1", "mlp_c_proj": "mlp_fc2", "attn_out_proj": "self_attn_out_proj"}

# The two streams of a multimodal transformer block: ours to diffusers', and what one fused layer holds, in equal parts.
_STREAMS = {
    "img_attn_proj": "attn_to_out_0",
    "txt_attn_proj": "attn_to_add_out",
    "img_mlp_0": "ff_net_0_proj",
    "img_mlp_2": "ff_net_2",
    "txt_mlp_0": "ff_context_net_0_proj",
    "txt_mlp_2": "ff_context_net_2",
    "img_mod_lin": "norm1_linear",
    "txt_mod_lin": "norm1_context_linear",
    "x_block_attn_proj": "attn_to_out_0",
    "context_block_attn_proj": "attn_to_add_out",
    "x_block_mlp_fc1": "ff_net_0_proj",
    "x_block_mlp_fc2": "ff_net_2",
    "context_block_mlp_fc1": "ff_context_net_0_proj",
    "context_block_mlp_fc2": "ff_context_net_2",
    "x_block_adaLN_modulation_1": "norm1_linear",
    "context_block_adaLN_modulation_1": "norm1_context_linear",
}
_OWN = ("attn_to_q", "attn_to_k", "attn_to_v")
_ADDED = ("attn_add_q_proj", "attn_add_k_proj", "attn_add_v_proj")
_FUSED = {"img_attn_qkv": _OWN, "txt_attn_qkv": _ADDED, "x_block_attn_qkv": _OWN, "context_block_attn_qkv": _ADDED}


@dataclass(frozen=True, slots=True)
class Place:
    """A layer, or the rows `begin` to `end` of a written one that stand for a layer of their own."""

    name: str
    begin: int
    end: int


def places(stem: str, rows: int) -> list[Place]:
    """Return the layers that the written layer `stem` with `rows` outputs holds: one, or several when it is fused."""
    name = layer_name(stem)
    component, _dot, rest = name.partition(".")
    parts, shares = _fused(rest)
    if rows % sum(shares):
        return [Place(name, 0, rows)]
    unit, begin, found = rows // sum(shares), 0, []
    for part, share in zip(parts, shares, strict=True):
        found.append(Place(f"{component}.{part}", begin, begin + unit * share))
        begin += unit * share
    return found


def layer_name(stem: str) -> str:
    """Return the one name of the layer that a file calls `stem`, as `component.layer`."""
    if match := _INDEXED.match(stem):
        return _walked(match[1], int(match[2]))
    flat = re.sub(r"[._:/]+", "_", stem)
    if match := _ENCODER.match(flat):
        at = match["at"]
        number = match["short"] or match["long"] or (str(int(at) + 1) if at else "1")
        return f"te{number}.{_encoder_layer(flat[match.end() :])}"
    while match := _WRAPPERS.match(flat):
        flat = flat[match.end() :]
    flat = flat.replace("_processor_to_", "_to_").removesuffix("_lora")
    flat = re.sub(r"_to_out$", "_to_out_0", flat)
    return f"unet.{_unet_layer(flat)}"


def _walked(component: str, index: int) -> str:
    if component == "text_encoder":
        return f"te1.encoder_layers_{index // 4}_self_attn_{_WALKED_ENCODER[index % 4]}"
    block, layer = divmod(index, len(_WALKED_LAYERS))
    if block >= len(_WALKED_BLOCKS):
        return f"unet.{index}"
    return f"unet.{_WALKED_BLOCKS[block]}_transformer_blocks_0_{_WALKED_LAYERS[layer]}"


def _encoder_layer(flat: str) -> str:
    flat = _ENCODER_SHELL.sub("", flat)
    if match := re.match(r"(?:resblocks|transformer_resblocks)_(\d+)_(.+)$", flat):
        return f"encoder_layers_{match[1]}_{_OPEN_CLIP.get(match[2], match[2])}"
    return flat


def _unet_layer(flat: str) -> str:
    if flat in _SINGLE:
        return _SINGLE[flat]
    if match := re.match(r"(input|output)_blocks_(\d+)_(\d+)_(.+)$", flat):
        return _block_layer(match[1], int(match[2]), int(match[3]), match[4])
    if match := re.match(r"middle_block_([012])_(.+)$", flat):
        return f"mid_block_{_MIDDLE[match[1]]}_{_RESIDUAL.get(match[2], match[2])}"
    if match := re.match(r"(?:double_blocks|joint_blocks)_(\d+)_(.+)$", flat):
        return f"transformer_blocks_{match[1]}_{_STREAMS.get(match[2], match[2])}"
    if match := re.match(r"single_blocks_(\d+)_(.+)$", flat):
        part = {"linear2": "proj_out", "modulation_lin": "norm_linear"}.get(match[2], match[2])
        return f"single_transformer_blocks_{match[1]}_{part}"
    return flat


def _block_layer(row: str, index: int, place: int, rest: str) -> str:
    """Return diffusers' name of a layer in CompVis' numbered blocks, three numbers to a level of the U-Net."""
    if row == "input":
        block, layer = divmod(index - 1, 3)
        if rest == "op":
            return f"down_blocks_{block}_downsamplers_0_conv"
        side = "down"
    else:
        block, layer = divmod(index, 3)
        if rest == "conv":
            return f"up_blocks_{block}_upsamplers_0_conv"
        side = "up"
    kind = "attentions" if place else "resnets"
    return f"{side}_blocks_{block}_{kind}_{layer}_{rest if place else _RESIDUAL.get(rest, rest)}"


def _fused(rest: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return the parts of a layer and how the rows are shared among them."""
    match = re.match(r"(transformer_blocks_\d+_)(.+)$", rest)
    if match and (parts := _FUSED.get(match[2])):
        return tuple(match[1] + part for part in parts), (1, 1, 1)
    if match := re.match(r"(single_transformer_blocks_\d+_)linear1$", rest):
        return tuple(match[1] + part for part in (*_OWN, "proj_mlp")), (1, 1, 1, 4)
    if match := re.match(r"(encoder_layers_\d+_)attn_in_proj(?:_weight)?$", rest):
        return tuple(f"{match[1]}self_attn_{part}_proj" for part in "qkv"), (1, 1, 1)
    return (rest,), (1,)
