"""A statement on paper: every amount, over as many pages as it takes, with what is carried from one to the next."""

import io
import re
from datetime import UTC, datetime
from uuid import UUID

import pytest
from pypdf import PdfReader

from marketplace.payouts.statement_papers import paper
from marketplace.payouts.statement_papers.paper import About, statement_pdf
from marketplace.payouts.statement_papers.reading import BUCKETS, Head, Move, Part, Span

CREATOR, RUN = UUID(int=1), UUID(int=2)
AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
ABOUT = About("Alice 林", "alice", "9f" * 32, "ab" * 32, "https://worldloom.example/verify_royalty.py")
SPAN = Span("USD", 0, 99, "2026-11", RUN, AT)


def royalties(count):
    parts = [
        Part("royalty", n, f"order-line:{n}", AT, 12_00, 0, 1_20, 10_80, "c" * 64, 700_000_000, 7_56, "", "")
        for n in range(count)
    ]
    return Move(CREATOR, RUN, "royalty_run", "royalty-run:1", AT, 7_56 * count, iter(parts))


def paid(amount_minor):
    part = Part("payout", None, "", None, None, None, None, None, "", None, -amount_minor, str(RUN), "")
    return Move(CREATOR, UUID(int=3), "payout_reserve", "settlement:1", AT, -amount_minor, iter([part]))


def head(opening_minor, **by_kind):
    closing_minor = opening_minor + sum(by_kind.values())
    buckets = dict.fromkeys(BUCKETS, 0) | {"pending": closing_minor}
    return Head(CREATOR, opening_minor, closing_minor, len(by_kind), by_kind, buckets)


def pages(count, language="en", span=SPAN):
    found = head(10_00, royalty_run=7_56 * count, payout_reserve=-3_00)
    pdf = statement_pdf(span, found, iter([royalties(count), paid(3_00)]), ABOUT, language=language)
    return pdf, [page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages]


def test_what_is_on_it_can_be_read_and_copied():
    _pdf, [page] = pages(2)
    text = " ".join(page.split())

    for words in (
        "Statement", "November 2026 · USD", "Alice 林 (@alice)", "Opening", "$10.00", "Royalties", "$15.12", "Payouts",
        "-$3.00", "Closing", "$22.12", "Where the money is", "Pending", "order-line:1", "70% of it",
        "$12.00 less tax $0.00 and fee $1.20 = net $10.80", "$17.56", "$25.12", "9f9f", "ab" * 32, "1 / 1",
    ):  # fmt: skip
        assert words in text, words


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_long_ones_carry_over_from_page_to_page(language):
    _pdf, told = pages(100, language)

    assert len(told) > 4
    sums = [re.findall(r"\$([0-9,]+\.[0-9]{2})", text) for text in told]
    carried = [each[-1] for each in sums[:-1]]
    brought = [each[0] for each in sums[1:]]
    assert carried == brought
    assert len(set(carried)) == len(carried)
    assert "".join(told).count("order-line:") == 100
    assert sums[-1][-1] == "763.00"


def test_the_same_statement_is_the_same_bytes():
    assert pages(3)[0] == pages(3)[0]
    assert pages(3, "zh-hans")[0] == pages(3, "zh-hans")[0]


def test_what_is_beyond_the_rows_of_paper_is_summed(monkeypatch):
    monkeypatch.setattr(paper, "PAPER_ROWS", 3)
    _pdf, told = pages(10)
    text = "".join(told)

    assert text.count("order-line:") == 3
    assert "8 more amounts" in text
    assert "$49.92" in text  # seven royalties of 7.56 less the payout of 3.00
    assert "$82.60" in text


def test_a_provisional_one_says_so_and_nothing_is_left_says_so():
    _pdf, [text] = pages(1, span=Span("USD", 0, 99, "", RUN, AT))
    assert "Provisional: not the statement of a closed month." in text

    pdf = statement_pdf(SPAN, head(0), iter([]), ABOUT, language="en")
    [page] = PdfReader(io.BytesIO(pdf)).pages
    assert "Nothing moved in this time." in page.extract_text()
