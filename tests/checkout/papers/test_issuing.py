"""Papers about orders, refunds and disputes: each once, numbered without gaps, whatever crashes or comes at once."""

import threading
from functools import partial

import pytest
from django.db import IntegrityError, connection, transaction

from marketplace.checkout import hearing
from marketplace.checkout import operations as checkout
from marketplace.checkout.models import Order
from marketplace.checkout.paper_models import Paper, PaperCounter, PaperDue
from marketplace.checkout.papers import operations as papers
from marketplace.checkout.papers import queries
from marketplace.checkout.papers.model import digest_of, read_paper
from marketplace.checkout.papers.paper import paper_pdf
from marketplace.licensing.models import Grant
from marketplace.payouts.operations import allocate_royalties
from marketplace.payouts.queries import check_books
from tests.cast import DECLINED_CARD, later
from tests.checkout.taxes.rates import at, by_table, rate, seller

NOW = later(hours=5)
WHOLE = {"name": "Lantern Films GmbH", "street": "Kai 1", "city": "Hamburg", "postcode": "20457", "reference": "PO 7"}


def german(shop, settings, **more):
    by_table(settings)
    seller("DE", **more), rate("DE", 19), at(shop.market.cast, "DE", **WHOLE)


def written(now=NOW):
    papers.issue_papers(now=now)
    return [(paper.name, paper.gross_minor) for paper in Paper.objects.order_by("kind", "number")]


def newest(kind=""):
    rows = Paper.objects.filter(kind=kind) if kind else Paper.objects.all()
    return read_paper(rows.order_by("number").last().document.encode())


def test_a_paid_order_has_an_invoice_that_says_it_all(shop, settings):
    german(shop, settings)
    order = shop.buy(shop.offer())
    assert queries.is_due(order)
    assert written() == [("WL-I-2026-000001", 59_50)]
    assert written() == [("WL-I-2026-000001", 59_50)]
    assert not queries.is_due(order)
    [paper] = queries.papers_of(order)
    told = read_paper(paper.document.encode())
    assert paper.sha256 == digest_of(paper.document.encode())
    assert (told.kind, told.net_minor, told.gross_minor, told.state) == ("invoice", 50_00, 59_50, "paid")
    assert (told.seller.name, told.seller.tax_ids) == ("Worldloom DE", ("VAT DE136695976",))
    assert (told.buyer.name, told.buyer.address, told.buyer.reference) == (
        "Lantern Films GmbH",
        ("Kai 1", "20457 Hamburg"),
        "PO 7",
    )
    [line] = told.lines
    assert (line.pack, line.sold_for) == ("alice/yunhai", "Alice (@alice)")
    assert line.certificate == str(Grant.objects.get().pk)
    assert told.reference == order.outcome.reference
    for language in ("en", "zh-hans"):
        assert paper_pdf(paper.document.encode(), language=language).startswith(b"%PDF")


def test_without_details_it_is_a_receipt_of_the_house_and_free_orders_have_one(shop):
    shop.buy(shop.offer())
    shop.buy(shop.offer("cc-by-4.0", 0), now=later(hours=3))
    assert written() == [("WL-R-2026-000001", 50_00), ("WL-R-2026-000002", 0)]
    told = newest()
    assert (told.state, told.seller.name, told.seller.address, told.buyer.name) == (
        "free",
        "Worldloom 织界",
        (),
        "Lantern Films",
    )


def test_what_is_declined_has_none(shop):
    with pytest.raises(checkout.PaymentDeclined):
        shop.buy(shop.offer(), method=DECLINED_CARD)
    assert (written(), PaperDue.objects.count(), PaperCounter.objects.count()) == ([], 0, 0)


def test_details_that_change_later_change_no_paper(shop, settings):
    german(shop, settings)
    shop.buy(shop.offer())
    at(shop.market.cast, "FR", name="Another", street="Street", city="Paris")
    seller("DE", included=True)
    written()
    assert (newest().buyer.name, newest().gross_minor) == ("Lantern Films GmbH", 59_50)


@pytest.mark.parametrize("included", [False, True])
def test_refunds_have_credit_notes_that_add_up_to_the_invoice(shop, settings, included):
    german(shop, settings, included=included)
    line = shop.line(shop.offer(price_minor=99_99))
    allocate_royalties(now=later(hours=3))
    for part in (33_33, 1, None):
        checkout.refund_line(line=line, amount_minor=part, reason="a broken file", now=NOW)
    written()
    [invoice] = Paper.objects.filter(kind="invoice")
    notes = [read_paper(note.document.encode()) for note in Paper.objects.filter(kind="credit-note").order_by("number")]
    first = read_paper(invoice.document.encode())
    assert [note.number for note in notes] == [f"WL-C-2026-00000{number}" for number in (1, 2, 3)]
    assert {note.corrects.number for note in notes} == {invoice.name}
    assert {note.corrects.sha256 for note in notes} == {invoice.sha256}
    assert sum(note.gross_minor for note in notes) == first.gross_minor == line.gross_minor
    assert sum(one.tax_minor for note in notes for one in note.taxes) == first.taxes[0].tax_minor == line.tax_minor
    assert check_books() == []


def test_a_refund_that_fails_takes_its_credit_note_back(shop, settings):
    german(shop, settings)
    line = shop.line(shop.offer())
    intent = checkout.refund_line(line=line, amount_minor=11_90, reason="a broken file", now=NOW)
    written()
    hearing.hear_refund(
        refund_reference=intent.outcome.reference,
        charge_reference=line.order.outcome.reference,
        amount_minor=11_90,
        state="failed",
        key=intent.key,
        now=NOW,
    )
    assert written() == [("WL-C-2026-000001", 11_90), ("WL-D-2026-000001", 11_90), ("WL-I-2026-000001", 59_50)]
    assert newest("debit-note").corrects.number == "WL-C-2026-000001"


def test_a_lost_dispute_has_a_credit_note_and_one_that_is_won_has_none(shop, settings):
    german(shop, settings)
    orders = [shop.buy(shop.offer()), shop.buy(shop.offer())]
    for order, end in zip(orders, ("won", "lost"), strict=True):
        for state in ("opened", end):
            hearing.hear_dispute(
                charge_reference=order.outcome.reference,
                dispute_reference=f"dp_{end}",
                state=state,
                amount_minor=20_00,
                reason="not recognised",
                now=NOW,
            )
    written()
    [note] = Paper.objects.filter(kind="credit-note")
    told = read_paper(note.document.encode())
    assert (note.order, told.gross_minor, told.state, told.corrects.reason) == (
        orders[1],
        20_00,
        "taken-back",
        "not recognised",
    )
    assert told.taxes[0].tax_minor == 3_19
    assert check_books() == []


def test_numbers_are_per_seller_kind_and_year(shop, settings):
    german(shop, settings)
    shop.buy(shop.offer())
    papers.issue_papers(now=NOW)
    shop.buy(shop.offer())
    papers.issue_papers(now=NOW.replace(year=2027))
    shop.buy(shop.offer())
    papers.issue_papers(now=NOW)
    names = [paper.name for paper in Paper.objects.order_by("year", "number")]
    assert names == ["WL-I-2026-000001", "WL-I-2026-000002", "WL-I-2027-000001"]


def test_a_clock_that_goes_back_gives_no_earlier_day(shop, settings):
    german(shop, settings)
    for hours in (9, 5):
        shop.buy(shop.offer())
        papers.issue_papers(now=later(hours=hours))
    assert set(Paper.objects.values_list("issued_at", flat=True)) == {later(hours=9)}


def at_commit(verb):
    verb()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_the_database_refuses_gaps_edits_and_lost_numbers(shop, settings):
    german(shop, settings)
    order = shop.buy(shop.offer())
    written()
    paper = Paper.objects.get()
    shape = {"kind": "invoice", "seller": paper.seller, "code": "default", "year": 2026, "order": order}
    shape |= {"currency": "USD", "gross_minor": 1, "document": "{}", "sha256": digest_of(b"{}"), "issued_at": NOW}
    more = partial(Paper.objects.create, **shape)
    for verb in (
        lambda: more(number=2, name="x", source="order:x"),
        lambda: more(number=3, name="x", source="order:x"),
        lambda: PaperCounter.objects.update(last=2),
        lambda: PaperCounter.objects.update(last=3),
        lambda: PaperCounter.objects.update(last=1),
        lambda: PaperCounter.objects.all().delete(),
        lambda: PaperCounter.objects.create(code="x", kind="invoice", year=2026, last=7),
        lambda: PaperCounter.objects.create(code="x", kind="invoice", year=2026, last=1),
        lambda: Paper.objects.update(gross_minor=1),
        lambda: Paper.objects.all().delete(),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            at_commit(verb)
    assert Paper.objects.count() == 1


def test_a_document_that_is_not_its_digest_is_refused(shop, settings, monkeypatch):
    german(shop, settings)
    shop.buy(shop.offer())
    monkeypatch.setattr(papers, "digest_of", lambda content: "0" * 64)
    assert written() == []
    assert "digest" in PaperDue.objects.get().problem
    monkeypatch.undo()
    assert written() == []
    assert written(later(hours=6)) == [("WL-I-2026-000001", 59_50)]


@pytest.mark.parametrize("point", ["_next", "digest_of", "kept"])
def test_no_number_is_lost_where_writing_breaks(shop, settings, monkeypatch, point):
    """Whatever is thrown between the number and the commit, the next paper has that number."""
    german(shop, settings)
    shop.buy(shop.offer())
    real = getattr(papers, point)

    def breaks(*given):
        real(*given)
        raise RuntimeError("the power is gone")

    monkeypatch.setattr(papers, point, breaks)
    assert papers.issue_papers(now=NOW) == 0
    monkeypatch.setattr(papers, point, real)
    assert written(later(hours=6)) == [("WL-I-2026-000001", 59_50)]
    assert PaperCounter.objects.get().last == 1


def test_a_note_waits_for_the_paper_that_it_corrects(shop, settings):
    german(shop, settings)
    line = shop.line(shop.offer())
    intent = checkout.refund_line(line=line, amount_minor=1_00, reason="late", now=NOW)
    assert papers.issue_paper(source=intent.key, now=NOW) is None
    assert written() == [("WL-C-2026-000001", 1_00), ("WL-I-2026-000001", 59_50)]


def test_workers_at_once_write_each_paper_once_and_no_gap(committed, shop, at_once):
    orders = [shop.buy(shop.offer()) for _number in range(12)]
    said = at_once(*[lambda: papers.issue_papers(now=NOW)] * 4)
    while PaperDue.objects.exists():
        said.append(papers.issue_papers(now=NOW))
    assert sum(said) == Paper.objects.count() == len(orders)
    assert sorted(Paper.objects.values_list("number", flat=True)) == list(range(1, 13))
    assert set(Paper.objects.values_list("order", flat=True)) == set(Order.objects.values_list("pk", flat=True))


def test_a_worker_that_dies_in_its_transaction_leaves_the_number_to_the_next(committed, shop):
    """One holds the number and never commits; the other waits for it, and has it when the first is gone."""
    first, second = (shop.buy(shop.offer()) for _number in range(2))
    held, may_die = threading.Event(), threading.Event()

    def dies():
        with transaction.atomic():
            papers.issue_paper(source=f"order:{first.pk}", now=NOW)
            held.set()
            may_die.wait(20)
            connection.connection.close()  # as if the process were killed
        connection.close()

    def quiet():
        try:
            dies()
        except Exception:
            connection.close()

    dying = threading.Thread(target=quiet)
    dying.start()
    assert held.wait(20)
    threading.Timer(0.2, may_die.set).start()
    assert papers.issue_paper(source=f"order:{second.pk}", now=NOW).name == "WL-R-2026-000001"
    dying.join()
    assert papers.issue_paper(source=f"order:{first.pk}", now=NOW).name == "WL-R-2026-000002"


def test_a_note_that_waits_while_its_refund_fails_is_written_and_taken_back(shop, monkeypatch):
    line = shop.line(shop.offer())
    assert len(written(now=later(hours=3))) == 1
    refund = checkout.refund_line(line=line, amount_minor=50_00, reason="a broken file", now=later(hours=4))
    with monkeypatch.context() as broken:
        broken.setattr(papers.drafting, "of_refund", lambda *_given: 1 // 0)
        assert len(written(now=later(hours=4))) == 1
        hearing.hear_refund(
            refund_reference=refund.outcome.reference,
            charge_reference=line.order.outcome.reference,
            amount_minor=50_00,
            state="failed",
            key=refund.key,
            now=later(hours=5),
        )
        assert len(written(now=later(hours=5))) == 1
    for hour in (6, 7):
        told = written(now=later(hours=hour))
    assert told == [("WL-C-2026-000001", 50_00), ("WL-D-2026-000001", 50_00), ("WL-R-2026-000001", 50_00)]
    assert newest("debit-note").corrects.number == "WL-C-2026-000001"
    assert not PaperDue.objects.exists()


def test_a_note_waits_for_what_takes_back_one_that_counts_no_more(shop):
    """A refund that failed and a lost dispute are heard in one round: both are credited, and one is taken back."""
    order = shop.buy(shop.offer())
    line = order.lines.get()
    refund = checkout.refund_line(line=line, amount_minor=40_00, reason="a broken file", now=later(hours=4))
    assert len(written(now=later(hours=4))) == 2
    failed = {"refund_reference": refund.outcome.reference, "charge_reference": order.outcome.reference}
    hearing.hear_refund(amount_minor=40_00, state="failed", key=refund.key, now=NOW, **failed)
    for state in ("opened", "lost"):
        hearing.hear_dispute(
            charge_reference=order.outcome.reference,
            dispute_reference="dp_lost",
            state=state,
            amount_minor=50_00,
            now=NOW,
        )
    assert sorted(PaperDue.objects.values_list("source", flat=True))[0].startswith("dispute:")
    for _round in range(3):
        written()
    notes = {(paper.kind, paper.gross_minor) for paper in Paper.objects.exclude(corrects=None)}
    assert notes == {("credit-note", 40_00), ("debit-note", 40_00), ("credit-note", 50_00)}
    assert not PaperDue.objects.exists()
