"""Ranges of versions beside a second hand, which lists what is in them and compares nothing."""

from contextlib import suppress
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.compositions.notation.versions import UnreadableRange, best, is_digest, matches, normal_range

MOST = 4
ALL = [f"{major}.{minor}.{patch}" for major, minor, patch in product(range(MOST), repeat=3)]
SIGNS = ("", "=", "^", "~", ">=", "<=", ">", "<")
_NUMBERS = st.lists(st.integers(0, MOST - 1), min_size=1, max_size=3)
PARTS = st.tuples(st.sampled_from(SIGNS), _NUMBERS, st.integers(0, 2), st.sampled_from("xX*"))


def written(part: tuple[str, list[int], int, str]) -> str:
    """Writes one part; open places may follow its numbers."""
    sign, numbers, more, open_place = part
    return sign + ".".join([*map(str, numbers), *[open_place] * min(more, 3 - len(numbers))])


def inside(part: tuple[str, list[int], int, str]) -> set[str]:
    """Lists what is in one part, as npm's semver says in words."""
    sign, numbers, _more, _open_place = part
    known = tuple(numbers)
    found = set()
    for one in product(range(MOST), repeat=3):
        same = one[: len(known)] == known
        # Each number is compared alone; what is not written does not count.
        order = [a - b for a, b in zip(one, known, strict=False) if a != b]
        above, below = bool(order) and order[0] > 0, bool(order) and order[0] < 0
        if sign in ("", "="):
            fits = same
        elif sign == ">":
            fits = above
        elif sign == "<":
            fits = below
        elif sign == ">=":
            fits = same or above
        elif sign == "<=":
            fits = same or below
        elif sign == "~":
            # The last number may grow, and what follows it; of three, the first two stay.
            fits = (same or above) and one[: min(len(known), 2)] == known[:2]
        else:
            # All up to the first that is not zero stay; where all are zero, all that are written.
            stays = next((place + 1 for place, number in enumerate(known) if number), len(known))
            fits = (same or above) and one[:stays] == known[:stays]
        if fits:
            found.add(".".join(map(str, one)))
    return found


@given(st.lists(PARTS, min_size=1, max_size=4))
@settings(max_examples=300, deadline=None)
def test_a_range_holds_what_all_of_its_parts_hold(parts: list[tuple[str, list[int], int, str]]) -> None:
    text = "&".join(map(written, parts))
    expected = set.intersection(*map(inside, parts))

    if not expected:
        with suppress(UnreadableRange):
            assert not any(matches(normal_range(text), one) for one in ALL)
        return
    wanted = normal_range(text)
    assert {one for one in ALL if matches(wanted, one)} == expected
    assert normal_range(wanted) == wanted
    assert best(wanted, ALL) == max(expected)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "*",
        "v1",
        "1.2.3.4",
        "01",
        "1.02",
        "1.x.3",
        "1..2",
        ".1",
        "1.",
        "^",
        "^x",
        "-1",
        "1-2",
        "1 2",
        "1||2",
        "&",
        "1&",
        "1&1&1&1&1",
        "9" * 10,
        "1.2.3-beta",
        "1.2.3+build",
        "sha256-" + "0" * 63,
        "sha256-" + "0" * 65,
        "１",
    ],
)
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(UnreadableRange) as refused:
        normal_range(text)
    assert (refused.value.text, refused.value.is_empty) == (text, False)


@pytest.mark.parametrize("text", [">2&<2", ">=2&<1", "1&2", "^1&^2", "<0", "<0.0.0", ">1&<1.0.5", ">999999999"])
def test_a_range_in_which_no_version_can_be_is_refused(text: str) -> None:
    with pytest.raises(UnreadableRange) as refused:
        normal_range(text)
    assert refused.value.is_empty


def test_ranges_are_kept_in_one_form() -> None:
    written_so = {"1": "1.x", "1.x.x": "1.x", "1.X.*": "1.x", "=1.2.0": "1.2.0", "^1.x": "^1", "~1.2.x": "~1.2"}
    written_so |= {">=1.x&<2": ">=1&<2", "1.2.x": "1.2", "sha256-" + "0F" * 32: "sha256-" + "0f" * 32}

    assert {text: normal_range(text) for text in written_so} == written_so


def test_a_digest_is_no_version_and_what_is_no_version_is_in_no_range() -> None:
    digest = "sha256-" + "0f" * 32

    assert (is_digest(digest), is_digest(digest[:-1]), matches(digest, "1.0.0")) == (True, False, False)
    assert [matches("", one) for one in ("1.2", "1.2.3.4", "v1.2.3", "", "1.2.03", "latest")] == [False] * 6
    assert best("^9", ALL) is None
    assert best("", ["1.10.0", "1.9.0", "nothing"]) == "1.10.0"
