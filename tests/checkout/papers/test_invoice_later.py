"""Carol gives her billing details after the purchase and asks for an invoice: once, for the same total."""

import pytest
from django.db import IntegrityError, InternalError, transaction

from marketplace.checkout import operations as checkout
from marketplace.checkout.models import OrderLine
from marketplace.checkout.paper_models import InvoiceAsked, Paper, PaperDue
from marketplace.checkout.papers import asking
from marketplace.checkout.papers import operations as papers
from marketplace.checkout.papers.asking import UnableToAskForInvoice
from marketplace.checkout.papers.model import read_paper
from marketplace.checkout.papers.paper import paper_pdf
from tests.cast import DECLINED_CARD, later
from tests.checkout.papers.test_issuing import WHOLE, german, newest, written
from tests.checkout.taxes.rates import at, by_table, rate, seller

NOW = later(hours=5)
DAY = later(days=40)


@pytest.fixture
def receipt(shop, settings):
    """Carol's studio is in Germany, and said no more of itself when it bought."""
    by_table(settings)
    seller("DE"), rate("DE", 19), at(shop.market.cast, "DE")
    order = shop.buy(shop.offer())
    assert written() == [("WL-R-2026-000001", 59_50)]
    return order


def ask(shop, order, by=None, now=DAY):
    return asking.ask(order=order, by=by or shop.market.cast.carol, now=now)


def give_back(order, amount_minor, now=later(hours=6)):
    line = OrderLine.objects.select_related("order").get(order=order)
    checkout.refund_line(line=line, amount_minor=amount_minor, reason="a broken file", now=now)
    papers.issue_papers(now=now)


def test_the_invoice_takes_the_place_of_the_receipt(shop, receipt):
    at(shop.market.cast, "DE", **WHOLE, vat_id="DE136695976")
    made = ask(shop, receipt)
    assert (made.kind, made.name, made.gross_minor, made.issued_at) == ("invoice", "WL-I-2027-000001", 59_50, DAY)
    before = Paper.objects.get(kind="receipt")
    first = read_paper(before.document.encode())
    told = read_paper(made.document.encode())
    assert (told.replaces.number, told.replaces.sha256) == (
        "WL-R-2026-000001",
        Paper.objects.get(kind="receipt").sha256,
    )
    assert (told.supplied_at, told.paid_at, told.issued_at) == (first.paid_at, first.paid_at, DAY)
    assert (told.lines, told.taxes, told.totals, told.seller) == (first.lines, first.taxes, first.totals, first.seller)
    assert (told.buyer.name, told.buyer.address, told.buyer.vat_id) == (
        "Lantern Films GmbH",
        ("Kai 1", "20457 Hamburg"),
        "DE136695976",
    )
    for language in ("en", "zh-hans"):
        assert paper_pdf(made.document.encode(), language=language).startswith(b"%PDF")

    assert ask(shop, receipt) == made
    at(shop.market.cast, "DE", **WHOLE | {"name": "Another GmbH"})
    assert ask(shop, receipt) == made
    assert (InvoiceAsked.objects.count(), Paper.objects.count(), PaperDue.objects.count()) == (1, 2, 0)


def test_its_number_has_no_gap_and_what_is_given_back_later_corrects_it(shop, receipt):
    at(shop.market.cast, "DE", **WHOLE)
    bought = shop.buy(shop.market.offer("studio"), now=later(hours=7))
    papers.issue_papers(now=later(hours=8))
    made = ask(shop, receipt, now=later(hours=9))
    assert [bought.papers.get().name, made.name] == ["WL-I-2026-000001", "WL-I-2026-000002"]
    give_back(receipt, 20_00, now=later(hours=10))
    note = newest("credit-note")
    assert (note.corrects.number, note.gross_minor, note.replaces) == (made.name, 20_00, None)
    assert '"worldloom/invoice/1"' in Paper.objects.get(kind="credit-note").document
    assert '"worldloom/invoice/2"' in made.document


def test_a_part_was_given_back_before_and_the_total_is_the_same(shop, receipt):
    give_back(receipt, 20_00)
    at(shop.market.cast, "DE", **WHOLE)
    assert ask(shop, receipt).gross_minor == 59_50
    give_back(receipt, 39_50, now=later(days=41))
    notes = Paper.objects.filter(kind="credit-note").order_by("issued_at")
    assert [(note.corrects.kind, note.gross_minor) for note in notes] == [("receipt", 20_00), ("invoice", 39_50)]


def test_it_is_refused_where_there_is_nothing_to_invoice(shop, receipt):
    def refused(order, why, by=None):
        before = (InvoiceAsked.objects.count(), Paper.objects.count(), PaperDue.objects.count())
        with pytest.raises(UnableToAskForInvoice, match=why) as caught:
            ask(shop, order, by)
        assert (InvoiceAsked.objects.count(), Paper.objects.count(), PaperDue.objects.count()) == before
        return caught.value.needs_details

    assert refused(receipt, "give billing details first")
    at(shop.market.cast, "FR", **WHOLE)
    assert refused(receipt, "The taxes of this order were those of Germany")
    at(shop.market.cast, "DE", **WHOLE)
    refused(receipt, "Only owners and buyers", by=shop.market.cast.dave)
    free = shop.buy(shop.offer("cc-by-4.0", 0), now=later(hours=3))
    refused(free, "Nothing was paid")
    with pytest.raises(checkout.PaymentDeclined):
        shop.buy(shop.market.offer("studio"), method=DECLINED_CARD)
    refused(
        shop.market.cast.studio.orders.order_by("placed_at", "id").exclude(pk__in=[receipt.pk, free.pk]).get(), "paid"
    )
    due = shop.buy(shop.market.offer("studio"), now=later(hours=4))
    refused(due, "is being written")
    papers.issue_papers(now=NOW)
    refused(due, "has its invoice")
    give_back(receipt, 59_50)
    refused(receipt, "All of this order was given back")


def test_the_database_keeps_it_to_receipts(shop, settings):
    german(shop, settings)
    order, other = shop.buy(shop.offer()), shop.buy(shop.market.offer("studio"))
    papers.issue_papers(now=NOW)
    who = {"details": order.taxation.details, "by": shop.market.cast.carol, "at": NOW}
    for paper in (order.papers.get(), other.papers.get()):
        with pytest.raises(IntegrityError), transaction.atomic():
            InvoiceAsked.objects.create(order=order, receipt=paper, **who)
    assert not InvoiceAsked.objects.exists()


def test_who_asked_stays(shop, receipt):
    at(shop.market.cast, "DE", **WHOLE)
    ask(shop, receipt)
    with pytest.raises((IntegrityError, InternalError)), transaction.atomic():
        InvoiceAsked.objects.update(at=NOW)
    assert InvoiceAsked.objects.get().at == DAY
