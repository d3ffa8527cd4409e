"""A paper as JSON: what is written is read again, word for word, and what does not add up is not read."""

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.checkout.papers.model import (
    MOST_MINOR,
    Corrected,
    PaperDocument,
    PaperLine,
    Replaced,
    SoldBy,
    SoldTo,
    UnreadablePaper,
    digest_of,
    read_paper,
)
from marketplace.checkout.papers.paper import paper_pdf
from marketplace.checkout.taxes.base import TaxPart

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
LINE = UUID("6a0d9b41-5c1f-4b7e-9a55-2f6f6d2c6c11")
VAT = TaxPart("DE", "VAT", 190_000_000, 50_00, 9_50)


def line(**more):
    told = {
        "line": str(LINE),
        "kind": "buy",
        "title": {"en": "Sea of Clouds", "zh-Hans": "云海"},
        "pack": "alice/yunhai",
        "version": "1.0.0",
        "terms": "studio",
        "sold_for": "Alice (@alice)",
        "seats": 0,
        "starts_at": "",
        "ends_at": "",
        "certificate": str(LINE),
        "details": {},
        "net_minor": 50_00,
        "gross_minor": 59_50,
        "taxes": (VAT,),
    }
    return PaperLine(**(told | more))


def paper(*lines, **more):
    told = {
        "kind": "invoice",
        "number": "WL-I-2026-000001",
        "issued_at": NOON,
        "seller": SoldBy("Worldloom GmbH", ("Spinnereistraße 7", "04179 Leipzig"), "DE", ("VAT DE136695976",)),
        "buyer": SoldTo(str(LINE), "Lantern Films", ("1 Quay", "Lyon"), "FR", "FR40303265045", "a@b.example", "PO 7"),
        "order": str(LINE),
        "currency": "USD",
        "prices_include_tax": False,
        "lines": lines or (line(),),
        "state": "paid",
        "paid_at": NOON,
        "reference": "ch_1",
    }
    return PaperDocument(**(told | more))


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
MONEY = st.integers(0, 10**12)


@st.composite
def lines_of(draw):
    taxes = tuple(
        TaxPart(draw(TEXTS), draw(TEXTS), draw(st.integers(0, 10**9)), draw(MONEY), draw(MONEY))
        for _number in range(draw(st.integers(0, 3)))
    )
    net = draw(MONEY)
    return line(
        title=draw(st.dictionaries(TEXTS, TEXTS, max_size=2)),
        sold_for=draw(TEXTS),
        details=draw(st.dictionaries(TEXTS, st.lists(TEXTS, max_size=2).map(tuple), max_size=2)),
        taxes=taxes,
        net_minor=net,
        gross_minor=net + sum(part.tax_minor for part in taxes),
    )


@settings(deadline=None, max_examples=60)
@given(lines=st.lists(lines_of(), min_size=1, max_size=4), name=TEXTS, corrects=st.booleans())
def test_what_is_written_is_read_again(lines, name, corrects):
    more = {"kind": "credit-note", "corrects": Corrected("WL-I-2026-000001", "0" * 64, name)} if corrects else {}
    written = paper(*lines, seller=SoldBy(name, (name,), "DE", ()), **more)
    content = written.to_bytes()
    assert read_paper(content) == written
    assert read_paper(content).to_bytes() == content


def test_the_document_is_what_the_page_about_the_format_says():
    shape = json.loads(paper().to_bytes())
    assert sorted(shape) == [
        *("buyer", "corrects", "currency", "format", "issued_at", "kind", "lines", "number", "order"),
        *("paid_at", "prices_include_tax", "reference", "seller", "state", "taxes", "totals"),
    ]
    assert (shape["format"], shape["issued_at"]) == ("worldloom/invoice/1", "2026-11-22T12:00:00Z")
    assert shape["totals"] == {"net_minor": 50_00, "tax_minor": 9_50, "gross_minor": 59_50}
    assert shape["taxes"] == [
        {"jurisdiction": "DE", "name": "VAT", "rate_ppb": 190_000_000, "base_minor": 50_00, "tax_minor": 9_50}
        | {"reason": ""}
    ]


RECEIPT = Replaced("WL-R-2026-000001", "0" * 64)


def test_an_invoice_that_takes_the_place_of_a_receipt_is_of_the_second_version():
    written = paper(replaces=RECEIPT, supplied_at=NOON)
    shape = json.loads(written.to_bytes())
    assert read_paper(written.to_bytes()) == written
    assert sorted(set(shape) - set(json.loads(paper().to_bytes()))) == ["replaces", "supplied_at"]
    assert (shape["format"], shape["supplied_at"]) == ("worldloom/invoice/2", "2026-11-22T12:00:00Z")
    assert shape["replaces"] == {"number": "WL-R-2026-000001", "sha256": "0" * 64}
    for language in ("en", "zh-hans"):
        assert paper_pdf(written.to_bytes(), language=language) != paper_pdf(paper().to_bytes(), language=language)


@pytest.mark.parametrize(
    "more",
    [
        {"format": "worldloom/invoice/1"},
        {"format": "worldloom/invoice/3"},
        {"kind": "receipt"},
        {"replaces": None},
        {"replaces": {"number": "WL-R-2026-000001"}},
        {"replaces": {"number": 1, "sha256": "0" * 64}},
        {"supplied_at": None},
        {"supplied_at": "2026-11-22"},
    ],
)
def test_what_is_no_second_version_is_not_read(more):
    shape = json.loads(paper(replaces=RECEIPT, supplied_at=NOON).to_bytes()) | more
    with pytest.raises(UnreadablePaper):
        read_paper(json.dumps(shape, separators=(",", ":"), sort_keys=True).encode())


def changed(**more):
    return json.dumps(json.loads(paper().to_bytes()) | more, separators=(",", ":"), sort_keys=True).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 100_000,
        paper().to_bytes() + b" ",
        changed(format="worldloom/invoice/2"),
        changed(totals={"net_minor": 1, "tax_minor": 1, "gross_minor": 2}),
        changed(taxes=[]),
        changed(kind="bill"),
        changed(currency="usd"),
        changed(state="open"),
        changed(prices_include_tax=1),
        changed(corrects={"number": "1", "sha256": "2", "reason": "3"}),
        changed(lines=[json.loads(paper().to_bytes())["lines"][0] | {"gross_minor": 1}]),
        changed(lines=[json.loads(paper().to_bytes())["lines"][0] | {"seats": -1}]),
        changed(lines=[json.loads(paper().to_bytes())["lines"][0] | {"seats": 1.0}]),
        changed(lines=[{}]),
        changed(more=1),
        changed(seller={"name": "x"}),
        changed(number=7),
    ],
)
def test_what_is_no_paper_is_not_read(content):
    with pytest.raises(UnreadablePaper):
        read_paper(content)


def pages_of(pdf):
    return pdf.count(b"/Type /Page\n") or pdf.count(b"/Type /Page ")


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_paper_as_pdf_is_the_same_bytes_each_time(language):
    document = paper().to_bytes()
    pdf = paper_pdf(document, language=language)
    assert pdf == paper_pdf(document, language=language)
    assert pdf.startswith(b"%PDF-1.7")
    assert digest_of(document) != digest_of(paper(reference="ch_2").to_bytes())


@pytest.mark.parametrize(
    "more",
    [
        {"seller": SoldBy("名" * 200, ("Ж" * 200,) * 8, "DE", ("x" * 80,) * 8)},
        {"buyer": SoldTo(str(LINE), "شركة " * 40, ("אבג " * 50,), "", "", "", "")},
        {"reference": "", "state": "free"},
        {"lines": (line(title={}, details={"en": ("word " * 400,)}, starts_at="2026-01-01", ends_at="soon"),)},
        {
            "lines": (
                line(net_minor=MOST_MINOR - 10, gross_minor=MOST_MINOR - 10 + 9, taxes=(TaxPart("DE", "", 1, 9, 9),)),
            )
        },
        {"lines": (line(gross_minor=50_00, taxes=(TaxPart("FR", "VAT", 0, 50_00, 0, "reverse-charge"),)),)},
        {"kind": "credit-note", "corrects": Corrected("WL-I-2026-000001", "0" * 64, "a reason " * 20)},
        {"prices_include_tax": True, "currency": "JPY"},
    ],
)
def test_hard_papers_are_set(more):
    lines = more.pop("lines", ())
    for language in ("en", "zh-hans"):
        assert paper_pdf(paper(*lines, **more).to_bytes(), language=language).startswith(b"%PDF")


@pytest.mark.deep
def test_ten_thousand_lines_are_set_on_as_many_pages_as_they_need():
    many = paper(*(line(line=str(UUID(int=place))) for place in range(10_000)))
    assert len(read_paper(many.to_bytes()).lines) == 10_000
    assert len(paper_pdf(many.to_bytes(), language="en")) > 1_000_000
