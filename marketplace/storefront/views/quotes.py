"""Quotes: a studio asks for a price of what is on request, and the two agree on one or not."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from marketplace.checkout.asking import QUOTE_IS_GOOD_FOR
from marketplace.licensing import operations, pricing_queries
from marketplace.licensing import queries as licensing
from marketplace.licensing.bargains import QuoteRequest, QuoteStep
from marketplace.licensing.holding import manages
from marketplace.licensing.models import Offer
from marketplace.people.queries import studios_of
from marketplace.storefront import held, words
from marketplace.storefront.forms_licenses import CounterForm, QuoteForm, end_of_day

GOOD_FOR = timedelta(days=14)


@never_cache
@login_required
@require_safe
def quotes(request: HttpRequest) -> HttpResponse:
    """This will list what the visitor's studios asked a price for."""
    now = timezone.now()
    rows = [one for studio in studios_of(request.user) for one in pricing_queries.quotes_for(studio=studio)]  # type: ignore[arg-type]
    rows.sort(key=lambda one: one.asked_at, reverse=True)
    bought = held.grants_of_quotes(rows)
    shown = [{**_named(one), "standing": _standing(one, now, one.pk in bought)} for one in rows]
    context = {"here": "licenses", "rows": shown}
    return render(request, "storefront/quotes.html", context)


def _named(request: QuoteRequest) -> dict[str, Any]:
    offer = request.offer
    return {
        "quote": request,
        "offer": offer,
        "release": offer.release,
        "terms_name": words.say(words.TERMS, offer.terms.name),
    }


def _standing(request: QuoteRequest, now: datetime, is_bought: bool) -> dict[str, Any]:
    """Says where a talk stands: whose turn it is, and what can be done."""
    steps = list(request.steps.all())
    newest = steps[-1] if steps else None
    if newest is None:
        return {"text": _("Waiting for the creator's price"), "tone": ""}
    if newest.kind == QuoteStep.DECLINE:
        return {"text": _("Declined"), "tone": ""}
    if newest.kind == QuoteStep.ACCEPT:
        if is_bought:
            return {"text": _("Licensed"), "tone": ""}
        if newest.at + QUOTE_IS_GOOD_FOR < now:
            return {"text": _("Agreed, but not bought in time"), "tone": "warn"}
        return {"text": _("Agreed: ready to be licensed"), "tone": "accent", "is_agreed": True}
    if newest.side == QuoteStep.STUDIO:
        return {"text": _("Waiting for the creator's answer"), "tone": ""}
    is_good = newest.valid_until is not None and now <= newest.valid_until
    text = _("Your turn: a price is on the table") if is_good else _("Their price is not good any more")
    return {"text": text, "tone": "accent" if is_good else "warn", "is_my_turn": True, "is_good": is_good}


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def ask(request: HttpRequest) -> HttpResponse:
    """This will ask the owner of an offer that is on request for a price."""
    offer = _offer(request.POST.get("offer") or request.GET.get("offer", ""))
    studios = held.buying_studios(request.user)  # type: ignore[arg-type]
    form = QuoteForm(request.POST if request.method == "POST" else None, studios=studios)
    if form.is_bound and form.is_valid():
        try:
            made = operations.ask_quote(offer=offer, person=request.user, now=timezone.now(), **form.cleaned_data)  # type: ignore[arg-type]
        except operations.UnableToBargain as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Asked. The creator's price will be here."))
            return redirect("quote", made.pk)
    terms = licensing.terms_of(offer.terms)
    context = {
        "here": "licenses",
        "offer": offer,
        "release": offer.release,
        "terms_name": words.say(words.TERMS, terms.name),
        "rights": words.rights_of(terms),
        "form": form,
        "studios": studios,
    }
    return render(request, "storefront/quote_ask.html", context, status=422 if form.is_bound else 200)


def _offer(text: str) -> Offer:
    """Reads which offer is meant; one that is not on request, or not sold, is not there."""
    try:
        offer = licensing.offer(UUID(text))
    except ValueError:
        raise Http404 from None
    if offer is None or offer.model != "on-request":
        raise Http404
    return offer


def _mine(request: HttpRequest, quote: UUID) -> QuoteRequest:
    found = pricing_queries.quote_request(quote)
    if found is None or found.studio_id not in studios_of(request.user).values_list("pk", flat=True):  # type: ignore[arg-type]
        raise Http404
    return found


@never_cache
@login_required
@require_safe
def quote(request: HttpRequest, quote: UUID) -> HttpResponse:
    """This will show what was asked and answered, and take the next answer."""
    return _page(request, _mine(request, quote))


def _page(request: HttpRequest, found: QuoteRequest, form: CounterForm | None = None) -> HttpResponse:
    now = timezone.now()
    offer, steps = found.offer, list(found.steps.select_related("person"))
    newest = steps[-1] if steps else None
    bought = held.grants_of_quotes([found]).get(found.pk)
    initial = {"seats": (newest and newest.seats) or found.seats, "valid_until": (now + GOOD_FOR).date()}
    terms = licensing.terms_of(offer.terms)
    context = {
        "here": "licenses",
        **_named(found),
        "steps": steps,
        "newest": newest,
        "standing": _standing(found, now, bought is not None),
        "rights": words.rights_of(terms),
        "form": form or CounterForm(initial=initial, currency=offer.currency),
        "may_answer": manages(request.user, found.studio),  # type: ignore[arg-type]
        "agreed": pricing_queries.agreed(found),
        "bought": bought,
    }
    return render(request, "storefront/quote.html", context, status=422 if form else 200)


def _answer(request: HttpRequest, found: QuoteRequest, said: str, **given: Any) -> str:
    """Adds the studio's step; returns why not, where it cannot be."""
    try:
        operations.answer_quote(
            request=found,
            person=request.user,  # type: ignore[arg-type]
            side=QuoteStep.STUDIO,
            now=timezone.now(),
            **given,
        )
    except operations.UnableToBargain as error:
        return str(error)
    messages.success(request, said)
    return ""


@login_required
@require_POST
def counter(request: HttpRequest, quote: UUID) -> HttpResponse:
    """This will name another price."""
    found = _mine(request, quote)
    form = CounterForm(request.POST, currency=found.offer.currency)
    if form.is_valid():
        given = form.cleaned_data
        why_not = _answer(
            request,
            found,
            _("Your price is with the creator."),
            price_minor=given["price"],
            seats=given["seats"],
            message=given["message"],
            valid_until=end_of_day(given["valid_until"], timezone.now()),
        )
        if not why_not:
            return redirect("quote", found.pk)
        form.add_error(None, why_not)
    return _page(request, found, form)


def _plain(kind: str) -> Callable[[HttpRequest, UUID], HttpResponse]:
    @login_required
    @require_POST
    def answer(request: HttpRequest, quote: UUID) -> HttpResponse:
        found = _mine(request, quote)
        said = _("Agreed: license it now.") if kind == QuoteStep.ACCEPT else _("Declined: the talk has ended.")
        if why_not := _answer(request, found, said, kind=kind):
            messages.error(request, why_not)
        return redirect("quote", found.pk)

    return answer


accept, decline = _plain(QuoteStep.ACCEPT), _plain(QuoteStep.DECLINE)
