"""Refunds of my studios: what was given back and when it is there, and asking for one."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from marketplace.checkout import asking_back
from marketplace.checkout.taking_back import comes_back, ends_along, goes_on
from marketplace.people.models import Person
from marketplace.storefront import refund_rows, words
from marketplace.storefront.forms_checkout import AmountField
from marketplace.storefront.held import buying_studios
from marketplace.ui import formats


class AskForm(forms.Form):
    """How much, and why."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=asking_back.WORDS_LIMIT,
        help_text=gettext_lazy("What is wrong? The people who run this marketplace read it and answer you."),
        widget=forms.Textarea(attrs={"rows": 4}),
    )

    def __init__(self, *args: Any, currency: str, left_minor: int, **kwargs: Any) -> None:
        super().__init__(*args, use_required_attribute=False, **kwargs)
        left = formats.money_text(left_minor, currency)
        self.fields["amount"] = AmountField(
            currency=currency,
            label=_("Amount, in %(currency)s") % {"currency": currency},
            required=False,
            help_text=_("Up to %(left)s; leave it empty to ask for all of that.") % {"left": left},
        )
        self.order_fields(["amount", "reason"])


@never_cache
@login_required
@require_safe
def refunds(request: HttpRequest) -> HttpResponse:
    """This will list what was given back, what was asked for, and what can be asked for."""
    studios, now = buying_studios(_person(request)), timezone.now()
    context = {
        "here": "licenses",
        "studios": studios,
        "refunds": refund_rows.refunds_of(studios),
        "requests": refund_rows.requests_of(studios),
        "lines": refund_rows.open_lines(studios, now),
    }
    return render(request, "storefront/refunds.html", context)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def ask(request: HttpRequest, line: UUID) -> HttpResponse:
    """This will ask for a refund of one line of an order."""
    person, now = _person(request), timezone.now()
    found = refund_rows.line_of(person, line)
    if found is None:
        raise Http404
    left_minor, currency = asking_back.left_to_ask(found), found.order.currency
    form = AskForm(request.POST if request.method == "POST" else None, currency=currency, left_minor=left_minor)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            asking_back.ask(line=found, by=person, amount_minor=given["amount"], reason=given["reason"], now=now)
        except asking_back.UnableToAskForRefund as error:
            form.add_error(None, error.reason)
        else:
            messages.success(request, _("You have asked for a refund. We write you when it is answered."))
            return redirect("refunds")
    context = {
        "here": "licenses",
        "line": found,
        "license": words.say(words.TERMS, found.offer.terms.name),
        "currency": currency,
        "left_minor": left_minor,
        "along": ends_along(found),
        "comes_back": comes_back(found, now),
        "goes_on": goes_on(found),
        "until": asking_back.open_until(found.order),
        "form": form,
    }
    return render(request, "storefront/refund_ask.html", context, status=422 if form.errors else 200)


@never_cache
@login_required
@require_POST
def withdraw(request: HttpRequest, asked: UUID) -> HttpResponse:
    """This will take a request back that nobody has answered."""
    person = _person(request)
    found = refund_rows.request_of(person, asked)
    if found is None:
        raise Http404
    try:
        asking_back.withdraw(request=found, by=person, now=timezone.now())
    except asking_back.UnableToAskForRefund as error:
        messages.error(request, error.reason)
    else:
        messages.success(request, _("The request is withdrawn."))
    return redirect("refunds")


def _person(request: HttpRequest) -> Person:
    person: Person = request.user  # type: ignore[assignment]
    return person
