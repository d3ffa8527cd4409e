"""Reading an order's whole way out of the facts; nothing is written and nobody is asked."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q

from marketplace.checkout.attempts import StrayPayment
from marketplace.checkout.disputes import Contradiction, DisputeStep
from marketplace.checkout.evidence.standing import standings_of
from marketplace.checkout.models import Order, OrderLine, PaymentOutcome
from marketplace.checkout.order_states import state_of
from marketplace.checkout.papers.queries import papers_of
from marketplace.checkout.reconciling.tables import ProviderLine
from marketplace.checkout.refund_requests import RefundMended, RefundRequest
from marketplace.checkout.refunds import RefundIntent, RefundOutcome, RefundStep
from marketplace.checkout.ways import money
from marketplace.checkout.ways.shapes import DisputeWay, LineWay, RefundWay, SaleWay, Step, Sums, Way
from marketplace.licensing.models import Grant
from marketplace.licensing.queries import with_status
from marketplace.people.models import Person, Studio
from marketplace.ui.formats import choose_title, money_text

_BACK = [f"dispute-{state}" for state in DisputeStep.CAME_BACK]


def way_of(order: Order) -> Way:
    """This will tell all of an order's way: tries to be paid, lines with sales, royalties and payouts, refunds,
    disputes, papers, the gateway's lines, and what the books have of it."""
    related = ("offer__terms", "offer__release__pack__creator", "order")
    lines = list(OrderLine.objects.filter(order=order).select_related(*related).order_by("position"))
    sales = money.sales_of(lines)
    rests = money.rests_of([sale for found in sales.values() for sale in found])
    lefts = money.lefts_of(lines, sales, rests)
    grants = _grants(lines)
    told = [_line(line, grants.get(line.pk), lefts[line.pk], sales.get(line.pk, [])) for line in lines]
    given = _refunds(order)
    refunds = [_refund(row) for row in given]
    disputes = _disputes(order)
    references = list(_references(order, refunds, disputes))
    return Way(
        order=str(order.pk),
        studio=order.studio.name,
        buyer=order.buyer.display_name,
        email=order.buyer.email,
        state=state_of(order),
        currency=order.currency,
        total_minor=order.total_minor,
        placed_at=order.placed_at,
        payment=sorted(_payment(order), key=lambda step: step.at),
        lines=told,
        refunds=refunds,
        disputes=disputes,
        papers=_papers(order),
        balance_lines=_balance(references),
        postings=money.postings_of(lines),
        sums=_sums(order, told, rests, sum(_gone(row) for row in given), disputes, money.losses_of(lines)),
    )


def _payment(order: Order) -> Iterator[Step]:
    yield Step(order.placed_at, "ordered", order.total_minor, str(order.pk))
    for attempt in order.attempts.select_related("declined", "found").prefetch_related("steps").order_by("number"):
        yield Step(attempt.intended_at, "asked", order.total_minor, attempt.key, attempt.gateway)
        for step in attempt.steps.all():
            yield Step(step.at, f"waits-{step.state}", order.total_minor, step.reference, step.reason)
        if found := getattr(attempt, "found", None):
            yield Step(found.at, f"found-{found.found}", order.total_minor, found.reference, found.reason)
        if declined := getattr(attempt, "declined", None):
            yield Step(declined.at, "declined", order.total_minor, declined.reference, declined.reason)
    strays = StrayPayment.objects.filter(attempt__order=order).select_related("returned", "found")
    for stray in strays.prefetch_related("steps"):
        yield Step(stray.at, "stray", stray.amount_minor, stray.reference)
        if found := getattr(stray, "found", None):
            yield Step(found.at, f"found-{found.found}", stray.amount_minor, found.reference, found.reason)
        steps = list(stray.steps.all())
        returned = getattr(stray, "returned", None)
        if returned is not None and not any(step.state != step.LATER for step in steps):
            yield Step(
                returned.at, f"stray-{returned.outcome}", stray.amount_minor, returned.reference, returned.reason
            )
        for step in {step.state: step for step in reversed(steps)}.values():
            yield Step(step.at, f"stray-{step.state}", stray.amount_minor, step.reference)
    for one in Contradiction.objects.filter(order=order):
        yield Step(one.at, "contradiction", one.amount_minor or 0, one.reference, f"{one.kind}: {one.said}")
    if outcome := PaymentOutcome.objects.filter(order=order).first():
        yield Step(outcome.at, f"outcome-{outcome.outcome}", order.total_minor, outcome.reference, outcome.reason)


def _grants(lines: Sequence[OrderLine]) -> dict[UUID, Grant]:
    """Finds the license of each line by its id, with `.status`; bills for use are under the one that they follow."""
    rows = with_status(
        Grant.objects.filter(
            Q(source__in=[line.source for line in lines])
            | Q(pk__in=[line.replaces_id for line in lines if line.kind == OrderLine.USAGE])
        )
    )
    by_source, by_key = {}, {}
    for grant in rows:
        by_source[grant.source] = by_key[grant.pk] = grant
    found = {
        line.pk: by_key.get(line.replaces_id) if line.kind == OrderLine.USAGE else by_source.get(line.source)
        for line in lines
    }
    return {key: grant for key, grant in found.items() if grant is not None}


def _line(line: OrderLine, grant: Grant | None, left_minor: int | None, sales: Sequence[SaleWay]) -> LineWay:
    release = line.offer.release
    return LineWay(
        str(line.pk),
        line.kind,
        choose_title(release.title)[0],
        str(release),
        line.offer.terms.name,
        line.price_minor,
        line.fee_minor,
        str(grant.pk) if grant else "",
        grant.status if grant else "",  # type: ignore[attr-defined]
        left_minor,
        sales,
    )


def _refunds(order: Order) -> list[RefundIntent]:
    rows = RefundIntent.objects.filter(line__order=order).select_related("outcome", "found", "mended__again", "line")
    return list(rows.prefetch_related("steps").order_by("intended_at", "id"))


def refund_state(refund: RefundIntent) -> str:
    """This will tell where a refund is: "open" (nobody knows), "pending" (on its way), "succeeded", "failed" (it came
    back), "refused", "overtaken", "again" (sent once more), "otherwise" (given another way) or "settled" (it came back,
    and its buyer has the money already)."""
    if (mended := getattr(refund, "mended", None)) is not None:
        return "again" if mended.again_id else "otherwise" if mended.note else "settled"
    outcome = getattr(refund, "outcome", None)
    if outcome is None:
        return "open"
    states = {step.state for step in refund.steps.all()}
    if RefundStep.FAILED in states:
        return "failed"
    if outcome.outcome != RefundOutcome.SUCCEEDED:
        return outcome.outcome
    return "pending" if states == {RefundStep.PENDING} else "succeeded"


def _refund(row: RefundIntent) -> RefundWay:
    steps = [Step(row.intended_at, "refund-asked", row.amount_minor, row.key)]
    if found := getattr(row, "found", None):
        steps.append(Step(found.at, f"found-{found.found}", row.amount_minor, found.reference, found.reason))
    if outcome := getattr(row, "outcome", None):
        steps.append(Step(outcome.at, f"refund-{outcome.outcome}", row.amount_minor, outcome.reference, outcome.reason))
    steps += [Step(one.at, f"bank-{one.state}", row.amount_minor, one.reference) for one in row.steps.all()]
    mended: RefundMended | None = getattr(row, "mended", None)
    if mended is not None:
        amount_minor = mended.again.amount_minor if mended.again else _mended(row, mended)
        what = f"refund-{refund_state(row)}"
        steps.append(Step(mended.at, what, amount_minor, str(mended.again_id or ""), mended.note))
    steps.sort(key=lambda step: step.at)
    return RefundWay(str(row.pk), str(row.line_id), row.amount_minor, row.reason, refund_state(row), steps)


def _mended(row: RefundIntent, mended: RefundMended) -> int:
    """Tells how much of a refund that came back went another way."""
    return row.amount_minor if mended.amount_minor is None else mended.amount_minor


def _gone(row: RefundIntent) -> int:
    """Tells how much the buyer has, or will have, by this refund itself."""
    state = refund_state(row)
    if state == "otherwise":
        return _mended(row, row.mended)
    return row.amount_minor if state in ("pending", "succeeded", "overtaken") else 0


def _disputes(order: Order) -> list[DisputeWay]:
    rows = list(order.disputes.order_by("opened_at", "id"))
    steps: dict[object, list[Step]] = {row.pk: [] for row in rows}
    for step in DisputeStep.objects.filter(dispute__in=rows).order_by("id"):
        steps[step.dispute_id].append(Step(step.at, f"dispute-{step.state}", step.amount_minor))
        if step.fee_minor and step.fee_currency:
            said = money_text(step.fee_minor, step.fee_currency)
            steps[step.dispute_id].append(Step(step.at, "dispute-fee", 0, "", said))
        elif step.fee_minor:
            steps[step.dispute_id].append(Step(step.at, "dispute-fee", step.fee_minor))
    found = []
    for one in standings_of(rows):
        told, dispute = steps[one.dispute.pk], one.dispute
        if one.bundle:
            told.append(Step(one.bundle.made_at, "evidence-made", 0, one.bundle.sha256))
        if one.submission:
            told.append(Step(one.submission.intended_at, "evidence-sent", 0, one.submission.key, one.submission.note))
            if end := getattr(one.submission, "outcome", None):
                told.append(Step(end.at, f"evidence-{end.outcome}", 0, end.reference, end.reason))
        told.sort(key=lambda step: step.at)
        found.append(DisputeWay(str(dispute.pk), dispute.reference, dispute.amount_minor, one.state, one.due_by, told))
    return found


def _papers(order: Order) -> list[Mapping[str, Any]]:
    """Names invoices, receipts and credit notes of the order."""
    return [
        {"kind": one.kind, "name": one.name, "sha256": one.sha256, "issued_at": one.issued_at}
        for one in papers_of(order)
    ]


def _references(order: Order, refunds: Sequence[RefundWay], disputes: Sequence[DisputeWay]) -> Iterator[str]:
    """Names what the gateway's lines can be about: the charge, its refunds and its disputes."""
    if outcome := PaymentOutcome.objects.filter(order=order).exclude(reference="").first():
        yield outcome.reference
    yield from (step.reference for refund in refunds for step in refund.steps if step.what.startswith("refund-s"))
    yield from (dispute.reference for dispute in disputes)


def _balance(references: Sequence[str]) -> list[Mapping[str, Any]]:
    rows = ProviderLine.objects.filter(source__in=[one for one in references if one]).select_related("matched")
    return [
        {
            "id": row.line_id,
            "kind": row.kind,
            "source": row.source,
            "amount_minor": row.amount_minor,
            "fee_minor": row.fee_minor,
            "currency": row.currency,
            "happened_at": row.happened_at,
            "available_at": row.available_at,
            "matched": row.matched.way if hasattr(row, "matched") else "",
        }
        for row in rows.order_by("happened_at", "id")
    ]


def _sums(
    order: Order,
    told: Sequence[LineWay],
    rests: Mapping[str, money.Rest],
    refunded_minor: int,
    disputes: Sequence[DisputeWay],
    loss_minor: int,
) -> Sums:
    paid = PaymentOutcome.objects.filter(order=order, outcome=PaymentOutcome.SUCCEEDED).exists()
    left_minor = sum(one.left_minor or 0 for one in told)
    return Sums(
        paid_minor=order.total_minor if paid else 0,
        refunded_minor=refunded_minor,
        disputed_minor=sum(
            one.amount_minor - sum(step.amount_minor for step in one.steps if step.what in _BACK) for one in disputes
        ),
        loss_minor=loss_minor,
        tax_minor=sum(one.tax_minor for one in rests.values()),
        fee_minor=sum(one.fee_minor for one in rests.values()),
        creators_minor=sum(one.creators_minor for one in rests.values()),
        pot_minor=sum(one.pot_minor for one in rests.values()),
        ahead_minor=left_minor - sum(one.total_minor for one in rests.values()),
    )


def requests_of(order: Order) -> list[RefundRequest]:
    """This will list what the buyer asked back of an order, newest first, with the answers."""
    rows = RefundRequest.objects.filter(line__order=order).select_related("answer", "by", "line__offer__release")
    return list(rows.order_by("-asked_at", "-id"))


def orders_like(text: str, *, limit: int = 50) -> list[Order]:
    """This will find orders, newest first, by an id of order or line, a name of studio, an e-mail address, or what the
    gateway calls a charge, refund, dispute or try; a short text finds nothing."""
    text = text.strip()
    if len(text) < 3 or "\x00" in text:
        return []
    asked = [
        Q(studio__in=Studio.objects.filter(Q(name__icontains=text) | Q(legal_name__icontains=text))),
        Q(buyer__in=Person.objects.filter(email=text.lower())),
        Q(outcome__reference=text),
        Q(attempts__key=text),
        Q(attempts__steps__reference=text),
        Q(disputes__reference=text),
        Q(disputes__charge_reference=text),
        Q(lines__refunds__outcome__reference=text),
    ]
    if (name := _uuid(text)) is not None:
        asked += [Q(pk=name), Q(lines__pk=name)]
    keys: set[UUID] = set()
    for one in asked:  # each by its own index: all in one would read every order there is
        keys.update(Order.objects.filter(one).order_by("-placed_at", "-id").values_list("pk", flat=True)[:limit])
    rows = Order.objects.filter(pk__in=keys).select_related("studio", "buyer")
    return list(rows.order_by("-placed_at", "-id")[:limit])


def _uuid(text: str) -> str | None:
    try:
        return str(UUID(text.removeprefix("order-line:").removeprefix("order:").split(":")[0]))
    except ValueError:
        return None
