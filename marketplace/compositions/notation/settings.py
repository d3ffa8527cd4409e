"""What a recipe says of the whole picture: the lines with `%key=value`, their limits and what holds without them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from marketplace.catalog.rules import BASE_MODELS
from marketplace.compositions.notation.findings import NotARecipe, closest, shown
from marketplace.compositions.notation.model import MILLION, Recipe
from marketplace.compositions.notation.numbers import read_decimal, write_decimal
from marketplace.compositions.notation.signs import fold, hidden_in, strip_blanks
from marketplace.ui.words import Value, Words
from marketplace.ui.words import gettext_noop as _

WEIGHT_AREA, EQUAL, NEGOTIATED = "weight-area", "equal", "negotiated"
POLICIES = (WEIGHT_AREA, EQUAL, NEGOTIATED)
SIDE_STEP, LEAST_SIDE, MOST_SIDE = 8, 64, 4096
MOST_STEPS = 1_000
MOST_CFG_PPM = 100 * MILLION
# The largest whole number that RFC 8785 can write.
MOST_SEED = 2**53 - 1
WHOLE_PERCENT_PPB = 1_000_000_000
SHARE_PLACES = 7
SAMPLERS = (
    *("euler", "euler_cfg_pp", "euler_ancestral", "euler_ancestral_cfg_pp", "heun", "heunpp2", "dpm_2"),
    *("dpm_2_ancestral", "lms", "dpm_fast", "dpm_adaptive", "dpmpp_2s_ancestral", "dpmpp_2s_ancestral_cfg_pp"),
    *("dpmpp_sde", "dpmpp_sde_gpu", "dpmpp_2m", "dpmpp_2m_cfg_pp", "dpmpp_2m_sde", "dpmpp_2m_sde_gpu"),
    *("dpmpp_3m_sde", "dpmpp_3m_sde_gpu", "ddpm", "lcm", "ipndm", "ipndm_v", "deis", "ddim", "uni_pc", "uni_pc_bh2"),
)
SCHEDULERS = ("normal", "karras", "exponential", "sgm_uniform", "simple", "ddim_uniform", "beta")
"""Samplers and schedulers by the names that ComfyUI gives them."""

_SIZE = re.compile(r"([0-9]{1,9}) *[xX×*] *([0-9]{1,9})")
_FILE = re.compile(r"[^\\<>:\"|?*]{1,200}")

_CHOICE = _("“%(text)s” is nothing for %(key)s; write one of %(known)s.")
_WHOLE = _("“%(text)s” is nothing for %(key)s; write a whole number from %(low)s to %(high)s.")
_DECIMAL = _(
    "“%(text)s” is nothing for %(key)s; write a number from %(low)s to %(high)s with at most %(places)s decimals."
)
_SIZES = _("“%(text)s” is no size; write width x height in pixels, each a multiple of 8 from 64 to 4096.")
_FILES = _("“%(text)s” names no checkpoint; write the name of its file.")


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds for the whole picture. `shares_ppb` are (label, parts per billion), of negotiated shares alone."""

    base: str = ""
    checkpoint: str = ""
    width: int = 1024
    height: int = 1024
    steps: int = 20
    cfg_ppm: int = 6_500_000
    sampler: str = "dpmpp_2m"
    scheduler: str = "karras"
    seed: int = 0
    policy: str = WEIGHT_AREA
    shares_ppb: tuple[tuple[str, int], ...] = ()


class UnreadableSetting(NotARecipe):
    """The value is none that the setting can have; `words` says why, `nearest` what could be meant."""

    code = "setting-value"

    def __init__(self, template: str, nearest: str = "", **values: Value) -> None:
        self.words, self.nearest = Words(template, values), nearest
        super().__init__(str(self.words))


def _one_of(*known: str) -> Callable[[str, str], str]:
    def read(key: str, text: str) -> str:
        if text.lower() not in known:
            meant = text.lower() if key != "sampler" else _sampler_meant(text.lower())
            near = meant if meant in known else closest(meant, known)
            raise UnreadableSetting(_CHOICE, near, text=shown(text), key=key, known=", ".join(known))
        return text.lower()

    return read


def _sampler_meant(text: str) -> str:
    """Writes a sampler's name on the web UI's menu, `DPM++ 2M Karras` or `Euler a`, as ComfyUI does."""
    name = text.replace("++", "pp").replace("-", " ").replace("_", " ").split()
    name = [word for word in name if word not in SCHEDULERS]
    return "_".join("ancestral" if word == "a" else word for word in name)


def _whole(low: int, high: int) -> Callable[[str, str], str]:
    def read(key: str, text: str) -> str:
        number = int(text) if re.fullmatch(r"-?[0-9]{1,30}", text) else None
        if number is None or not low <= number <= high:
            nearest = "" if number is None else str(max(low, min(high, number)))
            raise UnreadableSetting(_WHOLE, nearest, text=shown(text), key=key, low=str(low), high=str(high))
        return str(number)

    return read


def _decimal(low: int, high: int, places: int) -> Callable[[str, str], str]:
    def read(key: str, text: str) -> str:
        number = read_decimal(text, places)
        if number is None or not low <= number <= high:
            nearest = "" if number is None else write_decimal(max(low, min(high, number)), places)
            limits: dict[str, Value] = {
                "low": write_decimal(low, places),
                "high": write_decimal(high, places),
                "places": places,
            }
            raise UnreadableSetting(_DECIMAL, nearest, text=shown(text), key=key, **limits)
        return write_decimal(number, places)

    return read


def _size(key: str, text: str) -> str:
    match = _SIZE.fullmatch(text)
    if not match:
        raise UnreadableSetting(_SIZES, text=shown(text))
    sides = [int(match[1]), int(match[2])]
    good = [max(LEAST_SIDE, min(MOST_SIDE, (side + SIDE_STEP // 2) // SIDE_STEP * SIDE_STEP)) for side in sides]
    if sides != good:
        raise UnreadableSetting(_SIZES, "{}x{}".format(*good), text=shown(text))
    return "{}x{}".format(*good)


def _checkpoint(key: str, text: str) -> str:
    segments = text.split("/")
    if not _FILE.fullmatch(text) or any(one in ("", ".", "..") for one in segments) or hidden_in(text) >= 0:
        raise UnreadableSetting(_FILES, text=shown(text))
    return text


READERS: Mapping[str, Callable[[str, str], str]] = {
    "base": _one_of(*(name for name in BASE_MODELS if name)),
    "checkpoint": _checkpoint,
    "size": _size,
    "steps": _whole(1, MOST_STEPS),
    "cfg": _decimal(0, MOST_CFG_PPM, 6),
    "sampler": _one_of(*SAMPLERS),
    "scheduler": _one_of(*SCHEDULERS),
    "seed": _whole(0, MOST_SEED),
    "policy": _one_of(*POLICIES),
}
"""Each setting with what reads its value."""
VALUES: Mapping[str, tuple[str, ...]] = {
    "base": tuple(name for name in BASE_MODELS if name),
    "sampler": SAMPLERS,
    "scheduler": SCHEDULERS,
    "policy": POLICIES,
}
"""Those whose values can be listed."""
PREFIXES = ("var.", "words.", "share.")
"""Those that are followed by a name: a variable's, a list's of words, a layer's label."""


def read_setting(key: str, text: str) -> str:
    """This will read a value and return it as recipes keep it, or raise UnreadableSetting."""
    text = strip_blanks(text)
    return READERS[key](key, text if key == "checkpoint" else strip_blanks(fold(text)))


def read_share(label: str, text: str) -> str:
    """This will read a negotiated share, a percentage, and return it as recipes keep it, or raise UnreadableSetting."""
    text = strip_blanks(fold(text)).removesuffix("%").rstrip()
    return _decimal(0, WHOLE_PERCENT_PPB, SHARE_PLACES)(f"share.{label}", text)


def share_ppb(value: str) -> int:
    """This will say how many parts per billion a share that was read is."""
    return read_decimal(value, SHARE_PLACES) or 0


def settings_of(recipe: Recipe) -> Settings:
    """This will say what holds for the whole picture, with what holds where nothing is written."""
    said = dict(recipe.settings)
    width, _x, height = said.get("size", "1024x1024").partition("x")
    shares = tuple(
        (key.removeprefix("share."), share_ppb(value)) for key, value in recipe.settings if key.startswith("share.")
    )
    return Settings(
        base=said.get("base", ""),
        checkpoint=said.get("checkpoint", ""),
        width=int(width),
        height=int(height),
        steps=int(said.get("steps", "20")),
        cfg_ppm=read_decimal(said.get("cfg", "6.5")) or 0,
        sampler=said.get("sampler", "dpmpp_2m"),
        scheduler=said.get("scheduler", "karras"),
        seed=int(said.get("seed", "0")),
        policy=said.get("policy", WEIGHT_AREA),
        shares_ppb=shares,
    )
