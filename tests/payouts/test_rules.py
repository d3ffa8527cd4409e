"""Arithmetic: what is divided adds up again, whatever the shares, the order and the size."""

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.payouts import rules
from marketplace.payouts.rules import WHOLE_PPB, Money, allocate, fold_split

AMOUNTS = st.one_of(st.integers(0, 10_000), st.integers(0, 2**80))


@st.composite
def splits(draw, most=12):
    """Payees "p00"… with shares that sum to the whole."""
    count = draw(st.integers(1, most))
    cuts = sorted(draw(st.sets(st.integers(1, WHOLE_PPB - 1), min_size=count - 1, max_size=count - 1)))
    edges = [0, *cuts, WHOLE_PPB]
    names = draw(st.permutations([f"p{number:02}" for number in range(count)]))
    return [(name, high - low) for name, low, high in zip(names, edges, edges[1:], strict=False)]


@given(AMOUNTS, splits(), st.randoms(use_true_random=False))
def test_allocate_is_exact_stable_and_fair(amount, shares, chance):
    parts = allocate(amount, shares)

    assert sum(part for _, part in parts) == amount
    exact = {payee: Fraction(amount * ppb, WHOLE_PPB) for payee, ppb in shares}
    assert all(abs(part - exact[payee]) < 1 for payee, part in parts)
    shuffled = list(shares)
    chance.shuffle(shuffled)
    assert allocate(amount, shuffled) == parts


def test_the_units_left_go_to_the_largest_remainders_and_ties_to_the_first_payee():
    thirds = [("a", 333_333_333), ("b", 333_333_333), ("c", 333_333_334)]
    assert allocate(100, thirds) == [("a", 33), ("b", 33), ("c", 34)]
    halves = [("b", 500_000_000), ("a", 500_000_000)]
    assert allocate(101, halves) == [("a", 51), ("b", 50)]
    assert allocate(0, halves) == [("a", 0), ("b", 0)]


def test_nothing_below_zero_is_divided():
    with pytest.raises(rules.AmountBelowZero):
        allocate(-1, [("a", WHOLE_PPB)])


@pytest.mark.parametrize(
    ("shares", "error"),
    [
        ([], rules.SharesDoNotSum),
        ([("a", WHOLE_PPB - 1)], rules.SharesDoNotSum),
        ([("a", WHOLE_PPB), ("b", 1)], rules.SharesDoNotSum),
        ([("a", WHOLE_PPB), ("b", 0)], rules.ShareOutOfRange),
        ([("a", WHOLE_PPB + 1), ("b", -1)], rules.ShareOutOfRange),
        ([("a", 1e9)], rules.ShareOutOfRange),
        ([("a", 500_000_000), ("a", 500_000_000)], rules.DuplicatePayee),
        ([(f"p{n:03}", 1) for n in range(256)] + [("q", WHOLE_PPB - 256)], rules.TooManyPayees),
    ],
)
def test_what_is_not_a_split_is_refused(shares, error):
    with pytest.raises(error):
        allocate(100, shares)


@given(splits(), st.lists(st.tuples(st.integers(1, WHOLE_PPB // 4), splits()), max_size=4))
def test_a_folded_split_sums_to_the_whole_and_is_within_a_part_of_exact(own, parents):
    folded = fold_split(dict(own), parents)

    assert sum(ppb for _, ppb in folded) == WHOLE_PPB
    assert [payee for payee, _ in folded] == sorted({payee for payee, _ in folded})
    kept = WHOLE_PPB - sum(ppb for ppb, _ in parents)
    exact: dict[str, Fraction] = {}
    for part, shares in [(kept, own), *parents]:
        for payee, ppb in shares:
            exact[payee] = exact.get(payee, Fraction(0)) + Fraction(part * ppb, WHOLE_PPB)
    got = dict(folded)
    assert all(abs(got.get(payee, 0) - share) < 1 for payee, share in exact.items())
    assert all(ppb > 0 for ppb in got.values())


def test_bob_derives_from_alice():
    assert fold_split({"bob": WHOLE_PPB}, [(200_000_000, [("alice", 700_000_000), ("erin", 300_000_000)])]) == (
        ("alice", 140_000_000),
        ("bob", 800_000_000),
        ("erin", 60_000_000),
    )


def test_a_composition_may_give_its_parents_the_whole():
    parents = [(400_000_000, [("alice", WHOLE_PPB)]), (600_000_000, [("bob", WHOLE_PPB)])]
    expected = (("alice", 400_000_000), ("bob", 600_000_000))
    assert fold_split({}, parents) == expected
    assert fold_split({"carol": WHOLE_PPB}, parents) == expected


@pytest.mark.parametrize(
    ("own", "parents", "error"),
    [
        ({}, [], rules.SharesDoNotSum),
        ({"bob": 5}, [], rules.SharesDoNotSum),
        ({"bob": WHOLE_PPB}, [(WHOLE_PPB, [("a", WHOLE_PPB)]), (1, [("a", WHOLE_PPB)])], rules.ParentsTakeTooMuch),
        ({"bob": WHOLE_PPB}, [(0, [("a", WHOLE_PPB)])], rules.ShareOutOfRange),
        ({"bob": WHOLE_PPB}, [(9, [("a", 1)])], rules.SharesDoNotSum),
    ],
)
def test_what_does_not_fold_is_refused(own, parents, error):
    with pytest.raises(error):
        fold_split(own, parents)


def test_too_many_payees_are_refused_not_cut():
    crowd = [(f"p{number:03}", WHOLE_PPB // 250) for number in range(250)]
    own = {f"q{number}": WHOLE_PPB // 10 for number in range(10)}
    with pytest.raises(rules.TooManyPayees) as refused:
        fold_split(own, [(500_000_000, crowd)])
    assert (refused.value.count, refused.value.limit) == (260, 256)


@given(splits())
def test_a_split_is_named_by_its_content_not_by_its_order(shares):
    assert rules.split_digest(shares) == rules.split_digest(list(reversed(shares)))


def test_the_document_of_a_split_is_what_its_page_says():
    shares = [
        ("3f0a5a52-58ad-4b6f-9d0a-0d2b9c1f7a11", 300_000_000),
        ("1c9e2b34-6f0d-4e21-8a77-5b1d6f2e9c02", 700_000_000),
    ]
    assert rules.split_document(shares) == {
        "format": "worldloom/split/1",
        "shares": [
            {"payee": "1c9e2b34-6f0d-4e21-8a77-5b1d6f2e9c02", "share_ppb": 700_000_000},
            {"payee": "3f0a5a52-58ad-4b6f-9d0a-0d2b9c1f7a11", "share_ppb": 300_000_000},
        ],
    }
    page = Path(rules.__file__).parents[2] / "docs" / "formats" / "split.md"
    assert rules.split_digest(shares) in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("12.00", "USD", 1200),
        ("12.5", "USD", 1250),
        ("12", "USD", 1200),
        ("0.01", "EUR", 1),
        ("900", "JPY", 900),
        ("1.234", "KWD", 1234),
        ("92233720368547758.07", "USD", 2**63 - 1),
    ],
)
def test_amounts_are_read_to_the_unit(text, currency, minor):
    assert rules.parse_amount(text, currency) == minor


@pytest.mark.parametrize(
    ("text", "currency", "why"),
    [
        ("12.001", "USD", "USD has 2 digits after the point and 3 are given"),
        ("10.5", "JPY", "JPY has 0 digits"),
        ("1,200", "USD", "digits with at most one point"),
        ("-1", "USD", "digits with at most one point"),
        ("1e3", "USD", "digits with at most one point"),
        (".5", "USD", "digits with at most one point"),
        ("5.", "USD", "digits with at most one point"),
        ("012", "USD", "digits with at most one point"),
        ("１２", "USD", "digits with at most one point"),
        (" 12", "USD", "digits with at most one point"),
        ("12\n", "USD", "digits with at most one point"),
        ("", "USD", "digits with at most one point"),
        ("9" * 100_000, "USD", "larger than the books can hold"),
        ("92233720368547758.08", "USD", "larger than the books can hold"),
        (12.0, "USD", "write it as text"),
    ],
)
def test_what_is_no_amount_is_refused_by_what_is_wrong(text, currency, why):
    with pytest.raises(rules.UnreadableAmount, match=why):
        rules.parse_amount(text, currency)


@given(st.integers(0, 2**63 - 1), st.sampled_from(sorted(rules.CURRENCIES)))
def test_an_amount_reads_back_as_it_was_written(minor, currency):
    assert rules.parse_amount(rules.format_amount(minor, currency), currency) == minor


def test_money_is_whole_and_knows_its_currency():
    assert str(Money(1205, "USD")) == "12.05 USD"
    assert str(Money(-5, "USD")) == "-0.05 USD"
    assert str(Money(900, "JPY")) == "900 JPY"
    with pytest.raises(TypeError):
        Money(12.0, "USD")
    with pytest.raises(TypeError):
        Money(True, "USD")
    with pytest.raises(rules.UnknownCurrency, match="XXX"):
        Money(1, "XXX")


@given(st.lists(st.integers(1, 500), max_size=8), st.integers(0, 4000))
def test_what_is_left_of_lots_is_the_latest_of_them(amounts, there):
    lots = list(enumerate(amounts))

    left = rules.latest(lots, there)

    assert sum(part for _, part in left) == min(there, sum(amounts))
    assert [key for key, _ in left] == list(range(len(amounts) - len(left), len(amounts)))
    assert left[1:] == lots[len(lots) - len(left) + 1 :]
    assert all(0 < part <= amounts[key] for key, part in left)


def test_what_was_there_longest_is_used_first():
    assert rules.latest([("a", 300), ("b", 500)], 600) == [("a", 100), ("b", 500)]
    assert rules.latest([("a", 300), ("b", 500)], 200) == [("b", 200)]
