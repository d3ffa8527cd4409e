"""Discount codes, collections, and requests for a quote."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from marketplace.licensing import operations as licensing
from marketplace.licensing import pricing_queries
from marketplace.licensing.bargains import Collection, DiscountCode, QuoteRequest, QuoteStep
from marketplace.payouts.rules import Money, format_amount
from marketplace.people.models import Creator
from marketplace.portal import selling, words
from marketplace.portal.forms.selling import CodeForm, CollectionForm, QuoteForm, last_moment
from marketplace.portal.views.access import creators_only
from marketplace.ui import formats

GOOD_DAYS = 14


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@creators_only
def codes(request: HttpRequest, creator: Creator) -> HttpResponse:
    """This will list a creator's discount codes, and add one."""
    form = CodeForm(request.POST or None, packs=selling.packs_of(creator))
    if form.is_bound and form.is_valid():
        given = form.cleaned_data
        amount = given.get("amount_minor", 0)
        try:
            row = licensing.add_code(
                creator=creator,
                code=given["code"],
                percent_ppb=given.get("percent_ppb", 0),
                amount_minor=amount,
                currency=given["currency"] if amount else "",
                pack=given["pack"],
                ends_at=last_moment(given["ends"]),
                most_uses=given["most_uses"] or 0,
                now=timezone.now(),
            )
        except licensing.UnableToBargain as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("The code %(code)s works from now on.") % {"code": row.code})
            return redirect("portal-codes")
    rows = [_code(row, timezone.now()) for row in pricing_queries.codes_of(creator)]
    context = {"here": "sell", "form": form, "rows": rows}
    return render(request, "portal/codes.html", context, status=422 if form.is_bound else 200)


def _code(row: DiscountCode, now: datetime) -> dict[str, Any]:
    ended = getattr(getattr(row, "end", None), "ended_at", None)
    return {
        "code": row,
        "off": words.percent_text(row.percent_ppb)
        if row.percent_ppb
        else formats.money_text(row.amount_minor, row.currency),
        "uses": row.uses,  # type: ignore[attr-defined]
        "ended_at": ended or (row.ends_at if row.ends_at and row.ends_at <= now else None),
    }


@require_POST
@creators_only
def end_code(request: HttpRequest, creator: Creator, code: UUID) -> HttpResponse:
    """This will let a code take nothing off any more."""
    row = DiscountCode.objects.filter(pk=code, creator=creator).first()
    if row is None:
        raise Http404
    licensing.end_code(code=row, creator=creator, now=timezone.now())
    messages.success(request, _("The code %(code)s takes nothing off any more.") % {"code": row.code})
    return redirect("portal-codes")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@creators_only
def collections(request: HttpRequest, creator: Creator) -> HttpResponse:
    """This will list a creator's collections, and make one."""
    offers = selling.collectable(creator)
    form = CollectionForm(request.POST or None, offers=offers, label=_offer_label)
    if form.is_bound and form.is_valid():
        given = form.cleaned_data
        try:
            licensing.make_collection(
                creator=creator,
                title={"en": given["title_en"], "zh-Hans": given["title_zh"]},
                offers=list(given["offers"]),
                price=Money(given["price_minor"], given["currency"]),
                now=timezone.now(),
            )
        except licensing.UnableToBargain as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("The collection is sold from now on."))
            return redirect("portal-collections")
    rows = [_collection(row) for row in pricing_queries.collections_of(creator=creator, live=False)]
    context = {"here": "sell", "form": form, "rows": rows, "enough": offers.count() > 1}
    return render(request, "portal/collections.html", context, status=422 if form.is_bound else 200)


def _offer_label(offer: Any) -> str:
    price = formats.money_text(offer.price_minor, offer.currency)
    return f"{offer.release} · {words.say(words.TERMS, offer.terms.name)} · {price}"


def _collection(row: Any) -> dict[str, Any]:
    return {
        "collection": row,
        "price": formats.money_text(row.price_minor, row.currency),
        "alone": formats.money_text(sum(offer.price_minor for offer in row.offers), row.currency),
        "offers": [_offer_label(offer) for offer in row.offers],
        "is_sold": pricing_queries.is_sold(row),
        "withdrawn_at": getattr(getattr(row, "withdrawal", None), "withdrawn_at", None),
    }


@require_POST
@creators_only
def withdraw_collection(request: HttpRequest, creator: Creator, collection: UUID) -> HttpResponse:
    """This will stop the sale of a collection."""
    row = Collection.objects.filter(pk=collection, creator=creator).first()
    if row is None:
        raise Http404
    licensing.withdraw_collection(collection=row, creator=creator, now=timezone.now())
    messages.success(request, _("The collection is withdrawn; its licenses are sold one by one as before."))
    return redirect("portal-collections")


@never_cache
@require_safe
@creators_only
def quotes(request: HttpRequest, creator: Creator) -> HttpResponse:
    """This will list who asked for a quote, those that wait for an answer first."""
    rows = [_quote(row) for row in pricing_queries.quotes_for(creator=creator)]
    rows.sort(key=lambda row: not row["is_my_turn"])
    return render(request, "portal/quotes.html", {"here": "sell", "rows": rows})


def _quote(row: QuoteRequest) -> dict[str, Any]:
    steps = list(row.steps.all())
    newest = steps[-1] if steps else None
    if newest is None or newest.kind == QuoteStep.PRICE:
        state = _("Waits for you") if selling.is_my_turn(row) else _("Waits for the studio")
    else:
        state = _("Agreed") if newest.kind == QuoteStep.ACCEPT else _("Declined")
    return {
        "request": row,
        "name": words.say(words.TERMS, row.offer.terms.name),
        "state": state,
        "is_my_turn": selling.is_my_turn(row),
        "is_open": newest is None or newest.kind == QuoteStep.PRICE,
        "theirs": newest if newest and newest.side == QuoteStep.STUDIO and newest.kind == QuoteStep.PRICE else None,
        "steps": [_step(step, row) for step in steps],
    }


def _step(step: QuoteStep, row: QuoteRequest) -> dict[str, Any]:
    price = formats.money_text(step.price_minor, row.offer.currency) if step.price_minor is not None else ""
    return {"step": step, "price": price, "is_mine": step.side == QuoteStep.CREATOR}


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@creators_only
def quote(request: HttpRequest, creator: Creator, quote: UUID) -> HttpResponse:
    """This will show one request for a quote, and answer it: with a price, with yes or with no."""
    found = pricing_queries.quote_request(quote)
    if found is None or found.offer.release.pack.owner_id != creator.pk:
        raise Http404
    said = _quote(found)
    form = QuoteForm(request.POST or None, currency=found.offer.currency, initial=_start(found, said))
    if form.is_bound and form.is_valid():
        given = form.cleaned_data
        is_price = given["kind"] == QuoteStep.PRICE
        try:
            licensing.answer_quote(
                request=found,
                person=creator.person,
                side=QuoteStep.CREATOR,
                kind=given["kind"],
                price_minor=given["price_minor"] if is_price else None,
                seats=given["seats"] if is_price else None,
                valid_until=last_moment(given["valid_until"]) if is_price else None,
                message=given["message"],
                now=timezone.now(),
            )
        except licensing.UnableToBargain as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("Your answer is sent."))
            return redirect("portal-quote", found.pk)
    context = {"here": "sell", "quote": said, "form": form}
    return render(request, "portal/quote.html", context, status=422 if form.is_bound else 200)


def _start(found: QuoteRequest, said: dict[str, Any]) -> dict[str, Any]:
    """Fills the form with the studio's newest price, if it named one."""
    theirs: QuoteStep | None = said["theirs"]
    good = (timezone.now().astimezone(UTC) + timedelta(days=GOOD_DAYS)).date()
    return {
        "kind": "price",
        "seats": theirs.seats if theirs else found.seats,
        "price": format_amount(theirs.price_minor, found.offer.currency) if theirs and theirs.price_minor else "",
        "valid_until": good,
    }
