"""Each mistake in its place: line, column, length, code and what to write instead, in both scripts."""

import pytest

from marketplace.compositions.notation.findings import Finding
from marketplace.compositions.notation.places import mended
from marketplace.compositions.notation.reading import MOST_FINDINGS, UnreadableRecipe, read

# What docs/formats/recipe.md has as an example of each code, in its order.
TABLE = [
    ("|a: x\u0000", 1, 6, 1, "forbidden-sign", ""),
    ("|a\u200bb: x", 1, 3, 1, "hidden-sign", ""),
    ("# nothing", 1, 1, 0, "no-layer", ""),
    ("layer1: x", 1, 1, 6, "line-unknown", "|layer1"),
    ("|: x", 1, 1, 1, "label", ""),
    ("|layer1 x", 1, 8, 1, "label-colon", ": "),
    ("|style: x", 1, 1, 6, "label-reserved", "- style"),
    ("|a: x\n|a: y", 2, 2, 1, "label-twice", "a2"),
    ("|a:", 1, 1, 3, "layer-empty", ""),
    ("|a: x, |b: y", 1, 8, 1, "layer-here", "\n|"),
    ("|a: x\n- stile ink", 2, 3, 5, "style", "style"),
    ("|a: x\n- style y\n- style z", 3, 3, 5, "style-twice", ""),
    ("|a: x\n- style y [rest]", 2, 11, 6, "style-region", ""),
    ("|a: x\n! hands @alice/sea", 2, 9, 10, "not-here", "\\@alice/sea"),
    ("|a: {x @alice/sea|y}", 1, 8, 10, "in-choice", ""),
    ("|a: [@alice/sea box 0,0,1,1]", 1, 6, 10, "prompt-unclear", ""),
    ("|a: x a@b.com", 1, 8, 1, "at-no-ref", "\\@"),
    ("|a: x @alice/my_pack", 1, 14, 7, "ref-name", "my-pack"),
    ("|a: x @alice/sea/boat/mast", 1, 8, 19, "ref-too-deep", "alice/sea/boat"),
    ("|a: @b @c @d @e @f @g @h @i @j", 1, 29, 2, "too-many-refs", ""),
    ("|a: x @alice/sea:latest", 1, 18, 6, "version-unreadable", ">=0"),
    ("|a: x @alice/sea*9", 1, 18, 1, "weight", "4"),
    ("|a: x @海_", 1, 7, 3, "alias-unknown", ""),
    ("%@A = bob\n|a: x @A", 1, 7, 3, "alias", ""),
    ("|a: x [box 0,0,1,1", 1, 7, 1, "region-unclosed", "\\["),
    ("|a: x [bxo 0,0,1,1]", 1, 8, 3, "region-unknown", "box"),
    ("|a: x [full moon]", 1, 7, 11, "region-content", "\\[full moon]"),
    ("|a: x [rest] [full]", 1, 14, 6, "region-twice", ""),
    ("|a: x [box 0,0,1]", 1, 7, 11, "box-numbers", ""),
    ("|a: x [box 0.5,0,0.2,1]", 1, 7, 17, "box-order", "[box 0.2,0,0.5,1]"),
    ("|a: x [mask a/b.png]", 1, 7, 14, "mask-name", "[mask b.png]"),
    ("|a: x {strength=1", 1, 7, 1, "option-unclosed", "\\{"),
    ("|a: x {strenght=1}", 1, 8, 8, "option-unknown", "strength"),
    ("|a: x {strength=11}", 1, 17, 2, "option-value", "10"),
    ("|a: x {from=0} {from=0}", 1, 16, 8, "option-twice", ""),
    ("|a: x [rest] {area=0.5}", 1, 14, 10, "option-area", ""),
    ("|a: x {from=0.5} {until=0.5}", 1, 18, 11, "option-order", ""),
    ("%sed=4\n|a: x", 1, 2, 3, "setting-unknown", "seed"),
    ("%seed\n|a: x", 1, 2, 4, "setting-empty", ""),
    ("%size=1000x1001\n|a: x", 1, 7, 9, "setting-value", "1000x1000"),
    ("%seed=1\n%seed=2\n|a: x", 2, 2, 4, "setting-twice", ""),
    ("%var.a b=x\n|a: x", 1, 2, 7, "name", ""),
    ("%share.a=100\n|a: x @b/c", 1, 2, 7, "share-policy", ""),
    ("%policy=negotiated\n%share.a=100\n%share.b=0\n|a: x @b/c", 3, 2, 7, "share-unknown", ""),
    ("%policy=negotiated\n|a: x @b/c", 1, 2, 6, "share-missing", ""),
    ("%policy=negotiated\n%share.a=99.9\n|a: x @b/c", 1, 2, 6, "share-sum", ""),
    ("|a: {x|y", 1, 5, 1, "choice-unclosed", "\\{"),
    ("|a: x}", 1, 6, 1, "choice-unopened", "\\}"),
    ("|a: {{{{{{{{{{{{{{{{{x}}}}}}}}}}}}}}}}}", 1, 21, 1, "choice-too-deep", ""),
    ("|a: {3$$x|y}", 1, 6, 3, "choice-count", "2$$"),
    ("|a: {0::x|y}", 1, 6, 1, "choice-weight", "1"),
    ("|a: ${x", 1, 5, 2, "variable-unclosed", "\\$\\{"),
    ("|a: ${x}", 1, 5, 4, "variable-unknown", ""),
    ("|a: __x__", 1, 5, 5, "words-unknown", ""),
    ("%var.x=${y}\n%var.y=${x}\n|a: ${x}", 1, 2, 5, "cycle", ""),
]
WIDE = [
    ("｜a：x［bxo　０，０，１，１］", 1, 6, 3, "region-unknown", "box"),
    ("｜图层一：人＠云海／人物", 1, 8, 2, "ref-name", ""),
    ("｜图层一：人＠yunhai／my_pack", 1, 15, 7, "ref-name", "my-pack"),
    ("｜图层一：人＠yunhai/characters＊９", 1, 26, 1, "weight", "4"),
    ("｜图层一：人＠yunhai/characters：最新", 1, 25, 1, "version-unreadable", ""),
    ("｜图层一：人｛strength＝１１｝", 1, 17, 2, "option-value", "10"),
    ("｜图层一：人\n－画风：水墨", 2, 2, 2, "style", "风格"),
    ("｜风格：人", 1, 1, 3, "label-reserved", "- 风格"),
    ("风格：水墨\n｜a：人", 1, 1, 2, "line-unknown", "- 风格"),
    ("图层一：人", 1, 1, 3, "line-unknown", "|图层一"),
    ("％尺寸＝１０２４\n｜a：人", 1, 2, 2, "setting-unknown", "size"),
    ("％steps＝０\n｜a：人", 1, 8, 1, "setting-value", "1"),
    ("｜图层一：｛红｜蓝", 1, 6, 1, "choice-unclosed", "\\{"),
    ("｜图层一：人，｜图层二：夜", 1, 8, 1, "layer-here", "\n|"),
    ("！人＠a/b\n｜a：人", 1, 3, 4, "not-here", "\\＠a/b"),
]
# Written as people and other tools do who mean something that would otherwise be read as something else.
MEANT = [
    ("|a: x @a/b:>=1.2,<2", 1, 12, 8, "version-unreadable", ">=1.2&<2"),
    ("|a: x @a/b:>=1.2 <2", 1, 12, 8, "version-unreadable", ">=1.2&<2"),
    ("|a: x @a/b@v1.2.0", 1, 11, 7, "version-unreadable", ":1.2.0"),
    ("|a: x @a/b:v1.2", 1, 12, 4, "version-unreadable", "1.2"),
    ("|a: x @a/b@latest", 1, 11, 7, "version-unreadable", ":>=0"),
    ("|a: x @a / b, more", 1, 7, 6, "at-no-ref", "@a/b"),
    ("|a: x @ a/ b", 1, 7, 6, "at-no-ref", "@a/b"),
    ("|a: x @alice\\sea", 1, 7, 10, "at-no-ref", "@alice/sea"),
    ("|a: x @a/b*80%", 1, 12, 3, "weight", "0.8"),
    ("|a: x @a/b*0,8", 1, 12, 3, "weight", "0.8"),
    ("|a: x [0,0,0.5,1]", 1, 8, 0, "region-unknown", "box "),
    ("|a: x [left 0,0,0.5,1]", 1, 8, 4, "region-unknown", "box"),
    ("|a: x [box 0%,0%,50%,100%]", 1, 7, 20, "box-numbers", "[box 0,0,0.5,1]"),
    ("|a: x [box(0,0,0.5,1)]", 1, 7, 16, "box-numbers", "[box 0,0,0.5,1]"),
    ("|a: x [方框0,0,1,1]", 1, 8, 2, "region-unknown", "框 "),
    ("|a: x [遮罩 猫.png]", 1, 8, 2, "region-unknown", "蒙版"),
    ("|a: x [蒙板猫.png]", 1, 8, 2, "region-unknown", "蒙版"),
    ('|a: x [mask "cats.png"]', 1, 7, 17, "mask-name", "[mask cats.png]"),
    ("|a: x [其它]", 1, 8, 2, "region-unknown", "其余"),
    ("|a: x [rset]", 1, 8, 4, "region-unknown", "rest"),
    ("|a: x {strength: 0.8}", 1, 8, 13, "option-unknown", "strength=0.8"),
    ("|a: x {strength 80%}", 1, 8, 12, "option-unknown", "strength=0.8"),
    ("|a: x {强度=0.8}", 1, 8, 2, "option-unknown", "strength"),
    ("|a: x {strength=0.8, feather=0.1}", 1, 17, 16, "option-value", "0.8} {feather=0.1"),
    ("|a: x @a/b |b: y @c/d", 1, 12, 1, "layer-here", "\n|"),
    ("|a: x; |b: y", 1, 8, 1, "layer-here", "\n|"),
    ("|a: x |layer 2: y", 1, 7, 1, "layer-here", "\n|"),
    ("* style ink\n|a: x", 1, 1, 1, "line-unknown", "-"),
    ("Negative prompt: lowres\n|a: x", 1, 1, 16, "line-unknown", "!"),
    ("- 负面：模糊\n|a: x", 1, 1, 5, "style", "!"),
    ("---\n|a: x", 1, 1, 3, "style", "..."),
    ("│a: x", 1, 1, 1, "line-unknown", "|"),
    ("%seed: 42\n|a: x", 1, 6, 2, "setting-empty", "="),
    ("%seed 42\n|a: x", 1, 6, 1, "setting-empty", "="),
    ("%sampler=DPM++ 2M Karras\n|a: x", 1, 10, 15, "setting-value", "dpmpp_2m"),
    ("%sampler=Euler a\n|a: x", 1, 10, 7, "setting-value", "euler_ancestral"),
]
Row = tuple[str, int, int, int, str, str]


def findings(text: str) -> tuple[Finding, ...]:
    with pytest.raises(UnreadableRecipe) as refused:
        read(text)
    return refused.value.findings


@pytest.mark.parametrize("row", TABLE + WIDE + MEANT, ids=lambda row: f"{row[4]}-{row[0]!a}"[:60])
def test_a_mistake_has_its_place_its_code_and_a_way_out(row: Row) -> None:
    text, *expected = row
    found = findings(text)

    first = found[0]
    assert [first.line, first.column, first.length, first.code, first.suggestion] == expected
    assert len(found) == 1
    assert str(first.words).endswith(".")


@pytest.mark.parametrize("text", [row[0] for row in MEANT], ids=lambda text: f"{text!a}"[:40])
def test_what_is_suggested_makes_a_recipe_of_what_was_meant(text: str) -> None:
    (found,) = findings(text)

    assert read(mended(text, found.line, found.column, found.length, found.suggestion)).layers


def test_several_mistakes_are_told_in_the_order_of_their_places_and_no_more_than_twenty() -> None:
    found = findings("|a: x @a/b*9 [full moon]\n%sed=1\nlayer: x\n|b:")
    assert [(one.line, one.column, one.code) for one in found] == [
        (1, 12, "weight"),
        (1, 14, "region-content"),
        (2, 2, "setting-unknown"),
        (3, 1, "line-unknown"),
        (4, 1, "layer-empty"),
    ]

    assert len(findings("x\n" * 1_000)) == MOST_FINDINGS == 20


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_each_system_ends_them_and_a_byte_order_mark_is_passed_over(end: str) -> None:
    text = "\ufeff" + end.join(["|a: red @a/b", "", "# no", "- 风格 水墨 ＠ mo/ink", "! 低"])

    recipe = read(text)

    assert [layer.prompt for layer in recipe.layers] == ["red"]
    assert (recipe.style.prompt if recipe.style else "", recipe.negative) == ("水墨", "低")
    assert [(one.line, one.column) for one in findings(text + end + "x")] == [(6, 1)]
    # It is passed over before the first line alone.
    assert [one.code for one in findings(end + text)] == ["hidden-sign"]
