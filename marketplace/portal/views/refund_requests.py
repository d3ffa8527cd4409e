"""The operator's desk: refunds that buyers ask for, and refunds that came back from a bank."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from marketplace.checkout import asking_back
from marketplace.checkout.gateways.base import GatewayUnavailable
from marketplace.checkout.operations import UnableToRefund, UnableToRefundLine
from marketplace.checkout.refund_requests import RefundRequest
from marketplace.checkout.refunds import RefundIntent, RefundStep
from marketplace.checkout.taking_back import ends_along
from marketplace.payouts.rules import UnreadableAmount, parse_amount
from marketplace.people.models import Person
from marketplace.portal import words
from marketplace.portal.forms.rows import unreadable_price
from marketplace.portal.views.access import operators_only
from marketplace.portal.views.refunds import unanswered
from marketplace.ui import formats

SHOWN = 200
_RELATED = ("line__order__studio", "line__offer__release__pack__creator", "line__offer__terms", "by", "answer__by")
REFUSALS = (asking_back.UnableToAskForRefund, UnableToRefundLine, UnableToRefund)


class AnswerForm(forms.Form):
    """What an operator answers."""

    amount = forms.CharField(
        label=gettext_lazy("Amount"),
        required=False,
        max_length=24,
        help_text=gettext_lazy("All that is asked for, if you leave it empty."),
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off", "class": "num"}),
    )
    words = forms.CharField(
        label=gettext_lazy("Words for the buyer"),
        required=False,
        max_length=asking_back.WORDS_LIMIT,
        help_text=gettext_lazy("They stand in the letter. A refusal must say why."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, use_required_attribute=False, **kwargs)
        self.currency = currency

    def clean_amount(self) -> int | None:
        """This will read the amount as minor units, None for none."""
        text = self.cleaned_data["amount"].strip()
        try:
            return parse_amount(text, self.currency) if text else None
        except UnreadableAmount:
            raise forms.ValidationError(unreadable_price(text, self.currency)) from None


@never_cache
@require_safe
@operators_only
def asked(request: HttpRequest) -> HttpResponse:
    """This will list the requests that wait, the oldest first, what came back from banks, and the latest answers."""
    rows = RefundRequest.objects.select_related(*_RELATED)
    failed = RefundIntent.objects.filter(steps__state=RefundStep.FAILED, mended=None)
    related = ("line__order__studio", "line__offer__release__pack__creator", "line__offer__terms", "outcome")
    context = {
        "here": "desk",
        "waiting": [_told(one) for one in rows.filter(answer=None).order_by("asked_at", "id")[:SHOWN]],
        "failed": [
            {
                "refund": one,
                "line": one.line,
                "license": words.say(words.TERMS, one.line.offer.terms.name),
                "owed_minor": asking_back.owed_of(one),
            }
            for one in failed.select_related(*related).order_by("intended_at", "id")[:SHOWN]
        ],
        "answered": [_told(one) for one in rows.exclude(answer=None).order_by("-answer__at", "-id")[:20]],
    }
    return render(request, "portal/desk_asked.html", context)


def _told(one: RefundRequest) -> dict[str, Any]:
    return {
        "asked": one,
        "line": one.line,
        "license": words.say(words.TERMS, one.line.offer.terms.name),
        "currency": one.line.order.currency,
        "answer": getattr(one, "answer", None),
    }


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@operators_only
def one(request: HttpRequest, asked: UUID) -> HttpResponse:
    """This will show one request, and grant or refuse it."""
    found = RefundRequest.objects.select_related(*_RELATED).filter(pk=asked).first()
    if found is None:
        raise Http404
    if request.method == "POST" and hasattr(found, "answer"):
        messages.error(request, _("This request is answered already."))
        return redirect("desk-asked-one", asked=found.pk)
    form = AnswerForm(request.POST if request.method == "POST" else None, currency=found.line.order.currency)
    if request.method == "POST" and form.is_valid():
        if _answered(request, found, form):
            return redirect("desk-asked")
        if not form.errors:
            return redirect("desk-asked-one", asked=found.pk)
    context = {
        "here": "desk",
        **_told(found),
        "form": form,
        "left_minor": asking_back.left_to_ask(found.line),
        "along": ends_along(found.line),
        "until": asking_back.open_until(found.line.order),
    }
    return render(request, "portal/desk_asked_one.html", context, status=422 if form.errors else 200)


def _answered(request: HttpRequest, found: RefundRequest, form: AnswerForm) -> bool:
    """Grants or refuses; tells whether it was answered. What the buyer's words lack goes back into the form."""
    given, now, by = form.cleaned_data, timezone.now(), _person(request)
    try:
        if "grant" in request.POST:
            amount_minor, said = given["amount"], given["words"]
            made = asking_back.grant(request=found, by=by, amount_minor=amount_minor, words=said, now=now)
            back = formats.money_text(made.refund.amount_minor, found.line.order.currency)
            values = {"amount": back, "name": found.line.order.studio.name}
            messages.success(request, _("%(amount)s are given back to %(name)s.") % values)
        else:
            asking_back.refuse(request=found, words=given["words"], by=by, now=now)
            messages.success(request, _("The request is refused; the buyer is told why."))
    except asking_back.UnableToAskForRefund as error:
        form.add_error(None, error.reason)
        return False
    except (UnableToRefundLine, UnableToRefund) as error:
        messages.error(request, str(error))
        return False
    except GatewayUnavailable as error:
        messages.warning(request, unanswered(error))
    return True


@never_cache
@require_POST
@operators_only
def mend(request: HttpRequest, refund: UUID) -> HttpResponse:
    """This will send a refund that came back once more, or keep how it was given another way, or that it is owed no
    more."""
    found = RefundIntent.objects.select_related("line__order").filter(pk=refund).first()
    if found is None:
        raise Http404
    now, by = timezone.now(), _person(request)
    try:
        if "again" in request.POST:
            asking_back.try_again(refund=found, by=by, now=now)
            messages.success(request, _("The refund is sent once more."))
        elif "settled" in request.POST:
            asking_back.settle(refund=found, by=by, now=now)
            messages.success(request, _("It is kept that nothing of this refund is owed."))
        else:
            asking_back.give_otherwise(refund=found, note=request.POST.get("note", ""), by=by, now=now)
            messages.success(request, _("It is kept that the money was given another way."))
    except REFUSALS as error:
        messages.error(request, str(error))
    except GatewayUnavailable as error:
        messages.warning(request, unanswered(error))
    return redirect("desk-asked")


def _person(request: HttpRequest) -> Person:
    person: Person = request.user  # type: ignore[assignment]
    return person
