"""Recipes by chance, and a second hand that writes them in full-width signs."""

from hypothesis import strategies as st

from marketplace.compositions.notation.model import BOX, FULL, MASK, MILLION, REST, Layer, Recipe, Ref, Region
from marketplace.compositions.notation.numbers import write_decimal
from marketplace.compositions.notation.settings import READERS, SAMPLERS, SCHEDULERS
from marketplace.compositions.notation.signs import FORBIDDEN, HIDDEN, escaped, normal, same, strip_prompt

_SIGNS = st.one_of(
    st.sampled_from(list("abz09 _-.,:;()<>|@[]{}#!%$\\/*=~^&\"'")),
    st.sampled_from(list("人红斗篷墨，。：｜＠［］｛｝＃！％＊＝－—（）＄＿é\u0301ßİ👩\u200d🚀مनि")),
    st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")).filter(lambda sign: not FORBIDDEN.match(sign)),
)
SLUGS = st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
NAMES = (
    st.text(st.sampled_from(list("abcXYZ09-_人物墨नि")), min_size=1, max_size=12)
    .map(normal)
    .filter(lambda name: "__" not in name and name[0] not in "_-\u093f" and name[-1] != "_")
)
VERSIONS = st.sampled_from(["", "1.2.0", "1.x", "1.2", "^1", "~0.3.4", ">=1.2.0&<2.0.0", "<=3", "sha256-" + "0f" * 32])
WEIGHTS = st.one_of(st.none(), st.integers(-4 * MILLION, 4 * MILLION).filter(bool))
LABELS = (
    st.text(_SIGNS, min_size=1, max_size=20)
    .map(lambda text: " ".join(normal(text).split()))
    .filter(
        lambda label: (
            0 < len(label) <= 64
            and not HIDDEN.search(label)
            and not any(sign in "|@[]{}\\=:｜＠［］｛｝＝：【】" for sign in label)
            and label.casefold() not in ("style", "风格")
            and normal(label) == label
        )
    )
)
# What is between two signs of equality could be an option, as in {strength=1}.
_PLAIN = st.text(_SIGNS, max_size=30).map(lambda text: escaped(text.replace("=", "-").replace("＝", "-")))


@st.composite
def prompts(draw: st.DrawFn, variables: tuple[str, ...] = (), words: tuple[str, ...] = (), depth: int = 2) -> str:
    """Prompts in one line, with choices in each other and names that there are."""
    kinds = ["plain"] * 4 + ["choice"] * bool(depth) + ["var"] * bool(variables) + ["words"] * bool(words)
    said = []
    for kind in draw(st.lists(st.sampled_from(kinds), max_size=4)):
        if kind == "choice":
            options = draw(st.lists(prompts(variables, words, depth - 1), min_size=2, max_size=3))
            head = draw(st.sampled_from(["", "2$$", "1-2$$ and $$", "0.7::"]))
            said.append("{" + head + "|".join(options) + "}")
        elif kind == "plain":
            said.append(draw(_PLAIN))
        else:
            said.append(
                f"${{{draw(st.sampled_from(variables))}}}" if kind == "var" else f"__{draw(st.sampled_from(words))}__"
            )
    return strip_prompt(" ".join(said))


@st.composite
def regions(draw: st.DrawFn) -> Region:
    kind = draw(st.sampled_from([FULL, REST, BOX, MASK]))
    if kind == MASK:
        return Region(MASK, mask=draw(st.sampled_from(["cats.png", "猫 一.webp", "a-b_c.JPG"])))
    if kind != BOX:
        return Region(kind)
    left, right = sorted(draw(st.lists(st.integers(0, MILLION), min_size=2, max_size=2, unique=True)))
    top, bottom = sorted(draw(st.lists(st.integers(0, MILLION), min_size=2, max_size=2, unique=True)))
    return Region(BOX, (left, top, right, bottom))


@st.composite
def layers(
    draw: st.DrawFn, label: str, aliases: tuple[str, ...], variables: tuple[str, ...], words: tuple[str, ...]
) -> Layer:
    refs = []
    for _number in range(draw(st.integers(0, 3))):
        path = draw(st.lists(SLUGS, min_size=1, max_size=3).map(tuple))
        if aliases and draw(st.booleans()):
            path = (draw(st.sampled_from(aliases)),)
        elif len(path) == 1 and same(path[0]) in {same(one) for one in aliases}:
            path = (*path, "pack")
        refs.append(Ref(path, draw(VERSIONS), draw(WEIGHTS)))
    prompt = draw(prompts(variables, words))
    region = draw(st.none() | regions()) if label != "style" else None
    options = {}
    if draw(st.booleans()):
        options["strength"] = draw(st.integers(0, 10 * MILLION))
    if draw(st.booleans()):
        options["until"] = draw(st.integers(1, MILLION))
    if region and region.kind == MASK:
        options["area"] = draw(st.integers(0, MILLION))
    return Layer(label, prompt if prompt or refs else "x", tuple(refs), region, tuple(sorted(options.items())))


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    variables = tuple(draw(st.lists(NAMES, max_size=2, unique_by=same)))
    words = tuple(draw(st.lists(NAMES, max_size=2, unique_by=same)))
    aliases = tuple(draw(st.lists(NAMES, max_size=2, unique_by=same)))
    labels = draw(st.lists(LABELS, min_size=1, max_size=3, unique=True))
    settings = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "seed": st.integers(0, 2**53 - 1).map(str),
                "size": st.sampled_from(["512x768", "4096x64"]),
                "cfg": st.integers(0, 100 * MILLION).map(write_decimal),
                "sampler": st.sampled_from(SAMPLERS),
                "scheduler": st.sampled_from(SCHEDULERS),
                "base": st.sampled_from(["sd15", "flux1"]),
                "checkpoint": st.sampled_from(["a b.safetensors", "models/墨.safetensors"]),
                "policy": st.sampled_from(["equal", "weight-area"]),
            },
        )
    )
    assert set(settings) <= set(READERS)
    value = prompts(depth=1).filter(bool)
    return Recipe(
        tuple(draw(layers(label, aliases, variables, words)) for label in labels),
        draw(st.none() | layers("style", aliases, variables, words)),
        draw(prompts(variables, words)),
        tuple(sorted(settings.items())),
        tuple(sorted((name, draw(value)) for name in variables)),
        tuple(sorted((name, Ref((draw(SLUGS), draw(SLUGS)), draw(VERSIONS), draw(WEIGHTS))) for name in aliases)),
        tuple(sorted((name, tuple(draw(st.lists(value, min_size=1, max_size=3)))) for name in words)),
    )


_WIDE = str.maketrans("|:@,-[]*!%{}#=0123456789", "｜：＠，－［］＊！％｛｝＃＝０１２３４５６７８９")
_KINDS = {FULL: "全部", REST: "其余", BOX: "框", MASK: "蒙版"}


def _wide_ref(ref: Ref) -> str:
    version = f"：{ref.version}" if ref.version else ""
    weight = f"＊{write_decimal(ref.weight_ppm)}" if ref.weight_ppm is not None else ""
    return f"＠ {'／'.join(ref.path)}{version}{weight}"


def _wide_body(layer: Layer) -> str:
    region = ""
    if layer.region:
        box = "，".join(map(write_decimal, layer.region.box_ppm)) if layer.region.box_ppm else layer.region.mask
        region = f"［{_KINDS[layer.region.kind]}{box}］"
    options = "".join(f"｛{key}＝{write_decimal(value)}｝".translate(_WIDE) for key, value in layer.options)
    refs = "　".join(map(_wide_ref, layer.refs))
    return f"{layer.prompt}　{options}{region}　{refs}，"


def write_wide(recipe: Recipe) -> str:
    """Writes a recipe as people do whose keyboard is Chinese: full-width signs, words of ours, the order turned."""
    lines = ["！" + recipe.negative] if recipe.negative else []
    lines += [f"　｜　{layer.label}　：{_wide_body(layer)}" for layer in recipe.layers]
    lines += [f"——风格：{_wide_body(recipe.style)}"] if recipe.style else []
    lines += ["｜　……", "＃　注释", ""]
    lines += [f"％　{key}　＝　{value}" for key, value in recipe.settings]
    lines += [f"％var.{name}＝{value}" for name, value in recipe.variables]
    lines += [f"％words.{name}＝{'｜'.join(options)}" for name, options in recipe.words]
    lines += [f"％＠{name}＝{_wide_ref(ref)}" for name, ref in recipe.aliases]
    return "\ufeff" + "\r\n".join(lines)
