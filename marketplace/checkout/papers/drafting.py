"""What a paper will say, out of orders, refunds and disputes; nothing here writes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from django.utils import translation

from marketplace.checkout.disputes import Dispute, DisputeStep
from marketplace.checkout.models import Order, OrderLine, PaymentOutcome
from marketplace.checkout.paper_models import InvoiceAsked, Paper
from marketplace.checkout.papers.model import (
    Corrected,
    PaperDocument,
    PaperLine,
    Replaced,
    SoldBy,
    SoldTo,
    read_paper,
)
from marketplace.checkout.placing import said
from marketplace.checkout.refunds import RefundIntent
from marketplace.checkout.tax_models import BillingDetails, OrderTaxation, SellerOfRecord
from marketplace.checkout.taxes import sellers
from marketplace.checkout.taxes.base import TaxPart
from marketplace.checkout.taxes.ordering import details_of
from marketplace.checkout.taxes.rules import taken
from marketplace.licensing.models import Grant
from marketplace.payouts.left_queries import amount_taken, tax_taken
from marketplace.people.models import Studio
from marketplace.ui.formats import sentence

_LANGUAGES = {"en": "en", "zh-Hans": "zh-hans"}


@dataclass(frozen=True, slots=True)
class Drafted:
    """A paper that has everything but its number and its day."""

    document: PaperDocument
    seller: SellerOfRecord
    order: Order
    corrects: Paper | None = None


def of_order(order: Order, now: datetime) -> Drafted:
    """This will draft the invoice of a paid order, or its receipt where nothing was paid or nobody said to whom."""
    outcome = order.outcome
    taxation = OrderTaxation.objects.filter(order=order).select_related("seller", "details").first()
    details = taxation.details if taxation else details_of(order.studio)
    country = details.country if details else order.studio.country
    seller = taxation.seller if taxation else sellers.seller_for(country, now)
    is_paid = outcome.outcome == PaymentOutcome.SUCCEEDED
    document = PaperDocument(
        kind=Paper.INVOICE if is_paid and details is not None and details.is_whole else Paper.RECEIPT,
        number="",
        issued_at=now,
        seller=SoldBy(seller.name, tuple(seller.address), seller.country, tuple(seller.tax_ids)),
        buyer=_buyer(order.studio, details, taxation),
        order=str(order.pk),
        currency=order.currency,
        prices_include_tax=bool(taxation and seller.prices_include_tax),
        lines=tuple(_lines(order)),
        state="paid" if is_paid else "free",
        paid_at=outcome.at,
        reference=outcome.reference,
    )
    return Drafted(document, seller, order)


def of_asked(asked: InvoiceAsked, now: datetime) -> Drafted:
    """This will draft the invoice that takes the place of a receipt: the same, made out to who asked for it."""
    receipt, order = asked.receipt, asked.order
    first = read_paper(receipt.document.encode())
    document = replace(
        first,
        kind=Paper.INVOICE,
        buyer=_buyer(order.studio, asked.details, None),
        replaces=Replaced(receipt.name, receipt.sha256),
        supplied_at=first.paid_at,
    )
    return Drafted(document, receipt.seller, order)


def _buyer(studio: Studio, details: BillingDetails | None, taxation: OrderTaxation | None) -> SoldTo:
    if details is None:
        country = taxation.country if taxation else studio.country
        return SoldTo(str(studio.pk), studio.legal_name or studio.name, (), country, "", "", "")
    town = " ".join(text for text in (details.postcode, details.city, details.region) if text)
    return SoldTo(
        studio=str(studio.pk),
        name=details.name or studio.legal_name or studio.name,
        address=tuple(text for text in (details.street, town) if text),
        country=details.country,
        vat_id=details.vat_id,
        email=details.email,
        reference=details.reference,
    )


def _lines(order: Order) -> list[PaperLine]:
    related = ("offer__terms", "offer__release__pack__creator", "charge_line__release__pack__creator")
    lines = list(order.lines.select_related(*related).prefetch_related("taxes").order_by("position"))
    sources = [line.source for line in lines]
    grants = dict(Grant.objects.filter(source__in=sources).values_list("source", "pk"))
    return [_line(line, grants.get(line.source)) for line in lines]


def _line(line: OrderLine, grant: UUID | None) -> PaperLine:
    release = line.offer.release if line.charge_line is None else line.charge_line.release
    licensed = grant or (line.replaces_id if line.kind == OrderLine.USAGE else None)
    title = release.title if isinstance(release.title, Mapping) else {"en": str(release.title)}
    creator = release.pack.creator
    return PaperLine(
        line=str(line.pk),
        kind=line.kind,
        title={str(language): str(text) for language, text in title.items()},
        pack=f"{creator.handle}/{release.pack.handle}",
        version=release.version,
        terms=line.offer.terms.name,
        sold_for=f"{creator.display_name} (@{creator.handle})",
        seats=line.seats,
        starts_at=line.starts_at.date().isoformat() if line.starts_at else "",
        ends_at=line.ends_at.date().isoformat() if line.ends_at else "",
        certificate=str(licensed) if licensed else "",
        details=_details(line) if line.kind == OrderLine.USAGE else {},
        net_minor=line.gross_minor - line.tax_minor,
        gross_minor=line.gross_minor,
        taxes=tuple(
            TaxPart(one.jurisdiction, one.name, one.rate_ppb, one.base_minor, one.tax_minor, one.reason)
            for one in line.taxes.all()
        ),
    )


def _details(line: OrderLine) -> dict[str, tuple[str, ...]]:
    told = {}
    for tag, language in _LANGUAGES.items():
        with translation.override(language):
            told[tag] = tuple(sentence(words) for words in said(line))
    return told


def of_refund(intent: RefundIntent, now: datetime) -> Drafted | None:
    """This will draft the credit note of a refund; None where nothing is left to credit."""
    line, outcome = intent.line, intent.outcome
    parts = [(line, intent.amount_minor, tax_taken(outcome.books_key))]
    return _credit(line.order, parts, ("given-back", intent.reason, outcome.reference, outcome.at), now)


def of_dispute(dispute: Dispute, now: datetime) -> Drafted | None:
    """This will draft the credit note of what a dispute took for good; None where nothing is left to credit."""
    end = dispute.steps.get(state__in=["won", "lost"])
    if end.state == "won":
        keys = {part.rest_key(1): part.line for part in dispute.parts.select_related("line")}
        parts = [(line, lost, tax_taken(key)) for key, line in keys.items() if (lost := amount_taken(key))]
    else:
        parts = [(part.line, part.amount_minor, tax_taken(part.key)) for part in dispute.parts.select_related("line")]
    return _credit(dispute.order, parts, ("taken-back", dispute.reason, dispute.reference, end.at), now)


def of_failed_refund(intent: RefundIntent, now: datetime) -> Drafted | None:
    """This will draft what takes a credit note back, because its money came back to us; None where there is none."""
    if amount_taken(intent.met_key) == intent.amount_minor:
        return None  # the bank took the same money: what was credited stays so
    note = Paper.objects.filter(source=intent.key).select_related("seller", "order").first()
    if note is None:
        return None
    document = replace(
        read_paper(note.document.encode()),
        kind=Paper.DEBIT_NOTE,
        state="returned",
        paid_at=now,
        corrects=Corrected(note.name, note.sha256, intent.reason),
    )
    return Drafted(document, note.seller, note.order, note)


def of_returned(step: DisputeStep, now: datetime) -> Drafted | None:
    """This will draft what puts back what a further part of a dispute brought; None where nothing was credited."""
    dispute = step.dispute
    note = Paper.objects.filter(source=f"dispute:{dispute.pk}").select_related("seller", "order").first()
    if note is None:
        return None
    number = dispute.steps.filter(state__in=DisputeStep.CAME_BACK, pk__lte=step.pk).count()
    keys = [(part.rest_key(number - 1), part.rest_key(number)) for part in dispute.parts.all()]
    back = [amount_taken(before) - amount_taken(after) for before, after in keys]
    # Divided anew, a line may owe a unit more of a rest that is less: it is left out of the largest.
    over = sum(min(0, one) for one in back)
    back[back.index(max(back))] += over
    first, put_back = read_paper(note.document.encode()), _put_back(note)
    by_line = {line.line: line for line in first.lines}
    made = [
        _part(
            by_line[str(part.line_id)],
            put_back.get(str(part.line_id), []),
            amount_minor,
            max(0, tax_taken(before) - tax_taken(after)),
        )
        for part, amount_minor, (before, after) in zip(dispute.parts.all(), back, keys, strict=True)
        if str(part.line_id) in by_line
    ]
    if not (lines := tuple(line for line in made if line is not None)):
        return None
    document = replace(
        first,
        kind=Paper.DEBIT_NOTE,
        lines=lines,
        state="returned",
        paid_at=step.at,
        corrects=Corrected(note.name, note.sha256, dispute.reason),
    )
    return Drafted(document, note.seller, note.order, note)


def _put_back(note: Paper) -> dict[str, list[tuple[int, PaperLine]]]:
    """Collects what earlier notes put back of each line of a credit note."""
    found: dict[str, list[tuple[int, PaperLine]]] = {}
    for one in Paper.objects.filter(corrects=note).order_by("issued_at", "id"):
        for line in read_paper(one.document.encode()).lines:
            found.setdefault(line.line, []).append((1, line))
    return found


def _credit(
    order: Order,
    parts: Sequence[tuple[OrderLine, int, int]],
    about: tuple[str, str, str, datetime],
    now: datetime,
) -> Drafted | None:
    """Drafts what takes amounts of lines off the order's paper: never more of a line, or of its taxes, than is left."""
    # Where an invoice took the place of a receipt, that is what is corrected.
    papers = Paper.objects.filter(order=order, corrects=None).select_related("seller")
    paper = papers.order_by("-issued_at", "-id").first()
    if paper is None:
        return None
    first = read_paper(paper.document.encode())
    credited, by_line = _credited(order), {line.line: line for line in first.lines}
    made = [
        _part(by_line[str(row.pk)], credited.get(str(row.pk), []), amount_minor, tax_minor)
        for row, amount_minor, tax_minor in parts
    ]
    lines = tuple(line for line in made if line is not None)
    if not lines:
        return None
    state, reason, reference, at = about
    document = replace(
        first,
        kind=Paper.CREDIT_NOTE,
        lines=lines,
        state=state,
        paid_at=at,
        reference=reference,
        corrects=Corrected(paper.name, paper.sha256, reason),
        replaces=None,
        supplied_at=None,
    )
    return Drafted(document, paper.seller, order, paper)


def _credited(order: Order) -> dict[str, list[tuple[int, PaperLine]]]:
    """Collects what earlier notes took off each line (1), and what was put back (-1)."""
    found: dict[str, list[tuple[int, PaperLine]]] = {}
    for note in Paper.objects.filter(order=order, corrects__isnull=False).order_by("issued_at", "id"):
        sign = 1 if note.kind == Paper.CREDIT_NOTE else -1
        for line in read_paper(note.document.encode()).lines:
            found.setdefault(line.line, []).append((sign, line))
    return found


def _part(
    line: PaperLine, earlier: Sequence[tuple[int, PaperLine]], amount_minor: int, tax_minor: int
) -> PaperLine | None:
    left = [
        part.tax_minor - sum(sign * one.taxes[place].tax_minor for sign, one in earlier)
        for place, part in enumerate(line.taxes)
    ]
    gross = min(amount_minor, line.gross_minor - sum(sign * one.gross_minor for sign, one in earlier))
    if gross <= 0:
        return None
    tax = min(tax_minor, sum(left), gross)
    taxes = tuple(
        replace(part, base_minor=gross - tax, tax_minor=share)
        for part, share in zip(line.taxes, taken(left, tax), strict=True)
    )
    return replace(line, net_minor=gross - tax, gross_minor=gross, taxes=taxes)
