"""The page of an order that is not paid yet: what it waits for, and what its buyer can do."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from marketplace.checkout import methods, order_queries, order_states, past_due, paying, queries
from marketplace.checkout.attempts import PaymentStep, StrayPayment
from marketplace.checkout.gateways.base import GatewayUnavailable, UnableToUseMethod
from marketplace.checkout.gateways.sandbox import TEST_CARDS, SandboxGateway, answer_bank
from marketplace.checkout.left_behind import left_behind
from marketplace.checkout.models import Order, OrderLine, PaymentOutcome
from marketplace.checkout.money_asked import is_off_session
from marketplace.checkout.operations import UnableToPay, gateway
from marketplace.checkout.placing import SAVED
from marketplace.checkout.sandbox_models import SandboxCharge
from marketplace.licensing import queries as licensing
from marketplace.storefront.baskets import MOST_OFFERS
from marketplace.storefront.held import buying_studios
from marketplace.storefront.words_orders import tax_rows

LOOK_AGAIN_SECONDS = 15


def went_on(order: Order) -> HttpResponse:
    """This will lead a buyer whose payment waits to the order's page, and from there to the gateway's.

    The gateway's page is another's: a form may not lead there, so that our own page does.
    """
    return redirect(f"{reverse('order-pay', args=[order.pk])}?go=1")


def licensed(request: HttpRequest, order: Order) -> HttpResponse:
    """This will lead a buyer to what an order brought."""
    named = order.idempotency_key.split(":")
    if named[0] == "recipe-quote":
        return redirect("recipe-quote", named[1])
    grants = licensing.grants_from(line.source for line in order.lines.all())
    messages.success(request, _("Licensed. The certificate is signed; its proof is being sealed into the public log."))
    return redirect("license", grants[0].pk) if len(grants) == 1 else redirect("licenses")


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def order_pay(request: HttpRequest, order: UUID) -> HttpResponse:
    """This will show what an order waits for and ask the gateway again; and try another card, or give the order up."""
    now = timezone.now()
    found = queries.order_of(buying_studios(request.user), order)  # type: ignore[arg-type]
    if found is None:
        raise Http404
    if request.method == "POST":
        return _acted(request, found, now)
    error = ""
    try:
        outcome = paying.pay(order=found, now=now)
    except GatewayUnavailable:
        outcome, error = None, _("The payment service does not answer: we ask it again by ourselves.")
    if "HX-Request" in request.headers:
        return _looked_again(request, found)
    if outcome is not None and outcome.outcome != PaymentOutcome.DECLINED:
        return licensed(request, found)
    return _page(request, found, error=error)


def _looked_again(request: HttpRequest, order: Order) -> HttpResponse:
    """Answers a page that asks by itself: it stays as it is, where somebody may be about to press a button."""
    is_same = order_states.state_of(order) == request.GET.get("seen")
    return HttpResponse(status=204, headers={} if is_same else {"HX-Refresh": "true"})


def _acted(request: HttpRequest, order: Order, now: datetime) -> HttpResponse:
    try:
        if "cancel" in request.POST:
            outcome: PaymentOutcome | None = paying.cancel_order(order=order, now=now)
        else:
            method = request.POST.get("method") or request.POST.get("card", "")
            outcome = paying.try_again(order=order, method=method, now=now)
    except GatewayUnavailable:
        error = _("The payment service does not answer: nothing has changed, try again later.")
        return _page(request, order, error=error, status=503)
    except (UnableToPay, UnableToUseMethod) as refused:
        return _page(request, order, error=str(refused), status=422)
    if outcome is None:
        return went_on(order)
    return licensed(request, order) if outcome.outcome != PaymentOutcome.DECLINED else redirect("order-pay", order.pk)


def _page(request: HttpRequest, order: Order, *, error: str = "", status: int = 200) -> HttpResponse:
    state, attempt = order_states.state_of(order), paying.attempt_of(order)
    step = paying.step_of(attempt) if attempt is not None else None
    outcome = PaymentOutcome.objects.filter(order=order).first()
    declined = getattr(attempt, "declined", None)
    may_try = outcome is None and declined is not None
    lines = list(order.lines.select_related("offer__release__pack__creator", "offer__terms"))
    port = gateway()
    is_left = outcome is None and left_behind([order]).exists()
    url = step.url if step is not None and state == order_states.ACTION and not is_left else ""
    goes = bool(url) and "go" in request.GET and status == 200
    context: dict[str, Any] = {
        "order": order,
        "lines": lines,
        "taxes": tax_rows(order_queries.taxes_of(order)),
        "included": any(line.tax_included for line in lines),
        "net_minor": sum(line.gross_minor - line.tax_minor for line in lines),
        "state": state,
        "url": url,
        "reason": _said(outcome.reason if outcome is not None else getattr(declined, "reason", "")),
        "error": error,
        "is_over": outcome is not None,
        "is_refused": outcome is not None and outcome.cause == PaymentOutcome.REFUSED,
        "strays": _strays(order) if outcome is not None else [],
        "is_left": is_left,
        "may_try": may_try,
        "tried_until": _tried_until(order, lines) if may_try else None,
        "order_again": _order_again(order, lines, outcome),
        "may_cancel": outcome is None and (may_try or bool(url)),
        "hosted": port.hosted,
        "kept": [(f"{SAVED}{one.pk}", one.label) for one in methods.saved(order.studio)] if may_try else [],  # type: ignore[attr-defined]
        "test_cards": test_cards() if may_try and port.name == SandboxGateway.name else [],
        "is_bank": step is not None and step.state == PaymentStep.PENDING,
        "goes": goes,
        "look_again_seconds": LOOK_AGAIN_SECONDS if outcome is None and not may_try else 0,
    }
    return render(request, "storefront/order_pay.html", context, status=status)


def _tried_until(order: Order, lines: Sequence[OrderLine]) -> datetime | None:
    """Tells until when a renewal or a bill for use is tried again by itself; None for what a buyer ordered."""
    renewal = next((line for line in lines if line.kind == OrderLine.RENEWAL), None)
    return past_due.ends_on(order, renewal) if is_off_session(order) else None


def _order_again(order: Order, lines: Sequence[OrderLine], outcome: PaymentOutcome | None) -> str:
    """Gives where what was not paid can be ordered anew; "" where it was of another license, or of an agreement."""
    if outcome is None or outcome.cause == PaymentOutcome.REFUSED or ":" in order.idempotency_key:
        return ""
    named = [("offer", str(line.offer_id)) for line in lines]
    is_plain = all(line.kind == OrderLine.BUY and not line.quote_id and not line.collection_id for line in lines)
    return f"{reverse('checkout')}?{urlencode(named)}" if is_plain and len(named) <= MOST_OFFERS else ""


def _strays(order: Order) -> list[dict[str, Any]]:
    """Lists the money that came for an order which was over, and whether it is back."""
    rows = StrayPayment.objects.filter(attempt__order=order).select_related("returned").prefetch_related("steps")
    return [{"amount_minor": row.amount_minor, "at": row.at, "state": row.state} for row in rows.order_by("at")]


def test_cards() -> list[dict[str, str]]:
    """This will list the sandbox's test cards as people read them, and what each does."""
    return [
        {"number": " ".join(number[place : place + 4] for place in range(0, len(number), 4)), "does": _(does)}
        for number, (_token, does) in TEST_CARDS.items()
    ]


def _said(reason: str) -> str:
    return _(reason) if reason else ""


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sandbox_bank(request: HttpRequest, reference: str) -> HttpResponse:
    """This will play the bank's page, where the holder of a test card agrees to a payment or does not."""
    row = SandboxCharge.objects.filter(reference=reference, state="action").first()
    if gateway().name != SandboxGateway.name or row is None:
        raise Http404
    if request.method == "POST":
        answer_bank(reference=reference, agreed="agree" in request.POST, now=timezone.now())
        return redirect(row.return_url)
    return render(request, "storefront/sandbox_bank.html", {"charge": row, "is_over": hasattr(row, "end")})
