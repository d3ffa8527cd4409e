"""For how many days an offer may be tried."""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from marketplace.licensing import trials
from marketplace.licensing.offering import UnableToOffer
from marketplace.licensing.trial_models import MOST_DAYS
from marketplace.people.models import Creator
from marketplace.portal import selling
from marketplace.portal.views.access import creators_only


class TrialForm(forms.Form):
    """For how many days studios try an offer for nothing; 0 is not at all."""

    days = forms.IntegerField(
        label=gettext_lazy("Days of trial"),
        min_value=0,
        max_value=MOST_DAYS,
        help_text=gettext_lazy("From 0 (none) to 90."),
    )


@require_POST
@creators_only
def set_trial(request: HttpRequest, creator: Creator, offer: UUID) -> HttpResponse:
    """This will let studios try an offer of the creator's for so many days."""
    found = selling.offer_of(creator, offer)
    if found is None:
        raise Http404
    form = TrialForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("A trial is of 0 to %d days.") % MOST_DAYS)
        return redirect("portal-offer", found.pk)
    try:
        trials.set_trial(offer=found, days=form.cleaned_data["days"], now=timezone.now())
    except UnableToOffer as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("It counts for studios that order from now on."))
    return redirect("portal-offer", found.pk)
