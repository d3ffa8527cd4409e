"""Writing papers: what is due is taken from the list, numbered under a lock, and never changed."""

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q

from marketplace.checkout.disputes import Dispute, DisputeStep
from marketplace.checkout.models import Order
from marketplace.checkout.paper_models import InvoiceAsked, Paper, PaperDue
from marketplace.checkout.papers import drafting
from marketplace.checkout.papers.drafting import Drafted
from marketplace.checkout.papers.model import digest_of
from marketplace.checkout.refunds import RefundIntent
from marketplace.checkout.taxes.sellers import kept

log = logging.getLogger(__name__)

AT_ONCE = 100
TRIED_AGAIN_AFTER = timedelta(minutes=10)
_ASKED = ("order__studio", "receipt__seller", "details")
_LETTER = {Paper.INVOICE: "I", Paper.RECEIPT: "R", Paper.CREDIT_NOTE: "C", Paper.DEBIT_NOTE: "D"}


def issue_papers(*, now: datetime, limit: int = AT_ONCE) -> int:
    """This will write the papers that are due, the oldest first; tells how many.

    Each is a transaction of its own, and two workers write different ones. What cannot be written says why in the
    list, and is tried again ten minutes later, behind the others.
    """
    written = 0
    rows = PaperDue.objects.filter(Q(problem="") | Q(at__lte=now - TRIED_AGAIN_AFTER)).order_by(
        "problem", "at", "source"
    )
    due = list(rows.values_list("source", flat=True)[:limit])
    for source in due:
        try:
            written += issue_paper(source=source, now=now) is not None
        except Exception as error:
            log.exception("the paper of %s is not written", source)
            PaperDue.objects.filter(source=source).update(problem=f"{type(error).__name__}: {error}"[:300], at=now)
    return written


@transaction.atomic
def issue_paper(*, source: str, now: datetime) -> Paper | None:
    """This will write one paper that is due; None where it is written, being written, or not due after all."""
    due = PaperDue.objects.select_for_update(skip_locked=True).filter(source=source).first()
    if due is None:
        return None
    order_id = _order_of(source)
    # One at a time an order: what a note takes off depends on the notes before it.
    order = Order.objects.select_for_update(no_key=True).get(pk=order_id)
    if _comes_later(source, order_id):
        return None
    drafted = _drafted(source, order, now)
    paper = _written(drafted, source, now) if drafted is not None else None
    PaperDue.objects.filter(source=source).delete()
    return paper


def _comes_later(source: str, order_id: UUID) -> bool:
    """Tells whether a paper waits for others of its order, whatever order their list has: for the one that it corrects,
    for the note that it takes back, and a note for what takes back one that counts no more."""
    kind, _colon, key = source.partition(":")
    if kind == "order":
        return False
    first = {f"order:{order_id}"}
    if kind == "refund-failed":
        first.add(f"refund:{key}")
    elif kind == "dispute-back":
        step = DisputeStep.objects.get(pk=key)
        earlier = step.dispute.steps.filter(state=DisputeStep.RETURNED, pk__lt=step.pk)
        first |= {f"dispute:{step.dispute_id}", *(f"dispute-back:{one.pk}" for one in earlier)}
    else:
        refunds = RefundIntent.objects.filter(line__order=order_id).values_list("pk", flat=True)
        noted = Paper.objects.filter(source__in=[f"refund:{one}" for one in refunds]).values_list("source", flat=True)
        first |= {one.replace("refund:", "refund-failed:") for one in noted}
        returned = DisputeStep.objects.filter(dispute__order=order_id, state=DisputeStep.RETURNED)
        first |= {f"dispute-back:{one.pk}" for one in returned if source != f"dispute:{one.dispute_id}"}
    return PaperDue.objects.filter(source__in=first).exists()


def _order_of(source: str) -> UUID:
    kind, _colon, key = source.partition(":")
    if kind in ("order", "invoice"):
        return UUID(key)
    if kind == "dispute":
        return Dispute.objects.get(pk=key).order_id
    if kind == "dispute-back":
        return DisputeStep.objects.select_related("dispute").get(pk=key).dispute.order_id
    return RefundIntent.objects.select_related("line").get(pk=key).line.order_id


def _drafted(source: str, order: Order, now: datetime) -> Drafted | None:
    kind, _colon, key = source.partition(":")
    if kind == "order":
        return drafting.of_order(Order.objects.select_related("studio", "outcome").get(pk=order.pk), now)
    if kind == "invoice":
        return drafting.of_asked(InvoiceAsked.objects.select_related(*_ASKED).get(pk=key), now)
    if kind == "dispute":
        return drafting.of_dispute(Dispute.objects.select_related("order").get(pk=key), now)
    if kind == "dispute-back":
        return drafting.of_returned(DisputeStep.objects.select_related("dispute").get(pk=key), now)
    intent = RefundIntent.objects.select_related("line__order", "outcome").get(pk=key)
    return drafting.of_refund(intent, now) if kind == "refund" else drafting.of_failed_refund(intent, now)


def _written(drafted: Drafted, source: str, now: datetime) -> Paper:
    """Takes the next number, which is locked until the transaction ends, and writes the paper under it."""
    seller, kind, year = kept(drafted.seller), drafted.document.kind, now.year
    number = _next(seller.code, kind, year)
    newest = Paper.objects.filter(code=seller.code, kind=kind, year=year, number=number - 1).first()
    # A clock that goes back must not give a later number an earlier day.
    now = max(now, newest.issued_at) if newest is not None else now
    name = f"{seller.prefix}-{_LETTER[kind]}-{year}-{number:06d}"
    content = replace(drafted.document, number=name, issued_at=now).to_bytes()
    return Paper.objects.create(
        kind=kind,
        seller=seller,
        code=seller.code,
        year=year,
        number=number,
        name=name,
        order=drafted.order,
        source=source,
        corrects=drafted.corrects,
        currency=drafted.document.currency,
        gross_minor=drafted.document.gross_minor,
        document=content.decode(),
        sha256=digest_of(content),
        issued_at=now,
    )


def _next(code: str, kind: str, year: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO checkout_papercounter AS counter (code, kind, year, last) VALUES (%s, %s, %s, 1)"
            " ON CONFLICT (code, kind, year) DO UPDATE SET last = counter.last + 1 RETURNING last",
            [code, kind, year],
        )
        return int(cursor.fetchone()[0])
