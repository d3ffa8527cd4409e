"""Prompt sets are known by their words, however they are written down."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.originality import prompts
from assets.originality.prompts import minima, normal, overlap, prints_of, read_minima, runs_of

ENGLISH = [
    "a red boat on the shore at dusk, ink wash",
    "two gray foxes asleep under a cedar, oil paint",
    "the last lamplighter climbs his ladder in fog",
    "seven paper cranes drift over black water",
]
CHINESE = ["云海之上的行者，身披红色斗篷", "雨夜霓虹集市，灯笼倒映水面", "石林深处的古寺，晨雾未散"]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("A Cat,  in THE rain!", "a cat in the rain"),
        ("Ｆｕｌｌ width: CAFÉ 8k", "full width café 8k"),
        ("(red cloak:1.3), [dark: 0.5]", "red cloak dark"),
        ("a cat <lora:ink:0.8> <hypernet:x:1>", "a cat"),
        ("__hair__ {red|blue}", "hair red blue"),
        ("云海之上的行者，红色斗篷", "云海之上的行者 红色斗篷"),
        ("東京タワー at night", "東京タワー at night"),
        ("?! ...", ""),
    ],
)
def test_spellings_are_folded_together(written: str, read: str) -> None:
    assert normal(written) == read


def test_runs_are_three_words_two_characters_or_what_there_is() -> None:
    assert runs_of(["a cat in rain", "rain"]) == {"a cat in", "cat in rain", "rain"}
    assert runs_of(["云海之上", "水"]) == {"云海", "海之", "之上", "水"}
    assert runs_of(["红色 cloak"]) == {"红色", "cloak"}
    assert runs_of(["...", ""]) == frozenset()


def test_a_print_needs_something_to_say() -> None:
    assert prints_of(["masterpiece, best quality", "a cat"]) == []
    (one,) = prints_of(ENGLISH)
    assert (one.kind, len(one.value), len(runs_of(ENGLISH))) == ("prompts-minhash", 512, 26)
    assert len(prints_of(CHINESE)) == 1


def test_minima_are_fixed_for_ever() -> None:
    # Stored prints would find nothing any more if these changed.
    assert read_minima(prints_of(CHINESE)[0].value)[:4].tolist() == [244573173, 46782802, 310505049, 224154983]
    assert minima(frozenset({"a"})).dtype == np.dtype("<u4")


def test_the_order_of_the_prompts_and_their_number_do_not_matter() -> None:
    assert prints_of(ENGLISH) == prints_of(ENGLISH[::-1] * 2)


def test_overlap_is_counted_exactly() -> None:
    shared = overlap(ENGLISH, [*ENGLISH[:2], "a clock made of glass and brass"])

    # The first two prompts have 15 of our 26 runs, and the third of theirs adds five of its own.
    assert shared == {
        "jaccard_ppm": 15 * 1_000_000 // 31,
        "of_ours_ppm": 15 * 1_000_000 // 26,
        "of_theirs_ppm": 15 * 1_000_000 // 20,
        "shared_prompts": 2,
        "prompts": 4,
        "other_prompts": 3,
    }
    assert overlap([], [])["jaccard_ppm"] == 0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 400), st.integers(0, 400), st.integers(1, 400))
def test_equal_minima_estimate_the_jaccard_index(mine: int, theirs: int, both: int) -> None:
    first = frozenset(f"m{n}" for n in range(mine)) | frozenset(f"b{n}" for n in range(both))
    second = frozenset(f"t{n}" for n in range(theirs)) | frozenset(f"b{n}" for n in range(both))

    estimate = float((minima(first) == minima(second)).mean())

    # Five standard deviations of 128 draws.
    assert abs(estimate - both / (mine + theirs + both)) <= 5 * 0.5 / 128**0.5


def test_many_runs_are_taken_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = frozenset(f"run {n}" for n in range(1000))
    whole = minima(runs)
    monkeypatch.setattr(prompts, "_CHUNK", 7)

    assert minima(runs).tolist() == whole.tolist()
