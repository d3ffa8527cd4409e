"""The tensors that make up the modules of a network, put together by their names and checked against each other.

LoRA, ΔW = up · (mid ·) down, in the namings of kohya, PEFT and diffusers; LyCORIS' LoHa, ΔW = (w1_a · w1_b) ∘
(w2_a · w2_b), and LoKr, ΔW = w1 ⊗ w2, whose factors may be products themselves; with Tucker cores for
convolutions, scales (`.alpha`) and, for DoRA, magnitudes beside them.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from assets.inspectors.base import Refused, refused, shown_name
from marketplace.ui.words import gettext_noop as _

Shape = tuple[int, ...]
Table = Mapping[str, Shape]


class Module(NamedTuple):
    """One layer that a network changes or holds: its name, and how many numbers go in and out.

    `rank` is the inner size of its product, 0 where nothing is factored.
    """

    name: str
    inputs: int
    outputs: int
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Modules:
    """What a table holds: its modules by kind (lora, loha, lokr), and the names of the schemes in use, sorted."""

    by_kind: Mapping[str, list[Module]]
    schemes: tuple[str, ...]


class _Part(NamedTuple):
    """What an ending of a tensor's name says: its kind, its scheme, and which parts of one stem belong together."""

    ending: str
    kind: str
    scheme: str
    together: str


# Of each pair the scheme, the ending of the part that goes down, and of the one that goes up.
_PAIRS = (
    ("kohya", ".lora_down.weight", ".lora_up.weight"),
    ("peft", ".lora_A.weight", ".lora_B.weight"),
    ("peft", ".lora_A.default.weight", ".lora_B.default.weight"),
    ("peft", ".lora_embedding_A", ".lora_embedding_B"),
    ("diffusers", ".lora.down.weight", ".lora.up.weight"),
    ("diffusers", ".lora_linear_layer.down.weight", ".lora_linear_layer.up.weight"),
    ("diffusers-attn-processor", "_lora.down.weight", "_lora.up.weight"),
    ("indexed", ":down", ":up"),
)
_UP = {down: up for _scheme, down, up in _PAIRS}
_MID = ".lora_mid.weight"
_LOHA = (".hada_w1_a", ".hada_w1_b", ".hada_w2_a", ".hada_w2_b", ".hada_t1", ".hada_t2")
_LOKR = (".lokr_w1", ".lokr_w1_a", ".lokr_w1_b", ".lokr_w2", ".lokr_w2_a", ".lokr_w2_b", ".lokr_t2")
_PARTS = (
    *(_Part(ending, "lora", scheme, up) for scheme, down, up in _PAIRS for ending in (down, up)),
    _Part(_MID, "lora", "kohya", ".lora_up.weight"),
    *(_Part(ending, "loha", "lycoris", "") for ending in _LOHA),
    *(_Part(ending, "lokr", "lycoris", "") for ending in _LOKR),
)
_BY_ENDING = {part.ending: part for part in _PARTS}
_ENDINGS = tuple(_BY_ENDING)
_INDEXED = re.compile(r"[a-z0-9_]+:[0-9]+:(down|up)")
_SCALE = ".alpha"
_MAGNITUDES = (".dora_scale", ".lora_magnitude_vector", ".lora_magnitude_vector.weight")


@dataclass(slots=True)
class _Group:
    """The parts of one module, by the endings of their names."""

    stem: str
    kind: str
    scheme: str
    parts: dict[str, Shape] = field(default_factory=dict)

    def need(self, ending: str, beside: str) -> Shape:
        """Return the shape of a part that must be there because `beside` is."""
        if ending not in self.parts:
            tensor, missing = repr(shown_name(self.stem + beside)), repr(shown_name(self.stem + ending))
            template = _("tensor %(tensor)s has no partner %(partner)s.")
            raise refused("weights-unpaired", template, f"tensor {tensor}", tensor=tensor, partner=missing)
        return self.parts[ending]

    def unequal(self, one: str, other: str, *, rank: bool = True) -> Refused:
        tensor, partner = repr(shown_name(self.stem + one)), repr(shown_name(self.stem + other))
        shape, shape_of_other = str(list(self.parts[one])), str(list(self.parts[other]))
        template = (
            _("tensor %(tensor)s of shape %(shape)s and %(partner)s of shape %(other)s do not share a rank.")
            if rank
            else _("tensor %(tensor)s of shape %(shape)s and %(partner)s of shape %(other)s do not fit each other.")
        )
        code = "weights-rank-mismatch" if rank else "weights-shape-mismatch"
        values = {"tensor": tensor, "shape": shape, "partner": partner, "other": shape_of_other}
        return refused(code, template, f"tensor {tensor}", **values)


def modules_of(table: Table) -> Modules:
    """Return the modules that names and shapes show.

    Raise Refused for a part without its partner, for parts whose ranks or sides differ, for a scale that is no
    single number, and for a magnitude that fits neither side of its module.
    """
    groups: dict[tuple[str, str, str], _Group] = {}
    others: list[str] = []
    for name, shape in table.items():
        part = _part_of(name)
        if part is None:
            others.append(name)
            continue
        stem = name[: -len(part.ending)]
        key = stem, part.kind, part.together
        group = groups.get(key)
        if group is None:
            group = groups[key] = _Group(stem, part.kind, part.scheme)
        group.parts[part.ending] = shape
    by_kind: dict[str, list[Module]] = {kind: [] for kind in _MAKERS}
    for group in groups.values():
        by_kind[group.kind].append(_MAKERS[group.kind](group))
    by_name = {module.name: module for modules in by_kind.values() for module in modules}
    for name in others:
        _check_beside(name, table[name], by_name)
    return Modules(by_kind, tuple(sorted({group.scheme for group in groups.values()})))


def _part_of(name: str) -> _Part | None:
    """Return what the name ends in; None when it is no part of a module."""
    last = name.rfind(".")
    part = _BY_ENDING.get(name[name.rfind(".", 0, last) :]) if last > 0 else None
    if part is None and name.endswith(_ENDINGS):
        part = next(part for part in _PARTS if name.endswith(part.ending))
    return None if part and part.scheme == "indexed" and not _INDEXED.fullmatch(name) else part


def _check_beside(name: str, shape: Shape, modules: Mapping[str, Module]) -> None:
    """Refuse a scale of a module that is not one number, and a DoRA magnitude that fits neither of its sides.

    Of which dtype a scale is does not matter: some tools write integers.
    """
    if name.endswith(_SCALE):
        if shape and math.prod(shape) != 1 and name.removesuffix(_SCALE) in modules:
            tensor = repr(shown_name(name))
            template = _("tensor %(tensor)s has shape %(shape)s, a scale must be one number.")
            raise refused("weights-scale", template, f"tensor {tensor}", tensor=tensor, shape=str(list(shape)))
        return
    ending = next((ending for ending in _MAGNITUDES if name.endswith(ending)), None)
    module = modules.get(name.removesuffix(ending)) if ending else None
    if module and math.prod(shape) not in (module.inputs, module.outputs):
        tensor = repr(shown_name(name))
        template = _("tensor %(tensor)s has shape %(shape)s, its module has %(inputs)s inputs and %(outputs)s outputs.")
        sides = {"inputs": module.inputs, "outputs": module.outputs}
        values = {"tensor": tensor, "shape": str(list(shape))} | sides
        raise refused("weights-shape-mismatch", template, f"tensor {tensor}", **values)


def _lora(group: _Group) -> Module:
    """Return the module of down (rank, in, …), up (out, rank, …) and perhaps mid (rank, rank, …)."""
    if _MID in group.parts:
        group.need(".lora_down.weight", _MID)
    down_name = next((ending for ending in group.parts if ending in _UP), None)
    if down_name is None:
        up_name = next(iter(group.parts))
        down_name = next(down for down, up in _UP.items() if up == up_name)
        group.need(down_name, up_name)
    up_name = _UP[down_name]
    up, down = group.need(up_name, down_name), group.parts[down_name]
    if len(down) < 2 or len(up) < 2 or down[0] != up[1] or 0 in down + up:
        raise group.unequal(down_name, up_name)
    if _MID in group.parts:
        mid = group.parts[_MID]
        if len(mid) < 3 or mid[:2] != (up[1], down[0]) or 0 in mid:
            raise group.unequal(_MID, down_name)
    return Module(group.stem, down[1], up[0], down[0])


def _loha(group: _Group) -> Module:
    """Return the module of two products whose sides are the same."""
    first, second = (
        _product(group, f".hada_w{one}_a", f".hada_w{one}_b", f".hada_t{one}", next(iter(group.parts)))
        for one in ("1", "2")
    )
    if first[:2] != second[:2]:
        raise group.unequal(".hada_w1_a", ".hada_w2_a", rank=False)
    outputs, inputs, rank = first
    return Module(group.stem, inputs, outputs, rank)


def _product(group: _Group, a_name: str, b_name: str, core_name: str, beside: str) -> tuple[int, int, int]:
    """Return (outputs, inputs, rank) of a factor that is a product itself, needed because `beside` is there.

    It is a (outputs, rank) times b (rank, inputs), or, around a Tucker core (rank, rank, …), a (rank, outputs) and
    b (rank, inputs).
    """
    a, b = group.need(a_name, beside), group.need(b_name, a_name)
    core = group.parts.get(core_name)
    if len(a) != 2 or len(b) != 2 or 0 in a + b:
        raise group.unequal(a_name, b_name)
    if core is not None:
        if len(core) < 3 or 0 in core or core[:2] != (a[0], b[0]):
            raise group.unequal(core_name, a_name)
        return a[1], b[1], b[0]
    if a[1] != b[0]:
        raise group.unequal(a_name, b_name)
    return a[0], b[1], b[0]


def _lokr(group: _Group) -> Module:
    """Return the module of w1 (a, b) ⊗ w2 (c, d, …): a · c outputs, b · d inputs."""
    (a, b, first), (c, d, second) = (_kronecker_factor(group, one) for one in ("1", "2"))
    return Module(group.stem, b * d, a * c, second or first)


def _kronecker_factor(group: _Group, one: str) -> tuple[int, int, int]:
    """Return (outputs, inputs, rank) of w1 or w2, which is a product or, with rank 0, whole; never both."""
    whole, a_name, b_name, core = f".lokr_w{one}", f".lokr_w{one}_a", f".lokr_w{one}_b", f".lokr_t{one}"
    factors = [name for name in (a_name, b_name, core) if name in group.parts]
    if factors and whole not in group.parts:
        return _product(group, a_name, b_name, core, factors[0])
    shape = group.need(whole, next(iter(group.parts)))
    if factors or len(shape) < 2 or 0 in shape:
        raise group.unequal(whole, factors[0] if factors else whole, rank=False)
    return shape[0], shape[1], 0


_MAKERS: Mapping[str, Callable[[_Group], Module]] = {"lora": _lora, "loha": _loha, "lokr": _lokr}
