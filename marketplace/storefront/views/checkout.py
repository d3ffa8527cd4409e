"""Checkout: one page, one order, and a license for each offer in it."""

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.forms.utils import ErrorDict
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from marketplace.catalog import queries as catalog
from marketplace.checkout.asking import QuotedLine
from marketplace.checkout.billing_details import UnableToSayDetails
from marketplace.checkout.gateways.base import GatewayUnavailable, UnableToUseMethod
from marketplace.checkout.gateways.sandbox import SandboxGateway
from marketplace.checkout.models import Order, PaymentOutcome
from marketplace.checkout.operations import KeyUsedOtherwise, PaymentDeclined, Quoted, gateway
from marketplace.checkout.taxes.faults import TaxUnavailable
from marketplace.checkout.taxes.ordering import is_calculated
from marketplace.licensing import pricing
from marketplace.licensing import queries as licensing
from marketplace.licensing.models import Offer
from marketplace.licensing.operations import UnableToOpenProject
from marketplace.people.models import Person, Studio
from marketplace.people.operations import UnableToDeclare, UnableToSignUp
from marketplace.people.queries import buying_studio
from marketplace.storefront import operations, pictures, words
from marketplace.storefront.baskets import Basket, read_basket
from marketplace.storefront.choices import earlier_of
from marketplace.storefront.forms_checkout import KEPT, NOT_PRICED, CheckoutForm
from marketplace.storefront.held import REFUSALS, buying_studios
from marketplace.storefront.views.order_pay import licensed, test_cards, went_on
from marketplace.storefront.words_orders import tax_rows
from marketplace.ui.formats import choose_title, date_text, sentence

COVERS_SHOWN = 6
UNTAXED = (UnableToSayDetails, TaxUnavailable)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def checkout(request: HttpRequest) -> HttpResponse:
    """This will show what is about to be licensed and what it costs, and license it."""
    now = timezone.now()
    basket = _basket(request, now)
    if basket.quote is None and (asked := next((one for one in basket.offers if one.model == "on-request"), None)):
        return redirect(f"{reverse('quote-ask')}?{urlencode({'offer': asked.pk})}")
    if request.method != "POST":
        priced = _made(request, basket, now, None)
        return _page(request, basket, _without_errors(priced, ErrorDict()), priced)
    form = _made(request, basket, now, request.POST)
    valid = form.is_valid()
    if "update" in request.POST:
        for name in NOT_PRICED:
            form.errors.pop(name, None)
        return _page(request, basket, form, form)
    if not valid:
        return _page(request, basket, form, form, status=422)
    try:
        order = _buy(request, form, now)
    except GatewayUnavailable:
        return render(request, "storefront/checkout_unavailable.html", {"offer": basket.offers[0]}, status=503)
    if order is None:
        priced = _again(request, basket, now)
        return _page(request, basket, _without_errors(priced, form.errors), priced, status=422)
    return licensed(request, order) if PaymentOutcome.objects.filter(order=order).exists() else went_on(order)


@never_cache
@login_required
@require_safe
def quote(request: HttpRequest) -> HttpResponse:
    """This will show what the order would cost as the form stands: the part of the page that says it."""
    now = timezone.now()
    basket = _basket(request, now)
    form = _made(request, basket, now, request.GET)
    return render(request, "storefront/_order.html", _order(request, basket, form))


def _basket(request: HttpRequest, now: datetime) -> Basket:
    given = request.POST if request.method == "POST" else request.GET
    basket = read_basket(given, person=_person(request), now=now)
    if basket is None:
        raise Http404
    return basket


def _person(request: HttpRequest) -> Person:
    return request.user  # type: ignore[return-value]


def _made(request: HttpRequest, basket: Basket, now: datetime, data: QueryDict | None) -> CheckoutForm:
    """Makes the form with what was sent, or with what the address says beforehand."""
    studios = [basket.studio] if basket.studio else buying_studios(_person(request))
    given = _start(request, basket, studios) if data is None else data
    return CheckoutForm(
        given, basket=basket, studios=studios, now=now, test_cards=_in_sandbox(), hosted=gateway().hosted
    )


def _without_errors(form: CheckoutForm, said: ErrorDict) -> CheckoutForm:
    """Gives the same form with other errors: what a page says is wrong is not always what keeps it from a price."""
    shown = copy(form)
    shown._bound_fields_cache = {}
    shown._errors = said
    return shown


def _start(request: HttpRequest, basket: Basket, studios: Sequence[Studio]) -> dict[str, Any]:
    """Reads what the address says beforehand: seats and amounts of each offer or of all, project, studio and code."""
    given = request.GET
    start = {name: given[name] for name in ("project", "code") if given.get(name)}
    known = {str(studio.pk) for studio in studios}
    if studios:
        start["studio"] = given["studio"] if given.get("studio") in known else str(studios[0].pk)
    start["idempotency_key"] = str(uuid4())
    studio = basket.studio or (studios[0] if len(studios) == 1 else None)
    if studio is not None:
        start["method"] = KEPT
    for offer in basket.offers:
        seats = given.get(f"seats-{offer.pk}") or given.get("seats") or "1"
        if basket.replaces is not None and "seats" not in given:
            seats = str(basket.replaces.seats or 1)
        start[f"seats-{offer.pk}"] = seats
        if pays := given.get(f"pays-{offer.pk}"):
            start[f"pays-{offer.pk}"] = pays
    return start


def _buy(request: HttpRequest, form: CheckoutForm, now: datetime) -> Order | None:
    """Licenses the basket; None when it was refused, and the form says why."""
    try:
        return operations.buy(
            person=_person(request),
            wanted=form.wanted(),
            card=form.paid_with(),
            idempotency_key=form.cleaned_data["idempotency_key"],
            now=now,
        )
    except (UnableToUseMethod, PaymentDeclined) as error:
        form.add_error("card" if "card" in form.fields else None, str(error))
    except UnableToSignUp as error:
        form.add_error("studio_name" if "studio_name" in form.fields else None, str(error))
    except UnableToDeclare as error:
        form.add_error(error.field if error.field in form.fields else None, str(error))
    except UnableToOpenProject as error:
        form.add_error("project_name", str(error))
    except UnableToSayDetails as error:
        form.add_error("vat_id" if error.field == "vat_id" and "vat_id" in form.fields else None, str(error))
    except (*REFUSALS, KeyUsedOtherwise, TaxUnavailable) as error:
        form.add_error(None, str(error))
    return None


def _again(request: HttpRequest, basket: Basket, now: datetime) -> CheckoutForm:
    """Makes the form that was refused once more, under a new key: the old one stands for that order."""
    data = request.POST.copy()
    data["idempotency_key"] = str(uuid4())
    if (opened := buying_studio(_person(request))) and not data.get("studio"):
        data["studio"] = str(opened.pk)
    form = _made(request, basket, now, data)
    form.full_clean()
    return form


def _in_sandbox() -> bool:
    return gateway().name == SandboxGateway.name


def _order(request: HttpRequest, basket: Basket, form: CheckoutForm) -> dict[str, Any]:
    """Prices the order as the form stands; where there is no price, says why in one sentence."""
    person, quoted, refusal = _person(request), None, ""
    form.is_valid()
    if wrong := form.against_price():
        refusal = wrong[0]
    else:
        wanted = form.wanted()
        named = wanted.studio_name.strip() or person.display_name
        try:
            quoted = operations.quote(
                person=person, wanted=replace(wanted, studio_name=named, expects={}), now=form.now
            )
        except (*REFUSALS, UnableToSignUp, UnableToDeclare, UnableToOpenProject, *UNTAXED) as error:
            refusal = str(error)
    return {
        "basket": basket,
        "quoted": quoted,
        "refusal": refusal,
        "items": _items(basket, quoted),
        "currency": basket.offers[0].currency,
        "saved_minor": quoted.list_minor - quoted.price_minor if quoted else 0,
        "taxes": tax_rows(quoted.taxes) if quoted else [],
        "included": bool(quoted and quoted.tax_included),
        "net_minor": quoted.total_minor - quoted.tax_minor if quoted else 0,
        "no_taxes": not is_calculated(),
    }


def _items(basket: Basket, quoted: Quoted | None) -> list[dict[str, Any]]:
    lines: Sequence[QuotedLine | None] = quoted.lines if quoted else [None] * len(basket.offers)
    return [_item(offer, line, place) for place, (offer, line) in enumerate(zip(basket.offers, lines, strict=True))]


def _item(offer: Offer, line: QuotedLine | None, place: int) -> dict[str, Any]:
    terms = licensing.terms_of(offer.terms)
    cover = catalog.cover_of(offer.release) if place < COVERS_SHOWN else None
    return {
        "offer": offer,
        "release": offer.release,
        "name": words.say(words.TERMS, terms.name),
        "summary": words.summary_text(terms),
        "cover": pictures.shown(cover.asset.previews.all() if cover else []),
        "line": line,
        "explained": _explained(offer, line) if line else [],
    }


def _explained(offer: Offer, line: QuotedLine) -> list[str]:
    said = [sentence(one) for one in line.lines]
    if line.ask.starts_at is not None:
        said.append(_("Begins on %(day)s") % {"day": date_text(line.ask.starts_at)})
    if offer.model in pricing.PERIODS and line.ends_at is not None:
        day = date_text(line.ends_at)
        said.append(_("Renewed on %(day)s at the price of that day, until you cancel") % {"day": day})
    return said


def _page(
    request: HttpRequest, basket: Basket, form: CheckoutForm, priced: CheckoutForm, status: int = 200
) -> HttpResponse:
    """Shows the page; `priced` is the form whose own errors decide whether there is a price."""
    order = _order(request, basket, priced)
    if any(order["refusal"] in texts for texts in form.errors.values()):
        order["refusal"] = ""
    studio = basket.studio or (form.studios[0] if len(form.studios) == 1 else None)
    context = order | {
        "form": form,
        "offers": [_asked(form, item, studio) for item in order["items"]],
        "title": choose_title(basket.collection.title)[0] if basket.collection else "",
        "studio": studio,
        "test_cards": test_cards() if _in_sandbox() and "card" in form.fields else [],
        "dispute_minutes": settings.SANDBOX_DISPUTE_AFTER_MINUTES,
    }
    return render(request, "storefront/checkout.html", context, status=status)


def _asked(form: CheckoutForm, item: dict[str, Any], studio: Any) -> dict[str, Any]:
    """Adds to an item what the page asks and says of it once, beside the price."""
    offer = item["offer"]
    terms = licensing.terms_of(offer.terms)
    return item | {
        "rights": words.rights_of(terms),
        "fields": form.asked_of(offer),
        "exclusive": terms.exclusive,
        "earlier": earlier_of(offer, studio, form.now) if terms.exclusive else 0,
    }
