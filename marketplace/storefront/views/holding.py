"""What is done with a license that is held: seats, its subscription, reported use, another offer, another studio."""

from collections.abc import Mapping
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

from marketplace.checkout import renewing
from marketplace.checkout.gateways.base import GatewayUnavailable
from marketplace.checkout.models import Subscription
from marketplace.checkout.operations import KeyUsedOtherwise, PaymentDeclined, PaymentWaits
from marketplace.checkout.queries import subscription_of
from marketplace.licensing import operations
from marketplace.licensing import queries as licensing
from marketplace.licensing.holding import manages
from marketplace.licensing.models import Grant
from marketplace.people.models import Person, Studio
from marketplace.storefront import held, words
from marketplace.storefront.forms_licenses import PassOnForm, SeatForm, SubscriptionForm, UsageForm
from marketplace.storefront.views.licenses import find_held, license_page
from marketplace.storefront.views.order_pay import went_on
from marketplace.ui.formats import sentence


@login_required
@require_POST
def assign_seat(request: HttpRequest, grant: object) -> HttpResponse:
    """This will give somebody of the studio a seat."""
    found = find_held(request, grant)
    members = list(held.members_of(found.studio))
    form = SeatForm(request.POST, members=members, taken=[])
    if form.is_valid():
        seat = next(one for one in members if one.person_id == form.cleaned_data["person"])
        try:
            operations.assign_seat(grant=found, person=seat.person, by=_person(request), now=timezone.now())
        except operations.UnableToAssignSeat as error:
            form.add_error("person", str(error))
        else:
            messages.success(request, _("%s has a seat now.") % seat.person.display_name)
            return redirect("license", found.pk)
    return license_page(request, found, status=422, seat_form=form)


@login_required
@require_POST
def release_seat(request: HttpRequest, grant: object, person: UUID) -> HttpResponse:
    """This will free somebody's seat."""
    found = find_held(request, grant)
    seated = Person.objects.filter(pk=person).first()
    if seated is None:
        raise Http404
    try:
        operations.release_seat(grant=found, person=seated, by=_person(request), now=timezone.now())
    except operations.UnableToAssignSeat as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("The seat is free."))
    return redirect("license", found.pk)


def _person(request: HttpRequest) -> Person:
    return request.user  # type: ignore[return-value]


def _subscription(request: HttpRequest, grant: object) -> tuple[Grant, Subscription]:
    found = find_held(request, grant)
    subscription = subscription_of(found)
    if subscription is None:
        raise Http404
    return found, subscription


@login_required
@require_POST
def cancel_subscription(request: HttpRequest, grant: object) -> HttpResponse:
    """This will renew a subscription no more."""
    found, subscription = _subscription(request, grant)
    try:
        stands = renewing.cancel_subscription(subscription=subscription, by=_person(request), now=timezone.now())
    except held.REFUSALS as error:
        messages.error(request, str(error))
    else:
        runs_on = _("The subscription is cancelled: the license runs to the end of its period.")
        messages.success(request, runs_on if stands else _("The subscription has ended."))
    return redirect("license", found.pk)


@login_required
@require_POST
def resume_subscription(request: HttpRequest, grant: object) -> HttpResponse:
    """This will let a cancelled subscription go on."""
    found, subscription = _subscription(request, grant)
    try:
        renewing.resume_subscription(subscription=subscription, by=_person(request), now=timezone.now())
    except held.REFUSALS as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("The subscription goes on."))
    return redirect("license", found.pk)


@login_required
@require_POST
def change_seats(request: HttpRequest, grant: object) -> HttpResponse:
    """This will change how many seats a subscription has."""
    found, subscription = _subscription(request, grant)
    form = SubscriptionForm(request.POST)
    if form.is_valid():
        seats, key = form.cleaned_data["seats"], form.cleaned_data["key"]
        try:
            order = renewing.change_seats(
                subscription=subscription, seats=seats, by=_person(request), idempotency_key=key, now=timezone.now()
            )
        except (*held.REFUSALS, KeyUsedOtherwise, PaymentDeclined) as error:
            form = form.anew()
            form.add_error("seats", str(error))
        except PaymentWaits as waiting:
            return went_on(waiting.order)
        except GatewayUnavailable:
            form.add_error("seats", _("The payment service does not answer: nothing has changed, try again later."))
        else:
            return _changed(request, found, subscription, order is not None, seats)
    return license_page(request, found, status=422, subscription_form=form)


def _changed(request: HttpRequest, grant: Grant, subscription: Subscription, at_once: bool, seats: int) -> HttpResponse:
    if not at_once:
        messages.success(request, _("From the next period on there are %d seats.") % seats)
        return redirect("license", grant.pk)
    messages.success(request, _("There are %d seats now, in a license that replaces the former one.") % seats)
    newest = subscription_of(grant)
    return redirect("license", getattr(newest, "grant", grant).pk)


@login_required
@require_POST
def report_use(request: HttpRequest, grant: object) -> HttpResponse:
    """This will write down what was used or earned."""
    found = find_held(request, grant)
    form = UsageForm(request.POST, grant=found)
    if manages(_person(request), found.studio) and form.is_valid():
        try:
            operations.report_use(grant=found, by=str(request.user), now=timezone.now(), **form.cleaned_data)
        except operations.UnableToReportUse as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Reported. It is billed within a day, by the card of the order."))
            return redirect("license", found.pk)
    elif form.is_valid():
        form.add_error(None, _("Only owners and buyers of %s can report its use.") % found.studio.name)
    return license_page(request, found, status=422, usage_form=form)


@never_cache
@login_required
@require_safe
def upgrade(request: HttpRequest, grant: object) -> HttpResponse:
    """This will show what else the pack is offered under, and what that costs instead of the license."""
    found = find_held(request, grant)
    choices = held.upgrades_of(found, timezone.now())
    context = {
        **_named(found),
        "choices": [_shown(one) for one in choices],
        "compared": words.compared([licensing.terms_of(found.terms), *(one.terms for one in choices)]),
    }
    return render(request, "storefront/license_upgrade.html", context)


def _named(grant: Grant) -> Mapping[str, Any]:
    terms = words.say(words.TERMS, grant.terms.name)
    return {"here": "licenses", "grant": grant, "release": grant.release, "terms_name": terms}


def _shown(choice: held.Choice) -> dict[str, Any]:
    lines = choice.line.lines if choice.line else ()
    return {
        "offer": choice.offer,
        "name": words.say(words.TERMS, choice.terms.name),
        "summary": words.summary_text(choice.terms),
        "line": choice.line,
        "because": [sentence(line) for line in lines],
        "refusal": choice.refusal,
    }


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def pass_on(request: HttpRequest, grant: object) -> HttpResponse:
    """This will pass a license on to another studio, which is named twice so that it is the right one."""
    found = find_held(request, grant)
    form = PassOnForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        to = Studio.objects.filter(pk=form.cleaned_data["number"], name=form.cleaned_data["name"]).first()
        if to is None:
            form.add_error("number", _("There is no studio with this number and this name: ask for both."))
        else:
            try:
                operations.transfer(grant=found, to=to, by=_person(request), now=timezone.now())
            except (operations.UnableToPassOn, *held.REFUSALS) as error:
                form.add_error(None, str(error))
            else:
                messages.success(request, _("The license is with %s now.") % to.name)
                return redirect("license", found.pk)
    terms = licensing.terms_of(found.terms)
    is_owner = manages(_person(request), found.studio)
    context = {**_named(found), "form": form, "is_transferable": terms.transferable, "may_manage": is_owner}
    return render(request, "storefront/license_pass_on.html", context, status=422 if form.is_bound else 200)
