"""Payment methods: the cards that my studios let us keep, which of them pays, and for what."""

from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from marketplace.checkout import method_uses, methods
from marketplace.checkout.asking import UnableToBuy
from marketplace.checkout.gateways.base import GatewayUnavailable, UnableToUseMethod
from marketplace.checkout.gateways.sandbox import TEST_CARDS
from marketplace.checkout.method_models import PaymentMethod
from marketplace.checkout.models import Subscription
from marketplace.people.models import Person, Studio
from marketplace.storefront.forms_account import KeptCardForm
from marketplace.storefront.held import buying_studios
from marketplace.storefront.payment_rows import wallets_of


@never_cache
@login_required
@require_safe
def payment_methods(request: HttpRequest) -> HttpResponse:
    """This will show the cards of each studio that the visitor buys for."""
    if "added" in request.GET:
        if not methods.look_for(buying_studios(_person(request)), now=timezone.now()):
            messages.info(request, _("The card stands here as soon as the payment provider has told us of it."))
        return redirect("payment-methods")
    return _page(request)


def _page(request: HttpRequest, status: int = 200, **more: Any) -> HttpResponse:
    is_hosted = methods.is_hosted()
    context = {
        "here": "licenses",
        "wallets": wallets_of(request.user, timezone.now()),  # type: ignore[arg-type]
        "is_hosted": is_hosted,
        "test_cards": []
        if is_hosted
        else [f"{number[:4]} {number[4:8]} {number[8:12]} {number[12:]}" for number in TEST_CARDS],
        "form": KeptCardForm(),
        **more,
    }
    return render(request, "storefront/payment_methods.html", context, status=status)


def _studio(request: HttpRequest, studio: UUID) -> Studio:
    """Finds a studio that the visitor buys for; to everybody else it does not exist."""
    found = next((one for one in buying_studios(request.user) if one.pk == studio), None)  # type: ignore[arg-type]
    if found is None:
        raise Http404
    return found


def _method(request: HttpRequest, method: UUID) -> PaymentMethod:
    """Finds a card of a studio that the visitor buys for, removed ones too."""
    rows = PaymentMethod.objects.select_related("studio").filter(pk=method)
    found = rows.filter(studio__in=buying_studios(request.user)).first()  # type: ignore[arg-type]
    if found is None:
        raise Http404
    return found


@sensitive_post_parameters("card")
@never_cache
@login_required
@require_POST
def add(request: HttpRequest, studio: UUID) -> HttpResponse:
    """This will keep a card: typed here where the gateway takes test cards, else given at the gateway's page."""
    found, person, now = _studio(request, studio), _person(request), timezone.now()
    if methods.is_hosted():
        return _away(request, found, person)
    form = KeptCardForm(request.POST)
    if form.is_valid():
        try:
            made = methods.add_card(studio=found, card=form.cleaned_data["card"], by=person, now=now)
        except (UnableToUseMethod, methods.UnableToKeepMethod) as error:
            form.add_error("card", error.reason)
        else:
            messages.success(request, _("%(card)s is kept.") % {"card": methods.label_of(made)})
            return redirect("payment-methods")
    return _page(request, 422, form=form, at=found)


def _away(request: HttpRequest, studio: Studio, person: Person) -> HttpResponse:
    """Leads to the gateway's page from one of ours: a form of ours may not lead to another site at once."""
    back = request.build_absolute_uri(reverse("payment-methods"))
    try:
        url = methods.begin(
            studio=studio, by=person, return_url=f"{back}?added=1", key=f"method:{uuid4()}", now=timezone.now()
        )
    except (UnableToUseMethod, methods.UnableToKeepMethod) as error:
        messages.error(request, error.reason)
        return redirect("payment-methods")
    except GatewayUnavailable:
        messages.warning(request, _("The payment provider gave no answer: try again in a moment."))
        return redirect("payment-methods")
    return render(request, "storefront/payment_method_away.html", {"here": "licenses", "url": url})


@never_cache
@login_required
@require_POST
def choose(request: HttpRequest, method: UUID) -> HttpResponse:
    """This will let a card be the one that pays where nothing else is said."""
    found = _method(request, method)
    try:
        methods.choose(method=found, by=_person(request), now=timezone.now())
    except methods.UnableToKeepMethod as error:
        messages.error(request, error.reason)
    else:
        messages.success(request, _("%(card)s pays from now on.") % {"card": methods.label_of(found)})
    return redirect("payment-methods")


@never_cache
@login_required
@require_POST
def remove(request: HttpRequest, method: UUID) -> HttpResponse:
    """This will remove a card, unless a subscription needs it."""
    found = _method(request, method)
    try:
        method_uses.remove(method=found, by=_person(request), now=timezone.now())
    except methods.UnableToKeepMethod as error:
        messages.error(request, error.reason)
    else:
        messages.success(request, _("%(card)s is removed.") % {"card": methods.label_of(found)})
    return redirect("payment-methods")


@never_cache
@login_required
@require_POST
def use(request: HttpRequest, subscription: UUID) -> HttpResponse:
    """This will let a subscription be paid by another card that is kept."""
    studios = buying_studios(request.user)  # type: ignore[arg-type]
    found = Subscription.objects.select_related("studio").filter(pk=subscription, studio__in=studios).first()
    card = methods.kept(found.studio, request.POST.get("method", "")) if found else None
    if found is None or card is None:
        raise Http404
    try:
        method_uses.pay_with(subscription=found, method=card, by=_person(request), now=timezone.now())
    except (UnableToBuy, methods.UnableToKeepMethod) as error:
        messages.error(request, str(error))
    else:
        messages.success(
            request, _("The subscription is paid by %(card)s from now on.") % {"card": methods.label_of(card)}
        )
    return redirect("payment-methods")


def _person(request: HttpRequest) -> Person:
    person: Person = request.user  # type: ignore[assignment]
    return person
