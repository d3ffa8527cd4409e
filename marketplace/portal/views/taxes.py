"""What a creator says for the tax office: told whole, shown masked."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from marketplace.payouts.operations import UnableToKeepTaxDetails, tell_tax_details
from marketplace.payouts.tax_sealing import UnableToUnseal
from marketplace.payouts.year_queries import tax_details_of
from marketplace.people.models import Creator
from marketplace.portal.forms.taxes import TaxForm, shown
from marketplace.portal.views.access import creators_only


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@creators_only
def taxes(request: HttpRequest, creator: Creator) -> HttpResponse:
    """This will show what a creator said for the tax office, and keep what they say now as its next version."""
    try:
        before, sealed = tax_details_of(creator), False
    except UnableToUnseal:
        before, sealed = None, True
    form = TaxForm(request.POST if request.method == "POST" else None, before=before)
    if request.method == "POST" and form.is_valid():
        try:
            tell_tax_details(creator=creator, person=form.person(), now=timezone.now())
        except UnableToKeepTaxDetails as refusal:
            form.refuse(refusal.findings)
        else:
            messages.success(request, _("Your tax details are kept, sealed."))
            return redirect("portal-taxes")
    context = {
        "here": "sell",
        "form": form,
        "before": before,
        "told": shown(before) if before else [],
        "sealed": sealed,
    }
    return render(request, "portal/taxes.html", context, status=422 if form.errors else 200)
