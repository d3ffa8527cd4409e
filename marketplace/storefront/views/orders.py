"""What the visitor's studios ordered: the list, one order, and its papers; and whom papers are made out to."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from marketplace.checkout import billing_details, order_queries, order_states, queries
from marketplace.checkout.disputes import DisputeStep
from marketplace.checkout.models import Order
from marketplace.checkout.paper_models import Paper
from marketplace.checkout.papers import asking
from marketplace.checkout.papers import queries as papers
from marketplace.checkout.papers.paper import paper_pdf
from marketplace.checkout.papers.words import KINDS
from marketplace.checkout.taxes.ordering import details_of, is_calculated
from marketplace.licensing import queries as licensing
from marketplace.people.models import Seat, Studio
from marketplace.people.queries import is_operator, studios_of
from marketplace.storefront import words_orders as words
from marketplace.storefront.forms_billing import BillingForm
from marketplace.storefront.held import buying_studios
from marketplace.storefront.views.papers import PRIVATE
from marketplace.storefront.words import TERMS
from marketplace.ui.formats import say
from marketplace.ui.typesetting import FontsMissing


@never_cache
@login_required
@require_safe
def orders(request: HttpRequest) -> HttpResponse:
    """This will list what the visitor's studios ordered, with state and papers."""
    studios = list(studios_of(request.user))  # type: ignore[arg-type]
    found, after = order_queries.orders_of(studios, after=request.GET.get("cursor", "")[:90])
    states, first = order_states.states_of(found), order_queries.first_lines(found)
    written = papers.papers_of_orders(found)
    rows = [
        {
            "order": order,
            "line": first.get(order.pk),
            "state": say(words.STATES, states[order.pk]),
            "tone": words.TONES.get(states[order.pk], ""),
            "papers": [{"paper": paper, "kind": say(KINDS, paper.kind)} for paper in written[order.pk]],
        }
        for order in found
    ]
    context = {"here": "licenses", "rows": rows, "after": after, "several": len(studios) > 1}
    return render(request, "storefront/orders.html", context)


def _order(request: HttpRequest, order_id: UUID) -> Order:
    """Finds an order of one of the visitor's studios, or any for an operator; to everybody else it is not there."""
    found = queries.order_of(studios_of(request.user), order_id)  # type: ignore[arg-type]
    if found is None and is_operator(request.user):  # type: ignore[arg-type]
        found = Order.objects.filter(pk=order_id).first()
    if found is None:
        raise Http404
    return found


@never_cache
@login_required
@require_safe
def order(request: HttpRequest, order: UUID) -> HttpResponse:
    """This will show one order: what was licensed, what it cost and which taxes were in it, and its papers."""
    found = _order(request, order)
    state = order_states.state_of(found)
    lines = list(found.lines.select_related("offer__release__pack__creator", "offer__terms", "project"))
    grants = {grant.source: grant for grant in licensing.grants_from(line.source for line in lines)}
    written, disputes = papers.papers_of(found), order_queries.disputes_of(found)
    context = {
        "here": "licenses",
        "order": found,
        "state": say(words.STATES, state),
        "tone": words.TONES.get(state, ""),
        "is_open": state in words.GOES_ON,
        "lines": [
            {"line": line, "terms": say(TERMS, line.offer.terms.name), "grant": grants.get(line.source)}
            for line in lines[: words.LINES_SHOWN]
        ],
        "more": max(0, len(lines) - words.LINES_SHOWN),
        "net_minor": sum(line.gross_minor - line.tax_minor for line in lines),
        "taxes": words.tax_rows(order_queries.taxes_of(found)),
        "included": any(line.tax_included for line in lines),
        "papers": [{"paper": paper, "kind": say(KINDS, paper.kind)} for paper in written],
        "is_due": papers.is_due(found),
        "invoice": _invoice(request, found, written),
        "refunds": [
            {"back": back, "state": say(words.BACK, back.state), "reason": say(words.REASONS_BACK, back.reason)}
            for back in order_queries.refunds_of(found)
        ],
        "disputes": [
            {"dispute": one, "state": say(words.DISPUTES, one.newest)}  # type: ignore[attr-defined]
            for one in disputes
        ],
        "is_disputed": any(one.newest == DisputeStep.OPENED for one in disputes),  # type: ignore[attr-defined]
    }
    return render(request, "storefront/order.html", context)


def _invoice(request: HttpRequest, order: Order, written: list[Paper]) -> dict[str, Any] | None:
    """Says whether an invoice can be asked for in the place of a receipt, or why not; None where nobody would."""
    if {paper.kind for paper in written} & {Paper.INVOICE, Paper.RECEIPT} != {Paper.RECEIPT}:
        return None
    if order.studio not in buying_studios(request.user) or not order.total_minor:  # type: ignore[arg-type]
        return None
    try:
        asking.check(order=order, by=request.user)  # type: ignore[arg-type]
    except asking.UnableToAskForInvoice as refusal:
        return {"why_not": refusal.reason, "needs_details": refusal.needs_details}
    return {"why_not": ""}


@never_cache
@login_required
@require_POST
def invoice(request: HttpRequest, order: UUID) -> HttpResponse:
    """This will ask for an invoice in the place of an order's receipt."""
    found = _order(request, order)
    try:
        made = asking.ask(order=found, by=request.user, now=timezone.now())  # type: ignore[arg-type]
    except asking.UnableToAskForInvoice as refusal:
        messages.error(request, refusal.reason)
    else:
        if made is None:
            messages.info(request, _("The invoice is being written: it is here in a few seconds."))
        else:
            messages.success(request, _("The invoice is %(number)s.") % {"number": made.name})
    return redirect("order", order=found.pk)


@login_required
@require_safe
def paper(request: HttpRequest, order: UUID, name: str, form: str) -> HttpResponse:
    """This will send a paper as PDF, in the language asked for or the visitor's, or as the JSON that was frozen."""
    found = _order(request, order)
    row = found.papers.filter(name=name).first()
    if row is None:
        raise Http404
    document = row.document.encode()
    if form not in ("pdf", "json"):
        raise Http404
    if form == "json":
        return _file(document, "application/json", f"{row.name}.json", "attachment")
    asked = request.GET.get("language", get_language() or "en").lower()
    language = "zh-hans" if asked.startswith("zh") else "en"
    try:
        pdf = paper_pdf(document, language=language)
    except FontsMissing as error:
        return HttpResponse(str(error), status=503, content_type="text/plain; charset=utf-8")
    return _file(pdf, "application/pdf", f"{row.name}.pdf", "inline")


def _file(content: bytes, media_type: str, name: str, kind: str) -> HttpResponse:
    said = {"Content-Disposition": f'{kind}; filename="{name}"', "Cache-Control": PRIVATE}
    return HttpResponse(content, content_type=media_type, headers=said)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def billing(request: HttpRequest) -> HttpResponse:
    """This will show whom a studio's papers are made out to, and keep what its owners and buyers say."""
    studios = list(studios_of(request.user))  # type: ignore[arg-type]
    named = request.POST.get("studio") or request.GET.get("studio", "")
    studio = next((one for one in studios if str(one.pk) == named), None)
    if studio is None and named:
        raise Http404
    studio = studio or next(iter(studios), None)
    if studio is None:
        return render(request, "storefront/billing_details.html", {"studios": studios})
    form = _form(request, studio)
    if request.method == "POST" and form.is_valid():
        try:
            billing_details.say_details(studio=studio, by=request.user, now=timezone.now(), **form.cleaned_data)  # type: ignore[arg-type]
        except billing_details.UnableToSayDetails as error:
            form.add_error(error.field or None, str(error))
        else:
            messages.success(request, _("Kept. Papers that are written from now on name it."))
            return redirect(f"{request.path}?studio={studio.pk}")
    seat = Seat.objects.filter(studio=studio, person=request.user).first()  # type: ignore[misc]
    context = {
        "here": "licenses",
        "studio": studio,
        "studios": studios,
        "form": form,
        "may": seat is not None and seat.role in (Seat.OWNER, Seat.BUYER),
        "is_calculated": is_calculated(),
    }
    return render(request, "storefront/billing_details.html", context, status=422 if form.errors else 200)


def _form(request: HttpRequest, studio: Studio) -> BillingForm:
    if request.method == "POST":
        return BillingForm(request.POST)
    details = details_of(studio)
    names = list(BillingForm.base_fields)
    if details is not None:
        return BillingForm(initial={name: getattr(details, name) for name in names})
    return BillingForm(initial={"name": studio.legal_name or studio.name, "country": studio.country})
