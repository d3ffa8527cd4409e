"""What somebody is typing, so that a page can offer what could follow; the caret is where the ¦ stands."""

import pytest

from marketplace.compositions.notation.completion import OPTION, PLAIN, REF, REGION, SETTING, VALUE, Completion, context
from marketplace.compositions.notation.settings import READERS


def typed(text: str) -> Completion:
    """Says what is typed where the ¦ stands."""
    before, _caret, after = text.partition("¦")
    return context(before + after, before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1)


@pytest.mark.parametrize(
    ("text", "kind", "prefix", "replaced"),
    [
        ("|a: x @¦", REF, "", ""),
        ("|a: x @ ¦", REF, "", ""),
        ("|a: x @ali¦", REF, "ali", "ali"),
        ("|a: x @ali¦ce/sea more", REF, "ali", "alice/sea"),
        ("|a: x @alice/¦sea/boat:^1", REF, "alice/", "alice/sea/boat"),
        ("｜图层一：人＠yun¦", REF, "yun", "yun"),
        ("- 风格 水墨 ＠ mo/i¦nk", REF, "mo/i", "mo/ink"),
        ("%@A = ali¦ce/sea", REF, "ali", "alice/sea"),
        ("%@水＝@ali¦", REF, "ali", "ali"),
        ("|a: x @alice/sea:¦", PLAIN, "", ""),
        ("|a: x @alice/sea, ¦", PLAIN, "", ""),
        ("|a: x \\@ali¦", PLAIN, "", ""),
        ("|a: x \\\\@ali¦", REF, "ali", "ali"),
        ("# @ali¦", PLAIN, "", ""),
        ("%se¦ed", SETTING, "se", "seed"),
        ("％¦", SETTING, "", ""),
        ("%sampler=dpm¦", VALUE, "dpm", "dpm"),
        ("%policy = eq¦", VALUE, "eq", "eq"),
        ("|a: x {stre¦", OPTION, "stre", "stre"),
        ("|a: x ｛¦", OPTION, "", ""),
        ("|a: x [re¦st]", REGION, "re", "rest"),
        ("|a: x［其¦", REGION, "其", "其"),
        ("|a: x¦", PLAIN, "", ""),
        ("¦", PLAIN, "", ""),
        ("|a: x @b\r\n|b: y @c¦", REF, "c", "c"),
    ],
)
def test_what_is_typed_is_known_with_what_a_choice_replaces(text: str, kind: str, prefix: str, replaced: str) -> None:
    found = typed(text)
    line = text.replace("¦", "").replace("\r\n", "\n").split("\n")[found.line - 1]

    assert (found.kind, found.prefix) == (kind, prefix)
    assert line[found.column - 1 : found.column - 1 + found.length] == replaced


def test_what_could_follow_is_offered() -> None:
    assert typed("%se¦").choices == ("seed",)
    assert typed("%s¦").choices == ("size", "steps", "sampler", "scheduler", "seed", "share.")
    assert set(READERS) < set(typed("%¦").choices)
    assert typed("%policy=¦").choices == ("weight-area", "equal", "negotiated")
    assert typed("%sampler=DPMPP_3¦").choices == ("dpmpp_3m_sde", "dpmpp_3m_sde_gpu")
    assert typed("|a: x {f¦").choices == ("feather", "from")
    assert typed("|a: x [¦").choices == ("box", "mask", "rest", "full", "框", "蒙版", "其余", "全部")
    assert typed("|a: x [蒙¦").choices == ("蒙版",)
    assert typed("|a: x @¦").choices == ()
    assert typed("%cfg=¦").choices == ()


def test_a_place_outside_of_the_text_is_its_nearest_one() -> None:
    text = "|a: x\n|b: y @ali"

    assert context(text, 99, 99) == context(text, 2, 12) == Completion(REF, "ali", 2, 8, 3)
    assert context(text, -1, -1) == Completion(PLAIN, "", 1, 1, 0)
    assert context("", 1, 1) == Completion(PLAIN, "", 1, 1, 0)
