"""How long it takes to read the text of a recipe, and that it grows with its length and nothing else."""

import contextlib
import gc
import os
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median

from benchmarks.figure import Figure, Figures
from marketplace.compositions.notation.model import Recipe
from marketplace.compositions.notation.reading import UnreadableRecipe, read
from marketplace.compositions.notation.writing import write

LINES, FEW = 10_000, 1_000
GOAL_MS, GOAL_RATIO = 1_500, 12
GOAL_HOSTILE_MS = 2_000
_ROUNDS = 7

# As people write: in either script, with weights, versions, regions, options, choices and names. A recipe has at most
# 64 layers, so most of a text of ten thousand lines could only be refused: the limit is lifted for the measurement.
_LINES = (
    "|layer{n}: wanderer, red cloak, {{walking|resting}} @yunhai/characters:^1.2*0.8 [box 0,0,0.5,1]",
    "｜图层{n}：行人，红斗篷，雨夜＠yunhai/characters＊0.8［框 0，0，0.5，1］，",
    "|market {n}: night market in the rain, ${{color}} lamps @neon-harbor/scenes {{strength=0.9}} {{feather=0.05}}",
    "|cats {n}: (three:1.2) __animal__ under a roof @paws/cats/tabby:1.2.0 [mask cats.png] {{area=0.3}}",
    "｜街 {n}：夜市，灯笼 ＠hu/market：>=1.2.0&<2.0.0*-0.25［其余］｛from＝0.2｝｛until＝0.8｝",
    "|sky {n}: clouds at dusk, soft light, a bird \\(far\\) away",
    "# what layer {n} is for: 前景",
    "|crowd {n}: {{2$$ and $$women|men|children}} @A @hu/people*1.5, in the distance",
)
_HEAD = (
    "%size=832x1216",
    "%seed=42",
    "%var.color={red|blue}",
    "%words.animal=cat|2::dog|{big|small} fox",
    "%@A = alice/sea:^1",
)
_TAIL = ("- style: ink wash @mo/ink-style {strength=0.9}", "! lowres, bad hands")

# The most that may be sent, made of what a reader could look at again and again. What can be text is text, so that
# nothing is wrong with it and all of it has to be read.
_HOSTILE = (
    *("{", "{a|", "{ a=", "{ a=|", "{1-2$$a", "{0.1::a|", "{a|b}", "{strength=1}", "}", "\\", "\\a", "\\{"),
    *("[", "[ ", "[bo", "[boxx ", "[rse ", "[rse]", "[bxo 0 0 0 ", "[masks a.png ", "[rest]", "[\u200b", "(a:1.1)"),
    *("@", "@a ", "@a/", "@a/b*", "@a/b:>=1&", "@a.b", ", |", ", | a", "|", "__", "__a", "__a_", "_", "$", "${"),
    *("${a} ", "\u0301", "{\u200b", "\u200b", "👩\u200d🚀", "＠", "｛", " ", "　", ",", "，", "a", "人", "=", "#"),
)
_MOST_LINE, _LAYERS, _NAMES = 3_900, 64, 200


def text_of(lines: int) -> str:
    """Writes a recipe of so many lines."""
    body = [_LINES[place % len(_LINES)].format(n=place) for place in range(lines - len(_HEAD) - len(_TAIL))]
    return "\n".join([*_HEAD, *body, *_TAIL]) + "\n"


def hostile_of(piece: str) -> str:
    """Writes a text as long as one may be, with as many layers and variables, of the same piece again and again."""
    body = piece * (_MOST_LINE // len(piece))
    lines = [f"|l{place}:{body}." for place in range(_LAYERS)] + [f"%var.v{place}={body}." for place in range(_NAMES)]
    kept, room = [], 1024 * 1024
    for line in lines:
        room -= len(line.encode()) + 1
        if room >= 0:
            kept.append(line)
    return "\n".join(kept)


def recipe_parse() -> Iterator[Figure]:
    """Times reading ten thousand lines and one thousand, in turns, then texts that are made to be slow."""
    long, short = text_of(LINES), text_of(FEW)
    recipe = _read(long)
    if write(_read(write(recipe))) != write(recipe) or len(recipe.layers) < LINES * 3 // 4:
        sys.exit("What was measured is not a recipe that is read.")
    gc.collect()
    gc.freeze()
    try:
        taken: list[tuple[float, float]] = []
        for _round in range(_ROUNDS):
            few = _cpu_ms(lambda: [_read(short) for _time in range(LINES // FEW)]) * FEW / LINES
            taken.append((_cpu_ms(lambda: _read(long)), few))
        hostile = {piece: _cpu_ms(partial(_tried, hostile_of(piece))) for piece in _HOSTILE}
        hostile["\\n"] = _cpu_ms(lambda: _tried("\n" * 1024 * 1024))
    finally:
        gc.unfreeze()
    spent, few = median(one for one, _few in taken), median(few for _one, few in taken)
    worst = max(hostile, key=lambda name: hostile[name])
    of = f"{len(recipe.layers):,} layers, {len(long.encode()) / 1024:,.0f} KiB"
    yield Figure("recipe-parse", spent, "ms", f"{LINES:,} lines: {of}; {os.cpu_count()} cores", GOAL_MS)
    yield Figure(
        "recipe-parse-ratio", spent / few, "times", f"{FEW:,} lines: {few:.1f} ms; median of {_ROUNDS}", GOAL_RATIO
    )
    against = f"the slowest of {len(hostile)} texts of 1 MiB that are made to be slow: {worst!r}"
    yield Figure("recipe-parse-hostile", hostile[worst], "ms", against, GOAL_HOSTILE_MS)


def _read(text: str) -> Recipe:
    return read(text, most_layers=LINES)


def _tried(text: str) -> None:
    with contextlib.suppress(UnreadableRecipe):
        read(text)


def _cpu_ms(verb: Callable[[], object]) -> float:
    """Measures the work of this process alone, so that neighbours on the same machine do not count."""
    began = time.process_time()
    verb()
    return (time.process_time() - began) * 1000


FIGURES: Figures = {"recipe-parse": recipe_parse}
